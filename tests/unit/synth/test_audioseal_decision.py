"""A detection needs the detector's word and clear bits, in two windows in a row."""

from __future__ import annotations

import numpy as np
import pytest

from synth.adapters.audioseal_decision import Decision, Windows, clearness, judge, windows
from synth.watermark import Detection, Presence

RULE = Decision(window_seconds=4.8, hop_seconds=2.4, quietest_rms=1e-3, window_threshold=0.0, run=2, bit_threshold=1.4)
BITS = np.array([3, -3] * 8, np.float32)
"""Reads 1010...: 0xAAAA."""


def decide(*rows: tuple[float, float]) -> Detection:
    """A detection from windows with (margin, size of the bits relative to `BITS`)."""
    found = Windows(
        [2.4 * number for number in range(len(rows))], [margin for margin, _ in rows], [BITS * size for _, size in rows]
    )
    return judge(found, RULE, layer="audioseal", message_bits=16)


def test_no_window_is_inconclusive() -> None:
    assert decide().presence is Presence.INCONCLUSIVE


def test_two_marked_windows_in_a_row_are_a_detection() -> None:
    detection = decide((-2, 0.1), (3, 1), (3, 1), (-2, 0.1))
    assert detection.presence is Presence.DETECTED
    assert detection.message == 0xAAAA
    assert detection.message_bits == 16
    assert np.allclose(detection.spans, [(2.4, 9.6)])


def test_a_single_window_is_enough_where_there_is_only_one() -> None:
    assert decide((3, 1)).presence is Presence.DETECTED


@pytest.mark.parametrize(
    "rows",
    [
        [(3, 1), (-2, 0.1), (3, 1)],  # never two in a row
        [(3, 0.2), (3, 0.2)],  # the detector says yes, the bits are unclear
        [(-1, 1), (-1, 1)],  # the bits are clear, the detector says no
    ],
)
def test_chance_is_not_a_detection(rows: list[tuple[float, float]]) -> None:
    detection = decide(*rows)
    assert detection.presence is Presence.NOT_DETECTED
    assert detection.message is None


def test_a_few_very_clear_bits_do_not_make_a_window_clear() -> None:
    music = np.full(16, 0.2, np.float32)
    music[:11] = 40
    assert clearness(music) < RULE.bit_threshold < clearness(BITS)


def test_quiet_windows_are_not_judged_and_windows_are_averages() -> None:
    logits = np.zeros((480, 18), np.float32)
    logits[:, 1] = np.arange(480)
    power = np.full(480, 1e-2, np.float32)
    power[240:] = 1e-9
    found = windows(logits, power, RULE)
    assert found.start == [0.0, 2.4]  # the third holds silence only
    assert found.margin == pytest.approx([np.arange(240).mean(), np.arange(120, 360).mean()])
    assert windows(logits[:239], power[:239], RULE).start == []
