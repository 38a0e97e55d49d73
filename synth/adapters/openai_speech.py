"""Voices behind an OpenAI-compatible endpoint (`POST <url>/audio/speech`), whose answers are not trusted.

Source: OpenAI API reference, "Create speech"; spoken by Kokoro-FastAPI, Speaches, vLLM-Omni, LocalAI and others.

1. The words go where the settings say and nowhere else: no proxies, no redirects, encrypted beyond this machine.
2. Time, size, repetitions and the number of requests at a time are bounded.
3. What comes back must be whole, of the sample rate that was configured, and pass for speech of this length.
Error messages name the status and the reason; they never hold the words, the answer or the key.
"""

from __future__ import annotations

import ipaddress
import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import Literal

import httpx
import numpy as np

from synth.audio import Samples
from synth.errors import AudioError, VoiceError
from synth.riffread import read_pcm16, read_wav
from synth.sentences import split_pieces
from synth.soundcheck import check_speech
from synth.voice import Unspeakable

Answer = Literal["wav", "pcm"]

ATTEMPTS = 4
FIRST_PAUSE_SECONDS = 0.5  # doubled after each attempt
MAX_PAUSE_SECONDS = 30.0  # also of what the endpoint asks for in Retry-After
MAX_ANSWER_BYTES = 32 << 20  # a piece has a minute at most: 11 MB at 48 kHz in 32 bits, stereo doubles it
MAX_WORDS = 60
MAX_CHARACTERS = 400  # the API allows 4096; shorter pieces fail cheaper and are read more surely to their end
PCM_RATE = 24_000  # Hz, as the API defines it for answers without a head
_RETRIED = frozenset([408, 409, 429, 500, 502, 503, 504])
_TYPES = re.compile(r"audio/|application/octet-stream|binary/octet-stream")


class _Retry(Exception):  # noqa: N818 - a signal inside this module, not an error that leaves it
    def __init__(self, reason: str, pause: float = 0.0) -> None:
        super().__init__(reason)
        self.pause = pause


class SpeechEndpoint:
    """One endpoint with one model; safe to share between threads."""

    def __init__(
        self,
        *,
        url: str,
        model: str,
        api_key: str = "",
        answer: Answer = "wav",
        timeout_seconds: float = 60.0,
        concurrency: int = 2,
        allow_plain_http: bool = False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take the base URL, for example "https://tts.example/v1"; raises `VoiceError` for one that leaks the words."""
        self._url = _endpoint(url, allow_plain_http=allow_plain_http)
        if not model:
            raise VoiceError("the speech endpoint's model has no name; set ASSAY_SPEECH_MODEL")
        self.model = model
        self.answer: Answer = answer
        self._timeout = timeout_seconds
        self._sleep = sleep
        self._slots = threading.BoundedSemaphore(concurrency)  # across all episodes of this process
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._client = httpx.Client(headers=headers, timeout=timeout_seconds, follow_redirects=False, trust_env=False)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def speak(self, text: str, *, voice: str, sample_rate: int, voice_id: str) -> Samples:
        """Return the sound of one piece of text, or raise `VoiceError` after the last attempt."""
        request = {"model": self.model, "input": text, "voice": voice, "response_format": self.answer}
        reason = ""
        for attempt in range(ATTEMPTS):
            try:
                with self._slots:
                    body = self._post(request)
                return self._read(body, text, sample_rate, voice_id)
            except _Retry as retry:
                reason = str(retry)
                if attempt + 1 < ATTEMPTS:
                    pause = max(FIRST_PAUSE_SECONDS * 2**attempt, retry.pause)
                    self._sleep(min(pause, MAX_PAUSE_SECONDS))
        raise VoiceError(
            f"the speech endpoint gave voice '{voice_id}' no usable sound in {ATTEMPTS} attempts: {reason}; check the "
            "endpoint (ASSAY_SPEECH_URL)"
        )

    def _post(self, request: Mapping[str, str]) -> bytes:
        """Return the body of the answer; raises `_Retry`, or `VoiceError` where another attempt cannot help."""
        deadline = time.monotonic() + self._timeout
        try:
            with self._client.stream("POST", self._url, json=request) as response:
                if response.status_code in _RETRIED:
                    raise _Retry(f"HTTP status {response.status_code}", _retry_after(response))
                if response.status_code != httpx.codes.OK:
                    raise VoiceError(
                        f"the speech endpoint answered with HTTP status {response.status_code}; check "
                        "ASSAY_SPEECH_URL, ASSAY_SPEECH_MODEL, ASSAY_SPEECH_API_KEY and the voice there"
                    )
                kind = response.headers.get("content-type", "")
                if not _TYPES.match(kind.lower()):
                    raise VoiceError(f"the speech endpoint sent '{kind[:60]}' instead of sound; check ASSAY_SPEECH_URL")
                body = bytearray()
                for part in response.iter_bytes():
                    body += part
                    if len(body) > MAX_ANSWER_BYTES:
                        raise _Retry(f"the answer is longer than {MAX_ANSWER_BYTES} bytes")
                    # A read timeout alone would let an endpoint drip one byte at a time for ever.
                    if time.monotonic() > deadline:
                        raise _Retry(f"no whole answer within {self._timeout:g} seconds")
        except httpx.HTTPError as error:
            raise _Retry(f"{type(error).__name__} (limit {self._timeout:g} seconds)") from error
        return bytes(body)

    def _read(self, body: bytes, text: str, sample_rate: int, voice_id: str) -> Samples:
        try:
            samples, rate = read_wav(body) if self.answer == "wav" else (read_pcm16(body), PCM_RATE)
        except AudioError as error:
            raise _Retry(str(error)) from error
        if rate != sample_rate:
            raise VoiceError(
                f"the speech endpoint speaks voice '{voice_id}' at {rate} Hz, not {sample_rate}; correct its "
                "sample_rate in the file of voices"
            )
        try:
            check_speech(samples, rate, text, voice_id=voice_id)
        except VoiceError as error:
            raise _Retry(str(error)) from error  # engines that draw lots may do better the next time
        return samples


class OpenAiSpeechVoice:
    """One voice of an endpoint.

    Nobody can say which weights answer, and the API knows no seed: the same text may sound different when it is asked
    for again, so repeatability is that of the cache of spoken segments.
    """

    def __init__(
        self,
        *,
        id: str,
        endpoint: SpeechEndpoint,
        voice: str,
        language: str,
        alphabet: Callable[[str], Unspeakable | None],
        sample_rate: int = PCM_RATE,
    ) -> None:
        """Take the voice's name at the endpoint, what it may be asked to speak, and the rate that it answers with."""
        if endpoint.answer == "pcm" and sample_rate != PCM_RATE:
            raise VoiceError(f"answers without a head have {PCM_RATE} Hz, so voice '{id}' cannot have {sample_rate}")
        self._id = id
        self._endpoint = endpoint
        self._voice = voice
        self._language = language
        self._alphabet = alphabet
        self._sample_rate = sample_rate

    @property
    def id(self) -> str:
        """Catalogue id."""
        return self._id

    @property
    def language(self) -> str:
        """BCP 47 primary tag."""
        return self._language

    @property
    def sample_rate(self) -> int:
        """As configured; an answer of another rate is an error."""
        return self._sample_rate

    @property
    def version(self) -> str:
        """Kind of engine, the names of model and voice; no digest, because nobody can know it."""
        return f"openai-speech model={self._endpoint.model} voice={self._voice} unpinned"

    def unspeakable(self, text: str) -> Unspeakable | None:
        """Return the first place that the voice may drop or misread."""
        return self._alphabet(text)

    def speak(self, text: str, *, seed: int) -> Samples:
        """Return float32 samples that pass for speech of this length, or raise `VoiceError`; there is no seed."""
        del seed
        if found := self.unspeakable(text):
            raise VoiceError(f"voice '{self._id}' cannot speak this text: {found.reason}")
        if not any(character.isalnum() for character in text):
            raise VoiceError(f"voice '{self._id}' was given no words to speak")
        pieces = split_pieces(text, words=MAX_WORDS, characters=MAX_CHARACTERS)
        common = {"voice": self._voice, "voice_id": self._id}
        return np.concatenate(
            [self._endpoint.speak(piece, sample_rate=self._sample_rate, **common) for piece in pieces]
        )


def _retry_after(response: httpx.Response) -> float:
    value = response.headers.get("retry-after", "")
    return float(value) if re.fullmatch(r"\d{1,4}", value) else 0.0


def _endpoint(url: str, *, allow_plain_http: bool) -> str:
    """Return the address of the speech endpoint; raises `VoiceError` for one that would leak the words."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise VoiceError(f"the speech endpoint's address is no URL ({error}); set ASSAY_SPEECH_URL") from error
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.userinfo or parsed.query or parsed.fragment:
        raise VoiceError(
            "the speech endpoint's address must be http(s)://host[:port]/path without user, query and fragment; "
            "set ASSAY_SPEECH_URL"
        )
    if parsed.scheme == "http" and not allow_plain_http and not _is_loopback(parsed.host):
        raise VoiceError(
            f"the speech endpoint at {parsed.host} would get scripts and the key unencrypted; use https, or set "
            "ASSAY_SPEECH_ALLOW_PLAIN_HTTP=true for a network that nobody else can read"
        )
    return str(parsed).rstrip("/") + "/audio/speech"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
