"""Keys, certificates, processes and threads: the signer refuses what cannot work and works everywhere else."""

from __future__ import annotations

import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from synth.adapters.claimsigner import ContentCredentialsSigner
from synth.adapters.contentcredentials import ContentCredentialsReader
from synth.credentials import CredentialsState
from synth.errors import CredentialsError
from synth.pki import CLAIM_SIGNING, issue_development_chain
from synth.signing.filekey import FileKey
from tests.credentials_samples import FACTS, chain, clip, signer


def reader(**changes: Any) -> ContentCredentialsReader:
    return ContentCredentialsReader(**{"trust_anchors_pem": chain().trust_anchors_pem, **changes})


def test_self_test_passes_on_a_sound_installation() -> None:
    signer(chain()).self_test()


def test_self_test_refuses_a_missing_list_of_purposes() -> None:
    with pytest.raises(CredentialsError, match="list of purposes"):
        reader(purposes=()).self_test()


def test_self_test_refuses_a_setting_in_the_wrong_place() -> None:
    class Misplaced(ContentCredentialsReader):
        def _settings(self) -> dict[str, Any]:
            settings = super()._settings()
            settings["trust"]["anchors"][0]["trust_config"] = settings["trust"].pop("trust_config")
            return settings

    with pytest.raises(CredentialsError, match="self-test"):
        Misplaced(trust_anchors_pem=chain().trust_anchors_pem).self_test()


def test_self_test_refuses_anchors_that_share_one_name() -> None:
    """Without its own name a time-stamp authority's root would vouch for claim signers."""

    class Confused(ContentCredentialsReader):
        def _settings(self) -> dict[str, Any]:
            settings = super()._settings()
            for anchor in settings["trust"]["anchors"]:
                anchor["trust_uri"] = settings["trust"]["anchors"][0]["trust_uri"]
            return settings

    with pytest.raises(CredentialsError, match="time-stamp authority"):
        Confused(trust_anchors_pem=chain().trust_anchors_pem).self_test()


def test_self_test_refuses_a_key_whose_root_is_no_anchor() -> None:
    with pytest.raises(CredentialsError, match="among the trust anchors"):
        signer(chain(), anchors=chain("Somebody Else").trust_anchors_pem).self_test()


def test_leaf_with_the_claim_purpose_alone_is_trusted() -> None:
    certificates = issue_development_chain(
        at=datetime.now(UTC), organisation="Example Radio", purposes=(CLAIM_SIGNING,)
    )
    gate = signer(certificates)
    data, _ = gate.sign(clip("audio/wav"), "audio/wav", FACTS)
    assert gate.read(data, "audio/wav").state is CredentialsState.TRUSTED


def test_key_of_another_certificate_is_refused_at_construction() -> None:
    one, other = chain(), chain()
    with pytest.raises(CredentialsError, match="does not belong"):
        FileKey(certificate_chain_pem=one.certificate_chain_pem, private_key_pem=other.leaf.private_key_pem)


@pytest.mark.parametrize("key", [b"", b"garbage", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_unreadable_key_is_refused_without_being_printed(key: bytes) -> None:
    with pytest.raises(CredentialsError, match="not a PEM key") as caught:
        FileKey(certificate_chain_pem=chain().certificate_chain_pem, private_key_pem=key)
    assert "AAAA" not in str(caught.value)


def test_curve_that_c2pa_does_not_know_is_refused() -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    key = ec.generate_private_key(ec.SECP256K1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Example Radio")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.PEM)
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(CredentialsError, match="C2PA allows"):
        FileKey(certificate_chain_pem=certificate, private_key_pem=pem)


@pytest.mark.parametrize("anchors", [b"", b"garbage"])
def test_anchors_without_a_certificate_are_refused(anchors: bytes) -> None:
    with pytest.raises(CredentialsError, match="trust anchors hold no PEM certificate"):
        ContentCredentialsReader(trust_anchors_pem=anchors)


def test_expired_certificate_cannot_sign() -> None:
    past = issue_development_chain(at=datetime.now(UTC) - timedelta(days=91), organisation="Example Radio")
    with pytest.raises(CredentialsError, match="validity"):
        signer(past).sign(clip("audio/wav"), "audio/wav", FACTS)


def test_certificate_of_tomorrow_cannot_sign() -> None:
    future = issue_development_chain(at=datetime.now(UTC) + timedelta(days=1), organisation="Example Radio")
    with pytest.raises(CredentialsError, match="validity"):
        signer(future).sign(clip("audio/wav"), "audio/wav", FACTS)


def test_chain_without_its_intermediate_cannot_sign() -> None:
    certificates = chain()
    gate = ContentCredentialsSigner(
        reader=ContentCredentialsReader(trust_anchors_pem=certificates.trust_anchors_pem),
        key=FileKey(
            certificate_chain_pem=certificates.leaf.certificate_pem, private_key_pem=certificates.leaf.private_key_pem
        ),
    )
    with pytest.raises(CredentialsError, match="among the trust anchors"):
        gate.sign(clip("audio/wav"), "audio/wav", FACTS)


def test_clip_signed_before_a_renewal_stays_trusted() -> None:
    from synth.pki import renew_leaf

    certificates = chain()
    old, _ = signer(certificates).sign(clip("audio/wav"), "audio/wav", FACTS)
    renewed = signer(renew_leaf(certificates, at=datetime.now(UTC)))
    assert renewed.read(old, "audio/wav").state is CredentialsState.TRUSTED


def test_eight_threads_share_one_fresh_signer() -> None:
    gate = signer(chain())
    data = clip("audio/wav")
    start = threading.Barrier(8)

    def sign(_: int) -> CredentialsState:
        start.wait()
        return gate.read(gate.sign(data, "audio/wav", FACTS)[0], "audio/wav").state

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(sign, range(8))) == [CredentialsState.TRUSTED] * 8


def _sign_in_child(gate: ContentCredentialsSigner, answers: Any) -> None:
    data, _ = gate.sign(clip("audio/wav"), "audio/wav", FACTS)
    answers.put(str(gate.read(data, "audio/wav").state))


def test_signer_that_worked_before_a_fork_works_after_it() -> None:
    gate = signer(chain())
    gate.sign(clip("audio/wav"), "audio/wav", FACTS)
    processes = multiprocessing.get_context("fork")
    answers = processes.SimpleQueue()
    child = processes.Process(target=_sign_in_child, args=(gate, answers))
    child.start()
    child.join(timeout=30)
    assert child.exitcode == 0
    assert answers.get() == "trusted"
