"""Every error of the service, and the one table that turns an error into an RFC 9457 problem.

`GatewayError` carries everything that a problem document needs, so that the API, the CLI and the console say the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from audit.errors import AuditError
from policies.errors import InvalidPolicyError, KnowledgeBaseError, ModelUnavailableError, PolicyError
from synth.errors import (
    AssetError,
    AudioError,
    MarkUnavailableError,
    ReadBackError,
    ScriptError,
    SignerUnavailableError,
    SynthError,
    VoiceError,
)


class GatewayError(Exception):
    """Base of all errors raised by this package; the message says what, why and what to do."""

    slug = "internal-error"
    status = 500
    title = "The gateway could not complete the request"

    def __init__(self, detail: str, **extensions: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extensions: Mapping[str, object] = extensions


class SettingsError(GatewayError):
    """The settings cannot be used, or combine into something unsafe."""

    slug = "unusable-settings"
    title = "The settings cannot be used"


class KeyMaterialError(GatewayError):
    """A key is missing, unreadable, readable by others, or not the kind that is needed."""

    slug = "key-material"
    status = 503
    title = "A signing or watermark key cannot be used"


class StorageError(GatewayError):
    """A file could not be stored or read, for example because the disk is full."""

    slug = "storage-unavailable"
    status = 503
    title = "Storage is not available"


class BackupError(GatewayError):
    """A backup cannot be taken or restored."""

    slug = "unusable-backup"
    title = "The backup cannot be used"


class DatabaseUnavailableError(GatewayError):
    """The database cannot be reached or is not at the schema that this version needs."""

    slug = "database-unavailable"
    status = 503
    title = "The database is not available"


class AuthenticationError(GatewayError):
    """No API key, or one that is unknown, expired or revoked."""

    slug = "authentication-required"
    status = 401
    title = "A valid API key is required"


class ForbiddenError(GatewayError):
    """The API key is valid, but its role does not allow this."""

    slug = "forbidden"
    status = 403
    title = "This key may not do that"


class NotFoundError(GatewayError):
    """There is no such thing, or the caller may not know of it."""

    slug = "not-found"
    status = 404
    title = "Not found"


class ConflictError(GatewayError):
    """The thing is in a state that does not allow this step."""

    slug = "conflict"
    status = 409
    title = "The episode's state does not allow this"


class IdempotencyConflictError(GatewayError):
    """The same idempotency key came with another body."""

    slug = "idempotency-key-reused"
    status = 422
    title = "The idempotency key was used for another request"


class TooLargeError(GatewayError):
    """The body is larger than the limit."""

    slug = "too-large"
    status = 413
    title = "The request is too large"


class UnsupportedMediaError(GatewayError):
    """The body is not of a type that this endpoint takes."""

    slug = "unsupported-media-type"
    status = 415
    title = "The media type is not supported"


class InvalidRequestError(GatewayError):
    """The request is understood but cannot be accepted as it is."""

    slug = "invalid-request"
    status = 422
    title = "The request is not valid"


class WithdrawnError(GatewayError):
    """The episode was released and then taken back; `reason` says why, `replacement` what takes its place."""

    slug = "withdrawn"
    status = 410
    title = "The episode was taken back"


class ConsentMissingError(GatewayError):
    """A real person's voice has no valid consent for what this installation does."""

    slug = "consent-missing"
    status = 403
    title = "The voice may not be used"


class RangeNotSatisfiableError(GatewayError):
    """The byte ranges lie outside the file, or are too many or overlap; `size` is the file's size in bytes."""

    slug = "range-not-satisfiable"
    status = 416
    title = "The byte range cannot be served"


class SignInUnavailableError(GatewayError):
    """The provider that people sign in with does not answer, or not as it should."""

    slug = "sign-in-unavailable"
    status = 503
    title = "Signing in is not possible at the moment"


class RateLimitedError(GatewayError):
    """This client, or this sound, comes too often; `retry_after` says in how many seconds to come back."""

    slug = "rate-limited"
    status = 429
    title = "Too many requests"


class BusyError(GatewayError):
    """All places for this kind of work are taken; `retry_after` says in how many seconds to come back."""

    slug = "busy"
    status = 503
    title = "The gateway is busy"


class SlowRequestError(GatewayError):
    """The body did not arrive in time."""

    slug = "request-timeout"
    status = 408
    title = "The request took too long to arrive"


class ConfinementError(GatewayError):
    """The process that parses uploads could not be confined, so nothing is parsed in it."""

    slug = "confinement-failed"
    status = 503
    title = "Uploads cannot be parsed safely here"


class FetchError(GatewayError):
    """A file that was named by its address could not, or may not, be fetched."""

    slug = "fetch-failed"
    status = 502
    title = "The address was not fetched"


class MalformedQueryError(GatewayError):
    """A query of soft binding resolution cannot be understood."""

    slug = "malformed-query"
    status = 400
    title = "The query cannot be understood"


class UriTooLongError(GatewayError):
    """A query is too long for an address; send it in a body."""

    slug = "uri-too-long"
    status = 414
    title = "The address is too long"


class ReportRefusedError(GatewayError):
    """A signed report does not hold: changed, signed with another key, or about another file."""

    slug = "report-refused"
    status = 422
    title = "The signed report does not hold"


class ReleaseRefusedError(GatewayError):
    """A condition for release is not met: receipt, approval or stored bytes."""

    slug = "release-refused"
    status = 409
    title = "The episode must not be released"


class UploadRefusedError(GatewayError):
    """The policy does not let a file, or words about it, be saved; the message says why."""

    slug = "upload-refused"
    status = 422
    title = "The upload may not be saved"


class DraftError(GatewayError):
    """The language model that drafts gave no usable answer."""

    slug = "draft-failed"
    status = 502
    title = "The draft could not be made"


class SpeechRefusedError(GatewayError):
    """The policy does not let a text be spoken at once; `findings` say why, `episode_id` where that is recorded."""

    slug = "speech-refused"
    status = 400
    title = "The text may not be spoken"


class SpeechBrokenError(GatewayError):
    """A stream of speech ended before its end; what was sent before is marked and logged."""

    slug = "speech-broken"
    title = "The speech ended before its end"


@dataclass(frozen=True, slots=True)
class Problem:
    """The members of an RFC 9457 problem document, besides `instance` and extensions."""

    slug: str
    status: int
    title: str


# Most specific first: the first entry whose type matches decides.
PROBLEMS: tuple[tuple[type[Exception], Problem], ...] = (
    (ScriptError, Problem("invalid-script", 422, "The script cannot be read")),
    (VoiceError, Problem("voice-not-allowed", 422, "The voice cannot be used")),
    (AssetError, Problem("asset-unusable", 503, "Music or a picture cannot be used")),
    (AudioError, Problem("invalid-audio", 422, "The audio cannot be read")),
    (MarkUnavailableError, Problem("mark-unavailable", 503, "A configured watermark cannot be loaded")),
    (ReadBackError, Problem("read-back-failed", 500, "A layer did not read back from the finished clip")),
    (SignerUnavailableError, Problem("signer-unavailable", 503, "The claim signer does not answer")),
    (SynthError, Problem("synthesis-failed", 500, "The clip could not be produced")),
    (InvalidPolicyError, Problem("policy-unusable", 503, "The policy cannot be used")),
    (KnowledgeBaseError, Problem("knowledge-base", 422, "The knowledge base was not changed")),
    (ModelUnavailableError, Problem("model-unavailable", 503, "A screening model cannot be loaded")),
    (PolicyError, Problem("screening-failed", 503, "The script could not be screened")),
    (AuditError, Problem("audit-log", 503, "The audit log cannot be used")),
)


def problem_for(error: Exception) -> Problem:
    """Return the problem that describes `error`; an unknown error says nothing about itself to the outside."""
    if isinstance(error, GatewayError):
        return Problem(error.slug, error.status, error.title)
    for kind, problem in PROBLEMS:
        if isinstance(error, kind):
            return problem
    return Problem(GatewayError.slug, GatewayError.status, GatewayError.title)


def detail_for(error: Exception) -> str:
    """Return the sentence a caller may see; internal errors are reported by class only."""
    if isinstance(error, GatewayError) or any(isinstance(error, kind) for kind, _ in PROBLEMS):
        return str(error)
    return "An unexpected error occurred; the log has the details under this request's id."
