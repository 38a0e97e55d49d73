"""Whether the audit log proves an episode's release, checked from stored receipts as a stranger would check them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC

from sqlmodel import Session

from audit.errors import ProofError
from audit.event import Event, EventKind, Fact, parse_event
from audit.log import Log, LoggedEvent
from audit.receipt import Receipt, verify_receipt
from gateway.publish import Purpose, gather
from gateway.submissions import State
from gateway.verification.report import Milestone

EXPECTED = {
    Purpose.CLIP: EventKind.CLIP_PRODUCED,
    Purpose.APPROVAL: EventKind.APPROVAL_GRANTED,
    Purpose.INTENT: EventKind.RELEASE_INTENDED,
}


LAST_WORD = {
    EventKind.EPISODE_RELEASED: State.RELEASED,
    EventKind.EPISODE_WITHDRAWN: State.WITHDRAWN,
    EventKind.EPISODE_CORRECTED: State.SUPERSEDED,
}


@dataclass(frozen=True, slots=True)
class Inclusion:
    """One proven step of an episode: which entry, and the size of the signed checkpoint that covers it."""

    purpose: Purpose
    kind: EventKind
    index: int
    checkpoint_size: int


TOLD = frozenset(
    {
        EventKind.SUBMISSION_RECEIVED,
        EventKind.SCREENING_DECIDED,
        EventKind.CLIP_PRODUCED,
        EventKind.SPEECH_HEARD,
        EventKind.CLIP_LOGGED,
        EventKind.APPROVAL_GRANTED,
        EventKind.RELEASE_INTENDED,
        *LAST_WORD,
    }
)


def milestones(events: Sequence[LoggedEvent]) -> tuple[Milestone, ...]:
    """Return an episode's way to release and after, for the public: which step, when, and where the log says so."""
    return tuple(
        Milestone(one.index, one.event.kind.value, one.event.at.astimezone(UTC).isoformat(timespec="seconds"))
        for one in events
        if one.event.kind in TOLD
    )


def prove_release(session: Session, log: Log, episode_id: str, *, sha256: str | None, state: State) -> list[Inclusion]:
    """Return what the log proves about an episode, or raise an error of `audit` or `ReleaseRefusedError`.

    1. The stored log still begins with its newest signed checkpoint.
    2. Every receipt that release needs is stored, and leads to a checkpoint that the log signed.
    3. Each is for the right kind of event of this episode.
    4. With `sha256`: the clip that was produced, and the release that was announced, are of exactly these bytes.
    5. What the log last says about the episode is the state that its row claims.
    """
    # 1.
    log.check_not_forked(session)
    # 2.
    receipts = gather(session, episode_id).receipts
    proven = []
    for purpose, kind in EXPECTED.items():
        event, checkpoint_size = _open(receipts[purpose], log)
        # 3.
        if event.kind is not kind or event.subject != episode_id:
            raise ProofError(f"the receipt of the {purpose.value} is for {event.kind.value} of {event.subject}")
        # 4.
        if sha256 is not None and purpose is not Purpose.APPROVAL and sha256 not in _digests(event.facts):
            raise ProofError(f"the receipt of the {purpose.value} is for other bytes")
        proven.append(Inclusion(purpose, kind, receipts[purpose].index, checkpoint_size))
    # 5.
    said = [LAST_WORD[one.event.kind] for one in log.events_for(session, episode_id) if one.event.kind in LAST_WORD]
    if not said or said[-1] is not state:
        raise ProofError(f"the log last says that the episode is {said[-1] if said else 'not released'}, not {state}")
    return proven


def _open(receipt: Receipt, log: Log) -> tuple[Event, int]:
    checkpoint = verify_receipt(receipt, leaf=receipt.leaf, origin=log.origin, verifier=log.verifier)
    return parse_event(receipt.leaf), checkpoint.size


def _digests(facts: Mapping[str, Fact]) -> set[str]:
    """The clips that an event names: as digests, or as objects that hold one."""
    clips = facts.get("clips")
    listed = clips if isinstance(clips, list) else []
    named = [entry.get("sha256") if isinstance(entry, dict) else entry for entry in listed]
    return {digest for digest in named if isinstance(digest, str)}
