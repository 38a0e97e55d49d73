"""The OpenAPI description is true: generated requests, valid and not, get only what it says they may get."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from gateway.api.mount import ROUTERS
from tests.api_gate import Gate, a_script, build_gate

EXAMPLES = 12  # per operation, kind of request and key; the whole file stays below a minute
OPERATIONS = sorted(
    (route.path_format, method)
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute) and route.include_in_schema
    for method in route.methods or ()
)

# What counts as refusing a request that does not fit the schema; too long a body or address is refused as that.
REFUSALS = [400, 401, 403, 404, 405, 406, 409, 413, 414, 415, 422, 428, 429, "5xx"]

# What these take is more than a JSON schema can say: a script that parses, audio, a reason in printable characters, a
# cursor that a page returned. A request that fits the schema may still be refused there.
BEYOND_SCHEMAS = {
    ("/v1/submissions", "POST"),
    ("/v1/submissions", "GET"),
    ("/v1/verifications", "POST"),
    ("/v1/episodes/{episode_id}/withdrawal", "POST"),
    ("/v1/matches/byBinding", "GET"),
    ("/v1/matches/byBinding", "POST"),
    ("/v1/matches/byContent", "POST"),
    ("/v1/matches/byReference", "POST"),
    ("/v1/manifests/{manifest_id}", "GET"),
    ("/v1/screenings", "POST"),
    ("/v1/audio/speech", "POST"),
    ("/v1alpha1/comments:analyze", "POST"),
    ("/v1/submissions/{episode_id}/appeals", "POST"),
    ("/v1/appeals/{appeal_id}/decision", "POST"),
    ("/v1/reviews/{episode_id}/approve", "POST"),
    ("/v1/reviews/{episode_id}/reject", "POST"),
    ("/v1/reviews/{episode_id}/request-changes", "POST"),
    ("/v1/reviews/{episode_id}/escalate", "POST"),
    ("/v1/reviews/{episode_id}/hand-over", "POST"),
    ("/v1/reviews/{episode_id}/hold", "POST"),
    ("/v1/reviews/{episode_id}/redact", "POST"),
    ("/v1/pronunciations", "POST"),
    ("/v1/intakes", "POST"),
}
# These take any bytes as a file, so "an object instead of a string" is a file of other bytes: accepted, judged later.
TAKES_ANY_BYTES = {("/v1/verifications", "POST"), ("/v1/matches/byContent", "POST")}
# Unknown parameters are ignored, as everywhere; here that may be all that is wrong with a generated request.
IGNORES_UNKNOWN_PARAMETERS = {("/v1/submissions", "GET")}
NOTHING_TO_GET_WRONG = {
    (path, method)
    for path in (
        "/cover.png",
        "/feed.xml",
        "/livez",
        "/readyz",
        "/v1/log/checkpoint",
        "/v1/log/vkey",
        "/v1/log/policy",
        "/v1/log/tile/{path}",
    )
    for method in ("GET", "HEAD")
}
NOTHING_TO_GET_WRONG |= {
    (path, "GET")
    for path in (
        "/.well-known/c2pa-soft-binding-resolution",
        "/.well-known/jwks.json",
        "/v1/services/capabilities",
        "/v1/services/status",
        "/v1/services/supportedAlgorithms",
    )
}


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Gate:
    """A gateway of its own, because generated requests leave things behind."""
    gate = build_gate(tmp_path_factory.mktemp("fuzzed"))
    gate.make(a_script(sentences=2))
    return gate


@pytest.fixture(scope="module")
def described(fuzzed: Gate) -> Any:
    refusals = {"checks": {"negative_data_rejection": {"expected-statuses": REFUSALS}}}
    config = schemathesis.Config.from_dict(refusals)
    return schemathesis.openapi.from_asgi("/openapi.json", fuzzed.app, config=config)


@pytest.mark.parametrize("who", ["submitter", "reviewer"])
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_answers_are_as_described(described: Any, fuzzed: Gate, path: str, method: str, who: str) -> None:
    operation = described[path][method]
    headers = {"Authorization": f"Bearer {fuzzed.keys[who]}"}
    for mode in GenerationMode:

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
            database=None,
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def check(case: schemathesis.Case) -> None:
            excluded = [positive_data_acceptance] if (path, method) in BEYOND_SCHEMAS else []
            excluded += (
                [negative_data_rejection] if (path, method) in TAKES_ANY_BYTES | IGNORES_UNKNOWN_PARAMETERS else []
            )
            case.call_and_validate(headers=headers, excluded_checks=excluded)

        if mode is GenerationMode.NEGATIVE and (path, method) in NOTHING_TO_GET_WRONG:
            with pytest.raises(Unsatisfiable):
                check()
        else:
            check()
