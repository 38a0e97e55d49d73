"""Find JSON-LD in HTML pages: the text of every `<script type="application/ld+json">` (pure, linear time)."""

from __future__ import annotations

import re
from collections.abc import Iterator

_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([A-Za-z0-9_-]{2,40})", re.IGNORECASE)
_OPENING = re.compile(r"<!--|<script\b([^<>]{0,1000})>", re.IGNORECASE)
_CLOSING = re.compile(r"</script", re.IGNORECASE)
_JSON_LD = re.compile(r"\btype\s*=\s*[\"']?\s*application/ld\+json\b", re.IGNORECASE)
_WRAPPING = re.compile(r"^\s*(?:<!--|//\s*<!\[CDATA\[|<!\[CDATA\[)|(?:-->|//\s*\]\]>|\]\]>)\s*$")


def scripts_in(text: str) -> Iterator[tuple[int, str]]:
    """Yield (line of the tag, JSON text) of each JSON-LD script that no comment hides."""
    at, line, counted = 0, 1, 0
    while opening := _OPENING.search(text, at):
        if opening.group() == "<!--":
            end = text.find("-->", opening.end())
            if end < 0:
                return
            at = end + 3
            continue
        closing = _CLOSING.search(text, opening.end())
        if closing is None:
            return
        at = closing.end()
        if _JSON_LD.search(opening.group(1)):
            line += text.count("\n", counted, opening.start())
            counted = opening.start()
            yield line, _WRAPPING.sub("", text[opening.end() : closing.start()])


def declared_charset(head: bytes) -> str | None:
    """Return the encoding that the page names in its first bytes, or None."""
    match = _CHARSET.search(head[:4096])
    return match[1].decode("ascii").lower() if match else None
