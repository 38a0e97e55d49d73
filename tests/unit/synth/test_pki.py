"""The development authority issues what C2PA verifiers ask for, and nothing more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from synth.errors import CredentialsError
from synth.pki import (
    CLAIM_SIGNING,
    CLOCK_SKEW,
    EMAIL_PROTECTION,
    DevelopmentChain,
    expires_at,
    issue_development_chain,
    renew_leaf,
)

AT = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def chain() -> DevelopmentChain:
    return issue_development_chain(at=AT, organisation="Example Radio")


def load(pem: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem)


def test_leaf_has_exactly_the_extensions_of_the_profile(chain: DevelopmentChain) -> None:
    leaf = load(chain.leaf.certificate_pem)
    assert {(extension.oid._name, extension.critical) for extension in leaf.extensions} == {
        ("basicConstraints", True),
        ("keyUsage", True),
        ("subjectKeyIdentifier", False),
        ("extendedKeyUsage", False),
        ("authorityKeyIdentifier", False),
    }
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature
    assert usage.content_commitment
    forbidden = (usage.key_cert_sign, usage.crl_sign, usage.key_agreement, usage.key_encipherment)
    assert not any(forbidden)
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    purposes = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [CLAIM_SIGNING, EMAIL_PROTECTION]


def test_leaf_names_country_organisation_and_role(chain: DevelopmentChain) -> None:
    subject = load(chain.leaf.certificate_pem).subject
    assert subject.rfc4514_string() == "CN=Example Radio Gateway,O=Example Radio,C=ZZ"


def test_leaf_key_is_p256_and_belongs_to_the_certificate(chain: DevelopmentChain) -> None:
    key = load_pem_private_key(chain.leaf.private_key_pem, password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert isinstance(key.curve, ec.SECP256R1)
    assert key.public_key() == load(chain.leaf.certificate_pem).public_key()


def test_each_certificate_is_signed_by_the_one_above_it(chain: DevelopmentChain) -> None:
    for pem, issuer in (
        (chain.leaf.certificate_pem, chain.issuing.certificate_pem),
        (chain.issuing.certificate_pem, chain.root_certificate_pem),
        (chain.root_certificate_pem, chain.root_certificate_pem),
    ):
        load(pem).verify_directly_issued_by(load(issuer))


def test_authorities_cannot_be_stretched(chain: DevelopmentChain) -> None:
    for pem, path_length in ((chain.root_certificate_pem, 1), (chain.issuing.certificate_pem, 0)):
        constraints = load(pem).extensions.get_extension_for_class(x509.BasicConstraints).value
        assert (constraints.ca, constraints.path_length) == (True, path_length)


def test_validity_starts_a_little_early_and_ends_after_the_asked_days(chain: DevelopmentChain) -> None:
    leaf = load(chain.leaf.certificate_pem)
    assert leaf.not_valid_before_utc == AT - CLOCK_SKEW
    assert expires_at(chain.certificate_chain_pem) == AT + timedelta(days=90)


def test_time_zones_are_converted_not_dropped() -> None:
    tokyo = AT.astimezone(timezone(timedelta(hours=9)))
    leaf = issue_development_chain(at=tokyo, organisation="Example Radio").leaf
    assert expires_at(leaf.certificate_pem) == AT + timedelta(days=90)


def test_root_is_not_sent_along_and_its_key_is_gone(chain: DevelopmentChain) -> None:
    sent = x509.load_pem_x509_certificates(chain.certificate_chain_pem)
    assert [certificate.subject for certificate in sent] == [
        load(chain.leaf.certificate_pem).subject,
        load(chain.issuing.certificate_pem).subject,
    ]
    root_key = load(chain.root_certificate_pem).public_key()
    for credential in (chain.issuing, chain.leaf):
        assert load_pem_private_key(credential.private_key_pem, password=None).public_key() != root_key


def test_private_keys_do_not_show_in_a_printed_chain(chain: DevelopmentChain) -> None:
    assert "PRIVATE KEY" not in repr(chain)


def test_renewed_leaf_has_a_new_key_under_the_same_root(chain: DevelopmentChain) -> None:
    renewed = renew_leaf(chain, at=AT + timedelta(days=80))
    assert renewed.trust_anchors_pem == chain.trust_anchors_pem
    assert renewed.leaf.private_key_pem != chain.leaf.private_key_pem
    load(renewed.leaf.certificate_pem).verify_directly_issued_by(load(chain.issuing.certificate_pem))
    assert load(renewed.leaf.certificate_pem).subject == load(chain.leaf.certificate_pem).subject


@pytest.mark.parametrize("days", [0, -1, 367])
def test_leaf_of_impossible_length_is_refused(days: int) -> None:
    with pytest.raises(CredentialsError, match="days"):
        issue_development_chain(at=AT, organisation="Example Radio", days=days)


def test_start_without_time_zone_is_refused() -> None:
    with pytest.raises(CredentialsError, match="time zone"):
        issue_development_chain(at=AT.replace(tzinfo=None), organisation="Example Radio")


@pytest.mark.parametrize(("organisation", "country"), [("", "ZZ"), ("x" * 65, "ZZ"), ("Example", "ZZZ")])
def test_name_that_no_certificate_can_hold_is_refused(organisation: str, country: str) -> None:
    with pytest.raises(CredentialsError, match="cannot stand in a certificate"):
        issue_development_chain(at=AT, organisation=organisation, country=country)


def test_expiry_of_something_else_than_a_certificate_is_refused() -> None:
    with pytest.raises(CredentialsError, match="not a PEM certificate"):
        expires_at(b"not a certificate")
