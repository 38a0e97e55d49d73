"""A certificate authority for development: root, issuing CA and a leaf that may sign C2PA claims (pure, no network).

Nobody outside the installation knows this root, so elsewhere the files read as "signed by an unknown signer". For a
signer that strangers recognise, ask a certification authority on the C2PA trust list for the leaf instead.

Source of the leaf's profile: C2PA Certificate Policy 0.2 (assurance level 1), less its policy, revocation and product
extensions, which only a listed authority may assert; path rules of RFC 5280.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID, ObjectIdentifier

from synth.errors import CredentialsError

CLAIM_SIGNING = ObjectIdentifier("1.3.6.1.4.1.62558.2.1")  # C2PA: may sign claims
EMAIL_PROTECTION = ObjectIdentifier("1.3.6.1.5.5.7.3.4")  # what readers without a C2PA configuration look for
LEAF_PURPOSES = (CLAIM_SIGNING, EMAIL_PROTECTION)

ROOT_LIFETIME = timedelta(days=3650)
ISSUING_LIFETIME = timedelta(days=1825)
CLOCK_SKEW = timedelta(minutes=5)  # a verifier whose clock is this much slow must not see "not yet valid"
MAX_LEAF_DAYS = 366  # C2PA Certificate Policy, assurance level 1
UNSPECIFIED_COUNTRY = "ZZ"  # ISO 3166-1 user-assigned code: a country is required, and we know none

_KEY_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


@dataclass(frozen=True, slots=True)
class Credential:
    """A certificate with its private key, both PEM; the key is unencrypted PKCS #8 and is left out of `repr`."""

    certificate_pem: bytes
    private_key_pem: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class DevelopmentChain:
    """What a signer and its verifiers need; the root's private key is dropped, so no second issuing CA can be made."""

    root_certificate_pem: bytes
    issuing: Credential
    leaf: Credential

    @property
    def trust_anchors_pem(self) -> bytes:
        """What verifiers must trust."""
        return self.root_certificate_pem

    @property
    def certificate_chain_pem(self) -> bytes:
        """Leaf and issuing CA; the root is never sent along, because a verifier must have it already."""
        return self.leaf.certificate_pem + self.issuing.certificate_pem


def issue_development_chain(
    *,
    at: datetime,
    organisation: str,
    days: int = 90,
    country: str = UNSPECIFIED_COUNTRY,
    purposes: tuple[ObjectIdentifier, ...] = LEAF_PURPOSES,
) -> DevelopmentChain:
    """Make a new root, issuing CA and leaf that are valid from `at` (timezone-aware); the leaf for 1..366 `days`.

    Keys: P-384 for the authorities, P-256 (ES256) for the leaf. `purposes` are the leaf's extended key usages. Raises
    `CredentialsError` when an argument cannot stand in a certificate.
    """
    _check_period(at, days)
    root = _issue(_subject(organisation, country, "Development Root"), at=at, lifetime=ROOT_LIFETIME, path_length=1)
    issuing = _issue(
        _subject(organisation, country, "Development Issuing CA"),
        at=at,
        lifetime=ISSUING_LIFETIME,
        path_length=0,
        issuer=root,
    )
    leaf = _issue_leaf(issuing, at=at, days=days, purposes=purposes)
    return DevelopmentChain(root_certificate_pem=root.certificate_pem, issuing=issuing, leaf=leaf)


def renew_leaf(chain: DevelopmentChain, *, at: datetime, days: int = 90) -> DevelopmentChain:
    """Return `chain` with a new leaf and key under the same issuing CA, so that verifiers need no new anchor."""
    _check_period(at, days)
    return DevelopmentChain(
        root_certificate_pem=chain.root_certificate_pem,
        issuing=chain.issuing,
        leaf=_issue_leaf(chain.issuing, at=at, days=days, purposes=LEAF_PURPOSES),
    )


def expires_at(certificate_pem: bytes) -> datetime:
    """Return when the first certificate in `certificate_pem` stops being valid, in UTC."""
    try:
        return x509.load_pem_x509_certificate(certificate_pem).not_valid_after_utc
    except ValueError as error:
        raise CredentialsError(f"not a PEM certificate ({error}); run `assay keygen` or check the path") from error


def _check_period(at: datetime, days: int) -> None:
    if at.tzinfo is None:
        raise CredentialsError("the start of validity has no time zone; pass an aware datetime")
    if not 1 <= days <= MAX_LEAF_DAYS:
        raise CredentialsError(f"a leaf may be valid for 1..{MAX_LEAF_DAYS} days, not {days}; renew it instead")


def _subject(organisation: str, country: str, role: str) -> x509.Name:
    if not organisation.strip():
        raise CredentialsError("organisation cannot stand in a certificate (it is empty); say who signs")
    try:
        return x509.Name(
            [
                x509.NameAttribute(NameOID.COUNTRY_NAME, country),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
                x509.NameAttribute(NameOID.COMMON_NAME, f"{organisation} {role}"),
            ]
        )
    except ValueError as error:
        raise CredentialsError(
            f"organisation or country cannot stand in a certificate ({error}); "
            "use 1..40 characters and a two-letter country code"
        ) from error


def _issue_leaf(issuing: Credential, *, at: datetime, days: int, purposes: tuple[ObjectIdentifier, ...]) -> Credential:
    authority = x509.load_pem_x509_certificate(issuing.certificate_pem).subject
    organisation, country = (
        str(authority.get_attributes_for_oid(oid)[0].value) for oid in (NameOID.ORGANIZATION_NAME, NameOID.COUNTRY_NAME)
    )
    return _issue(
        _subject(organisation, country, "Gateway"),
        at=at,
        lifetime=timedelta(days=days),
        path_length=None,
        issuer=issuing,
        purposes=purposes,
    )


def _issue(
    subject: x509.Name,
    *,
    at: datetime,
    lifetime: timedelta,
    path_length: int | None,
    issuer: Credential | None = None,
    purposes: tuple[ObjectIdentifier, ...] = (),
) -> Credential:
    """Make a key pair and its certificate; `path_length` None makes a leaf, no `issuer` makes it self-signed."""
    is_authority = path_length is not None
    key = ec.generate_private_key(ec.SECP384R1() if is_authority else ec.SECP256R1())
    issuer_key, issuer_name = key, subject
    if issuer is not None:
        issuer_key = load_pem_private_key(issuer.private_key_pem, password=None)  # type: ignore[assignment]  # we made it
        issuer_name = x509.load_pem_x509_certificate(issuer.certificate_pem).subject
    usages = {"key_cert_sign", "crl_sign"} if is_authority else {"digital_signature", "content_commitment"}
    not_before = at.astimezone(UTC) - CLOCK_SKEW
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(at.astimezone(UTC) + lifetime)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=path_length), critical=True)
        .add_extension(x509.KeyUsage(**{usage: usage in usages for usage in _KEY_USAGES}), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(list(purposes)), critical=False)
    if issuer is not None:
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
    certificate = builder.sign(issuer_key, hashes.SHA384())
    return Credential(
        certificate_pem=certificate.public_bytes(Encoding.PEM),
        private_key_pem=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )
