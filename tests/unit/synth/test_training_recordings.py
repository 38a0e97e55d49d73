"""Recordings become tracks that are reproducible, level, and split by speaker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from synth.training import recordings


def test_no_speaker_or_piece_of_music_is_both_trained_on_and_held_out() -> None:
    credits = {
        split: {source.credit for source in recordings.SOURCES if source.split == split}
        for split in ("train", "held_out")
    }
    assert credits["train"]
    assert not credits["train"] & credits["held_out"]
    assert all(source.licence.startswith("CC-BY") for source in recordings.SOURCES)


def test_raw_g722_is_decoded_at_sixteen_kilohertz(tmp_path: Path) -> None:
    tone = (0.3 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000) * 32_767).astype(np.int16)
    file = tmp_path / "tone.g722"
    with av.open(str(file), "w", format="g722") as output:
        stream: Any = output.add_stream("g722", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(tone[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts = 16_000, 0
        output.mux([*stream.encode(frame), *stream.encode(None)])
    samples = recordings.decode(file)
    assert abs(len(samples) - 16_000) <= 400
    assert np.argmax(np.abs(np.fft.rfft(samples))) * 16_000 / len(samples) == pytest.approx(440, abs=2)


def test_speech_is_joined_with_pauses_and_music_without() -> None:
    pieces = [np.full(1_000, 0.02 * (n + 1), np.float32) for n in range(5)]
    speech, again = (recordings.join(pieces, "speech", seed=1) for _ in range(2))
    assert np.array_equal(speech, again)
    assert 5 * (1_000 + 0.2 * 16_000) <= len(speech) <= 5 * (1_000 + 0.7 * 16_000)
    assert len(recordings.join(pieces, "music", seed=1)) == 5_000
    sound = speech[speech != 0]
    assert float(np.sqrt(np.mean(sound**2))) == pytest.approx(recordings.TRACK_RMS, rel=0.01)


def test_a_track_never_passes_full_scale() -> None:
    click = np.zeros(16_000, np.float32)
    click[::4_000] = 0.5
    assert float(np.abs(recordings.join([click], "music", seed=0)).max()) <= recordings.TRACK_PEAK + 1e-6


def test_a_missing_track_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"synth\.training\.recordings"):
        recordings.load(tmp_path, "speech", "train")


def test_a_package_that_cannot_be_fetched_says_what_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match="apt-get"):
        recordings.fetch("asterisk-core-sounds-en-g722", tmp_path)
