"""Progress of episodes on the terminal: one line per script with its state, its stage, a bar and the time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from gateway.submissions import State

# How far along the way each point lies, in percent of the usual time; marking takes the most.
MILESTONES = {
    "received": 0,
    "screened": 4,
    "speak": 4,
    "mix": 13,
    "master": 14,
    "mark": 18,
    "encode": 78,
    "tag": 86,
    "sign": 87,
    "read_back": 88,
    "produced": 92,
    "heard": 96,
    "logged": 97,
    "approved": 98,
}
ENDS = ("released", "blocked", "rejected", "failed", "awaiting_review")


class Follower:
    """Shows what happens to one script at a time; the engine's threads call it too."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    @contextmanager
    def showing(self, console: Console) -> Iterator[None]:
        """Show progress on `console` while the block runs; outside of it nothing is shown."""
        from rich.progress import (
            BarColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        columns = (
            SpinnerColumn(finished_text="•"),
            TextColumn("{task.description:24}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[state]:18}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=console) as self._progress:
            yield
        self._progress = self._task = None

    def begin(self, name: str) -> None:
        """Open a line for a new script."""
        if self._progress is not None:
            self._task = self._progress.add_task(name, total=100, state="received")

    def state(self, state: State) -> None:
        """Show the state that the episode has reached."""
        done = 100 if state.value in ENDS else MILESTONES[state.value]
        self._show(state.value.replace("_", " "), done)

    def stage(self, episode_id: str, stage: str, done: int, total: int) -> None:
        """Show the stage of production, and how much of it is done."""
        del episode_id
        start = MILESTONES[stage]
        following = next(place for place in MILESTONES.values() if place > start)
        share = done / total if total else 0.0
        words = f"{stage.replace('_', ' ')} {done}/{total}" if total > 1 else stage.replace("_", " ")
        self._show(words, start + share * (following - start))

    def _show(self, words: str, percent: float) -> None:
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=percent, state=words)
