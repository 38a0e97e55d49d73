"""Several changes in a row, as they happen together."""

from __future__ import annotations

import numpy as np

from bench.watermark.attack import RATE, Attack, Material, Samples, Severity, level
from bench.watermark.attacks.codecs import MU_LAW, aac, opus
from bench.watermark.attacks.filters import butterworth
from bench.watermark.attacks.noise import bed, pink, reverb
from bench.watermark.attacks.pace import sped


def rerecorded(samples: Samples, rng: np.random.Generator) -> Samples:
    """A simulated recording through air; no loudspeaker was used.

    1. A small loudspeaker: 150 to 7,000 Hz, saturating softly at its peaks.
    2. A room of 0.4 s, the microphone at the distance where direct and reverberant sound are equally strong.
    3. Room noise (pink) at 25 dB.
    4. A microphone whose clock runs 0.1 % fast or slow.
    5. Automatic gain: every half second is brought nine tenths of the way to the same level, at most 20 dB up.
    """
    sound = butterworth(samples, rng, kind="bandpass", hertz=(150, 7_000))  # 1.
    drive = 3 * level(sound)
    sound = (np.tanh(sound / drive) * drive).astype(np.float32) if drive > 0 else sound
    sound = reverb(sound, rng, t60=0.4, direct_to_reverberant=0.0)  # 2.
    sound = pink(sound, rng, snr=25)  # 3.
    sound = sped(sound, rng, factor=1 + rng.choice([-1, 1]) * 1e-3)  # 4.
    return gain_controlled(sound)  # 5.


def gain_controlled(samples: Samples, *, target: float = 0.1) -> Samples:
    """Level out: the gain follows the half-second level, interpolated between the middles of the half seconds."""
    size = RATE // 2
    starts = range(0, len(samples), size)
    levels = np.array([level(samples[start : start + size]) for start in starts])
    gains = np.minimum(10.0, (target / np.maximum(levels, 1e-6)) ** 0.9)
    middles = np.array(starts) + size / 2
    return (samples * np.interp(np.arange(len(samples)), middles, gains)).astype(np.float32)


def phone_call(samples: Samples, rng: np.random.Generator) -> Samples:
    """Played into a telephone: a dry room, noise at 20 dB, 300 to 3,400 Hz, mu-law at 8 kHz."""
    sound = pink(reverb(samples, rng, t60=0.3, direct_to_reverberant=3.0), rng, snr=20)
    return MU_LAW(butterworth(sound, rng, kind="bandpass", hertz=(300, 3_400)), rng)


def chain_attacks(material: Material) -> list[Attack]:
    """Return the chains."""

    def clip_on_a_platform(samples: Samples, rng: np.random.Generator) -> Samples:
        """Sped up by 3 % over music at 15 dB, then AAC 64 and Opus 24 kbit/s."""
        sound = bed(sped(samples, rng, factor=1.03), rng, material=material, ratio=15)
        return opus(24)(aac(64)(sound, rng), rng)

    return [
        Attack("re-recorded (simulated)", "chain", Severity.STRONG, rerecorded),
        Attack("phone-call", "chain", Severity.STRONG, phone_call),
        Attack("platform-remix", "chain", Severity.STRONG, clip_on_a_platform, rate=1.03, tempo=1.03),
    ]
