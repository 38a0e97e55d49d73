"""What a signer process agrees to sign: a claim of this gateway about a marked clip, and nothing else (pure).

Source: RFC 9052, section 4.4 (`Sig_structure`); C2PA Technical Specification 2.4, chapters 10 (claims), 13 (signing).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from synth.errors import SigningRefusedError
from synth.manifest import GENERATOR, NAMESPACE
from synth.signing.cbor import CborError, Value, as_list, as_map, read
from synth.signing.key import SignatureAlgorithm
from synth.vocabulary import DISCLOSURE, GATHERED, OPTIONAL, OURS, SPEC_VERSION, STANDARD

MAX_CLAIM_BYTES = 65_536  # a claim with its certificates has about 3 KB
INGREDIENT = "c2pa.ingredient.v3"  # the file that an upload came in
HARD_BINDINGS = frozenset({"c2pa.hash.data", "c2pa.hash.bmff.v3"})
_COSE_ALGORITHMS = {
    SignatureAlgorithm.ES256: -7,
    SignatureAlgorithm.ES384: -35,
    SignatureAlgorithm.ES512: -36,
    SignatureAlgorithm.PS256: -37,
    SignatureAlgorithm.ED25519: -8,
}
_ALGORITHM, _CHAIN = 1, 33  # COSE header labels `alg` and `x5chain`
_ASSERTION = re.compile(r"self#jumbf=c2pa\.assertions/([a-z0-9._-]+?)(?:__\d+)?")
_CLAIM_FIELDS = frozenset(
    {
        *("instanceID", "claim_generator_info", "signature", "created_assertions", "gathered_assertions"),
        *("dc:title", "alg"),
    }
)


@dataclass(frozen=True, slots=True)
class ClaimRequest:
    """What is known about a claim before it is signed."""

    instance_id: str  # "xmp.iid:..." of the clip
    manifest_label: str  # "urn:c2pa:..."


def require_claim(
    data: bytes, chain: list[x509.Certificate], algorithm: SignatureAlgorithm, *, namespace: str = NAMESPACE
) -> ClaimRequest:
    """Return what `data` asks to be signed, or raise `SigningRefusedError` that says what is wrong with it.

    1. It is a COSE `Sig_structure` for one signer, without external data.
    2. Its header names our algorithm and our certificates, so that the signature cannot serve another one.
    3. It is a claim of this gateway in the version of the standard that it writes, with no field more.
    4. It binds the bytes of a file, says that a model made them, and holds marks, moderation and log entry: every
       assertion that the vocabulary demands, attributed to the signer, and none that it does not know.
    """
    if len(data) > MAX_CLAIM_BYTES:
        raise SigningRefusedError(f"{len(data)} bytes are more than a claim has")
    try:
        # 1.
        parts = as_list(read(data))
        if len(parts) != 4 or parts[0] != "Signature1" or parts[2] != b"":
            raise SigningRefusedError("this is no COSE structure with one signer")
        protected, payload = parts[1], parts[3]
        if not isinstance(protected, bytes) or not isinstance(payload, bytes):
            raise SigningRefusedError("this is no COSE structure with one signer")
        # 2.
        header = as_map(read(protected))
        certificates = [certificate.public_bytes(Encoding.DER) for certificate in chain]
        named = header.get(_CHAIN)
        if header.get(_ALGORITHM) != _COSE_ALGORITHMS[algorithm] or set(header) != {_ALGORITHM, _CHAIN}:
            raise SigningRefusedError("the header names another algorithm, or says more than it should")
        if (named if isinstance(named, list) else [named]) != certificates:
            raise SigningRefusedError("the header names other certificates than this signer's")
        # 3.
        claim = as_map(read(payload))
        _require_generator(claim)
        # 4.
        _require_assertions(claim, namespace)
    except CborError as error:
        raise SigningRefusedError(f"the claim cannot be read ({error})") from None
    label = re.fullmatch(r"self#jumbf=/c2pa/(urn:c2pa:[A-Za-z0-9:._-]+)/c2pa\.signature", str(claim.get("signature")))
    if label is None:
        raise SigningRefusedError("the claim does not say where its signature will be")
    return ClaimRequest(instance_id=str(claim.get("instanceID"))[:100], manifest_label=label.group(1))


def _require_generator(claim: Mapping[int | str, Value]) -> None:
    if not set(claim) <= _CLAIM_FIELDS or claim.get("alg") != "sha256":
        raise SigningRefusedError("the claim has a field that is not known here, or another hash than SHA-256")
    generator = as_map(claim.get("claim_generator_info"))
    if generator.get("name") != GENERATOR or generator.get("specVersion") != SPEC_VERSION:
        raise SigningRefusedError("the claim is not one of this gateway, or of another version of the standard")


def _require_assertions(claim: Mapping[int | str, Value], namespace: str) -> None:
    ours = {f"{namespace}.{name}" for name in OURS}
    optional = {f"{namespace}.{name}" for name in OPTIONAL}
    created = _labels(claim.get("created_assertions"))
    gathered = _labels(claim.get("gathered_assertions"))
    upload = f"{namespace}.upload" in created
    if unknown := (created - ours - set(STANDARD) - HARD_BINDINGS - {INGREDIENT}) | (
        gathered - GATHERED - {INGREDIENT}
    ):
        raise SigningRefusedError(f"the claim holds an assertion that is not in the vocabulary: {sorted(unknown)[0]}")
    if (INGREDIENT in created | gathered) is not upload:
        raise SigningRefusedError("an upload is signed with the file that it came in, and nothing else is")
    excused = {DISCLOSURE} if upload else set()
    if missing := (set(STANDARD) - GATHERED - excused | ours - optional) - created:
        raise SigningRefusedError(f"the claim lacks {sorted(missing)[0]}")
    if len(created & HARD_BINDINGS) != 1:
        raise SigningRefusedError("the claim does not bind the bytes of a file")


def _labels(value: Value) -> set[str]:
    labels = set()
    for entry in as_list(value):
        reference = as_map(entry)
        match = _ASSERTION.fullmatch(str(reference.get("url")))
        digest = reference.get("hash")
        if match is None or not isinstance(digest, bytes) or len(digest) != 32:
            raise SigningRefusedError("an assertion is not referred to by its place and SHA-256")
        labels.add(match.group(1))
    return labels
