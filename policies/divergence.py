"""Where what is heard goes other ways than the script: what a person must listen to (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from policies.alignment import Likeness, Stretch, days_differ, digits_differ, likeness_of
from policies.rule_settings import SpokenRule
from policies.spoken_words import SpokenWord

CATEGORIES = (
    "added_speech", "changed_name", "changed_negation", "changed_number", "changed_words", "different_speech",
    "missing_disclosure", "missing_speech", "not_transcribed", "nothing_heard", "other_audio", "repeated_speech",
    "word_error_rate",
)  # fmt: skip
# A name that a recogniser does not know becomes other words of much the same sound; another name does not.
_NAME_ALIKE = 0.5
# A content word of this many letters that was heard as something of no likeness at all is another word.
_LONG_WORD = 5
_WORD_ALIKE = 0.4
_FEWEST_ERRORS = 4  # three misheard words in a script of ten say nothing about it
_FEWEST_WORDS = 40  # of one voice, before its error rate means anything
_OTHER_AUDIO = 0.6  # above this share of errors, the audio belongs to something else
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
        words = "The spoken disclosure was not heard in the finished audio."
        yield Divergence("missing_disclosure", 0, preface, 0, 0, 1.0, words)
    count, errors = len(script) - preface, _errors(stretches, preface, len(script))
    if count and errors > _OTHER_AUDIO * count:
        words = f"Of {count} words {errors} are heard otherwise: this is not the sound of this script."
        yield Divergence("other_audio", preface, len(script), 0, len(heard), errors / count, words, _OTHER_AUDIO)
        return  # what differs where no longer says anything
    for stretch in stretches:
        if stretch.likeness is Likeness.DIFFERENT and max(stretch.start + 1, stretch.end) > preface:
            yield from _in_stretch(script, heard, stretch, limits)
    yield from _windows(len(script), stretches, preface, limits)
    if count and errors >= _FEWEST_ERRORS and errors / count > limits.word_error_rate:
        words = f"Of {count} words {errors} are heard otherwise, more than the policy allows."
        limit = limits.word_error_rate
        yield Divergence("word_error_rate", preface, len(script), 0, len(heard), errors / count, words, limit)
    yield from _voice_rates(len(script), stretches, preface, voices, limits)


def _in_stretch(
    script: Sequence[SpokenWord], heard: Sequence[SpokenWord], stretch: Stretch, limits: SpokenRule
) -> Iterator[Divergence]:
    said, found = script[stretch.start : stretch.end], heard[stretch.heard_start : stretch.heard_end]

    def diverges(category: str, explanation: str, score: float = 1.0, threshold: float | None = None) -> Divergence:
        place = (stretch.start, stretch.end, stretch.heard_start, stretch.heard_end)
        return Divergence(category, *place, score, explanation, threshold)

    if not said and len(found) >= limits.repeated_words and _is_repeated(heard, stretch):
        yield diverges("repeated_speech", f"{len(found)} words are heard twice.", threshold=limits.repeated_words)
        return
    longest = limits.longest_gap
    if max(len(said), len(found)) > longest:
        if not found:
            yield diverges("missing_speech", f"{len(said)} words in a row are not heard.", threshold=longest)
        elif not said:
            yield diverges("added_speech", f"{len(found)} words are heard that are not written.", threshold=longest)
        else:
            yield diverges("different_speech", f"{stretch.errors} words are heard otherwise.", threshold=longest)
        return
    likeness = likeness_of(said, found)
    if any(word.number for word in (*said, *found)) and digits_differ(said, found):
        yield diverges("changed_number", "Another number is heard than the one that is written.")
    if days_differ(said, found) or (any(word.name for word in said) and likeness < _NAME_ALIKE):
        yield diverges("changed_name", "Another name is heard than the one that is written.", 1.0 - likeness)
    if sum(word.negation for word in said) != sum(word.negation for word in found):
        yield diverges("changed_negation", "A 'not' or the like is heard where none is written, or the reverse.")
    plain = not any(word.name or word.number for word in (*said, *found))
    if plain and likeness < _WORD_ALIKE and any(len(word.key) >= _LONG_WORD for word in (*said, *found)):
        yield diverges("changed_words", "Other words are heard, of no likeness to what is written.", 1.0 - likeness)


def _is_repeated(heard: Sequence[SpokenWord], stretch: Stretch) -> bool:
    """Say whether added words are a second hearing of those around them: an alignment may add any turn of a repeat."""
    keys = [word.key for word in heard]
    first, count = stretch.heard_start, stretch.heard_end - stretch.heard_start
    for back in range(count + 1):
        once = keys[max(0, first - back) : first - back + count]
        if first - back >= 0 and len(once) == count and once == keys[first - back + count : first - back + 2 * count]:
            return True
    return False


def _windows(length: int, stretches: Sequence[Stretch], preface: int, limits: SpokenRule) -> Iterator[Divergence]:
    """Yield runs of windows in which too much is heard otherwise; long stretches speak for themselves.

    A script shorter than a window is judged by its whole error rate.
    """
    width = limits.window_words
    weights = [0] * (length + 1)
    for stretch in stretches:
        if stretch.errors <= limits.longest_gap:
            weights[min(stretch.start, length - 1)] += stretch.errors
    begin, end, worst = preface, preface, 0.0
    total = sum(weights[preface : preface + width])
    for first in range(preface, length - width + 1):
        if first > preface:
            total += weights[first + width - 1] - weights[first - 1]
        if total <= limits.window_error_rate * width:
            continue
        if end > begin and first > end:
            yield _crowded(begin, end, stretches, worst, limits)
            begin, worst = first, 0.0
        begin = first if end == preface else begin
        end, worst = first + width, max(worst, total / width)
    if end > begin:
        yield _crowded(begin, end, stretches, worst, limits)


def _crowded(begin: int, end: int, stretches: Sequence[Stretch], worst: float, limits: SpokenRule) -> Divergence:
    words = f"In {end - begin} words in a row, too many are heard otherwise."
    return _over("different_speech", begin, end, stretches, worst, limits.window_error_rate, words)


def _voice_rates(
    length: int, stretches: Sequence[Stretch], preface: int, voices: Sequence[str], limits: SpokenRule
) -> Iterator[Divergence]:
    for voice, limit in sorted(limits.voices.items()):
        own = [at for at in range(preface, length) if voices[at] == voice]
        if len(own) < _FEWEST_WORDS:
            continue
        rate = sum(_share(stretch, at) for stretch in stretches if stretch.errors for at in own) / len(own)
        if rate > limit:
            words = f"Of the words of the voice {voice}, more are heard otherwise than the policy allows."
            yield _over("word_error_rate", own[0], own[-1] + 1, stretches, rate, limit, words)


def _share(stretch: Stretch, at: int) -> float:
    """Return the errors of one script word, a stretch's errors being shared out evenly over its words."""
    length = max(1, stretch.end - stretch.start)
    return stretch.errors / length if stretch.start <= at < stretch.start + length else 0.0


def _errors(stretches: Sequence[Stretch], start: int, end: int) -> int:
    """Return the errors of the script's words `[start, end)`, shared out evenly over each stretch."""
    total = 0.0
    for stretch in stretches:
        length = max(1, stretch.end - stretch.start)
        inside = min(stretch.start + length, end) - max(stretch.start, start)
        if stretch.start == end == stretch.end:
            inside = 1  # added after the last word
        total += stretch.errors * max(0, inside) / length
    return round(total)


def _over(
    category: str, start: int, end: int, stretches: Sequence[Stretch], score: float, threshold: float, explanation: str
) -> Divergence:
    """Return a divergence over the script's words `[start, end)` with the words heard there."""
    touched = [one for one in stretches if one.end > start and one.start < end]
    first = min((one.heard_start + max(0, start - one.start) for one in touched), default=0)
    last = max((min(one.heard_end, one.heard_start + max(0, end - one.start)) for one in touched), default=first)
    return Divergence(category, start, end, first, max(first, last), score, explanation, threshold)
