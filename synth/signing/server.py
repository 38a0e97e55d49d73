"""The signer process: holds the key, answers on a Unix socket, and signs nothing but claims of this gateway.

For every connection, in this order:

1. Who calls: the kernel says which user it is (SO_PEERCRED); others than those configured get nothing.
2. What is asked: the certificates, or the signature of a claim, which `claims.require_claim` examines.
3. How often: claims beyond the rate are put off.
4. The signature is made, and recorded with caller, claim and key, but without any text.

Trust: whoever may connect can have claims about marked clips signed, as a worker can; the key itself stays here. A
crash loses no state, because there is none: callers ask again until the process is back.
"""

from __future__ import annotations

import hashlib
import logging
import os
import socket
import stat
import struct
import threading
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from synth.errors import CredentialsError, SignerUnavailableError, SigningRefusedError
from synth.signing import wire
from synth.signing.claims import require_claim
from synth.signing.key import ClaimKey, key_id, require_certificates
from synth.signing.wire import Outcome, WireError

CONNECTION_SECONDS = 10.0  # a caller that is slower than this is broken or hostile
MAX_CONNECTIONS = 32  # at a time; further callers wait in the kernel's queue
_CREDENTIALS = struct.Struct("3i")  # process, user, group: unix(7)

logger = logging.getLogger(__name__)


class SignerServer:
    """Serves one key on one socket; `serve` blocks until `stop`, which any thread or signal handler may call.

    `users` are the user ids that may ask; `per_minute` bounds how many claims are signed, with a minute's worth at
    once. Raises `CredentialsError` if the socket cannot be made, or another signer serves it.
    """

    def __init__(
        self,
        *,
        key: ClaimKey,
        path: Path,
        users: Collection[int],
        per_minute: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not users or per_minute <= 0:
            raise CredentialsError("a signer without users or with a rate of zero signs nothing; configure both")
        self._key = key
        self._certificates = require_certificates(key.certificate_chain_pem, "certificate chain")
        self._key_id = key_id(self._certificates[0])
        self._users = frozenset(users)
        self._allowance, self._rate, self._burst = per_minute, per_minute / 60, per_minute
        self._clock = clock
        self._counted_at = clock()
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self._stopped = threading.Event()
        self._path = path
        # Other users must be able to connect, and are told apart by the kernel.
        self._listener = _listen(path, mode=0o600 if self._users == {os.geteuid()} else 0o666)

    def serve(self) -> None:
        """Answer callers, each in a thread of its own, until stopped; then remove the socket."""
        logger.info("signer ready", extra={"key_id": self._key_id, "socket": str(self._path)})
        self._listener.settimeout(0.2)
        try:
            while not self._stopped.is_set():
                try:
                    connection, _ = self._listener.accept()
                except TimeoutError:
                    continue
                self._places.acquire()
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()
        finally:
            self._listener.close()
            self._path.unlink(missing_ok=True)

    def stop(self) -> None:
        """Make `serve` return soon."""
        self._stopped.set()

    def _answer(self, connection: socket.socket) -> None:
        try:
            with connection:
                connection.settimeout(CONNECTION_SECONDS)
                # 1.
                process, user, _ = _CREDENTIALS.unpack(
                    connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
                )
                if user not in self._users:
                    logger.warning("signer refused a user", extra={"caller_user": user, "caller_process": process})
                    wire.send(connection, {"outcome": Outcome.REFUSED, "reason": "this user may not ask"})
                    return
                wire.send(connection, self._handle(wire.receive(connection), user, process))
        except (OSError, WireError) as error:
            # Safe to ignore because nothing was signed for a caller that cannot be understood or is gone.
            logger.info("signer lost a caller", extra={"reason": type(error).__name__})
        finally:
            self._places.release()

    def _handle(self, message: dict[str, Any], user: int, process: int) -> dict[str, Any]:
        # 2.
        if message.get("use") == "certificate":
            return {"outcome": Outcome.DONE, "chain": self._key.certificate_chain_pem.decode()}
        if message.get("use") != "claim":
            return {"outcome": Outcome.REFUSED, "reason": "keys are used for claims alone"}
        data = wire.binary(message, "data")
        who = {
            "key_id": self._key_id,
            "caller_user": user,
            "caller_process": process,
            "sha256": hashlib.sha256(data).hexdigest(),
        }
        try:
            request = require_claim(data, self._certificates, self._key.algorithm)
            # 3.
            if not self._may_sign():
                logger.warning("signer put a claim off", extra=who)
                return {"outcome": Outcome.BUSY, "reason": "more claims than the rate allows"}
            # 4.
            signature = self._key.sign(data)
        except SignerUnavailableError as error:
            logger.warning("signer cannot reach its key", extra=who)
            return {"outcome": Outcome.BUSY, "reason": str(error)}
        except SigningRefusedError as error:
            logger.warning("signer refused a claim", extra={**who, "reason": str(error)})
            return {"outcome": Outcome.REFUSED, "reason": str(error)}
        except CredentialsError as error:
            logger.error("signer failed", extra={**who, "reason": str(error)})
            return {"outcome": Outcome.REFUSED, "reason": str(error)}
        logger.info(
            "signed a claim", extra={**who, "manifest": request.manifest_label, "instance": request.instance_id}
        )
        return {"outcome": Outcome.DONE, "signature": wire.text(signature)}

    def _may_sign(self) -> bool:
        with self._lock:
            now = self._clock()
            self._allowance = min(self._burst, self._allowance + (now - self._counted_at) * self._rate)
            self._counted_at = now
            if self._allowance < 1:
                return False
            self._allowance -= 1
            return True


def _listen(path: Path, *, mode: int) -> socket.socket:
    """Return a listening socket, in place of one that nobody serves any more."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.exists():
            _remove_dead(path)
        before = os.umask(0o777 & ~mode)  # the socket must not exist with wider rights, not even for a moment
        try:
            listener.bind(str(path))
        finally:
            os.umask(before)
        listener.listen(MAX_CONNECTIONS)
    except (OSError, CredentialsError) as error:
        listener.close()
        if isinstance(error, CredentialsError):
            raise
        raise CredentialsError(f"the signer cannot listen on {path} ({error.strerror}); check the folder") from error
    return listener


def _remove_dead(path: Path) -> None:
    if not stat.S_ISSOCK(path.stat().st_mode):
        raise CredentialsError(f"{path} is there already and is no socket; choose another path")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
            return
    raise CredentialsError(f"another signer already serves {path}; stop it first")
