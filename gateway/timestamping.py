"""Asks a time-stamp authority about checkpoints, and keeps what it says (RFC 3161 over HTTP).

Trust: the authority's clock, and nothing else of it. A bad, late or missing answer is a missing time stamp; whether
release waits for one is for the settings to say.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from cryptography.x509 import Certificate
from sqlalchemy.orm import Session

from audit.checkpoint import Checkpoint
from audit.countersignatures import StoredStamp, add_stamp, stamps_of
from audit.errors import TimestampError
from audit.note import split_note
from audit.timestamp import MAX_RESPONSE_BYTES, REQUEST_TYPE, RESPONSE_TYPE, request_stamp, verify_stamp
from gateway.db import Database
from gateway.outgoing import OutgoingError, open_client, post

CLOCK_TOLERANCE = timedelta(minutes=5)  # between our clock and the authority's


class Timestamps:
    """One time-stamp authority, as this process talks to it; safe to use from several threads."""

    def __init__(
        self,
        *,
        url: str,
        roots: Sequence[Certificate],
        database: Database,
        clock: Callable[[], datetime],
        timeout: float,
    ) -> None:
        self.url = url
        self._roots = tuple(roots)
        self._database = database
        self._clock = clock
        self._timeout = timeout
        self._lock = threading.Lock()
        self._client = open_client(timeout=timeout)

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def stamp(self, checkpoint: Checkpoint) -> datetime:
        """Return the time that the authority states for `checkpoint`, asking it where it has not been stamped yet.

        Raises `TimestampError` with the reason, `DatabaseUnavailableError`.
        """
        text = split_note(checkpoint.note)[0]
        with self._lock:
            with self._database.read() as session:
                held = self.stamped(session, checkpoint)
            if held is not None:
                return held
            stamp = self._ask(checkpoint.size, text)
            with self._database.write() as session:
                add_stamp(session, stamp, at=self._clock())
        return stamp.stamped

    def stamped(self, session: Session, checkpoint: Checkpoint) -> datetime | None:
        """Return the time of a stored stamp of this checkpoint, verified again, or None; raises `TimestampError`."""
        text = split_note(checkpoint.note)[0]
        for stamp in stamps_of(session, checkpoint.size):
            if stamp.authority == self.url:
                return self.verify(stamp, text)
        return None

    def verify(self, stamp: StoredStamp, text: str) -> datetime:
        """Check a stored stamp over the text of its checkpoint; raises `TimestampError`."""
        stated = verify_stamp(stamp.response, text, roots=self._roots)
        if stated != stamp.stamped:
            raise TimestampError(f"the time beside the stamp of size {stamp.size} is not the one in it")
        return stated

    def _ask(self, size: int, text: str) -> StoredStamp:
        request = request_stamp(text)
        try:
            reply = post(
                self._client,
                self.url,
                request.body,
                media_type=REQUEST_TYPE,
                limit=MAX_RESPONSE_BYTES,
                deadline=time.monotonic() + self._timeout,
            )
        except OutgoingError as error:
            raise TimestampError(str(error)) from error
        if reply.status != 200 or reply.media_type != RESPONSE_TYPE:
            raise TimestampError(f"it answered {reply.status} with {reply.media_type or 'nothing'}")
        stated = verify_stamp(reply.body, text, roots=self._roots, nonce=request.nonce)
        if abs(stated - self._clock()) > CLOCK_TOLERANCE:
            raise TimestampError(f"it says that it is {stated:%Y-%m-%d %H:%M:%S} UTC; compare the clocks")
        return StoredStamp(size, self.url, reply.body, stated)
