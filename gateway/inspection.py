"""A whole installation checked again: the log, every signature on it, and every stored file that it names.

1. The log derives to what was signed, and to what was published; every published file is what the entries give.
2. Every clip's event is in the log, and says the same hashes as the clip's row.
3. Every stored file is there and holds the bytes of its name.
4. Every stored receipt still verifies.
5. Every released episode has an approval, a receipt and all its files.
6. Every stored transcript is the one that the log says was heard.
7. Exactly the episodes that the log says were taken back, were.
8. What was erased is gone, in rows and files.
9. Every stored cosignature and time stamp still verifies, where the settings say by which keys.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from sqlmodel import Session, col, select

from audit.errors import AuditError
from audit.event import EventKind
from audit.fsck import FsckReport, fsck
from audit.log import Log
from audit.monitor import audit_files
from audit.receipt import Receipt, verify_receipt
from audit.store import EntryRow
from gateway.blobs import BlobStore
from gateway.commitments import commit, digest_of
from gateway.countersigning import Countersigning
from gateway.db import Database
from gateway.erasure import is_cleared, returned
from gateway.errors import StorageError
from gateway.logfiles import LogFiles
from gateway.submissions import (
    Clip,
    EpisodeApproval,
    EpisodeHearing,
    EpisodeReceipt,
    EpisodeRelease,
    EpisodeSecret,
    EpisodeWithdrawal,
    Erasure,
    State,
    Submission,
)


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was checked, and every problem in plain words; no problems means sound."""

    log: FsckReport
    files: int  # published files that were read and compared
    blobs: int  # stored files that were read and hashed
    receipts: int
    releases: int
    problems: tuple[str, ...]

    def to_dict(self) -> dict[str, object]:
        """Return the inspection as JSON values."""
        log = asdict(self.log) | {"root": self.log.root.hex()}
        return {
            "sound": not self.problems,
            "log": log,
            "files": self.files,
            "blobs": self.blobs,
            "receipts": self.receipts,
            "releases": self.releases,
            "problems": list(self.problems),
        }


def inspect(
    database: Database, *, log: Log, blobs: BlobStore, files: LogFiles, countersigning: Countersigning | None = None
) -> Inspection:
    """Check everything listed in the module's docstring; never stops at the first problem outside the log."""
    with database.read() as session:
        problems: list[str] = []
        # 1.
        shown = files.shown()
        report = fsck(session, origin=log.origin, verifier=log.verifier, published=shown)
        if report.divergence is not None:
            problems.append(f"log: {report.divergence}")
        published = 0
        try:
            files.check(session)
            if shown is not None:
                audited = audit_files(files.read, verifier=log.verifier)
                published = audited.files
                if audited.divergence is not None:
                    problems.append(f"published files: {audited.divergence}")
        except (AuditError, StorageError) as error:
            problems.append(f"published files: {error}")
        # 2. and 3.
        clips = list(session.exec(select(Clip)))
        logged = _logged_clips(session, log, {clip.episode_id for clip in clips}, problems)
        for clip in clips:
            if clip.sha256 not in logged.get(clip.episode_id, frozenset()):
                problems.append(f"clip {clip.sha256} of {clip.episode_id}: no event of the log names it")
        erasures = list(session.exec(select(Erasure)))
        silenced = {erasure.episode_id for erasure in erasures if erasure.audio}
        kept = [clip for clip in clips if clip.episode_id not in silenced]
        names = sorted({name for clip in kept for name in (clip.sha256, clip.manifest_sha256)})
        problems += list(_broken_blobs(blobs, names))
        # 4.
        receipts = list(session.exec(select(EpisodeReceipt)))
        for row in receipts:
            try:
                receipt = Receipt.from_text(row.text)
                verify_receipt(receipt, leaf=receipt.leaf, origin=log.origin, verifier=log.verifier)
            except AuditError as error:
                problems.append(f"receipt '{row.purpose}' of {row.episode_id}: {error}")
        # 5.
        held = {(row.episode_id, row.purpose) for row in receipts}
        approved = set(session.exec(select(EpisodeApproval.episode_id)))
        releases = list(session.exec(select(EpisodeRelease.episode_id)))
        for episode_id in releases:
            if episode_id not in approved:
                problems.append(f"release of {episode_id}: nobody approved it")
            if (episode_id, "clip") not in held:
                problems.append(f"release of {episode_id}: it has no receipt")
            if episode_id not in logged:
                problems.append(f"release of {episode_id}: it has no clip")
        # 6.
        for hearing in session.exec(select(EpisodeHearing)):
            problems += _wrong_transcript(session, log, hearing)
        # 7.
        problems += _wrong_withdrawals(session)
        # 8.
        problems += [f"erasure of {subject}: a backup brought it back" for subject, _, _ in returned(session)]
        for erasure in erasures:
            problems += _left_over(session, blobs, erasure, [clip for clip in clips if clip not in kept])
        # 9.
        if countersigning is not None:
            problems += countersigning.problems(session)
    return Inspection(report, published, len(names), len(receipts), len(releases), tuple(problems))


def _wrong_withdrawals(session: Session) -> Iterator[str]:
    """Yield the episodes whose row and whose event disagree on whether they were taken back."""
    kinds = {EventKind.EPISODE_WITHDRAWN.value: State.WITHDRAWN, EventKind.EPISODE_CORRECTED.value: State.SUPERSEDED}
    told = [*kinds, EventKind.WITHDRAWAL_LIFTED.value]
    entries = session.exec(
        select(EntryRow.subject, EntryRow.kind).where(col(EntryRow.kind).in_(told)).order_by(col(EntryRow.idx))
    )
    last = dict(entries.all())  # what came of an appeal comes after what it was about
    logged = {subject: kinds[kind].value for subject, kind in last.items() if kind in kinds}
    taken_back = [State.WITHDRAWN.value, State.SUPERSEDED.value]
    rows = session.exec(select(Submission.id, Submission.state).where(col(Submission.state).in_(taken_back)))
    states = dict(rows.all())
    explained = set(session.exec(select(EpisodeWithdrawal.episode_id)))
    for episode_id in sorted(logged.keys() | states.keys() | explained):
        if logged.get(episode_id) != states.get(episode_id) or episode_id not in explained:
            yield f"withdrawal of {episode_id}: its row, its state and the log do not agree"


def _left_over(session: Session, blobs: BlobStore, erasure: Erasure, silenced: list[Clip]) -> Iterator[str]:
    """Yield what an erasure should have taken and did not; one that is under way is named as such."""
    if erasure.done_at is None:
        yield f"erasure of {erasure.episode_id}: it was begun and not finished; a worker goes on with it"
        return
    row = session.get(Submission, erasure.episode_id)
    if row is None or not is_cleared(session, row, erasure):
        yield f"erasure of {erasure.episode_id}: its rows still hold text"
    for clip in silenced:
        if clip.episode_id == erasure.episode_id and (blobs.exists(clip.sha256) or blobs.exists(clip.manifest_sha256)):
            yield f"erasure of {erasure.episode_id}: the file {clip.sha256} or its credentials are still stored"


def _wrong_transcript(session: Session, log: Log, hearing: EpisodeHearing) -> Iterator[str]:
    """Yield what is wrong with a stored transcript: it decides about approval, and an appeal will quote it."""
    try:
        events = log.events_for(session, hearing.episode_id)
    except AuditError as error:
        yield f"events of {hearing.episode_id}: {error}"
        return
    heard = [one.event.facts for one in events if one.event.kind is EventKind.SPEECH_HEARD]
    said = [facts for facts in heard if facts.get("checked") is not False]  # clips of an upload are not heard again
    keys = ("transcript_digest", "transcript_commitment")  # the first, bare, in entries of version 1
    logged = [({facts[key] for key in keys if key in facts}, facts.get("verdict")) for facts in said]
    stored = {digest_of(" ".join(str(word[0]) for word in hearing.transcript))}
    row = session.get(EpisodeSecret, hearing.episode_id)
    if row is not None and all("transcript_commitment" in facts for facts in said):
        stored = {commit(row.secret, "transcript", digest) for digest in stored}
    if logged != [(stored, hearing.decision.get("verdict"))]:
        yield f"transcript of {hearing.episode_id}: the log names another transcript or verdict"


def _logged_clips(session: Session, log: Log, episodes: set[str], problems: list[str]) -> dict[str, frozenset[str]]:
    """Return, per episode, every SHA-256 that its `clip.produced` events name."""
    found: dict[str, frozenset[str]] = {}
    for episode_id in sorted(episodes):
        try:
            events = log.events_for(session, episode_id)
        except AuditError as error:
            problems.append(f"events of {episode_id}: {error}")
            continue
        named: set[str] = set()
        for event in events:
            if event.event.kind is EventKind.CLIP_PRODUCED:
                named |= set(_strings(json.loads(event.leaf)["facts"]))
        found[episode_id] = frozenset(name.removeprefix("sha256:") for name in named)
    return found


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)


def _broken_blobs(blobs: BlobStore, names: list[str]) -> Iterator[str]:
    for name in names:
        try:
            blobs.verify(name)
        except StorageError as error:
            yield str(error)
