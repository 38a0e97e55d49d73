"""Names and contents of tiles and bundles, against the format's own examples and against every hostile spelling."""

from __future__ import annotations

import pytest

from audit import tables
from audit.errors import TileError
from audit.merkle import EMPTY_ROOT, Frontier, leaf_hash
from audit.tiles import (
    TileName,
    Tiling,
    decode_bundle,
    decode_tile,
    edge_tiles,
    encode_bundle,
)

LEAVES = [leaf_hash(number.to_bytes(4, "big")) for number in range(66_000)]


def test_names_are_spelt_as_the_format_says() -> None:
    assert TileName(0, 1_234_067).path == "tile/0/x001/x234/067"
    assert TileName(None, 273, 112).path == "tile/entries/273.p/112"
    assert TileName(2, 0, 1).path == "tile/2/000.p/1"
    assert TileName(0, 1_000).path == "tile/0/x001/000"


@pytest.mark.parametrize("index", [0, 1, 255, 999, 1_000, 1_234_067, 999_999_999, 2**55, 2**63 - 1])
@pytest.mark.parametrize("level", [None, 0, 9, 63])
@pytest.mark.parametrize("width", [1, 99, 255, 256])
def test_every_name_is_read_back(level: int | None, index: int, width: int) -> None:
    name = TileName(level, index, width)
    assert TileName.parse(name.path) == name


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/../../../etc/passwd",
        "tile/entries/..%2f000",
        "tile/0/000/",
        "/tile/0/000",
        "tile//0/000",
        "tile/0/000\n",
        "tile/0/000\x00",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/0/x001",
        "tile/0/X001/002",
        "tile/64/000",
        "tile/00/000",
        "tile/-1/000",
        "tile/+1/000",
        "tile/٠/000",
        "tile/0/٠٠٠",
        "tile/0/000.p/0",
        "tile/0/000.p/00",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/999",
        "tile/0/000.p",
        "tile/0/000.p/",
        "tile/0/000.p/1/1",
        "tile/data/000",
        "tile/0/x009/x999/x999/x999/x999/x999/999",
        "tile/0/x001/x001/x001/x001/x001/x001/x001/001",
        "checkpoint",
        "",
    ],
)
def test_no_other_spelling_is_read(path: str) -> None:
    with pytest.raises(TileError):
        TileName.parse(path)


def test_edge_of_seventy_thousand_entries() -> None:
    assert [name.path for name in edge_tiles(70_000)] == [
        "tile/entries/273.p/112",
        "tile/0/273.p/112",
        "tile/1/001.p/17",
        "tile/2/000.p/1",
    ]
    assert edge_tiles(0) == []
    assert [name.path for name in edge_tiles(256)] == ["tile/1/000.p/1"]


@pytest.mark.parametrize("entries", [[], [b""], [b"a", b"", b"b" * 65_535]])
def test_bundle_is_read_back(entries: list[bytes]) -> None:
    assert decode_bundle(encode_bundle(entries), len(entries)) == entries


def test_bundle_is_the_length_and_the_bytes() -> None:
    assert encode_bundle([b"ab", b""]) == b"\x00\x02ab\x00\x00"
    with pytest.raises(TileError, match="longer than 65535"):
        encode_bundle([b"x" * 65_536])


@pytest.mark.parametrize(
    ("encoded", "width", "reason"),
    [
        (b"", 1, "ends within entry 0 of 1"),
        (b"\x00", 1, "ends within entry 0"),
        (b"\x00\x02a", 1, "ends within entry 0"),
        (b"\x00\x01a", 2, "ends within entry 1"),
        (b"\x00\x01a", 0, "3 bytes after its 0 entries"),
        (b"\x00\x01ab", 1, "1 bytes after its 1 entries"),
    ],
)
def test_bundle_of_another_length_is_refused(encoded: bytes, width: int, reason: str) -> None:
    with pytest.raises(TileError, match=reason):
        decode_bundle(encoded, width)


@pytest.mark.parametrize("length", [0, 31, 33, 63, 65, 96])
def test_tile_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(TileError, match="64"):
        decode_tile(bytes(length), 2)


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 66_000])
def test_tiling_gives_the_root_and_continues_from_its_own_edge(size: int) -> None:
    tiling, frontier = Tiling(), Frontier()
    for leaf in LEAVES[:size]:
        tiling.push(leaf)
        frontier = frontier.append(leaf)
    assert (tiling.size, tiling.root()) == (size, frontier.root() if size else EMPTY_ROOT)
    edge = list(tiling.edge())
    assert [name for name, _ in edge] == [name for name in edge_tiles(size) if name.level is not None]
    contents = {name.level: content for name, content in edge}
    levels = []
    while size >> (8 * len(levels)):
        content = contents.get(len(levels), b"")
        levels.append([content[at : at + 32] for at in range(0, len(content), 32)])
    resumed = Tiling(size, levels)
    assert (resumed.size, resumed.root()) == (size, tiling.root())
    assert resumed.push(LEAVES[0]) == tiling.push(LEAVES[0])
    assert resumed.root() == tiling.root()


def test_tiling_fills_tiles_of_every_level() -> None:
    filled = []
    tiling = Tiling()
    for leaf in LEAVES[:65_536]:
        filled += tiling.push(leaf)
    assert len(filled) == 257
    assert [name for name, _ in filled[-2:]] == [TileName(0, 255), TileName(1, 0)]
    assert filled[0] == (TileName(0, 0), b"".join(LEAVES[:256]))
    assert all(len(content) == 8_192 for _, content in filled)


@pytest.mark.parametrize(("size", "widths"), [(1, []), (1, [2]), (256, [0]), (256, [0, 2]), (257, [0, 1]), (3, [3, 1])])
def test_edge_that_does_not_fit_the_size_is_refused(size: int, widths: list[int]) -> None:
    with pytest.raises(TileError, match=f"partial tiles of a log of {size}"):
        Tiling(size, [[bytes(32)] * width for width in widths])


def test_database_and_files_cut_tiles_alike() -> None:
    assert tables.TILE_BYTES == 8_192
