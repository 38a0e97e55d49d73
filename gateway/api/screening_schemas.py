"""What the screening routes take and give."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from gateway.api.schemas import DecisionOut, Model, SpanOut
from gateway.screening import Format

MAX_ITEMS = 1_000  # of one batch; the limit on bytes is for all of them together
_LANGUAGE = Field("en", pattern=r"^[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*$", max_length=35)


class ScreeningIn(Model):
    """One text to be judged."""

    text: str = Field(
        min_length=1, description="The words.", examples=["Good morning. It stays dry until the evening."]
    )
    format: Format = Field(Format.TEXT, description="`script` for the Markdown dialect with its head.")
    language: str = _LANGUAGE
    sentences: bool = Field(False, description="Return the scores of every sentence too.")


class BatchItemIn(ScreeningIn):
    """One text of a batch, with a name of the caller's choice."""

    id: str | None = Field(None, max_length=200)


class BatchIn(Model):
    """Many texts to be judged."""

    items: Annotated[list[BatchItemIn], Field(min_length=1, max_length=MAX_ITEMS)]


class SentenceScoresOut(Model):
    """What the models think of one sentence, whatever the thresholds are."""

    span: SpanOut
    scores: dict[str, float]


class ScreeningOut(DecisionOut):
    """A decision with the scores behind it."""

    scores: dict[str, float] = Field(description="Highest score per category; a score is no finding.")
    sentences: list[SentenceScoresOut] | None = None
    seconds: float | None = Field(None, description="How long the screening took.")


class ItemProblemOut(Model):
    """Why one text of a batch could not be judged; it is not cleared."""

    reason: str = Field(description="Slug of the problem.", examples=["invalid-script"])
    title: str
    detail: str


class BatchItemOut(Model):
    """One text's result: either a screening or a problem."""

    id: str | None
    screening: ScreeningOut | None = None
    problem: ItemProblemOut | None = None


class BatchOut(Model):
    """All results, in the order of the request."""

    items: list[BatchItemOut]
    seconds: float


class TextPart(Model):
    """A text among the parts of a moderation request."""

    type: Literal["text"]
    text: str


_Texts = Annotated[list[str], Field(min_length=1, max_length=MAX_ITEMS)]
_Parts = Annotated[list[TextPart], Field(min_length=1, max_length=MAX_ITEMS)]


class ModerationIn(Model):
    """OpenAI's moderation request; members that only its own service knows are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    input: Annotated[
        str | _Texts | _Parts,
        Field(description="A text, a list of texts, or the text parts of one message. Images cannot be judged."),
    ]
    model: str | None = Field(None, max_length=200, description="Ignored: the policy in force judges.")


class ModerationResult(Model):
    """One text's answer. `coverage` says what no rule of this policy judged; its zeros mean nothing."""

    flagged: bool
    categories: dict[str, bool]
    category_scores: dict[str, float]
    category_applied_input_types: dict[str, list[str]]
    coverage: dict[str, Literal["evaluated", "not_evaluated"]]
    assay: dict[str, Any] = Field(description="The decision itself: verdict, policy and digests.")


class ModerationOut(Model):
    """OpenAI's moderation answer."""

    id: str
    model: str
    results: list[ModerationResult]
