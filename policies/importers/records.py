"""From a review as found to a claim record, or to the reason why there is none (pure).

In order: 1. claim, 2. language, 3. address, 4. rating, 5. dates, 6. topic and harm, 7. our own fields, 8. the id.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, cast, get_args
from urllib.parse import urlsplit

from anyascii import anyascii
from pydantic import ValidationError

from policies.importers.cleaning import (
    RAW_LIMIT,
    clean,
    day,
    first_address,
    first_text,
    has_words,
    is_damaged,
    number,
    texts,
    web_address,
)
from policies.importers.found import Found, Reason, Skipped
from policies.importers.topics import guess_harm, guess_topic
from policies.knowledge import MAX_PASSAGE, MAX_WORDING, ClaimRecord, Harm, ReviewRating, Topic
from policies.ratings import value_of

_MAX_RATING = 300  # characters; a longer textual rating is an essay, and is cut
_MAX_NAME = 300
_MAX_LISTED = 50  # wordings or passages of one record
_LANGUAGE = re.compile(r"^\s*([a-zA-Z]{2,3})(?:[-_][A-Za-z0-9-]{1,20})?\s*$")
_NAMED_LANGUAGES = {"english": "en", "german": "de", "french": "fr", "spanish": "es", "portuguese": "pt", "hindi": "hi"}
_ID = re.compile(r"^[a-z0-9-]{1,100}$")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportSettings:
    """What an operator decides about a whole import."""

    source: str  # name of the file, as the records will tell it
    today: date  # day of the import (UTC)
    languages: tuple[str, ...]  # those that the policy judges; records in others are left out
    language: str  # of records that state none
    topic: Topic | None = None  # None: guessed per record
    harm: Harm | None = None  # None: by topic and rating


class _LeftOutError(Exception):
    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(detail)
        self.reason = reason


def record_of(found: Found, settings: ImportSettings) -> ClaimRecord | Skipped:
    """Return the record that `found` makes, or why it makes none; never raises for what stands in a file."""
    try:
        return _record(found, settings)
    except _LeftOutError as left:
        return Skipped(left.reason, found.place, str(left))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or "the record"
        return Skipped(Reason.WRONG_VALUE, found.place, f"{key}: {first['msg']}")


def _record(found: Found, settings: ImportSettings) -> ClaimRecord:
    claim = _claim(found.claim)
    title = _optional(found.title, MAX_WORDING)
    language = _language(found, settings, claim)
    url = _url(found.url)
    rating = _rating(found)
    own = found.extra
    topic = settings.topic or cast(Topic | None, _one_of("topic", own, get_args(Topic))) or guess_topic(claim, title)
    rated_false = rating.ratingValue is not None and rating.ratingValue <= 2
    harm = settings.harm or cast(Harm | None, _one_of("harm", own, get_args(Harm)))
    publisher = _optional(found.publisher, _MAX_NAME) or (urlsplit(url).hostname or url)
    fields: dict[str, Any] = {
        "id": _identifier(own.get("id"), claim, publisher, url),
        "claimReviewed": claim,
        "reviewRating": rating,
        "author": {"name": publisher},
        "url": url,
        "datePublished": day(found.published, today=settings.today),
        "itemReviewed": _item(found, settings.today),
        "topic": topic,
        "harm": harm or guess_harm(topic, rated_false=rated_false),
        "language": language,
        "title": title,
        "paraphrases": tuple(_wordings(own.get("paraphrases"))),
        "corrections": tuple(_wordings(own.get("corrections"))),
        "evidence": tuple(_passages(own.get("evidence"))),
        "valid_from": _own_date("valid_from", own),
        "valid_until": _own_date("valid_until", own),
        "reviewed_on": _own_date("reviewed_on", own),
        "source": {"name": settings.source, "imported_on": settings.today},
    }
    if isinstance(own.get("source"), dict):  # a record of ours: the first import is what counts
        fields["source"] = own["source"]
    elif fields["reviewed_on"] or (fields["datePublished"] and "rated" in own):
        fields["source"] = None
    return ClaimRecord.model_validate(fields)


def _claim(value: Any) -> str:
    raw = first_text(value)
    if raw is None:
        raise _LeftOutError(Reason.NO_CLAIM)
    if len(raw) > RAW_LIMIT:
        raise _LeftOutError(Reason.TOO_LONG, f"{len(raw)} characters")
    text = clean(raw)
    if not has_words(text):
        raise _LeftOutError(Reason.NO_CLAIM)
    if len(text) > MAX_WORDING:
        raise _LeftOutError(Reason.TOO_LONG, f"{len(text)} characters")
    if is_damaged(text):
        raise _LeftOutError(Reason.DAMAGED_TEXT)
    return text


def _optional(value: Any, limit: int) -> str | None:
    """Return clean text of at most `limit` characters, or None where there is none, or more, or damaged text."""
    raw = first_text(value)
    text = clean(raw) if raw is not None and len(raw) <= RAW_LIMIT else ""
    return text if text and len(text) <= limit and not is_damaged(text) else None


def _language(found: Found, settings: ImportSettings, claim: str) -> str:
    stated = first_text(found.language)
    match = _LANGUAGE.match(stated) if stated else None
    language = match[1].lower() if match else _NAMED_LANGUAGES.get((stated or "").strip().lower(), settings.language)
    if language not in settings.languages:
        raise _LeftOutError(Reason.OTHER_LANGUAGE, language)
    letters = [character for character in claim if character.isalpha()]
    if language == "en" and sum(character > "\u024f" for character in letters) > len(letters) / 2:
        raise _LeftOutError(Reason.OTHER_LANGUAGE, "another script")
    return language


def _url(value: Any) -> str:
    raw = first_address(value)
    if raw is None:
        raise _LeftOutError(Reason.NO_ADDRESS)
    url = web_address(raw)
    if url is None:
        raise _LeftOutError(Reason.UNSAFE_ADDRESS, clean(raw[:80]))
    return url


def _rating(found: Found) -> ReviewRating:
    raw = first_text(found.words)
    words = clean(raw[:RAW_LIMIT]) if raw else ""
    if not any(character.isalpha() for character in words):
        words = ""
    value, best, worst = number(found.value), number(found.best), number(found.worst)
    if not words and value is None:
        raise _LeftOutError(Reason.NO_RATING)
    rated = value_of(words, value=value, best=best, worst=worst)
    if "rated" in found.extra:  # by us, so that a record of ours comes back as it was
        rated = int(value) if value in (1, 2, 3, 4, 5) else None
    name = words[:_MAX_RATING] or f"{value:g} from {1 if worst is None else worst:g} (worst) to {best or 5:g} (best)"
    return ReviewRating(ratingValue=rated, alternateName=name)


def _item(found: Found, today: date) -> dict[str, Any] | None:
    claimant, claimed = _optional(found.claimant, _MAX_NAME), day(found.claimed, today=today)
    listed = found.appearance if isinstance(found.appearance, list) else [found.appearance]
    appearance = tuple(address for address in map(web_address, listed[:_MAX_LISTED]) if address)
    if not (claimant or claimed or appearance):
        return None
    return {"author": {"name": claimant} if claimant else None, "datePublished": claimed, "appearance": appearance}


def _one_of(key: str, own: Any, allowed: tuple[str, ...]) -> str | None:
    value = own.get(key)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or value.strip().lower() not in allowed:
        raise _LeftOutError(Reason.WRONG_VALUE, f"{key} must be one of {', '.join(allowed)}")
    return value.strip().lower()


def _own_date(key: str, own: Any) -> date | None:
    value = own.get(key)
    if value is None or value == "":
        return None
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError as error:
        raise _LeftOutError(Reason.WRONG_VALUE, f"{key} must be a date, YYYY-MM-DD") from error


def _wordings(value: Any) -> Iterator[str]:
    for raw in texts(value):
        text = clean(raw) if len(raw) <= RAW_LIMIT else ""
        if text and len(text) <= MAX_WORDING and has_words(text) and not is_damaged(text):
            yield text


def _passages(value: Any) -> Iterator[dict[str, Any]]:
    for item in (value if isinstance(value, list) else [value])[:_MAX_LISTED]:
        text = _optional(item.get("text") if isinstance(item, dict) else item, MAX_PASSAGE)
        if text:
            yield {"text": text, "url": web_address(item.get("url")) if isinstance(item, dict) else None}


def _identifier(wanted: Any, claim: str, publisher: str, url: str) -> str:
    """Return the id that the file gives, or one that the same review has in every import."""
    if wanted not in (None, ""):
        if not isinstance(wanted, str) or not _ID.match(wanted):
            raise _LeftOutError(Reason.WRONG_VALUE, "id may hold a-z, 0-9 and - only, at most 100 of them")
        return wanted
    slug = re.sub(r"[^a-z0-9]+", "-", anyascii(claim[:200]).lower()).strip("-")[:50].rstrip("-")
    return f"{slug or 'claim'}-{fingerprint(claim, publisher, url)[:10]}"


def fingerprint(claim: str, publisher: str, url: str) -> str:
    """Return the identity of a review: claim (letters and digits only), publisher and address, as hex SHA-256."""
    spoken = "".join(character for character in claim.casefold() if character.isalnum())
    parts = (spoken, publisher.casefold(), url.rstrip("/"))
    return hashlib.sha256("\x00".join(parts).encode("utf-8", "replace")).hexdigest()
