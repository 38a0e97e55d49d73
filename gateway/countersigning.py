"""What release waits for besides our own signature: a checkpoint that others have signed too.

Nothing here can release anything: `publish.examine` verifies the cosignatures again, out of the stored receipts.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func
from sqlmodel import Session, select

from audit.checkpoint import Checkpoint
from audit.log import Log
from audit.store import CheckpointRow
from audit.tlog_policy import WitnessPolicy
from gateway.db import Database
from gateway.witnessing import Standing, Witnesses


@dataclass(frozen=True, slots=True)
class Cover:
    """The answer for one entry: a checkpoint with everything that is demanded, or what it lacks."""

    checkpoint: Checkpoint | None
    lacking: str = ""


class Countersigning:
    """Everything that others sign about our checkpoints; safe to use from several threads."""

    def __init__(self, *, database: Database, log: Log, witnesses: Witnesses | None) -> None:
        self._database = database
        self._log = log
        self.witnesses = witnesses

    @property
    def is_configured(self) -> bool:
        """True if there is anybody to ask."""
        return self.witnesses is not None

    @property
    def demanded(self) -> bool:
        """True if release has to wait for somebody else."""
        return self.witnesses is not None and self.witnesses.policy.has_quorum

    @property
    def policy(self) -> WitnessPolicy | None:
        """The witness policy in force, if there is one."""
        return None if self.witnesses is None else self.witnesses.policy

    def close(self) -> None:
        """Let go of connections."""
        if self.witnesses is not None:
            self.witnesses.close()

    def covering(self, session: Session, *, index: int) -> Checkpoint | None:
        """Return a stored checkpoint over entry `index` that has all that is demanded, or None."""
        return None if self.witnesses is None else self.witnesses.covering(session, index=index)

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
        return Cover(found) if found is not None else Cover(None, f"the quorum of witnesses: {standing}")

    def ask(self, *, everybody: bool = False) -> Standing:
        """Ask once about the newest checkpoint, and return where it stands; raises as `cover` does.

        Waits until what is demanded is there, or with `everybody` for all answers, as long as one may take.
        """
        if self.witnesses is None:
            return Standing(size=self.newest_size(), quorum=True)
        return self.witnesses.collect(everybody=everybody)

    def shown(self, session: Session) -> Checkpoint | None:
        """Return the checkpoint that outsiders should be shown; raises as `Log.latest_checkpoint`."""
        return self._log.latest_checkpoint(session) if self.witnesses is None else self.witnesses.newest(session)

    def newest_size(self) -> int:
        """Return the size of the newest checkpoint, 0 if there is none; its signature is not looked at."""
        with self._database.read() as session:
            return session.exec(select(func.max(CheckpointRow.size))).one() or 0
