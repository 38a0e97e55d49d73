"""How the settings become a reader and a signer, and what a start refuses."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from gateway.app import build_credentials_reader, build_key, build_signer, build_signer_server
from gateway.errors import KeyMaterialError, SettingsError
from gateway.keys import KeyFiles, encrypt_claim_keys, generate_keys, renew_claim_signer
from gateway.settings import Settings, load_settings
from synth.credentials import CredentialsState
from synth.errors import CredentialsError
from synth.pki import expires_at
from synth.signing.filekey import is_encrypted
from synth.signing.socketkey import SocketKey
from tests.credentials_samples import FACTS, chain, clip, signer
from tests.time_stamp_authority import Authority, running

PRODUCTION = {"environment": "production", "public_url": "https://gate.example", "log_origin": "gate.example/log"}


def installed(home: Path, *, at: datetime | None = None, passphrase: bytes | None = None, **changes: Any) -> Settings:
    settings = load_settings(home=home, **changes)
    generate_keys(
        KeyFiles(settings.keys),
        log_origin="gate.example/log",
        organisation="Example",
        at=at or datetime.now(UTC),
        passphrase=passphrase,
    )
    return settings


def test_signer_from_the_file_proves_itself(tmp_path: Path) -> None:
    gate = build_signer(installed(tmp_path))
    signed, _ = gate.sign(clip("audio/wav"), "audio/wav", FACTS)
    assert gate.read(signed, "audio/wav").state is CredentialsState.TRUSTED


def test_encrypted_key_opens_with_the_passphrase_file(tmp_path: Path) -> None:
    secret = tmp_path / "passphrase"
    secret.write_text("open sesame\nnot this line\n")
    secret.chmod(0o600)
    settings = installed(tmp_path / "home", passphrase=b"open sesame", signer_passphrase_file=secret)
    assert is_encrypted(KeyFiles(settings.keys).private("claim-signer.key"))
    assert is_encrypted(KeyFiles(settings.keys).private("claim-issuer.key"))
    build_signer(settings)
    secret.chmod(0o644)
    with pytest.raises(KeyMaterialError, match="chmod 600"):
        build_signer(settings)


def test_production_refuses_an_unencrypted_key_until_it_is_encrypted(tmp_path: Path) -> None:
    settings = installed(tmp_path, **PRODUCTION)
    with pytest.raises(KeyMaterialError, match="--encrypt-claim-signer"):
        build_signer(settings)
    assert encrypt_claim_keys(KeyFiles(settings.keys), b"open sesame") == ["claim-signer.key", "claim-issuer.key"]
    assert encrypt_claim_keys(KeyFiles(settings.keys), b"open sesame") == []
    build_signer(load_settings(home=tmp_path, signer_passphrase="open sesame", **PRODUCTION))


def test_renewed_leaf_of_an_encrypted_authority_is_encrypted_and_old_files_stay_trusted(tmp_path: Path) -> None:
    settings = installed(tmp_path, passphrase=b"open sesame", signer_passphrase="open sesame")
    old, _ = build_signer(settings).sign(clip("audio/wav"), "audio/wav", FACTS)
    files = KeyFiles(settings.keys)
    before = files.private("claim-signer.key")
    with pytest.raises(CredentialsError, match="passphrase"):
        renew_claim_signer(files, at=datetime.now(UTC), passphrase=b"wrong")
    assert files.private("claim-signer.key") == before
    renew_claim_signer(files, at=datetime.now(UTC), passphrase=b"open sesame")
    assert is_encrypted(files.private("claim-signer.key"))
    gate = build_signer(settings)
    assert gate.read(old, "audio/wav").state is CredentialsState.TRUSTED


def test_socket_setting_asks_the_process_and_needs_no_private_file(tmp_path: Path) -> None:
    settings = installed(tmp_path, signer="socket")
    KeyFiles(settings.keys).path("claim-signer.key").unlink()
    assert isinstance(build_key(settings), SocketKey)


def test_worker_proves_itself_through_the_process(tmp_path: Path) -> None:
    settings = installed(tmp_path, signer="socket")
    server = build_signer_server(settings)
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        signed, _ = build_signer(settings).sign(clip("audio/mpeg"), "audio/mpeg", FACTS)
    finally:
        server.stop()
        thread.join(timeout=10)
    assert build_credentials_reader(settings).read(signed, "audio/mpeg").state is CredentialsState.TRUSTED


def test_signer_process_without_a_key_does_not_start(tmp_path: Path) -> None:
    settings = installed(tmp_path)
    KeyFiles(settings.keys).path("claim-signer.key").unlink()
    with pytest.raises(KeyMaterialError, match="missing"):
        build_signer_server(settings)


_held: dict[str, Any] = {}


def sign_for_tests(data: bytes) -> bytes:
    """Stand for the client of a key management service."""
    signature: bytes = _held["key"].sign(data, ec.ECDSA(hashes.SHA256()))
    return signature


def test_callback_setting_names_a_function(tmp_path: Path) -> None:
    settings = installed(tmp_path, signer="callback", signer_callback=f"{__name__}:sign_for_tests")
    _held["key"] = load_pem_private_key(KeyFiles(settings.keys).private("claim-signer.key"), password=None)
    build_signer(settings)
    for name in ("no.such.module:f", f"{__name__}:nothing", f"{__name__}:PRODUCTION"):
        with pytest.raises(SettingsError, match="ASSAY_SIGNER_CALLBACK"):
            build_key(load_settings(home=tmp_path, signer="callback", signer_callback=name))


def test_time_stamp_authority_of_the_settings_is_asked_and_must_be_trusted(tmp_path: Path) -> None:
    with running(Authority()) as authority:
        anchors = tmp_path / "tsa.pem"
        anchors.write_bytes(authority.root_pem)
        gate = build_signer(installed(tmp_path / "home", manifest_tsa_url=authority.url, manifest_tsa_anchors=anchors))
        signed, _ = gate.sign(clip("audio/wav"), "audio/wav", FACTS)
        assert gate.read(signed, "audio/wav").signed_at is not None
        anchors.write_bytes(Authority().root_pem)
        with pytest.raises(CredentialsError, match="time-stamp anchors"):
            build_signer(
                load_settings(home=tmp_path / "home", manifest_tsa_url=authority.url, manifest_tsa_anchors=anchors)
            )


def test_further_anchors_are_trusted_and_nothing_else(tmp_path: Path) -> None:
    other = chain("Other Radio")
    signed, _ = signer(other).sign(clip("audio/wav"), "audio/wav", FACTS)
    settings = installed(tmp_path)
    assert build_credentials_reader(settings).read(signed, "audio/wav").state is CredentialsState.VALID
    anchors = tmp_path / "others.pem"
    anchors.write_bytes(other.trust_anchors_pem.rstrip())
    reader = build_credentials_reader(load_settings(home=tmp_path, trust_anchors=anchors))
    assert reader.read(signed, "audio/wav").state is CredentialsState.TRUSTED


def test_start_warns_before_the_certificate_runs_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = installed(tmp_path, at=datetime.now(UTC) - timedelta(days=85))
    with caplog.at_level(logging.WARNING):
        build_signer(settings)
    assert "expires in 4 days" in caplog.text or "expires in 5 days" in caplog.text
    assert expires_at(KeyFiles(settings.keys).public("claim-chain.pem")) > datetime.now(UTC)


def test_expired_certificate_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match="validity"):
        build_signer(installed(tmp_path, at=datetime.now(UTC) - timedelta(days=91)))


@pytest.mark.parametrize(
    "changes",
    [
        {"manifest_tsa_url": "http://tsa.example"},
        {"manifest_tsa_url": "ftp://tsa.example", "manifest_tsa_anchors": "x.pem"},
        {"manifest_tsa_url": "http://user:secret@tsa.example", "manifest_tsa_anchors": "x.pem"},
        {"manifest_tsa_url": "nonsense", "manifest_tsa_anchors": "x.pem"},
        {"signer": "pkcs11"},
        {"signer": "callback"},
        {"signer": "callback", "signer_callback": "os.system"},
        {"signer_passphrase": "a", "signer_passphrase_file": "b"},
        {"renditions": ["audio/wav"]},
        {"renditions": ["audio/mpeg", "audio/mpeg"]},
        {"renditions": ["audio/mpeg", "audio/aiff"]},
    ],
)
def test_settings_that_cannot_work_are_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        load_settings(home=tmp_path, **changes)
