"""The published checkpoint: a file outside the database that remembers how far the log has been shown to the world.

A database restored from a backup cannot know what was signed since; this file does. Keep it on another disk, or serve
it, so that one accident does not take both.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from audit.checkpoint import Checkpoint
from audit.errors import CheckpointError
from audit.note import MAX_NOTE_CHARACTERS


def write_checkpoint_file(path: Path, checkpoint: Checkpoint) -> None:
    """Replace the file at `path` by the checkpoint's note, atomically and durably.

    Call it only after the transaction that sealed the checkpoint has committed. Raises `CheckpointError` if the file
    cannot be written; the old file is then still there, whole.
    """
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name + ".")
        try:
            with os.fdopen(descriptor, "wb") as written:
                written.write(checkpoint.note.encode())
                written.flush()
                os.fchmod(written.fileno(), 0o644)  # it is public, unlike most temporary files
                os.fsync(written.fileno())
            # If we crash before the rename, the old checkpoint stands and a stray file is left behind.
            Path(temporary).replace(path)
        except OSError:
            Path(temporary).unlink(missing_ok=True)
            raise
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise CheckpointError(f"checkpoint file {path} cannot be written: {error.strerror}") from error


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
