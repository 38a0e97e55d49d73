"""Asks witnesses for cosignatures of the log's newest checkpoint, and keeps what they sign (C2SP tlog-witness, client).

One round at a time in a process, so that all witnesses are asked about the same checkpoint; witnesses are asked side by
side, and a round ends as soon as the quorum has signed. Whoever is slower finishes on its own, for the record.

Per witness, in this order:

1. Offer the checkpoint with the proof that leads there from what the witness is known to have cosigned.
2. 409: it has cosigned another size. Smaller: prove from there, and offer again. Larger: another process went ahead, or
   this database was rolled back; nothing is released on that account.
3. 422: the log contradicts what the witness saw. Nothing that we send can mend that, so it is said loudly.
4. 200: one of the lines must be by the witness's known key, over our text, at about this time. It is stored.

Trust: a witness can refuse or lie, and then its cosignature is missing; it cannot make anything count.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from audit.checkpoint import Checkpoint, parse_decimal
from audit.cosignature import cosigned_at
from audit.countersignatures import add_cosignature, cosignatures_of, largest_cosigned
from audit.errors import AuditError, CheckpointError
from audit.log import Log
from audit.note import Signature, split_note
from audit.tlog_policy import KnownWitness, WitnessPolicy
from audit.witness import SIZE_MEDIA_TYPE, Submission, read_checkpoint_text
from gateway.db import Database
from gateway.errors import DatabaseUnavailableError
from gateway.outgoing import OutgoingError, Reply, open_client, post

MAX_ANSWER_BYTES = 64 * 1024  # a few signature lines, post-quantum ones included
MAX_OFFERS = 3  # of one checkpoint to one witness: as known, as it says, and once more after a race
CLOCK_TOLERANCE = timedelta(minutes=5)  # between our clock and a witness's
REQUEST_TYPE = "application/octet-stream"  # the protocol names none

logger = logging.getLogger(__name__)


class _NotCosignedError(Exception):
    """Why one witness's cosignature is missing; becomes text in `Standing.troubles`."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the newest checkpoint stands with the witnesses."""

    size: int  # of the newest checkpoint; 0 if there is none
    quorum: bool
    cosigned: tuple[str, ...] = ()  # witnesses, by the policy's names
    troubles: dict[str, str] = field(default_factory=dict)  # witness → why it did not sign

    def __str__(self) -> str:
        """Say it in one line."""
        said = [f"{name}: {why}" for name, why in sorted(self.troubles.items())]
        return f"{len(self.cosigned)} cosigned" + (f"; {'; '.join(said)}" if said else "")


@dataclass(slots=True)
class _Asked:
    """One round: who was asked about which checkpoint, and what they said."""

    checkpoint: Checkpoint
    deadline: float  # by the monotonic clock
    pending: dict[Future[None], str] = field(default_factory=dict)
    troubles: dict[str, str] = field(default_factory=dict)


class Witnesses:
    """The witnesses of one policy, as this process talks to them; safe to use from several threads."""

    def __init__(
        self,
        *,
        policy: WitnessPolicy,
        database: Database,
        log: Log,
        clock: Callable[[], datetime],
        timeout: float,
    ) -> None:
        policy.require_log(log.verifier)
        self.policy = policy
        self._database = database
        self._log = log
        self._clock = clock
        self._timeout = timeout  # seconds for one witness's whole answer
        self._asked = tuple(one for one in policy.witnesses if one.url)
        self._round = threading.Lock()
        self._locks = {one.name: threading.Lock() for one in self._asked}
        self._client = open_client(timeout=timeout)

    def close(self) -> None:
        """Let go of connections; what is under way is not waited for."""
        self._client.close()

    def collect(self, *, everybody: bool = False) -> Standing:
        """Offer the newest checkpoint to every witness that has not cosigned it, and return where it stands then.

        Waits for the quorum, with `everybody` for all witnesses, at most about the timeout. Raises an error of `audit`
        where the log cannot vouch for itself, and `DatabaseUnavailableError`.
        """
        with self._round:
            with self._database.read() as session:
                checkpoint = self._log.check_not_forked(session)
            if checkpoint is None:
                return Standing(size=0, quorum=not self.policy.has_quorum)
            asked = _Asked(checkpoint, time.monotonic() + self._timeout)
            for witness in self._asked:
                if witness.name not in self._standing(asked).cosigned:
                    asked.pending[_aside(partial(self._obtain, witness, checkpoint))] = witness.name
                    asked.troubles[witness.name] = "it has not answered yet"
            asked.troubles |= {one.name: "the policy says no URL" for one in self.policy.witnesses if not one.url}
            standing = self._await(asked, enough=lambda standing: standing.quorum)
        # Those who only want the quorum need not wait for a slow witness that we wait for here.
        return self._await(asked, enough=lambda _: False) if everybody else standing

    def _await(self, asked: _Asked, *, enough: Callable[[Standing], bool]) -> Standing:
        """Take answers until there are `enough`, or no more to come, or the time is over."""
        standing = self._standing(asked)
        while asked.pending and not enough(standing) and (left := asked.deadline - time.monotonic()) > 0:
            done, _ = wait_for(asked.pending, timeout=left, return_when=FIRST_COMPLETED)
            for one in done:
                name, error = asked.pending.pop(one), one.exception()
                asked.troubles.pop(name)
                if error is not None:
                    asked.troubles[name] = _reason(error)
                    logger.warning("witness %s did not cosign size %s: %s", name, asked.checkpoint.size, _reason(error))
            standing = self._standing(asked)
        return standing

    def _standing(self, asked: _Asked) -> Standing:
        with self._database.read() as session:
            held = cosignatures_of(session, asked.checkpoint.size)
        names = {(one.verifier.name, one.verifier.key_id): one.name for one in self.policy.witnesses}
        signed = tuple(sorted({names[key] for one in held if (key := (one.name, one.key_id)) in names}))
        left = {name: why for name, why in asked.troubles.items() if name not in signed}
        return Standing(asked.checkpoint.size, self.policy.is_met_by(signed), signed, left)

    def _obtain(self, witness: KnownWitness, checkpoint: Checkpoint) -> None:
        """Get one witness's cosignature and store it; raises with the reason."""
        lock = self._locks[witness.name]
        if not lock.acquire(timeout=self._timeout):
            raise _NotCosignedError("it is still busy with an earlier checkpoint")
        try:
            signature = self._converse(witness, checkpoint)
        finally:
            lock.release()
        with self._database.write() as session:
            add_cosignature(session, size=checkpoint.size, signature=signature, at=self._clock())

    def _converse(self, witness: KnownWitness, checkpoint: Checkpoint) -> Signature:
        key = witness.verifier
        with self._database.read() as session:
            old = largest_cosigned(session, witness=key.name, key_id=key.key_id)
        deadline = time.monotonic() + self._timeout
        for _ in range(MAX_OFFERS):
            # 1.
            reply = self._post(witness, self._request(checkpoint, min(old, checkpoint.size)), deadline)
            # 2.
            if reply.status == 409:
                old = _conflicting_size(reply)
                if old > checkpoint.size:
                    raise _NotCosignedError(self._ahead(old, checkpoint.size))
                continue
            # 3.
            if reply.status == 422:
                reason = reply.body.decode("utf-8", "replace").strip()[:200]
                logger.error("witness %s: the log contradicts what it cosigned: %s", witness.name, reason)
                raise _NotCosignedError("it says that this log contradicts what it has cosigned; run `assay fsck`")
            if reply.status != 200:
                raise _NotCosignedError(f"it answered {reply.status}; does it know this log and its key?")
            # 4.
            return self._accept(witness, checkpoint, reply.body)
        raise _NotCosignedError("it names another size with every answer")

    def _request(self, checkpoint: Checkpoint, old: int) -> bytes:
        proof: tuple[bytes, ...] = ()
        if old > 0:
            with self._database.read() as session:
                proof = self._log.prove_consistency(session, old_size=old, new_size=checkpoint.size)
        text, signatures = split_note(checkpoint.note)
        origin, head = read_checkpoint_text(text)
        return Submission(old, proof, origin, head, text, signatures).body()

    def _post(self, witness: KnownWitness, body: bytes, deadline: float) -> Reply:
        url = witness.url.rstrip("/") + "/add-checkpoint"
        try:
            return post(self._client, url, body, media_type=REQUEST_TYPE, limit=MAX_ANSWER_BYTES, deadline=deadline)
        except OutgoingError as error:
            raise _NotCosignedError(str(error)) from error

    def _accept(self, witness: KnownWitness, checkpoint: Checkpoint, body: bytes) -> Signature:
        """Return the verified cosignature in an answer; lines of unknown keys are ignored."""
        text, _ = split_note(checkpoint.note)
        key = witness.verifier
        try:
            lines = [Signature.parse(line) for line in body.decode().removesuffix("\n").split("\n")]
            found = [one for one in lines if (one.name, one.key_id) == (key.name, key.key_id)]
            for one in found:
                key.verify(text, one.signature)
        except (CheckpointError, UnicodeDecodeError) as error:
            raise _NotCosignedError(f"its answer is no cosignature: {error}") from error
        if not found:
            raise _NotCosignedError("its answer has no cosignature by the key in the policy")
        now, signed = self._clock(), cosigned_at(found[0])
        if abs(signed - now) > CLOCK_TOLERANCE:
            raise _NotCosignedError(f"it says that it signed at {signed:%Y-%m-%d %H:%M:%S} UTC; compare the clocks")
        return found[0]

    def _ahead(self, cosigned_size: int, size: int) -> str:
        with self._database.read() as session:
            newest = self._log.latest_checkpoint(session)
        if newest is not None and newest.size >= cosigned_size:
            return f"it has gone on to size {cosigned_size} already"
        logger.error("a witness has cosigned %s entries, but %s are stored here: rolled back", cosigned_size, size)
        return f"it has cosigned {cosigned_size} entries, but this database has signed {size}: it was rolled back"


def _aside(ask: Callable[[], None]) -> Future[None]:
    """Run `ask` in a thread of its own, which does not keep the process alive: a witness may hang for ever."""
    future: Future[None] = Future()

    def run() -> None:
        try:
            ask()
        except BaseException as error:  # noqa: BLE001  # whoever waits for the future is told
            future.set_exception(error)
        else:
            future.set_result(None)

    threading.Thread(target=run, name="assay-witness", daemon=True).start()
    return future


def _reason(error: BaseException) -> str:
    if isinstance(error, AuditError | DatabaseUnavailableError | _NotCosignedError):
        return str(error)
    return f"an unexpected {type(error).__name__}"


def _conflicting_size(reply: Reply) -> int:
    try:
        if reply.media_type != SIZE_MEDIA_TYPE:
            raise CheckpointError(f"its type is not {SIZE_MEDIA_TYPE}")
        return parse_decimal(reply.body.decode("ascii").removesuffix("\n") or "-", "the size")
    except (CheckpointError, UnicodeDecodeError) as error:
        raise _NotCosignedError(f"it answered 409 without the size that it has cosigned: {error}") from error
