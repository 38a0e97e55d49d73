"""What the keyed mark looks at: level-normalised log-mel magnitudes of 0.8 to 4.2 kHz (pure numpy).

Speech survives codecs, telephones and noise best in this band. One block is 2.5 seconds at 16 kHz.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

SAMPLE_RATE = 16_000  # Hz, the rate at which the mark is written and read
BLOCK = 40_000  # samples, 2.5 s
FRAME = 1_024  # samples of one Hann-windowed frame
HOP = 256  # samples from frame to frame
FRAMES_PER_BLOCK = (BLOCK - FRAME) // HOP + 1  # frames that lie wholly inside a block
FIRST_BIN, LAST_BIN = 52, 268  # inclusive: 812.5 to 4187.5 Hz
BINS = LAST_BIN - FIRST_BIN + 1
LOG_FLOOR = 1e-4  # added to mel magnitudes; absolute, hence the level normalisation
LEVEL = 0.1  # root mean square to which every block is brought
SILENCE = 1e-4  # root mean square (-80 dBFS) below which a block carries no mark

Array = NDArray[np.float32]


def hann() -> Array:
    """Return the periodic Hann window of one frame."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)).astype(np.float32)


def mel_matrix() -> Array:
    """Return the matrix from band bins to mel bands, shape (217, 70).

    128 triangular bands of unit area over 0..8 kHz on the scale of Slaney's Auditory Toolbox (1998): linear to 1 kHz,
    logarithmic above; only the bands that touch the bins of the mark are kept.
    """

    def to_mel(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(hertz < 1000, hertz * 3 / 200, 15 + 27 * np.log(np.maximum(hertz, 1000) / 1000) / np.log(6.4))

    def to_hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))

    edges = to_hertz(np.linspace(0.0, float(to_mel(np.array(8000.0))), 130))
    bins = np.arange(FRAME // 2 + 1) * SAMPLE_RATE / FRAME
    rising = (bins[:, None] - edges[None, :-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[None, 2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    bands = np.maximum(0.0, np.minimum(rising, falling)) * 2 / (edges[2:] - edges[:-2])
    cut = bands[FIRST_BIN : LAST_BIN + 1]
    return np.ascontiguousarray(cut[:, cut.any(axis=0)], dtype=np.float32)


def band_magnitudes(samples: Array) -> Array:
    """Return the magnitudes of the band for every whole frame of `samples` (T,) at 16 kHz, shape (frames, 217)."""
    if len(samples) < FRAME:
        return np.zeros((0, BINS), dtype=np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME)[::HOP] * hann()
    spectrum = fft.rfft(frames.astype(np.float32, copy=False), axis=1)[:, FIRST_BIN : LAST_BIN + 1]
    magnitudes: Array = np.abs(spectrum).astype(np.float32, copy=False)
    return magnitudes
