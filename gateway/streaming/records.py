"""What the log says about the delivery of speech on request; each function is one transaction, sealed by a checkpoint.

Nothing leaves before `begun` (a stream) or `delivered` (a file) has returned.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from audit.event import Event, EventKind, Fact
from gateway.errors import detail_for, problem_for
from gateway.facts import fingerprint_row
from gateway.submissions import State, lock, move
from gateway.toolchain import Toolchain

if TYPE_CHECKING:
    from synth.fingerprint import Fingerprint

SYSTEM = "system"  # an actor that is no API key
GONE = "caller-gone"  # the reason when the caller closed the connection or stopped reading

Marks = Sequence[tuple[str, str]]

logger = logging.getLogger(__name__)


def begun(tools: Toolchain, episode_id: str, *, marks: Marks, sample_rate: int) -> None:
    """Log that a stream of marked speech begins; durable when it returns."""
    _record(tools, EventKind.SPEECH_BEGUN, episode_id, {"marks": _rows(marks), "sample_rate": sample_rate})


def delivered(
    tools: Toolchain,
    episode_id: str,
    *,
    marks: Marks,
    sha256: str,
    size: int,
    duration: float,
    read_back: bool,
    manifest: tuple[str, str] | None = None,
    fingerprint: Fingerprint | None = None,
) -> None:
    """Log the finished sound: a file before its first byte leaves, a stream after its last; durable when it returns.

    `manifest` is the label of the file's credentials and the SHA-256 of their store. With `fingerprint`, verification
    knows a copy again.
    """
    facts: dict[str, Fact] = {
        "marks": _rows(marks),
        "sha256": sha256,
        "size": size,
        "duration": round(duration, 3),
        "read_back": read_back,
    }
    if manifest is not None:
        facts |= {"manifest_label": manifest[0], "manifest_sha256": manifest[1]}
    _record(tools, EventKind.SPEECH_DELIVERED, episode_id, facts, fingerprint)


def failed(tools: Toolchain, episode_id: str, error: Exception, *, sent: tuple[float, int] | None = None) -> None:
    """Log that a fault of ours kept a speech from being delivered, or ended its stream, and fail the episode.

    `sent` is what left before: seconds and bytes.
    """
    problem = problem_for(error)
    at = tools.clock()
    facts: dict[str, Fact] = {"reason": problem.slug, **_sent(sent)}
    with tools.database.write() as session:
        row = lock(session, episode_id)
        row.failure, row.failure_detail = problem.slug, detail_for(error)
        move(row, State.FAILED, at=at)
        tools.log.record(session, Event(EventKind.SPEECH_BROKEN, at, episode_id, SYSTEM, facts))
        tools.log.seal(session, at=at)
    logger.warning("speech %s failed: %s (%s)", episode_id, problem.slug, type(error).__name__)


def abandoned(
    tools: Toolchain, episode_id: str, *, sent: tuple[float, int], fingerprint: Fingerprint | None = None
) -> None:
    """Log that the caller went away before the end of a stream; `sent` is what left: seconds and bytes."""
    _record(tools, EventKind.SPEECH_BROKEN, episode_id, {"reason": GONE, **_sent(sent)}, fingerprint)


def _record(
    tools: Toolchain, kind: EventKind, episode_id: str, facts: dict[str, Fact], fingerprint: Fingerprint | None = None
) -> None:
    at = tools.clock()
    with tools.database.write() as session:
        lock(session, episode_id)
        if fingerprint is not None:
            session.add(fingerprint_row(episode_id, fingerprint))
        tools.log.record(session, Event(kind, at, episode_id, SYSTEM, facts))
        # Sealed here, because where only speech is asked for nobody else signs the log.
        tools.log.seal(session, at=at)


def _sent(sent: tuple[float, int] | None) -> dict[str, Fact]:
    return {} if sent is None else {"duration": round(sent[0], 3), "size": sent[1]}


def _rows(marks: Marks) -> list[Fact]:
    return [[layer, version] for layer, version in marks]
