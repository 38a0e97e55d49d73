"""The spoken check: what is heard in the finished audio is screened too, and compared with the script, word by word.

In this order:

1. Transcribe the audio. Nothing heard, or a language that cannot be heard, is a question to a person.
2. Align the transcript with what should be heard: the spoken disclosure, then every turn of the script.
3. Compare: changed names, numbers and negations, missing and added stretches, places and voices with many errors.
4. Screen the transcript by the same policy. A finding counts where the words that were heard are not the words that
   were written; where they are, the script's own decision has judged them, in their punctuation and quotation marks.

The transcript adds findings and never clears one. Recognisers mishear, so a block that is found only by ear becomes a
review, unless the pack says `transcript_block = "block"`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from policies.alignment import Likeness, Stretch, align
from policies.decision import Decision, Finding, Span, Verdict, strictest
from policies.divergence import Divergence, divergences
from policies.policy import Coverage
from policies.rule_settings import SpokenRule
from policies.screen import Screener
from policies.spoken_words import SpokenWord, spoken_words
from policies.text import Manuscript, Turn
from policies.transcript import LISTENING_RATE, Listener, Transcript

RULE = "spoken"
VIEW = "transcript"
_LISTENER = "voice"  # speaker of a transcript: who speaks is not heard


@dataclass(frozen=True, slots=True)
class Hearing:
    """What was heard in one piece of audio, and what follows from it."""

    decision: Decision
    transcript: Transcript
    words: int  # of the script and its disclosure, as they should be heard
    errors: int  # of these, heard otherwise; added words count too
    listener: tuple[str, str]  # (model id, "sha256:<hex>") of the recogniser

    @property
    def word_error_rate(self) -> float:
        """Errors per word of the script, not counting words that only sound alike."""
        return self.errors / self.words if self.words else 1.0


@dataclass(frozen=True, slots=True)
class Expected:
    """What a listener should hear, in order."""

    words: tuple[SpokenWord, ...]
    preface: int  # how many of them belong to the disclosure, which stands before the script
    voices: tuple[str, ...]  # of each word


class SpokenCheck:
    """Listens to finished audio on behalf of one policy; immutable, so one instance serves all threads."""

    def __init__(self, *, screener: Screener, listener: Listener, settings: SpokenRule) -> None:
        self._screener = screener
        self._listener = listener
        self._settings = settings

    @property
    def model(self) -> tuple[str, str]:
        """(model id, "sha256:<hex>") of the recogniser."""
        return self._listener.model

    def check(
        self,
        manuscript: Manuscript,
        samples: NDArray[np.float32],
        *,
        disclosure: str = "",
        voices: Mapping[str, str] | None = None,
    ) -> Hearing:
        """Judge audio, mono float32 of shape (T,) at 16 kHz, that should say `disclosure` and then the turns.

        `voices` names the voice of each speaker. Raises `ScreeningError` when the recogniser or a rule cannot run.
        """
        expected = _expected(manuscript, disclosure, voices or {})
        # 1.
        if manuscript.language not in self._listener.languages:
            empty = Transcript((), len(samples) / LISTENING_RATE)
            return self._hearing(manuscript, empty, expected, [_unheard(manuscript, "not_transcribed")], [])
        transcript = self._listener.listen(samples, language=manuscript.language)
        heard = spoken_words(transcript.text)
        if not heard:
            return self._hearing(manuscript, transcript, expected, [_unheard(manuscript, "nothing_heard")], [])
        # 2.
        stretches = align(expected.words, heard, alike=self._settings.alike)
        place = _Places(manuscript, transcript, expected, heard, stretches)
        # 3.
        findings = [
            place.finding(found)
            for found in divergences(
                expected.words,
                heard,
                stretches,
                preface=expected.preface,
                voices=expected.voices,
                limits=self._settings,
            )
        ]
        # 4.
        findings += self._screened(manuscript, transcript, place)
        return self._hearing(manuscript, transcript, expected, findings, stretches)

    def _screened(self, manuscript: Manuscript, transcript: Transcript, place: _Places) -> list[Finding]:
        start = place.script_begins
        text = transcript.text[start:]
        if not text.strip():
            return []
        spoken = Manuscript(text, manuscript.language, (Turn(_LISTENER, 0, len(text)),))
        findings = []
        for finding in self._screener.screen(spoken).findings:
            span = Span(finding.span.start + start, finding.span.end + start)
            if finding.verdict is Verdict.ALLOW or place.is_as_written(span):
                continue
            verdict = finding.verdict
            if verdict is Verdict.BLOCK and self._settings.transcript_block == "review":
                verdict = Verdict.REVIEW
            where, begins, ends = place.of_transcript(span)
            findings.append(
                replace(
                    finding,
                    verdict=verdict,
                    span=where,
                    view=VIEW,
                    time_start=begins,
                    time_end=ends,
                    explanation=f"{finding.explanation} It was heard in the finished audio, other than it is written.",
                )
            )
        return findings

    def _hearing(
        self,
        manuscript: Manuscript,
        transcript: Transcript,
        expected: Expected,
        findings: list[Finding],
        stretches: Sequence[Stretch],
    ) -> Hearing:
        policy = self._screener.policy
        ordered = sorted(findings, key=lambda one: (-one.verdict.severity, one.span.start, one.rule, one.category))
        decision = Decision(
            verdict=strictest([finding.verdict for finding in ordered]),
            findings=tuple(ordered),
            policy_id=policy.id,
            policy_version=policy.version,
            policy_digest=policy.digest,
            models=tuple(sorted({*self._screener.models, self._listener.model})),
            script_digest=manuscript.digest,
            coverage=tuple(sorted({*self._screener.coverage, (RULE, str(Coverage.EVALUATED))})),
        )
        words = len(expected.words)
        errors = sum(stretch.errors for stretch in stretches) if stretches else words
        return Hearing(decision, transcript, words, errors, self._listener.model)


class _Places:
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

    def finding(self, found: Divergence) -> Finding:
        """Return a divergence as a finding."""
        begins, ends = self._times(found.heard_start, found.heard_end)
        return Finding(
            rule=RULE,
            category=found.category,
            verdict=Verdict.REVIEW,
            span=self._span(found.start, found.end),
            score=round(min(1.0, found.score), 4),
            explanation=found.explanation,
            view=VIEW,
            threshold=found.threshold,
            time_start=begins,
            time_end=ends,
        )

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


def _expected(manuscript: Manuscript, disclosure: str, voices: Mapping[str, str]) -> Expected:
    words = spoken_words(disclosure)
    preface = len(words)
    owners = [""] * preface
    for turn in sorted(manuscript.turns, key=lambda turn: turn.start):
        said = spoken_words(manuscript.text, turn.start, turn.end)
        words += said
        owners += [voices.get(turn.speaker, turn.speaker)] * len(said)
    return Expected(tuple(words), preface, tuple(owners))


_UNHEARD = {
    "not_transcribed": "The recogniser does not know this language, so nobody has checked what the audio says.",
    "nothing_heard": "No words were heard in the finished audio.",
}


def _unheard(manuscript: Manuscript, category: str) -> Finding:
    whole = Span(0, max(1, len(manuscript.text)))
    return Finding(RULE, category, Verdict.REVIEW, whole, 1.0, _UNHEARD[category], VIEW)
