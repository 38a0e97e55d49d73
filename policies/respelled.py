"""The view of strange spellings: sentences with respelled, spelled-out, split or scrambled words, read plainly.

It holds only the sentences in which something was read otherwise, each on its own line. Rules run on it apart from the
other views, and what they find there counts only where a word was replaced, and as a review at most.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from policies.decision import Span
from policies.homophones import Guess, Homophones, Strength
from policies.spelled_out import spelled_words
from policies.views import View, Views

RESPELLED = "respelled"
_WORD = re.compile(r"[^\W_]+(?:['’][^\W\d_]+)*")
_TITLES = frozenset(
    {"mr", "mrs", "ms", "miss", "dr", "prof", "sir", "lord", "lady", "professor", "doctor", "president"}
)
_LONGEST_RUN_TOGETHER = 40  # letters of "killyourself" and the like
_SHORTEST_RUN_TOGETHER = 8
_RARE_NEEDED = 2


@dataclass(frozen=True, slots=True)
class Replacement:
    """`[start, end)` of the view that is read, and what it is read as."""

    start: int
    end: int
    text: str
    strength: Strength


class Covered:
    """Places in a text; says in logarithmic time whether a span touches one of them."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for span in sorted(spans, key=lambda span: span.start):
            if self._ends and span.start < self._ends[-1]:
                self._ends[-1] = max(self._ends[-1], span.end)
            else:
                self._starts.append(span.start)
                self._ends.append(span.end)

    def touches(self, span: Span) -> bool:
        """Say whether `span` and one of the places share a character."""
        at = bisect_left(self._starts, span.end)
        return at > 0 and self._ends[at - 1] > span.start


@dataclass(frozen=True, slots=True)
class Respelled:
    """Views for a second reading, and the places in the author's text that they read otherwise."""

    views: Views
    replaced: Covered


def read_respelled(views: Views, homophones: Homophones) -> Respelled | None:
    """Return the second reading of `views`, None where there is nothing strange; linear in the length of the text."""
    view = views.all[-1]
    found = sorted(_replacements(view, homophones), key=lambda one: (one.start, -one.end))
    if not found:
        return None
    sentences, parts, offsets, replaced = [], list[str](), list[int](), list[Span]()
    starts = [sentence.start for sentence in views.sentences]
    grouped: dict[int, list[Replacement]] = {}
    for one in found:
        at = bisect_right(starts, view.offsets[one.start]) - 1
        if at >= 0:
            grouped.setdefault(at, []).append(one)
    for at, inside in grouped.items():
        strange = sum(one.strength is Strength.STRANGE for one in inside)
        if not strange and sum(one.strength is Strength.RARE for one in inside) < _RARE_NEEDED:
            continue
        sentence = views.sentences[at]
        first, last = bisect_left(view.offsets, sentence.start), bisect_left(view.offsets, sentence.end)
        position = first
        for one in inside:
            if one.start < position:
                continue  # inside a longer one
            parts += [view.text[position : one.start], one.text]
            offsets += view.offsets[position : one.start]
            span = view.span(one.start, one.end)
            length = max(1, len(one.text) - 1)
            offsets += [span.start + (n * (span.end - 1 - span.start)) // length for n in range(len(one.text))]
            replaced.append(span)
            position = one.end
        parts += [view.text[position:last], "\n"]
        offsets += [*view.offsets[position:last], max(sentence.start, sentence.end - 1)]
        sentences.append(sentence)
    if not sentences:
        return None
    reading = View(RESPELLED, "".join(parts), offsets)
    return Respelled(Views(views.manuscript, tuple(sentences), (reading,)), Covered(replaced))


@dataclass(frozen=True, slots=True)
class _Previous:
    word: str
    start: int
    end: int
    guess: Guess | None
    is_lower: bool


def _replacements(view: View, homophones: Homophones) -> Iterator[Replacement]:
    previous: _Previous | None = None
    guess_of = homophones.guess
    for match in _WORD.finditer(text := view.text):
        written = match.group()
        word = written.lower()
        start, end = match.span()
        guess = guess_of(word)
        if guess is not None and (written == word or not _is_name(text, match, previous)):
            yield Replacement(start, end, guess.word, guess.strength)
        elif guess is None and len(word) >= _SHORTEST_RUN_TOGETHER and not homophones.is_word(word):
            spelled = view.offsets[end - 1] - view.offsets[start] > end - start  # letter by letter: never an accident
            if parted := _parted(word, homophones, spelled=spelled):
                yield Replacement(start, end, parted, Strength.STRANGE)
        if previous is not None and start - previous.end <= 2:
            joined = previous.word + word
            if joined in homophones.vocabulary:
                if not (homophones.is_word(previous.word) and homophones.is_word(word)):
                    yield Replacement(previous.start, end, joined, Strength.STRANGE)
            elif (guess or previous.guess) and not homophones.is_word(joined):  # "yore self"
                whole = guess_of(joined)
                if whole is not None and whole.word in homophones.vocabulary:
                    yield Replacement(previous.start, end, whole.word, Strength.RARE)
        previous = _Previous(word, start, end, guess, is_lower=written == word)
    for start, end, word in spelled_words(text, homophones.vocabulary):
        yield Replacement(start, end, word, Strength.STRANGE)


def _is_name(text: str, match: re.Match[str], previous: _Previous | None) -> bool:
    """Say whether a capital marks a name: inside a sentence beside lower-case words, or after a title.

    Titles In Capitals Throughout hide nothing from us.
    """
    before = text[previous.end : match.start()] if previous is not None else ""
    if previous is not None and previous.word in _TITLES:
        return True
    if previous is None or any(mark in before for mark in ".!?:\n\"“”'"):
        return False
    after = text[match.end() : match.end() + 3].lstrip(" ,")
    return previous.is_lower or after[:1].islower()


def _parted(word: str, homophones: Homophones, *, spelled: bool) -> str | None:
    """Return "kill yourself" for "killyourself": plain words only, and a long one of the policy among them."""
    if len(word) > _LONGEST_RUN_TOGETHER or not word.isascii() or not word.isalpha():
        return None
    best: list[tuple[str, ...] | None] = [()] + [None] * len(word)
    for end in range(1, len(word) + 1):
        for start in range(max(0, end - 14), end):
            before = best[start]
            piece = word[start:end]
            if before is not None and (len(piece) > 2 or piece in ("i", "a", "in", "to", "of", "me", "my", "go", "be")):
                fewer = best[end] is None or len(before) + 1 < len(best[end] or ())
                if fewer and homophones.is_plain(piece):
                    best[end] = (*before, piece)
    parts = best[-1]
    hides = spelled or any(part in homophones.vocabulary and len(part) > 3 for part in parts or ())
    if parts and len(parts) > 1 and hides:
        return " ".join(parts)
    return None
