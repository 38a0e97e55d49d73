"""Voices of the embedded engine hibari-tts (Apache-2.0): its bundled English voice and voices derived from it.

The engine's network returns pitch and spectra separately, and only then is a waveform built from them. A derived voice
changes both in between (`hibari_derivation.py`). These are parts of the engine without a promise of stability: the
version and the weights are pinned, and `tests/contract/test_voice_port.py` holds what is relied upon.
"""

from __future__ import annotations

import hashlib
from importlib.metadata import version as installed_version
from pathlib import Path

import hibari
import numpy as np
from hibari import dsp

from synth.adapters.hibari_alphabet import first_unspeakable
from synth.adapters.hibari_derivation import DERIVATION, derive
from synth.audio import Samples
from synth.errors import VoiceError
from synth.sentences import split_words
from synth.voice import Purpose, Unspeakable, Voice, VoiceCard, VoiceCatalogue

ENGINE_VERSION = "0.2.1"
WEIGHTS_SHA256 = "5f70741d4e900f4e85d0037498736cc1b3e1b9a63a13546a5da1e63abf4fccd8"  # the bundled voice "heart"
MAX_WORDS = 60  # per call; 80 words cost 335 MB, 11,399 phonemes cost 6.6 GB and 50 s
MAX_PHONEMES = 400  # per call; the engine itself splits there, but only at punctuation


class HibariEngine:
    """The network, its dictionary and its session, loaded once and shared by all voices of a process; thread-safe."""

    def __init__(self) -> None:
        """Load and verify the engine (about 1.5 s); raise `VoiceError` if it is not the one that was tested."""
        found = installed_version("hibari-tts")
        if found != ENGINE_VERSION:
            raise VoiceError(f"hibari-tts {found} is installed, but {ENGINE_VERSION} is required; install that version")
        try:
            self._engine = hibari.Hibari(voice="heart", threads=1)
            digest = hashlib.sha256(Path(self._engine.model_path).read_bytes()).hexdigest()
            self._g2p = self._engine.g2p
            self._longest_unknown: int = self._g2p.oov.maxlen
        except Exception as error:
            raise VoiceError(f"the engine hibari cannot be loaded ({error}); reinstall hibari-tts") from error
        if digest != WEIGHTS_SHA256:
            raise VoiceError(f"the weights of hibari have SHA-256 {digest}, not {WEIGHTS_SHA256}; reinstall hibari-tts")

    def knows(self, word: str) -> bool:
        """True if the dictionary has `word`, so that the network for unknown words is not asked."""
        return word in self._g2p.lexicon.golds or word in self._g2p.lexicon.silvers or word.isupper()

    @property
    def longest_unknown_word(self) -> int:
        """Letters after which the network for unknown words silently cuts a word off."""
        return self._longest_unknown

    def phonemes(self, text: str) -> str:
        """Return the phonemes of a short text in the engine's alphabet."""
        return str(self._g2p(text))

    def render(self, phonemes: str, *, pitch: float, formant: float, random: np.random.Generator) -> Samples:
        """Return float32 samples at 24 kHz for at most `MAX_PHONEMES` phonemes."""
        unknown = sorted({symbol for symbol in phonemes if symbol not in self._engine.vocab})
        if unknown:
            raise VoiceError(f"the engine has no sound for the phonemes {unknown}; reword the sentence")
        ids = np.asarray([self._engine.ids(phonemes)], np.int64)
        speed = np.asarray([1.0], np.float32)
        outputs = self._engine.sess.run(None, {"ids": ids, "speed": speed})
        samples: Samples = dsp.synth(*derive([output[0] for output in outputs], pitch=pitch, formant=formant), random)
        return samples


class HibariVoice:
    """One voice of the engine: the bundled one (`pitch` and `formant` 1.0, bit-identical) or one derived from it."""

    def __init__(self, *, id: str, engine: HibariEngine, pitch: float = 1.0, formant: float = 1.0) -> None:
        """Take a pitch factor and a formant factor, each 0.5..2.0 (0.6..1.2 and 0.85..1.08 were measured as clear)."""
        if not (0.5 <= pitch <= 2.0 and 0.5 <= formant <= 2.0):
            raise VoiceError(f"pitch {pitch} and formant {formant} must lie in 0.5..2.0")
        self._id = id
        self._engine = engine
        self._pitch = pitch
        self._formant = formant

    @property
    def id(self) -> str:
        """Catalogue id."""
        return self._id

    @property
    def language(self) -> str:
        """English only: the engine reads other languages with English rules."""
        return "en"

    @property
    def sample_rate(self) -> int:
        """24 kHz."""
        return int(dsp.SR)

    @property
    def version(self) -> str:
        """Engine, its version, the digest of its weights and the derivation."""
        made = f"hibari-tts/{ENGINE_VERSION} sha256:{WEIGHTS_SHA256}"
        if self._pitch == 1.0 and self._formant == 1.0:
            return made
        return f"{made} derivation/{DERIVATION} pitch={self._pitch:g} formant={self._formant:g}"

    def unspeakable(self, text: str) -> Unspeakable | None:
        """Return the first letter, symbol, number or word that the engine would drop, cut off or spell as noise."""
        return first_unspeakable(text, knows=self._engine.knows, longest_unknown=self._engine.longest_unknown_word)

    def speak(self, text: str, *, seed: int) -> Samples:
        """Return float32 samples at 24 kHz; raise `VoiceError` if anything in `text` would not be heard."""
        if found := self.unspeakable(text):
            raise VoiceError(f"voice '{self._id}' cannot speak this text: {found.reason}")
        if not any(character.isalnum() for character in text):
            raise VoiceError(f"voice '{self._id}' was given no words to speak")
        random = np.random.default_rng(seed)
        try:
            parts = [
                self._engine.render(phonemes, pitch=self._pitch, formant=self._formant, random=random)
                for piece in split_words(text, MAX_WORDS)
                for phonemes in self._phonemes(piece)
            ]
        except VoiceError:
            raise
        except Exception as error:
            raise VoiceError(f"voice '{self._id}' failed on a sentence: {type(error).__name__}: {error}") from error
        samples = np.concatenate(parts)
        if not len(samples) or not np.isfinite(samples).all():
            raise VoiceError(f"voice '{self._id}' returned no usable sound for a sentence; reword it")
        return samples

    def _phonemes(self, piece: str) -> list[str]:
        """Return the phonemes of `piece` in parts of at most `MAX_PHONEMES`, halving it between words if needed."""
        phonemes = self._engine.phonemes(piece)
        if not phonemes.strip():
            if any(character.isalnum() for character in piece):
                raise VoiceError(f"voice '{self._id}' would drop a part of the text without a sound; reword it")
            return []  # a stray dash between two pieces is silent in any reading
        if len(phonemes) <= MAX_PHONEMES:
            return [phonemes]
        words = piece.split(" ")
        if len(words) == 1:
            raise VoiceError(f"one word has more than {MAX_PHONEMES} phonemes; write it out")
        middle = len(words) // 2
        return [part for half in (words[:middle], words[middle:]) for part in self._phonemes(" ".join(half))]


def hibari_catalogue(engine: HibariEngine | None = None) -> VoiceCatalogue:
    """Return the voices that need no download: one engine, loaded here unless given, shared by all of them."""
    shared = HibariEngine() if engine is None else engine
    voices: list[Voice] = [
        HibariVoice(id="hibari-heart", engine=shared),
        HibariVoice(id="hibari-birch", engine=shared, pitch=0.60, formant=0.85),
        HibariVoice(id="hibari-cedar", engine=shared, pitch=0.70, formant=0.90),
        HibariVoice(id="hibari-alder", engine=shared, pitch=0.85, formant=0.95),
        HibariVoice(id="hibari-wren", engine=shared, pitch=1.20, formant=1.08),
    ]
    cards = {
        voice.id: VoiceCard(
            id=voice.id,
            name=voice.id.removeprefix("hibari-").capitalize(),
            language=voice.language,
            engine="hibari",
            licence="Apache-2.0",
            purposes=frozenset(Purpose),
            real_person=False,  # distilled from a synthetic voice; the derived ones are nobody's recording
        )
        for voice in voices
    }
    return VoiceCatalogue({voice.id: voice for voice in voices}, cards)
