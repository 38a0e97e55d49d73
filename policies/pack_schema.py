"""The shape of `policy.toml`: every key, its type and its limits (values only, no behaviour of rules)."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from policies.decision import Verdict

Score = Annotated[float, Field(ge=0.0, le=1.0)]
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]
ToxicityClass = Literal[
    "toxicity", "severe_toxicity", "obscene", "identity_attack", "insult", "threat", "sexual_explicit"
]
Datum = Literal["email", "phone", "payment_card", "iban", "ip_address", "national_id", "street_address"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Disclosure(_Strict):
    """A sentence that every release under this policy carries."""

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    where: Literal["show_notes", "spoken", "metadata"]
    text: str = Field(min_length=1, max_length=500)


class ToxicityRule(_Strict):
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


class MisinformationRule(_Strict):
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


class LexiconRule(_Strict):
    """What a listed word or a disguise of one leads to."""

    enabled: bool = True
    evasion: Verdict = Verdict.REVIEW


class SensitiveRule(_Strict):
    """Topics that only a person may clear; the phrases are in the lexicon."""

    enabled: bool = True


class PersonalDataRule(_Strict):
    """Kinds of personal data that are looked for."""

    enabled: bool = True
    verdict: Verdict = Verdict.REVIEW
    kinds: tuple[Datum, ...] = Field(min_length=1)


class MarkupRule(_Strict):
    """Markup and invisible characters that make the voice say something else than the text reads."""

    enabled: bool = True
    verdict: Verdict = Verdict.BLOCK


class LanguageRule(_Strict):
    """Scripts in another language than the policy can judge; `review_share` is of one sentence's letters."""

    enabled: bool = True
    review_share: Score = 0.5


class RuleSettings(_Strict):
    """All rules; a table that is absent means that the rule is off."""

    toxicity: ToxicityRule | None = None
    misinformation: MisinformationRule | None = None
    lexicon: LexiconRule | None = None
    sensitive: SensitiveRule | None = None
    personal_data: PersonalDataRule | None = None
    markup_injection: MarkupRule | None = None
    language: LanguageRule | None = None

    def is_empty(self) -> bool:
        """Say whether no rule is enabled."""
        return not any(getattr(rule, "enabled", False) for _, rule in self)


class PackDocument(_Strict):
    """The whole file."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=64)
    version: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}(\.\d+)?$")
    status: Literal["draft", "shadow", "live"]
    languages: tuple[Language, ...] = Field(min_length=1)
    description: str = Field(min_length=1)
    guidance: str = Field(min_length=1)
    lexicon: str
    knowledge_base: str
    not_evaluated: tuple[str, ...] = ()
    disclosures: tuple[Disclosure, ...] = ()
    rules: RuleSettings
