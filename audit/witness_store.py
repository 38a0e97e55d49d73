"""The memory and key of a witness: a SQLite file that is compared and written before any answer is given.

Trust: the file must survive. A witness that forgets what it cosigned can be shown another history, so one whose file is
gone refuses to start instead of beginning again from nothing (`open_witness`); make a new witness under a new key then.

The order of `Witness.add_checkpoint`:

1. Check what needs no memory: form, log, signature.
2. In one exclusive transaction: read what was cosigned last, compare, store the new checkpoint.
   If we crash here, it is stored but was not cosigned for anybody: asking again (409, then the larger size) mends that.
3. After the commit has reached the disk, answer.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from audit.cosignature import CosignatureVerifier, cosign, witness_verifier
from audit.errors import CheckpointError, WitnessRefusalError, WitnessStateError
from audit.note import LogKey, Verifier
from audit.witness import Refusal, Submission, TreeHead, examine, follow, origin_hash

KEY_FILE, VKEY_FILE, STATE_FILE = "witness.key", "witness.vkey", "witness.db"
BUSY_MILLISECONDS = 10_000  # several processes may serve one witness; one commit takes milliseconds
MAX_CONTRADICTIONS = 100  # one proves enough; more would let a bad log fill the disk

_SCHEMA = """
CREATE TABLE witness (id INTEGER PRIMARY KEY CHECK (id = 1), vkey TEXT NOT NULL);
CREATE TABLE cosigned (
  origin TEXT PRIMARY KEY,
  size INTEGER NOT NULL,
  root BLOB NOT NULL CHECK (length(root) = 32),
  note TEXT NOT NULL,
  at INTEGER NOT NULL
);
CREATE TABLE contradiction (id INTEGER PRIMARY KEY, origin TEXT NOT NULL, at INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TRIGGER cosigned_guards_update BEFORE UPDATE ON cosigned FOR EACH ROW
  WHEN NEW.size < OLD.size OR (NEW.size = OLD.size AND NEW.root <> OLD.root) OR NEW.origin <> OLD.origin
  BEGIN SELECT RAISE(ABORT, 'a witness never goes back'); END;
CREATE TRIGGER cosigned_guards_delete BEFORE DELETE ON cosigned FOR EACH ROW
  BEGIN SELECT RAISE(ABORT, 'a witness never forgets'); END;
"""


class Witness:
    """Cosigns checkpoints of the logs it knows; safe to call from several threads, and from several processes."""

    def __init__(
        self,
        *,
        name: str,
        key: LogKey,
        state: Path,
        logs: Sequence[Verifier],
        clock: Callable[[], datetime],
    ) -> None:
        self.verifier: CosignatureVerifier = witness_verifier(key, name)
        self._key = key
        self._clock = clock
        self._logs = _by_origin(logs)
        self._origins = {origin_hash(origin): origin for origin in self._logs}
        self._lock = threading.Lock()
        self._connection = _open(state, self.verifier.vkey)

    def close(self) -> None:
        """Close the state file."""
        with self._lock:
            self._connection.close()

    def add_checkpoint(self, body: bytes) -> str:
        """Answer one `add-checkpoint` request: the cosignature line.

        Durable when it returns. Raises `WitnessRefusalError` with the protocol's answer, and `WitnessStateError` if
        the state cannot be read or written; nothing is cosigned then.
        """
        # 1.
        trusted = examine(Submission.parse(body), self._logs)
        submission = trusted.submission
        with self._exclusive() as connection:
            # 2.
            row = connection.execute(
                "SELECT size, root, at FROM cosigned WHERE origin = ?", (submission.origin,)
            ).fetchone()
            try:
                head = follow(submission, TreeHead(row[0], row[1]) if row else None)
            except WitnessRefusalError as refusal:
                if refusal.status == Refusal.INCONSISTENT:
                    self._keep_evidence(connection, submission)
                raise
            # Never earlier than before: a clock that was set back must not date a larger tree before a smaller one.
            at = max(int(self._clock().timestamp()), row[2] if row else 0)
            cosignature = cosign(submission.text, name=self.verifier.name, key=self._key, at=at)
            note = f"{submission.text}\n" + "".join(one.line for one in (*trusted.signatures, cosignature))
            connection.execute(
                "INSERT INTO cosigned (origin, size, root, note, at) VALUES (?, ?, ?, ?, ?) ON CONFLICT (origin) "
                "DO UPDATE SET size = excluded.size, root = excluded.root, note = excluded.note, at = excluded.at",
                (submission.origin, head.size, head.root, note, at),
            )
        # 3.
        return cosignature.line

    def checkpoint(self, hashed_origin: str) -> str | None:
        """Return the note last cosigned for the log whose origin has this SHA-256 in hex, None if there is none."""
        origin = self._origins.get(hashed_origin)
        if origin is None:
            return None
        with self._lock, _reading():
            row = self._connection.execute("SELECT note FROM cosigned WHERE origin = ?", (origin,)).fetchone()
        return str(row[0]) if row else None

    def contradictions(self, origin: str) -> list[bytes]:
        """Return the requests, signed by the log, that did not add to what was cosigned: proof against the log."""
        with self._lock, _reading():
            rows = self._connection.execute("SELECT body FROM contradiction WHERE origin = ? ORDER BY id", (origin,))
            return [bytes(row[0]) for row in rows]

    def _keep_evidence(self, connection: sqlite3.Connection, submission: Submission) -> None:
        """Keep a request that was refused as inconsistent, and the checkpoint that it contradicts stays as it is."""
        (held,) = connection.execute("SELECT count(*) FROM contradiction").fetchone()
        if held < MAX_CONTRADICTIONS:
            connection.execute(
                "INSERT INTO contradiction (origin, at, body) VALUES (?, ?, ?)",
                (submission.origin, int(self._clock().timestamp()), submission.body()),
            )

    @contextmanager
    def _exclusive(self) -> Iterator[sqlite3.Connection]:
        with self._lock, _reading():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except WitnessRefusalError:
                self._connection.execute("COMMIT")  # nothing was changed, but evidence may have been kept
                raise
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise


def create_witness(folder: Path, *, name: str) -> CosignatureVerifier:
    """Make key (mode 0600), verifier key and empty state of a new witness in `folder`; returns the verifier key.

    Raises `CheckpointError` for a name that no key can have, `LogKeyError` or `WitnessStateError` if one is there.
    """
    key = LogKey.generate()
    verifier = witness_verifier(key, name)
    state = folder / STATE_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if state.exists():
            raise WitnessStateError(f"{state} is there already; a witness never begins again")
        key.save(folder / KEY_FILE)
        (folder / VKEY_FILE).write_text(verifier.vkey + "\n")
    except OSError as error:
        raise WitnessStateError(f"the witness cannot be made in {folder}: {error.strerror}") from error
    with _reading():
        connection = sqlite3.connect(state, isolation_level=None)
        try:
            _prepare(connection)
            connection.executescript(f"BEGIN IMMEDIATE;{_SCHEMA}")
            connection.execute("INSERT INTO witness (id, vkey) VALUES (1, ?)", (verifier.vkey,))
            connection.execute("COMMIT")
        finally:
            connection.close()
    return verifier


def open_witness(folder: Path, *, logs: Sequence[Verifier], clock: Callable[[], datetime]) -> Witness:
    """Open the witness that `create_witness` made in `folder`, for `logs`.

    Raises `WitnessStateError` if there is none, or its state is lost or belongs to another key; `LogKeyError` if its
    key cannot be read; `CheckpointError` if `VKEY_FILE` is damaged or no log is named.
    """
    if not logs:
        raise CheckpointError("no log is named, so there is nothing to witness; give the verifier keys of logs")
    try:
        expected = CosignatureVerifier.parse((folder / VKEY_FILE).read_text())
    except OSError as error:
        raise WitnessStateError(f"there is no witness in {folder} ({error.strerror}); make one first") from error
    key = LogKey.load(folder / KEY_FILE)
    if witness_verifier(key, expected.name) != expected:
        raise WitnessStateError(f"{folder / VKEY_FILE} is not of the key beside it; restore both from one backup")
    return Witness(name=expected.name, key=key, state=folder / STATE_FILE, logs=logs, clock=clock)


def _open(state: Path, vkey: str) -> sqlite3.Connection:
    if not state.is_file():
        raise WitnessStateError(
            f"{state} is missing: the witness does not know what it has cosigned and must not cosign again; restore "
            "the file as it was last, or make a new witness under another name"
        )
    with _reading():
        connection = sqlite3.connect(state, isolation_level=None, check_same_thread=False)
        try:
            _prepare(connection)
            row = connection.execute("SELECT vkey FROM witness WHERE id = 1").fetchone()
        except sqlite3.Error:
            connection.close()
            raise
    if row is None or row[0] != vkey:
        connection.close()
        raise WitnessStateError(f"{state} belongs to another witness than the key beside it; restore both together")
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    for pragma in (f"busy_timeout={BUSY_MILLISECONDS}", "journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise WitnessStateError(f"the witness's state cannot be used: {error}; nothing was cosigned") from error


def _by_origin(logs: Sequence[Verifier]) -> Mapping[str, tuple[Verifier, ...]]:
    origins: dict[str, tuple[Verifier, ...]] = {}
    for verifier in logs:
        known = origins.get(verifier.name, ())
        origins[verifier.name] = known if verifier in known else (*known, verifier)
    return origins
