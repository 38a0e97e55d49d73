"""The file that adds voices to the embedded ones: what it may say, and nothing else (pure).

TOML, one table `[[voice]]` per voice; docs/voices.md describes the keys. Paths are relative to the file's folder.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from synth.errors import VoiceError
from synth.voice import Purpose, VoiceCard

MAX_FILE_BYTES = 1 << 20  # a thousand voices; more is a mistake
EMBEDDED_PREFIX = "hibari-"

VoiceId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Label = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: VoiceId
    name: Label
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]
    licence: Label
    purposes: tuple[Purpose, ...] = Field(min_length=1)
    real_person: bool  # no default: who adds a voice has to know

    @model_validator(mode="after")
    def _refuse_embedded_names(self) -> _Entry:
        if self.id.startswith(EMBEDDED_PREFIX):
            raise ValueError(f"ids that begin with '{EMBEDDED_PREFIX}' belong to the embedded voices; choose another")
        return self


class CoquiEntry(_Entry):
    """A voice of a Coqui model in a local folder."""

    engine: Literal["coqui"]
    model: Path  # folder
    files: dict[str, Sha256] = Field(min_length=1)  # file name → SHA-256, every file of the folder
    speaker: Label | None = None
    recording: Path | None = None  # XTTS only: speak like this
    recording_sha256: Sha256 | None = None

    @model_validator(mode="after")
    def _require_pin_and_person(self) -> CoquiEntry:
        if (self.recording is None) != (self.recording_sha256 is None):
            raise ValueError("recording and recording_sha256 go together")
        if self.recording is not None and not self.real_person:
            raise ValueError("a voice made from a recording is a real person's; set real_person = true")
        return self


class EndpointEntry(_Entry):
    """A voice of the speech endpoint that the settings name."""

    engine: Literal["openai_speech"]
    voice: Label  # its name there
    sample_rate: int = Field(24_000, ge=8_000, le=192_000)  # Hz


VoiceEntry = CoquiEntry | EndpointEntry


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    voice: tuple[Annotated[VoiceEntry, Field(discriminator="engine")], ...] = Field(min_length=1)


def read_voice_file(path: Path) -> tuple[VoiceEntry, ...]:
    """Return the voices of the file; raises `VoiceError` that names every mistake."""
    try:
        data = path.read_bytes()
        if len(data) > MAX_FILE_BYTES:
            raise VoiceError(f"{path} is larger than {MAX_FILE_BYTES} bytes; that is no file of voices")
        parsed = _File.model_validate(tomllib.loads(data.decode()))
    except OSError as error:
        raise VoiceError(f"the file of voices {path} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise VoiceError(f"the file of voices {path} is no TOML: {error}") from error
    except ValidationError as error:
        mistakes = [f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors()]
        raise VoiceError(f"the file of voices {path} cannot be used: {'; '.join(mistakes[:10])}") from error
    ids = [entry.id for entry in parsed.voice]
    if len(set(ids)) < len(ids):
        raise VoiceError(f"the file of voices {path} names a voice twice; every id stands once")
    return parsed.voice


def card_of(entry: VoiceEntry) -> VoiceCard:
    """Return the catalogue's card of an entry."""
    return VoiceCard(
        id=entry.id,
        name=entry.name,
        language=entry.language,
        engine=entry.engine,
        licence=entry.licence,
        purposes=frozenset(entry.purposes),
        real_person=entry.real_person,
    )
