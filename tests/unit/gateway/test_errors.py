"""Every error of every package becomes a problem, and internals stay inside."""

from __future__ import annotations

import pytest

import audit.errors
import gateway.errors
import policies.errors
import synth.errors
from gateway.errors import detail_for, problem_for

ROOTS = (
    audit.errors.AuditError,
    policies.errors.PolicyError,
    synth.errors.SynthError,
    gateway.errors.GatewayError,
)


def every_error() -> list[type[Exception]]:
    return [
        kind
        for module in (audit.errors, policies.errors, synth.errors, gateway.errors)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, ROOTS)
    ]


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_every_error_of_ours_has_a_problem_with_its_own_words(kind: type[Exception]) -> None:
    error = kind("what, why, what to do")
    problem = problem_for(error)
    assert 400 <= problem.status < 600
    assert problem.slug
    assert "what, why, what to do" in detail_for(error)


def test_every_error_name_ends_in_error() -> None:
    assert [kind.__name__ for kind in every_error() if not kind.__name__.endswith("Error")] == []


def test_an_error_that_is_not_ours_says_nothing_about_itself() -> None:
    error = RuntimeError("password=hunter2")
    assert problem_for(error).status == 500
    assert "hunter2" not in detail_for(error)
