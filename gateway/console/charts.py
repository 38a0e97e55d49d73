"""Plots as numbers: where bars, points and words stand, for templates to draw as SVG (pure).

Every plot is drawn in its own units, WIDTH wide; its page has the same numbers as a table.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.quality.agreement import Share

WIDTH = 720
HEIGHT = 220
LEFT, RIGHT, TOP, BOTTOM = 44, 8, 12, 28  # room for the words around the plot
ROW = 26  # of a plot whose bars lie
NAMES = 190  # room for the words beside bars that lie
MAX_TICKS = 8  # words along the bottom
SCALES = (2, 4, 6, 8, 10, 12, 16, 20, 24, 30, 40, 50, 60, 80, 100)  # where a scale may end, times a power of ten


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle; `kind` chooses its colour, `words` say what it stands for."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    words: str


@dataclass(frozen=True, slots=True)
class Label:
    """Words at a place."""

    x: float
    y: float
    text: str
    anchor: str = "middle"


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line."""

    x1: float
    y1: float
    x2: float
    y2: float
    kind: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything that is drawn."""

    height: float
    bars: tuple[Bar, ...] = ()
    lines: tuple[Line, ...] = ()
    points: tuple[tuple[float, float, str], ...] = ()  # x, y, words
    labels: tuple[Label, ...] = ()


def standing(columns: Sequence[tuple[str, dict[str, int]]]) -> Chart:
    """Return bars that stand side by side, each stacked of kinds; a column is its word and how many of each kind."""
    top = _nice(max((sum(counts.values()) for _, counts in columns), default=0))
    step = (WIDTH - LEFT - RIGHT) / max(1, len(columns))
    every = math.ceil(len(columns) / MAX_TICKS)
    bars, labels = [], []
    for number, (word, counts) in enumerate(columns):
        x, below = LEFT + number * step, 0
        for kind, many in counts.items():
            if many:
                height = many / top * _room()
                bars.append(
                    Bar(
                        x + step * 0.12,
                        HEIGHT - BOTTOM - below / top * _room() - height,
                        step * 0.76,
                        height,
                        kind,
                        f"{word}: {many} {kind.replace('_', ' ')}",
                    )
                )
                below += many
        if number % every == 0:
            labels.append(Label(x + step / 2, HEIGHT - 8, word))
    scale = [(share * top, f"{share * top:g}") for share in (0, 0.5, 1)]
    return Chart(HEIGHT, tuple(bars), _grid(scale, top), (), (*labels, *_beside(scale, top)))


def lying(rows: Sequence[tuple[str, dict[str, int]]]) -> Chart:
    """Return bars that lie below each other, with their words beside them and the number at their end."""
    most = max((sum(counts.values()) for _, counts in rows), default=0) or 1
    room = WIDTH - NAMES - 60
    bars, labels = [], []
    for number, (word, counts) in enumerate(rows):
        y, before = TOP + number * ROW, 0
        for kind, many in counts.items():
            if many:
                x = NAMES + before / most * room
                bars.append(
                    Bar(x, y + 3, many / most * room, ROW - 8, kind, f"{word}: {many} {kind.replace('_', ' ')}")
                )
                before += many
        labels.append(Label(NAMES - 8, y + ROW / 2 + 3, word, "end"))
        labels.append(Label(NAMES + before / most * room + 6, y + ROW / 2 + 3, str(before), "start"))
    return Chart(TOP * 2 + len(rows) * ROW, tuple(bars), (), (), tuple(labels))


def shares(columns: Sequence[tuple[str, Share]]) -> Chart:
    """Return shares as points with their 95 % intervals, from 0 to 100 %."""
    step = (WIDTH - LEFT - RIGHT) / max(1, len(columns))
    every = math.ceil(len(columns) / MAX_TICKS)
    points, lines, labels = [], [], []
    for number, (word, share) in enumerate(columns):
        x = LEFT + (number + 0.5) * step
        low, high = share.interval
        lines.append(Line(x, _up(low), x, _up(high), "interval"))
        points.append((x, _up(share.value or 0), f"{word}: {share.hits} of {share.of}"))
        if number % every == 0:
            labels.append(Label(x, HEIGHT - 8, word))
    scale = [(share, f"{share:.0%}") for share in (0, 0.5, 1)]
    return Chart(HEIGHT, (), (*_grid(scale, 1), *lines), tuple(points), (*labels, *_beside(scale, 1)))


def _room() -> float:
    return HEIGHT - TOP - BOTTOM


def _up(share: float) -> float:
    return HEIGHT - BOTTOM - share * _room()


def _grid(scale: Iterable[tuple[float, str]], top: float) -> tuple[Line, ...]:
    return tuple(Line(LEFT, _up(value / top), WIDTH - RIGHT, _up(value / top), "grid") for value, _ in scale)


def _beside(scale: Iterable[tuple[float, str]], top: float) -> tuple[Label, ...]:
    return tuple(Label(LEFT - 6, _up(value / top) + 4, word, "end") for value, word in scale)


def _nice(most: int) -> int:
    """Return a round, even number that is at least `most` and not much more: where the scale ends."""
    size: int = 10 ** max(0, len(str(most)) - 2)
    return next(step * size for step in SCALES if step * size >= most)
