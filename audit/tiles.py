"""C2SP tlog-tiles: how a log's hashes and entries are cut into static files, and what those are called (v0.1.0; pure).

A tile holds up to 256 hashes side by side. Level 0 holds the entries' leaf hashes; a hash of level `l` is the root of a
full tile of level `l - 1`. A bundle holds the entries under one tile of level 0, each after its length as a big-endian
uint16. Full tiles and bundles never change. For a log of `size` entries every level ends in a partial one, named by its
width: `tile/0/001.p/44` are the last 44 leaf hashes of a log of 300.

Source: https://c2sp.org/tlog-tiles.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from audit import merkle
from audit.errors import TileError
from audit.merkle import HASH_BYTES

TILE_HEIGHT = 8  # levels of the tree in one tile
TILE_HASHES = 1 << TILE_HEIGHT
TILE_BYTES = TILE_HASHES * HASH_BYTES
LENGTH_BYTES = 2  # before each entry of a bundle
MAX_BUNDLED_BYTES = 0xFFFF  # per entry: what the length can say
MAX_BUNDLE_BYTES = TILE_HASHES * (LENGTH_BYTES + MAX_BUNDLED_BYTES)
MAX_LEVEL = 63  # the format's limit; a log of 2**63 entries needs eight levels
MAX_INDEX = 2**63 - 1

_NAME = re.compile(
    r"tile/(?P<level>entries|[0-9]|[1-5][0-9]|6[0-3])/(?P<index>(?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)


@dataclass(frozen=True, slots=True)
class TileName:
    """Which tile or bundle a file is, and how much of it."""

    level: int | None  # 0 to 63; None is a bundle of entries
    index: int  # from the left, zero-based, among the tiles of its level
    width: int = TILE_HASHES  # hashes or entries in it; 256 is a full one

    @property
    def path(self) -> str:
        """The file's name below the log's folder or URL; 1234067 is spelt `x001/x234/067`."""
        digits = str(self.index)
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
        spelt = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
        level = "entries" if self.level is None else str(self.level)
        return f"tile/{level}/{spelt}" + ("" if self.is_full else f".p/{self.width}")

    @property
    def is_full(self) -> bool:
        """True if nothing can be added to it any more."""
        return self.width == TILE_HASHES

    @property
    def full(self) -> TileName:
        """The same tile when it is full, which serves whoever wants a part of it."""
        return TileName(self.level, self.index)

    @property
    def max_bytes(self) -> int:
        """The most that such a file can hold."""
        return MAX_BUNDLE_BYTES if self.level is None else TILE_BYTES

    @classmethod
    def parse(cls, path: str) -> TileName:
        """Read a file's name in its one canonical spelling; raises `TileError` for anything else."""
        match = _NAME.fullmatch(path)
        if match is None:
            raise TileError("no tile has such a name")
        level, groups, width = match["level"], match["index"].replace("x", "").split("/"), int(match["width"] or 0)
        index = int("".join(groups))
        if (len(groups) > 1 and groups[0] == "000") or index > MAX_INDEX or width >= TILE_HASHES:
            raise TileError("no tile has such a name")
        return cls(None if level == "entries" else int(level), index, width or TILE_HASHES)


def edge_tiles(size: int) -> list[TileName]:
    """Return the partial files that a log of `size` entries ends in: the bundle first, then the tiles upwards."""
    names, nodes, level = [], size, 0
    while nodes:
        index, width = divmod(nodes, TILE_HASHES)
        if width:
            names.append(TileName(level, index, width))
        nodes, level = index, level + 1
    return [TileName(None, names[0].index, names[0].width), *names] if size % TILE_HASHES else names


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """Pack entries, at most 65,535 bytes each, into a bundle; raises `TileError`."""
    if any(len(entry) > MAX_BUNDLED_BYTES for entry in entries):
        raise TileError(f"an entry is longer than {MAX_BUNDLED_BYTES} bytes; a bundle cannot hold it")
    return b"".join(len(entry).to_bytes(LENGTH_BYTES, "big") + entry for entry in entries)


def decode_bundle(encoded: bytes, width: int) -> list[bytes]:
    """Unpack exactly `width` entries; raises `TileError` if there are fewer or more bytes than they need."""
    entries: list[bytes] = []
    at = 0
    for _ in range(width):
        start = at + LENGTH_BYTES
        at = start + int.from_bytes(encoded[at:start], "big")
        if start > len(encoded) or at > len(encoded):
            raise TileError(f"the bundle ends within entry {len(entries)} of {width}")
        entries.append(encoded[start:at])
    if at != len(encoded):
        raise TileError(f"the bundle holds {len(encoded) - at} bytes after its {width} entries")
    return entries


def decode_tile(encoded: bytes, width: int) -> tuple[bytes, ...]:
    """Cut a tile into its `width` hashes; raises `TileError` if it has another length."""
    if len(encoded) != width * HASH_BYTES:
        raise TileError(f"the tile has {len(encoded)} bytes; {width} hashes have {width * HASH_BYTES}")
    return merkle.split_hashes(encoded)


class Tiling:
    """The unfinished tiles along the tree's right edge, growing leaf by leaf; one per pass over a log."""

    def __init__(self, size: int = 0, levels: Sequence[Sequence[bytes]] = ()) -> None:
        """Continue a log of `size` entries from the hashes of its partial tiles, one sequence per level from 0.

        Raises `TileError` if they do not fit the size.
        """
        self._levels = [list(level) for level in levels]
        self._fulls = [size >> (TILE_HEIGHT * (level + 1)) for level in range(len(levels))]
        widths = [(size >> (TILE_HEIGHT * level)) % TILE_HASHES for level in range(len(levels))]
        if [len(level) for level in levels] != widths or size >> (TILE_HEIGHT * len(levels)):
            raise TileError(f"these are not the partial tiles of a log of {size} entries")

    @property
    def size(self) -> int:
        """How many entries there are."""
        return self._fulls[0] * TILE_HASHES + len(self._levels[0]) if self._levels else 0

    def push(self, leaf: bytes) -> list[tuple[TileName, bytes]]:
        """Add the hash of one entry, and return the tiles that it fills, lowest level first."""
        return list(self._push(0, leaf))

    def edge(self) -> Iterator[tuple[TileName, bytes]]:
        """Yield the partial tiles, lowest level first."""
        for level, hashes in enumerate(self._levels):
            if hashes:
                yield TileName(level, self._fulls[level], len(hashes)), b"".join(hashes)

    def root(self) -> bytes:
        """Return the root of the tree; costs at most 255 hashes a level."""
        subtrees: list[bytes] = []
        for hashes in reversed(self._levels):
            at = 0
            for bit in reversed(range(TILE_HEIGHT)):
                if len(hashes) >> bit & 1:
                    subtrees.append(merkle.complete_root(hashes[at : at + (1 << bit)]))
                    at += 1 << bit
        return merkle.fold(subtrees)

    def _push(self, level: int, value: bytes) -> Iterator[tuple[TileName, bytes]]:
        if level == len(self._levels):
            self._levels.append([])
            self._fulls.append(0)
        hashes = self._levels[level]
        hashes.append(value)
        if len(hashes) == TILE_HASHES:
            yield TileName(level, self._fulls[level]), b"".join(hashes)
            self._levels[level] = []
            self._fulls[level] += 1
            yield from self._push(level + 1, merkle.complete_root(hashes))
