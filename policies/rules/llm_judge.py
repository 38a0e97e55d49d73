"""A second opinion by a language model: it may hold or block what the other rules passed, and never clears anything.

The verdict on a script is the strictest of all findings, so an opinion "harmless" changes nothing. An opinion that
cannot be had is an error, or a review where the policy says so; it is never taken for "harmless".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from policies.decision import Finding, Guidance, Span, Verdict
from policies.errors import ScreeningError
from policies.rule_settings import JudgeRule
from policies.text import Manuscript
from policies.views import ORIGINAL, Views

UNAVAILABLE = "judge_unavailable"
_MOST_FAILURES = 3  # then the judge is not asked again: a hanging endpoint must not hold a script for hours
_PASSAGE_CHARACTERS = 2000  # longer segments are cut at sentences: guards judge short texts better than long ones


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the judge says of one passage; no categories means that it found nothing."""

    categories: tuple[str, ...]
    score: float  # 0..1; 1.0 where the judge gives no degree


class Judge(Protocol):
    """A language model that is asked about one bare passage at a time.

    Obligations: `ask` may be called from several threads; it returns within a bounded time; it raises `ScreeningError`
    unless it has a well-formed, consistent answer; its errors never hold the passage.
    """

    @property
    def model(self) -> tuple[str, str]:
        """(model id, "unpinned"): an endpoint's model has no digest that we could check."""
        ...

    @property
    def categories(self) -> tuple[str, ...]:
        """All categories that its opinions can have."""
        ...

    @property
    def concurrency(self) -> int:
        """How many questions it takes side by side."""
        ...

    def ask(self, passage: str, *, policy: str) -> Opinion:
        """Return the opinion on `passage` under the policy's text."""
        ...


class SecondOpinion:
    """Asks the judge about every passage of every distinct view."""

    id = "llm_judge"

    def __init__(
        self, *, judge: Judge, guidance: str, settings: JudgeRule, categories: Sequence[Guidance] = ()
    ) -> None:
        self._judge = judge
        self._settings = settings
        self._policy = settings.policy or policy_text(guidance, categories)
        self.categories: tuple[str, ...] = tuple(sorted({*judge.categories, UNAVAILABLE}))
        self.models: tuple[tuple[str, str], ...] = (judge.model,)

    def check(self, manuscript: Manuscript, views: Views) -> list[Finding]:
        """Ask about all passages, a bounded number at a time; findings come in the order of the text."""
        del manuscript
        questions = list(_passages(views))
        if len(questions) > self._settings.max_passages:
            return self._failed(
                Span(0, len(views.manuscript.text)),
                ScreeningError(
                    f"the script has {len(questions)} passages, more than {self._settings.max_passages} that the "
                    "policy lets a judge be asked about; split it, or raise rules.llm_judge.max_passages"
                ),
            )
        findings: list[Finding] = []
        failures: list[ScreeningError] = []

        def ask(passage: str) -> Opinion | ScreeningError:
            if len(failures) >= _MOST_FAILURES:
                return failures[0]
            try:
                return self._judge.ask(passage, policy=self._policy)
            except ScreeningError as error:
                failures.append(error)
                return error

        with ThreadPoolExecutor(max_workers=self._judge.concurrency) as pool:
            answers = pool.map(ask, (text for _, _, text in questions))
            try:
                for (span, view, _), answer in zip(questions, answers, strict=True):
                    if isinstance(answer, ScreeningError):
                        findings += self._failed(span, answer)
                    else:
                        findings += self._found(span, view, answer)
            except ScreeningError:
                pool.shutdown(wait=False, cancel_futures=True)  # the decision is an error already: ask no further
                raise
        return findings

    def _found(self, span: Span, view: str, opinion: Opinion) -> list[Finding]:
        explanation = "A language model holds that this passage is against the policy; read it in its context."
        return [
            Finding(self.id, category, self._settings.verdict, span, opinion.score, explanation, view)
            for category in opinion.categories
        ]

    def _failed(self, span: Span, error: ScreeningError) -> list[Finding]:
        if self._settings.on_failure == "error":
            raise error
        explanation = f"The language model gave no usable opinion on this passage ({error})."
        return [Finding(self.id, UNAVAILABLE, Verdict.REVIEW, span, 1.0, explanation, ORIGINAL)]


def policy_text(guidance: str, categories: Sequence[Guidance]) -> str:
    """Return the pack's guidance for reviewers as one text: what a person reads is what the model reads."""
    parts = [guidance.strip()]
    for one in categories:
        lines = [f"# {one.id}", one.goal, one.definition]
        lines += [f"Allowed: {text}" for text in one.allow]
        lines += [f"Against the policy: {text}" for text in one.refuse]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _passages(views: Views) -> Iterator[tuple[Span, str, str]]:
    """Yield (span, view, text) of each passage: the sentences of one segment, up to a bounded length.

    The labels of turns ("ANNA:") are no passages: nobody speaks them, and there is one for every turn.
    """
    speakers = {turn.speaker.casefold() for turn in views.manuscript.turns}
    start = end = -1
    segment = None
    for sentence in views.sentences:
        written = views.manuscript.text[sentence.start : sentence.end]
        if not sentence.spoken and written.strip("*_:[] ").casefold() in speakers:
            continue
        if segment == sentence.segment and sentence.end - start <= _PASSAGE_CHARACTERS:
            end = sentence.end
            continue
        if segment is not None:
            yield from _readings(views, start, end)
        start, end, segment = sentence.start, sentence.end, sentence.segment
    if segment is not None:
        yield from _readings(views, start, end)


def _readings(views: Views, start: int, end: int) -> Iterator[tuple[Span, str, str]]:
    for view, text in views.readings(start, end):
        yield Span(start, end), view, text
