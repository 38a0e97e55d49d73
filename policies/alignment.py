"""Which words of a script were heard as which words of a transcript (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

from policies.sounds import sound_of
from policies.spoken_words import SpokenWord

_SAME_AS_NUMBER = {
    "to": "2", "too": "2", "for": "4", "fore": "4", "won": "1", "ate": "8", "oh": "0", "a": "1", "an": "1",
    "second": "2",
}  # fmt: skip
_DAYS = "monday tuesday wednesday thursday friday saturday sunday"
_MONTHS = "january february march april may june july august september october november december"
_CALENDAR = frozenset(f"{_DAYS} {_MONTHS}".split())
_NUMBER_WORDS = {
    "0": "zero", "1": "wun", "2": "too", "3": "three", "4": "for", "5": "five", "6": "six", "7": "seven", "8": "ate",
    "9": "nine",
}  # fmt: skip


class Likeness(StrEnum):
    """How a stretch of the script compares with what was heard there."""

    SAME = "same"  # word for word
    ALIKE = "alike"  # other words of much the same sound: a mishearing, a homophone, another way to write it
    DIFFERENT = "different"  # something else


@dataclass(frozen=True, slots=True)
class Stretch:
    """Words `[start, end)` of the script heard as words `[heard_start, heard_end)`; one side may be empty."""

    likeness: Likeness
    start: int
    end: int
    heard_start: int
    heard_end: int

    @property
    def errors(self) -> int:
        """Words that were heard otherwise; an added word counts as one too."""
        if self.likeness is not Likeness.DIFFERENT:
            return 0
        return max(self.end - self.start, self.heard_end - self.heard_start)


def align(script: Sequence[SpokenWord], heard: Sequence[SpokenWord], *, alike: float) -> list[Stretch]:
    """Return stretches that together cover both sides in order; `alike` is the least likeness of sound, 0..1."""
    stretches: list[Stretch] = []
    pending: tuple[int, int, int, int] | None = None
    # Bit-parallel: an hour of speech (9,000 words) takes some hundredths of a second.
    for step in Levenshtein.opcodes([word.key for word in script], [word.key for word in heard]):
        place = (step.src_start, step.src_end, step.dest_start, step.dest_end)
        if step.tag == "equal":
            if pending is not None:
                stretches.append(_compared(script, heard, pending, alike))
                pending = None
            stretches.append(Stretch(Likeness.SAME, *place))
        else:
            pending = place if pending is None else (pending[0], place[1], pending[2], place[3])
    if pending is not None:
        stretches.append(_compared(script, heard, pending, alike))
    return stretches


def _compared(
    script: Sequence[SpokenWord], heard: Sequence[SpokenWord], place: tuple[int, int, int, int], alike: float
) -> Stretch:
    start, end, heard_start, heard_end = place
    said, found = script[start:end], heard[heard_start:heard_end]
    likeness = Likeness.ALIKE if likeness_of(said, found) >= alike else Likeness.DIFFERENT
    if likeness is Likeness.ALIKE and (digits_differ(said, found) or days_differ(said, found)):
        likeness = Likeness.DIFFERENT
    return Stretch(likeness, *place)


def likeness_of(said: Sequence[SpokenWord], found: Sequence[SpokenWord]) -> float:
    """Return how alike two stretches sound, 0..1; an empty one sounds like nothing."""
    if not said or not found:
        return 0.0
    if "".join(word.key for word in said) == "".join(word.key for word in found):
        return 1.0
    return fuzz.ratio(_sounds(said), _sounds(found)) / 100.0


def digits_differ(said: Sequence[SpokenWord], found: Sequence[SpokenWord]) -> bool:
    """Say whether the numbers in two stretches differ; "for" heard as "4" does not."""
    first, second = _digits(said, found), _digits(found, said)
    return first != second


def days_differ(said: Sequence[SpokenWord], found: Sequence[SpokenWord]) -> bool:
    """Say whether one names another day or month than the other: "Tuesday" and "Thursday" sound alike."""
    first, second = ([word.key for word in words if word.key in _CALENDAR] for words in (said, found))
    return bool(first and second) and first != second


def _digits(words: Sequence[SpokenWord], others: Sequence[SpokenWord]) -> str:
    numbers = {word.key for word in others if word.number}
    kept = [
        word.key if word.number else _SAME_AS_NUMBER.get(word.key, "")
        for word in words
        if word.number or _SAME_AS_NUMBER.get(word.key) in numbers
    ]
    return "".join(kept)


def _sounds(words: Sequence[SpokenWord]) -> str:
    return "".join(sound_of(_NUMBER_WORDS.get(word.key, word.key)) or word.key for word in words)
