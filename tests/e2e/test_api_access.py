"""Who may call what: every route, every role, and keys that are no longer good."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from audit.tiles import edge_tiles
from gateway.api.mount import ROUTERS
from gateway.auth import Role, create_key, revoke_key
from tests.api_gate import Gate, a_script, build_gate

ANYBODY = {None, "submitter", "reviewer", "auditor", "admin"}
SOMEBODY = {"submitter", "reviewer", "auditor", "admin"}
DECISION = {"json": {"reason": "It is fine."}}
REDACTION = {"json": {"reason": "It is false.", "spans": [{"start": 0, "end": 9}]}}
HOLD = {"json": {"reason": "It waits for the lawyers.", "until": "2026-03-02T12:00:00Z"}}

# (method, path, request, who gets past the door). `{waiting}` belongs to the submitter and came to review.
MATRIX: list[tuple[str, str, dict[str, Any], set[str | None]]] = [
    ("POST", "/v1/submissions", {"json": {"script": "x"}}, {"submitter"}),
    ("GET", "/v1/submissions", {}, {"submitter", "auditor", "admin"}),
    ("GET", "/v1/submissions/{waiting}", {}, SOMEBODY),
    ("DELETE", "/v1/submissions/{nothing}?reason=mistake", {}, {"admin"}),
    ("GET", "/v1/submissions/{waiting}/statement", {}, SOMEBODY),
    ("GET", "/v1/submissions/{waiting}/appeals", {}, SOMEBODY),
    ("POST", "/v1/submissions/{nothing}/appeals", DECISION, {"submitter"}),
    ("GET", "/v1/appeals", {}, {"reviewer", "auditor"}),
    ("POST", "/v1/appeals/{no_appeal}/claim", {}, {"reviewer"}),
    ("POST", "/v1/appeals/{no_appeal}/decision", {"json": {"reason": "x", "outcome": "upheld"}}, {"reviewer"}),
    ("GET", "/v1/reviews", {}, {"reviewer", "auditor"}),
    ("POST", "/v1/reviews/{nothing}/claim", {}, {"reviewer"}),
    ("POST", "/v1/reviews/{nothing}/approve", DECISION, {"reviewer"}),
    ("POST", "/v1/reviews/{nothing}/reject", DECISION, {"reviewer"}),
    ("POST", "/v1/reviews/{nothing}/request-changes", DECISION, {"reviewer"}),
    ("POST", "/v1/reviews/{nothing}/escalate", DECISION, {"reviewer"}),
    ("POST", "/v1/reviews/{nothing}/release", {}, {"reviewer"}),
    ("POST", "/v1/reviews/{nothing}/redact", REDACTION, {"reviewer"}),
    ("POST", "/v1/reviews/{nothing}/hold", HOLD, {"reviewer"}),
    ("POST", "/v1/reviews/{nothing}/hand-over", {"json": {"to": "nobody"}}, {"reviewer"}),
    ("GET", "/v1/episodes/{released}", {}, ANYBODY),
    (
        "POST",
        "/v1/episodes/{nothing}/withdrawal",
        {"json": {"reason": "It is wrong."}},
        {"submitter", "reviewer", "admin"},
    ),
    ("GET", "/v1/episodes/{released}/audio/{released_file}", {}, ANYBODY),
    ("HEAD", "/v1/episodes/{released}/audio/{released_file}", {}, ANYBODY),
    ("GET", "/v1/episodes/{waiting}/audio/{waiting_file}", {}, SOMEBODY),
    ("GET", "/v1/episodes/{released}/transcript.vtt", {}, ANYBODY),
    ("GET", "/v1/episodes/{released}/transcript.srt", {}, ANYBODY),
    ("GET", "/v1/episodes/{released}/transcript.json", {}, ANYBODY),
    ("GET", "/v1/episodes/{released}/chapters.json", {}, ANYBODY),
    ("POST", "/v1/verifications", {"content": b"x", "headers": {"Content-Type": "audio/mpeg"}}, ANYBODY),
    ("GET", "/v1/verifications/{nothing}/signed", {}, ANYBODY),
    ("GET", "/.well-known/jwks.json", {}, ANYBODY),
    ("GET", "/.well-known/c2pa-soft-binding-resolution", {}, ANYBODY),
    ("GET", "/v1/matches/byBinding", {}, ANYBODY),
    ("POST", "/v1/matches/byBinding", {"json": {}}, ANYBODY),
    ("POST", "/v1/matches/byContent", {"content": b"x", "headers": {"Content-Type": "audio/mpeg"}}, ANYBODY),
    ("POST", "/v1/matches/byReference", {"json": {"url": "https://example.org/a.mp3"}}, ANYBODY),
    ("GET", "/v1/services/supportedAlgorithms", {}, ANYBODY),
    ("GET", "/v1/services/capabilities", {}, ANYBODY),
    ("GET", "/v1/services/status", {}, ANYBODY),
    ("GET", "/verify", {}, ANYBODY),
    ("POST", "/verify", {"content": b"x", "headers": {"Content-Type": "audio/mpeg"}}, ANYBODY),
    ("GET", "/v1/log/policy?{nothing}", {}, ANYBODY),
    ("HEAD", "/v1/log/policy?{nothing}", {}, ANYBODY),
    ("POST", "/v1/screenings", {"json": {"text": "x"}}, {"submitter", "reviewer", "admin"}),
    ("POST", "/v1/screenings/batch", {"json": {"items": [{"text": "x"}]}}, {"submitter", "reviewer", "admin"}),
    ("POST", "/v1/moderations", {"json": {"input": "x"}}, {"submitter", "reviewer", "admin"}),
    ("POST", "/v1alpha1/comments:analyze", {"json": {}}, {"submitter", "reviewer", "admin"}),
    ("GET", "/v1/voices", {}, SOMEBODY),
    ("GET", "/v1/models", {}, SOMEBODY),
    ("GET", "/v1/audio/voices", {}, SOMEBODY),
    ("POST", "/v1/audio/speech", {"json": {"model": "x", "input": "x", "voice": "nobody"}}, {"submitter"}),
    ("GET", "/v1/policy", {}, SOMEBODY),
    ("GET", "/v1/log/checkpoint", {}, ANYBODY),
    ("HEAD", "/v1/log/checkpoint", {}, ANYBODY),
    ("GET", "/v1/log/vkey", {}, ANYBODY),
    ("HEAD", "/v1/log/vkey", {}, ANYBODY),
    ("GET", "/v1/log/policy", {}, ANYBODY),
    ("HEAD", "/v1/log/policy", {}, ANYBODY),
    ("GET", "/v1/log/timestamp/1", {}, ANYBODY),
    ("GET", "/v1/log/tile/{edge}", {}, ANYBODY),
    ("HEAD", "/v1/log/tile/{edge}", {}, ANYBODY),
    ("GET", "/v1/log/proof/{released}", {}, ANYBODY),
    ("GET", "/v1/log/proof/{waiting}?purpose=clip", {}, SOMEBODY),
    ("GET", "/v1/log/entries/0", {}, ANYBODY),
    ("POST", "/v1/webhooks", {"json": {"url": "http://x"}}, {"admin"}),
    ("GET", "/v1/webhooks", {}, {"submitter", "auditor", "admin"}),
    ("GET", "/v1/webhooks/wh_0000000000000000?{nothing}", {}, {"submitter", "auditor", "admin"}),
    ("POST", "/v1/webhooks/wh_0000000000000000/disable?{nothing}", {}, {"admin"}),
    ("POST", "/v1/webhooks/wh_0000000000000000/enable?{nothing}", {}, {"admin"}),
    ("POST", "/v1/webhooks/wh_0000000000000000/secret?{nothing}", {}, {"admin"}),
    ("POST", "/v1/webhooks/wh_0000000000000000/test?{nothing}", {}, {"submitter", "admin"}),
    ("GET", "/v1/webhooks/wh_0000000000000000/deliveries?{nothing}", {}, {"submitter", "auditor", "admin"}),
    (
        "POST",
        "/v1/webhooks/wh_0000000000000000/deliveries/msg_000000000000000000000000/redelivery?{nothing}",
        {},
        {"submitter", "admin"},
    ),
    ("GET", "/feed.xml", {}, ANYBODY),
    ("HEAD", "/feed.xml", {}, ANYBODY),
    ("GET", "/v1/pronunciations", {}, SOMEBODY),
    ("POST", "/v1/pronunciations", {"json": {"word": "Nguyen", "sounds_like": "win"}}, {"reviewer", "admin"}),
    ("DELETE", "/v1/pronunciations/sha256:" + "0" * 64, {}, {"reviewer", "admin"}),
    ("POST", "/v1/intakes", {"files": {"file": b"x"}}, {"submitter"}),
    (
        "POST",
        "/v1/drafts",
        {"json": {"topic": "x", "sources": [{"title": "x", "text": "x"}]}},
        {"submitter"},
    ),
    *(
        (method, f"/save-to-spotify/api/v1/{path}", {}, {"submitter"})
        for method, path in (
            ("GET", "shows"),
            ("POST", "shows"),
            ("GET", "shows/{nothing}"),
            ("DELETE", "shows/{nothing}"),
            ("POST", "images"),
            ("GET", "shows/{nothing}/episodes"),
            ("POST", "shows/{nothing}/episodes"),
            ("GET", "episodes/{nothing}/readiness"),
            ("DELETE", "episodes/{nothing}"),
            ("GET", "shows/{nothing}/episodes/{nothing}/timeline"),
            ("PUT", "shows/{nothing}/episodes/{nothing}/timeline"),
            ("DELETE", "shows/{nothing}/episodes/{nothing}/timeline"),
        )
    ),
    ("GET", "/save-to-spotify/api/v1/cli/releases/latest?x={nothing}", {}, ANYBODY),
    ("PUT", "/save-to-spotify/uploads/{nothing}", {}, ANYBODY),
    ("POST", "/v1/feeds", {"json": {"name": "Board"}}, {"admin"}),
    ("GET", "/v1/feeds", {}, {"admin"}),
    ("DELETE", "/v1/feeds/{nothing}", {}, {"admin"}),
    ("GET", "/listen/{nothing}/feed.xml", {}, ANYBODY),
    ("HEAD", "/listen/{nothing}/feed.xml", {}, ANYBODY),
    ("GET", "/listen/{nothing}/episodes/{released}/audio/{released_file}", {}, ANYBODY),
    ("HEAD", "/listen/{nothing}/episodes/{released}/audio/{released_file}", {}, ANYBODY),
    ("GET", "/listen/{nothing}/episodes/{released}/transcript.vtt", {}, ANYBODY),
    ("GET", "/listen/{nothing}/episodes/{released}/chapters.json", {}, ANYBODY),
    ("GET", "/cover.png", {}, ANYBODY),
    ("HEAD", "/cover.png", {}, ANYBODY),
    ("GET", "/livez", {}, ANYBODY),
    ("GET", "/readyz", {}, ANYBODY),
    ("GET", "/problems/not-found", {}, ANYBODY),
]
SAVING = "/save-to-spotify/"  # errors as one sentence, which its tool shows
OWN_SHAPE = {"/v1/models", "/v1/audio/voices", "/v1/audio/speech"}  # errors in the shape that its clients know
STOPPED = {401, 403, 404}
UNCONFIGURED = {"/v1/log/policy", "/v1/log/timestamp/1"}  # this gate has neither witnesses nor an authority
UNAPPROVED = "/v1/pronunciations/sha256:" + "0" * 64  # nobody approved it, so that there is nothing to take back


def names(gate: Gate, released: str, waiting: str) -> dict[str, str]:
    auditor = gate.client("auditor")
    files = {
        kind: auditor.get(f"/v1/submissions/{episode_id}").json()["clips"][0]["url"].rpartition("/")[2]
        for kind, episode_id in (("released_file", released), ("waiting_file", waiting))
    }
    shown = gate.chain.tools.log_files.shown()
    assert shown is not None
    edge = edge_tiles(shown.size)[0].path.removeprefix("tile/")
    nothing = {"nothing": "ep_" + "0" * 20, "no_appeal": "ap_" + "0" * 20}
    return {"released": released, "waiting": waiting, "edge": edge, **nothing, **files}


@pytest.mark.parametrize("who", [None, "submitter", "reviewer", "auditor", "admin"])
@pytest.mark.parametrize(("method", "path", "request_", "admitted"), MATRIX)
def test_role_meets_endpoint(
    gate: Gate,
    released: str,
    waiting: str,
    method: str,
    path: str,
    request_: dict[str, Any],
    admitted: set[str | None],
    who: str | None,
) -> None:
    answer = gate.client(who).request(method, path.format(**names(gate, released, waiting)), **request_)
    if who in admitted:
        assert answer.status_code not in {401, 403}
        assert answer.status_code < 500
        if "{no" not in path:
            assert (answer.status_code == 404) is (path in {*UNCONFIGURED, UNAPPROVED})
    else:
        assert answer.status_code in STOPPED
        assert (answer.status_code == 401) == (who is None) or answer.status_code == 404
        assert (
            answer.headers["content-type"] == "application/problem+json"
            or method == "HEAD"
            or path in OWN_SHAPE
            or path.startswith(SAVING)
        )


def test_matrix_names_every_route() -> None:
    known = {
        (method, path.partition("?")[0].replace("{nothing}", "{released}").replace("{no_appeal}", "{released}"))
        for method, path, _, _ in MATRIX
    }
    shapes = {(method, len(path.split("/")), path.split("/")[-1].split("{")[0]) for method, path in known}
    for router in ROUTERS:
        for route in router.routes:
            path = getattr(route, "path", "").replace("{form}", "vtt")
            for method in getattr(route, "methods", ()):
                assert (method, len(path.split("/")), path.split("/")[-1].split("{")[0]) in {
                    *shapes,
                    *((m, n, "") for m, n, _ in shapes),
                }, f"{method} {path} is not in the matrix"


def test_refusal_without_key_says_how_to_send_one(gate: Gate) -> None:
    answer = gate.client().get("/v1/submissions")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "value",
    ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Bearer assay_x_y", "Bearer " + "a" * 5000, "bearer\tassay_x"],
)
def test_bad_credentials_are_refused_even_where_none_are_needed(gate: Gate, released: str, value: str) -> None:
    client = TestClient(gate.app, headers={"Authorization": value}, raise_server_exceptions=False)
    assert client.get("/v1/submissions").status_code == 401
    clip = gate.client().get(f"/v1/episodes/{released}").json()["clips"][0]
    assert client.head(clip["url"]).status_code == 401


def test_key_in_the_query_opens_nothing(gate: Gate) -> None:
    assert gate.client().get(f"/v1/submissions?key={gate.keys['admin']}").status_code == 401


def test_revoked_and_expired_keys_are_refused(gate: Gate) -> None:
    clock = gate.chain.clock
    with gate.chain.database.write() as session:
        revoked = create_key(session, Role.AUDITOR, "revoked", clock())
        expired = create_key(session, Role.AUDITOR, "expired", clock(), expires_at=clock.now + timedelta(seconds=1))

    def status(key: str) -> int:
        return TestClient(gate.app).get("/v1/submissions", headers={"Authorization": f"Bearer {key}"}).status_code

    assert status(revoked) == status(expired) == 200
    with gate.chain.database.write() as session:
        revoke_key(session, revoked.split("_")[1], clock())
    clock.now += timedelta(seconds=2)
    assert status(revoked) == status(expired) == 401


def test_unknown_fault_tells_nothing_and_can_be_traced(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    gate = build_gate(tmp_path)
    secret = a_script("Quixotic.", sentences=2)

    def fail(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(f"cannot handle {secret}")

    gate.chain.tools.log.record = fail  # type: ignore[method-assign]
    answer = gate.client("submitter").post("/v1/submissions", json={"script": secret})
    assert answer.status_code == 500
    assert answer.json()["type"].endswith("/problems/internal-error")
    assert "Quixotic" not in answer.text
    assert answer.json()["trace_id"] == answer.headers["x-trace-id"]
    assert answer.json()["trace_id"] in caplog.text
    assert "Quixotic" not in caplog.text


def test_database_out_of_reach_is_a_503_with_a_time_to_wait(tmp_path: Path) -> None:
    gate = build_gate(tmp_path)
    gate.chain.database.dispose()
    (tmp_path / "assay.db").unlink()
    (tmp_path / "assay.db").mkdir()
    answer = gate.client("auditor").get("/v1/submissions")
    assert answer.status_code == 503
    assert answer.json()["type"].endswith("/problems/database-unavailable")


def test_trace_id_of_the_caller_is_kept(gate: Gate) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    good = gate.client().get("/livez", headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"})
    assert good.headers["x-trace-id"] == trace
    for bad in (f"00-{'0' * 32}-b7ad6b7169203331-01", "00-x-y-01", f"{trace}\r\nX: y"):
        assert gate.client().get("/livez", headers={"traceparent": bad}).headers["x-trace-id"] != trace


def test_every_answer_carries_the_security_headers(gate: Gate) -> None:
    for path in ("/livez", "/feed.xml", "/nope", "/v1/submissions"):
        headers = gate.client().get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["strict-transport-security"].startswith("max-age=")


def test_only_public_files_may_be_read_by_other_sites(gate: Gate, released: str) -> None:
    assert "access-control-allow-origin" not in gate.client("auditor").get("/v1/submissions").headers
    for path in ("/v1/log/checkpoint", "/feed.xml", f"/v1/episodes/{released}/transcript.vtt"):
        assert gate.client().get(path).headers["access-control-allow-origin"] == "*"


def test_nothing_private_may_be_cached(gate: Gate, waiting: str) -> None:
    answer = gate.client("submitter").get(f"/v1/submissions/{waiting}")
    assert answer.headers["cache-control"] == "no-store"
    clip = answer.json()["clips"][0]
    assert gate.client("submitter").get(clip["url"]).headers["cache-control"] == "no-store"


def test_method_that_an_address_does_not_take_names_those_it_takes(gate: Gate) -> None:
    answer = gate.client().delete("/v1/submissions")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, POST"
    assert answer.json()["type"].endswith("/problems/method-not-allowed")


def test_every_problem_type_can_be_looked_up(gate: Gate) -> None:
    body = gate.client().get("/problems/rate-limited").json()
    assert body["status"] == 429
    assert gate.client().get("/problems/no-such-problem").status_code == 404
