"""One rendition of marked sound on target: encoded, measured as decoded, and encoded again where the codec strayed.

Lossy codecs raise peaks and move the level by some tenths of a decibel, differently for every sound. So the file is
judged as a player hears it: where its true peak is over the ceiling, the limiter is set lower by as much and the rest
stays as loud; where its loudness is off, the gain follows. The read-back has the last word on both.
"""

from __future__ import annotations

from dataclasses import replace

from synth.audio import MarkedSpeech, Speech
from synth.decode import decode
from synth.encode import encode
from synth.loudness import measure_loudness, measure_true_peak
from synth.master import master
from synth.readback import CEILING_DBTP

MARKED_CEILING_DBTP = -2.0  # of marked sound before it is encoded: codecs raise peaks of speech by up to 0.4 dB
SAFETY_DB = 0.2  # how far below the ceiling another encoding aims, because codecs are not linear
GOOD_ENOUGH_LU = 0.2  # of loudness; less than half of what the read-back tolerates
MAX_ENCODINGS = 4  # speech needs one or two; a sound that needs more fails the read-back


def encode_on_target(marked: MarkedSpeech, media_type: str, *, target_lufs: float) -> bytes:
    """Return the encoded rendition whose decoded sound has `target_lufs` and true peaks below the ceiling.

    Raises `AudioError` if the codec fails, or if the sound is so peaky that both cannot be had.
    """
    encoded = encode(marked, media_type)
    ceiling, aim = MARKED_CEILING_DBTP, target_lufs
    for _ in range(MAX_ENCODINGS - 1):
        sound = decode(encoded)
        excess = measure_true_peak(sound.samples, sound.sample_rate) - CEILING_DBTP
        miss = target_lufs - measure_loudness(sound.samples, sound.sample_rate)
        if excess <= 0.0 and abs(miss) <= GOOD_ENOUGH_LU:
            break
        if excess > 0.0:
            ceiling -= excess + SAFETY_DB
        aim += miss
        del sound  # an hour of it has as much memory as what comes next
        # From the marked samples each time: some milliseconds a few decibels softer hurt no mark, and do not add up.
        limited = master(Speech(marked.samples, marked.sample_rate), target_lufs=aim, ceiling_dbtp=ceiling)
        encoded = encode(replace(marked, samples=limited.samples), media_type)
    return encoded
