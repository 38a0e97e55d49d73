"""The log as static files: everything that a signed checkpoint covers, written once, and the checkpoint last (I/O).

Order of things, and what a crash between them costs:

1. Under the folder's lock, the entries are read from the database and hashed. They must lead from the checkpoint shown
   last to the new one; if they do not, not a byte is written.
2. `write` creates each full bundle and tile, then the partial ones of the new size, and flushes their folders. Crashed:
   the files are not referred to yet, and the next call finds them there with the same bytes.
3. `show` replaces the file `checkpoint`. Crashed before: the next one covers more. Witnesses are asked between 2 and 3.
4. Partial files of tiles that are now full are removed. Crashed: they stay, and are no lie.

Publishing the same twice changes nothing, and two processes may publish at once. Memory does not grow with the log.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy.orm import Session

from audit import merkle
from audit.checkpoint import Checkpoint, Verifier, parse_and_verify
from audit.errors import CheckpointError, LogDivergedError, PublicationError, TileError
from audit.files import FileTree
from audit.published import read_checkpoint_file, write_checkpoint_file
from audit.store import read_leaf_hashes, read_leaves
from audit.tiles import (
    MAX_BUNDLE_BYTES,
    TILE_HASHES,
    TILE_HEIGHT,
    TileName,
    Tiling,
    decode_bundle,
    decode_tile,
    edge_tiles,
    encode_bundle,
)

CHECKPOINT = "checkpoint"
BUNDLES_A_SESSION = 64  # then the database gets its connection back: no transaction may last as long as a whole log

Reading = Callable[[], AbstractContextManager[Session]]  # opens a read-only look at the database
Progress = Callable[[int, int], None]  # told (entries done, entries in all)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Written:
    """Every file under `checkpoint` is durable; only `Publication.write` makes one, and `show` takes nothing else."""

    checkpoint: Checkpoint
    previous: int  # size that was shown when the writing began


@dataclass(frozen=True, slots=True)
class _Start:
    """Where a pass begins: after `size` entries, a multiple of 256, with the partial tiles of the levels from 0 up."""

    size: int = 0
    levels: tuple[tuple[bytes, ...], ...] = ()

    def tiling(self) -> Tiling:
        return Tiling(self.size, self.levels)


class Publication:
    """The published files of one log below one folder; safe to use from several threads and processes."""

    def __init__(self, folder: Path, *, origin: str, verifier: Verifier) -> None:
        self.folder = folder
        self._tree = FileTree(folder)
        self._origin = origin
        self._verifier = verifier

    def shown(self) -> Checkpoint | None:
        """Return the checkpoint that the world sees, verified, or None; raises `CheckpointError`."""
        note = read_checkpoint_file(self.folder / CHECKPOINT)
        return None if note is None else self._verified(note)

    def write(
        self, read: Reading, checkpoint: Checkpoint, *, again: bool = False, progress: Progress | None = None
    ) -> Written:
        """Make every file that `checkpoint` needs durable; it must be committed, and is not shown yet.

        `again` goes over the whole log instead of what is new: it writes what is missing and compares what is there.
        Raises `LogDivergedError` if the database does not hold what was signed or shown, or a file has other bytes than
        it must have, and `PublicationError` if a file cannot be written.
        """
        tree = FileTree(self.folder) if again else self._tree
        with tree.locked():
            shown = self.shown()
            if shown is not None and shown.size >= checkpoint.size and not again:
                return Written(checkpoint, shown.size)
            start = _Start() if shown is None or again else _edge(tree, shown.size)
            try:
                _require(read, start, shown, checkpoint)
            except LogDivergedError:
                if not start.size:
                    raise
                # The database, or the edge on disk? Deriving everything tells; then the first wrong file is named.
                start = _Start()
                _require(read, start, shown, checkpoint)
            before = set(edge_tiles(shown.size)) if shown is not None and start.size else set()
            _write(tree, read, start, checkpoint, before, progress)
            tree.sync()
        return Written(checkpoint, 0 if again or shown is None else shown.size)

    def show(self, written: Written, *, note: str | None = None) -> None:
        """Replace the checkpoint that the world sees, unless it sees a later one; `note` may carry more signatures.

        Raises `CheckpointError` if `note` is another checkpoint, `PublicationError` if the file cannot be written, and
        `LogDivergedError` if another root was shown for the same size.
        """
        checkpoint = written.checkpoint
        if note is not None:
            cosigned = self._verified(note)
            if replace(cosigned, note=checkpoint.note) != checkpoint:
                raise CheckpointError("the cosigned note is of another checkpoint than the one to be shown")
            checkpoint = cosigned
        write_checkpoint_file(self.folder / CHECKPOINT, checkpoint)
        try:
            self._prune(written.previous, checkpoint.size)
        except PublicationError as error:
            # Safe to go on: what stays is superfluous, and says nothing else than the full files do.
            logger.warning("partial files could not be removed: %s", error)

    def check_unshown(self, session: Session) -> None:
        """Check the files beyond the checkpoint shown last against the database; for start-up, costs what they hold.

        A process that crashed before `show` leaves such files. Somebody may have read them, so a database that has
        other entries there, or none, must not sign. Raises `LogDivergedError`, `PublicationError` or `CheckpointError`.
        """
        tree, shown = FileTree(self.folder), self.shown()
        index = (shown.size if shown else 0) // TILE_HASHES
        while (found := _unshown(tree, index)) is not None:
            first, hashes = index * TILE_HASHES, found
            stored = read_leaf_hashes(session, start=first, end=first + len(hashes))
            if stored != hashes:
                known = first + sum(1 for _ in _alike(stored, hashes))
                raise LogDivergedError(
                    f"the published files hold entries up to {first + len(hashes) - 1}, but the database has none or "
                    f"another at {known}: it was rolled back; run `assay log rebuild` before anything is signed, and "
                    "see docs/audit-log.md"
                )
            if len(hashes) < TILE_HASHES:
                return
            index += 1

    def _verified(self, note: str) -> Checkpoint:
        return parse_and_verify(note, origin=self._origin, verifiers=(self._verifier,))

    def _prune(self, old_size: int, new_size: int) -> None:
        """Remove the partial files of everything that became full between the two sizes."""
        with self._tree.locked():
            for level in (None, *range(8)):
                shift = TILE_HEIGHT * ((level or 0) + 1)
                for index in range(old_size >> shift, new_size >> shift):
                    self._tree.remove_folder(f"{TileName(level, index).path}.p")


def _edge(tree: FileTree, size: int) -> _Start:
    """Read from the files where a log of `size` entries ends, or start from nothing where they are not as they were."""
    levels: list[tuple[bytes, ...]] = [()]
    nodes, level = size >> TILE_HEIGHT, 1
    while nodes:
        name = TileName(level, nodes // TILE_HASHES, nodes % TILE_HASHES)
        content = tree.read(name.path, max_bytes=name.max_bytes) if name.width else b""
        try:
            levels.append(decode_tile(content or b"", name.width))
        except TileError as error:
            logger.warning("going over the whole log again, because %s is missing or damaged: %s", name.path, error)
            return _Start()
        nodes, level = nodes >> TILE_HEIGHT, level + 1
    return _Start(size - size % TILE_HASHES, tuple(levels))


def _require(read: Reading, start: _Start, shown: Checkpoint | None, checkpoint: Checkpoint) -> None:
    """Insist that the stored entries lead from `shown` to `checkpoint`, before a byte is written that says so."""
    tiling = start.tiling()
    for _, leaves in _bundles(read, start.size, checkpoint.size):
        for leaf in leaves:
            tiling.push(merkle.leaf_hash(leaf))
            if shown is not None and tiling.size == shown.size and tiling.root() != shown.root:
                raise LogDivergedError(f"the first {shown.size} entries are not those that were published; run fsck")
    if tiling.size != checkpoint.size or tiling.root() != checkpoint.root:
        raise LogDivergedError(f"the first {checkpoint.size} entries are not those that were signed; run fsck")


def _write(
    tree: FileTree,
    read: Reading,
    start: _Start,
    checkpoint: Checkpoint,
    before: set[TileName],
    progress: Progress | None,
) -> None:
    tiling = start.tiling()
    for index, leaves in _bundles(read, start.size, checkpoint.size):
        tree.create(TileName(None, index, len(leaves)).path, encode_bundle(leaves))
        for leaf in leaves:
            for name, content in tiling.push(merkle.leaf_hash(leaf)):
                tree.create(name.path, content)
        if progress is not None:
            progress(tiling.size, checkpoint.size)
    if tiling.root() != checkpoint.root:  # somebody changed the database between the two passes
        raise LogDivergedError(f"the first {checkpoint.size} entries changed while they were published; run fsck")
    for name, content in tiling.edge():
        if name not in before:  # otherwise the checkpoint that is shown rests on it already
            tree.create(name.path, content)


def _bundles(read: Reading, start: int, end: int) -> Iterator[tuple[int, list[bytes]]]:
    """Yield (bundle, its entries) of `[start, end)`; `start` must be a multiple of 256."""
    while start < end:
        with read() as session:
            for _ in range(BUNDLES_A_SESSION):
                leaves = read_leaves(session, start=start, end=min(start + TILE_HASHES, end))
                if len(leaves) != min(TILE_HASHES, end - start):
                    raise LogDivergedError(f"entries are missing after {start + len(leaves)}; run fsck")
                yield start // TILE_HASHES, leaves
                start += len(leaves)
                if start >= end:
                    return


def _unshown(tree: FileTree, index: int) -> tuple[bytes, ...] | None:
    """Return the leaf hashes that the widest files of bundle `index` tell of, or None if there are none."""
    told: dict[str, tuple[bytes, ...]] = {}
    for level in (None, 0):
        name = _widest(tree, TileName(level, index))
        content = tree.read(name.path, max_bytes=MAX_BUNDLE_BYTES) if name else None
        if name is None or content is None:
            continue
        try:
            if level is None:
                told[name.path] = tuple(map(merkle.leaf_hash, decode_bundle(content, name.width)))
            else:
                told[name.path] = decode_tile(content, name.width)
        except TileError as error:
            raise LogDivergedError(
                f"{tree.folder / name.path} was damaged: {error}; remove it, then run fsck"
            ) from error
    if not told:
        return None
    longest = max(told.values(), key=len)
    if any(longest[: len(hashes)] != hashes for hashes in told.values()):
        raise LogDivergedError(f"{' and '.join(told)} in {tree.folder} tell of different entries; run fsck")
    return longest


def _widest(tree: FileTree, full: TileName) -> TileName | None:
    if tree.read(full.path, max_bytes=full.max_bytes) is not None:
        return full
    widths = [int(name) for name in tree.names(f"{full.path}.p") if name.isdecimal()]
    return replace(full, width=max(widths)) if widths else None


def _alike(left: tuple[bytes, ...], right: tuple[bytes, ...]) -> Iterator[bytes]:
    for one, other in zip(left, right, strict=False):
        if one != other:
            return
        yield one
