"""Our categories in the words of two other moderation interfaces (pure).

OpenAI's thirteen categories and Perspective's attributes are what clients and dashboards already know. A category that
no rule of the policy judged is declared as such; its zero is not a finding of innocence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from policies.decision import Decision, Verdict
from policies.policy import Coverage
from policies.scores import Examination

# From the categories of rules to OpenAI's. Where two names stand together, both must be there ("hate" with a "threat").
OPENAI_SOURCES: dict[str, tuple[tuple[str, ...], ...]] = {
    "harassment": (("insult",), ("toxicity",), ("threat",), ("severe_toxicity",)),
    "harassment/threatening": (("threat",),),
    "hate": (("identity_attack",), ("slur",)),
    "hate/threatening": (("identity_attack", "threat"),),
    "illicit": (("illicit",), ("illicit/violent",)),
    "illicit/violent": (("illicit/violent",),),
    "self-harm": (("self_harm",), ("self_harm/intent",), ("self_harm/instructions",)),
    "self-harm/intent": (("self_harm/intent",),),
    "self-harm/instructions": (("self_harm/instructions",),),
    "sexual": (("sexual_explicit",), ("sexual_content",), ("sexual_minors",)),
    "sexual/minors": (("sexual_minors",),),
    "violence": (("threat",), ("violence",), ("violence/graphic",), ("graphic_violence",)),
    "violence/graphic": (("violence/graphic",), ("graphic_violence",)),
}
# Categories that OpenAI does not have keep our own names, but these read better in a moderation answer.
OWN_NAMES = {"obscene": "profanity"}

PERSPECTIVE_CLASSES = {
    "TOXICITY": "toxicity",
    "SEVERE_TOXICITY": "severe_toxicity",
    "IDENTITY_ATTACK": "identity_attack",
    "INSULT": "insult",
    "PROFANITY": "obscene",
    "THREAT": "threat",
    "SEXUALLY_EXPLICIT": "sexual_explicit",
}


@dataclass(frozen=True, slots=True)
class Judged:
    """One category of a moderation answer."""

    flagged: bool
    score: float  # 0..1
    evaluated: bool


def moderation_categories(examination: Examination) -> dict[str, Judged]:
    """Return OpenAI's thirteen categories, then every further category that has a finding or that the policy judges.

    A category is flagged if a finding that is more than a note belongs to it, so `flagged` of any is true exactly when
    the decision is not `allow`.
    """
    scores = examination.scores
    serious = {found.category for found in examination.decision.findings if found.verdict is not Verdict.ALLOW}
    covered = _evaluated(examination.decision) | serious
    judged = {name: _judge(sources, scores, serious, covered) for name, sources in OPENAI_SOURCES.items()}
    mapped = {source for sources in OPENAI_SOURCES.values() for together in sources for source in together}
    for category in sorted((covered | set(scores)) - mapped):
        name = OWN_NAMES.get(category, category)
        before = judged.get(name)
        own = Judged(category in serious, scores.get(category, 0.0), category in covered)
        judged[name] = own if before is None else _stricter(before, own)
    return judged


def _judge(
    sources: tuple[tuple[str, ...], ...], scores: Mapping[str, float], serious: set[str], covered: set[str]
) -> Judged:
    return Judged(
        flagged=any(all(name in serious for name in together) for together in sources),
        score=max(min(scores.get(name, 0.0) for name in together) for together in sources),
        evaluated=any(all(name in covered for name in together) for together in sources),
    )


def _stricter(one: Judged, other: Judged) -> Judged:
    return Judged(one.flagged or other.flagged, max(one.score, other.score), one.evaluated or other.evaluated)


def _evaluated(decision: Decision) -> set[str]:
    return {category for category, coverage in decision.coverage if coverage == Coverage.EVALUATED}
