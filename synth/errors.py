"""Every error that leaves `synth`."""

from __future__ import annotations


class SynthError(Exception):
    """Base of all errors raised by this package; the message says what, why and what to do."""


class ScriptError(SynthError):
    """The script cannot be read; carries the position in the author's text (1-based line and column)."""

    def __init__(self, message: str, *, line: int = 1, column: int = 1) -> None:
        super().__init__(f"line {line}, column {column}: {message}")
        self.reason = message
        self.line = line
        self.column = column

    def above(self, lines: int) -> ScriptError:
        """Return the same error in a text without the `lines` before it; one that points at these stays at line 1."""
        if self.line <= lines:
            return ScriptError(self.reason)
        return ScriptError(self.reason, line=self.line - lines, column=self.column)


class VoiceError(SynthError):
    """A voice is unknown, not allowed, or did not speak the text that it was given."""


class AssetError(SynthError):
    """Music or a picture of the catalogue cannot be used: missing, changed, or not what it is said to be."""


class AudioError(SynthError):
    """Samples or an audio file cannot be used: empty, not finite, truncated, too long, not audio."""


class MarkUnavailableError(SynthError):
    """A configured watermark cannot be loaded; nothing may be produced without it."""


class ReadBackError(SynthError):
    """Something that was written into the clip did not read back from its final bytes."""


class CredentialsError(SynthError):
    """The claim signer cannot sign, or its key or certificate cannot be used."""


class SigningRefusedError(CredentialsError):
    """The claim signer will not sign this, however often it is asked."""


class SignerUnavailableError(CredentialsError):
    """The claim signer, or the time-stamp authority, does not answer now; the same request may succeed later."""
