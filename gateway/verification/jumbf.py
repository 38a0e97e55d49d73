"""Taking the active manifest out of a C2PA manifest store (ISO 19566-5 JUMBF boxes; C2PA 2.4, section 11; pure).

A store is one box: its description, then one box per manifest, the active one last. Every box begins with its length
and type, four bytes each; a length of 1 is followed by eight bytes with the true one.
"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.errors import StorageError

_SUPERBOX, _DESCRIPTION = b"jumb", b"jumd"
_HEAD, _LONG_HEAD = 8, 16


def active_manifest(store: bytes) -> bytes:
    """Return a store that holds only the active manifest; raises `StorageError` if `store` is none."""
    (kind, head, whole), *rest = [*_boxes(store)] or [(b"", 0, b"")]
    if kind != _SUPERBOX or rest or len(whole) != len(store):
        raise StorageError("the stored manifest is not one JUMBF box; restore it from a backup")
    inside = [*_boxes(whole[head:])]
    manifests = [box for kind, _, box in inside if kind == _SUPERBOX]
    if not inside or inside[0][0] != _DESCRIPTION or not manifests:
        raise StorageError("the stored manifest holds no manifest; restore it from a backup")
    content = inside[0][2] + manifests[-1]
    return (len(content) + _HEAD).to_bytes(4, "big") + _SUPERBOX + content


def _boxes(data: bytes) -> Iterator[tuple[bytes, int, bytes]]:
    """Yield (type, bytes of its head, whole box) for each box in `data`."""
    place = 0
    while place < len(data):
        length, kind, head = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8], _HEAD
        if length == 1:
            length, head = int.from_bytes(data[place + 8 : place + 16], "big"), _LONG_HEAD
        if length < head or place + length > len(data):
            raise StorageError("a box of the stored manifest is longer than the manifest; restore it from a backup")
        yield kind, head, data[place : place + length]
        place += length
