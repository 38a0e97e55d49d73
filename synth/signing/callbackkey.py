"""The private key somewhere else: any function that signs, for example a client of a key management service."""

from __future__ import annotations

from collections.abc import Callable

from synth.errors import CredentialsError, SignerUnavailableError
from synth.signing.key import (
    SignatureAlgorithm,
    algorithm_of,
    plain_signature,
    require_certificates,
    require_signature,
)


class CallbackKey:
    """Signs by a function of the operator's; obligations as for `ClaimKey`.

    The function takes the bytes to be signed (a service that signs digests hashes them itself, by the certificate's
    algorithm) and returns the signature, ECDSA in DER or as r‖s. It must bound its own time and be safe to call from
    several threads. Whatever it raises counts as "not now"; what it returns is verified before it is used.
    """

    def __init__(self, *, certificate_chain_pem: bytes, sign: Callable[[bytes], bytes]) -> None:
        self._leaf = require_certificates(certificate_chain_pem, "certificate chain")[0]
        self._chain = certificate_chain_pem
        self._algorithm = algorithm_of(self._leaf.public_key())
        self._sign = sign

    @property
    def certificate_chain_pem(self) -> bytes:
        """Leaf and its intermediates."""
        return self._chain

    @property
    def algorithm(self) -> SignatureAlgorithm:
        """How it signs."""
        return self._algorithm

    def sign(self, data: bytes) -> bytes:
        """Return the signature of `data`."""
        try:
            answer = self._sign(data)
        except Exception as error:  # noqa: BLE001  # it is the operator's code and may raise anything
            # Its name alone: a client's message may quote a token or an address with one.
            raise SignerUnavailableError(
                f"the signing function failed ({type(error).__name__}); the episode is tried again"
            ) from None
        if not isinstance(answer, bytes):
            raise CredentialsError(f"the signing function returned {type(answer).__name__} instead of bytes; mend it")
        signature = plain_signature(self._algorithm, answer)
        require_signature(self._leaf, data, signature)
        return signature
