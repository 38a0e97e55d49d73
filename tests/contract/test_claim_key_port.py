"""One suite for every place where the claim signer's key may lie; the token is SoftHSM, where it is installed."""

from __future__ import annotations

import importlib.util
import logging
import multiprocessing
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from synth.adapters.claimsigner import ContentCredentialsSigner
from synth.adapters.contentcredentials import ContentCredentialsReader
from synth.credentials import CredentialsState
from synth.errors import CredentialsError
from synth.pki import DevelopmentChain
from synth.signing.callbackkey import CallbackKey
from synth.signing.filekey import FileKey, encrypt_key
from synth.signing.key import ClaimKey, require_certificates, require_signature
from synth.signing.server import SignerServer
from synth.signing.socketkey import SocketKey
from tests.credentials_samples import FACTS, chain, clip

MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so")
PIN = "739124"
PASSPHRASE = b"correct horse battery staple"


class Bench:
    """A key of some kind, and what must never be seen of it."""

    def __init__(self, key: ClaimKey, certificates: DevelopmentChain) -> None:
        self.key = key
        self.certificates = certificates
        lines = certificates.leaf.private_key_pem.decode().splitlines()[1:-1]
        self.secrets = [*(line for line in lines if len(line) > 20), PIN, PASSPHRASE.decode()]

    def signer(self) -> ContentCredentialsSigner:
        reader = ContentCredentialsReader(trust_anchors_pem=self.certificates.trust_anchors_pem)
        return ContentCredentialsSigner(reader=reader, key=self.key)


def in_file(certificates: DevelopmentChain, folder: Path) -> Iterator[ClaimKey]:
    yield FileKey(
        certificate_chain_pem=certificates.certificate_chain_pem, private_key_pem=certificates.leaf.private_key_pem
    )


def in_encrypted_file(certificates: DevelopmentChain, folder: Path) -> Iterator[ClaimKey]:
    yield FileKey(
        certificate_chain_pem=certificates.certificate_chain_pem,
        private_key_pem=encrypt_key(certificates.leaf.private_key_pem, PASSPHRASE),
        passphrase=PASSPHRASE,
    )


def behind_socket(certificates: DevelopmentChain, folder: Path) -> Iterator[ClaimKey]:
    held = next(in_file(certificates, folder))
    server = SignerServer(key=held, path=folder / "s", users=[os.geteuid()], per_minute=10_000)
    thread = threading.Thread(target=server.serve)
    thread.start()
    yield SocketKey(folder / "s", patience=2.0)
    server.stop()
    thread.join()


def behind_callback(certificates: DevelopmentChain, folder: Path) -> Iterator[ClaimKey]:
    key = load_pem_private_key(certificates.leaf.private_key_pem, password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    yield CallbackKey(
        certificate_chain_pem=certificates.certificate_chain_pem,
        sign=lambda data: key.sign(data, ec.ECDSA(hashes.SHA256())),  # in DER, as services answer
    )


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[DevelopmentChain], ClaimKey]]:
    """A SoftHSM token of this run; its driver reads its configuration once for each process."""
    module = next((Path(name) for name in MODULES if Path(name).exists()), None)
    if module is None or shutil.which("softhsm2-util") is None or importlib.util.find_spec("pkcs11") is None:
        pytest.skip("SoftHSM or python-pkcs11 is not installed; make test-outside brings both")
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    configuration = folder / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\n")
    before = os.environ.get("SOFTHSM2_CONF")
    os.environ["SOFTHSM2_CONF"] = str(configuration)

    def make(certificates: DevelopmentChain) -> ClaimKey:
        from synth.adapters.pkcs11key import TokenKey

        pem = folder / "leaf.pem"
        pem.write_bytes(certificates.leaf.private_key_pem)
        for arguments in (
            ["--init-token", "--free", "--label", "assay", "--so-pin", PIN, "--pin", PIN],
            ["--import", str(pem), "--token", "assay", "--label", "claim", "--id", "01", "--pin", PIN],
        ):
            subprocess.run(["softhsm2-util", *arguments], check=True, capture_output=True)
        pem.unlink()
        chain_pem = certificates.certificate_chain_pem
        return TokenKey(certificate_chain_pem=chain_pem, module=module, token="assay", label="claim", pin=PIN)

    yield make
    if before is None:
        del os.environ["SOFTHSM2_CONF"]
    else:
        os.environ["SOFTHSM2_CONF"] = before


PLACES: dict[str, Any] = {
    "file": in_file,
    "encrypted file": in_encrypted_file,
    "socket": behind_socket,
    "callback": behind_callback,
}


@pytest.fixture(scope="module", params=[*PLACES, "token"])
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    certificates = chain()
    if request.param == "token":
        yield Bench(request.getfixturevalue("token")(certificates), certificates)
        return
    made = PLACES[request.param](certificates, tmp_path_factory.mktemp("key"))
    yield Bench(next(made), certificates)
    next(made, None)


def test_signed_clip_is_trusted(bench: Bench) -> None:
    gate = bench.signer()
    gate.self_test()
    signed, _ = gate.sign(clip("audio/mpeg"), "audio/mpeg", FACTS)
    assert gate.read(signed, "audio/mpeg").state is CredentialsState.TRUSTED


def captured_claim(bench: Bench) -> bytes:
    """Return the bytes that the library wants signed."""
    seen: list[bytes] = []

    class Recorder:
        certificate_chain_pem = bench.key.certificate_chain_pem
        algorithm = bench.key.algorithm

        def sign(self, data: bytes) -> bytes:
            seen.append(data)
            return bench.key.sign(data)

    reader = ContentCredentialsReader(trust_anchors_pem=bench.certificates.trust_anchors_pem)
    ContentCredentialsSigner(reader=reader, key=Recorder()).sign(clip("audio/wav"), "audio/wav", FACTS)
    return seen[0]


def test_signature_verifies_under_the_first_certificate(bench: Bench) -> None:
    claim = captured_claim(bench)
    leaf = require_certificates(bench.key.certificate_chain_pem, "chain")[0]
    signature = bench.key.sign(claim)
    assert len(signature) == 64
    require_signature(leaf, claim, signature)
    with pytest.raises(CredentialsError, match="does not verify"):
        require_signature(leaf, claim + b"\0", signature)


def test_eight_threads_share_it(bench: Bench) -> None:
    claim = captured_claim(bench)
    leaf = require_certificates(bench.key.certificate_chain_pem, "chain")[0]
    with ThreadPoolExecutor(8) as pool:
        for signature in pool.map(lambda _: bench.key.sign(claim), range(16)):
            require_signature(leaf, claim, signature)


def _sign_in_child(key: ClaimKey, claim: bytes, answers: Any) -> None:
    answers.put(key.sign(claim))


def test_it_works_after_a_fork(bench: Bench) -> None:
    claim = captured_claim(bench)
    processes = multiprocessing.get_context("fork")
    answers = processes.SimpleQueue()
    child = processes.Process(target=_sign_in_child, args=(bench.key, claim, answers))
    child.start()
    child.join(timeout=30)
    assert child.exitcode == 0
    require_signature(require_certificates(bench.key.certificate_chain_pem, "chain")[0], claim, answers.get())


def test_neither_repr_nor_log_nor_error_shows_the_key(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        gate = bench.signer()
        gate.sign(clip("audio/wav"), "audio/wav", FACTS)
        with pytest.raises(CredentialsError) as caught:
            gate.sign(clip("audio/ogg"), "audio/wav", FACTS)
    shown = [repr(bench.key), repr(gate), str(caught.value), repr(caught.value), caplog.text]
    shown += [str(vars(record)) for record in caplog.records]
    for secret in bench.secrets:
        assert not any(secret in text for text in shown)
