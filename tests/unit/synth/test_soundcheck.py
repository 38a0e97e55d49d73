"""What passes for speech: the embedded voices do, whatever they say; what broken engines return does not."""

from __future__ import annotations

import numpy as np
import pytest

from synth.adapters.hibari import hibari_catalogue
from synth.errors import VoiceError
from synth.soundcheck import check_speech
from synth.voice import VoiceCatalogue

RATE = 24_000
TEXT = "Good morning, this is the news from the harbour."


@pytest.fixture(scope="module")
def catalogue() -> VoiceCatalogue:
    return hibari_catalogue()


@pytest.mark.parametrize("voice", ["hibari-heart", "hibari-birch", "hibari-wren"])
@pytest.mark.parametrize(
    "text",
    [TEXT, "No.", "A.", "In 1999, 2,000,000 people.", "Hiss, fizz, shush, sizzle!", "Mmm, no, no, mmm.", "$5.50"],
)
def test_real_speech_passes(catalogue: VoiceCatalogue, voice: str, text: str) -> None:
    check_speech(catalogue.get(voice).speak(text, seed=1), RATE, text, voice_id=voice)


def test_speech_with_silence_around_it_passes(catalogue: VoiceCatalogue) -> None:
    spoken = catalogue.get("hibari-heart").speak(TEXT, seed=1)
    silence = np.zeros(RATE, np.float32)
    check_speech(np.concatenate([silence, spoken, silence]), RATE, TEXT, voice_id="x")


def test_speech_cut_off_in_the_first_word_is_refused(catalogue: VoiceCatalogue) -> None:
    spoken = catalogue.get("hibari-heart").speak(TEXT, seed=1)
    with pytest.raises(VoiceError, match="no reader would take"):
        check_speech(spoken[: RATE // 2], RATE, TEXT, voice_id="x")


def test_gated_noise_is_refused_though_it_comes_and_goes() -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, RATE * 3).astype(np.float32)
    gate = (np.arange(len(noise)) // 3000 % 2).astype(np.float32)
    with pytest.raises(VoiceError, match="noise"):
        check_speech(noise * gate, RATE, TEXT, voice_id="x")


@pytest.mark.parametrize(
    "samples",
    [
        np.full(RATE * 3, 0.5, np.float32),  # a constant
        np.full(RATE * 3, 9.0, np.float32),
        np.zeros((2, RATE), np.float32),
        np.zeros(RATE * 3, np.float64),
    ],
)
def test_what_is_no_sound_at_all_is_refused(samples: np.ndarray) -> None:
    with pytest.raises(VoiceError):
        check_speech(samples, RATE, TEXT, voice_id="x")
