"""Says again, every so many minutes, that a programme is synthetic: between sentences, best between turns (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

PATIENCE_SECONDS = 45.0  # so long a reminder that is due waits for a turn to end; then for its sentence alone
FEWEST_SECONDS = 60.0  # between two reminders: more often nobody would listen on


@dataclass(frozen=True, slots=True)
class Reminder:
    """What is said again, and how often."""

    text: str
    every_seconds: float  # at least `FEWEST_SECONDS`


def reminder_places(
    ends: Sequence[float], begins_turn: Sequence[bool], *, since: float, every_seconds: float
) -> Iterator[int]:
    """Yield the sentences before which a reminder is said, in order.

    `ends` are the seconds at which each sentence ends, without any reminder; `begins_turn` says which of them begin a
    turn; `since` is when the disclosure at the start ended. None is said before the first sentence or after the last.
    """
    last = since
    for at in range(1, len(ends)):
        waited = ends[at - 1] - last
        if waited >= every_seconds and (begins_turn[at] or waited >= every_seconds + PATIENCE_SECONDS):
            yield at
            last = ends[at - 1]
