"""What screening says: findings, and the decision they add up to (pure values, no I/O)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What may happen to a script, ordered from mild to strict: `allow < review < block`."""

    ALLOW = "allow"  # may be spoken and released without a person
    REVIEW = "review"  # may be spoken; a person decides about release
    BLOCK = "block"  # must not be spoken

    @property
    def severity(self) -> int:
        """Rank of the verdict: 0 for allow, 1 for review, 2 for block."""
        return (Verdict.ALLOW, Verdict.REVIEW, Verdict.BLOCK).index(self)


def strictest(verdicts: list[Verdict]) -> Verdict:
    """Return the strictest verdict; an empty list means that nothing was found and gives `allow`.

    Callers that could not run a rule must not come here with a shorter list: they raise `ScreeningError`.
    """
    return max(verdicts, key=lambda verdict: verdict.severity, default=Verdict.ALLOW)


@dataclass(frozen=True, slots=True)
class Span:
    """Half-open range `[start, end)` of characters (Python string indices) in the author's text."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why a finding is more than an opinion: a dated source that a reviewer can open."""

    claim: str  # the claim as the fact-check words it
    rating: str  # the publisher's verdict in its own words, for example "False"
    publisher: str
    url: str
    published_on: str  # ISO 8601 date
    similarity: float  # cosine between the script's sentence and the claim, 0..1
    record: str = ""  # id of the record in the pack's knowledge base
    matched: str = ""  # the record's wording that is closest to the script's sentence


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that one rule saw."""

    rule: str  # id of the rule in the policy, for example "toxicity"
    category: str  # closed vocabulary of the rule, for example "threat"
    verdict: Verdict
    span: Span
    score: float  # 0..1; what it means is the rule's to say
    explanation: str  # plain words for the author and the reviewer; never the script's text
    view: str = "original"  # which view of the text fired: original, normalised ... transcript
    threshold: float | None = None  # the policy's threshold that the score reached, where there is one
    time_start: float | None = None  # seconds into the finished audio, where the finding comes from listening to it
    time_end: float | None = None
    stance: str | None = None  # what the script does with a matched claim: assert, debunk, attribute, question, unsure
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class GuidanceLevel:
    """One coded step of severity inside a category, and what it leads to."""

    code: str  # for example "TH2"
    verdict: Verdict
    meaning: str
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Guidance:
    """What the policy tells a reviewer about findings of some categories."""

    id: str
    categories: tuple[str, ...]
    goal: str
    definition: str
    allow: tuple[str, ...]
    refuse: tuple[str, ...]
    levels: tuple[GuidanceLevel, ...]  # from mild to strict


@dataclass(frozen=True, slots=True)
class Decision:
    """All findings with the strictest verdict, and everything that made it."""

    verdict: Verdict
    findings: tuple[Finding, ...]
    policy_id: str
    policy_version: str
    policy_digest: str  # "sha256:<hex>" of the policy pack in canonical form
    models: tuple[tuple[str, str], ...]  # (model id, "sha256:<hex>"), sorted
    script_digest: str  # "sha256:<hex>" of the UTF-8 author's text that was screened
    coverage: tuple[tuple[str, str], ...]  # (category, "evaluated" | "not_evaluated"), sorted
    guidance: tuple[Guidance, ...] = ()  # of the pack, for the categories that were found
