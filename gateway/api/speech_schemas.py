"""What the speech interface takes and returns: OpenAI's shapes, so that its clients work unchanged."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

MAX_INPUT = 4_096  # characters, as OpenAI has it; about five minutes of speech
SpeechFormat = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]


class VoiceRef(BaseModel):
    """A voice by its id, as OpenAI names custom voices."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(min_length=1, max_length=200, description="Id of a voice from `GET /v1/audio/voices`.")


class SpeechIn(BaseModel):
    """What to say, and how."""

    model_config = ConfigDict(extra="forbid")

    model: str = Field(
        min_length=1, max_length=200, description="Any name: the voice decides what speaks.", examples=["assay-speech"]
    )
    input: str = Field(
        min_length=1, max_length=MAX_INPUT, description="The text, plain.", examples=["The bridge opens at nine."]
    )
    voice: str | VoiceRef = Field(
        description="A voice of this installation, or one of OpenAI's names, which stand for ours.",
        examples=["hibari-heart"],
    )
    instructions: str | None = Field(
        None, max_length=MAX_INPUT, description="Taken, not followed: the voices here have one manner."
    )
    response_format: SpeechFormat = Field("mp3", description="Kind of file or stream.")
    speed: float = Field(1.0, ge=0.25, le=4.0, description="1.0; the voices here speak at their own pace.")
    stream_format: Literal["audio", "sse"] | None = Field(
        None,
        description="Absent: a whole file, signed where it can be. `audio`: sound as it is spoken. `sse`: as events.",
    )


class SpeechError(BaseModel):
    """Why a call was refused, in OpenAI's words; a refusal by the policy has more members."""

    model_config = ConfigDict(extra="allow")

    message: str
    type: str
    param: str | None
    code: str | None


class SpeechErrorOut(BaseModel):
    """OpenAI's envelope around an error."""

    model_config = ConfigDict(extra="forbid")

    error: SpeechError


class ModelOut(BaseModel):
    """One name that `model` may have."""

    model_config = ConfigDict(extra="forbid")

    id: str
    object: Literal["model"] = "model"
    created: int = Field(description="Seconds since 1970.")
    owned_by: str


class ModelsOut(BaseModel):
    """All of them."""

    model_config = ConfigDict(extra="forbid")

    object: Literal["list"] = "list"
    data: list[ModelOut]


class SpeechVoiceOut(BaseModel):
    """One voice, and the names of OpenAI's that stand for it."""

    model_config = ConfigDict(extra="forbid")

    id: str
    name: str
    language: str
    aliases: list[str]


class SpeechVoicesOut(BaseModel):
    """All voices that a call may name."""

    model_config = ConfigDict(extra="forbid")

    voices: list[SpeechVoiceOut]
