"""The published checkpoint: a file outside the database that remembers how far the log has been shown to the world.

A database restored from a backup cannot know what was signed since; this file does. Keep it on another disk, or serve
it, so that one accident does not take both.
"""

from __future__ import annotations

from pathlib import Path

from audit.checkpoint import Checkpoint, parse_decimal
from audit.errors import CheckpointError, LogDivergedError, PublicationError
from audit.files import FileTree
from audit.note import MAX_NOTE_CHARACTERS

MAX_CHECKPOINT_BYTES = 4 * MAX_NOTE_CHARACTERS  # four bytes hold any character


def write_checkpoint_file(path: Path, checkpoint: Checkpoint) -> None:
    """Replace the file at `path` by the checkpoint's note, atomically and durably, unless it already shows a later one.

    For the same size, a note with more signatures replaces one with fewer. Call it only after the transaction that
    sealed the checkpoint has committed. Processes may call it at the same time. Raises `PublicationError` if the file
    cannot be written, `CheckpointError` if it is no checkpoint of this log, and `LogDivergedError` if it shows another
    root for the same size; the old file is then still there, whole.
    """
    tree = FileTree(path.parent)
    with tree.locked():  # two workers must not show their checkpoints in the wrong order
        if _is_news(path, checkpoint):
            tree.replace(path.name, checkpoint.note.encode())


def _is_news(path: Path, checkpoint: Checkpoint) -> bool:
    """Compare with what is shown now, by its text alone: signatures are checked where the file is relied upon."""
    shown = read_checkpoint_file(path)
    if shown is None:
        return True
    lines, ours = shown.split("\n"), checkpoint.note.split("\n")
    if len(lines) < 3 or lines[0] != checkpoint.origin:
        raise CheckpointError(f"{path} is not a checkpoint of {checkpoint.origin!r}; move it away or publish elsewhere")
    size = parse_decimal(lines[1], f"the size in {path}")
    if size != checkpoint.size:
        return size < checkpoint.size
    if lines[:3] != ours[:3]:
        raise LogDivergedError(f"{path} shows another root for the same size {size}: the log has forked; run fsck")
    return set(lines) < set(ours)


def read_checkpoint_file(path: Path) -> str | None:
    """Return the note in the file, unverified, or None if there is no file yet; raises `CheckpointError`."""
    try:
        content = FileTree(path.parent).read(path.name, max_bytes=MAX_CHECKPOINT_BYTES)
        return None if content is None else content.decode()
    except (PublicationError, UnicodeDecodeError) as error:
        raise CheckpointError(f"checkpoint file {path} cannot be read: {error}") from error
