"""From words that were heard to the author's text, to times in the audio, and to sentences that differ (pure)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from policies.alignment import Likeness, Stretch
from policies.decision import Span
from policies.sentences import split_sentences
from policies.spoken_words import SpokenWord
from policies.text import Manuscript, Turn
from policies.transcript import Transcript

SPEAKER = "voice"  # of a transcript: who speaks is not heard
_NEIGHBOURS = 3  # sentences on each side that rules read with one: a rebuttal stands that near


@dataclass(frozen=True, slots=True)
class Expected:
    """What a listener should hear, in order."""

    words: tuple[SpokenWord, ...]
    preface: int  # how many of them belong to the disclosure, which stands before the script
    voices: tuple[str, ...]  # of each word


class Places:
    """Leads from words that were heard to the author's text and to times in the audio."""

    def __init__(
        self,
        manuscript: Manuscript,
        transcript: Transcript,
        expected: Expected,
        heard: Sequence[SpokenWord],
        stretches: Sequence[Stretch],
    ) -> None:
        self._length = len(manuscript.text)
        self._transcript = transcript
        self._expected = expected
        self._heard = heard
        self._stretches = stretches
        self._stretch_starts = [stretch.heard_start for stretch in stretches]
        self._heard_starts = [word.start for word in heard]
        starts, at = [], 0
        for word in transcript.words:
            starts.append(at)
            at += len(word.text) + 1
        self._starts = starts

    @property
    def script_begins(self) -> int:
        """Where in the transcript's text the disclosure is over."""
        for stretch in self._stretches:
            if stretch.end > self._expected.preface:
                same = stretch.likeness is Likeness.SAME
                first = stretch.heard_start + (max(0, self._expected.preface - stretch.start) if same else 0)
                return self._heard[first].start if first < len(self._heard) else len(self._transcript.text)
        return 0

    def of_words(self, start: int, end: int, heard_start: int, heard_end: int) -> tuple[Span, float, float]:
        """Return the author's characters of script words `[start, end)`, and when the heard words are said."""
        return self._span(start, end), *self._times(heard_start, heard_end)

    def of_transcript(self, span: Span) -> tuple[Span, float, float]:
        """Return where `span` of the transcript's text stands in the author's text and in the audio."""
        first, last = self._heard_range(span)
        touched = list(self._touched(first, last))
        start, end = len(self._expected.words), 0
        for stretch in touched:
            if stretch.likeness is Likeness.SAME:
                shift = stretch.start - stretch.heard_start
                start = min(start, max(first, stretch.heard_start) + shift)
                end = max(end, min(last, stretch.heard_end) + shift)
            else:
                start, end = min(start, stretch.start), max(end, stretch.end)
        return self._span(start, max(start, end)), *self._times(first, last)

    def is_as_written(self, span: Span) -> bool:
        """Say whether `span` of the transcript's text was heard word for word as it is written."""
        first, last = self._heard_range(span)
        return all(stretch.likeness is Likeness.SAME for stretch in self._touched(first, last))

    def _heard_range(self, span: Span) -> tuple[int, int]:
        first = max(0, bisect_right(self._heard_starts, span.start) - 1)
        last = bisect_right(self._heard_starts, span.end - 1)
        return first, max(first + 1, last)

    def _touched(self, first: int, last: int) -> Sequence[Stretch]:
        """Return the stretches of heard words `[first, last)`, those included that lie inside and were not heard."""
        begin = max(0, bisect_right(self._stretch_starts, first) - 1)
        end = begin
        while end < len(self._stretches) and self._stretches[end].heard_start < last:
            end += 1
        return [
            stretch
            for stretch in self._stretches[begin:end]
            if stretch.heard_end > first or first < stretch.heard_start
        ]

    def _span(self, start: int, end: int) -> Span:
        """Return the author's characters of script words `[start, end)`; of their neighbours where there are none."""
        preface, words = self._expected.preface, self._expected.words
        start, end = max(start, preface), max(end, preface)
        if start >= end:
            start, end = max(preface, start - 1), min(len(words), start + 1)
        inside = words[start:end]
        if not inside:
            return Span(0, min(1, self._length))
        return Span(min(word.start for word in inside), max(word.end for word in inside))

    def _times(self, first: int, last: int) -> tuple[float, float]:
        """Return when heard words `[first, last)` are said; where there are none, the gap that they would fill."""
        words = self._transcript.words
        if first < last:
            begin = bisect_right(self._starts, self._heard[first].start) - 1
            end = bisect_right(self._starts, self._heard[last - 1].start) - 1
            return words[begin].start, words[end].end
        before = bisect_right(self._starts, self._heard[first - 1].start) - 1 if first > 0 else -1
        after = bisect_right(self._starts, self._heard[first].start) - 1 if first < len(self._heard) else len(words)
        begins = words[before].end if before >= 0 else 0.0
        return begins, max(begins, words[after].start if after < len(words) else self._transcript.duration)


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Parts of a longer text, in order."""

    text: str
    starts: tuple[int, ...]  # of each part in the excerpt
    places: tuple[int, ...]  # and in the longer text

    def span(self, span: Span) -> Span:
        """Return where a span of the excerpt stands in the longer text."""
        return Span(self._place(span.start), self._place(span.end - 1) + 1)

    def _place(self, offset: int) -> int:
        part = bisect_right(self.starts, offset) - 1
        return self.places[part] + offset - self.starts[part]


def differing(text: str, place: Places, *, language: str) -> Excerpt | None:
    """Return the sentences of a transcript that were not heard as written, with their neighbours; None if all were.

    Only there can a finding count, and models take longer to read a text than the recogniser to hear it.
    """
    begin = place.script_begins
    sentences = split_sentences(Manuscript(text, language, (Turn(SPEAKER, begin, len(text)),)))
    spoken = [sentence for sentence in sentences if sentence.spoken]
    wanted: dict[int, None] = {}
    for at, sentence in enumerate(spoken):
        if not place.is_as_written(Span(sentence.start, sentence.end)):
            near = range(max(0, at - _NEIGHBOURS), min(len(spoken), at + _NEIGHBOURS + 1))
            wanted |= dict.fromkeys(near)
    if not wanted:
        return None
    pieces: list[str] = []
    starts: list[int] = []
    places: list[int] = []
    length, previous = 0, None
    for at in sorted(wanted):
        if previous is not None:
            gap = " " if at == previous + 1 else "\n\n"
            pieces.append(gap)
            length += len(gap)
        sentence = spoken[at]
        starts.append(length)
        places.append(sentence.start)
        pieces.append(text[sentence.start : sentence.end])
        length += sentence.end - sentence.start
        previous = at
    return Excerpt("".join(pieces), tuple(starts), tuple(places))
