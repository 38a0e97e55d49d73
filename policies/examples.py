"""A pack's own examples: what it must pass, what it must catch, and whether it does.

They say what a policy means better than its thresholds do, and they travel with the pack. Running them proves nothing
about other texts; a change that breaks one is nearly always a mistake.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from policies.decision import Decision, Verdict
from policies.errors import InvalidPolicyError, Problem, ScreeningError
from policies.pack_files import TomlFile, validated
from policies.pack_schema import ExampleDocument, ExamplesDocument
from policies.text import Manuscript, Turn

if TYPE_CHECKING:
    from policies.screen import Screener

SPEAKERS = ("FIRST", "SECOND")


class Purpose(StrEnum):
    """Why an example is there."""

    PASS = "must_pass"  # noqa: S105  # no password: a text that a careless rule would hold
    CATCH = "must_catch"  # a text that must not go out unseen


DEFAULT_EXPECTATION = {
    Purpose.PASS: (Verdict.ALLOW,),
    Purpose.CATCH: (Verdict.REVIEW, Verdict.BLOCK),
}


@dataclass(frozen=True, slots=True)
class Example:
    """One text with the verdicts that are right for it."""

    purpose: Purpose
    name: str
    manuscript: Manuscript
    expect: tuple[Verdict, ...]
    category: str | None  # one finding must have it

    @property
    def group(self) -> str:
        """What comes before the colon of the name: related examples are counted together."""
        return self.name.partition(":")[0].strip() if ":" in self.name else "other"


@dataclass(frozen=True, slots=True)
class Trial:
    """What the policy said about one example; `problem` is empty when that was right."""

    example: Example
    decision: Decision | None  # None when it could not be screened
    problem: str

    @property
    def passed(self) -> bool:
        """Whether the policy did as the example asks."""
        return not self.problem


def read_examples(file: TomlFile, *, languages: Sequence[str]) -> tuple[Example, ...]:
    """Return the examples of a pack's file, whose `languages` may be used.

    Raises `InvalidPolicyError` that lists every mistake with its line: shape, names used twice, one text both passed
    and caught, expectations that contradict the list they stand in.
    """
    document = validated(ExamplesDocument, file)
    problems: list[Problem] = []
    examples: list[Example] = []
    names: set[str] = set()
    texts: dict[str, str] = {}
    for purpose in Purpose:
        listed: tuple[ExampleDocument, ...] = getattr(document, purpose.value)
        for number, one in enumerate(listed):
            at = (purpose.value, number)
            example = _example(purpose, one, default_language=languages[0])
            if one.name in names:
                problems.append(file.problem((*at, "name"), f"{one.name!r} is used twice; give each its own name"))
            names.add(one.name)
            if wrong := _contradiction(example):
                problems.append(file.problem((*at, "expect"), wrong))
            if example.manuscript.language not in languages:
                problems.append(
                    file.problem((*at, "language"), f"{one.language!r} is none of the policy's languages {languages}")
                )
            earlier = texts.setdefault(example.manuscript.text, one.name)
            if earlier != one.name:
                problems.append(file.problem(at, f"has the same text as {earlier!r}; keep one of them"))
            examples.append(example)
    if problems:
        raise InvalidPolicyError.listing(problems)
    return tuple(examples)


def _example(purpose: Purpose, document: ExampleDocument, *, default_language: str) -> Example:
    text = ""
    turns = []
    for number, words in enumerate(document.turns or (document.text,)):
        speaker = SPEAKERS[number % len(SPEAKERS)]
        if document.turns:
            text += f"{speaker}: "
        turns.append(Turn(speaker, len(text), len(text) + len(words)))
        text += words + ("\n\n" if document.turns else "")
    return Example(
        purpose=purpose,
        name=document.name,
        manuscript=Manuscript(text, document.language or default_language, tuple(turns)),
        expect=document.expect or DEFAULT_EXPECTATION[purpose],
        category=document.category,
    )


def _contradiction(example: Example) -> str:
    if example.purpose is Purpose.PASS and Verdict.BLOCK in example.expect:
        return "what must pass may not expect block; move it to must_catch"
    if example.purpose is Purpose.CATCH and Verdict.ALLOW in example.expect:
        return "what must be caught may not expect allow; move it to must_pass"
    if example.category and example.expect == (Verdict.ALLOW,) and example.purpose is Purpose.CATCH:
        return "a category cannot be found in what is allowed"
    return ""


def try_examples(screener: Screener, examples: Sequence[Example]) -> Iterator[Trial]:
    """Screen one example after another; one that cannot be screened is a failed trial, not an error."""
    for example in examples:
        try:
            decision = screener.screen(example.manuscript)
        except ScreeningError as error:
            yield Trial(example, None, f"could not be screened: {error}")
            continue
        yield Trial(example, decision, _problem(example, decision))


def _problem(example: Example, decision: Decision) -> str:
    if decision.verdict not in example.expect:
        return f"got {decision.verdict.value}, expected {' or '.join(example.expect)}"
    if example.category and example.category not in {finding.category for finding in decision.findings}:
        return f"got {decision.verdict.value}, but no finding of category {example.category}"
    return ""
