"""Every error that leaves `policies`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MOST_PROBLEMS = 20  # of one pack that are listed; more would hide the first


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a pack: where it is, what is wrong, and what to do."""

    file: str
    line: int | None  # 1-based; None where the mistake has no line, for example an absent file
    key: str  # dotted, for example "rules.toxicity.review.insult"; empty for the file as a whole
    message: str

    def __str__(self) -> str:
        place = [self.file] + ([f"line {self.line}"] if self.line else []) + ([self.key] if self.key else [])
        return ": ".join([*place, self.message])


class PolicyError(Exception):
    """Base of all errors raised by this package; the message says what, why and what to do."""


class InvalidPolicyError(PolicyError):
    """The policy pack cannot be used: it is empty, malformed or contradicts itself."""

    def __init__(self, message: str, *, problems: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)

    @classmethod
    def listing(cls, problems: Sequence[Problem]) -> InvalidPolicyError:
        """Return one error for all `problems`, a line for each, the first `MOST_PROBLEMS` of them in words."""
        lines = [str(problem) for problem in problems[:MOST_PROBLEMS]]
        if len(problems) > MOST_PROBLEMS:
            lines.append(f"and {len(problems) - MOST_PROBLEMS} more; correct these first")
        return cls("\n".join(lines), problems=problems)


class ScreeningError(PolicyError):
    """A rule could not run, so nothing is known about the script; the caller must fail closed."""


class ModelUnavailableError(PolicyError):
    """A model that the policy needs is missing or its digest is not the pinned one."""


class KnowledgeBaseError(PolicyError):
    """Fact-checks cannot be read, imported or changed; the knowledge base is as it was before."""
