"""Problem documents: one shape for every refusal, and nothing in them that should stay inside."""

from __future__ import annotations

import json

import pytest
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException

from gateway.api.problems import known_problems, problem_body, problem_responses, validation_errors
from gateway.errors import PROBLEMS, ConflictError, IdempotencyConflictError, RateLimitedError
from synth.errors import AudioError, ScriptError

SECRET = "the words of a script"


def document(error: Exception) -> dict[str, object]:
    body = problem_body(error, public_url="https://gate.example/", instance="/v1/x", trace_id="t" * 32)
    parsed: dict[str, object] = json.loads(body)
    return parsed


@pytest.mark.parametrize(
    ("error", "slug", "status"),
    [
        (ConflictError("the episode is released"), "conflict", 409),
        (AudioError("not audio"), "invalid-audio", 422),
        (HTTPException(404), "not-found", 404),
        (HTTPException(405), "method-not-allowed", 405),
        (HTTPException(418), "http-error", 418),
        (OperationalError(SECRET, {"script": SECRET}, Exception(SECRET)), "database-unavailable", 503),
        (RuntimeError(SECRET), "internal-error", 500),
        (
            RequestValidationError([{"loc": ("query", "limit"), "msg": "too small", "input": SECRET}]),
            "invalid-request",
            422,
        ),
        (RequestValidationError([{"loc": ("path", "episode_id"), "msg": "bad", "input": SECRET}]), "not-found", 404),
    ],
)
def test_every_error_becomes_a_complete_problem(error: Exception, slug: str, status: int) -> None:
    problem = document(error)
    assert problem["type"] == f"https://gate.example/problems/{slug}"
    assert problem["status"] == status
    assert problem["instance"] == "/v1/x"
    assert problem["trace_id"] == "t" * 32
    assert problem["title"]
    assert problem["detail"]
    assert SECRET not in json.dumps(problem)


def test_place_in_the_script_is_a_member() -> None:
    problem = document(ScriptError("no words", line=3, column=7))
    assert (problem["line"], problem["column"]) == (3, 7)


def test_extensions_are_members_but_never_replace_standard_ones() -> None:
    problem = document(IdempotencyConflictError("used", episode_id="ep_1", status=200, type="x"))
    assert problem["episode_id"] == "ep_1"
    assert problem["status"] == 422
    assert problem["type"] != "x"


def test_text_that_utf8_cannot_carry_still_makes_valid_json() -> None:
    assert document(ConflictError("half a \ud83d pair"))["status"] == 409


def test_validation_errors_are_json_pointers_with_escapes() -> None:
    listed = validation_errors([{"loc": ("body", "a/b", "c~d", 0), "msg": "wrong", "input": SECRET}])
    assert listed == [{"pointer": "#/a~1b/c~0d/0", "detail": "wrong"}]


def test_every_problem_is_known_once_and_explained() -> None:
    known = list(known_problems())
    slugs = [entry.problem.slug for entry in known]
    assert len(slugs) == len(set(slugs))
    assert {problem.slug for _, problem in PROBLEMS} <= set(slugs)
    assert {"rate-limited", "range-not-satisfiable", "method-not-allowed"} <= set(slugs)
    assert all(entry.meaning.endswith(".") for entry in known)


def test_described_responses_are_problem_documents_only() -> None:
    described = problem_responses(404, 429)
    assert set(described) == {404, 429}
    for response in described.values():
        assert list(response["content"]) == ["application/problem+json"]
        assert response["description"]


def test_status_that_no_problem_has_cannot_be_described() -> None:
    with pytest.raises(KeyError):
        problem_responses(402)


def test_seconds_to_wait_are_a_member() -> None:
    assert document(RateLimitedError("slow down", retry_after=7))["retry_after"] == 7
