"""What is wrong with a knowledge base although it can be loaded: expired, doubled, contradictory, unrated (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from policies.knowledge import ClaimRecord, Rating

NEARLY_SAME = 0.92  # cosine from which two claims say the same in practice; negations of each other can reach it too
_BLOCK = 1024  # rows compared at once: a full table of 100,000 claims would take 40 GB
_MAX_AGE_DAYS = 3 * 365  # a review that nobody looked at for longer may have been overtaken by events


class Kind(StrEnum):
    """Kinds of defects, the gravest first."""

    CONTRADICTION = "contradiction"  # two claims that say nearly the same, rated true and false
    DUPLICATE = "duplicate"  # the same claim twice, with the same rating
    EXPIRED = "expired"  # valid_until has passed: matches can only ask for a review
    NOT_YET_VALID = "not_yet_valid"  # valid_from is ahead
    UNKNOWN_RATING = "unknown_rating"  # matches can only ask for a review
    OLD = "old"  # neither published nor compared with its source in the last three years
    NO_CORRECTIONS = "no_corrections"  # debunks are harder to tell from assertions

    @property
    def is_fault(self) -> bool:
        """Whether somebody has to change something; the others are for information."""
        return self in (Kind.CONTRADICTION, Kind.DUPLICATE, Kind.EXPIRED)


@dataclass(frozen=True, slots=True)
class Defect:
    """One thing to look at."""

    kind: Kind
    ids: tuple[str, ...]
    detail: str


def defects_of(records: Iterable[ClaimRecord], *, today: date) -> Iterator[Defect]:
    """Yield what one can see in each record alone."""
    for record in records:
        if record.valid_until and record.valid_until < today:
            yield Defect(Kind.EXPIRED, (record.id,), f"valid until {record.valid_until}")
        if record.valid_from and record.valid_from > today:
            yield Defect(Kind.NOT_YET_VALID, (record.id,), f"valid from {record.valid_from}")
        if record.rating is Rating.UNKNOWN:
            yield Defect(Kind.UNKNOWN_RATING, (record.id,), f"rated {record.reviewRating.alternateName!r}")
        if (today - date.fromisoformat(_last_seen(record))).days > _MAX_AGE_DAYS:
            yield Defect(Kind.OLD, (record.id,), f"last seen {_last_seen(record)}")
        if not record.corrections:
            yield Defect(Kind.NO_CORRECTIONS, (record.id,), "")


def defects_between(records: Sequence[ClaimRecord], vectors: NDArray[np.float32]) -> Iterator[Defect]:
    """Yield pairs of claims that say nearly the same; `vectors` are those of `claimReviewed`, row by row."""
    for start in range(0, len(records), _BLOCK):
        cosines = vectors[start : start + _BLOCK] @ vectors.T
        for row, column in np.argwhere(cosines >= NEARLY_SAME):
            one, other = start + int(row), int(column)
            if one < other:
                defect = _compare(records[one], records[other], float(cosines[row, column]))
                if defect is not None:
                    yield defect


def _compare(one: ClaimRecord, other: ClaimRecord, cosine: float) -> Defect | None:
    ids = (one.id, other.id)
    opposed = (one.is_false and other.is_true) or (one.is_true and other.is_false)
    if opposed:
        names = f"{one.reviewRating.alternateName!r} and {other.reviewRating.alternateName!r}"
        return Defect(Kind.CONTRADICTION, ids, f"rated {names}, cosine {cosine:.2f}")
    same = "".join(filter(str.isalnum, one.claimReviewed.casefold())) == "".join(
        filter(str.isalnum, other.claimReviewed.casefold())
    )
    return (
        Defect(Kind.DUPLICATE, ids, f"both rated {one.rating.value}") if same and one.rating is other.rating else None
    )


def _last_seen(record: ClaimRecord) -> str:
    days = [record.datePublished, record.reviewed_on, record.source.imported_on if record.source else None]
    return max(day for day in days if day is not None).isoformat()
