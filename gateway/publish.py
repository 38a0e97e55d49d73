"""Release: what must be true before an episode is public, checked again from stored evidence at the last moment.

Nothing is taken on trust from the steps before: the approval and the clips count only as far as signed receipts carry
them, and the bytes only as far as they hash to what the log says. In this order:

1. The clip's receipt, the approval's and the intent's each verify against the log's key, and each rests on a checkpoint
   that the quorum of witnesses has cosigned, where the policy has one.
2. The checkpoint that each rests on is stored, so it can be shown to anyone.
3. The clip's entry is `clip.produced` of this episode and names exactly the clips that would become public.
4. The approval's entry is `approval.granted` of this episode, at the index and by the approver that the row says, and
   for exactly these clips.
5. The intent's entry is `release.intended` of this episode, for exactly these clips, and came after the approval.
6. The stored bytes of every clip have the size and the SHA-256 that the log says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlmodel import Session, col, select

from audit.checkpoint import Checkpoint
from audit.errors import AuditError
from audit.event import Event, EventKind, Fact, parse_event
from audit.log import Log
from audit.note import split_note
from audit.receipt import Receipt, verify_receipt
from audit.store import CheckpointRow
from audit.tlog_policy import WitnessPolicy
from audit.witness import TreeHead, read_checkpoint_text
from gateway import soundindex
from gateway.blobs import BlobStore
from gateway.errors import ReleaseRefusedError, StorageError
from gateway.submissions import Clip, EpisodeApproval, EpisodeReceipt, EpisodeRelease, State, Submission, move


class Purpose(StrEnum):
    """What a stored receipt proves."""

    CLIP = "clip"  # the clips were produced, and which bytes they have
    APPROVAL = "approval"  # someone said yes to these clips
    INTENT = "intent"  # release was announced before the first public byte


@dataclass(frozen=True, slots=True)
class Approval:
    """Somebody's yes to one episode."""

    episode_id: str
    approver: str  # "policy" or an API key id
    approved_at: datetime
    entry_index: int  # of `approval.granted`


@dataclass(frozen=True, slots=True)
class StoredClip:
    """A signed clip as its row describes it."""

    sha256: str
    media_type: str
    size: int  # bytes


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that release is decided on; unverified until `examine` has seen it."""

    episode_id: str
    clips: tuple[StoredClip, ...]  # in the order of their digests
    receipts: Mapping[Purpose, Receipt]
    approval: Approval
    stored_checkpoints: frozenset[str]  # texts, without signatures, of signed notes that the database holds


@dataclass(frozen=True, slots=True)
class Clearance:
    """The result of a passed examination; only `examine` makes one, and `release` takes nothing else."""

    episode_id: str
    clips: tuple[StoredClip, ...]
    approval: Approval
    intent_index: int


def intend(session: Session, submission: Submission, *, log: Log, at: datetime) -> None:
    """Log that the locked, approved episode is about to become public, seal, and store both receipts; once only.

    Commit before anything is shown. Raises `AuditError` if the log cannot vouch for itself, `ReleaseRefusedError`
    without an approval.
    """
    if session.get(EpisodeReceipt, (submission.id, Purpose.INTENT)) is not None:
        return
    approval = session.get(EpisodeApproval, submission.id)
    if approval is None:
        raise ReleaseRefusedError(f"episode {submission.id} has no approval; nobody said yes to it")
    facts: dict[str, Fact] = {
        "clips": [*clip_digests(session, submission.id)],
        "approval_entry": approval.entry_index,
    }
    intent = log.append(session, Event(EventKind.RELEASE_INTENDED, at, submission.id, "system", facts))
    log.seal(session, at=at)
    for purpose, index in ((Purpose.APPROVAL, approval.entry_index), (Purpose.INTENT, intent)):
        session.add(
            EpisodeReceipt(
                episode_id=submission.id,
                purpose=purpose.value,
                entry_index=index,
                text=log.prove(session, index).to_text(),
            )
        )


def rest_on(session: Session, episode_id: str, checkpoint: Checkpoint, *, log: Log) -> None:
    """Prove the episode's receipts again under `checkpoint`, whose note carries cosignatures; raises `AuditError`."""
    for row in session.exec(select(EpisodeReceipt).where(EpisodeReceipt.episode_id == episode_id)):
        row.text = log.prove(session, row.entry_index, checkpoint).to_text()
        session.add(row)


def gather(session: Session, episode_id: str) -> Evidence:
    """Read the evidence for one episode; raises `ReleaseRefusedError` if a part is missing or unreadable."""
    approval = session.get(EpisodeApproval, episode_id)
    if approval is None:
        raise ReleaseRefusedError(f"episode {episode_id} has no approval; nobody said yes to it")
    rows = session.exec(select(EpisodeReceipt).where(EpisodeReceipt.episode_id == episode_id))
    try:
        receipts = {Purpose(row.purpose): Receipt.from_text(row.text) for row in rows}
        sizes = {_head_of(receipt).size for receipt in receipts.values()}
    except (AuditError, ValueError) as error:
        raise ReleaseRefusedError(f"a stored receipt of episode {episode_id} cannot be read: {error}") from error
    if missing := [purpose.value for purpose in Purpose if purpose not in receipts]:
        raise ReleaseRefusedError(f"episode {episode_id} has no receipt for: {', '.join(missing)}")
    clips = session.exec(select(Clip).where(Clip.episode_id == episode_id)).all()
    notes = session.exec(select(CheckpointRow.note).where(col(CheckpointRow.size).in_(sizes)))
    return Evidence(
        episode_id=episode_id,
        clips=tuple(
            StoredClip(row.sha256, row.media_type, row.size) for row in sorted(clips, key=lambda row: row.sha256)
        ),
        receipts=receipts,
        approval=Approval(episode_id, approval.approver, approval.approved_at, approval.entry_index),
        stored_checkpoints=frozenset(split_note(note)[0] for note in notes),
    )


def examine(evidence: Evidence, *, log: Log, blobs: BlobStore, policy: WitnessPolicy | None) -> Clearance:
    """Run the checks of the module's docstring; raises `ReleaseRefusedError` with the reason.

    `policy` is the witness policy in force, None where the settings name none.
    A blob store that cannot be read raises `StorageError`, which may pass.
    """
    # 1. and 2.
    produced = _proven(evidence, Purpose.CLIP, EventKind.CLIP_PRODUCED, log, policy)
    approved = _proven(evidence, Purpose.APPROVAL, EventKind.APPROVAL_GRANTED, log, policy)
    intended = _proven(evidence, Purpose.INTENT, EventKind.RELEASE_INTENDED, log, policy)
    # 3.
    if not evidence.clips:
        raise ReleaseRefusedError(f"episode {evidence.episode_id} has no clips; there is nothing to release")
    described = produced.facts.get("clips")
    entries = described if isinstance(described, list) else []
    if [_as_logged(entry) for entry in entries] != list(evidence.clips):
        raise ReleaseRefusedError("the stored clips are not the ones that the log says were produced")
    # 4.
    digests = [clip.sha256 for clip in evidence.clips]
    if evidence.receipts[Purpose.APPROVAL].index != evidence.approval.entry_index:
        raise ReleaseRefusedError("the approval's receipt is for another entry than the approval")
    if approved.actor != evidence.approval.approver:
        raise ReleaseRefusedError("the log names another approver than the stored approval")
    if approved.facts.get("clips") != digests:
        raise ReleaseRefusedError("the approval was given for other clips")
    # 5.
    intent = evidence.receipts[Purpose.INTENT]
    if intended.facts.get("clips") != digests or intent.index <= evidence.approval.entry_index:
        raise ReleaseRefusedError("the announced release is not of these clips, or came before the approval")
    # 6.
    for clip in evidence.clips:
        _check_bytes(clip, blobs)
    return Clearance(evidence.episode_id, evidence.clips, evidence.approval, intent.index)


def release(session: Session, submission: Submission, clearance: Clearance, *, log: Log, at: datetime) -> None:
    """Make the locked episode public in the caller's transaction: row, state, event and index, then a checkpoint.

    The primary key of the row makes it exactly-once. Raises `ReleaseRefusedError` if the clearance is for another
    episode or for other clips than are stored now, or if the episode has no fingerprint; `ConflictError` if it is not
    approved.
    """
    if submission.id != clearance.episode_id:
        raise ReleaseRefusedError(f"the clearance is for episode {clearance.episode_id}, not for {submission.id}")
    digests = [clip.sha256 for clip in clearance.clips]
    if clip_digests(session, submission.id) != digests:
        raise ReleaseRefusedError(f"the clips of episode {submission.id} changed after they were examined")
    move(submission, State.RELEASED, at=at)
    facts: dict[str, Fact] = {
        "clips": [*digests],
        "approval_entry": clearance.approval.entry_index,
        "intent_entry": clearance.intent_index,
    }
    index = log.append(session, Event(EventKind.EPISODE_RELEASED, at, submission.id, "system", facts))
    session.add(EpisodeRelease(episode_id=submission.id, released_at=at, entry_index=index))
    soundindex.add(session, submission.id, entry_index=index)
    log.seal(session, at=at)


def clip_digests(session: Session, episode_id: str) -> list[str]:
    """Return the SHA-256 of every clip of an episode, sorted: what approvals and intents are for."""
    return sorted(session.exec(select(Clip.sha256).where(Clip.episode_id == episode_id)))


def _proven(evidence: Evidence, purpose: Purpose, kind: EventKind, log: Log, policy: WitnessPolicy | None) -> Event:
    """Return the event that a receipt proves, having checked the receipt and that the event is of `kind`."""
    receipt = evidence.receipts[purpose]
    try:
        verify_receipt(receipt, leaf=receipt.leaf, origin=log.origin, verifier=log.verifier)
        if policy is not None:
            policy.verify(receipt.note, origin=log.origin)
        event = parse_event(receipt.leaf)
    except AuditError as error:
        raise ReleaseRefusedError(f"the receipt of the {purpose.value} does not verify: {error}") from error
    if split_note(receipt.note)[0] not in evidence.stored_checkpoints:
        raise ReleaseRefusedError(f"the receipt of the {purpose.value} rests on a checkpoint that is not stored")
    if event.kind is not kind or event.subject != evidence.episode_id:
        raise ReleaseRefusedError(
            f"the receipt of the {purpose.value} is for {event.kind.value} of {event.subject}, "
            f"not for {kind.value} of {evidence.episode_id}"
        )
    return event


def _head_of(receipt: Receipt) -> TreeHead:
    """Size and root that a receipt claims, unverified; raises `CheckpointError`."""
    return read_checkpoint_text(split_note(receipt.note)[0])[1]


def _as_logged(entry: Fact) -> StoredClip | None:
    """The clip that one entry of `clip.produced` describes, None if it describes none; logged in order of digests."""
    match entry:
        case {"sha256": str(sha256), "media_type": str(media_type), "size": int(size)}:
            return StoredClip(sha256, media_type, size)
    return None


def _check_bytes(clip: StoredClip, blobs: BlobStore) -> None:
    if not blobs.exists(clip.sha256):
        raise StorageError(f"clip {clip.sha256} is missing from the blob store; restore it from a backup")
    if blobs.verify(clip.sha256) != clip.size:
        raise ReleaseRefusedError(f"clip {clip.sha256} is not as long as the log says")
