"""The spoken check: what is heard in the finished audio is screened too, and compared with the script, word by word.

In this order:

1. Transcribe the audio. Nothing heard, or a language that cannot be heard, is a question to a person.
2. Align the transcript with what should be heard: the spoken disclosure, then every turn of the script, with
   reminders of the disclosure where the plan has them.
3. Compare: changed names, numbers and negations, missing, added and repeated stretches, places and voices with many
   errors; and the sound itself with the plan: silence, sound without words, clipping.
4. Screen the transcript by the same policy. A finding counts where the words that were heard are not the words that
   were written; where they are, the script's own decision has judged them, in their punctuation and quotation marks.

The transcript adds findings and never clears one. Recognisers mishear, so a block that is found only by ear becomes a
review, unless the pack says `transcript_block = "block"`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from policies.alignment import Stretch, align
from policies.decision import Decision, Finding, Span, Verdict, strictest
from policies.divergence import Divergence, divergences
from policies.heard_places import SPEAKER, Expected, Places, differing
from policies.policy import Coverage
from policies.rule_settings import SpokenRule
from policies.screen import Screener
from policies.soundness import Fault, PlannedSentence, faults
from policies.spoken_words import spoken_words
from policies.text import Manuscript, Turn
from policies.transcript import LISTENING_RATE, Listener, Transcript

RULE = "spoken"
VIEW = "transcript"


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

    def transcribe(self, samples: NDArray[np.float32], *, language: str) -> Transcript | None:
        """Return what is heard, without judging it; None where the recogniser does not know the language.

        `samples` as for `check`. Raises `ScreeningError` when the recogniser cannot run.
        """
        if language not in self._listener.languages:
            return None
        return self._listener.listen(samples, language=language)

    def check(
        self,
        manuscript: Manuscript,
        samples: NDArray[np.float32],
        *,
        disclosure: str = "",
        voices: Mapping[str, str] | None = None,
        plan: Sequence[PlannedSentence] = (),
    ) -> Hearing:
        """Judge audio, mono float32 of shape (T,) at 16 kHz, that should say `disclosure` and then the turns.

        `voices` names the voice of each speaker; `plan` says when each sentence should be
        heard. Raises `ScreeningError` when the recogniser or a rule cannot run.
        """
        expected = _expected(manuscript, disclosure, voices or {}, plan)
        # 1.
        if manuscript.language not in self._listener.languages:
            empty = Transcript((), len(samples) / LISTENING_RATE)
            return self._hearing(manuscript, empty, expected, [_unheard(manuscript, "not_transcribed")], [])
        transcript = self._listener.listen(samples, language=manuscript.language)
        heard = spoken_words(transcript.text)
        unsound = [_fault(fault, plan, manuscript) for fault in faults(samples, plan, transcript.words, self._settings)]
        if not heard:
            found = [_unheard(manuscript, "nothing_heard"), *unsound]
            return self._hearing(manuscript, transcript, expected, found, [])
        # 2.
        stretches = align(expected.words, heard, alike=self._settings.alike)
        place = Places(manuscript, transcript, expected, heard, stretches)
        # 3.
        findings = [
            _finding(found, place)
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
        findings += unsound
        findings += self._screened(manuscript, transcript, place)
        return self._hearing(manuscript, transcript, expected, findings, stretches)

    def _screened(self, manuscript: Manuscript, transcript: Transcript, place: Places) -> list[Finding]:
        excerpt = differing(transcript.text, place, language=manuscript.language)
        if excerpt is None:
            return []
        spoken = Manuscript(excerpt.text, manuscript.language, (Turn(SPEAKER, 0, len(excerpt.text)),))
        findings = []
        for finding in self._screener.screen(spoken).findings:
            span = excerpt.span(finding.span)
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
        placed = [replace(finding, span=manuscript.author_span(finding.span)) for finding in findings]
        ordered = sorted(placed, key=lambda one: (-one.verdict.severity, one.span.start, one.rule, one.category))
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


def _finding(found: Divergence, place: Places) -> Finding:
    where, begins, ends = place.of_words(found.start, found.end, found.heard_start, found.heard_end)
    return Finding(
        rule=RULE,
        category=found.category,
        verdict=Verdict.REVIEW,
        span=where,
        score=round(min(1.0, found.score), 4),
        explanation=found.explanation,
        view=VIEW,
        threshold=found.threshold,
        time_start=begins,
        time_end=ends,
    )


def _fault(fault: Fault, plan: Sequence[PlannedSentence], manuscript: Manuscript) -> Finding:
    """Return a fault of the sound as a finding; what is not in the script has the text's beginning as its place."""
    turn = plan[fault.sentence].turn
    ordered = sorted(manuscript.turns, key=lambda one: one.start)
    span = Span(0, 1) if turn is None or turn >= len(ordered) else Span(ordered[turn].start, ordered[turn].end)
    return Finding(
        rule=RULE,
        category=fault.category,
        verdict=Verdict.REVIEW,
        span=span,
        score=round(fault.score, 4),
        explanation=fault.explanation,
        view=VIEW,
        threshold=fault.threshold,
        time_start=fault.start,
        time_end=fault.end,
    )


def _expected(
    manuscript: Manuscript, disclosure: str, voices: Mapping[str, str], plan: Sequence[PlannedSentence]
) -> Expected:
    words = spoken_words(disclosure)
    preface = len(words)
    owners = [""] * preface
    reminders = _reminders(plan)
    for number, turn in enumerate(sorted(manuscript.turns, key=lambda turn: turn.start)):
        said = spoken_words(manuscript.text, turn.start, turn.end)
        who = [voices.get(turn.speaker, turn.speaker)] * len(said)
        for after, text in reversed(reminders.get(number, [])):
            # What the author did not write has its place where it is heard: between two words of theirs.
            place = said[min(after, len(said)) - 1].end if after and said else turn.start
            added = [replace(word, start=place, end=place) for word in spoken_words(text)]
            said[after:after], who[after:after] = added, [""] * len(added)
        words += said
        owners += who
    return Expected(tuple(words), preface, tuple(owners))


def _reminders(plan: Sequence[PlannedSentence]) -> dict[int, list[tuple[int, str]]]:
    """Return what is said besides the script, by turn: after how many of its words, and the text.

    What comes before the first turn is the disclosure; what comes between two turns counts to the earlier one.
    """
    found: dict[int, list[tuple[int, str]]] = {}
    turn, said = None, 0
    for sentence in plan:
        if sentence.turn is not None:
            said = (said if sentence.turn == turn else 0) + len(spoken_words(sentence.text))
            turn = sentence.turn
        elif turn is not None:
            found.setdefault(turn, []).append((said, sentence.text))
    return found


_UNHEARD = {
    "not_transcribed": "The recogniser does not know this language, so nobody has checked what the audio says.",
    "nothing_heard": "No words were heard in the finished audio.",
}


def _unheard(manuscript: Manuscript, category: str) -> Finding:
    whole = Span(0, max(1, len(manuscript.text)))
    return Finding(RULE, category, Verdict.REVIEW, whole, 1.0, _UNHEARD[category], VIEW)
