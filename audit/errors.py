"""Every error that leaves `audit`."""


class AuditError(Exception):
    """Base of all errors raised by this package; the message says what, why and what to do."""


class EventError(AuditError):
    """An event cannot be logged, or the bytes of an entry are not the canonical form of a known event."""


class DuplicateEventError(EventError):
    """An event is in the log, or on its way there, already."""


class ProofError(AuditError):
    """An inclusion or consistency proof does not verify."""


class CheckpointError(AuditError):
    """A checkpoint is malformed, not signed by the expected key, or contradicts the stored log."""


class LogDivergedError(AuditError):
    """The stored log is not the log that was signed; nothing may be signed or released."""


class ExportError(AuditError):
    """An export cannot be made, or does not verify."""


class LogKeyError(AuditError):
    """The log's signing key is missing or cannot be used."""


class AppendOnlyError(AuditError):
    """The database lacks a guard that refuses changes to rows of the log."""


class WitnessRefusalError(AuditError):
    """A witness does not cosign; `status`, `body` and `media_type` are its answer by the witness protocol.

    Without them it refuses the signature, 403.
    """

    def __init__(self, message: str, *, status: int = 403, body: str = "", media_type: str = "text/plain") -> None:
        super().__init__(message)
        self.status = status
        self.body = body
        self.media_type = media_type


class WitnessStateError(AuditError):
    """What a witness remembers is missing, cannot be read, or belongs to another key; it must not cosign anything."""


class WitnessPolicyError(AuditError):
    """A witness policy is malformed; nothing can be accepted under it."""


class QuorumError(AuditError):
    """A checkpoint lacks the cosignatures that the policy asks for."""


class TileError(AuditError):
    """A tile or a bundle of entries is malformed, or has a name that none can have."""


class PublicationError(AuditError):
    """A published file cannot be read or written: a full or read-only disk, a link where a file should be."""


class TimestampError(AuditError):
    """A time stamp is missing, malformed, for another checkpoint, or not by an authority that is trusted."""
