"""What a recogniser sees, and the words around it that say what a number is (pure values)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from policies.rule_settings import Datum

_CUE_CHARACTERS = 80  # how far before a number its name may stand: "my number, if you need it, is ..."
_NOT_COMPARABLE = re.compile(r"[^0-9a-z@.]")


@dataclass(frozen=True, slots=True)
class Seen:
    """One datum at `[start, end)` of the text that was searched; `value` is its comparable form (for `allow`)."""

    kind: Datum
    start: int
    end: int
    value: str


Recogniser = Callable[[str], Iterator[Seen]]


def comparable(text: str) -> str:
    """Return `text` lower case without spaces and punctuation; an e-mail address keeps "@" and "."."""
    if "@" in text:
        return _NOT_COMPARABLE.sub("", text.lower())
    return re.sub(r"[\W_]", "", text.lower())


def seen(kind: Datum, match: re.Match[str], group: int | str = 0) -> Seen:
    """Return what `match` (or one group of it) is, as a datum of `kind`."""
    return Seen(kind, match.start(group), match.end(group), comparable(match.group(group)))


def has_cue(text: str, start: int, cue: re.Pattern[str], *, after: int = 0) -> bool:
    """Say whether `cue` stands shortly before `start`, in the same sentence, or within `after` characters behind it."""
    before = text[max(0, start - _CUE_CHARACTERS) : start]
    cut = max(before.rfind("? "), before.rfind("! "), before.rfind("\n"), _last_full_stop(before))
    return cue.search(before[cut + 1 :] + "\0" + text[start : start + after]) is not None


def _last_full_stop(text: str) -> int:
    at = text.rfind(". ")
    # "No. 12" and "tel. 12" are abbreviations, not ends of sentences.
    while at > 0 and re.search(r"\b(?:no|nr|tel|ph|mob|acc?t|ref|st|dr|mr|mrs|ms|o\.b)$", text[:at], re.IGNORECASE):
        at = text.rfind(". ", 0, at)
    return at
