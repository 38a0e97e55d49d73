"""Listening: whole files, ranges, conditional requests, and addresses that mean nothing."""

from __future__ import annotations

import hashlib
from email import message_from_bytes

import pytest

from tests.api_gate import Gate


@pytest.fixture
def clip(gate: Gate, released: str) -> dict[str, str]:
    clip: dict[str, str] = gate.client().get(f"/v1/episodes/{released}").json()["clips"][0]
    return clip


@pytest.fixture
def content(gate: Gate, clip: dict[str, str]) -> bytes:
    return gate.chain.tools.blobs.read(clip["sha256"])


def test_whole_file_is_exactly_the_stored_bytes(gate: Gate, clip: dict[str, str], content: bytes) -> None:
    answer = gate.client().get(clip["url"])
    assert answer.status_code == 200
    assert hashlib.sha256(answer.content).hexdigest() == clip["sha256"]
    assert answer.headers["content-type"] == "audio/mpeg"
    assert answer.headers["content-length"] == str(len(content)) == str(clip["size"])
    assert answer.headers["etag"] == f'"{clip["sha256"]}"'
    assert answer.headers["cache-control"] == "public, max-age=3600, must-revalidate"
    assert answer.headers["access-control-allow-origin"] == "*"


def test_head_says_the_same_without_a_body(gate: Gate, clip: dict[str, str]) -> None:
    whole, head = gate.client().get(clip["url"]), gate.client().head(clip["url"])
    assert head.status_code == 200
    assert head.content == b""
    for name in ("content-length", "content-type", "etag", "accept-ranges", "cache-control"):
        assert head.headers[name] == whole.headers[name]


@pytest.mark.parametrize(("asked", "first", "last"), [("0-99", 0, 99), ("100000-", 100_000, -1), ("-1000", -1000, -1)])
def test_range_is_that_part_of_the_file(
    gate: Gate, clip: dict[str, str], content: bytes, asked: str, first: int, last: int
) -> None:
    answer = gate.client().get(clip["url"], headers={"Range": f"bytes={asked}"})
    first, last = first % len(content), last % len(content)
    assert answer.status_code == 206
    assert answer.content == content[first : last + 1]
    assert answer.headers["content-range"] == f"bytes {first}-{last}/{len(content)}"
    assert answer.headers["content-length"] == str(last + 1 - first)


def test_several_ranges_come_as_multipart(gate: Gate, clip: dict[str, str], content: bytes) -> None:
    answer = gate.client().get(clip["url"], headers={"Range": "bytes=0-9,20-29,-5"})
    assert answer.status_code == 206
    head = f"Content-Type: {answer.headers['content-type']}\r\n\r\n".encode()
    parts = message_from_bytes(head + answer.content).get_payload()
    assert isinstance(parts, list)
    found = [part.get_payload(decode=True) for part in parts]  # type: ignore[union-attr]
    assert found == [content[:10], content[20:30], content[-5:]]
    assert parts[0]["Content-Range"] == f"bytes 0-9/{len(content)}"  # type: ignore[index]
    assert answer.headers["content-length"] == str(len(answer.content))


def test_range_outside_the_file_is_416_with_the_size(gate: Gate, clip: dict[str, str], content: bytes) -> None:
    answer = gate.client().get(clip["url"], headers={"Range": f"bytes={len(content)}-"})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{len(content)}"
    assert answer.json()["type"].endswith("/problems/range-not-satisfiable")


@pytest.mark.parametrize("asked", [",".join(f"{n}-{n}" for n in range(0, 40, 2)), "0-,0-,0-", "0-1," * 50_000])
def test_range_abuse_is_refused(gate: Gate, clip: dict[str, str], asked: str) -> None:
    assert gate.client().get(clip["url"], headers={"Range": f"bytes={asked}"}).status_code == 416


@pytest.mark.parametrize("asked", ["bytes=9-1", "lines=1-2", "bytes=x"])
def test_malformed_range_gets_the_whole_file(gate: Gate, clip: dict[str, str], asked: str) -> None:
    assert gate.client().get(clip["url"], headers={"Range": asked}).status_code == 200


def test_client_that_has_the_bytes_is_told_so(gate: Gate, clip: dict[str, str]) -> None:
    for held in (f'"{clip["sha256"]}"', f'W/"{clip["sha256"]}"', f'"x", "{clip["sha256"]}"', "*"):
        answer = gate.client().get(clip["url"], headers={"If-None-Match": held, "Range": "bytes=0-1"})
        assert answer.status_code == 304
        assert answer.content == b""
    assert gate.client().get(clip["url"], headers={"If-None-Match": '"other"'}).status_code == 200


def test_range_of_something_else_gets_the_whole_file(gate: Gate, clip: dict[str, str]) -> None:
    same = gate.client().get(clip["url"], headers={"Range": "bytes=0-1", "If-Range": f'"{clip["sha256"]}"'})
    other = gate.client().get(clip["url"], headers={"Range": "bytes=0-1", "If-Range": '"other"'})
    assert (same.status_code, other.status_code) == (206, 200)


@pytest.mark.parametrize(
    "file_name",
    [
        "{sha}.wav",
        "{sha}.exe",
        "{sha}",
        "{SHA}.mp3",
        "{zeros}.mp3",
        "../../../../keys/log.key",
        "..%2f..%2f..%2fkeys%2flog.key",
        "%00.mp3",
        "{sha}.mp3%0d%0aSet-Cookie:%20a=b",
    ],
)
def test_address_that_names_no_rendition_is_not_found(
    gate: Gate, released: str, clip: dict[str, str], file_name: str
) -> None:
    sha = clip["sha256"]
    name = file_name.format(sha=sha, SHA=sha.upper(), zeros="0" * 64)
    answer = gate.client().get(f"/v1/episodes/{released}/audio/{name}")
    assert answer.status_code == 404
    assert "set-cookie" not in answer.headers


def test_rendition_under_another_episode_is_not_found(gate: Gate, waiting: str, clip: dict[str, str]) -> None:
    file_name = clip["url"].rpartition("/")[2]
    assert gate.client("auditor").get(f"/v1/episodes/{waiting}/audio/{file_name}").status_code == 404


def test_missing_blob_is_a_problem_and_not_a_broken_file(gate: Gate, clip: dict[str, str]) -> None:
    blobs = gate.chain.tools.blobs
    path = blobs._path(clip["sha256"])
    hidden = path.with_suffix(".hidden")
    path.rename(hidden)
    try:
        answer = gate.client().get(clip["url"])
    finally:
        hidden.rename(path)
    assert answer.status_code == 503
    assert answer.json()["type"].endswith("/problems/storage-unavailable")


def test_episode_page_transcript_and_chapters_are_public(gate: Gate, released: str) -> None:
    page = gate.client().get(f"/v1/episodes/{released}").json()
    assert page["synthetic"] is True
    transcript = gate.client().get(page["links"]["transcript"])
    assert transcript.headers["content-type"] == "text/vtt; charset=utf-8"
    assert transcript.text.startswith("WEBVTT\n\n00:00:00.000 --> ")
    assert "<v ANN>" in transcript.text
    subtitles = gate.client().get(page["links"]["transcript_srt"])
    assert subtitles.headers["content-type"] == "application/x-subrip; charset=utf-8"
    assert subtitles.text.startswith("1\n00:00:00,000 --> ")
    segments = gate.client().get(page["links"]["transcript_json"])
    assert segments.headers["content-type"] == "application/json"
    assert segments.headers["access-control-allow-origin"] == "*"
    assert segments.json()["segments"][-1]["speaker"] == "ANN"
    chapters = gate.client().get(page["links"]["chapters"])
    assert chapters.headers["content-type"] == "application/json+chapters"
    titles = [chapter["title"] for chapter in chapters.json()["chapters"]]
    assert titles[-1] == "Part 3"
    held = {"If-None-Match": transcript.headers["etag"]}
    assert gate.client().get(page["links"]["transcript"], headers=held).status_code == 304


def test_nothing_describes_an_episode_before_its_release(gate: Gate, waiting: str) -> None:
    for suffix in ("", "/transcript.vtt", "/transcript.srt", "/transcript.json", "/chapters.json"):
        assert gate.client("auditor").get(f"/v1/episodes/{waiting}{suffix}").status_code == 404
