"""Text, addresses, dates and numbers as they stand in the wild, made into values or refused (pure).

Every function takes anything and never raises; None says that nothing usable was there.
"""

from __future__ import annotations

import html
import math
import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from policies.knowledge import MAX_URL

RAW_LIMIT = 20_000  # characters; a longer string is an article or an attack, and is not looked at further
_PASSES = 8
_EARLIEST = date(1995, 1, 1)  # fact-checking on the web begins here; earlier dates are zero values of some software
_JOINERS = "\u200c\u200d"  # part of the spelling in Persian and in Indic scripts
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,500}>|<!--.{0,500}?-->")
_MISREAD = re.compile("[ÃÂâ][\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]")
_BLANK = re.compile(r"[\s\x00-\x1f\x7f<>\"\\^`{|}]")
_NUMERIC = re.compile(r"^\s*([+-]?\d{1,9}(?:[.,]\d{1,6})?)\s*(?:(?:/|out of|of)\s*\d{1,9})?\s*$")
_ISO = re.compile(r"^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)")
_SLASHED = re.compile(r"^(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})$")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAY_FIRST = re.compile(
    r"^(?:[a-z]+,?\s+)?(\d{1,2})(?:st|nd|rd|th)?\s+([a-z]{3})[a-z]*\.?,?\s+(\d{4})\b", re.IGNORECASE
)
_MONTH_FIRST = re.compile(
    r"^(?:[a-z]+,\s+)?([a-z]{3})[a-z]*\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})\b", re.IGNORECASE
)


def texts(value: Any) -> Iterator[str]:
    """Yield the strings in `value`: itself, its items, or the `name` or `text` of an object; the first 50."""
    items = value if isinstance(value, list | tuple) else [value]
    for item in items[:50]:
        if isinstance(item, dict):
            item = item.get("@value") or item.get("name") or item.get("text")
            item = item[0] if isinstance(item, list) and item else item
        if isinstance(item, str) and item.strip():
            yield item


def first_text(value: Any) -> str | None:
    """Return the first string in `value`, or None."""
    return next(texts(value), None)


def clean(raw: str) -> str:
    """Return `raw` as plain text on one line: entities, tags, control and direction characters gone.

    Text that was decoded as Windows-1252 by mistake is repaired where that is possible without loss. What this returns
    stays as it is when it is cleaned again, so that an export can be imported.
    """
    text = raw[:RAW_LIMIT]
    for _ in range(_PASSES):  # feeds escape twice ("&amp;quot;"), and one step may lay open work for another
        cleaned = _clean_once(text)
        if cleaned == text:
            break
        text = cleaned
    return text


def _clean_once(text: str) -> str:
    text = _TAG.sub(" ", html.unescape(text))
    if _MISREAD.search(text):
        text = _reread(text)
    text = unicodedata.normalize("NFC", text)
    kept = (
        character if character in _JOINERS or unicodedata.category(character)[0] != "C" else _gap(character)
        for character in text
    )
    return " ".join("".join(kept).split())


def _gap(character: str) -> str:
    return " " if character in "\t\n\r\v\f\x85" else ""


def _reread(text: str) -> str:
    try:
        return text.encode("cp1252").decode("utf-8")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return text


def is_damaged(text: str) -> bool:
    """Say whether characters were lost or misread before the text came here."""
    return "\ufffd" in text or bool(_MISREAD.search(text))


def has_words(text: str) -> bool:
    """Say whether at least three letters are there: emoji and punctuation match nothing that is spoken."""
    return sum(character.isalpha() for character in text[:500]) >= 3


def web_address(value: Any) -> str | None:
    """Return an http or https address that a reviewer may safely open, or None.

    An address with a user name is refused: it shows one host and opens another.
    """
    raw = first_address(value)
    if raw is None or len(raw) > MAX_URL or _BLANK.search(raw):
        return None
    if any(unicodedata.category(character)[0] == "C" for character in raw):
        return None
    try:
        parts = urlsplit(raw)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        return None
    host = parts.hostname or ""
    if parts.scheme.lower() not in ("http", "https") or "@" in parts.netloc or not port_is_valid:
        return None
    if "." not in host.strip(".") or not host[0].isalnum():
        return None
    return parts.scheme.lower() + raw[len(parts.scheme) :]


def first_address(value: Any) -> str | None:
    """Return the first string in `value` that is meant as an address, unchecked."""
    items = value if isinstance(value, list | tuple) else [value]
    for item in items[:50]:
        if isinstance(item, dict):
            item = item.get("url") or item.get("@id")
            item = item[0] if isinstance(item, list) and item else item
        if isinstance(item, str) and item.strip():
            return html.unescape(item.strip())
    return None


def number(value: Any) -> float | None:
    """Return a finite number; strings such as "4", "4,5" and "4/5" count, with their first number."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return float(value) if abs(value) < 1e9 and math.isfinite(value) else None
    if isinstance(value, str):
        match = _NUMERIC.match(value[:40])
        return float(match.group(1).replace(",", ".")) if match else None
    return None


def day(value: Any, *, today: date) -> date | None:
    """Return the date in `value` between 1995 and `today`; an ambiguous one ("03/04/2021") is None."""
    found = _read_day(value)
    return found if found is not None and _EARLIEST <= found <= today else None


def _read_day(value: Any) -> date | None:
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        seconds = value / 1000 if abs(value) > 1e11 else float(value)
        return datetime.fromtimestamp(seconds, tz=UTC).date() if 0 < seconds < 4e9 else None
    raw = first_text(value)
    if raw is None:
        return None
    text = raw.strip()[:60]
    if match := _ISO.match(text):
        return _calendar(int(match[1]), int(match[2]), int(match[3]))
    if match := _SLASHED.match(text):
        one, two, year = int(match[1]), int(match[2]), int(match[3])
        if one > 12 or one == two:
            return _calendar(year, two, one)
        return _calendar(year, one, two) if two > 12 else None
    if match := _DAY_FIRST.match(text):
        return _named(match[3], match[2], match[1])
    if match := _MONTH_FIRST.match(text):
        return _named(match[3], match[1], match[2])
    try:
        return parsedate_to_datetime(text).date()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _named(year: str, month: str, day_of_month: str) -> date | None:
    name = month.lower()
    return _calendar(int(year), _MONTHS.index(name) + 1, int(day_of_month)) if name in _MONTHS else None


def _calendar(year: int, month: int, day_of_month: int) -> date | None:
    try:
        return date(year, month, day_of_month)
    except ValueError:
        return None
