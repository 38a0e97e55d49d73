"""Settings of the rules in `policy.toml`: every key, its type and its limits (values only, no behaviour of rules)."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from policies.decision import Verdict

Score = Annotated[float, Field(ge=0.0, le=1.0)]
ToxicityClass = Literal[
    "toxicity", "severe_toxicity", "obscene", "identity_attack", "insult", "threat", "sexual_explicit"
]
Datum = Literal[
    "email", "phone", "payment_card", "iban", "bank_account", "ip_address", "national_id", "passport", "street_address",
    "postcode", "location", "date_of_birth", "licence_plate", "crypto_wallet", "secret", "medical",
]  # fmt: skip


class Strict(BaseModel):
    """Base of every table of a pack: frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ToxicityRule(Strict):
    """Thresholds per class; a class without a threshold never has that verdict."""

    enabled: bool = True
    window_sentences: int = Field(default=3, ge=1, le=3)
    review: dict[ToxicityClass, Score] = Field(default_factory=dict)
    block: dict[ToxicityClass, Score] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.enabled and not (self.review or self.block):
            raise ValueError("has no thresholds, so it would find nothing; give review or block thresholds")
        for name, score in self.block.items():
            if name in self.review and self.review[name] > score:
                raise ValueError(f"review.{name} is above block.{name}; lower it, or raise block.{name}")
        return self


class MisinformationRule(Strict):
    """Cosine thresholds of claim matching, and what a topical claim without a record leads to."""

    enabled: bool = True
    candidate: Score = 0.65
    strong: Score = 0.72
    unverified: Verdict = Verdict.REVIEW

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.strong < self.candidate:
            raise ValueError("strong is below candidate; a strong match is at least a candidate")
        if self.unverified is Verdict.BLOCK:
            raise ValueError("unverified may not be block: without evidence nothing is blocked; use review or allow")
        return self


class LexiconRule(Strict):
    """What a listed word or a disguise of one leads to."""

    enabled: bool = True
    evasion: Verdict = Verdict.REVIEW


class SensitiveRule(Strict):
    """Topics that only a person may clear; the phrases are in the lexicon."""

    enabled: bool = True


class PersonalDataRule(Strict):
    """Kinds of personal data that are looked for; `allow` lists the show's own contact data as one would write it."""

    enabled: bool = True
    verdict: Verdict = Verdict.REVIEW
    kinds: tuple[Datum, ...] = Field(min_length=1)
    allow: tuple[Annotated[str, Field(min_length=5, max_length=200)], ...] = Field(default=(), max_length=1000)
    phone_regions: tuple[Annotated[str, Field(pattern=r"^[A-Z]{2}$")], ...] = Field(
        default=("US", "GB", "IE", "AU", "NZ", "IN", "ZA", "DE", "FR", "ES", "IT", "NL"), min_length=1
    )


class MarkupRule(Strict):
    """Markup and invisible characters that make the voice say something else than the text reads."""

    enabled: bool = True
    verdict: Verdict = Verdict.BLOCK


class LanguageRule(Strict):
    """Scripts in another language than the policy can judge; `review_share` is of one sentence's letters."""

    enabled: bool = True
    review_share: Score = 0.5


class ProtectedTextRule(Strict):
    """Passages of the texts that `assay policy texts` registered; verdict and quotation length are per text."""

    enabled: bool = True


class JudgeRule(Strict):
    """A second opinion by a language model; `policy` is what it is told, the pack's guidance when empty."""

    enabled: bool = True
    policy: str = Field(default="", max_length=20_000)
    verdict: Literal[Verdict.REVIEW, Verdict.BLOCK] = Verdict.REVIEW
    on_failure: Literal["error", "review"] = "error"
    max_passages: int = Field(default=500, ge=1, le=10_000)


class RuleSettings(Strict):
    """All rules; a table that is absent means that the rule is off."""

    toxicity: ToxicityRule | None = None
    misinformation: MisinformationRule | None = None
    lexicon: LexiconRule | None = None
    sensitive: SensitiveRule | None = None
    personal_data: PersonalDataRule | None = None
    markup_injection: MarkupRule | None = None
    language: LanguageRule | None = None
    protected_text: ProtectedTextRule | None = None
    llm_judge: JudgeRule | None = None

    def is_empty(self) -> bool:
        """Say whether no rule is enabled."""
        return not any(getattr(rule, "enabled", False) for _, rule in self)
