"""Receipts: from the log to a stranger, and everything that is not one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from audit_log import ORIGIN, an_event, fill, seal
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from audit.checkpoint import LogKey, sign_checkpoint
from audit.errors import CheckpointError, LogDivergedError, ProofError
from audit.log import Log
from audit.merkle import leaf_hash, verify_consistency
from audit.note import encode_base64
from audit.receipt import Receipt, verify_receipt


@pytest.fixture
def receipt(engine: Engine, log: Log) -> Receipt:
    fill(engine, log, 11)
    seal(engine, log)
    with Session(engine) as session:
        return log.prove(session, 6)


def lines_of(receipt: Receipt) -> list[str]:
    return receipt.to_text().split("\n")


def test_receipt_travels_as_text_and_verifies_offline(receipt: Receipt, log: Log) -> None:
    received = Receipt.from_text(receipt.to_text())
    assert received == receipt
    assert received.leaf_hash == leaf_hash(an_event(6).canonical())
    checkpoint = verify_receipt(received, leaf=an_event(6).canonical(), origin=ORIGIN, verifier=log.verifier)
    assert (checkpoint.size, checkpoint.origin) == (11, ORIGIN)


def test_receipt_has_the_published_form(receipt: Receipt) -> None:
    lines = lines_of(receipt)
    assert lines[0] == "c2sp.org/tlog-proof@v1"
    assert lines[1] == f"extra {encode_base64(an_event(6).canonical())}"
    assert lines[2] == "index 6"
    assert lines[3:7] == [encode_base64(value) for value in receipt.path]
    assert lines[7:10] == ["", ORIGIN, "11"]


def test_receipt_without_the_entry_needs_it_from_elsewhere(receipt: Receipt) -> None:
    lines = lines_of(receipt)
    del lines[1]
    bare = "\n".join(lines)
    assert Receipt.from_text(bare, leaf=receipt.leaf) == receipt
    with pytest.raises(ProofError, match="does not carry the entry"):
        Receipt.from_text(bare)


def test_receipt_given_for_another_entry_is_refused(receipt: Receipt, log: Log) -> None:
    with pytest.raises(ProofError, match="carries another entry"):
        Receipt.from_text(receipt.to_text(), leaf=an_event(7).canonical())
    with pytest.raises(ProofError, match="for another entry"):
        verify_receipt(receipt, leaf=an_event(7).canonical(), origin=ORIGIN, verifier=log.verifier)


def test_receipt_with_an_exchanged_entry_is_refused(receipt: Receipt, log: Log) -> None:
    forged = replace(receipt, leaf=an_event(7).canonical())
    with pytest.raises(ProofError, match="another root"):
        verify_receipt(forged, leaf=forged.leaf, origin=ORIGIN, verifier=log.verifier)


def test_receipt_of_another_log_is_refused(receipt: Receipt, log: Log) -> None:
    with pytest.raises(CheckpointError, match="no signature by an expected key"):
        verify_receipt(receipt, leaf=receipt.leaf, origin=ORIGIN, verifier=LogKey.generate().verifier(ORIGIN))
    with pytest.raises(CheckpointError, match="not signed by the log"):
        verify_receipt(receipt, leaf=receipt.leaf, origin="other.example", verifier=log.verifier)


@pytest.mark.parametrize(
    ("line", "replacement", "reason"),
    [
        (0, "c2sp.org/tlog-proof@v2", "not a receipt"),
        (0, "", "not a receipt"),
        (1, "extra", "which entry"),
        (1, "extra ????", "entry in the receipt"),
        (2, "index 06", "decimal"),
        (2, "index -6", "decimal"),
        (2, "index  6", "decimal"),
        (2, "index 99999999999999999999", "decimal"),
        (2, "6", "which entry"),
        (3, "not base64", "hash in the receipt"),
        (3, "", "was changed"),
    ],
)
def test_malformed_receipt_is_refused(line: int, replacement: str, reason: str, receipt: Receipt, log: Log) -> None:
    lines = lines_of(receipt)
    lines[line] = replacement
    with pytest.raises((ProofError, CheckpointError), match=reason):
        verify_receipt(Receipt.from_text("\n".join(lines)), leaf=receipt.leaf, origin=ORIGIN, verifier=log.verifier)


@pytest.mark.parametrize("text", ["", "\n\n", "c2sp.org/tlog-proof@v1", "c2sp.org/tlog-proof@v1\n\n", "\ud800\n\nx"])
def test_text_that_is_no_receipt_is_refused(text: str) -> None:
    with pytest.raises(ProofError):
        Receipt.from_text(text)


def test_endless_receipt_is_refused(receipt: Receipt) -> None:
    lines = lines_of(receipt)
    lines[3:3] = [lines[3]] * 64
    with pytest.raises(ProofError, match="more hashes than any log"):
        Receipt.from_text("\n".join(lines))
    with pytest.raises(ProofError, match="longer than"):
        Receipt.from_text(replace(receipt, leaf=bytes(70_000)).to_text())


def test_receipt_for_the_only_entry_has_no_path(engine: Engine, log: Log) -> None:
    fill(engine, log, 1)
    seal(engine, log)
    with Session(engine) as session:
        receipt = log.prove(session, 0)
    assert receipt.path == ()
    assert Receipt.from_text(receipt.to_text()) == receipt
    verify_receipt(receipt, leaf=an_event(0).canonical(), origin=ORIGIN, verifier=log.verifier)


def test_entry_without_a_checkpoint_has_no_receipt(engine: Engine, log: Log) -> None:
    fill(engine, log, 2)
    with Session(engine) as session, pytest.raises(ProofError, match="no checkpoint yet"):
        log.prove(session, 0)
    seal(engine, log)
    fill(engine, log, 1, start=2)
    with Session(engine) as session:
        with pytest.raises(ProofError, match="does not cover entry 2"):
            log.prove(session, 2)
        with pytest.raises(ProofError, match="does not cover entry -1"):
            log.prove(session, -1)


def test_entry_is_proven_under_an_older_checkpoint(engine: Engine, log: Log) -> None:
    fill(engine, log, 5)
    seal(engine, log)
    with Session(engine) as session:
        old = log.latest_checkpoint(session)
    fill(engine, log, 300, start=5)
    seal(engine, log)
    with Session(engine) as session:
        receipt = log.prove(session, 3, old)
        assert old is not None
        assert receipt.note == old.note
        assert log.prove(session, 3).note != old.note
        with pytest.raises(ProofError, match="does not cover"):
            log.prove(session, 5, old)


def test_checkpoint_that_the_log_never_signed_gives_no_receipt(engine: Engine, log: Log, key: LogKey) -> None:
    fill(engine, log, 5)
    forked = sign_checkpoint(origin=ORIGIN, size=5, root=leaf_hash(b"another history"), key=key)
    with Session(engine) as session, pytest.raises(LogDivergedError, match="does not lead to the signed root"):
        log.prove(session, 3, forked)


@pytest.mark.parametrize(("old_size", "new_size"), [(1, 2), (5, 300), (256, 300), (300, 300), (257, 258)])
def test_consistency_between_two_sizes_is_proven(old_size: int, new_size: int, engine: Engine, log: Log) -> None:
    roots = {}
    with Session(engine) as session, session.begin():
        for number in range(300):
            log.append(session, an_event(number))
            if number + 1 in (old_size, new_size):
                roots[number + 1] = log.seal(session, at=an_event(number).at).root
        proof = log.prove_consistency(session, old_size=old_size, new_size=new_size)
        with pytest.raises(ProofError, match="does not have 301 entries"):
            log.prove_consistency(session, old_size=old_size, new_size=301)
    verify_consistency(
        old_size=old_size, old_root=roots[old_size], new_size=new_size, new_root=roots[new_size], proof=proof
    )
