"""The signer process and its parts: what it refuses, whom it refuses, and what it survives."""

from __future__ import annotations

import logging
import os
import socket
import stat
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.adapters.claimsigner import ContentCredentialsSigner
from synth.adapters.contentcredentials import ContentCredentialsReader
from synth.credentials import CredentialsState
from synth.errors import CredentialsError, SignerUnavailableError, SigningRefusedError
from synth.signing import cbor, wire
from synth.signing.callbackkey import CallbackKey
from synth.signing.claims import MAX_CLAIM_BYTES, require_claim
from synth.signing.filekey import FileKey, decrypt_key, encrypt_key, is_encrypted
from synth.signing.key import SignatureAlgorithm, require_certificates
from synth.signing.server import SignerServer
from synth.signing.socketkey import SocketKey
from tests.credentials_samples import FACTS, chain, clip, signer

CERTIFICATES = chain()
LEAF_AND_ISSUER = require_certificates(CERTIFICATES.certificate_chain_pem, "chain")
ROOT = Path(__file__).parents[3]


@dataclass
class Recorder:
    """A key that keeps what it is asked to sign."""

    key: FileKey = field(
        default_factory=lambda: FileKey(
            certificate_chain_pem=CERTIFICATES.certificate_chain_pem,
            private_key_pem=CERTIFICATES.leaf.private_key_pem,
        )
    )
    seen: list[bytes] = field(default_factory=list)
    certificate_chain_pem: bytes = CERTIFICATES.certificate_chain_pem
    algorithm: SignatureAlgorithm = SignatureAlgorithm.ES256

    def sign(self, data: bytes) -> bytes:
        self.seen.append(data)
        return self.key.sign(data)


def gate(key: Any) -> ContentCredentialsSigner:
    reader = ContentCredentialsReader(trust_anchors_pem=CERTIFICATES.trust_anchors_pem)
    return ContentCredentialsSigner(reader=reader, key=key)


@pytest.fixture(scope="module")
def claim() -> bytes:
    """What the library wants signed for a clip of ours."""
    recorder = Recorder()
    gate(recorder).sign(clip("audio/wav"), "audio/wav", FACTS)
    return recorder.seen[0]


def check(data: bytes) -> None:
    require_claim(data, LEAF_AND_ISSUER, SignatureAlgorithm.ES256)


@pytest.mark.parametrize("media_type", ["audio/wav", "audio/mpeg", "audio/mp4", "audio/flac", "audio/ogg"])
def test_claim_about_every_kind_of_clip_is_accepted(media_type: str) -> None:
    recorder = Recorder()
    gate(recorder).sign(clip(media_type), media_type, FACTS)
    request = require_claim(recorder.seen[0], LEAF_AND_ISSUER, SignatureAlgorithm.ES256)
    assert request.manifest_label.startswith("urn:c2pa:")
    assert request.instance_id.startswith("xmp.iid:")


def changed(claim: bytes, change: Any, *, header: Any = None, frame: Any = None) -> bytes:
    """Return the structure with its claim, its header or itself changed."""
    parts = cbor2.loads(claim)
    protected, payload = cbor2.loads(parts[1]), cbor2.loads(parts[3])
    if change:
        change(payload)
    if header:
        header(protected)
    parts[1], parts[3] = cbor2.dumps(protected), cbor2.dumps(payload)
    if frame:
        frame(parts)
    return cbor2.dumps(parts)


def created(payload: dict[str, Any]) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = payload["created_assertions"]
    return entries


def without(label: str) -> Any:
    def change(payload: dict[str, Any]) -> None:
        payload["created_assertions"] = [one for one in created(payload) if label not in one["url"]]

    return change


CHANGES: dict[str, Any] = {
    "no hard binding": without("c2pa.hash.data"),
    "no watermark": without("c2pa.soft-binding"),
    "no actions": without("c2pa.actions"),
    "no disclosure": without("c2pa.ai-disclosure"),
    "no moderation": without(".moderation"),
    "no log entry": without(".audit-log"),
    "invented assertion": lambda payload: created(payload).append(
        {"url": "self#jumbf=c2pa.assertions/c2pa.invented", "hash": bytes(32)}
    ),
    "gathered moderation": lambda payload: payload["gathered_assertions"].append(created(payload)[6]),
    "assertion elsewhere": lambda payload: created(payload)[0].update(url="https://example.com/c2pa.actions.v2"),
    "short hash": lambda payload: created(payload)[0].update(hash=b"short"),
    "no hash": lambda payload: created(payload)[0].pop("hash"),
    "another generator": lambda payload: payload["claim_generator_info"].update(name="Camera"),
    "another version": lambda payload: payload["claim_generator_info"].update(specVersion="2.1.0"),
    "another hash": lambda payload: payload.update(alg="sha1"),
    "unknown field": lambda payload: payload.update(redacted_assertions=[]),
    "signature elsewhere": lambda payload: payload.update(signature="self#jumbf=/c2pa/x/c2pa.signature"),
    "assertions that are none": lambda payload: payload.update(created_assertions="all of them"),
    "float": lambda payload: payload.update({"dc:title": 1.5}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_claim_that_is_not_ours_is_refused(claim: bytes, name: str) -> None:
    with pytest.raises(SigningRefusedError):
        check(changed(claim, CHANGES[name]))


FRAMES: dict[str, Any] = {
    "several signers": lambda parts: parts.__setitem__(0, "Signature"),
    "external data": lambda parts: parts.__setitem__(2, b"x"),
    "one part more": lambda parts: parts.append(b""),
    "payload as text": lambda parts: parts.__setitem__(3, "claim"),
    "payload as map": lambda parts: parts.__setitem__(3, {}),
}
HEADERS: dict[str, Any] = {
    "another algorithm": lambda header: header.__setitem__(1, -35),
    "one header more": lambda header: header.__setitem__(4, b"key"),
    "another certificate": lambda header: header.__setitem__(33, [b"certificate"]),
    "no certificate": lambda header: header.pop(33),
    "reversed chain": lambda header: header[33].reverse(),
}


@pytest.mark.parametrize("name", FRAMES)
def test_structure_that_is_no_claims_is_refused(claim: bytes, name: str) -> None:
    with pytest.raises(SigningRefusedError):
        check(changed(claim, None, frame=FRAMES[name]))


@pytest.mark.parametrize("name", HEADERS)
def test_header_for_somebody_else_is_refused(claim: bytes, name: str) -> None:
    with pytest.raises(SigningRefusedError):
        check(changed(claim, None, header=HEADERS[name]))


def test_unchanged_rebuild_is_accepted(claim: bytes) -> None:
    """What the tests above change is all that makes the difference."""
    check(changed(claim, None))


@pytest.mark.parametrize(
    "data", [b"", b"\0", bytes(32), b"certificate request", b"\x9f", b"\x84" * 40, bytes(MAX_CLAIM_BYTES + 1)]
)
def test_what_is_no_claim_at_all_is_refused(data: bytes) -> None:
    with pytest.raises(SigningRefusedError):
        check(data)


@given(st.binary(max_size=200))
def test_cbor_reader_reads_like_another_one_or_refuses(data: bytes) -> None:
    try:
        value = cbor.read(data)
    except cbor.CborError:
        return
    assert value == cbor2.loads(data)


_plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.binary(max_size=20) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5),
    max_leaves=20,
)


@given(_plain)
def test_cbor_reader_reads_what_another_one_wrote(value: Any) -> None:
    assert cbor.read(cbor2.dumps(value)) == value


@contextmanager
def serving(path: Path, **changes: Any) -> Iterator[SignerServer]:
    parts: dict[str, Any] = {"key": Recorder(), "path": path, "users": [os.geteuid()], "per_minute": 10_000}
    server = SignerServer(**{**parts, **changes})
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join(timeout=10)


def test_socket_belongs_to_its_owner_and_goes_with_the_process(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with serving(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not path.exists()


def test_user_that_is_not_listed_is_refused_before_it_is_heard(
    tmp_path: Path, claim: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = Recorder()
    with (
        serving(tmp_path / "s", users=[os.geteuid() + 1], key=recorder),
        caplog.at_level(logging.INFO),
        pytest.raises(SigningRefusedError, match="may not ask"),
    ):
        SocketKey(tmp_path / "s", patience=1.0).sign(claim)
    assert recorder.seen == []
    assert "refused a user" in caplog.text


def test_signer_refuses_what_is_no_claim_and_says_so_in_its_log(
    tmp_path: Path, claim: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = Recorder()
    with (
        serving(tmp_path / "s", key=recorder),
        caplog.at_level(logging.INFO),
        pytest.raises(SigningRefusedError, match=r"lacks c2pa\.soft-binding"),
    ):
        SocketKey(tmp_path / "s").sign(changed(claim, CHANGES["no watermark"]))
    assert recorder.seen == []
    assert "refused a claim" in caplog.text


def test_every_signature_is_logged_by_manifest_and_caller_without_any_text(
    tmp_path: Path, claim: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(tmp_path / "s"), caplog.at_level(logging.INFO):
        SocketKey(tmp_path / "s").sign(claim)
    (record,) = [record for record in caplog.records if record.message == "signed a claim"]
    assert record.manifest.startswith("urn:c2pa:")  # type: ignore[attr-defined]
    assert record.caller_user == os.geteuid()  # type: ignore[attr-defined]
    assert record.caller_process == os.getpid()  # type: ignore[attr-defined]
    assert FACTS.title not in str(vars(record))


def exchange(path: Path, raw: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(5.0)
        connection.connect(str(path))
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(4096), b""))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\0\0",
        struct.pack(">I", 1 << 30),
        struct.pack(">I", 10) + b"short",
        struct.pack(">I", 4) + b"\xff" * 4,
        struct.pack(">I", 2) + b"[]",
        struct.pack(">I", 100_000) + b"[" * 100_000,
        struct.pack(">I", 15) + b'{"use": "claim"',
        struct.pack(">I", 30) + b'{"use": "claim", "data": "!!!"',
    ],
)
def test_message_that_is_none_ends_the_connection_and_nothing_else(tmp_path: Path, claim: bytes, raw: bytes) -> None:
    with serving(tmp_path / "s"):
        exchange(tmp_path / "s", raw)
        assert SocketKey(tmp_path / "s").sign(claim)


def test_key_serves_no_other_use(tmp_path: Path) -> None:
    body = b'{"use": "certificate-request", "data": "AAAA"}'
    with serving(tmp_path / "s"):
        answer = exchange(tmp_path / "s", struct.pack(">I", len(body)) + body)
    assert b"claims alone" in answer


def test_claims_beyond_the_rate_wait_and_are_signed_later(tmp_path: Path, claim: bytes) -> None:
    now = [0.0]
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        now[0] += seconds * 100

    with serving(tmp_path / "s", per_minute=2, clock=lambda: now[0]):
        key = SocketKey(tmp_path / "s", patience=1_000.0, clock=lambda: now[0], sleep=sleep)
        for _ in range(3):
            key.sign(claim)
    assert waited


def test_rate_that_stays_exceeded_is_unavailable_not_refused(tmp_path: Path, claim: bytes) -> None:
    with serving(tmp_path / "s", per_minute=1, clock=lambda: 0.0):
        key = SocketKey(tmp_path / "s", patience=0.2)
        key.sign(claim)
        with pytest.raises(SignerUnavailableError, match="more claims than the rate"):
            key.sign(claim)


def test_missing_signer_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(SignerUnavailableError, match="start `assay signer`"):
        SocketKey(tmp_path / "nobody", patience=0.1).sign(b"")


def test_second_signer_on_one_socket_is_refused(tmp_path: Path) -> None:
    with serving(tmp_path / "s"), pytest.raises(CredentialsError, match="another signer"):
        SignerServer(key=Recorder(), path=tmp_path / "s", users=[0], per_minute=1)


def test_file_in_the_sockets_place_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("mine")
    with pytest.raises(CredentialsError, match="is no socket"):
        SignerServer(key=Recorder(), path=tmp_path / "s", users=[0], per_minute=1)
    assert (tmp_path / "s").read_text() == "mine"


class LyingSigner:
    """A process that answers with somebody else's signature."""

    def __init__(self, path: Path) -> None:
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen()

    def serve(self, answers: list[dict[str, Any]]) -> None:
        for answer in answers:
            connection, _ = self._listener.accept()
            with connection:
                wire.receive(connection)
                wire.send(connection, answer)
        self._listener.close()


@pytest.mark.parametrize("signature", [b"", bytes(64), b"\xff" * 64, bytes(10_000)])
def test_wrong_signature_is_noticed(tmp_path: Path, claim: bytes, signature: bytes) -> None:
    liar = LyingSigner(tmp_path / "s")
    answers = [
        {"outcome": "done", "chain": CERTIFICATES.certificate_chain_pem.decode()},
        {"outcome": "done", "signature": wire.text(signature)},
    ]
    thread = threading.Thread(target=liar.serve, args=(answers,))
    thread.start()
    with pytest.raises(CredentialsError, match="does not verify"):
        SocketKey(tmp_path / "s", patience=1.0).sign(claim)
    thread.join()


def test_failing_key_surfaces_its_own_error_through_the_library() -> None:
    class Refusing(Recorder):
        def sign(self, data: bytes) -> bytes:
            raise SignerUnavailableError("the vault is sealed")

    with pytest.raises(SignerUnavailableError, match="vault is sealed"):
        gate(Refusing()).sign(clip("audio/wav"), "audio/wav", FACTS)


@pytest.mark.parametrize("answer", [b"", b"no signature", bytes(64), "text", None])
def test_callback_that_returns_no_signature_is_an_error(answer: Any, claim: bytes) -> None:
    key = CallbackKey(certificate_chain_pem=CERTIFICATES.certificate_chain_pem, sign=lambda data: answer)
    with pytest.raises(CredentialsError):
        key.sign(claim)


def test_callback_that_raises_counts_as_not_now_and_its_words_stay_inside(claim: bytes) -> None:
    def fail(data: bytes) -> bytes:
        raise ConnectionError("https://vault.example/?token=s3cr3t")

    key = CallbackKey(certificate_chain_pem=CERTIFICATES.certificate_chain_pem, sign=fail)
    with pytest.raises(SignerUnavailableError) as caught:
        key.sign(claim)
    assert "s3cr3t" not in str(caught.value)
    assert caught.value.__suppress_context__


PASSPHRASE = b"correct horse"


def test_encrypted_key_opens_with_its_passphrase_alone() -> None:
    key = encrypt_key(CERTIFICATES.leaf.private_key_pem, PASSPHRASE)
    assert is_encrypted(key)
    assert CERTIFICATES.leaf.private_key_pem.splitlines()[1] not in key
    assert decrypt_key(key, PASSPHRASE) == CERTIFICATES.leaf.private_key_pem
    for wrong in (b"incorrect horse", b"", None):
        with pytest.raises(CredentialsError) as caught:
            FileKey(certificate_chain_pem=CERTIFICATES.certificate_chain_pem, private_key_pem=key, passphrase=wrong)
        assert "horse" not in str(caught.value)


def test_key_that_should_be_encrypted_and_is_not_is_refused() -> None:
    with pytest.raises(CredentialsError, match="not encrypted"):
        FileKey(
            certificate_chain_pem=CERTIFICATES.certificate_chain_pem,
            private_key_pem=CERTIFICATES.leaf.private_key_pem,
            passphrase=PASSPHRASE,
        )


def run_signer(home: Path) -> subprocess.Popen[str]:
    environment = {"PATH": os.environ["PATH"], "ASSAY_HOME": str(home), "ASSAY_SIGNER_PASSPHRASE": "open sesame"}
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway", "signer"],
        cwd=ROOT,
        env={**environment, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    while "signer ready" not in process.stderr.readline():
        assert process.poll() is None
    return process


def test_real_process_is_killed_in_the_middle_and_asked_again_when_it_is_back(tmp_path: Path) -> None:
    """`kill -9` leaves a dead socket behind; the next process takes it over, and no caller notices more than a wait."""
    from datetime import UTC, datetime

    from gateway.keys import KeyFiles, generate_keys

    files = KeyFiles(tmp_path / "keys")
    generate_keys(
        files, log_origin="g.example/l", organisation="Example", at=datetime.now(UTC), passphrase=b"open sesame"
    )
    process = run_signer(tmp_path)
    key = SocketKey(tmp_path / "signer.sock", patience=20.0)
    reader = ContentCredentialsReader(trust_anchors_pem=files.public("claim-root.pem"))
    worker = ContentCredentialsSigner(reader=reader, key=key)
    first, _ = worker.sign(clip("audio/wav"), "audio/wav", FACTS)
    process.kill()
    process.communicate()
    assert (tmp_path / "signer.sock").exists()
    made: list[bytes] = []
    thread = threading.Thread(target=lambda: made.append(worker.sign(clip("audio/wav"), "audio/wav", FACTS)[0]))
    thread.start()
    time.sleep(0.2)
    process = run_signer(tmp_path)
    thread.join(timeout=30)
    process.terminate()
    log = process.communicate(timeout=10)[1]
    assert process.returncode == 0
    assert '"signed a claim"' in log
    assert [reader.read(data, "audio/wav").state for data in (first, *made)] == [CredentialsState.TRUSTED] * 2


def test_sample_signer_and_recorder_agree() -> None:
    data, _ = signer(CERTIFICATES).sign(clip("audio/wav"), "audio/wav", FACTS)
    assert gate(Recorder()).read(data, "audio/wav").state is CredentialsState.TRUSTED
