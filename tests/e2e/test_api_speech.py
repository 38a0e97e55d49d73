"""Speech on request over HTTP: OpenAI's official client, a real server, real codecs, credentials and log."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import socket
import time
import wave
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import openai
import pytest
from starlette.testclient import TestClient

from audit.event import EventKind
from gateway.api import spokenstream
from gateway.api.places import Places
from gateway.submissions import EpisodeSecret, Submission
from synth.audio import MarkedSpeech
from synth.credentials import CredentialsState
from synth.decode import decode
from synth.encode import encode
from synth.errors import ReadBackError, VoiceError
from synth.voice import VoiceCatalogue
from synth.watermark import Payload
from tests.api_gate import ChipMark, Gate, build_app, build_gate
from tests.e2e.test_api_server import serve
from tests.production_samples import HummingVoice, NoiseMark, producer
from tests.production_samples import gate as signer_of_tests

TEXT = (
    "The bridge opens at nine. Trams run every ten minutes. Take the ferry if you are in a hurry this morning. Thanks."
)
SHORT = "Good morning."
REQUEST = {"model": "tts-1", "voice": "hum-low", "input": TEXT}
DELAYS = {"mp3": 1_105, "aac": 1_024}  # samples in front of a stream, which the head of a file tells players to skip
STARTS = {
    "mp3": (b"ID3", b"\xff"),
    "opus": (b"OggS",),
    "aac": (b"\x00\x00",),
    "flac": (b"ID3", b"fLaC"),
    "wav": (b"RIFF",),
}


@pytest.fixture(scope="module")
def address(gate: Gate) -> Iterator[str]:
    yield from serve(gate.app)


@pytest.fixture
def official(address: str, gate: Gate) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{address}/v1", api_key=gate.keys["submitter"], max_retries=0) as client:
        yield client


@pytest.fixture
def client(gate: Gate) -> TestClient:
    return gate.client("submitter")


def events(gate: Gate, episode_id: str) -> dict[EventKind, Any]:
    with gate.chain.database.read() as session:
        found = gate.chain.tools.log.events_for(session, episode_id)
    return {one.event.kind: one.event.facts for one in found}


def test_official_client_speaks_in_every_format(official: openai.OpenAI, gate: Gate) -> None:
    for form, starts in STARTS.items():
        answer = official.audio.speech.with_raw_response.create(
            model="gpt-4o-mini-tts",
            voice="hum-low",
            input=TEXT,
            response_format=form,  # type: ignore[arg-type]
        )
        data = answer.content
        assert data.startswith(starts), form
        episode_id = answer.headers["x-episode-id"]
        sound = decode(data)
        found = ChipMark().detect(sound.samples, sound.sample_rate, [Payload("another"), Payload(episode_id)])
        assert found.episode_id == episode_id, form
        delivered = events(gate, episode_id)[EventKind.SPEECH_DELIVERED]
        assert delivered["sha256"] == hashlib.sha256(data).hexdigest()
        assert delivered["size"] == len(data)
        assert delivered["read_back"] is True
        if form != "opus":
            report = signer_of_tests().read(data, str(answer.headers["content-type"]))
            assert report.state is CredentialsState.TRUSTED, form
            assert report.facts is not None
            assert report.facts.episode_id == episode_id


def test_bare_samples_are_what_the_client_expects_and_marked(official: openai.OpenAI) -> None:
    answer = official.audio.speech.with_raw_response.create(
        model="tts-1", voice="alloy", input=TEXT, response_format="pcm"
    )
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(24_000)
        file.writeframes(answer.content)
    sound = decode(buffer.getvalue())
    assert sound.duration == pytest.approx(float(answer.headers["x-duration-seconds"]), abs=0.05)
    found = ChipMark().detect(sound.samples, sound.sample_rate, [Payload(answer.headers["x-episode-id"])])
    assert found.episode_id == answer.headers["x-episode-id"]


def test_client_streams_the_answer_into_a_file(official: openai.OpenAI, tmp_path: Any) -> None:
    with official.audio.speech.with_streaming_response.create(
        model="tts-1-hd", voice="hum-high", input=SHORT, instructions="Softly."
    ) as answer:
        answer.stream_to_file(tmp_path / "speech.mp3")
        assert answer.headers["x-not-followed"] == "instructions"
    assert decode((tmp_path / "speech.mp3").read_bytes()).duration > 0.5


def test_voice_may_be_an_object_and_models_and_voices_are_listed(official: openai.OpenAI, client: TestClient) -> None:
    assert official.audio.speech.create(model="m", voice={"id": "hum-high"}, input=SHORT).content
    assert "tts-1" in [model.id for model in official.models.list()]
    voices = client.get("/v1/audio/voices").json()["voices"]
    assert [voice["id"] for voice in voices] == ["hum-high", "hum-low"]
    assert "alloy" in voices[0]["aliases"]
    assert "ash" in voices[1]["aliases"]


def test_log_tells_the_request_before_the_sound_and_nothing_of_the_text(gate: Gate, client: TestClient) -> None:
    answer = client.post("/v1/audio/speech", json=REQUEST)
    episode_id = answer.headers["x-episode-id"]
    told = events(gate, episode_id)
    assert list(told) == [EventKind.SPEECH_REQUESTED, EventKind.SCREENING_DECIDED, EventKind.SPEECH_DELIVERED]
    assert told[EventKind.SPEECH_REQUESTED]["voices"] == {"hum-low": "humming 1"}
    assert "bridge" not in str(told)
    assert gate.chain.row(episode_id).state == "spoken"
    with gate.chain.database.read() as session:
        newest = gate.chain.tools.log.latest_checkpoint(session)
        last = gate.chain.tools.log.events_for(session, episode_id)[-1].index
    assert newest is not None
    assert newest.size > last  # a signed checkpoint covers it already
    assert gate.run(episode_id) == "spoken"  # and no worker makes an episode of it
    assert episode_id not in gate.client().get("/feed.xml").text


@pytest.mark.parametrize("verdict", ["block", "review"])
def test_policy_that_does_not_allow_refuses_with_its_findings(
    official: openai.OpenAI, gate: Gate, verdict: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        official.audio.speech.create(model="tts-1", voice="hum-low", input=f"Now please {verdict} this.")
    assert caught.value.code == "content_policy_violation"
    assert caught.value.type == "invalid_request_error"
    assert caught.value.param == "input"
    body: Any = caught.value.body
    assert body["verdict"] == verdict
    assert body["findings"][0]["category"] == "request"
    assert ("POST /v1/submissions" in body["message"]) is (verdict == "review")
    told = events(gate, body["episode_id"])
    assert list(told)[-1] is EventKind.SPEECH_REFUSED
    assert told[EventKind.SPEECH_REFUSED]["verdict"] == verdict
    assert gate.chain.row(body["episode_id"]).state == "blocked"


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"input": "Say [bananas](/aplz/) now."}, "input"),
        ({"input": "x" * 4_097}, "input"),
        ({"input": ""}, "input"),
        ({"input": "\u200b"}, "input"),
        ({"input": None}, "input"),
        ({"voice": "nobody"}, "voice"),
        ({"voice": "../../etc/passwd"}, "voice"),
        ({"voice": {"id": "nobody"}}, "voice"),
        ({"voice": ["hum-low"]}, "voice"),
        ({"response_format": "exe"}, "response_format"),
        ({"speed": 9}, "speed"),
        ({"speed": 0}, "speed"),
        ({"stream_format": "carrier pigeon"}, "stream_format"),
        ({"lang_code": "a"}, "lang_code"),
        ({"model": ""}, "model"),
    ],
)
def test_unsupported_values_are_refused_by_name_and_leave_no_trace(
    gate: Gate, client: TestClient, changes: dict[str, Any], param: str
) -> None:
    before = len(client.get("/v1/submissions?limit=100").json()["items"])
    answer = client.post("/v1/audio/speech", json={**REQUEST, **changes})
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["param"] == param
    assert error["type"] == "invalid_request_error"
    assert param in error["message"] or param in {"input", "voice"}
    assert len(client.get("/v1/submissions?limit=100").json()["items"]) == before


def test_megabyte_of_text_is_turned_away_unread(client: TestClient) -> None:
    answer = client.post("/v1/audio/speech", json={**REQUEST, "input": "word " * 200_000})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "too_large"


def test_wrong_key_and_wrong_role_speak_openai(official: openai.OpenAI, address: str, gate: Gate) -> None:
    with pytest.raises(openai.AuthenticationError):
        official.with_options(api_key="assay_no_such").audio.speech.create(model="m", voice="hum-low", input=SHORT)
    with pytest.raises(openai.PermissionDeniedError):
        official.with_options(api_key=gate.keys["auditor"]).audio.speech.create(model="m", voice="hum-low", input=SHORT)


def test_full_house_is_a_429_with_a_time_to_come_back(gate: Gate) -> None:
    backend = replace(gate.backend, speech_places=Places(0))
    client = replace(gate, backend=backend, app=build_app(backend)).client("submitter")
    answer = client.post("/v1/audio/speech", json=REQUEST)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json()["error"]["type"] == "rate_limit_error"


def test_rule_that_cannot_run_speaks_nothing(client: TestClient) -> None:
    answer = client.post("/v1/audio/speech", json={**REQUEST, "input": "Now please break."})
    assert answer.status_code == 503
    assert answer.json()["error"] == {
        "message": answer.json()["error"]["message"],
        "type": "server_error",
        "param": None,
        "code": "screening_failed",
    }


class DeafMark(ChipMark):
    """A mark that is never found again."""

    def detect(self, samples: Any, sample_rate: int, candidates: Any) -> Any:
        return super().detect(samples, sample_rate, [])


def test_mark_that_does_not_read_back_lets_nothing_leave(tmp_path: Any) -> None:
    gate = build_gate(tmp_path, marks=(DeafMark(),))
    answer = gate.client("submitter").post("/v1/audio/speech", json=REQUEST)
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "read_back_failed"
    [item] = gate.client("submitter").get("/v1/submissions").json()["items"]
    assert item["state"] == "failed"
    told = events(gate, item["id"])
    assert EventKind.SPEECH_DELIVERED not in told
    assert told[EventKind.SPEECH_BROKEN] == {"reason": "read-back-failed"}


def test_log_that_cannot_be_written_lets_nothing_leave(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = build_gate(tmp_path)
    record = gate.chain.tools.log.record

    def refuse(session: Any, *logged: Any) -> None:
        if any(event.kind is EventKind.SPEECH_DELIVERED for event in logged):
            raise ReadBackError("the disk is gone")
        record(session, *logged)

    monkeypatch.setattr(gate.chain.tools.log, "record", refuse)
    answer = gate.client("submitter").post("/v1/audio/speech", json={**REQUEST, "input": SHORT})
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/json"


def test_speech_is_erased_like_any_submission(gate: Gate, client: TestClient) -> None:
    episode_id = client.post("/v1/audio/speech", json={**REQUEST, "input": SHORT}).headers["x-episode-id"]
    with gate.chain.database.read() as session:
        assert session.get(EpisodeSecret, episode_id) is not None
    assert gate.client("admin").delete(f"/v1/submissions/{episode_id}?reason=request").status_code == 200
    with gate.chain.database.read() as session:
        row = session.get(Submission, episode_id)
        assert row is not None
        assert "morning" not in row.script
        assert session.get(EpisodeSecret, episode_id) is None


def test_only_one_rendition_is_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    maker, made = producer(marks=[ChipMark()]), []
    produce = maker.produce
    monkeypatch.setattr(maker, "produce", lambda *a, **named: made.append(named["renditions"]) or produce(*a, **named))
    gate = build_gate(tmp_path, maker=maker)
    gate.client("submitter").post("/v1/audio/speech", json={**REQUEST, "response_format": "flac"})
    assert made == [("audio/flac",)]


class FaultyVoice(HummingVoice):
    """Hums two sentences and then breaks."""

    spoken = 0

    def speak(self, text: str, *, seed: int) -> Any:
        self.spoken += 1
        if self.spoken > 2:
            raise VoiceError(f"the engine died of: {text}")
        return super().speak(text, seed=seed)


class CountedVoice(HummingVoice):
    """Hums, and counts the sentences."""

    spoken = 0

    def speak(self, text: str, *, seed: int) -> Any:
        self.spoken += 1
        return super().speak(text, seed=seed)


class UnhurriedVoice(CountedVoice):
    """Takes its time, as engines do: else a whole stream fits into the buffers of a connection."""

    def speak(self, text: str, *, seed: int) -> Any:
        time.sleep(0.1)
        return super().speak(text, seed=seed)


def lasting(seconds: int) -> str:
    return " ".join(f"Sentence number {number} says nothing at all." for number in range(seconds // 2))


def with_voice(gate: Gate, voice: HummingVoice, **parts: Any) -> Gate:
    tools = replace(gate.backend.toolchain, voices=VoiceCatalogue({voice.id: voice}), **parts)
    backend = replace(gate.backend, toolchain=tools)
    return replace(gate, backend=backend, app=build_app(backend))


def ending(gate: Gate, episode_id: str) -> dict[EventKind, Any]:
    """Return the events of a stream once one says how it ended."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        told = events(gate, episode_id)
        if EventKind.SPEECH_DELIVERED in told or EventKind.SPEECH_BROKEN in told:
            return told
        time.sleep(0.05)
    raise AssertionError(f"the stream {episode_id} never ended")


@pytest.mark.parametrize("form", ["mp3", "opus", "aac", "flac", "wav"])
def test_official_client_hears_a_stream_that_is_marked_and_logged(
    official: openai.OpenAI, gate: Gate, form: Any
) -> None:
    with official.audio.speech.with_streaming_response.create(
        model="tts-1", voice="hum-low", input=TEXT, response_format=form, stream_format="audio"
    ) as answer:
        episode_id = answer.headers["x-episode-id"]
        assert EventKind.SPEECH_BEGUN in events(gate, episode_id)  # before the first byte is read
        pieces = list(answer.iter_bytes())
    data = b"".join(pieces)
    sound = decode(data)
    assert sound.duration > 6
    heard = sound.samples[DELAYS.get(form, 0) :]  # the mark of tests does not look for its beginning
    found = ChipMark().detect(heard, sound.sample_rate, [Payload("another"), Payload(episode_id)])
    assert found.episode_id == episode_id
    delivered = ending(gate, episode_id)[EventKind.SPEECH_DELIVERED]
    assert (delivered["sha256"], delivered["size"]) == (hashlib.sha256(data).hexdigest(), len(data))
    assert delivered["read_back"] is False
    assert gate.chain.row(episode_id).state == "spoken"


def test_events_hold_the_same_sound_and_an_end(gate: Gate, client: TestClient) -> None:
    request = {**REQUEST, "stream_format": "sse", "response_format": "pcm"}
    answer = client.post("/v1/audio/speech", json=request)
    assert answer.headers["content-type"].startswith("text/event-stream")
    told = [json.loads(line.removeprefix("data: ")) for line in answer.text.split("\n\n") if line]
    assert {event["type"] for event in told[:-1]} == {"speech.audio.delta"}
    assert told[-1]["type"] == "speech.audio.done"
    assert told[-1]["usage"]["input_tokens"] == len(TEXT.split())
    sound = b"".join(base64.b64decode(event["audio"]) for event in told[:-1])
    delivered = ending(gate, answer.headers["x-episode-id"])[EventKind.SPEECH_DELIVERED]
    assert delivered["sha256"] == hashlib.sha256(sound).hexdigest()
    assert delivered["duration"] == pytest.approx(len(sound) / 48_000, abs=0.001)


def test_refused_text_streams_nothing(client: TestClient) -> None:
    request = {**REQUEST, "input": f"{lasting(20)} Now please block.", "stream_format": "sse"}
    answer = client.post("/v1/audio/speech", json=request)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "content_policy_violation"


def test_fault_before_the_first_sound_is_an_error_and_not_a_stream(gate: Gate) -> None:
    broken = FaultyVoice("hum-low")
    broken.spoken = 9
    client = with_voice(gate, broken).client("submitter")
    answer = client.post("/v1/audio/speech", json={**REQUEST, "stream_format": "audio"})
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["error"]["code"] == "voice_not_allowed"


def test_fault_in_mid_stream_ends_it_with_an_event_and_fails_the_episode(gate: Gate) -> None:
    client = with_voice(gate, FaultyVoice("hum-low")).client("submitter")
    answer = client.post(
        "/v1/audio/speech", json={**REQUEST, "input": lasting(20), "stream_format": "sse", "response_format": "pcm"}
    )
    told = [json.loads(line.removeprefix("data: ")) for line in answer.text.split("\n\n") if line]
    assert told[0]["type"] == "speech.audio.delta"
    assert told[-1]["type"] == "error"
    assert "Sentence" not in json.dumps(told[-1])
    broken = ending(gate, answer.headers["x-episode-id"])[EventKind.SPEECH_BROKEN]
    assert broken["reason"] == "voice-not-allowed"
    assert broken["size"] == sum(len(base64.b64decode(event["audio"])) for event in told[:-1])
    assert gate.chain.row(answer.headers["x-episode-id"]).state == "failed"


def test_fault_in_mid_stream_breaks_a_plain_connection_so_that_the_client_knows(gate: Gate) -> None:
    faulty = with_voice(gate, FaultyVoice("hum-low"))
    server = serve(faulty.app)
    address = next(server)
    headers = {"Authorization": f"Bearer {gate.keys['submitter']}"}
    request = {**REQUEST, "input": lasting(20), "stream_format": "audio", "response_format": "pcm"}
    with (
        httpx.stream("POST", f"{address}/v1/audio/speech", json=request, headers=headers) as answer,
        pytest.raises(httpx.RemoteProtocolError, match="incomplete"),
    ):
        list(answer.iter_bytes())
    assert EventKind.SPEECH_BROKEN in ending(gate, answer.headers["x-episode-id"])
    next(server, None)


def test_caller_who_goes_away_stops_the_voice_and_frees_the_place(gate: Gate) -> None:
    voice = UnhurriedVoice("hum-low")
    only_one = with_voice(gate, voice)
    only_one = replace(only_one, backend=replace(only_one.backend, speech_places=Places(1)))
    only_one = replace(only_one, app=build_app(only_one.backend))
    server = serve(only_one.app)
    address = next(server)
    headers = {"Authorization": f"Bearer {gate.keys['submitter']}"}
    request = {**REQUEST, "input": lasting(140), "stream_format": "audio", "response_format": "wav"}
    with httpx.Client(headers=headers, timeout=20) as caller:
        with caller.stream("POST", f"{address}/v1/audio/speech", json=request) as answer:
            next(answer.iter_bytes(1_000))
            episode_id = answer.headers["x-episode-id"]
            full = httpx.post(f"{address}/v1/audio/speech", json=request, headers=headers)
            assert full.status_code == 429
        told = ending(gate, episode_id)
        assert told[EventKind.SPEECH_BROKEN]["reason"] == "caller-gone"
        assert voice.spoken < 60
        assert gate.chain.row(episode_id).state == "spoken"
        deadline = time.monotonic() + 10
        while (again := caller.post(f"{address}/v1/audio/speech", json={**REQUEST, "input": SHORT})).status_code == 429:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert again.status_code == 200
    next(server, None)


def test_caller_who_stops_reading_is_let_go_and_nothing_piles_up(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spokenstream, "STALL_SECONDS", 1.0)
    voice = CountedVoice("hum-low")
    slow = with_voice(gate, voice)
    server = serve(slow.app)
    address = next(server)
    body = json.dumps({**REQUEST, "input": lasting(178), "stream_format": "audio", "response_format": "wav"}).encode()
    host, port = address.removeprefix("http://").split(":")
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection.connect((host, int(port)))
        connection.sendall(
            b"POST /v1/audio/speech HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            + f"Authorization: Bearer {gate.keys['submitter']}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = connection.recv(600).decode("latin-1").lower()
        episode_id = head.partition("x-episode-id: ")[2][:23]
        broken = ending(gate, episode_id)[EventKind.SPEECH_BROKEN]
    assert broken["reason"] == "caller-gone"
    assert voice.spoken < 89  # not to the end: the connection took no more
    next(server, None)


def test_mark_that_needs_whole_programmes_refuses_streams_before_anything_is_recorded(gate: Gate) -> None:
    whole = with_voice(gate, HummingVoice("hum-low"), marks=(NoiseMark(),))
    answer = whole.client("submitter").post("/v1/audio/speech", json={**REQUEST, "stream_format": "sse"})
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "mark_unavailable"


@pytest.mark.parametrize("streamed", [False, True])
def test_copy_of_speech_is_recovered_by_its_mark(gate: Gate, client: TestClient, streamed: bool) -> None:
    body: dict[str, Any] = {"model": "tts-1", "voice": "hum-low", "input": lasting(14), "response_format": "wav"}
    if streamed:
        body["stream_format"] = "audio"
    spoken = client.post("/v1/audio/speech", json=body)
    assert spoken.status_code == 200, spoken.text
    sound = decode(spoken.content)
    copy = encode(MarkedSpeech(sound.samples, sound.sample_rate, (), (), "", ()), "audio/flac")
    report = client.post("/v1/verifications", content=copy, headers={"Content-Type": "audio/flac"}).json()
    assert report["conclusion"] == "spoken"
    (release,) = [check for check in report["checks"] if check["id"] == "release"]
    assert release["details"]["episode_id"] == spoken.headers["x-episode-id"]
    assert report["episode"] is None
    whole = client.post("/v1/verifications", content=spoken.content, headers={"Content-Type": "audio/wav"}).json()
    assert whole["conclusion"] == "spoken"
    backwards = encode(MarkedSpeech(sound.samples[::-1].copy(), sound.sample_rate, (), (), "", ()), "audio/flac")
    report = client.post("/v1/verifications", content=backwards, headers={"Content-Type": "audio/flac"}).json()
    assert report["conclusion"] == "unknown"


def test_erased_speech_is_not_recovered(gate: Gate, client: TestClient) -> None:
    body = {**REQUEST, "input": lasting(14), "response_format": "wav", "stream_format": "audio"}
    spoken = client.post("/v1/audio/speech", json=body)
    episode_id = spoken.headers["x-episode-id"]
    erased = gate.client("admin").delete(f"/v1/submissions/{episode_id}?reason=request&audio=true")
    assert erased.status_code == 200, erased.text
    report = client.post("/v1/verifications", content=spoken.content, headers={"Content-Type": "audio/wav"}).json()
    assert report["conclusion"] != "spoken"
