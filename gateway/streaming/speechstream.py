"""Speech on request while it is spoken: marked sound leaves piece by piece, and the log knows before the first byte.

1. `begin` speaks until there is sound, commits `speech.begun`, and only then lets go of it.
2. `piece` returns the next bytes when they are asked for: a caller who does not read makes nobody work.
3. `close` stops the speaking, and commits how it ended: `speech.delivered`, or `speech.broken` with the reason.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Generator
from enum import Enum, auto

import numpy as np
import soxr

from gateway.errors import SpeechBrokenError
from gateway.streaming import records
from gateway.streaming.clearance import Clearance
from gateway.toolchain import Toolchain
from synth.audio import Samples
from synth.encodestream import open_encoder
from synth.fingerprint import RATE, Fingerprint, fingerprint
from synth.narration import STREAM_RATE, narrate

SHORTEST_SECONDS = 8.0  # of sound that is fingerprinted: verification looks for marks in more

logger = logging.getLogger(__name__)


class _Stage(Enum):
    NEW = auto()  # nothing was spoken
    OPEN = auto()  # `speech.begun` is committed
    OVER = auto()  # how it ended is committed


class SpeechStream:
    """One stream; its methods are called one after another, from any thread."""

    def __init__(self, tools: Toolchain, clearance: Clearance) -> None:
        self._tools = tools
        self._clearance = clearance
        self._stage = _Stage.NEW
        self._digest = hashlib.sha256()
        self._size = 0
        self._samples = 0  # that went into the encoder
        self._first = b""
        self._heard = soxr.ResampleStream(STREAM_RATE, RATE, 1, dtype="float32")
        self._kept: list[Samples] = []  # of what left, for its fingerprint: 32 kB a second
        self._sound = self._bytes()

    @property
    def seconds(self) -> float:
        """Seconds of sound so far."""
        return self._samples / STREAM_RATE

    def begin(self) -> None:
        """Speak until there is sound, and log that it begins; raises what speaking raises, with nothing sent."""
        marks = [(mark.name, mark.version) for mark in self._tools.marks]
        try:
            self._first = next(self._sound, b"")
            records.begun(self._tools, self._clearance.episode_id, marks=marks, sample_rate=STREAM_RATE)
        except Exception as error:
            self._stage = _Stage.OVER
            self._sound.close()
            records.failed(self._tools, self._clearance.episode_id, error)
            raise
        # If we crash from here on, the log says that it began and not how it ended: what left is marked.
        self._stage = _Stage.OPEN

    def piece(self) -> bytes | None:
        """Return the next bytes, or None after the last; then the log says that all of it was delivered.

        Raises `SpeechBrokenError` after a fault, once that is logged.
        """
        if self._stage is not _Stage.OPEN:
            return None
        try:
            data, self._first = self._first or next(self._sound, b""), b""
            if not data:
                self._end()
                return None
        except Exception as error:
            self._stage = _Stage.OVER
            self._sound.close()
            records.failed(self._tools, self._clearance.episode_id, error, sent=(self.seconds, self._size))
            raise SpeechBrokenError("the speech could not be finished; ask for it again") from error
        self._digest.update(data)
        self._size += len(data)
        return data

    def close(self) -> None:
        """Stop speaking; a stream that did not come to its end was abandoned by its caller. Does nothing twice."""
        self._sound.close()
        if self._stage is _Stage.OPEN:
            self._stage = _Stage.OVER
            records.abandoned(
                self._tools,
                self._clearance.episode_id,
                sent=(self.seconds, self._size),
                fingerprint=self._fingerprint(),
            )
            logger.info("the caller of speech %s went away", self._clearance.episode_id)
        self._tools.log_files.publish_if_possible(self._tools.database.read)

    def _end(self) -> None:
        records.delivered(
            self._tools,
            self._clearance.episode_id,
            marks=[(mark.name, mark.version) for mark in self._tools.marks],
            sha256=self._digest.hexdigest(),
            size=self._size,
            duration=self.seconds,
            read_back=False,
            fingerprint=self._fingerprint(),
        )
        self._stage = _Stage.OVER

    def _fingerprint(self) -> Fingerprint | None:
        """What left sounds like, so that verification knows a copy again; None for too little of it."""
        sound = np.concatenate([np.zeros(0, dtype=np.float32), *self._kept])
        self._kept = []
        return fingerprint(sound, RATE) if len(sound) >= SHORTEST_SECONDS * RATE else None

    def _bytes(self) -> Generator[bytes, None, None]:
        tools, cleared = self._tools, self._clearance
        encoder = open_encoder(cleared.media_type, STREAM_RATE)
        narration = narrate(cleared.script, tools.voices, tools.marks, episode_id=cleared.episode_id)
        try:
            for samples in narration:
                self._samples += len(samples)
                self._kept.append(self._heard.resample_chunk(samples))
                if data := encoder.push(samples):
                    yield data
            if data := encoder.finish():
                yield data
        finally:
            narration.close()
