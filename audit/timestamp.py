"""RFC 3161 time stamps over checkpoints: an outside clock says when the log stood where it stood (no I/O).

The stamped message is the checkpoint's text, without signatures. A token counts if its certificate leads to a root that
the reader trusts, was valid when it stamped, and may stamp times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from audit.errors import TimestampError

MAX_RESPONSE_BYTES = 65_536  # a token with its certificates has a few thousand
REQUEST_TYPE, RESPONSE_TYPE = "application/timestamp-query", "application/timestamp-reply"


@dataclass(frozen=True, slots=True)
class StampRequest:
    """A question to a time-stamp authority; `nonce` ties the answer to it."""

    body: bytes
    nonce: int


def request_stamp(text: str) -> StampRequest:
    """Return the request for a time stamp over `text`: SHA-256, a random nonce, the certificate to be sent along."""
    request = TimestampRequestBuilder().data(text.encode()).hash_algorithm(HashAlgorithm.SHA256).build()
    if request.nonce is None:
        raise TimestampError("the request was built without a nonce; an old answer could pose as a new one")
    return StampRequest(request.as_bytes(), request.nonce)


def verify_stamp(
    response: bytes, text: str, *, roots: Sequence[x509.Certificate], nonce: int | None = None
) -> datetime:
    """Return the time that an authority under one of `roots` states for `text`, as an aware datetime.

    `nonce` is that of the request, where the answer has just come; stored answers are verified without. Raises
    `TimestampError` with the reason, whatever the bytes are.
    """
    if not roots:
        raise TimestampError("no root certificate is given; without one no time stamp can be verified")
    if len(response) > MAX_RESPONSE_BYTES:
        raise TimestampError(f"a time stamp has at most {MAX_RESPONSE_BYTES} bytes")
    try:
        answer = decode_timestamp_response(response)
        if answer.status != 0:
            raise TimestampError(f"the authority refused (status {answer.status})")
        builder = VerifierBuilder(roots=list(roots), nonce=nonce)
        builder.build().verify_message(answer, text.encode())
        stated = _stated(answer)
    except VerificationError as error:
        raise TimestampError(f"the time stamp does not verify: {error}") from error
    except (ValueError, TypeError, AttributeError, KeyError, OverflowError) as error:
        # The parser is strict and says with many kinds of errors that something is not DER.
        raise TimestampError(f"the time stamp cannot be read: {error}") from error
    return stated


def read_roots(pem: bytes) -> tuple[x509.Certificate, ...]:
    """Read trusted root certificates from PEM; raises `TimestampError` if there are none."""
    try:
        return tuple(x509.load_pem_x509_certificates(pem))
    except ValueError as error:
        raise TimestampError("the roots of the time-stamp authority are not PEM certificates") from error


def _stated(answer: TimeStampResponse) -> datetime:
    at: datetime = answer.tst_info.gen_time
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
