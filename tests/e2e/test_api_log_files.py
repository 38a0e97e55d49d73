"""The published log over HTTP: what an outsider's tools fetch, and what nobody gets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from audit.checkpoint import Verifier, parse_and_verify
from audit.monitor import audit_files
from audit.tiles import edge_tiles
from tests.api_gate import Gate, a_script, build_gate


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    gate = build_gate(tmp_path_factory.mktemp("published"))
    gate.make(a_script("Good morning."))
    yield gate
    gate.chain.database.dispose()


def fetch_over(client: TestClient, name: str) -> bytes | None:
    answer = client.get(f"/v1/log/{name}")
    return answer.content if answer.status_code == 200 else None


def test_stranger_audits_the_whole_log_over_http(published: Gate) -> None:
    client = published.client()
    verifier = Verifier.parse(client.get("/v1/log/vkey").text)
    assert verifier == published.chain.tools.log.verifier
    found = audit_files(lambda name, _: fetch_over(client, name), verifier=verifier)
    assert found.divergence is None
    with published.chain.database.read() as session:
        newest = published.chain.tools.log.latest_checkpoint(session)
    assert newest is not None
    assert found.entries == newest.size > 5


def test_files_come_with_the_type_and_the_lifetime_of_the_format(published: Gate) -> None:
    client = published.client()
    checkpoint = client.get("/v1/log/checkpoint")
    assert checkpoint.headers["content-type"] == "text/plain; charset=utf-8"
    assert checkpoint.headers["cache-control"] == "public, max-age=2"
    log = published.chain.tools.log
    size = parse_and_verify(checkpoint.text, origin=log.origin, verifiers=(log.verifier,)).size
    for name in edge_tiles(size):
        answer = client.get(f"/v1/log/{name.path}")
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.content == (published.chain.tools.settings.log_folder / name.path).read_bytes()


@pytest.mark.parametrize("name", ["checkpoint", "vkey", "tile/0/000.p/{width}", "tile/entries/000.p/{width}"])
def test_head_and_conditional_requests(name: str, published: Gate) -> None:
    client = published.client()
    shown = published.chain.tools.log_files.shown()
    assert shown is not None
    path = f"/v1/log/{name.format(width=shown.size)}"
    whole, head = client.get(path), client.head(path)
    assert (whole.status_code, head.status_code, head.content) == (200, 200, b"")
    assert head.headers["content-length"] == str(len(whole.content))
    assert head.headers["etag"] == whole.headers["etag"]
    again = client.get(path, headers={"If-None-Match": whole.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "../../keys/log.key",
        "entries/../../../keys/log.key",
        "/etc/passwd",
        "0/000.p/../../../../keys/log.key",
        "0/000",
        "0/999",
        "9/000.p/1",
        "0/000.p/256",
        "0/x000/000.p/1",
        "",
        ".staging/0",
        "0/000.p/1\x00",
        "0/000.p/٣",
    ],
)
def test_nothing_else_is_ever_served(path: str, published: Gate) -> None:
    secret = published.chain.tools.settings.home / "keys" / "log.key"
    secret.parent.mkdir(exist_ok=True)
    secret.write_text("secret")
    for spelling in (quote(path, safe="/"), quote(path, safe=""), quote(quote(path, safe=""), safe="")):
        answer = published.client().get(f"/v1/log/tile/{spelling}")
        assert answer.status_code in (404, 405)
        assert "secret" not in answer.text
        assert answer.headers["cache-control"] == "no-store"


def test_link_in_the_folder_is_not_followed(tmp_path: Path) -> None:
    gate = build_gate(tmp_path)
    secret = tmp_path / "secret"
    secret.write_text("secret")
    folder = gate.chain.tools.settings.log_folder
    (folder / "tile/0").mkdir(parents=True)
    (folder / "tile/0/000").symlink_to(secret)
    (folder / "checkpoint").symlink_to(secret)
    (folder / "tile/entries").symlink_to(tmp_path)
    for name in ("tile/0/000", "checkpoint", "tile/entries/000"):
        answer = gate.client().get(f"/v1/log/{name}")
        assert answer.status_code == 503
        assert answer.json()["type"].endswith("/storage-unavailable")
        assert "secret" not in answer.text.replace(str(secret), "")


def test_checkpoint_is_not_served_before_its_files_are(tmp_path: Path) -> None:
    """Signed in the database, but not published: nobody is to see it."""
    gate = build_gate(tmp_path)
    gate.submit(a_script())
    with gate.chain.database.write() as session:
        gate.chain.tools.log.seal(session, at=gate.chain.clock())
    assert gate.client().get("/v1/log/checkpoint").status_code == 404
    gate.chain.tools.log_files.publish(gate.chain.database.read)
    assert gate.client().get("/v1/log/checkpoint").status_code == 200
