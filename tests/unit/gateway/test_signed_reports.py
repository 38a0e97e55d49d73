"""Signed reports: what was signed reads back, and every change, other key and other kind of signature is refused."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import KeyMaterialError, ReportRefusedError
from gateway.keys import KeyFiles, make_report_key
from gateway.verification.report import Conclusion, Report
from gateway.verification.signing import MAX_BYTES, ReportSigner, verify_signed_report

REPORT = Report(Conclusion.UNKNOWN, "ab" * 32, 5, "2026-03-01T12:00:00+00:00", (), differences=("Ärger – 聞く",))


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> ReportSigner:
    pem = make_report_key(KeyFiles(tmp_path_factory.mktemp("home") / "keys"))
    return ReportSigner(private_key_pem=pem, endpoint="https://gate.example/")


@pytest.fixture(scope="module")
def signed(signer: ReportSigner) -> bytes:
    return json.dumps(signer.sign(REPORT)).encode()


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_signed_report_reads_back(signer: ReportSigner, signed: bytes) -> None:
    said = verify_signed_report(signed, key=signer.jwk)
    assert said["endpoint"] == "https://gate.example"
    assert said["report"] == json.loads(json.dumps(REPORT.to_dict()))


def test_signature_is_what_rfc_8037_says(signer: ReportSigner, signed: bytes) -> None:
    """Checked with the primitives alone, as any other library would."""
    document = json.loads(signed)
    raw = base64.urlsafe_b64decode(signer.jwk["x"] + "=")
    signature = base64.urlsafe_b64decode(document["signature"] + "==")
    Ed25519PublicKey.from_public_bytes(raw).verify(signature, f"{document['protected']}.{document['payload']}".encode())
    assert json.loads(base64.urlsafe_b64decode(document["protected"] + "==="))["alg"] == "EdDSA"


@given(st.data())
def test_any_changed_byte_is_refused(signer: ReportSigner, signed: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(signed) - 1))
    value = data.draw(st.integers(0, 255).filter(lambda one: one != signed[place]))
    changed = signed[:place] + bytes([value]) + signed[place + 1 :]
    if changed.split() == signed.split():
        return  # white space between members means nothing
    with pytest.raises(ReportRefusedError):
        verify_signed_report(changed, key=signer.jwk)


@pytest.mark.parametrize(
    "head",
    [
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": "EdDSA", "typ": "JWT"},
        {"alg": "EdDSA", "typ": "assay-report+jws", "crit": ["b64"], "b64": False},
    ],
)
def test_other_heads_are_refused_before_any_signature_counts(signer: ReportSigner, signed: bytes, head: Any) -> None:
    document = json.loads(signed) | {"protected": encoded({**head, "kid": signer.jwk["kid"]})}
    with pytest.raises(ReportRefusedError, match="another key"):
        verify_signed_report(json.dumps(document).encode(), key=signer.jwk)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b"\xff",
        b"[" * 100_000,
        b'{"payload": 1, "protected": 2, "signature": 3}',
        b"x" * (MAX_BYTES + 1),
    ],
)
def test_what_is_no_signed_report_is_refused(signer: ReportSigner, content: bytes) -> None:
    with pytest.raises(ReportRefusedError):
        verify_signed_report(content, key=signer.jwk)


def test_additional_members_are_refused(signer: ReportSigner, signed: bytes) -> None:
    with pytest.raises(ReportRefusedError, match="alone"):
        verify_signed_report(json.dumps(json.loads(signed) | {"header": {}}).encode(), key=signer.jwk)


def test_another_installations_key_does_not_fit(signer: ReportSigner, signed: bytes, tmp_path: Path) -> None:
    other = ReportSigner(private_key_pem=make_report_key(KeyFiles(tmp_path)), endpoint="https://gate.example")
    with pytest.raises(ReportRefusedError):
        verify_signed_report(signed, key=other.jwk)
    with pytest.raises(KeyMaterialError, match="id"):
        verify_signed_report(signed, key=other.jwk | {"kid": signer.jwk["kid"]})


@pytest.mark.parametrize("key", [{}, {"kty": "RSA"}, {"kty": "OKP", "crv": "Ed25519", "x": "AA"}, {"kty": 1}])
def test_key_that_is_none_is_refused(signed: bytes, key: dict[str, str]) -> None:
    with pytest.raises(KeyMaterialError):
        verify_signed_report(signed, key=key)


def test_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    files = KeyFiles(tmp_path / "keys")
    assert make_report_key(files) == make_report_key(files)
    assert files.path("report.key").stat().st_mode & 0o777 == 0o600
    files.path("report.key").chmod(0o644)
    with pytest.raises(KeyMaterialError, match="read by others"):
        make_report_key(files)


def test_key_of_another_kind_is_refused() -> None:
    with pytest.raises(KeyMaterialError):
        ReportSigner(private_key_pem=b"no key", endpoint="x")
