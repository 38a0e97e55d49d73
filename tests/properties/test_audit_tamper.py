"""Whatever a single change does to a receipt, a note, an entry or a proof, it is refused."""

from __future__ import annotations

import pytest
from audit_log import ORIGIN, an_event
from hypothesis import given, settings
from hypothesis import strategies as st

from audit import merkle
from audit.checkpoint import LogKey, parse_and_verify, sign_checkpoint
from audit.errors import AuditError, CheckpointError, EventError, ProofError
from audit.event import parse_event
from audit.merkle import Frontier, leaf_hash
from audit.receipt import Receipt, verify_receipt

KEY = LogKey.from_seed(b"\x03" * 32)
VERIFIER = KEY.verifier(ORIGIN)
MANY = settings(max_examples=400, deadline=None)


def tree(size: int) -> list[bytes]:
    return [an_event(number).canonical() for number in range(size)]


def node_reader(leaves: list[bytes]) -> merkle.NodeReader:
    hashes = [leaf_hash(leaf) for leaf in leaves]
    return lambda level, index: merkle.complete_root(hashes[index << level : (index + 1) << level])


def root_of(leaves: list[bytes]) -> bytes:
    frontier = Frontier()
    for leaf in leaves:
        frontier = frontier.append(leaf_hash(leaf))
    return frontier.root()


def receipt_for(index: int, leaves: list[bytes]) -> Receipt:
    checkpoint = sign_checkpoint(origin=ORIGIN, size=len(leaves), root=root_of(leaves), key=KEY)
    path = merkle.inclusion_proof(index, len(leaves), node_reader(leaves))
    return Receipt(index, leaves[index], path, checkpoint.note)


LEAVES = tree(11)
RECEIPT = receipt_for(6, LEAVES).to_text().encode()
NOTE = receipt_for(6, LEAVES).note.encode()


def read(encoded: bytes) -> Receipt:
    receipt = Receipt.from_text(encoded.decode())
    verify_receipt(receipt, leaf=receipt.leaf, origin=ORIGIN, verifier=VERIFIER)
    return receipt


def refuses(encoded: bytes) -> bool:
    """True if the receipt is refused; text that is not UTF-8 never becomes a receipt."""
    try:
        read(encoded)
    except (ProofError, CheckpointError, UnicodeDecodeError):
        return True
    return False


def test_untouched_receipt_verifies() -> None:
    assert read(RECEIPT).index == 6


@MANY
@given(at=st.integers(0, len(RECEIPT) - 1), value=st.integers(0, 255))
def test_any_changed_byte_of_a_receipt_is_refused(at: int, value: int) -> None:
    changed = bytearray(RECEIPT)
    changed[at] = value
    assert bytes(changed) == RECEIPT or refuses(bytes(changed))


def test_every_flipped_bit_of_a_receipt_is_refused() -> None:
    accepted = []
    for at in range(len(RECEIPT)):
        for bit in range(8):
            changed = bytearray(RECEIPT)
            changed[at] ^= 1 << bit
            if not refuses(bytes(changed)):
                accepted.append((at, bit))
    assert accepted == []


@MANY
@given(start=st.integers(0, len(RECEIPT)), length=st.integers(1, 80))
def test_any_missing_part_of_a_receipt_is_refused(start: int, length: int) -> None:
    shorter = RECEIPT[:start] + RECEIPT[start + length :]
    assert shorter == RECEIPT or len(shorter) == len(RECEIPT) or carries_no_entry(shorter) or refuses(shorter)


def carries_no_entry(encoded: bytes) -> bool:
    """Without its `extra` line a receipt is still good, for whoever has the entry."""
    return b"extra" not in encoded and not encoded.startswith(b"c2sp.org/tlog-proof@v1\nindex")


@MANY
@given(at=st.integers(0, len(RECEIPT)), inserted=st.binary(min_size=1, max_size=40))
def test_anything_inserted_into_a_receipt_is_refused(at: int, inserted: bytes) -> None:
    assert refuses(RECEIPT[:at] + inserted + RECEIPT[at:])


@MANY
@given(at=st.integers(0, len(NOTE) - 1), value=st.integers(0, 255))
def test_any_changed_byte_of_a_checkpoint_is_refused(at: int, value: int) -> None:
    changed = bytearray(NOTE)
    changed[at] = value
    if bytes(changed) == NOTE:
        return
    with pytest.raises((CheckpointError, UnicodeDecodeError)):
        parse_and_verify(bytes(changed).decode(), origin=ORIGIN, verifiers=[VERIFIER])


@MANY
@given(text=st.text())
def test_arbitrary_text_is_refused_with_our_own_error(text: str) -> None:
    with pytest.raises(ProofError):
        Receipt.from_text(text)
    with pytest.raises(CheckpointError):
        parse_and_verify(text, origin=ORIGIN, verifiers=[VERIFIER])


@MANY
@given(
    size=st.integers(1, 40),
    data=st.data(),
)
def test_proof_of_one_entry_is_no_proof_of_another_place_size_or_entry(size: int, data: st.DataObject) -> None:
    leaves = LEAVES * 4
    leaves = [leaf + bytes([number]) for number, leaf in enumerate(leaves)][:size]
    index = data.draw(st.integers(0, size - 1))
    proof = merkle.inclusion_proof(index, size, node_reader(leaves))
    root = root_of(leaves)
    claimed_index = data.draw(st.integers(0, size + 2))
    claimed_leaf = data.draw(st.sampled_from(leaves))
    claim = {"index": claimed_index, "size": size, "leaf": leaf_hash(claimed_leaf), "proof": proof, "root": root}
    if (claimed_index, claimed_leaf) == (index, leaves[index]):
        merkle.verify_inclusion(**claim)
    else:
        with pytest.raises(ProofError):
            merkle.verify_inclusion(**claim)


@MANY
@given(new=st.integers(1, 40), data=st.data())
def test_rewritten_history_is_never_consistent(new: int, data: st.DataObject) -> None:
    leaves = tree(new)
    old = data.draw(st.integers(1, new))
    rewritten = data.draw(st.integers(0, old - 1))
    forged = [*leaves[:rewritten], b"forged", *leaves[rewritten + 1 :]]
    for history, honest in ((leaves, True), (forged, False)):
        proof = merkle.consistency_proof(old, new, node_reader(history))
        claim = {
            "old_size": old,
            "old_root": root_of(leaves[:old]),
            "new_size": new,
            "new_root": root_of(history),
            "proof": proof,
        }
        if honest:
            merkle.verify_consistency(**claim)
        else:
            with pytest.raises(ProofError):
                merkle.verify_consistency(**claim)


@MANY
@given(at=st.integers(0, len(LEAVES[0]) - 1), value=st.integers(0, 255))
def test_changed_entry_is_another_event_or_none(at: int, value: int) -> None:
    changed = bytearray(LEAVES[0])
    changed[at] = value
    try:
        event = parse_event(bytes(changed))
    except EventError:
        return
    assert event.canonical() == bytes(changed)  # it is what it says: nothing is read loosely


@MANY
@given(leaf=st.binary(max_size=200))
def test_arbitrary_bytes_are_no_event_and_raise_our_own_error(leaf: bytes) -> None:
    with pytest.raises(AuditError):
        parse_event(leaf)
