"""What the API takes and gives about appeals."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Path
from pydantic import Field

from gateway.api.schemas import EXAMPLE_ID, Model
from gateway.appealed import Against, Ruling
from gateway.submissions import ID_ALPHABET, ID_LENGTH

APPEAL_ID_PATTERN = rf"^ap_[{ID_ALPHABET}]{{{ID_LENGTH}}}$"
EXAMPLE_APPEAL = "ap_2c8r4t6w1b5n9m3kq7xv"

AppealId = Annotated[str, Path(pattern=APPEAL_ID_PATTERN, description="Id of the appeal.", examples=[EXAMPLE_APPEAL])]


class AppealIn(Model):
    """Why a refusal, or a withdrawal, is contested."""

    reason: str = Field(
        min_length=1,
        max_length=2_000,
        description="What the decision got wrong; the reviewer and nobody else reads it.",
        examples=["The claim is quoted, and refuted two sentences later."],
    )


class RulingIn(Model):
    """A reviewer's decision about an appeal."""

    outcome: Literal["upheld", "overturned", "partly"] = Field(
        description="`partly`: the refusal stands, for other categories."
    )
    reason: str = Field(min_length=1, max_length=2_000, description="The submitter reads it.")
    categories: list[str] = Field(default=[], max_length=10, description="With `partly`: what it is refused for.")


class AppealOut(Model):
    """An appeal, and what came of it; never who decided."""

    id: str = Field(examples=[EXAMPLE_APPEAL])
    episode_id: str = Field(examples=[EXAMPLE_ID])
    against: Against = Field(description="Whose decision: `policy`, `person` or `withdrawal`.")
    refused_at: datetime
    filed_at: datetime
    due_at: datetime
    reason: str
    senior: bool = Field(description="A senior reviewer decides.")
    claimed: bool = Field(description="A reviewer works on it.")
    outcome: Ruling | None = Field(description="None while nobody has decided.")
    answer: str = Field(description="The reviewer's reason.")
    categories: list[str] | None = Field(description="With `partly`: what it is refused for now.")
    decided_at: datetime | None
    links: dict[str, str]


class AppealList(Model):
    """Appeals."""

    items: list[AppealOut]
