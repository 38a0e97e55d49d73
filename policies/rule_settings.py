"""Settings of the rules in `policy.toml`: every key, its type and its limits (values only, no behaviour of rules)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from policies.decision import Verdict

Score = Annotated[float, Field(ge=0.0, le=1.0, strict=True)]  # strict: neither true nor "0.5" is a score
ToxicityClass = Literal[
    "toxicity", "severe_toxicity", "obscene", "identity_attack", "insult", "threat", "sexual_explicit"
]
HazardTopic = Literal[
    "self_harm", "self_harm/intent", "self_harm/instructions", "violence", "violence/graphic", "illicit",
    "illicit/violent", "extremism", "dangerous_advice", "scam",
]  # fmt: skip
Datum = Literal[
    "email", "phone", "payment_card", "iban", "bank_account", "ip_address", "national_id", "passport", "street_address",
    "postcode", "location", "date_of_birth", "licence_plate", "crypto_wallet", "secret", "medical",
]  # fmt: skip


class Strict(BaseModel):
    """Base of every table of a pack: frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class RuleTable(Strict):
    """Base of every rule's table.

    `[rules.<rule>.languages.<language>]` overrides single keys for scripts in that language; a language that is listed
    in the policy without such a table has the rule's own settings.
    """

    enabled: bool = True
    languages: dict[str, dict[str, Any]] = Field(default_factory=dict)

    def in_language(self, language: str) -> Self:
        """Return the settings for `language`, overrides merged; raises pydantic's `ValidationError` for wrong ones."""
        override = self.languages.get(language)
        if not override:
            return self
        return type(self).model_validate(merged(self.model_dump(exclude={"languages"}), override))


def merged(base: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with the values of `override`; tables are merged key by key, everything else is replaced."""
    result = dict(base)
    for key, value in override.items():
        below = result.get(key)
        result[key] = merged(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return result


class ToxicityRule(RuleTable):
    """Thresholds per class; a class without a threshold never has that verdict."""

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


class MisinformationRule(RuleTable):
    """Thresholds of claim matching and stance, and what a topical claim without a record leads to.

    `related`, `candidate` and `strong` are cosines: where the stance is asked, where a match counts, where it is clear
    enough to block. `certain` is the least probability of a stance to act on without a person.
    """

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


class LexiconRule(RuleTable):
    """What a listed word or a disguise of one leads to."""

    evasion: Verdict = Verdict.REVIEW


class SensitiveRule(RuleTable):
    """Topics that only a person may clear; the phrases are in the lexicon."""


class PersonalDataRule(RuleTable):
    """Kinds of personal data that are looked for; `allow` lists the show's own contact data as one would write it."""

    verdict: Verdict = Verdict.REVIEW
    kinds: tuple[Datum, ...] = Field(min_length=1)
    allow: tuple[Annotated[str, Field(min_length=5, max_length=200)], ...] = Field(default=(), max_length=1000)
    phone_regions: tuple[Annotated[str, Field(pattern=r"^[A-Z]{2}$")], ...] = Field(
        default=("US", "GB", "IE", "AU", "NZ", "IN", "ZA", "DE", "FR", "ES", "IT", "NL"), min_length=1
    )


class MarkupRule(RuleTable):
    """Markup and invisible characters that make the voice say something else than the text reads."""

    verdict: Verdict = Verdict.BLOCK


class LanguageRule(RuleTable):
    """Scripts in another language than the policy can judge; `review_share` is of one sentence's letters."""

    review_share: Score = 0.5


class SpokenRule(Strict):
    """How far what is heard in the finished audio may be from the script before a person listens.

    The defaults leave room for the recogniser's own mistakes: on the bundled voices it gets 1 to 3 words in 100 wrong.
    """

    enabled: bool = True
    word_error_rate: Score = 0.12  # share of the script's words that may be heard otherwise, over the whole episode
    voices: dict[str, Score] = Field(default_factory=dict)  # other limits for voices (by id) that are harder to follow
    longest_gap: int = Field(default=4, ge=1, le=100)  # words in a row that may be missing, added or different
    window_words: int = Field(default=20, ge=5, le=200)
    window_error_rate: Score = 0.5  # share of such a window that may be heard otherwise
    repeated_words: int = Field(default=3, ge=2, le=100)  # words in a row that may not be heard twice
    longest_silence: float = Field(default=2.0, ge=0.5, le=60.0)  # seconds of silence inside a sentence
    clipped: Score = 0.1  # share of its time that the waveform of a sentence may stand at its highest value
    alike: Score = 0.6  # how alike two stretches must sound to count as one misheard word, 1.0 for identical
    transcript_block: Literal["review", "block"] = "review"  # what a block found only by ear leads to


class HazardsRule(RuleTable):
    """Thresholds per topic for a person's review; a block needs a listed phrase in the same sentence as well."""

    review: dict[HazardTopic, Score] = Field(default_factory=dict)
    block: dict[HazardTopic, Score] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.enabled and not (self.review or self.block):
            raise ValueError("has no thresholds, so it would find nothing; give review or block thresholds")
        for name, score in self.block.items():
            if self.review.get(name, 2.0) > score:
                raise ValueError(f"review.{name} is missing or above block.{name}; doubt must lead to a review first")
            if name == "self_harm/intent":
                raise ValueError("block.self_harm/intent is refused: a cry for help needs a person; use review")
        return self


class PromptInjectionRule(RuleTable):
    """Text addressed to a machine that judges the script; `review` is the score from which the model alone asks."""

    verdict: Verdict = Verdict.REVIEW
    control_tokens: Verdict = Verdict.REVIEW
    review: Score = 0.8


class ImpersonationRule(RuleTable):
    """Speaking as a real person or an authority; `people` adds full names to the built-in list."""

    verdict: Verdict = Verdict.REVIEW
    people: tuple[str, ...] = ()


class ProtectedTextRule(RuleTable):
    """Passages of the texts that `assay policy texts` registered; verdict and quotation length are per text."""


class JudgeRule(RuleTable):
    """A second opinion by a language model; `policy` is what it is told, the pack's guidance when empty."""

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
    hazards: HazardsRule | None = None
    prompt_injection: PromptInjectionRule | None = None
    impersonation: ImpersonationRule | None = None
    spoken: SpokenRule | None = None
    protected_text: ProtectedTextRule | None = None
    llm_judge: JudgeRule | None = None

    def is_empty(self) -> bool:
        """Say whether no rule that reads the script is enabled; listening alone does not judge a script."""
        return not any(getattr(rule, "enabled", False) for name, rule in self if name != "spoken")
