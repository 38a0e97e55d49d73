"""A speech endpoint that hangs, lies, cuts off or sends noise, over a real connection."""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from synth.adapters.openai_speech import ATTEMPTS, OpenAiSpeechVoice, SpeechEndpoint
from synth.alphabet import PlainAlphabet
from synth.errors import AudioError, VoiceError
from synth.riffread import read_pcm16, read_wav
from synth.tone import ToneVoice
from tests.judge_endpoint import Endpoint, Exchange, Reply, drip, serve

RATE = 24_000
TEXT = "Good morning, this is the news from the harbour."
AUDIO = {"Content-Type": "audio/wav"}


def wav(samples: np.ndarray, *, rate: int = RATE, channels: int = 1, size: int | None = None) -> bytes:
    body = (np.clip(np.repeat(samples, channels), -1, 1) * 32_767).astype("<i2").tobytes()
    head = b"fmt " + struct.pack("<IHHIIHH", 16, 1, channels, rate, rate * 2 * channels, 2 * channels, 16)
    data = b"data" + struct.pack("<I", len(body) if size is None else size) + body
    return b"RIFF" + struct.pack("<I", 4 + len(head) + len(data)) + b"WAVE" + head + data


def spoken(text: str = TEXT) -> np.ndarray:
    return ToneVoice(id="tone").speak(text, seed=1)


def speaks(exchange: Exchange) -> None:
    exchange.send(wav(spoken(exchange.body["input"])), headers=AUDIO)


def sends(content: bytes, *, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    return lambda exchange: exchange.send(content, status=status, headers=headers or AUDIO)


def voice(endpoint: Endpoint, pauses: list[float] | None = None, **options: object) -> OpenAiSpeechVoice:
    settings = {"url": endpoint.url, "model": "kokoro", "timeout_seconds": 5.0, **options}
    sleep = (pauses if pauses is not None else []).append
    connection = SpeechEndpoint(sleep=sleep, **settings)  # type: ignore[arg-type]
    opened.append(connection)
    return OpenAiSpeechVoice(
        id="bella", endpoint=connection, voice="af_bella", language="en", alphabet=PlainAlphabet("en")
    )


opened: list[SpeechEndpoint] = []


@pytest.fixture(autouse=True)
def close_connections() -> Iterator[None]:
    yield
    while opened:
        opened.pop().close()


def test_asks_as_the_api_defines_and_returns_the_samples() -> None:
    with serve(speaks) as endpoint:
        samples = voice(endpoint, api_key="key-1").speak(TEXT, seed=1)
    assert np.allclose(samples, spoken(), atol=1e-4)
    (asked,) = endpoint.requests
    assert asked.handler.path == "/v1/audio/speech"
    assert asked.handler.headers["Authorization"] == "Bearer key-1"
    assert asked.body == {"model": "kokoro", "input": TEXT, "voice": "af_bella", "response_format": "wav"}


def test_headerless_answers_have_24_kilohertz() -> None:
    body = (spoken() * 32_767).astype("<i2").tobytes()
    with serve(sends(body, headers={"Content-Type": "audio/pcm"})) as endpoint:
        assert np.allclose(voice(endpoint, answer="pcm").speak(TEXT, seed=1), spoken(), atol=1e-4)


def test_streamed_heads_without_a_length_and_stereo_are_read() -> None:
    with serve(sends(wav(spoken(), size=0xFFFF_FFFF)), sends(wav(spoken(), channels=2))) as endpoint:
        one = voice(endpoint)
        assert np.allclose(one.speak(TEXT, seed=1), spoken(), atol=1e-4)
        assert np.allclose(one.speak(TEXT, seed=1), spoken(), atol=1e-4)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (sends(b"", status=500), "HTTP status 500"),
        (sends(wav(spoken())[:9_000]), "cut off"),
        (sends(b""), "no WAV"),
        (sends(b"RIFF\x00\x00\x00\x00WAVE"), "no sound"),
        (sends(b"<html>502</html>" * 100), "no WAV"),
        (sends(wav(np.zeros(RATE * 3, np.float32))), "silence"),
        (sends(wav(np.random.default_rng(1).normal(0, 0.2, RATE * 3))), "noise"),
        (sends(wav(np.tile(spoken(), 20))), "no reader would take"),
        (sends(wav(spoken("Good"))), "no reader would take"),
    ],
)
def test_a_bad_answer_is_asked_for_again_and_then_refused(bad: Reply, reason: str) -> None:
    with serve(bad) as endpoint:
        pauses: list[float] = []
        with pytest.raises(VoiceError, match=reason) as caught:
            voice(endpoint, pauses).speak(TEXT, seed=1)
    assert len(endpoint.requests) == ATTEMPTS
    assert pauses == [0.5, 1.0, 2.0]
    assert TEXT not in str(caught.value)


@pytest.mark.parametrize("bad", [sends(b"", status=503), sends(wav(spoken())[:5_000])])
def test_one_bad_answer_is_forgiven(bad: Reply) -> None:
    with serve(bad, speaks) as endpoint:
        assert len(voice(endpoint).speak(TEXT, seed=1))


def test_the_endpoint_says_how_long_to_wait_within_limits() -> None:
    busy, absurd = (sends(b"", status=429, headers={"Retry-After": value}) for value in ("7", "9999"))
    with serve(busy, absurd, speaks) as endpoint:
        pauses: list[float] = []
        voice(endpoint, pauses).speak(TEXT, seed=1)
    assert pauses == [7.0, 30.0]


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 422])
def test_a_refusal_is_not_repeated(status: int) -> None:
    answer = sends(b"{}", status=status, headers={"Location": "http://127.0.0.1:1/"})
    with serve(answer) as endpoint, pytest.raises(VoiceError, match=str(status)):
        voice(endpoint, api_key="secret").speak(TEXT, seed=1)
    assert len(endpoint.requests) == 1


def test_what_is_no_sound_by_its_type_is_refused() -> None:
    answer = sends(b'{"error": "voice"}', headers={"Content-Type": "application/json"})
    with serve(answer) as endpoint, pytest.raises(VoiceError, match="instead of sound"):
        voice(endpoint).speak(TEXT, seed=1)
    assert len(endpoint.requests) == 1


def test_another_sample_rate_than_configured_is_refused() -> None:
    with (
        serve(sends(wav(spoken(), rate=22_050))) as endpoint,
        pytest.raises(VoiceError, match="22050 Hz, not 24000"),
    ):
        voice(endpoint).speak(TEXT, seed=1)


def hang(exchange: Exchange) -> None:
    exchange.handler.rfile.read(1)  # until the client gives up


@pytest.mark.parametrize("slow", [hang, drip])
def test_an_endpoint_that_hangs_or_drips_is_given_up(slow: Callable[[Exchange], None]) -> None:
    def audio_drip(exchange: Exchange) -> None:
        exchange.handler.send_response = _typed(exchange.handler)  # type: ignore[method-assign]
        slow(exchange)

    with serve(audio_drip if slow is drip else slow) as endpoint:
        began = time.monotonic()
        with pytest.raises(VoiceError, match=r"ReadTimeout|no whole answer"):
            voice(endpoint, timeout_seconds=0.3).speak(TEXT, seed=1)
    assert time.monotonic() - began < 10.0


def _typed(handler: object) -> Callable[[int], None]:
    plain = type(handler).send_response  # type: ignore[attr-defined]

    def send(status: int) -> None:
        plain(handler, status)
        handler.send_header("Content-Type", "audio/wav")  # type: ignore[attr-defined]

    return send


def test_an_endless_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("synth.adapters.openai_speech.MAX_ANSWER_BYTES", 100_000)
    with serve(sends(wav(np.tile(spoken(), 3)))) as endpoint, pytest.raises(VoiceError, match="longer than 100000"):
        voice(endpoint).speak(TEXT, seed=1)


def test_no_more_requests_at_a_time_than_allowed() -> None:
    def slowly(exchange: Exchange) -> None:
        time.sleep(0.05)
        speaks(exchange)

    with serve(slowly) as endpoint:
        one = voice(endpoint, concurrency=2)
        threads = [threading.Thread(target=one.speak, args=(TEXT,), kwargs={"seed": 1}) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(endpoint.requests) == 6
    assert endpoint.most_at_once == 2


def test_ten_thousand_characters_without_punctuation_go_in_pieces() -> None:
    text = " ".join(["harbour"] * 1250)
    with serve(speaks) as endpoint:
        samples = voice(endpoint).speak(text, seed=1)
    asked = [exchange.body["input"] for exchange in endpoint.requests]
    assert " ".join(asked) == text
    assert max(len(piece) for piece in asked) <= 400
    assert len(samples) > 200 * RATE


@pytest.mark.parametrize("text", ["hello 世界", "ok 🙂", "5 euros", "", "...", "<speak>hi</speak>"])
def test_what_it_may_misread_never_leaves_this_machine(text: str) -> None:
    with serve(speaks) as endpoint, pytest.raises(VoiceError):
        voice(endpoint).speak(text, seed=1)
    assert endpoint.requests == []


@pytest.mark.parametrize(
    "url",
    ["http://tts.example/v1", "ftp://tts.example", "https://u:p@tts.example/v1", "https://tts.example/v1?key=x", ""],
)
def test_addresses_that_would_leak_are_refused(url: str) -> None:
    with pytest.raises(VoiceError, match="ASSAY_SPEECH"):
        SpeechEndpoint(url=url, model="m")


def test_plain_http_is_for_networks_that_the_operator_vouches_for() -> None:
    SpeechEndpoint(url="http://tts.internal/v1", model="m", allow_plain_http=True).close()
    SpeechEndpoint(url="http://[::1]:8880/v1", model="m").close()


@pytest.mark.parametrize(
    "data", [b"", b"RIFF", wav(spoken())[:40], wav(spoken())[:-1], wav(spoken()).replace(b"fmt ", b"junk", 1)]
)
def test_damaged_files_are_errors(data: bytes) -> None:
    with pytest.raises(AudioError):
        read_wav(data)
    with pytest.raises(AudioError):
        read_pcm16(b"\x00")
