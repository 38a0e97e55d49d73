"""What the tools take: closed shapes with limits; what is too long is refused before anything is asked of the gate."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from gateway.submissions import ID_ALPHABET, ID_LENGTH, State

MOST_CHARACTERS = 2_000_000  # of a script, before the gate's own limit: an argument that nobody could mean
MOST_BASE64 = 3_500_000  # characters; the whole message may have 4 MiB over HTTP
MOST_WAIT_SECONDS = 45  # shorter than the minute after which clients give a tool up

EpisodeId = Annotated[
    str, Field(pattern=rf"^ep_[{ID_ALPHABET}]{{{ID_LENGTH}}}$", description="Id of the submission and its episode.")
]
Script = Annotated[str, Field(min_length=1, max_length=MOST_CHARACTERS)]


class Arguments(BaseModel):
    """Base of all arguments: nothing unknown gets in."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NoArguments(Arguments):
    """A tool that takes nothing."""


class CheckArguments(Arguments):
    """A text to be judged."""

    script: Script = Field(description="The whole script, or a part of it as plain text.")
    format: Literal["script", "text"] = Field(
        "script", description="`script`: Markdown with its head, as for submit_episode. `text`: plain words."
    )
    language: str = Field("en", max_length=35, description="Of plain text; a script names its own.")


class SubmitArguments(Arguments):
    """A script to be published."""

    script: Script = Field(
        description="Markdown with a head (title, show, voices: SPEAKER: voice-id) and turns such as `ANNA: Words.`"
    )
    idempotency_key: str | None = Field(
        None,
        pattern=r"^[\x21-\x7e]{1,255}$",
        description="The same script under the same key returns the first submission. By default it is made from the "
        "script, so that a repeated call never submits twice; to send an unchanged script anew, give a new key.",
    )


class GetArguments(Arguments):
    """Which submission to look at."""

    episode_id: EpisodeId
    wait_seconds: float = Field(
        0, ge=0, le=MOST_WAIT_SECONDS, description="Wait so long for it to come to rest before answering."
    )
    include_script: bool = Field(False, description="Return the script as it was sent, too.")


class ListArguments(Arguments):
    """Which submissions to list."""

    state: State | None = Field(None, description="Only those in this state.")
    limit: int = Field(20, ge=1, le=100)
    cursor: str | None = Field(None, max_length=200, description="`next_cursor` of the page before.")


class WithdrawArguments(Arguments):
    """Which released episode to take back."""

    episode_id: EpisodeId
    reason: str = Field(min_length=1, max_length=500, description="Public: shown wherever the episode was.")
    replacement: EpisodeId | None = Field(None, description="Released episode that takes its place.")


class VerifyArguments(Arguments):
    """A file to be examined; give exactly one."""

    audio_base64: str | None = Field(None, min_length=1, max_length=MOST_BASE64, description="The file's bytes.")
    path: str | None = Field(
        None,
        min_length=1,
        max_length=4_096,
        description="A file below the folder that `assay mcp` was allowed to read.",
    )
    verification_id: str | None = Field(
        None, pattern=r"^[A-Za-z0-9_-]{24}$", description="An examination that was still under way."
    )
