"""Manifest stores taken apart: the active manifest of a real one, and stores that lie about their lengths."""

from __future__ import annotations

import pytest

from gateway.errors import StorageError
from gateway.verification.jumbf import active_manifest
from tests.credentials_samples import FACTS, chain, clip, signer


def box(kind: bytes, content: bytes, *, long: bool = False) -> bytes:
    if long:
        return (1).to_bytes(4, "big") + kind + (len(content) + 16).to_bytes(8, "big") + content
    return (len(content) + 8).to_bytes(4, "big") + kind + content


DESCRIPTION = box(b"jumd", b"c2pa")
FIRST, LAST = box(b"jumb", box(b"jumd", b"first")), box(b"jumb", box(b"jumd", b"last"))


def test_last_manifest_is_the_active_one() -> None:
    assert active_manifest(box(b"jumb", DESCRIPTION + FIRST + LAST)) == box(b"jumb", DESCRIPTION + LAST)
    assert active_manifest(box(b"jumb", DESCRIPTION + FIRST + LAST, long=True)) == box(b"jumb", DESCRIPTION + LAST)


def test_store_of_one_manifest_is_itself_and_still_reads() -> None:
    own = signer(chain())
    data, store = own.sign(clip("audio/wav"), "audio/wav", FACTS)
    assert active_manifest(store) == store
    assert own.read(data, "audio/wav", manifest_store=active_manifest(store)).label is not None


@pytest.mark.parametrize(
    "store",
    [
        b"",
        b"\x00" * 8,
        box(b"jumb", b""),
        box(b"jumb", DESCRIPTION),
        box(b"jumb", FIRST),
        box(b"free", DESCRIPTION + FIRST),
        box(b"jumb", DESCRIPTION + FIRST) + b"x",
        box(b"jumb", DESCRIPTION + FIRST)[:-1],
        box(b"jumb", DESCRIPTION + (2**31).to_bytes(4, "big") + b"jumb"),
        box(b"jumb", DESCRIPTION + (0).to_bytes(4, "big") + b"jumb"),
        (1).to_bytes(4, "big") + b"jumb",
    ],
)
def test_store_that_is_none_is_refused(store: bytes) -> None:
    with pytest.raises(StorageError):
        active_manifest(store)
