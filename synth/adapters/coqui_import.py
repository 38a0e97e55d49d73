"""Makes coqui-tts importable and offline; only the worker process and the recipe of a voice call this.

It changes the process that calls it, so the service itself never does.
"""

from __future__ import annotations

import importlib
import os
import pathlib
import sys
from typing import Any

from synth.adapters.coqui_phonemes import misaki_to_espeak

ENGINE_VERSION = "0.28.0"
PHONEMIZER = "hibari"
_NETWORK = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.bind")


def refuse_network() -> None:
    """Make every later attempt of this process to reach the network an error; cannot be undone.

    Model hubs, version checks and telemetry of libraries then fail at once, whatever their settings are.
    """
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
        os.environ[name] = "1"
    os.environ.pop("COQUI_TOS_AGREED", None)

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        del arguments
        if event in _NETWORK:
            raise OSError("this process must not reach the network")

    sys.addaudithook(hook)


def import_torchaudio() -> None:
    """Import torchaudio, without its shared objects where they do not fit this torch.

    Its plain wheel for Linux is linked against CUDA and fails beside the CPU build of torch. Speaking needs its Python
    part alone, so its search for shared objects is made to find none; reading files through it then does not work.
    """
    try:
        importlib.import_module("torchaudio")
    except (OSError, ImportError):
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchaudio"]:
            del sys.modules[name]
        glob = pathlib.Path.glob

        def hide(self: pathlib.Path, pattern: str, *arguments: Any, **keywords: Any) -> Any:
            if "torchaudio" in str(pattern):
                return iter(())
            return glob(self, pattern, *arguments, **keywords)

        pathlib.Path.glob = hide  # type: ignore[method-assign]
        try:
            importlib.import_module("torchaudio")
        finally:
            pathlib.Path.glob = glob  # type: ignore[method-assign]


def import_coqui() -> Any:
    """Return the class `TTS.api.TTS` with the phonemizer "hibari" registered; raises what an import raises."""
    import_torchaudio()
    api = importlib.import_module("TTS.api")
    _register_phonemizer()
    return api.TTS


def _register_phonemizer() -> None:
    from hibari.g2p import G2P
    from TTS.tts.utils.text.phonemizers import PHONEMIZERS
    from TTS.tts.utils.text.phonemizers.base import BasePhonemizer

    class HibariPhonemizer(BasePhonemizer):  # type: ignore[misc]  # the package ships no types
        """American English through the dictionary of hibari-tts."""

        def __init__(self, language: str = "en-us", **keywords: object) -> None:
            del keywords
            self._dictionary = G2P()  # before the base class, which asks whether the language is supported
            super().__init__(language, keep_puncs=True)

        @staticmethod
        def name() -> str:
            """As models name it in their configuration."""
            return PHONEMIZER

        @staticmethod
        def supported_languages() -> dict[str, str]:
            """American English alone."""
            return {"en-us": "English (America)"}

        @classmethod
        def is_available(cls) -> bool:
            """Always: the dictionary ships."""
            return True

        def version(self) -> str:
            """Of the translation."""
            return "1"

        def _phonemize(self, text: str, separator: str) -> str:
            del separator
            return self.phonemize(text)

        def phonemize(self, text: str, separator: str = "", language: str | None = None) -> str:
            """Replace the base class's way, which takes punctuation apart before the dictionary could read it."""
            del separator, language
            return misaki_to_espeak(str(self._dictionary(text)))

    PHONEMIZERS[PHONEMIZER] = HibariPhonemizer
