"""The voices that scripts may name here, and what each may be used for."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from gateway.api.access import SubmissionReader
from gateway.api.backend import BackendDep
from gateway.api.problems import problem_responses

router = APIRouter(tags=["submissions"])


class VoiceOut(BaseModel):
    """One voice of this installation."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(description="What a script calls it.", examples=["hibari-heart"])
    name: str = Field(description="Name for people.", examples=["Heart"])
    language: str = Field(description="Primary language tag.", examples=["en"])
    engine: str = Field(description="`hibari`, `coqui` or `openai_speech`.", examples=["hibari"])
    licence: str = Field(description="Licence of the model.", examples=["Apache-2.0"])
    purposes: list[str] = Field(description="What the licence allows episodes to be for.", examples=[["editorial"]])
    real_person: bool = Field(
        description="Listeners could take it for a person who exists; needs that person's consent."
    )
    version: str = Field(
        description="Engine, its version and the digest of the model.", examples=["hibari-tts/0.2.1 ..."]
    )


class VoicesOut(BaseModel):
    """All voices of this installation."""

    model_config = ConfigDict(extra="forbid")

    voices: list[VoiceOut]


@router.get("/v1/voices", responses=problem_responses(401, 503))
def list_voices(backend: BackendDep, caller: SubmissionReader) -> VoicesOut:
    """Return the voices that a script may name, ordered by id."""
    del caller
    catalogue = backend.toolchain.voices
    shown = [
        VoiceOut(
            id=card.id,
            name=card.name,
            language=card.language,
            engine=card.engine,
            licence=card.licence,
            purposes=sorted(card.purposes),
            real_person=card.real_person,
            version=catalogue.get(card.id).version,
        )
        for _, card in sorted(catalogue.cards.items())
    ]
    return VoicesOut(voices=shown)
