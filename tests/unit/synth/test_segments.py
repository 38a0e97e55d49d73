"""Spoken sentences that are kept: never stale, never torn, never more than allowed, and never in the way."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from synth.audio import Samples
from synth.errors import VoiceError
from synth.formats import parse_script
from synth.segments import RememberingVoice, SegmentCache, forget_segments, segment_key
from synth.speak import speak
from synth.tone import ToneVoice
from synth.voice import VoiceCatalogue

TEXT = "Good morning."


class CountingVoice(ToneVoice):
    """Counts how often it speaks."""

    def __init__(self, *, frequency: float = 120.0) -> None:
        super().__init__(id="tone", frequency=frequency)
        self.spoken: list[str] = []

    def speak(self, text: str, *, seed: int) -> Samples:
        self.spoken.append(text)
        if "fail" in text:
            raise VoiceError("it failed")
        return super().speak(text, seed=seed)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "segments"
    forget_segments(tmp_path / "segments")


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_a_sentence_is_spoken_once_also_for_another_process(folder: Path) -> None:
    voice = CountingVoice()
    first = RememberingVoice(voice, SegmentCache(folder, max_bytes=1 << 20)).speak(TEXT, seed=1)
    second = RememberingVoice(voice, SegmentCache(folder, max_bytes=1 << 20)).speak(TEXT, seed=1)
    assert voice.spoken == [TEXT]
    assert np.array_equal(first, second)
    assert second.flags.writeable


def test_whatever_makes_another_sound_has_another_name() -> None:
    voice, other = CountingVoice(), CountingVoice(frequency=200.0)
    names = {
        segment_key(voice, TEXT, 1),
        segment_key(voice, TEXT, 2),
        segment_key(voice, TEXT + " ", 1),
        segment_key(other, TEXT, 1),
        segment_key(ToneVoice(id="tonf"), TEXT, 1),
    }
    assert len(names) == 5


def test_a_corrected_word_costs_one_sentence(folder: Path) -> None:
    voice = CountingVoice()
    catalogue = VoiceCatalogue({"tone": RememberingVoice(voice, SegmentCache(folder, max_bytes=1 << 26))})
    text = "---\ntitle: T\nvoices:\n  ANNA: tone\n---\nANNA: One is here. Two is there. Three is gone.\n"
    before = speak(parse_script(text), catalogue)
    assert len(voice.spoken) == 3
    voice.spoken.clear()
    after = speak(parse_script(text.replace("there", "away")), catalogue)
    assert voice.spoken == ["Two is away."]
    assert [cue.end for cue in before.cues][:1] == [cue.end for cue in after.cues][:1]


@pytest.mark.parametrize("damage", [b"", b"x", b"ASSAYSEG1\n" + b"0" * 32, b"ASSAYSEG1\n" + b"0" * 1000])
def test_a_damaged_segment_is_spoken_again(folder: Path, damage: bytes) -> None:
    voice = CountingVoice()
    remembering = RememberingVoice(voice, SegmentCache(folder, max_bytes=1 << 20))
    first = remembering.speak(TEXT, seed=1)
    (path,) = files(folder)
    path.write_bytes(damage)
    assert np.array_equal(remembering.speak(TEXT, seed=1), first)
    assert len(voice.spoken) == 2
    assert np.array_equal(remembering.speak(TEXT, seed=1), first)
    assert len(voice.spoken) == 2


def test_one_bit_flipped_is_noticed(folder: Path) -> None:
    cache = SegmentCache(folder, max_bytes=1 << 20)
    cache.write("ab" + "0" * 62, np.ones(100, np.float32))
    (path,) = files(folder)
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    assert cache.read("ab" + "0" * 62) is None


def test_a_failure_is_not_remembered(folder: Path) -> None:
    voice = CountingVoice()
    remembering = RememberingVoice(voice, SegmentCache(folder, max_bytes=1 << 20))
    for _ in range(2):
        with pytest.raises(VoiceError):
            remembering.speak("I fail.", seed=1)
    assert len(voice.spoken) == 2
    assert files(folder) == []


def test_what_was_used_longest_ago_goes_first_and_the_limit_holds(folder: Path) -> None:
    limit = 100_000
    cache = SegmentCache(folder, max_bytes=limit)
    keys = [f"{number:02x}" + "0" * 62 for number in range(60)]
    for age, key in enumerate(keys):
        cache.write(key, np.full(1_000, age, np.float32))
        path = folder / key[:2] / f"{key[2:]}.segment"
        if path.exists():
            os.utime(path, (age, age))
        if age > 5:
            assert cache.read(keys[0]) is not None  # asked for all the time, so it stays
        assert sum(path.stat().st_size for path in files(folder)) <= limit * 17 / 16 + 4_100
    assert cache.read(keys[1]) is None
    assert cache.read(keys[-1]) is not None


def test_many_threads_share_a_small_folder(folder: Path) -> None:
    cache = SegmentCache(folder, max_bytes=50_000)
    texts = [f"Sentence number {word}." for word in ("one", "two", "three", "four", "five", "six")] * 8
    voice = ToneVoice(id="tone")
    remembering = RememberingVoice(voice, cache)
    with ThreadPoolExecutor(8) as pool:
        spoken = list(pool.map(lambda text: remembering.speak(text, seed=1), texts))
    assert all(np.array_equal(a, voice.speak(t, seed=1)) for a, t in zip(spoken, texts, strict=True))


def test_two_processes_write_the_same_segments_at_once(folder: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom synth.segments import *\nfrom synth.tone import ToneVoice\n"
        "voice = RememberingVoice(ToneVoice(id='tone'), SegmentCache(Path(sys.argv[1]), max_bytes=200_000))\n"
        "for turn in range(3):\n    for number in range(20):\n        voice.speak('word ' * (number + 1), seed=1)\n"
    )
    root = Path(__file__).parents[3]
    running = [subprocess.Popen([sys.executable, "-c", code, str(folder)], cwd=root) for _ in range(2)]
    assert [process.wait() for process in running] == [0, 0]
    assert all(path.name.endswith(".segment") for path in files(folder))


def test_a_folder_that_cannot_be_written_costs_time_only(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    voice = CountingVoice()
    remembering = RememberingVoice(voice, SegmentCache(blocked / "segments", max_bytes=1 << 20))
    assert len(remembering.speak(TEXT, seed=1))
    assert len(remembering.speak(TEXT, seed=1))
    assert len(voice.spoken) == 2


def test_nobody_else_may_read_unmarked_speech(folder: Path) -> None:
    SegmentCache(folder, max_bytes=1 << 20).write("ab" + "0" * 62, np.ones(10, np.float32))
    assert folder.stat().st_mode & 0o077 == 0


def test_forgetting_leaves_nothing(folder: Path) -> None:
    SegmentCache(folder, max_bytes=1 << 20).write("ab" + "0" * 62, np.ones(10, np.float32))
    assert forget_segments(folder) == 1
    assert not folder.exists()
    assert forget_segments(folder) == 0
