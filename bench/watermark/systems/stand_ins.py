"""The few functions that peers take from packages which cannot be installed beside a current PyTorch.

AWARE and Perth import librosa (which needs numba), resampy, torchaudio and pkg_resources for a handful of calls. These
do the same with numpy, soxr and torch; they are put into `sys.modules` only where the real package is missing.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import soxr
import torch


def provide_librosa() -> None:
    """`librosa.fft_frequencies` and `librosa.resample`."""

    def resample(y: Any, *, orig_sr: float, target_sr: float, res_type: str = "soxr_hq", **_: object) -> Any:
        del res_type  # all are long filters
        return soxr.resample(np.asarray(y), orig_sr, target_sr).astype(np.float32)

    def fft_frequencies(*, sr: float = 22050, n_fft: int = 2048) -> Any:
        return np.fft.rfftfreq(n_fft, 1 / sr)

    _provide("librosa", resample=resample, fft_frequencies=fft_frequencies)
    _provide("resampy", resample=lambda x, sr_orig, sr_new: soxr.resample(x, sr_orig, sr_new))


def provide_torchaudio() -> None:
    """`torchaudio.transforms.Spectrogram`, `InverseSpectrogram` (complex), and an unused `TimeStretch`."""

    class Spectrogram(torch.nn.Module):
        def __init__(self, *, n_fft: int, win_length: int, hop_length: int, window_fn: Any, **_: object) -> None:
            super().__init__()
            self.sizes = {"n_fft": n_fft, "win_length": win_length, "hop_length": hop_length}
            self.register_buffer("window", window_fn(win_length))

        def forward(self, wave: torch.Tensor) -> torch.Tensor:
            return torch.stft(wave, **self.sizes, window=self.window, return_complex=True, pad_mode="reflect")

    class InverseSpectrogram(Spectrogram):
        def forward(self, spectrum: torch.Tensor) -> torch.Tensor:
            return torch.istft(spectrum, **self.sizes, window=self.window)

    class TimeStretch(torch.nn.Module):
        def __init__(self, *, n_freq: int, hop_length: int) -> None:
            super().__init__()
            self.register_buffer("phase_advance", torch.linspace(0, np.pi * hop_length, n_freq)[..., None])

    transforms = _provide(
        "torchaudio.transforms",
        Spectrogram=Spectrogram,
        InverseSpectrogram=InverseSpectrogram,
        TimeStretch=TimeStretch,
    )
    _provide("torchaudio", transforms=transforms)


def provide_pkg_resources() -> None:
    """`pkg_resources.resource_filename`, which setuptools 81 removed."""

    def resource_filename(package: str, name: str) -> str:
        return str(Path(str(sys.modules[package].__file__)).parent / name)

    _provide("pkg_resources", resource_filename=resource_filename)


def provide_webrtcvad() -> None:
    """A voice detector that always hears a voice: AWARE uses it only to refuse silence."""

    class Vad:
        def __init__(self, _aggressiveness: int) -> None:
            pass

        def is_speech(self, _frame: bytes, _rate: int) -> bool:
            return True

    _provide("webrtcvad", Vad=Vad)


def _provide(name: str, **members: object) -> ModuleType:
    if name in sys.modules:
        return sys.modules[name]
    if "." not in name and importlib.util.find_spec(name) is not None:
        return importlib.import_module(name)  # the real one
    module = ModuleType(name)
    vars(module).update(members)
    sys.modules[name] = module
    return module
