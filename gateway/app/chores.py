"""What a worker does besides episodes, once a minute."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.toolchain import Toolchain


def worker_chores(toolchain: Toolchain) -> Sequence[Callable[[], object]]:
    """Return the chores: redo erasures that a restored backup undid, finish those that were interrupted, erase what is
    older than the settings keep, let go of the bytes of uploads that are made, and put golden items into the queue.
    """
    from gateway.erasure import Eraser
    from gateway.quality.golden import mix_golden
    from gateway.uploads.adoption import let_go

    eraser = Eraser(
        database=toolchain.database,
        log=toolchain.log,
        blobs=toolchain.blobs,
        clock=toolchain.clock,
        segments=toolchain.settings.segments,
    )
    chores: list[Callable[[], object]] = [
        _once(eraser.redo),
        eraser.resume,
        partial(let_go, toolchain.database, toolchain.blobs),
    ]
    if toolchain.settings.golden_share:
        chores.append(partial(mix_golden, toolchain))
    if toolchain.settings.retention_days:
        chores.append(partial(eraser.expire, keep=timedelta(days=toolchain.settings.retention_days)))
    return chores


def _once(chore: Callable[[], object]) -> Callable[[], object]:
    """Return a chore that is done with when it has succeeded once."""
    left = [chore]

    def run() -> None:
        if left:
            left[0]()
            left.clear()

    return run
