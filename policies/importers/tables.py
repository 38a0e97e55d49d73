"""Find reviews in CSV: documented columns, delimiter by the header, quoted line breaks (reads a text stream)."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import TextIO

from policies.errors import KnowledgeBaseError
from policies.importers.found import Found, Reason, Skipped

SEPARATOR = "|"  # between several paraphrases or corrections in one cell
REQUIRED = ("claim", "rating", "url")
# Our name of a column, and what other tools call it (compared without case, blanks, "-" and "_").
COLUMNS: dict[str, tuple[str, ...]] = {
    "claim": ("claimreviewed", "claimtext", "statement", "text"),
    "rating": ("textualrating", "alternatename", "verdict", "label"),
    "url": ("link", "reviewurl", "address"),
    "publisher": ("author", "factchecker", "organisation", "organization", "site"),
    "rating_value": ("ratingvalue",),
    "best": ("bestrating",),
    "worst": ("worstrating",),
    "date": ("datepublished", "reviewdate", "published"),
    "title": ("headline", "reviewtitle"),
    "language": ("inlanguage", "languagecode", "lang"),
    "claimant": ("speaker", "claimauthor"),
    "claim_date": ("claimdate",),
    "id": (),
    "topic": (),
    "harm": (),
    "valid_from": (),
    "valid_until": ("expires",),
    "paraphrases": (),
    "corrections": (),
    "evidence": (),
    "evidence_url": (),
}
_OWN = ("id", "topic", "harm", "valid_from", "valid_until", "paraphrases", "corrections")
_MANY = ("paraphrases", "corrections")


def rows_in(stream: TextIO, *, name: str) -> Iterator[Found | Skipped]:
    """Yield a review per row of `stream` (opened with newline=""); `name` is for messages.

    Raises `KnowledgeBaseError` when the header lacks a required column: nothing in such a file can be trusted.
    """
    header = stream.readline(100_000)
    columns, delimiter = _columns(header, name)
    reader = csv.reader(stream, delimiter=delimiter)
    width = len(columns)
    number = 1
    while True:
        number += 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:  # a field above the csv module's limit, for example after an unclosed quote
            yield Skipped(Reason.MALFORMED, f"row {number}", str(error))
            continue
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != width:
            yield Skipped(Reason.MALFORMED, f"row {number}", f"{len(row)} cells where the header has {width}")
            continue
        cells = {column: cell.strip() for column, cell in zip(columns, row, strict=True) if column and cell.strip()}
        yield _found(cells, f"row {number}")


def _columns(header: str, name: str) -> tuple[list[str], str]:
    best: list[str] = []
    for delimiter in (",", ";", "\t"):
        columns = [_column(cell) for cell in next(csv.reader([header], delimiter=delimiter), [])]
        if all(required in columns for required in REQUIRED):
            double = next((column for column in columns if column and columns.count(column) > 1), None)
            if double:
                raise KnowledgeBaseError(f"{name}: two columns mean {double!r}; remove or rename one of them")
            return columns, delimiter
        best = max(best, columns, key=lambda found: sum(required in found for required in REQUIRED))
    missing = ", ".join(required for required in REQUIRED if required not in best)
    raise KnowledgeBaseError(
        f"{name}: the header lacks {missing}; name the columns in the first line, separated by comma, semicolon or tab"
    )


def _column(cell: str) -> str:
    plain = cell.strip().strip("\ufeff\"'").lower().replace("_", "").replace("-", "").replace(" ", "")
    for column, others in COLUMNS.items():
        if plain == column.replace("_", "") or plain in others:
            return column
    return ""  # a column that means nothing to us


def _found(cells: dict[str, str], place: str) -> Found:
    extra: dict[str, object] = {key: cells[key] for key in _OWN if key in cells}
    for key in _MANY:
        if key in cells:
            extra[key] = [part.strip() for part in cells[key].split(SEPARATOR) if part.strip()]
    if "evidence" in cells:
        extra["evidence"] = [{"text": cells["evidence"], "url": cells.get("evidence_url")}]
    return Found(
        place=place,
        claim=cells.get("claim"),
        words=cells.get("rating"),
        value=cells.get("rating_value"),
        best=cells.get("best"),
        worst=cells.get("worst"),
        publisher=cells.get("publisher"),
        url=cells.get("url"),
        published=cells.get("date"),
        title=cells.get("title"),
        language=cells.get("language"),
        claimant=cells.get("claimant"),
        claimed=cells.get("claim_date"),
        extra=extra,
    )
