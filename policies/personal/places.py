"""Where somebody lives: street addresses, postcodes and precise coordinates."""

from __future__ import annotations

import re
from collections.abc import Iterator

from policies.personal.datum import Seen, comparable, has_cue, seen

_TYPE = (
    r"(?:Street|St\.?|Avenue|Ave\.?|Road|Rd\.?|Lane|Ln\.?|Drive|Dr\.?|Boulevard|Blvd\.?|Terrace|Crescent|Close|Court|Ct\.?|"
    r"Square|Sq\.?|Way|Gardens|Place|Pl\.?|Circle|Parkway|Row|Mews|Grove|Hill|Walk|Trail)"
)
_NUMBER_WORD = (
    r"(?:[Oo]ne|[Tt]wo|[Tt]hree|[Ff]our|[Ff]ive|[Ss]ix|[Ss]even|[Ee]ight|[Nn]ine|[Tt]en|[Ee]leven|[Tt]welve|\w{3,5}teen|"
    r"(?:[Tt]wenty|[Tt]hirty|[Ff]orty|[Ff]ifty|[Ss]ixty|[Ss]eventy|[Ee]ighty|[Nn]inety)(?:[ -]\w{3,5})?)"
)
_HOUSE = r"(?:\d{1,5}[A-Za-z]?|" + _NUMBER_WORD + r"(?: " + _NUMBER_WORD + r"){0,3})"
_ENGLISH = re.compile(
    r"(?<![\w$£€.,-])" + _HOUSE + r",? (?:(?:North|South|East|West|[NSEW]\.?) )?"
    r"(?:(?:[A-Z][\w'’.-]{1,20}|\d{1,3}(?:st|nd|rd|th)) ){1,3}" + _TYPE
    + r"(?!\w)(?:,? (?:[Aa]pt\.?|[Aa]partment|[Ff]lat|[Uu]nit|#) ?\w{1,5})?"
    r"(?P<code>,? (?:[A-Z][\w.'’-]{1,20},? ){0,4}(?:[A-Z]{2},? \d{5}(?:-\d{4})?|[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}))?"
)  # fmt: skip
_GERMAN = re.compile(
    r"(?<!\w)(?:[A-ZÄÖÜ][\wß-]{1,30}(?:straße|strasse|str\.|weg|platz|gasse|allee|ring|damm|ufer)|"
    r"(?:Am|An der|Auf der|Im) [A-ZÄÖÜ][\wß-]{2,30}) \d{1,4}[a-z]?(?P<code>,? \d{5} [A-ZÄÖÜ]\w{1,30})?(?!\w)"
)
_FRENCH = re.compile(
    r"(?<!\w)\d{1,4}(?: bis| ter)?,? (?:rue|avenue|boulevard|place|chemin|impasse|allée|quai) "
    r"(?:[\w'’-]{1,25} ){0,5}?[\w'’-]{2,25}(?P<code>,? \d{5} [A-Z][\w-]{1,30})?(?!\w)"
)
_HOME = re.compile(
    r"\b(?:lives?|lived|living|home|house|address|resides?|residing|flat|apartment|moved|moves|"
    r"find (?:him|her|them|me|us)|staying|stays|come (?:to|over)|show up|door|doxx?\w*|parents|family)\b",
    re.IGNORECASE,
)
# Addresses that are institutions; nobody is found there who does not expect it.
_PUBLIC = frozenset(
    map(
        comparable,
        (
            "10 Downing Street", "Ten Downing Street", "11 Downing Street", "1600 Pennsylvania Avenue",
            "221B Baker Street", "11 Wall Street", "350 Fifth Avenue", "30 Rockefeller Plaza", "1 Infinite Loop",
            "742 Evergreen Terrace", "4 Privet Drive", "12 Grimmauld Place", "124 Conch Street",
        ),
    )
)  # fmt: skip
_UK_CODE = re.compile(r"(?<![\w-])(?:[A-PR-UWYZ][A-HK-Y]?\d[A-Z\d]?) ?\d[ABD-HJLNP-UW-Z]{2}(?![\w-])")
_US_CODE = re.compile(r"(?<![\w$£€.,-])\d{5}(?:-\d{4})?(?![\w%-]|[.,]\d)")
_CODE_CUE = re.compile(
    r"\b(?:lives?|living|resides?|home|house|address|postcode|postal code|zip(?: code)?)\b", re.IGNORECASE
)
_US_CODE_CUE = re.compile(
    r"\b(?:my|his|her|their|[\w]+['’]s) (?:home )?(?:zip(?: code)?|postcode|postal code)\b", re.IGNORECASE
)
_NAME = re.compile(r"(?:^|[\s,;:(])[A-Z][a-z'’-]{1,20} (?:[A-Z]\. )?[A-Z][a-z'’-]{1,20}[,;: ]")
_DECIMAL_DEGREES = re.compile(
    r"(?<![\w.])[-+]?(?:[1-8]?\d|90)\.\d{4,10}°? ?[NS]?,? {0,2}"
    r"[-+]?(?:1[0-7]\d|180|\d{1,2})\.\d{4,10}°? ?[EW]?(?!\w|\.\d)"
)
_SEXAGESIMAL = re.compile(
    r"(?<!\w)\d{1,2}° ?\d{1,2}['′’] ?\d{1,2}(?:\.\d{1,6})?[\"″”] ?[NS],? ?"
    r"\d{1,3}° ?\d{1,2}['′’] ?\d{1,2}(?:\.\d{1,6})?[\"″”] ?[EW]"
)


def street_addresses(text: str) -> Iterator[Seen]:
    """Yield a house number with its street where the text says that somebody lives there, or gives its postcode."""
    for pattern in (_ENGLISH, _GERMAN, _FRENCH):
        for match in pattern.finditer(text):
            if any(comparable(match.group()).startswith(known) for known in _PUBLIC):
                continue
            if match["code"] or has_cue(text, match.start(), _HOME):
                yield seen("street_address", match)


def postcodes(text: str) -> Iterator[Seen]:
    """Yield a postcode that is said of somebody: of a home, or right after a person's name."""
    for match in _UK_CODE.finditer(text):
        if has_cue(text, match.start(), _CODE_CUE) or has_cue(text, match.start(), _NAME):
            yield seen("postcode", match)
    for match in _US_CODE.finditer(text):
        if has_cue(text, match.start(), _US_CODE_CUE):
            yield seen("postcode", match)


def locations(text: str) -> Iterator[Seen]:
    """Yield coordinates that are precise to a house (four decimals are about eleven metres)."""
    for pattern in (_DECIMAL_DEGREES, _SEXAGESIMAL):
        for match in pattern.finditer(text):
            yield seen("location", match)
