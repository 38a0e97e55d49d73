"""Where what is heard goes other ways than the script: what a person must listen to (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from policies.alignment import Likeness, Stretch, digits_differ, likeness_of
from policies.rule_settings import SpokenRule
from policies.spoken_words import SpokenWord

CATEGORIES = (
    "added_speech", "changed_name", "changed_negation", "changed_number", "changed_words", "different_speech",
    "missing_disclosure", "missing_speech", "not_transcribed", "nothing_heard", "word_error_rate",
)  # fmt: skip
# A name that a recogniser does not know becomes other words of much the same sound; another name does not.
_NAME_ALIKE = 0.5
# A content word of this many letters that was heard as something of no likeness at all is another word.
_LONG_WORD = 5
_WORD_ALIKE = 0.4
_FEWEST_ERRORS = 4  # three misheard words in a script of ten say nothing about it
_FEWEST_WORDS = 40  # of one voice, before its error rate means anything
_DISCLOSURE_HEARD = 0.5  # share of its words that must be heard


@dataclass(frozen=True, slots=True)
class Divergence:
    """One reason for a person to listen: words `[start, end)` of the script, heard as `[heard_start, heard_end)`."""

    category: str
    start: int
    end: int
    heard_start: int
    heard_end: int
    score: float  # share of words or 1.0
    explanation: str
    threshold: float | None = None


def divergences(
    script: Sequence[SpokenWord],
    heard: Sequence[SpokenWord],
    stretches: Sequence[Stretch],
    *,
    preface: int,
    voices: Sequence[str],
    limits: SpokenRule,
) -> Iterator[Divergence]:
    """Yield every divergence beyond `limits`; the first `preface` words of the script are the spoken disclosure.

    `voices` says whose each word is.
    """
    if preface and _errors(stretches, 0, preface) > (1.0 - _DISCLOSURE_HEARD) * preface:
        yield Divergence(
            "missing_disclosure", 0, preface, 0, 0, 1.0, "The spoken disclosure was not heard in the finished audio."
        )
    for stretch in stretches:
        if stretch.likeness is Likeness.DIFFERENT and stretch.end >= preface:
            yield from _in_stretch(script, heard, stretch, limits)
    yield from _windows(script, heard, stretches, preface, limits)
    yield from _rates(script, heard, stretches, preface, voices, limits)


def _in_stretch(
    script: Sequence[SpokenWord], heard: Sequence[SpokenWord], stretch: Stretch, limits: SpokenRule
) -> Iterator[Divergence]:
    said, found = script[stretch.start : stretch.end], heard[stretch.heard_start : stretch.heard_end]
    place = (stretch.start, stretch.end, stretch.heard_start, stretch.heard_end)
    likeness = likeness_of(said, found)

    def diverges(category: str, explanation: str, score: float = 1.0, threshold: float | None = None) -> Divergence:
        return Divergence(category, *place, score, explanation, threshold)

    if (any(word.number for word in said) or any(word.number for word in found)) and digits_differ(said, found):
        yield diverges("changed_number", "Another number is heard than the one that is written.")
    elif any(word.name for word in said) and likeness < _NAME_ALIKE:
        yield diverges("changed_name", "Another name is heard than the one that is written.", 1.0 - likeness)
    if sum(word.negation for word in said) != sum(word.negation for word in found):
        yield diverges("changed_negation", "A 'not' or another negation is heard where none is written, or the reverse.")
    longest = limits.longest_gap
    if len(said) > longest and not found:
        yield diverges("missing_speech", f"{len(said)} words in a row are not heard.", threshold=float(longest))
    elif len(found) > longest and not said:
        yield diverges("added_speech", f"{len(found)} words are heard that are not written.", threshold=float(longest))
    elif max(len(said), len(found)) > longest:
        yield diverges("different_speech", f"{stretch.errors} words in a row are heard otherwise.", threshold=float(longest))
    elif _content(said) and likeness < _WORD_ALIKE and not any(word.name or word.number for word in said):
        yield diverges("changed_words", "Another word is heard, of no likeness to the one that is written.", 1.0 - likeness)


def _content(said: Sequence[SpokenWord]) -> bool:
    return any(len(word.key) >= _LONG_WORD for word in said)


def _windows(
    script: Sequence[SpokenWord],
    heard: Sequence[SpokenWord],
    stretches: Sequence[Stretch],
    preface: int,
    limits: SpokenRule,
) -> Iterator[Divergence]:
    """Yield runs of windows in which too much is heard otherwise; stretches that are long enough stand for themselves."""
    del heard
    width = min(limits.window_words, len(script) - preface)
    if width < limits.window_words:
        return  # a script shorter than a window is judged by its whole error rate
    weights = [0] * (len(script) + 1)
    for stretch in stretches:
        if stretch.errors and stretch.errors <= limits.longest_gap:
            weights[min(stretch.start, len(script) - 1)] += stretch.errors
    total = sum(weights[preface : preface + width])
    begin: int | None = None
    worst = 0.0
    for first in range(preface, len(script) - width + 1):
        if first > preface:
            total += weights[first + width - 1] - weights[first - 1]
        rate = total / width
        if rate > limits.window_error_rate:
            begin = first if begin is None else begin
            worst = max(worst, rate)
            end = first + width
        if begin is not None and (rate <= limits.window_error_rate or first == len(script) - width):
            yield _whole("different_speech", begin, end, stretches, worst, limits.window_error_rate,
                         f"In {end - begin} words in a row, too many are heard otherwise.")  # fmt: skip
            begin, worst = None, 0.0


def _rates(
    script: Sequence[SpokenWord],
    heard: Sequence[SpokenWord],
    stretches: Sequence[Stretch],
    preface: int,
    voices: Sequence[str],
    limits: SpokenRule,
) -> Iterator[Divergence]:
    count, errors = len(script) - preface, _errors(stretches, preface, len(script))
    if count and errors >= _FEWEST_ERRORS and errors / count > limits.word_error_rate:
        yield Divergence(
            "word_error_rate", preface, len(script), 0, len(heard), errors / count,
            f"{errors} of {count} words are heard otherwise, more than the policy allows.", limits.word_error_rate,
        )  # fmt: skip
    for voice, limit in sorted(limits.voices.items()):
        own = [at for at in range(preface, len(script)) if voices[at] == voice]
        if len(own) < _FEWEST_WORDS:
            continue
        wrong = sum(_errors(stretches, at, at + 1) for at in own)
        if wrong / len(own) > limit:
            yield _whole("word_error_rate", own[0], own[-1] + 1, stretches, wrong / len(own), limit,
                         f"Of the words of the voice {voice}, more are heard otherwise than the policy allows.")  # fmt: skip


def _errors(stretches: Sequence[Stretch], start: int, end: int) -> int:
    """Return the errors of the script's words `[start, end)`, shared out evenly over each stretch."""
    total = 0.0
    for stretch in stretches:
        if not stretch.errors:
            continue
        length = max(1, stretch.end - stretch.start)
        inside = min(stretch.start + length, end) - max(stretch.start, start)
        total += stretch.errors * max(0, inside) / length
    return round(total)


def _whole(
    category: str, start: int, end: int, stretches: Sequence[Stretch], score: float, threshold: float, explanation: str
) -> Divergence:
    touched = [one for one in stretches if one.end > start and one.start < end]
    first = min((one.heard_start + max(0, start - one.start) for one in touched), default=0)
    last = max((min(one.heard_end, one.heard_start + max(0, end - one.start)) for one in touched), default=first)
    return Divergence(category, start, end, first, max(first, last), score, explanation, threshold)
