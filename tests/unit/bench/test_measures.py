"""Counting, judging and keeping of the watermark benchmark."""

import subprocess
import sys

import numpy as np
import pytest

from bench.proportion import Share
from bench.store import Store
from bench.watermark.attack import RATE
from bench.watermark.systems.spread import SpreadSpectrum
from tests.unit.bench.test_attacks import speech


def test_wilson_interval_of_a_published_example() -> None:
    low, high = Share(81, 263).interval  # Newcombe (1998), table I, method 3
    assert (low, high) == pytest.approx((0.2553, 0.3662), abs=5e-5)


def test_interval_of_no_failures_does_not_reach_certainty() -> None:
    assert Share(24, 24).interval == pytest.approx((0.862, 1.0), abs=1e-3)
    assert str(Share(0, 0)) == "–"


def test_resumed_store_has_what_was_kept_and_drops_a_torn_line(tmp_path) -> None:
    path = tmp_path / "results.jsonl"
    store = Store(path, resume=False)
    store.put(("a", "1"), {"x": 1})
    store.put(("a", "2"), {"x": 2})
    path.write_text(path.read_text()[:-9])
    again = Store(path, resume=True)
    assert list(again.find("a")) == [(("1",), {"x": 1})]
    again.put(("a", "2"), {"x": 3})
    assert Store(path, resume=True).get("a", "2") == {"x": 3}


def test_store_without_resume_never_mixes_with_an_earlier_run(tmp_path) -> None:
    path = tmp_path / "results.jsonl"
    Store(path, resume=False).put(("a",), 1)
    assert Store(path, resume=False).get("a") is None
    assert path.with_suffix(".old").exists()


def test_floor_reads_its_own_mark_and_nothing_else() -> None:
    system = SpreadSpectrum()
    sound = speech(20)
    marked = system.embed(sound, "episode")
    heard = system.detect(marked[5_000:], "episode")
    assert heard.detected
    assert heard.right
    assert not system.detect(sound, "").detected
    other = SpreadSpectrum(key=1).detect(marked, "episode")
    assert not other.detected


def test_floor_lies_at_its_declared_strength() -> None:
    sound = speech(20)
    added = SpreadSpectrum(strength=24).embed(sound, "episode") - sound
    ratio = 10 * np.log10(np.mean(sound**2) / np.mean(added**2))
    assert ratio == pytest.approx(24, abs=0.5)


def test_marked_silence_stays_silent() -> None:
    assert not SpreadSpectrum().embed(np.zeros(2 * RATE, np.float32), "episode").any()


def test_peak_memory_is_that_of_the_probe_and_not_of_what_started_it() -> None:
    ballast = np.ones(400 * 2**20, np.uint8)  # `getrusage` in the child would count it
    command = [sys.executable, "-c", "from bench.memory import peak; print(peak())"]
    seen = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert 10 < seen < 300 < len(ballast) / 2**20
