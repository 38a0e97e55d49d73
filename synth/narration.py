"""Speaks a script for somebody who listens already: sentence by sentence, marked as it is made.

It is the second way out of this package beside `synth.produce`, and nothing unmarked takes it either: what `narrate`
yields has gone through every watermark. It is neither signed nor read back, because there is no end yet to sign.

1. Speak: one sentence is spoken while the next ones are on their way, at most `AHEAD` of them.
2. Level: one gain, by the first sentence, and the limiter over each sentence.
3. Mark: every layer, in its order, over the programme as one stream.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from synth.audio import Samples, Speech
from synth.casting import cast_voices
from synth.errors import VoiceError
from synth.loudness import VOICE_LUFS, LoudnessMeter
from synth.markstream import MarkChain
from synth.master import limit
from synth.script import Script
from synth.speak import MAX_VOICE_GAIN_DB, Line, Pacing, lines_of, speak_line
from synth.voice import VoiceCatalogue
from synth.watermark import Payload, Watermark

STREAM_RATE = 24_000  # Hz: what the voices speak at, and what OpenAI's clients take bare samples for
STREAM_CEILING_DBTP = -4.0  # the marks raise peaks, and nothing comes after them here
AHEAD = 2  # sentences that are spoken before they are asked for: more would be work for a caller who left


def narrate(
    script: Script, catalogue: VoiceCatalogue, marks: Sequence[Watermark], *, episode_id: str
) -> Generator[Samples, None, None]:
    """Yield the marked programme at `STREAM_RATE`, float32 pieces of any length above 0, as soon as they are ready.

    Close the iterator to stop early: sentences that were not begun are not spoken. Raises `MarkUnavailableError` before
    anything is spoken if a layer cannot mark a stream, `VoiceError` and `ScriptError` as `speak` does.
    """
    chain = MarkChain(marks, STREAM_RATE, Payload(episode_id))
    voices = cast_voices(script, catalogue)
    pace = Pacing()
    lines = lines_of(script, voices, pace, None)
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="narrate")
    waiting: deque[tuple[Line, Future[Samples]]] = deque()
    gain_db: float | None = None
    try:
        while True:
            while len(waiting) <= AHEAD and (line := next(lines, None)) is not None:
                waiting.append((line, pool.submit(speak_line, line, STREAM_RATE)))
            if not waiting:
                break
            line, coming = waiting.popleft()
            samples = coming.result()  # 1.
            if gain_db is None:
                gain_db = _gain(samples, line)
            level = limit(Speech(samples, STREAM_RATE), gain_db=gain_db, ceiling_dbtp=STREAM_CEILING_DBTP)  # 2.
            yield from _some(chain.push(np.concatenate([_silence(line.gap), level])))  # 3.
        yield from _some(chain.push(_silence(pace.end)))
        yield from _some(chain.finish())
    finally:
        # A sentence that is being spoken ends by itself, and nobody waits for it.
        pool.shutdown(wait=False, cancel_futures=True)


def _gain(samples: Samples, line: Line) -> float:
    """Return the gain in dB that brings a sentence to the level of programmes."""
    meter = LoudnessMeter(STREAM_RATE)
    meter.add(samples)
    loudness = meter.integrated()
    if loudness is None:  # shorter than 0.4 s: its plain level serves
        loudness = 10.0 * math.log10(float(np.mean(np.square(samples, dtype=np.float64))) + 1e-12)
    gain = VOICE_LUFS - loudness
    if gain > MAX_VOICE_GAIN_DB:
        raise VoiceError(f"voice '{line.voice.id}' spoke at {loudness:.0f} LUFS, next to nothing; check its engine")
    return gain


def _silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * STREAM_RATE), dtype=np.float32)


def _some(samples: Samples) -> Iterator[Samples]:
    if len(samples):
        yield samples
