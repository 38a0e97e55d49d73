"""Fact-checked claims in the shape of schema.org ClaimReview (pure values and their parser)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from policies.errors import InvalidPolicyError


class Publisher(BaseModel):
    """Who reviewed the claim (`author` of a ClaimReview)."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = Field(min_length=1)


class ReviewRating(BaseModel):
    """The publisher's rating; 1 is false, 5 is true, 3 is disputed or mixed."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    ratingValue: int = Field(ge=1, le=5)  # noqa: N815 - name fixed by schema.org
    bestRating: Literal[5] = 5  # noqa: N815
    worstRating: Literal[1] = 1  # noqa: N815
    alternateName: str = Field(min_length=1)  # noqa: N815


class ClaimRecord(BaseModel):
    """One reviewed claim.

    `paraphrases` say the same as the claim; `corrections` say what is true instead. Matching looks at both, which is
    what separates "vaccines cause autism" from "vaccines do not cause autism".
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    id: str = Field(pattern=r"^[a-z0-9-]+$")
    claimReviewed: str = Field(min_length=1)  # noqa: N815
    reviewRating: ReviewRating  # noqa: N815
    author: Publisher
    url: str = Field(pattern=r"^https://")
    datePublished: date | None = None  # noqa: N815 - of the source, where it states one
    reviewed_on: date  # the day we last compared this record with its source
    topic: Literal["health", "elections", "climate", "science", "history", "technology", "society"]
    harm: Literal["high", "low"]  # high: who believes it may come to harm or do harm
    language: str = "en"
    valid_until: date | None = None
    paraphrases: Annotated[tuple[str, ...], Field(min_length=1)]
    corrections: Annotated[tuple[str, ...], Field(min_length=1)]

    @property
    def is_false(self) -> bool:
        """Whether the claim was rated false or mostly false."""
        return self.reviewRating.ratingValue <= 2

    @property
    def is_true(self) -> bool:
        """Whether the claim was rated true or mostly true."""
        return self.reviewRating.ratingValue >= 4

    @property
    def dated(self) -> str:
        """ISO date of the review, or of our comparison where the source states none."""
        return (self.datePublished or self.reviewed_on).isoformat()


@dataclass(frozen=True, slots=True)
class KnowledgeBase:
    """All records of a pack, ids unique."""

    records: tuple[ClaimRecord, ...]

    @classmethod
    def parse(cls, content: bytes, *, source: str) -> KnowledgeBase:
        """Read a JSON list of records; raises `InvalidPolicyError` that names file, record, key and fix."""
        try:
            listed = json.loads(content)
        except (UnicodeDecodeError, json.JSONDecodeError) as error:
            raise InvalidPolicyError(f"{source}: is not valid JSON: {error}; correct that place") from error
        if not isinstance(listed, list) or not listed:
            raise InvalidPolicyError(f"{source}: must be a list with at least one claim record")
        records = []
        seen: set[str] = set()
        for number, item in enumerate(listed):
            try:
                record = ClaimRecord.model_validate(item)
            except ValidationError as error:
                first = error.errors(include_url=False, include_input=False)[0]
                key = ".".join(str(part) for part in first["loc"])
                name = item.get("id", f"number {number}") if isinstance(item, dict) else f"number {number}"
                raise InvalidPolicyError(f"{source}: record {name}: {key}: {first['msg']}") from error
            if record.id in seen:
                raise InvalidPolicyError(f"{source}: record {record.id}: id is used twice; give each record its own")
            seen.add(record.id)
            records.append(record)
        return cls(tuple(records))
