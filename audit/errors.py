"""Every error that leaves `audit`."""


class AuditError(Exception):
    """Base of all errors raised by this package; the message says what, why and what to do."""


class EventError(AuditError):
    """An event cannot be logged, or the bytes of an entry are not the canonical form of a known event."""


class ProofError(AuditError):
    """An inclusion or consistency proof does not verify."""


class CheckpointError(AuditError):
    """A checkpoint is malformed, not signed by the expected key, or contradicts the stored log."""


class LogDivergedError(AuditError):
    """The stored log is not the log that was signed; nothing may be signed or released."""


class LogKeyError(AuditError):
    """The log's signing key is missing or cannot be used."""


class AppendOnlyError(AuditError):
    """The database lacks a guard that refuses changes to rows of the log."""
