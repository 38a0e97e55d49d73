"""Opening an upload: everything that parses a stranger's bytes, in one place, behind one port."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from synth.containers import Container
from synth.credentials import CredentialsReader, CredentialsReport
from synth.decode import Decoded, DecodeLimits, decode
from synth.errors import AudioError, SynthError

EXAMINED_RATE = 16_000  # Hz: every layer and the fingerprint listen below 8 kHz


@dataclass(frozen=True, slots=True)
class Opened:
    """What parsing a file gave: the sound or why there is none, the credentials or why they could not be judged."""

    sound: Decoded | None  # at `EXAMINED_RATE`, or at the rate that the opener was made for
    refusal: str  # why there is no sound, a sentence; empty if there is
    credentials: CredentialsReport | None
    credentials_error: str  # why they could not be judged; empty if they were


class Opener(Protocol):
    """Parses uploads.

    Obligations: never raises for a hostile file but says what is wrong with it; opens no connection and writes no file;
    bounded in time and memory; safe to call from several threads.
    """

    def open(self, data: bytes, container: Container) -> Opened:
        """Decode the sound and read the credentials of a file."""

    def close(self) -> None:
        """Give back what it holds; it may be used again."""


class DirectOpener:
    """Parses in this process: for the operator's own files, where a crash costs one command."""

    def __init__(self, *, credentials: CredentialsReader, limits: DecodeLimits, rate: int = EXAMINED_RATE) -> None:
        self._credentials = credentials
        self._limits = limits
        self._rate = rate  # Hz of the samples that it returns

    def open(self, data: bytes, container: Container) -> Opened:
        """Decode the sound and read the credentials of a file."""
        sound, refusal = None, ""
        try:
            sound = decode(data, limits=self._limits, target_rate=self._rate)
        except AudioError as error:
            refusal = str(error)
        report, failure = None, ""
        try:
            report = self._credentials.read(data, container.media_type)
        except SynthError as error:
            failure = str(error)
        return Opened(sound, refusal, report, failure)

    def close(self) -> None:
        """Nothing is held."""
