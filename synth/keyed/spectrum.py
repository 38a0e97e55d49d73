"""What the keyed mark looks at: mel magnitudes of 0.4 to 4 kHz, frame by frame (pure numpy).

Speech survives codecs, telephones and noise best in this band. Audio that was played faster or at another pitch is read
by moving the mel bands along the frequency axis, so one spectrum serves every rate that a search tries.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from synth.keyed.key import BANDS

SAMPLE_RATE = 16_000  # Hz, the rate at which the mark is written and read
FRAME = 1_024  # samples of one Hann-windowed frame
HOP = 256  # samples from frame to frame
FRAMES_PER_BLOCK = 156  # frames from block to block
BLOCK = FRAMES_PER_BLOCK * HOP  # samples, 2.496 s
INNER_FRAMES = FRAMES_PER_BLOCK - FRAME // HOP + 1  # frames that lie wholly inside a block
LOWEST, HIGHEST = 400.0, 4_000.0  # Hz
SILENCE = 1e-4  # root mean square (-80 dBFS) below which a block carries no mark

Array = NDArray[np.float32]


def hann() -> Array:
    """Return the periodic Hann window of one frame."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)).astype(np.float32)


def to_mel(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mel of Slaney's Auditory Toolbox (1998): linear to 1 kHz, logarithmic above."""
    return np.where(hertz < 1000, hertz * 3 / 200, 15 + 27 * np.log(np.maximum(hertz, 1000) / 1000) / np.log(6.4))


def band_edges() -> NDArray[np.float64]:
    """Return the 52 edges in Hz of 50 overlapping triangular bands, evenly spaced in mel."""
    mel = np.linspace(float(to_mel(np.array(LOWEST))), float(to_mel(np.array(HIGHEST))), BANDS + 2)
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))


def mel_matrix(rate: float = 1.0) -> Array:
    """Return the matrix from the 513 bins of a frame to bands of unit area, shape (513, 50).

    `rate` multiplies all frequencies: 1.06 for audio that sounds a semitone too high.
    """
    edges = band_edges() * rate
    bins = np.arange(FRAME // 2 + 1) * SAMPLE_RATE / FRAME
    rising = (bins[:, None] - edges[None, :-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[None, 2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    bands = np.maximum(0.0, np.minimum(rising, falling)) * 2 / (edges[2:] - edges[:-2])
    return np.ascontiguousarray(bands, dtype=np.float32)


def spectra(samples: Array) -> NDArray[np.complex64]:
    """Return the spectrum of every whole frame of `samples` (T,) at 16 kHz, shape (frames, 513)."""
    if len(samples) < FRAME:
        return np.zeros((0, FRAME // 2 + 1), dtype=np.complex64)
    frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME)[::HOP] * hann()
    spectrum: NDArray[np.complex64] = fft.rfft(frames.astype(np.float32, copy=False), axis=1)
    return spectrum
