"""Knowledge bases as schema.org ClaimReview JSON-LD, for others to read and for us to import again (pure).

What schema.org has no word for (topic, harm tier, wordings, validity) stands under `assay:`; every other reader ignores
it. https://schema.org/ClaimReview, https://www.w3.org/TR/json-ld11/
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from policies.importers.jsonld import OWN
from policies.knowledge import ClaimRecord

CONTEXT: list[Any] = ["https://schema.org", {OWN.rstrip(":"): "urn:assay:terms:"}]


def to_json_ld(records: Iterable[ClaimRecord]) -> dict[str, Any]:
    """Return one JSON-LD document with a ClaimReview per record, in order; importing it gives the same records."""
    return {"@context": CONTEXT, "@graph": [_review(record) for record in records]}


def _review(record: ClaimRecord) -> dict[str, Any]:
    fields = record.model_dump(mode="json", exclude_none=True)
    rating = {"@type": "Rating", **fields["reviewRating"]}
    review: dict[str, Any] = {
        "@type": "ClaimReview",
        "claimReviewed": record.claimReviewed,
        "reviewRating": rating,
        "author": {"@type": "Organization", "name": record.author.name},
        "url": record.url,
        "inLanguage": record.language,
        OWN + "id": record.id,
        OWN + "rated": fields["reviewRating"].get("ratingValue", "unknown"),
    }
    if "datePublished" in fields:
        review["datePublished"] = fields["datePublished"]
    if record.title:
        review["headline"] = record.title
    if item := fields.get("itemReviewed"):
        appearance = [{"@type": "CreativeWork", "url": url} for url in item.pop("appearance", ())]
        review["itemReviewed"] = {"@type": "Claim", **item, **({"appearance": appearance} if appearance else {})}
    for key in ("topic", "harm", "valid_from", "valid_until", "reviewed_on", "source"):
        if key in fields:
            review[OWN + key] = fields[key]
    for key in ("paraphrases", "corrections", "evidence"):
        if fields[key]:
            review[OWN + key] = fields[key]
    return review
