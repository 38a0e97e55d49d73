"""The published checkpoint: a file outside the database that remembers how far the log has been shown to the world.

A database restored from a backup cannot know what was signed since; this file does. Keep it on another disk, or serve
it, so that one accident does not take both.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from pathlib import Path

from audit.checkpoint import Checkpoint, parse_decimal
from audit.errors import CheckpointError, LogDivergedError
from audit.note import MAX_NOTE_CHARACTERS


def write_checkpoint_file(path: Path, checkpoint: Checkpoint) -> None:
    """Replace the file at `path` by the checkpoint's note, atomically and durably, unless it already shows a later one.

    Call it only after the transaction that sealed the checkpoint has committed. Processes may call it at the same time.
    Raises `CheckpointError` if the file cannot be written or is no checkpoint of this log, and `LogDivergedError` if it
    shows another root for the same size; the old file is then still there, whole.
    """
    try:
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            # Held until the directory is closed: two workers must not show their checkpoints in the wrong order.
            fcntl.flock(directory, fcntl.LOCK_EX)
            if _is_news(path, checkpoint):
                _replace(path, checkpoint.note.encode())
                os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise CheckpointError(f"checkpoint file {path} cannot be written: {error.strerror}") from error


def _is_news(path: Path, checkpoint: Checkpoint) -> bool:
    """Compare with what is shown now, by its text alone: signatures are checked where the file is relied upon."""
    shown = read_checkpoint_file(path)
    if shown is None:
        return True
    lines = shown.split("\n")
    if len(lines) < 3 or lines[0] != checkpoint.origin:
        raise CheckpointError(f"{path} is not a checkpoint of {checkpoint.origin!r}; move it away or publish elsewhere")
    size = parse_decimal(lines[1], f"the size in {path}")
    if size == checkpoint.size and lines[:3] != checkpoint.note.split("\n")[:3]:
        raise LogDivergedError(f"{path} shows another root for the same size {size}: the log has forked; run fsck")
    return size < checkpoint.size


def _replace(path: Path, content: bytes) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name + ".")
    try:
        with os.fdopen(descriptor, "wb") as written:
            written.write(content)
            written.flush()
            os.fchmod(written.fileno(), 0o644)  # it is public, unlike most temporary files
            os.fsync(written.fileno())
        # If we crash before the rename, the old checkpoint stands and a stray file is left behind.
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_checkpoint_file(path: Path) -> str | None:
    """Return the note in the file, unverified, or None if there is no file yet; raises `CheckpointError`."""
    try:
        with path.open("rb") as opened:
            content = opened.read(4 * MAX_NOTE_CHARACTERS + 1)  # four bytes hold any character
        return content.decode()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"checkpoint file {path} cannot be read: {error}") from error
