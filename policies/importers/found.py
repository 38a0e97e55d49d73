"""What an import meets: a review as it was found, or the reason why something was left out (values only)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Reason(StrEnum):
    """Why an item did not become a record."""

    MALFORMED = "malformed"  # no JSON, or a row with another number of columns than the header
    MEDIA_REVIEW = "media_review"  # a review of a picture or a recording, which no sentence repeats
    NO_CLAIM = "no_claim"  # nothing that has words
    TOO_LONG = "too_long"  # a claim as long as an article, or an item above the limit
    DAMAGED_TEXT = "damaged_text"  # decoded wrongly before it reached us, and not repairable
    NO_ADDRESS = "no_address"  # no source that a reviewer could open
    UNSAFE_ADDRESS = "unsafe_address"  # javascript:, credentials or blanks in the address
    NO_RATING = "no_rating"  # neither words nor a number
    OTHER_LANGUAGE = "other_language"  # the policy does not judge it
    WRONG_VALUE = "wrong_value"  # a topic, harm tier, id or date of ours that is not one
    DUPLICATE = "duplicate"  # same claim, publisher and address as an earlier item of this import
    TAKEN_ID = "taken_id"  # the id belongs to another record


@dataclass(frozen=True, slots=True)
class Skipped:
    """One item that was left out."""

    reason: Reason
    place: str  # where in the file: "line 12", "item 3", "row 7"
    detail: str = ""
    file: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """One review as it stands in a file; every value may be of any type, and absent."""

    place: str
    claim: Any = None
    words: Any = None  # the textual rating
    value: Any = None
    best: Any = None
    worst: Any = None
    publisher: Any = None
    url: Any = None
    published: Any = None
    title: Any = None
    language: Any = None
    claimant: Any = None
    claimed: Any = None  # date of the claim
    appearance: Any = None
    extra: Mapping[str, Any] = field(default_factory=dict)  # our own fields: id, topic, harm, paraphrases, ...
