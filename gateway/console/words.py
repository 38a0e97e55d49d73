"""How values are put into words on pages (pure)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

STRENGTHS = ((0.9, "very strong"), (0.75, "strong"), (0.5, "moderate"), (0.25, "weak"))  # of a score from 0 to 1


def strength(score: float) -> str:
    """Return a score from 0 to 1 in words and in digits."""
    word = next((word for least, word in STRENGTHS if score >= least), "very weak")
    return f"{word} ({score:.2f})"


def clock(seconds: float | None) -> str:
    """Return a time in a recording, as "2:07" or "1:02:07"."""
    if seconds is None:
        return ""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def moment(at: datetime | None) -> str:
    """Return a time of day in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if at else "never"


def machine_time(at: datetime) -> str:
    """Return a time for the `datetime` attribute."""
    return at.astimezone(UTC).isoformat(timespec="seconds")


def span(seconds: float) -> str:
    """Return a length of time in its largest unit, as "3 h"."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(max(0, seconds))} s"


def plain(slug: str) -> str:
    """Return a name from a closed vocabulary with spaces, as "severe toxicity"."""
    return slug.replace("_", " ").replace(".", ": ").replace("/", ": ")


FILTERS: dict[str, Callable[..., Any]] = {
    "strength": strength,
    "clock": clock,
    "moment": moment,
    "machine_time": machine_time,
    "span": span,
    "plain": plain,
}
