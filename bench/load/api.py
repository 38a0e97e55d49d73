"""Requests per second and waiting times of the HTTP service, on both databases, without a worker beside it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import httpx

from bench.load.service import Installation, installation
from bench.load.wrk import Figures, ask, lua_bytes, lua_text
from synth.decode import decode
from synth.encode import encode_mp3

SCRIPT = Path("examples/audiobook-passage.md")
CLIP_SECONDS, CLIPS = 6.0, 5  # short files to be verified, each another part of the episode
STATUS_OF = 200  # submissions whose state is asked for in turn
CHUNK = 65_536  # bytes of a range read, as players ask for
GOALS = {"submit a script": 100.0, "status of a submission": 300.0}

_SUBMIT = """
local next_thread = 0
function setup(thread) thread:set("id", next_thread); next_thread = next_thread + 1 end
local head, n = {["Authorization"] = "Bearer " .. KEY, ["Content-Type"] = "text/markdown"}, 0
function request()
  n = n + 1
  head["Idempotency-Key"] = RUN .. "-" .. id .. "-" .. n
  return wrk.format("POST", "/v1/submissions", head, BODY .. "\\nREADER: This is letter " .. id .. " " .. n .. ".\\n")
end
"""
_STATUS = """
local head, n = {["Authorization"] = "Bearer " .. KEY}, 0
function request()
  n = n + 1
  return wrk.format("GET", "/v1/submissions/" .. IDS[n % #IDS + 1], head)
end
"""
_RANGE = """
local n = 0
function request()
  n = n + 1
  local start = (n * CHUNK) % (SIZE - CHUNK)
  return wrk.format("GET", PATH, {["Range"] = "bytes=" .. start .. "-" .. (start + CHUNK - 1)})
end
"""
# Each question comes from another client behind the proxy on this machine, as the limit for one client would end it.
_VERIFY = """
local next_thread = 0
function setup(thread) thread:set("id", next_thread); next_thread = next_thread + 1 end
local n = 0
function request()
  n = n + 1
  local clip = CLIPS[n % #CLIPS + 1]
  local body = "--b\\r\\nContent-Disposition: form-data; name=\\"file\\"; filename=\\"a.mp3\\"\\r\\n"
    .. "Content-Type: audio/mpeg\\r\\n\\r\\n" .. clip .. "\\r\\n--b--\\r\\n"
  local client = "10." .. id .. "." .. math.floor(n / 250) % 250 .. "." .. n % 250
  return wrk.format("POST", "/v1/verifications",
    {["Content-Type"] = "multipart/form-data; boundary=b", ["X-Forwarded-For"] = client}, body)
end
"""


def measure(*, seconds: int, connections: int) -> Iterator[tuple[str, str, Figures]]:
    """Yield database, question and figures, in the order of measuring."""
    for database in ("sqlite", "postgresql"):
        with installation(database) as home:
            home.assay("make", str(SCRIPT), "-o", home.environment["ASSAY_HOME"] + "/out")
            key = home.assay("apikey", "create", "--role", "submitter", "--name", "load")
            with home.serving() as client:
                for name, lua, most in questions(home, client, key):
                    figures = ask(str(client.base_url), lua, seconds=seconds, connections=min(most, connections))
                    yield database, name, figures


def questions(home: Installation, client: httpx.Client, key: str) -> Iterator[tuple[str, str, int]]:
    """Yield each question's name, its Lua script, and over how many connections at most it is asked."""
    del home
    body = SCRIPT.read_text(encoding="utf-8")
    given = f"KEY, BODY = {lua_text(key)}, {lua_text(body)}\n"
    yield "submit a script", given + 'RUN = "run"\n' + _SUBMIT, 64
    ids = _submitted(client, key, body)
    yield "status of a submission", f"KEY = {lua_text(key)}\nIDS = {{{', '.join(map(lua_text, ids))}}}\n" + _STATUS, 64
    path, audio = _released(client)
    yield "audio, 64 KiB of it", f"PATH, SIZE, CHUNK = {lua_text(path)}, {len(audio)}, {CHUNK}\n" + _RANGE, 64
    clips = ", ".join(lua_bytes(clip) for clip in _clips(audio))
    yield f"verify a copy of {CLIP_SECONDS:.0f} s", f"CLIPS = {{{clips}}}\n" + _VERIFY, 2


def _submitted(client: httpx.Client, key: str, body: str) -> list[str]:
    head = {"Authorization": f"Bearer {key}", "Content-Type": "text/markdown"}
    ids = []
    for number in range(STATUS_OF):
        accepted = client.post("/v1/submissions", content=f"{body}\nREADER: Number {number}.\n", headers=head)
        accepted.raise_for_status()
        ids.append(str(accepted.json()["id"]))
    return ids


def _released(client: httpx.Client) -> tuple[str, bytes]:
    """Return path and bytes of the one released MP3, found as a listener's player finds it."""
    enclosure = ET.fromstring(client.get("/feed.xml").text).find(".//enclosure")  # our own feed
    if enclosure is None:
        raise SystemExit("the feed names no episode; the script was not released")
    path = httpx.URL(enclosure.attrib["url"]).path
    answer = client.get(path)
    answer.raise_for_status()
    return path, answer.content


def _clips(audio: bytes) -> list[bytes]:
    """Return short copies without credentials, encoded again, each of another part."""
    sound = decode(audio)
    length = int(CLIP_SECONDS * sound.sample_rate)
    starts = [int(share * (len(sound.samples) - length) / CLIPS) for share in range(CLIPS)]
    return [encode_mp3(sound.samples[start : start + length], sound.sample_rate, 64_000) for start in starts]
