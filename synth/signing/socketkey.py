"""The private key in a signer process on the same machine: the caller's side of `synth.signing.server`."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography import x509

from synth.errors import CredentialsError, SignerUnavailableError, SigningRefusedError
from synth.signing import wire
from synth.signing.key import SignatureAlgorithm, algorithm_of, require_certificates, require_signature
from synth.signing.wire import Outcome, WireError

ANSWER_SECONDS = 15.0  # longer than the signer allows a connection
PATIENCE_SECONDS = 10.0  # a signer process that was restarted is back sooner than this
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0  # seconds between tries


class SocketKey:
    """Asks a signer process; obligations as for `ClaimKey`.

    A signer that is away or busy is asked again for `patience` seconds, because a signature that nobody received does
    no harm. The certificates come from the signer, at the first use.
    """

    def __init__(
        self,
        path: Path,
        *,
        patience: float = PATIENCE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._path = path
        self._patience = patience
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        self._chain: tuple[bytes, x509.Certificate] | None = None

    @property
    def certificate_chain_pem(self) -> bytes:
        """Leaf and its intermediates, as the signer has them."""
        return self._certificates()[0]

    @property
    def algorithm(self) -> SignatureAlgorithm:
        """How the signer signs."""
        return algorithm_of(self._certificates()[1].public_key())

    def sign(self, data: bytes) -> bytes:
        """Return the signature of `data`, verified."""
        leaf = self._certificates()[1]
        signature = wire.binary(self._ask({"use": "claim", "data": wire.text(data)}, "signature"), "signature")
        try:
            require_signature(leaf, data, signature)
        except CredentialsError:
            with self._lock:
                self._chain = None  # the signer may have been given a new certificate: the next try learns of it
            raise
        return signature

    def _certificates(self) -> tuple[bytes, x509.Certificate]:
        with self._lock:
            if self._chain is None:
                pem = str(self._ask({"use": "certificate"}, "chain")["chain"]).encode()
                self._chain = (pem, require_certificates(pem, "certificates of the signer")[0])
            return self._chain

    def _ask(self, request: dict[str, Any], wanted: str) -> dict[str, Any]:
        deadline, pause = self._clock() + self._patience, _FIRST_PAUSE
        while True:
            try:
                answer = self._ask_once(request)
                reason = str(answer.get("reason", "it answers strangely"))[:300]
                if answer.get("outcome") == Outcome.DONE and isinstance(answer.get(wanted), str):
                    return answer
                if answer.get("outcome") == Outcome.REFUSED:
                    raise SigningRefusedError(f"the signer refused: {reason}")
            except (OSError, WireError) as error:
                reason = f"{type(error).__name__}"
            if self._clock() + pause > deadline:
                raise SignerUnavailableError(
                    f"the signer at {self._path} does not sign now ({reason}); start `assay signer`, or wait"
                )
            self._sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _ask_once(self, request: dict[str, Any]) -> dict[str, Any]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(ANSWER_SECONDS)
            connection.connect(str(self._path))
            wire.send(connection, request)
            return wire.receive(connection)
