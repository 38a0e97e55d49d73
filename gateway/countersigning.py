"""What others sign about our checkpoints, and what release waits for of it.

Nothing here can release anything: `publish.examine` verifies the cosignatures again, out of the stored receipts.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func
from sqlalchemy.orm import Session
from sqlmodel import col, select

from audit.checkpoint import Checkpoint
from audit.countersignatures import (
    cosigned,
    counted_sizes,
    sizes_cosigned,
    sizes_stamped,
    stamps_of,
    stored_checkpoint,
)
from audit.errors import AuditError, CheckpointError, LogDivergedError, QuorumError, TimestampError
from audit.log import Log
from audit.note import split_note
from audit.store import CheckpointRow
from audit.tlog_policy import WitnessPolicy
from gateway.db import Database
from gateway.timestamping import Timestamps
from gateway.witnessing import Standing, Witnesses

LOOK_BACK_CHECKPOINTS = 50  # how many checkpoints are searched for one that has all that is demanded
STAMP = "the time stamp"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Cover:
    """The answer for one entry: a checkpoint with everything that is demanded, or what it lacks."""

    checkpoint: Checkpoint | None
    lacking: str = ""


class Countersigning:
    """Everything that others sign about our checkpoints; safe to use from several threads."""

    def __init__(
        self,
        *,
        database: Database,
        log: Log,
        witnesses: Witnesses | None = None,
        timestamps: Timestamps | None = None,
        stamp_demanded: bool = False,
    ) -> None:
        self._database = database
        self._log = log
        self._witnesses = witnesses
        self._timestamps = timestamps
        self._stamp_demanded = stamp_demanded and timestamps is not None

    @property
    def is_configured(self) -> bool:
        """True if there is anybody to ask."""
        return self._witnesses is not None or self._timestamps is not None

    @property
    def demanded(self) -> bool:
        """True if release has to wait for somebody else."""
        return self._quorum_demanded or self._stamp_demanded

    @property
    def policy(self) -> WitnessPolicy | None:
        """The witness policy in force, if there is one."""
        return None if self._witnesses is None else self._witnesses.policy

    @property
    def _quorum_demanded(self) -> bool:
        return self._witnesses is not None and self._witnesses.policy.has_quorum

    def close(self) -> None:
        """Let go of connections."""
        for one in (self._witnesses, self._timestamps):
            if one is not None:
                one.close()

    def covering(self, session: Session, *, index: int) -> Checkpoint | None:
        """Return the newest checkpoint over entry `index` that has all that is demanded, with cosignatures, or None.

        Raises errors of `audit` where a stored signature is not what was verified when it was stored.
        """
        find = sizes_cosigned if self._quorum_demanded else sizes_stamped
        for size in find(session, above=index, limit=LOOK_BACK_CHECKPOINTS):
            checkpoint = self._checkpoint(session, size)
            if checkpoint is not None and self._is_complete(session, checkpoint):
                return checkpoint
        return None

    def cover(self, index: int) -> Cover:
        """Return a checkpoint over entry `index` that has all that is demanded, asking once for it where it lacks.

        Raises errors of `audit` where the log cannot vouch for itself, and `DatabaseUnavailableError`.
        """
        with self._database.read() as session:
            if (found := self.covering(session, index=index)) is not None:
                return Cover(found)
        standing = self.ask()
        with self._database.read() as session:
            found = self.covering(session, index=index)
        if found is not None:
            return Cover(found)
        wanted = [
            *(["the quorum of witnesses"] if self._quorum_demanded else []),
            *([STAMP] if self._stamp_demanded else []),
        ]
        return Cover(None, f"{' and '.join(wanted)}: {standing}")

    def ask(self, *, everybody: bool = False) -> Standing:
        """Ask once about the newest checkpoint, and return where it stands; raises as `cover` does.

        Waits until what is demanded is there, or with `everybody` for all answers, as long as one may take.
        """
        standing = Standing(size=self.newest_size(), quorum=True)
        if self._witnesses is not None and (everybody or self._quorum_demanded):
            standing = self._witnesses.collect(everybody=everybody)
        if self._timestamps is not None and standing.size and (everybody or self._stamp_demanded):
            try:
                with self._database.read() as session:
                    checkpoint = self._checkpoint(session, standing.size)
                if checkpoint is not None:
                    self._timestamps.stamp(checkpoint)
            except TimestampError as error:
                logger.warning("the checkpoint of size %s got no time stamp: %s", standing.size, error)
                standing.troubles[STAMP] = str(error)
        return standing

    def shown(self, session: Session) -> Checkpoint | None:
        """Return the checkpoint that outsiders should be shown: the newest that has all that is demanded.

        Raises as `Log.latest_checkpoint`.
        """
        if self.demanded:
            return self.covering(session, index=-1)
        newest = self._log.latest_checkpoint(session)
        return None if newest is None else cosigned(session, newest)

    def newest_size(self) -> int:
        """Return the size of the newest checkpoint, 0 if there is none; its signature is not looked at."""
        with self._database.read() as session:
            return session.exec(select(func.max(CheckpointRow.size))).one() or 0

    def report(self, *, now: datetime, patience: timedelta) -> str:
        """Say how far others are behind, for `/readyz`.

        Raises `QuorumError` if something that is demanded has been lacking for longer than `patience`, and errors of
        `audit` as `covering` does.
        """
        with self._database.read() as session:
            newest = self.newest_size()
            covered = self.covering(session, index=-1) if self.demanded else self.shown(session)
            size = 0 if covered is None else covered.size
            oldest = session.exec(select(func.min(CheckpointRow.created)).where(col(CheckpointRow.size) > size)).one()
            cosigners = self.policy.cosigners(covered.note) if covered is not None and self.policy is not None else {}
        said = f"{size} of {newest} entries countersigned"
        if cosigners:
            age = int((now - max(cosigners.values())).total_seconds())
            said += f", last {age} s ago by {', '.join(sorted(cosigners))}"
        if self.demanded and oldest is not None and now - oldest > patience:
            raise QuorumError(
                f"{said}; what release demands has been lacking for {int((now - oldest).total_seconds())} s, and "
                "approved episodes wait: see whether witnesses and time-stamp authority can be reached"
            )
        return said

    def problems(self, session: Session) -> Iterator[str]:
        """Verify again whatever others have signed, and yield what is wrong."""
        for size in counted_sizes(session):
            try:
                checkpoint = self._checkpoint(session, size)
                if checkpoint is None:
                    raise LogDivergedError("somebody signed it, but it is not stored")
                if self.policy is not None:
                    self.policy.cosigners(checkpoint.note)
                for stamp in stamps_of(session, size):
                    if self._timestamps is not None and stamp.authority == self._timestamps.url:
                        self._timestamps.verify(stamp, split_note(checkpoint.note)[0])
            except AuditError as error:
                yield f"countersignatures of checkpoint {size}: {error}"

    def _checkpoint(self, session: Session, size: int) -> Checkpoint | None:
        found = stored_checkpoint(session, size, origin=self._log.origin, verifier=self._log.verifier)
        return None if found is None else cosigned(session, found)

    def _is_complete(self, session: Session, checkpoint: Checkpoint) -> bool:
        if self.policy is not None:
            try:
                self.policy.require(checkpoint.note)
            except QuorumError:
                return False
            except CheckpointError as error:
                raise LogDivergedError(f"a stored cosignature of size {checkpoint.size}: {error}") from error
        if self._stamp_demanded and self._timestamps is not None:
            return self._timestamps.stamped(session, checkpoint) is not None
        return True
