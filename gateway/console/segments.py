"""A text with findings, cut so that each piece has the same findings all through (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from policies.decision import Verdict


@dataclass(frozen=True, slots=True)
class Marked:
    """One finding, as the pages show it; `number` counts from 1 on the page."""

    number: int
    start: int  # in the author's text
    end: int
    rule: str
    category: str
    verdict: str
    score: float
    explanation: str
    view: str
    origin: str  # "script" or "sound"
    threshold: float | None
    stance: str | None
    time_start: float | None  # seconds into the sound
    time_end: float | None
    quote: str  # what it is about, from the author's text
    evidence: tuple[dict[str, object], ...]


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of the text; `begins` are the findings whose first piece it is."""

    text: str
    findings: tuple[int, ...]  # numbers
    verdict: str  # the strictest of them; empty without any
    begins: tuple[Marked, ...]


def segments(text: str, findings: Sequence[Marked]) -> list[Segment]:
    """Cut `text` at every border of a finding; spans that lie outside the text are cut off."""
    size = len(text)
    spans = [(min(max(0, one.start), size), min(max(0, one.end), size), one) for one in findings]
    spans = [(start, end, one) for start, end, one in spans if start < end]
    borders = sorted({0, size, *(start for start, _, _ in spans), *(end for _, end, _ in spans)})
    pieces = []
    for start, end in pairwise(borders):
        over = [(first, one) for first, last, one in spans if first <= start and end <= last]
        strictest = max((Verdict(one.verdict).severity for _, one in over), default=-1)
        pieces.append(
            Segment(
                text[start:end],
                tuple(one.number for _, one in over),
                "" if strictest < 0 else (Verdict.ALLOW, Verdict.REVIEW, Verdict.BLOCK)[strictest].value,
                tuple(one for first, one in over if first == start),
            )
        )
    return pieces
