"""The private key in a PKCS #11 token: a hardware security module, a smart card, or SoftHSM for tests (python-pkcs11).

The token signs; the key never leaves it. A session is opened for every signature, because sessions do not survive a
fork or a token that was pulled out, and one costs less than a millisecond beside the signature.
"""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import Any

import pkcs11
from pkcs11.exceptions import PKCS11Error
from pkcs11.mechanisms import MGF

from synth.errors import CredentialsError, SignerUnavailableError
from synth.signing.key import SignatureAlgorithm, algorithm_of, require_certificates, require_signature

_DIGESTS = {
    SignatureAlgorithm.ES256: hashlib.sha256,
    SignatureAlgorithm.ES384: hashlib.sha384,
    SignatureAlgorithm.ES512: hashlib.sha512,
}


class TokenKey:
    """Signs with the key labelled `label` in the token labelled `token`; obligations as for `ClaimKey`.

    `module` is the driver's shared library. EC keys and RSA keys work. Raises `CredentialsError` for a key that the
    certificate is not about.
    """

    def __init__(self, *, certificate_chain_pem: bytes, module: Path, token: str, label: str, pin: str) -> None:
        self._leaf = require_certificates(certificate_chain_pem, "certificate chain")[0]
        self._chain = certificate_chain_pem
        self._algorithm = algorithm_of(self._leaf.public_key())
        if self._algorithm is SignatureAlgorithm.ED25519:
            raise CredentialsError("Ed25519 keys in tokens are not used here; choose a P-256 key")
        self._module, self._token, self._label, self._pin = module, token, label, pin
        self._lock = threading.Lock()  # one login for each token and process: PKCS #11, section 5.6

    @property
    def certificate_chain_pem(self) -> bytes:
        """Leaf and its intermediates."""
        return self._chain

    @property
    def algorithm(self) -> SignatureAlgorithm:
        """How it signs."""
        return self._algorithm

    def sign(self, data: bytes) -> bytes:
        """Return the signature of `data`, verified."""
        with self._lock:
            signature = self._ask(data)
        require_signature(self._leaf, data, signature)
        return signature

    def _ask(self, data: bytes) -> bytes:
        try:
            token = pkcs11.lib(str(self._module)).get_token(token_label=self._token)
            with token.open(user_pin=self._pin) as session:
                key: Any = session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, label=self._label)
                if self._algorithm is SignatureAlgorithm.PS256:
                    parameters = (pkcs11.Mechanism.SHA256, MGF.SHA256, 32)
                    return bytes(
                        key.sign(data, mechanism=pkcs11.Mechanism.SHA256_RSA_PKCS_PSS, mechanism_param=parameters)
                    )
                digest = _DIGESTS[self._algorithm](data).digest()
                return bytes(key.sign(digest, mechanism=pkcs11.Mechanism.ECDSA))
        except (PKCS11Error, RuntimeError, OSError) as error:
            # Its name alone, and no cause: drivers are free to quote what they were given.
            raise SignerUnavailableError(
                f"the token '{self._token}' does not sign now ({type(error).__name__}); "
                "check that it is plugged in, its PIN and the key's label"
            ) from None
