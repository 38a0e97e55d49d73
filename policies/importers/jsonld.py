"""Find reviews in parsed JSON: ClaimReview in any wrapping, Google's search response, our own records (pure)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from policies.importers.found import Found, Reason, Skipped

OWN = "assay:"  # prefix of our terms in exported JSON-LD
_OWN_KEYS = (
    "topic",
    "harm",
    "valid_from",
    "valid_until",
    "reviewed_on",
    "paraphrases",
    "corrections",
    "evidence",
    "source",
    "rated",
)


def reviews_in(document: Any, *, place: str = "") -> Iterator[Found | Skipped]:
    """Yield every review in `document`, in order, however deep it stands.

    Understands a single object, lists, `@graph`, `DataFeed` (`dataFeedElement`, `item`), the `claims:search` response
    of Google's Fact Check Tools, and the knowledge base of a pack.
    """
    count = 0
    pending: list[Any] = [document]  # an own stack: nesting may be deeper than Python's
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending.extend(reversed(value))
        elif isinstance(value, dict):
            kinds = _kinds(value)
            if "MediaReview" in kinds:
                count += 1
                yield Skipped(Reason.MEDIA_REVIEW, _place(place, count))
            elif "ClaimReview" in kinds or ("claimReviewed" in value and "reviewRating" in value):
                count += 1
                yield from _claim_review(value, _place(place, count))
            elif isinstance(value.get("claimReview"), list):
                count += 1
                yield from _search_result(value, _place(place, count))
            else:
                pending.extend(reversed([inner for inner in value.values() if isinstance(inner, dict | list)]))


def _place(place: str, count: int) -> str:
    return f"{place}, item {count}" if place else f"item {count}"


def _kinds(value: dict[str, Any]) -> set[str]:
    kinds = value.get("@type", value.get("type"))
    listed = kinds if isinstance(kinds, list) else [kinds]
    return {kind.rsplit("/", 1)[-1].rsplit(":", 1)[-1] for kind in listed if isinstance(kind, str)}


def _object(value: Any) -> dict[str, Any]:
    """Return `value` if it is an object, else the first object in it, else an empty one."""
    if isinstance(value, list):
        value = next((item for item in value if isinstance(item, dict)), None)
    return value if isinstance(value, dict) else {}


def _claim_review(review: dict[str, Any], place: str) -> Iterator[Found]:
    rating, item = _object(review.get("reviewRating")), _object(review.get("itemReviewed"))
    value = rating.get("ratingValue")
    words = rating.get("alternateName") or rating.get("name") or review.get("reviewRating")
    if isinstance(words, dict | list):
        words = None
    if words is None and isinstance(value, str) and any(character.isalpha() for character in value):
        words, value = value, None  # "ratingValue": "False"
    claims = review.get("claimReviewed") or (item.get("name") if "Claim" in _kinds(item) else None)
    listed = claims if isinstance(claims, list) else [claims]
    extra = {key: review[name] for key in _OWN_KEYS for name in (OWN + key, key) if name in review}
    if not _kinds(review):
        extra["rated"] = value  # a knowledge base of ours, on our scale
    if len(listed) == 1:
        identifier = review.get(OWN + "id", review.get("id"))
        if isinstance(identifier, str) and "://" not in identifier:
            extra["id"] = identifier
        if "expires" in review:
            extra.setdefault("valid_until", review["expires"])
    for number, claim in enumerate(listed, start=1):
        yield Found(
            place=place if len(listed) == 1 else f"{place}, claim {number}",
            claim=claim,
            words=words,
            value=value,
            best=rating.get("bestRating"),
            worst=rating.get("worstRating"),
            publisher=review.get("author") or review.get("publisher") or review.get("sdPublisher"),
            url=review.get("url") or review.get("mainEntityOfPage") or review.get("@id"),
            published=review.get("datePublished") or review.get("dateModified") or review.get("dateCreated"),
            title=review.get("headline") or review.get("title") or review.get("name"),
            language=review.get("inLanguage", review.get("language")),
            claimant=item.get("author"),
            claimed=item.get("datePublished"),
            appearance=item.get("appearance") or item.get("firstAppearance") or item.get("url"),
            extra=extra,
        )


def _search_result(claim: dict[str, Any], place: str) -> Iterator[Found]:
    """https://developers.google.com/fact-check/tools/api/reference/rest/v1alpha1/claims"""
    reviews = [review for review in claim["claimReview"] if isinstance(review, dict)]
    for number, review in enumerate(reviews, start=1):
        publisher = review.get("publisher")
        if isinstance(publisher, dict):
            publisher = publisher.get("name") or publisher.get("site")
        yield Found(
            place=place if len(reviews) == 1 else f"{place}, review {number}",
            claim=claim.get("text"),
            words=review.get("textualRating"),
            publisher=publisher,
            url=review.get("url"),
            published=review.get("reviewDate"),
            title=review.get("title"),
            language=review.get("languageCode"),
            claimant=claim.get("claimant"),
            claimed=claim.get("claimDate"),
        )
