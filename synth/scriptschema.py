"""The canonical JSON of a script, version 1, as a schema (`docs/schema/script-1.json` is made from it).

The schema says what may stand where; what words may hold is the same for all formats and said by their reader.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from synth.building import MAX_CHAPTERS, MAX_PAUSE_SECONDS
from synth.frontmatter import MAX_SPEAKERS, MAX_TITLE_CHARACTERS
from synth.lexicon import MAX_ENTRIES
from synth.music import ASSET, BED_GAIN_DB, MAX_BED_GAIN_DB, MAX_STINGER_GAIN_DB, MIN_GAIN_DB, STINGER_GAIN_DB

VERSION = 1
SCHEMA_ID = "https://assay.invalid/schema/script-1.json"

AssetName = Annotated[str, Field(pattern=f"^{ASSET}$", description="Name in the installation's catalogue of assets.")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Bed(_Part):
    """Music under words."""

    asset: AssetName
    gain_db: float = Field(BED_GAIN_DB, ge=MIN_GAIN_DB, le=MAX_BED_GAIN_DB, description="Against the programme.")


class Sting(_Part):
    """A short sound between words."""

    asset: AssetName
    gain_db: float = Field(STINGER_GAIN_DB, ge=MIN_GAIN_DB, le=MAX_STINGER_GAIN_DB, description="As for beds.")


class Say(_Part):
    """Words of one speaker, in plain text."""

    speaker: str = Field(description="Declared under `voices`.")
    text: str


class Pause(_Part):
    """Silence after the words before it."""

    pause: float = Field(gt=0, le=MAX_PAUSE_SECONDS, description="Seconds; milliseconds are the finest step.")


class BedChange(_Part):
    """Other music, or none (null), under the words that follow in this chapter."""

    bed: Bed | None


class StingPart(_Part):
    """A stinger at this place."""

    stinger: Sting


def _kind(part: Any) -> str:
    """Return which kind of part is meant, so that an error speaks about that kind alone."""
    if isinstance(part, dict):
        for kind in ("pause", "bed", "stinger"):
            if kind in part:
                return kind
    return "say"


AnyPart = Annotated[
    Annotated[Say, Tag("say")]
    | Annotated[Pause, Tag("pause")]
    | Annotated[BedChange, Tag("bed")]
    | Annotated[StingPart, Tag("stinger")],
    Discriminator(_kind),
]


class ChapterPart(_Part):
    """A run of parts; only the first chapter may be without a title."""

    title: str | None = Field(None, max_length=MAX_TITLE_CHARACTERS, description="Shown, not spoken.")
    parts: list[AnyPart] = Field(min_length=1)


class ScriptDocument(_Part):
    """A script in canonical form."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        title="Script",
        json_schema_extra={"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID},
    )

    format: Literal["assay-script"]
    version: Literal[1]
    title: str = Field(min_length=1, max_length=MAX_TITLE_CHARACTERS)
    show: str = Field("", max_length=MAX_TITLE_CHARACTERS)
    language: str = Field("en", pattern="^[a-z]{2,3}$", description="BCP 47 primary tag.")
    author: str = Field("", max_length=MAX_TITLE_CHARACTERS)
    description: str = Field("", description="Plain text, at most 4,000 bytes in UTF-8.")
    explicit: bool | None = None
    cover: AssetName | None = None
    bed: Bed | None = Field(None, description="Music under the whole episode.")
    voices: dict[str, str] = Field(
        min_length=1, max_length=MAX_SPEAKERS, description="Voice id by speaker; every speaker speaks."
    )
    lexicon: dict[str, str] = Field(
        default_factory=dict, max_length=MAX_ENTRIES, description="How words sound, in plain letters."
    )
    chapters: list[ChapterPart] = Field(min_length=1, max_length=MAX_CHAPTERS)


def script_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of canonical scripts."""
    return ScriptDocument.model_json_schema()
