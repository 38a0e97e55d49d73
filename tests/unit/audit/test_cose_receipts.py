"""COSE receipts, verified by an independent package and by ours; what is wrong is refused by both."""

from __future__ import annotations

from dataclasses import replace

import cbor2
import pytest
import scitt_cose
from cryptography.hazmat.primitives import serialization
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from audit.checkpoint import LogKey, Verifier
from audit.cose_receipt import Included, sign_cose_receipt, verify_cose_receipt
from audit.errors import CheckpointError, ProofError
from audit.log import Log
from audit.receipt import Receipt
from tests.audit_log import ORIGIN, an_event, fill, seal

ENTRIES, INDEX = 300, 77


def pem(key: LogKey) -> str:
    public = key.private_key.public_key()
    encoded = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return encoded.decode()


@pytest.fixture
def receipt(engine: Engine, log: Log) -> Receipt:
    fill(engine, log, ENTRIES)
    seal(engine, log)
    with Session(engine) as session:
        return log.prove(session, INDEX)


def accepted(encoded: bytes, leaf: bytes, key: LogKey) -> bool:
    """What the independent package says."""
    try:
        return bool(scitt_cose.verify_receipt(encoded, leaf_entry_hex=leaf.hex(), log_public_key_pem=pem(key)).ok)
    except Exception:  # noqa: BLE001  # it has several ways to say no
        return False


def test_an_independent_package_accepts_it(receipt: Receipt, log: Log, key: LogKey) -> None:
    encoded = log.cose_receipt(receipt)
    assert accepted(encoded, receipt.leaf, key)
    assert verify_cose_receipt(encoded, leaf=receipt.leaf, verifier=log.verifier) == Included(INDEX, ENTRIES)
    assert len(encoded) < 600


def test_it_has_the_published_form(receipt: Receipt, log: Log) -> None:
    tag = cbor2.loads(log.cose_receipt(receipt))
    protected, unprotected, payload, signature = tag.value
    assert (tag.tag, cbor2.loads(protected), payload, len(signature)) == (18, {1: -8, 395: 1}, None, 64)
    assert list(unprotected) == [396]
    size, index, path = cbor2.loads(unprotected[396][-1][0])
    assert (size, index, tuple(path)) == (ENTRIES, INDEX, receipt.path)


def test_the_wrong_entry_and_the_wrong_key_are_refused_by_both(receipt: Receipt, log: Log, key: LogKey) -> None:
    encoded, other = log.cose_receipt(receipt), LogKey.generate()
    wrong = an_event(INDEX + 1).canonical()
    assert not accepted(encoded, wrong, key)
    assert not accepted(encoded, receipt.leaf, other)
    with pytest.raises(ProofError, match="did not sign the root"):
        verify_cose_receipt(encoded, leaf=wrong, verifier=log.verifier)
    with pytest.raises(ProofError, match="did not sign the root"):
        verify_cose_receipt(encoded, leaf=receipt.leaf, verifier=other.verifier(ORIGIN))


def test_every_changed_byte_is_refused(receipt: Receipt, log: Log) -> None:
    encoded = log.cose_receipt(receipt)
    for position in range(len(encoded)):
        for bit in (1, 128):
            changed = encoded[:position] + bytes([encoded[position] ^ bit]) + encoded[position + 1 :]
            try:
                included = verify_cose_receipt(changed, leaf=receipt.leaf, verifier=log.verifier)
            except ProofError:
                continue
            # The format signs the root alone, so another size may lead to it by the same path; never another entry.
            assert included.index == INDEX


@pytest.mark.parametrize(
    "encoded",
    [
        b"",
        b"\xd2",
        b"\xd2\x84",
        b"\xff" * 100,
        cbor2.dumps(18),
        cbor2.dumps(cbor2.CBORTag(18, [])),
        cbor2.dumps(cbor2.CBORTag(18, [b"", {}, None, b""])),
        cbor2.dumps(cbor2.CBORTag(18, [b"", {396: {-1: [b"\x00"]}}, None, b""])),
        cbor2.dumps(cbor2.CBORTag(18, [b"", {396: {-1: [cbor2.dumps([1, 0, []])] * 2}}, None, b""])),
        cbor2.dumps(cbor2.CBORTag(17, [b"", {396: {-1: [cbor2.dumps([1, 0, []])]}}, None, b""])),
        b"\x81" * 70_000,
        b"\x81" * 5_000,
    ],
)
def test_what_is_no_receipt_is_refused(encoded: bytes, log: Log) -> None:
    with pytest.raises(ProofError):
        verify_cose_receipt(encoded, leaf=b"{}", verifier=log.verifier)


def test_other_algorithms_attached_payloads_and_trailing_bytes_are_refused(receipt: Receipt, log: Log) -> None:
    encoded = log.cose_receipt(receipt)
    protected, unprotected, _, signature = cbor2.loads(encoded).value
    for parts in (
        [cbor2.dumps({1: -7, 395: 1}), unprotected, None, signature],
        [cbor2.dumps({1: -8, 395: 2}), unprotected, None, signature],
        [protected, unprotected, b"root", signature],
        [protected, {**unprotected, 4: b"kid"}, None, signature],
    ):
        with pytest.raises(ProofError, match="not of the kind"):
            verify_cose_receipt(cbor2.dumps(cbor2.CBORTag(18, parts)), leaf=receipt.leaf, verifier=log.verifier)
    with pytest.raises(ProofError):
        verify_cose_receipt(encoded + b"\x00", leaf=receipt.leaf, verifier=log.verifier)


def test_only_what_the_log_has_signed_before_is_signed(receipt: Receipt, log: Log, key: LogKey) -> None:
    with pytest.raises(ProofError, match="another root"):
        log.cose_receipt(replace(receipt, leaf=an_event(1).canonical()))
    with pytest.raises(CheckpointError):
        sign_cose_receipt(receipt, origin="other.example/log", key=key)
    with pytest.raises(CheckpointError):
        sign_cose_receipt(receipt, origin=ORIGIN, key=LogKey.generate())


def test_a_log_of_one_entry(engine: Engine, log: Log, key: LogKey) -> None:
    fill(engine, log, 1)
    seal(engine, log)
    with Session(engine) as session:
        receipt = log.prove(session, 0)
    encoded = log.cose_receipt(receipt)
    verifier: Verifier = log.verifier
    assert verify_cose_receipt(encoded, leaf=receipt.leaf, verifier=verifier) == Included(0, 1)
