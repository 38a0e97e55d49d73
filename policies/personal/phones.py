"""Telephone numbers, judged by the numbering plans of `phonenumbers` (a port of Google's libphonenumber)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberType

from policies.errors import InvalidPolicyError
from policies.personal.checks import ean13, is_counting
from policies.personal.datum import Seen, has_cue, seen

_CANDIDATE = re.compile(r"(?<![\w.,+:/-])(?<!\d[ -])[+(]?\d(?:[ ().\-/]{0,3}\d){6,16}(?![\w%]|[.,]\d|[ -]\d)")
_NORTH_AMERICAN = re.compile(r"(?:\+?1[ .-]?)?(?:\(\d{3}\)[ .-]?\d{3}[ .-]\d{4}|\d{3}([.-])\d{3}\1\d{4})")
_CUE = re.compile(
    r"\b(?:(?:tele)?phone|tel|ph|mobile|cell|cellphone|whatsapp|fax|signal)\b"
    r"|\b(?:my|his|her|their|our|your|the|direct|private|home|work|contact|[\w]+['’]s) (?:\w+ )?(?:number|digits)\b"
    r"|\b(?:call|text|ring|dial|phone|message|reach|contact|buzz)(?:s|ed|ing)? "
    r"(?:me|us|him|her|them|now|today|back|\w+ (?:on|at))\b"
    r"|\b(?:call|text|ring|dial|reach (?:me|us|him|her|them))\W*\0",
    re.IGNORECASE,
)
_OTHER_NUMBER = re.compile(
    r"\b(?:isbn|issn|doi|case|order|reference|ref|invoice|ticket|flight|episode|patent|serial|model|part|lottery|"
    r"tracking|booking|confirmation|account|card|passport|licen[cs]e|routing|social security)\b", re.IGNORECASE,
)  # fmt: skip
# Numbers that belong to a service and not to a person: help lines, hot lines, company numbers.
_PUBLIC = frozenset(
    [
        PhoneNumberType.TOLL_FREE,
        PhoneNumberType.PREMIUM_RATE,
        PhoneNumberType.SHARED_COST,
        PhoneNumberType.VOICEMAIL,
    ]
)


_BRITISH_SERVICE = re.compile(r"(?:0|44)3(?:00|03|30|33|4[3-5]|7[0-2])\d{7}$")  # charities and public bodies (Ofcom)


class PhoneNumbers:
    """Finds telephone numbers; `regions` (ISO 3166 codes) are the countries whose national forms are known."""

    def __init__(self, regions: Sequence[str]) -> None:
        unknown = sorted(set(regions) - set(phonenumbers.SUPPORTED_REGIONS))
        if unknown:
            raise InvalidPolicyError(
                f"rules.personal_data.phone_regions: {unknown} are no country codes; write ISO 3166 codes such as US"
            )
        self._regions = tuple(regions)

    def written(self, text: str) -> Iterator[Seen]:
        """Yield numbers in figures: international, in a national form, or named as a telephone number."""
        for match in _CANDIDATE.finditer(text):
            if self._is_phone(text, match):
                yield seen("phone", match)

    def spoken(self, text: str) -> Iterator[Seen]:
        """Yield numbers that were spelled out, in `text` with figures for words: grouping says nothing here."""
        for match in _CANDIDATE.finditer(text):
            digits = re.sub(r"\D", "", match.group())
            if is_counting(digits) or "." in match.group():
                continue
            plans = self._plans(match.group())
            if _is_public(plans, digits):
                continue
            named = _is_named(text, match)
            # Nobody reads ten and more single digits that are a dialable number unless it is one.
            if named or (plans and len(digits) >= 9 and not _is_other(text, match)):
                yield seen("phone", match)

    def _is_phone(self, text: str, match: re.Match[str]) -> bool:
        written = match.group()
        digits = re.sub(r"\D", "", written)
        if len(digits) > 15 or len(set(digits)) < 3 or _is_isbn(text, match, digits) or _is_date(written):
            return False
        plans = self._plans(written)
        if _is_public(plans, digits):
            return False
        if written.startswith("+"):
            return bool(plans) or len(digits) >= 9
        if _NORTH_AMERICAN.fullmatch(written) and not _is_other(text, match):
            return True
        if _is_named(text, match):
            return not is_counting(digits)
        if not plans or _is_other(text, match):
            return False
        groups = re.findall(r"\d+", written)
        if [len(group) for group in groups] == [3, 3, 4]:
            return True
        # "0 1 1 2 3 5 8 13 21" is a sequence: people write telephone numbers in groups.
        return digits.startswith("0") and len(digits) >= 9 and sum(len(group) == 1 for group in groups) < 2

    def _plans(self, written: str) -> list[PhoneNumber]:
        """Return the number as every numbering plan reads it in which it is valid."""
        found = []
        for region in (None,) if written.startswith("+") else self._regions:
            try:
                number = phonenumbers.parse(written, region)
            except NumberParseException:
                continue  # safe to ignore because the other plans are tried, and formats are judged besides
            if phonenumbers.is_valid_number(number):
                found.append(number)
        return found


def _is_public(plans: list[PhoneNumber], digits: str) -> bool:
    """Free in one plan, or no person's in any: "0171 2345678" is a premium line in one country, a mobile in another."""
    kinds = [
        phonenumbers.number_type(number)
        for number in plans
        # "555 0123" is no toll-free number just because some country has one without its prefix.
        if number.country_code == 1 or digits.startswith(("0", "13", "18", str(number.country_code)))
    ]
    british = any(number.country_code == 44 for number in plans) and _BRITISH_SERVICE.match(digits) is not None
    free = PhoneNumberType.TOLL_FREE in kinds
    return british or free or (bool(kinds) and len(kinds) == len(plans) and all(kind in _PUBLIC for kind in kinds))


def _is_named(text: str, match: re.Match[str]) -> bool:
    return has_cue(text, match.start(), _CUE) and not _is_other(text, match)


def _is_other(text: str, match: re.Match[str]) -> bool:
    return has_cue(text, match.start(), _OTHER_NUMBER)


def _is_isbn(text: str, match: re.Match[str], digits: str) -> bool:
    if "isbn" in text[max(0, match.start() - 20) : match.start()].lower():
        return True
    return len(digits) == 13 and digits.startswith(("978", "979")) and ean13(digits)


def _is_date(written: str) -> bool:
    """Dates and spans of years: "2026-11-22", "22.11.2026", "1939-1945", "1999-2000-2001"."""
    parts = re.split(r"[ ./-]+", written)
    years = all(len(part) == 4 and part[:2] in ("16", "17", "18", "19", "20", "21") for part in parts)
    return years or (len(parts) == 3 and sorted(map(len, parts)) in ([2, 2, 4], [1, 2, 4], [1, 1, 4]))
