"""What makes the public verifier a poor oracle: it listens to a canonical form, and what varies follows the content.

A forger who may ask again and again learns where the threshold lies, unless asking again gives the same answer and
asking about a variant gives an answer whose threshold has moved. Both follow from one seed per content.
"""

from __future__ import annotations

import hashlib
import hmac

import numpy as np

from synth.audio import Samples

CANONICAL_RMS = 0.1  # of the sounding part (-20 dBFS, speech mastered to -16 LUFS): layers then hear one level
MEASURED = 2_000_000  # samples, evenly spread, from which the level is measured
AT_ONCE = 1_000_000  # samples that are hashed at a time: bounds memory
MOST_GAIN = 100.0  # 40 dB; what is softer than that is noise, and stays soft
SOUNDING = 0.02  # share of the loudest samples' value from which a sample counts as sounding
LOUD = 0.999  # quantile of sample values that stands for the loudest: a click does not
SILENT = 1e-4  # value (-80 dBFS) of the loudest samples below which there is nothing to raise
STEP = 2.0**-10  # samples are rounded to it before they are hashed, so that a decoder's last bits do not matter
PUBLIC_BOUND = 1e-8  # bound of a false match up to which the public is told; internally 1e-6 counts (hysteresis)

_LABEL = b"assay verification jitter v1"


def canonicalise(samples: Samples) -> Samples:
    """Bring samples (T,), already decoded and at one rate, to the level that every layer is shown, and return them.

    They are changed in place where they can be: three hours are 700 MB.
    """
    size = np.abs(samples[:: max(1, len(samples) // MEASURED)])
    loud = float(np.quantile(size, LOUD)) if len(size) else 0.0
    if loud < SILENT:
        return samples
    level = float(np.sqrt(np.square(size[size > SOUNDING * loud], dtype=np.float64).mean()))
    gain = np.float32(min(MOST_GAIN, CANONICAL_RMS / level))
    return np.multiply(samples, gain, out=samples if samples.flags.writeable else None)


def jitter_seed(key: bytes, samples: Samples) -> bytes:
    """Return 32 bytes that follow from the content and cannot be told without the key.

    HMAC-SHA256 under a key of its own, over SHA-256 of the canonical samples as multiples of 2^-10, little-endian
    16-bit.
    """
    digest = hashlib.sha256()
    for start in range(0, len(samples), AT_ONCE):
        steps = np.rint(samples[start : start + AT_ONCE] / np.float32(STEP))
        digest.update(np.clip(steps, -32_768, 32_767).astype("<i2").tobytes())
    return hmac.digest(hmac.digest(key, _LABEL, "sha256"), digest.digest(), "sha256")
