"""Plots: everything inside the frame, heights in proportion, and no division by nothing."""

from __future__ import annotations

import pytest

from gateway.console.charts import BOTTOM, HEIGHT, LEFT, TOP, WIDTH, Chart, _nice, lying, shares, standing
from gateway.quality.agreement import Share


def inside(chart: Chart) -> bool:
    return all(
        bar.x >= 0 and bar.y >= 0 and bar.x + bar.width <= WIDTH and bar.y + bar.height <= chart.height
        for bar in chart.bars
    ) and all(0 <= label.x <= WIDTH and 0 <= label.y <= chart.height for label in chart.labels)


def test_stacked_bars_stand_on_each_other_in_proportion() -> None:
    chart = standing([("mon", {"approve": 3, "reject": 1}), ("tue", {"approve": 0, "reject": 0})])
    approve, reject = chart.bars
    assert approve.height == pytest.approx(3 * reject.height)
    assert reject.y + reject.height == pytest.approx(approve.y)
    assert approve.y + approve.height == pytest.approx(HEIGHT - BOTTOM)
    assert approve.words == "mon: 3 approve"
    assert inside(chart)


def test_a_year_of_days_has_few_words() -> None:
    chart = standing([(f"d{number}", {"approve": number % 7}) for number in range(366)])
    assert len([label for label in chart.labels if label.text.startswith("d")]) <= 8
    assert inside(chart)


@pytest.mark.parametrize("chart", [standing([]), lying([]), shares([]), standing([("x", {})])])
def test_nothing_is_drawn_of_nothing(chart: Chart) -> None:
    assert not chart.bars
    assert inside(chart)


def test_lying_bars_say_how_many() -> None:
    chart = lying([("toxicity", {"approve": 5, "reject": 5}), ("insult", {"approve": 1, "reject": 0})])
    assert [label.text for label in chart.labels] == ["toxicity", "10", "insult", "1"]
    assert inside(chart)


def test_points_are_between_the_ends_of_their_interval() -> None:
    chart = shares([("w1", Share(3, 4)), ("w2", Share(0, 1))])
    intervals = [line for line in chart.lines if line.kind == "interval"]
    for line, (x, y, _) in zip(intervals, chart.points, strict=True):
        assert (line.x1, line.x2) == (x, x)
        assert line.y2 <= y <= line.y1
        assert line.y2 >= TOP
        assert x > LEFT


def test_scale_ends_on_a_round_even_number() -> None:
    for most in (*range(200), 999, 1_000, 1_001, 123_456):
        end = _nice(most)
        assert end >= most
        assert end % 2 == 0
        assert end <= max(2, most * 1.6)
