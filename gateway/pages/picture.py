"""Where the bars, bands and ticks of a waveform lie: across in per cent of its width, down in pixels (pure).

The template draws it as SVG, so that it needs no script, prints, and keeps its edges at any zoom.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.pages.wording import clock
from gateway.verification.report import Report

WIDTH = 100.0  # per cent: as wide as the page, on a phone too, and the text is never squeezed
HEIGHT, AXIS = 150, 22  # pixels; the axis lies below the waveform
STEPS = (5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)  # seconds between ticks, the first that leaves few of them
MOST_TICKS = 5  # as many as a phone has room for


@dataclass(frozen=True, slots=True)
class Bar:
    """One column of the waveform."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Band:
    """A stretch of the file that matched; `kind` is "genuine", "transplanted", "inconclusive" or "similar"."""

    number: int
    x: float
    width: float
    kind: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A time on the axis."""

    x: float
    label: str
    anchor: str  # where the text stands to its place


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything that is drawn."""

    bars: tuple[Bar, ...]
    bands: tuple[Band, ...]
    ticks: tuple[Tick, ...]
    height: int = HEIGHT
    total: int = HEIGHT + AXIS


def draw(report: Report) -> Picture | None:
    """Return the drawing of a report, None where there is no sound."""
    if not report.waveform or not report.seconds:
        return None
    seconds = max(report.seconds, 0.1)
    marked = [(one.start, one.end, one.placement.value) for one in report.passages]
    alike = [(one.start, one.end, "similar") for one in report.similar]
    return Picture(_bars(report.waveform), _bands([*marked, *alike], seconds), _ticks(seconds))


def _bars(waveform: Sequence[int]) -> tuple[Bar, ...]:
    step = WIDTH / len(waveform)
    heights = [max(2.0, value / 100 * (HEIGHT - 12)) for value in waveform]
    return tuple(
        Bar(round(number * step, 2), round((HEIGHT - height) / 2, 2), round(step * 0.7, 2), round(height, 2))
        for number, height in enumerate(heights)
    )


def _bands(stretches: Sequence[tuple[float, float, str]], seconds: float) -> tuple[Band, ...]:
    bands = []
    for number, (start, end, kind) in enumerate(stretches, 1):
        left, right = (min(max(one, 0.0), seconds) / seconds * WIDTH for one in (start, end))
        bands.append(Band(number, round(left, 2), round(max(right - left, 0.3), 2), kind))
    return tuple(bands)


def _ticks(seconds: float) -> tuple[Tick, ...]:
    step = next((one for one in STEPS if seconds / one <= MOST_TICKS), STEPS[-1])
    times = range(0, int(seconds) + 1, step)
    return tuple(
        Tick(round(time / seconds * WIDTH, 2), clock(time), "start" if time == 0 else "middle")
        for time in times
        if time / seconds < 0.97
    )
