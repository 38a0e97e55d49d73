"""Speech that is heard while it is made carries every mark, is made when asked for, and ends when nobody listens."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from gateway.settings import DEFAULT_AUDIOSEAL
from synth.adapters.audioseal import AudioSealMark
from synth.adapters.keyed import KeyedMark
from synth.errors import MarkUnavailableError, VoiceError
from synth.keyed.key import MINIMUM_KEY_BYTES
from synth.loudness import measure_loudness, measure_true_peak
from synth.markstream import AddedSound, MarkChain
from synth.narration import AHEAD, STREAM_RATE, narrate
from synth.script import Chapter, Script, Utterance
from synth.voice import VoiceCatalogue
from synth.watermark import Payload, reads_back
from tests.api_gate import ChipMark
from tests.production_samples import HummingVoice, NoiseMark

EPISODE = "ep_" + "7" * 20


class CountingVoice(HummingVoice):
    """Hums, and counts the sentences."""

    def __init__(self, fail_at: int = 10**6) -> None:
        super().__init__("hum-low")
        self.spoken = 0
        self._fail_at = fail_at
        self._lock = threading.Lock()

    def speak(self, text: str, *, seed: int) -> np.ndarray:
        with self._lock:
            self.spoken += 1
            if self.spoken > self._fail_at:
                raise VoiceError("the engine died")
        return super().speak(text, seed=seed)


def a_script(sentences: int) -> Script:
    text = " ".join(f"Sentence number {number} says nothing at all." for number in range(sentences))
    return Script("T", "en", "", (("A", "hum-low"),), (Chapter("", (Utterance("A", text, 0, 0),)),), "")


def catalogue(voice: CountingVoice) -> VoiceCatalogue:
    return VoiceCatalogue({"hum-low": voice})


def test_stream_is_as_loud_as_a_programme_and_carries_its_mark() -> None:
    pieces = list(narrate(a_script(6), catalogue(CountingVoice()), [ChipMark()], episode_id=EPISODE))
    assert len(pieces) > 5
    sound = np.concatenate(pieces)
    assert measure_loudness(sound, STREAM_RATE) == pytest.approx(-16.0, abs=1.5)
    assert measure_true_peak(sound, STREAM_RATE) < 0.0
    found = ChipMark().detect(sound, STREAM_RATE, [Payload("ep_another"), Payload(EPISODE)])
    assert found.episode_id == EPISODE


def test_both_real_marks_read_back_from_a_stream() -> None:
    marks = [AudioSealMark(weights=DEFAULT_AUDIOSEAL), KeyedMark(key=bytes(range(MINIMUM_KEY_BYTES)))]
    pieces = list(narrate(a_script(5), catalogue(CountingVoice()), marks, episode_id=EPISODE))
    sound = np.concatenate(pieces)
    for mark in marks:
        found = mark.detect(sound, STREAM_RATE, [Payload("ep_another"), Payload(EPISODE)])
        assert reads_back(found, Payload(EPISODE)), mark.name


def test_stream_of_the_keyed_mark_is_what_marking_at_once_gives_whatever_the_pieces() -> None:
    mark = KeyedMark(key=bytes(range(MINIMUM_KEY_BYTES)))
    sound = HummingVoice("hum-low").speak("one two three four five six seven eight nine ten eleven", seed=1) * 3
    stream, random, out, at = MarkChain([mark], STREAM_RATE, Payload(EPISODE)), np.random.default_rng(3), [], 0
    while at < len(sound):
        size = int(random.integers(1, 20_000))
        out.append(stream.push(sound[at : at + size]))
        at += size
    joined = np.concatenate([*out, stream.finish()])
    assert len(joined) == len(sound)
    np.testing.assert_allclose(joined, mark.embed(sound, STREAM_RATE, Payload(EPISODE)), atol=1e-3)


class LateSource:
    """Says what is to be added only at the end, and too little of it."""

    def push(self, samples: np.ndarray) -> np.ndarray:
        return np.zeros(0, dtype=np.float32)

    def finish(self) -> np.ndarray:
        return np.full(3, 0.25, dtype=np.float32)


def test_sound_without_an_addition_comes_out_as_it_is() -> None:
    stream = AddedSound(LateSource())
    assert len(stream.push(np.full(5, 0.5, dtype=np.float32))) == 0
    assert stream.finish().tolist() == [0.75, 0.75, 0.75, 0.5, 0.5]


def test_no_more_sentences_are_spoken_than_are_asked_for() -> None:
    voice = CountingVoice()
    narration = narrate(a_script(30), catalogue(voice), [ChipMark()], episode_id=EPISODE)
    assert voice.spoken == 0
    next(narration)
    time.sleep(0.2)
    assert voice.spoken <= 1 + AHEAD
    narration.close()
    after = voice.spoken
    time.sleep(0.2)
    assert voice.spoken <= after + 1  # one may have been under way


def test_fault_in_a_later_sentence_comes_out_and_nothing_goes_on() -> None:
    voice = CountingVoice(fail_at=2)
    heard = []
    with pytest.raises(VoiceError, match="engine died"):
        heard += narrate(a_script(9), catalogue(voice), [ChipMark()], episode_id=EPISODE)
    assert voice.spoken <= 3 + AHEAD


@pytest.mark.parametrize("marks", [[], [NoiseMark()], [ChipMark(), NoiseMark("audioseal")]])
def test_mark_that_cannot_be_set_in_a_stream_speaks_nothing(marks: list[NoiseMark]) -> None:
    voice = CountingVoice()
    with pytest.raises(MarkUnavailableError):
        next(narrate(a_script(2), catalogue(voice), marks, episode_id=EPISODE))
    assert voice.spoken == 0
