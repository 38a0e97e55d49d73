"""What an outsider can check about a log from its published files alone: everything derived again (I/O by the caller).

Nothing is believed but the verifier key, and the checkpoint kept from the last visit. The entries in the bundles are
hashed again and must give every published tile and the signed root, in one pass. Memory does not grow with the log.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from audit import merkle
from audit.checkpoint import Checkpoint, Verifier, parse_and_verify
from audit.errors import CheckpointError, PublicationError, TileError
from audit.published import MAX_CHECKPOINT_BYTES
from audit.tiles import LENGTH_BYTES, TILE_HASHES, TileName, Tiling, decode_bundle, decode_tile

Fetch = Callable[[str, int], bytes | None]  # (file's name, most bytes it may have) → content, or None if there is none
Progress = Callable[[int, int], None]  # told (entries done, entries in all)


@dataclass(frozen=True, slots=True)
class FileDivergence:
    """The first published file that is not what the entries give, or that contradicts what was seen before."""

    file: str  # its name below the log's folder or URL
    entry: int  # the first entry that it concerns
    reason: str
    history: bool = False  # the files fit each other and the signature, but not what was seen before

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{self.file} (entry {self.entry}): {self.reason}"


@dataclass(frozen=True, slots=True)
class Audit:
    """What was checked; without a divergence, the files hold exactly the log that was signed."""

    checkpoint: Checkpoint
    entries: int  # entries that were hashed again
    files: int  # files that were read, the checkpoint among them
    previous: int | None  # size of the checkpoint kept from the last visit
    divergence: FileDivergence | None


class _FoundError(Exception):
    """Carries the first divergence out of the pass; never leaves this module."""

    def __init__(self, file: str, entry: int, reason: str, *, history: bool = False) -> None:
        super().__init__(reason)
        self.divergence = FileDivergence(file, entry, reason, history)


def fetch_checkpoint(fetch: Fetch, *, verifier: Verifier) -> Checkpoint:
    """Fetch and verify the published checkpoint; raises `CheckpointError` or `PublicationError`."""
    content = fetch("checkpoint", MAX_CHECKPOINT_BYTES)
    if content is None:
        raise PublicationError("there is no checkpoint; nothing was published here")
    try:
        note = content.decode()
    except UnicodeDecodeError as error:
        raise CheckpointError("the published checkpoint is not text") from error
    return parse_and_verify(note, origin=verifier.name, verifiers=(verifier,))


def audit_files(
    fetch: Fetch, *, verifier: Verifier, previous: Checkpoint | None = None, progress: Progress | None = None
) -> Audit:
    """Check the published files of the log whose key is `verifier`, and stop at the first divergence.

    1. The checkpoint is signed by the log, and not smaller than `previous`.
    2. Every entry is there, in order, and hashes to what its tile says.
    3. Every full tile above, as its last entry is read; the partial ones at the end.
    4. The first `previous.size` entries give the root of `previous`.
    5. All entries give the signed root.

    Raises `CheckpointError` if the checkpoint is not the log's own, `PublicationError` if a file cannot be fetched.
    """
    # 1.
    checkpoint = fetch_checkpoint(fetch, verifier=verifier)
    check = _Check(fetch, checkpoint, previous, progress)
    divergence = None
    try:
        check.run()
    except _FoundError as found:
        divergence = found.divergence
    return Audit(checkpoint, check.tiling.size, check.files, previous.size if previous else None, divergence)


class _Check:
    """One pass over the published files, and how far it has come."""

    def __init__(
        self, fetch: Fetch, checkpoint: Checkpoint, previous: Checkpoint | None, progress: Progress | None
    ) -> None:
        self._fetch = fetch
        self._checkpoint = checkpoint
        self._previous = previous
        self._progress = progress
        self.tiling = Tiling()
        self.files = 1

    def run(self) -> None:
        """Check everything, in the order that `audit_files` documents."""
        size, previous = self._checkpoint.size, self._previous
        if previous is not None and previous.size > size:
            raise _FoundError(
                "checkpoint", size, f"it covers {size} entries, but {previous.size} were shown before", history=True
            )
        self._compare_roots()
        for start in range(0, size, TILE_HASHES):
            self._take_bundle(TileName(None, start // TILE_HASHES, min(TILE_HASHES, size - start)))
            if self._progress is not None:
                self._progress(self.tiling.size, size)
        for name, expected in self.tiling.edge():
            if name.level:
                self._compare(name, expected)
        self._compare_roots()

    def _take_bundle(self, name: TileName) -> None:
        """2. and 3. for the entries of one bundle."""
        first = name.index * TILE_HASHES
        try:
            entries = decode_bundle(self._read(name), name.width)
        except TileError as error:
            raise _FoundError(name.path, first, str(error)) from error
        hashes = list(map(merkle.leaf_hash, entries))
        self._compare(TileName(0, name.index, name.width), b"".join(hashes))
        for hashed in hashes:
            for filled, expected in self.tiling.push(hashed):
                if filled.level:
                    self._compare(filled, expected)
            self._compare_previous()

    def _compare(self, name: TileName, expected: bytes) -> None:
        """Compare a tile with the hashes that the entries give."""
        span = TILE_HASHES ** (name.level or 0)  # entries under one hash
        first = name.index * TILE_HASHES * span
        try:
            found = decode_tile(self._read(name), name.width)
        except TileError as error:
            raise _FoundError(name.path, first, str(error)) from error
        for offset, value in enumerate(merkle.split_hashes(expected)):
            if found[offset] != value:
                under = f"entry {first + offset}" if span == 1 else f"the {span} entries under it"
                raise _FoundError(name.path, first + offset * span, f"hash {offset} is not the hash of {under}")

    def _compare_previous(self) -> None:
        """4., when the pass has reached that size."""
        previous = self._previous
        if previous is not None and self.tiling.size == previous.size and self.tiling.root() != previous.root:
            raise _FoundError(
                "checkpoint",
                max(0, previous.size - 1),
                f"the first {previous.size} entries are not those that were shown before: history was rewritten",
                history=True,
            )

    def _compare_roots(self) -> None:
        """5., when the pass is at the end."""
        if self.tiling.size == self._checkpoint.size and self.tiling.root() != self._checkpoint.root:
            raise _FoundError("checkpoint", self.tiling.size, "the signed root is not that of the published entries")

    def _read(self, name: TileName) -> bytes:
        """Fetch a file; a partial one that was tidied away is a part of the full one."""
        content = self._fetch(name.path, name.max_bytes)
        if content is None and not name.is_full:
            content = self._part_of_full(name)
        if content is None:
            first = name.index * TILE_HASHES * TILE_HASHES ** (name.level or 0)
            raise _FoundError(name.path, first, "the file is missing")
        self.files += 1
        return content

    def _part_of_full(self, name: TileName) -> bytes | None:
        content = self._fetch(name.full.path, name.max_bytes)
        if content is None:
            return None
        try:
            if name.level is not None:
                return b"".join(decode_tile(content, TILE_HASHES)[: name.width])
            entries = decode_bundle(content, TILE_HASHES)[: name.width]
        except TileError:
            return None  # the full file is no good either: the partial one counts as missing
        return content[: sum(LENGTH_BYTES + len(entry) for entry in entries)]
