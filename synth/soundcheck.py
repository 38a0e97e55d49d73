"""Is what an engine returned speech of about the right length? Silence, hum, noise and cut-off sound are not (pure).

Engines that run elsewhere or learned their craft fail without an error: they return zero samples, a buzz, noise, half a
sentence, or minutes of babble. Whether the words are right is for the spoken check of the finished audio to say.

1. There are samples, all finite, none far over full scale.
2. They are loud enough to be something.
3. They are as long as a person would take, within wide limits.
4. They come and go as syllables do: neither noise nor hum does.
5. Most of the energy lies where voices have theirs; in noise it lies everywhere.
"""

from __future__ import annotations

import numpy as np

from synth.audio import Samples
from synth.errors import VoiceError

MAX_PEAK = 4.0  # full scales; derived voices reach 3 before they are levelled
MIN_LEVEL_DB = -60.0  # of full scale, RMS
LETTER_SECONDS = (0.025, 0.30)  # per letter or digit: an auctioneer takes 0.04, a slow reader 0.12, a digit is a word
EXTRA_SECONDS = 3.0  # on top of the longest: silence at both ends, and the breath of slow engines
MODULATION_SECONDS = 0.6  # sound that is shorter is not asked for syllables
FRAME_SECONDS = 0.02
MIN_MODULATION_DB = 9.0  # between soft and loud frames; speech has over 20, noise 2, hum 0
VOICE_BAND_HZ = 4_000.0
MAX_HIGH_SHARE = 0.5  # of the energy above the band; speech has under 0.2, white noise 0.6 at 24 kHz


def check_speech(samples: Samples, sample_rate: int, text: str, *, voice_id: str) -> None:
    """Raise `VoiceError` unless `samples` (float32, shape (T,)) can be somebody saying `text`."""
    # 1.
    if samples.ndim != 1 or samples.dtype != np.float32 or not len(samples):
        raise VoiceError(f"voice '{voice_id}' returned no samples for a sentence of {len(text)} characters; reword it")
    if not np.isfinite(samples).all() or float(np.abs(samples).max()) > MAX_PEAK:
        raise VoiceError(f"voice '{voice_id}' returned samples that are no sound; check its engine")
    # 2.
    level = 10.0 * np.log10(float(np.mean(np.square(samples, dtype=np.float64))) + 1e-20)
    if level < MIN_LEVEL_DB:
        raise VoiceError(f"voice '{voice_id}' returned silence for a sentence of {len(text)} characters; reword it")
    # 3.
    frames = _frames(samples, sample_rate)
    heard, seconds = len(frames) * FRAME_SECONDS, len(samples) / sample_rate
    letters = sum(character.isalnum() for character in text)
    digits = sum(character.isdigit() for character in text)
    shortest = LETTER_SECONDS[0] * letters
    longest = LETTER_SECONDS[1] * (letters + 3 * digits) + EXTRA_SECONDS
    if heard < shortest or seconds > longest:
        raise VoiceError(
            f"voice '{voice_id}' returned {heard:.1f} s of sound for {letters} letters, which no reader would take "
            f"({shortest:.1f} to {longest:.1f} s); check its engine"
        )
    if heard < MODULATION_SECONDS:
        return
    # 4.
    soft, loud = np.percentile(frames, [10, 90])
    if loud - soft < MIN_MODULATION_DB:
        raise VoiceError(f"voice '{voice_id}' returned an even noise or hum instead of speech; check its model")
    # 5.
    power = np.square(np.abs(np.fft.rfft(samples)))
    high = power[round(VOICE_BAND_HZ * len(samples) / sample_rate) :]
    if float(high.sum()) > MAX_HIGH_SHARE * float(power.sum()):
        raise VoiceError(f"voice '{voice_id}' returned noise instead of speech; check its model")


def _frames(samples: Samples, sample_rate: int) -> np.ndarray:
    """Return the level in dB of each frame between the first and the last that is within 40 dB of the loudest."""
    size = round(FRAME_SECONDS * sample_rate)
    whole = samples[: len(samples) // size * size].reshape(-1, size)
    levels = 10.0 * np.log10(np.mean(np.square(whole, dtype=np.float64), axis=1) + 1e-12)
    heard = np.flatnonzero(levels > levels.max(initial=-120.0) - 40.0)
    between: np.ndarray = levels[heard[0] : heard[-1] + 1] if len(heard) else levels
    return between
