"""Writes the keyed mark: optimises a gain pattern against the frozen decoder with PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import soxr
import torch
from scipy.ndimage import maximum_filter1d
from torch import Tensor
from torch.nn.functional import leaky_relu, softplus

from synth.audio import Samples, check_samples
from synth.errors import AudioError
from synth.keyed.decoder import SLOPE, VARIANCE_FLOOR
from synth.keyed.key import Weights, block_words, derive_keys, detector_weights, noise_seed
from synth.keyed.reader import KeyedReader
from synth.keyed.spectrum import (
    BLOCK,
    FIRST_BIN,
    FRAME,
    HOP,
    LAST_BIN,
    LEVEL,
    LOG_FLOOR,
    SAMPLE_RATE,
    SILENCE,
    mel_matrix,
)
from synth.watermark import Detection, Payload

FADE = 320  # samples (20 ms) over which the added signals of neighbouring blocks cross-fade
MARGIN = FADE // 2  # samples that a block's added signal reaches beyond the block on either side
CONTEXT = MARGIN + FRAME // 2  # samples of sound around a block that its spectrum needs
BASE_PRICE = 0.3  # what a change costs where the band is empty, relative to where it has its mean magnitude
BLOCKS_AT_ONCE = 24  # one minute: large enough for fast matrix products, about 350 MB of memory
QUIET_SECONDS = 0.005  # a stretch of digital silence this long stays silent


@dataclass(frozen=True, slots=True)
class EmbeddingSettings:
    """How hard a block is marked; together with the decoder they fix the trade between strength and sound."""

    iterations: int = 40
    tolerance: float = 0.35  # the band's gain stays within 1 ± tolerance
    learning_rate: float = 0.25
    sharpness: float = 30.0  # steepness of the loss around the wanted margin
    margin: float = 0.1  # logit beyond which a bit is safe
    thrift: float = 0.5  # weight of the penalty on change, which spares the loudest parts of the band most
    noise_floor: float = 8.0  # dB, lowest signal-to-noise ratio of the attack inside the loop
    noise_ceiling: float = 25.0  # dB, highest


class TorchDecoder:
    """The network of `synth.keyed.decoder` with gradients; a test holds the two together."""

    def __init__(self, *, weights: Weights) -> None:
        self._weights = [torch.from_numpy(matrix.copy()) for matrix in weights]
        self._mel = torch.from_numpy(mel_matrix())
        self._window = torch.hann_window(FRAME)

    def __call__(self, blocks: Tensor) -> Tensor:
        """Return logits of shape (blocks, 16) for sound of shape (blocks, 40000) brought to `LEVEL`."""
        spectrum = torch.stft(blocks, FRAME, HOP, window=self._window, center=False, return_complex=True)
        # Not `abs`: its gradient is NaN where a pause leaves subnormal numbers (1e-39) in the spectrum.
        magnitudes = torch.view_as_real(spectrum[:, FIRST_BIN : LAST_BIN + 1]).square().sum(dim=-1).add(1e-20).sqrt()
        hidden = _normalise(torch.log(magnitudes.transpose(1, 2) @ self._mel + LOG_FLOOR))
        for matrix in self._weights:
            hidden = leaky_relu(_normalise(hidden @ matrix), SLOPE)
        mean = hidden.mean(dim=1)
        return mean[:, 0::2] - mean[:, 1::2]


def _normalise(values: Tensor) -> Tensor:
    variance, mean = torch.var_mean(values, dim=1, correction=0, keepdim=True)
    return (values - mean) * torch.rsqrt(variance + VARIANCE_FLOOR)


class KeyedMark:
    """The keyed mark as a `synth.watermark.Watermark`: writes with PyTorch, reads with `KeyedReader`.

    Holds no mutable state, hence safe to share between threads. The added signal depends on the key, the payload and
    the sound alone: the same input gives the same output.
    """

    def __init__(
        self,
        *,
        key: bytes,
        rates: tuple[float, ...] = (1.0,),
        settings: EmbeddingSettings | None = None,
    ) -> None:
        self._reader = KeyedReader(key=key, rates=rates)
        self._keys = derive_keys(key)
        self._decoder = TorchDecoder(weights=detector_weights(self._keys.detector))
        self._settings = settings or EmbeddingSettings()

    @property
    def name(self) -> str:
        """Return "keyed"."""
        return self._reader.name

    @property
    def version(self) -> str:
        """Algorithm version and key epoch, for example "1+0123456789abcdef"."""
        return self._reader.version

    def detect(self, samples: Samples, sample_rate: int, candidates: Sequence[Payload]) -> Detection:
        """Look for the mark of one of `candidates`; see `KeyedReader.detect`."""
        return self._reader.detect(samples, sample_rate, candidates)

    def embed(self, samples: Samples, sample_rate: int, payload: Payload) -> Samples:
        """Return `samples` with the mark of `payload` in every whole 2.5 s block that is not silent.

        Raises `AudioError` for samples that are not finite mono float32, or if the optimiser diverges. The peak rises
        by at most the added signal and never above full scale, unless the input was already above it.
        """
        check_samples(samples, sample_rate)
        sound = samples if sample_rate == SAMPLE_RATE else soxr.resample(samples, sample_rate, SAMPLE_RATE)
        added = self._added_signal(np.asarray(sound, dtype=np.float32), payload)
        if sample_rate != SAMPLE_RATE:
            added = soxr.resample(added, SAMPLE_RATE, sample_rate)
        added = np.pad(added[: len(samples)], (0, max(0, len(samples) - len(added))))
        if len(samples) == 0:
            return samples.copy()
        # Digital silence stays silent: the inverse transform smears a block's signal over up to 64 ms of its pauses.
        reach = 2 * int(QUIET_SECONDS * sample_rate) + 1
        audible = maximum_filter1d(np.abs(samples), reach) > 0
        peak = max(1.0, float(np.abs(samples).max()))
        marked: Samples = np.clip(samples + added * audible, -peak, peak).astype(np.float32)
        return marked

    def _added_signal(self, sound: Samples, payload: Payload) -> Samples:
        """Return what is added to `sound` (T,) at 16 kHz."""
        blocks = len(sound) // BLOCK
        if blocks == 0:
            return np.zeros_like(sound)
        padded = np.pad(sound, CONTEXT)
        windows = np.lib.stride_tricks.sliding_window_view(padded, BLOCK + 2 * CONTEXT)[::BLOCK][:blocks]
        level = np.array([np.sqrt(np.mean(np.square(w[CONTEXT:-CONTEXT], dtype=np.float64))) for w in windows])
        words = block_words(self._keys.words, payload.code, blocks)
        noise = np.random.Generator(np.random.Philox(key=noise_seed(self._keys.noise, payload.code)))
        edge = np.minimum(1.0, (np.arange(BLOCK + FADE) + 0.5) / FADE)
        fade = np.square(np.sin(np.minimum(edge, edge[::-1]) * np.pi / 2))  # neighbours sum to one
        added = np.zeros_like(padded)
        audible = np.flatnonzero(level >= SILENCE)
        for chosen in (audible[i : i + BLOCKS_AT_ONCE] for i in range(0, len(audible), BLOCKS_AT_ONCE)):
            gain = (LEVEL / level[chosen]).astype(np.float32)[:, None]
            patterns = self._optimise(windows[chosen] * gain, words[chosen], noise) / gain * fade
            for block, pattern in zip(chosen, patterns, strict=True):
                start = CONTEXT - MARGIN + block * BLOCK
                added[start : start + BLOCK + FADE] += pattern
        inner: Samples = added[CONTEXT : CONTEXT + len(sound)]
        return inner

    def _optimise(self, windows: Samples, words: np.typing.NDArray[np.int8], noise: np.random.Generator) -> Samples:
        """Return the signals, shape (blocks, 40320), whose addition makes the decoder read `words`.

        `windows` has shape (blocks, 41344): the blocks at `LEVEL` with `CONTEXT` on either side. Only the gain of the
        band changes, per bin and frame; phases stay. Every second step meets white noise, so that the margin is real.
        """
        settings = self._settings
        with torch.inference_mode(mode=False), torch.enable_grad():
            sound = torch.from_numpy(windows)
            block = sound[:, CONTEXT:-CONTEXT]
            target = torch.from_numpy(words.astype(np.float32))
            window = torch.hann_window(FRAME)
            spectrum = torch.stft(sound, FRAME, HOP, window=window, center=False, return_complex=True)
            band = spectrum[:, FIRST_BIN : LAST_BIN + 1]
            pattern = torch.zeros(band.shape, requires_grad=True)
            magnitude = band.abs()
            price = magnitude / magnitude.mean(dim=(1, 2), keepdim=True).clamp_min(1e-9) + BASE_PRICE
            optimiser = torch.optim.Adam([pattern], lr=settings.learning_rate)

            def signal() -> Tensor:
                change = torch.zeros_like(spectrum)
                change[:, FIRST_BIN : LAST_BIN + 1] = band * (settings.tolerance * torch.tanh(pattern))
                return torch.istft(change, FRAME, HOP, window=window, center=True, length=BLOCK + FADE)

            for step in range(settings.iterations):
                marked = block + signal()[:, MARGIN:-MARGIN]
                if step % 2:
                    ratio = noise.uniform(settings.noise_floor, settings.noise_ceiling, (len(words), 1))
                    amplitude = (LEVEL * 10 ** (-ratio / 20)).astype(np.float32)
                    marked = marked + torch.from_numpy(noise.standard_normal(block.shape, np.float32) * amplitude)
                margin = self._decoder(marked) * target - settings.margin
                optimiser.zero_grad()
                cost = (torch.tanh(pattern).square() * price).mean()
                torch.autograd.backward(softplus(-settings.sharpness * margin).mean() + settings.thrift * cost)
                optimiser.step()
            signals: Samples = signal().detach().numpy()
            if not np.isfinite(signals).all():
                raise AudioError("the keyed mark's optimiser diverged on this sound; report it with the script's id")
            return signals
