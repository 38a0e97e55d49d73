"""Fact-checked claims in the shape of schema.org ClaimReview (pure values and their parser)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from policies.errors import InvalidPolicyError
from policies.json_lines import item_lines

MAX_WORDING = 2000  # characters; a longer "claim" is an article, which no spoken sentence is like
MAX_PASSAGE = 5000  # characters of one passage of evidence
MAX_URL = 2048

Topic = Literal["health", "elections", "climate", "science", "history", "technology", "society"]
Harm = Literal["high", "low"]
_PLAIN = r"^\P{Cc}+$"  # no control characters: this text is printed on terminals and in the console
WebAddress = Annotated[str, Field(pattern=r"^https?://[^\s\p{Cc}/]+[^\s\p{Cc}]*$", max_length=MAX_URL)]
Wording = Annotated[str, Field(min_length=1, max_length=MAX_WORDING, pattern=_PLAIN)]
Name = Annotated[str, Field(min_length=1, max_length=300, pattern=_PLAIN)]


class Strict(BaseModel):
    """Base of every part of a record: frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Rating(StrEnum):
    """What a publisher found, on the one scale that decisions use."""

    FALSE = "false"  # 1
    MOSTLY_FALSE = "mostly_false"  # 2; misleading counts here
    DISPUTED = "disputed"  # 3; mixed, unproven, satire, lacking context
    MOSTLY_TRUE = "mostly_true"  # 4
    TRUE = "true"  # 5
    UNKNOWN = "unknown"  # no value: the publisher's words and numbers say nothing we understand


_SCALE = (Rating.FALSE, Rating.MOSTLY_FALSE, Rating.DISPUTED, Rating.MOSTLY_TRUE, Rating.TRUE)


class Publisher(Strict):
    """Who reviewed the claim (`author` of a ClaimReview), or who made it (`author` of a Claim)."""

    name: Name


class ReviewRating(Strict):
    """The rating on one scale, 1 false to 5 true; no value means that it is unknown.

    `alternateName` is the publisher's rating in its own words. Other scales are converted on import.
    """

    ratingValue: int | None = Field(default=None, ge=1, le=5)  # noqa: N815 - name fixed by schema.org
    bestRating: Literal[5] = 5  # noqa: N815
    worstRating: Literal[1] = 1  # noqa: N815
    alternateName: Wording  # noqa: N815


class ItemReviewed(Strict):
    """The claim as it was met (`itemReviewed`, a schema.org Claim): who said it, when, and where it can be seen."""

    author: Publisher | None = None
    datePublished: date | None = None  # noqa: N815
    appearance: tuple[WebAddress, ...] = ()


class Passage(Strict):
    """A quotable piece of the evidence that the review rests on."""

    text: str = Field(min_length=1, max_length=MAX_PASSAGE, pattern=_PLAIN)
    url: WebAddress | None = None


class Source(Strict):
    """Where an imported record comes from."""

    name: Name  # of the file that was imported, without its folder
    imported_on: date


class ClaimRecord(Strict):
    """One reviewed claim.

    `paraphrases` say the same as the claim; `corrections` say what is true instead. Matching looks at both, which is
    what separates "vaccines cause autism" from "vaccines do not cause autism". Imported records have neither.
    """

    id: str = Field(pattern=r"^[a-z0-9-]+$", max_length=100)
    claimReviewed: Wording  # noqa: N815
    reviewRating: ReviewRating  # noqa: N815
    author: Publisher
    url: WebAddress
    datePublished: date | None = None  # noqa: N815 - of the source, where it states one
    itemReviewed: ItemReviewed | None = None  # noqa: N815
    reviewed_on: date | None = None  # the day on which a person last compared this record with its source
    topic: Topic
    harm: Harm  # high: who believes it may come to harm or do harm
    language: str = Field(default="en", pattern=r"^[a-z]{2,3}$")
    valid_from: date | None = None
    valid_until: date | None = None
    title: Wording | None = None  # of the review; may be a debunk
    paraphrases: tuple[Wording, ...] = ()
    corrections: tuple[Wording, ...] = ()
    evidence: tuple[Passage, ...] = ()
    source: Source | None = None

    @model_validator(mode="after")
    def _dated(self) -> Self:
        if not (self.datePublished or self.reviewed_on or self.source):
            raise ValueError("has no date; give datePublished, reviewed_on or source.imported_on")
        if self.valid_from and self.valid_until and self.valid_until < self.valid_from:
            raise ValueError("valid_until is before valid_from; exchange or correct them")
        return self

    @property
    def rating(self) -> Rating:
        """The rating by name."""
        value = self.reviewRating.ratingValue
        return Rating.UNKNOWN if value is None else _SCALE[value - 1]

    @property
    def is_false(self) -> bool:
        """Whether the claim was rated false or mostly false."""
        return self.rating in (Rating.FALSE, Rating.MOSTLY_FALSE)

    @property
    def is_true(self) -> bool:
        """Whether the claim was rated true or mostly true."""
        return self.rating in (Rating.TRUE, Rating.MOSTLY_TRUE)

    @property
    def wordings(self) -> tuple[str, ...]:
        """The claim in every wording; the title is none, since it often says the opposite."""
        return (self.claimReviewed, *self.paraphrases)

    @property
    def dated(self) -> str:
        """ISO date of the review, or of our comparison, or of the import where nothing else is known."""
        day = self.datePublished or self.reviewed_on or (self.source and self.source.imported_on)
        return day.isoformat() if day else ""

    def is_current(self, today: date) -> bool:
        """Whether `today` is inside the record's validity; outside it, the record can only ask for a review."""
        return (self.valid_from is None or self.valid_from <= today) and (
            self.valid_until is None or today <= self.valid_until
        )


@dataclass(frozen=True, slots=True)
class KnowledgeBase:
    """All records of a pack, ids unique."""

    records: tuple[ClaimRecord, ...]

    @classmethod
    def parse(cls, content: bytes, *, source: str) -> KnowledgeBase:
        """Read a JSON list of records; raises `InvalidPolicyError` that names file, record, key and fix."""
        try:
            records = _LISTED.validate_json(content)
        except ValidationError:
            records = cls._explained(content, source)
        if not records:
            raise InvalidPolicyError(f"{source}: must be a list with at least one claim record")
        seen: set[str] = set()
        for number, record in enumerate(records):
            if record.id in seen:
                line = item_lines(content.decode("utf-8", "replace"))[number]
                raise InvalidPolicyError(
                    f"{source}: line {line}: record {record.id}: id is used twice; give each record its own"
                )
            seen.add(record.id)
        return cls(records)

    @classmethod
    def _explained(cls, content: bytes, source: str) -> tuple[ClaimRecord, ...]:
        """Parse record by record, five times as slowly, to name the first broken one."""
        try:
            listed = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise InvalidPolicyError(f"{source}: is not valid JSON: {error}; correct that place") from error
        if not isinstance(listed, list):
            raise InvalidPolicyError(f"{source}: must be a list with at least one claim record")
        problems = problems_in(content)
        if problems:
            raise InvalidPolicyError(f"{source}: {problems[0]}")
        return tuple(ClaimRecord.model_validate(item) for item in listed)


def problems_in(content: bytes) -> list[str]:
    """Return every problem of a knowledge base's records, each with its record; [] where the list itself is broken."""
    try:
        listed = json.loads(content)
    except (ValueError, RecursionError):
        return []
    problems = []
    lines = item_lines(content.decode("utf-8", "replace"))
    for number, item in enumerate(listed if isinstance(listed, list) else []):
        if problem := problem_of(item):
            name = item.get("id", f"number {number}") if isinstance(item, dict) else f"number {number}"
            problems.append(f"line {lines[number]}: record {name}: {problem}")
    return problems


def problem_of(item: object) -> str | None:
    """Return key and problem of the first thing that is wrong in a parsed record, or None."""
    try:
        ClaimRecord.model_validate(item)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or "the record"
        return f"{key}: {first['msg']}"
    return None


_LISTED = TypeAdapter(tuple[ClaimRecord, ...])
