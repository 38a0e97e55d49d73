"""Settings of the rules in `policy.toml`: every key, its type and its limits (values only, no behaviour of rules)."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from policies.decision import Verdict

Score = Annotated[float, Field(ge=0.0, le=1.0)]
ToxicityClass = Literal[
    "toxicity", "severe_toxicity", "obscene", "identity_attack", "insult", "threat", "sexual_explicit"
]
Datum = Literal["email", "phone", "payment_card", "iban", "ip_address", "national_id", "street_address"]


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
    """Thresholds of claim matching and stance, and what a topical claim without a record leads to.

    `related`, `candidate` and `strong` are cosines: where the stance is asked, where a match counts, where it is clear
    enough to block. `certain` is the least probability of a stance to act on without a person.
    """

    enabled: bool = True
    related: Score = 0.5
    candidate: Score = 0.65
    strong: Score = 0.72
    certain: Score = 0.8
    check_worthy: Score = 0.5
    unverified: Verdict = Verdict.REVIEW

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.related <= self.candidate <= self.strong:
            raise ValueError("related, candidate and strong are not in this order; a strong match is a candidate too")
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
    """Kinds of personal data that are looked for."""

    enabled: bool = True
    verdict: Verdict = Verdict.REVIEW
    kinds: tuple[Datum, ...] = Field(min_length=1)


class MarkupRule(Strict):
    """Markup and invisible characters that make the voice say something else than the text reads."""

    enabled: bool = True
    verdict: Verdict = Verdict.BLOCK


class LanguageRule(Strict):
    """Scripts in another language than the policy can judge; `review_share` is of one sentence's letters."""

    enabled: bool = True
    review_share: Score = 0.5


class RuleSettings(Strict):
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
