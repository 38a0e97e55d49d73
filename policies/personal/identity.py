"""Numbers that states give to a person, dates of birth and licence plates.

A number with a strong check (two check digits, or a letter and a fixed form) stands for itself; one that a tenth of all
numbers would pass counts only where the text calls it by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from policies.personal import checks
from policies.personal.datum import Seen, has_cue, seen


@dataclass(frozen=True, slots=True)
class _Form:
    """How one country writes its number; `named` is what the text must call it, where the form alone is too weak."""

    pattern: re.Pattern[str]
    check: Callable[[str], bool]  # of the characters without separators, upper case
    named: re.Pattern[str] | None = None


def _form(pattern: str, check: Callable[[str], bool], named: str | None = None) -> _Form:
    cue = re.compile(r"\b(?:" + named + r")\b", re.IGNORECASE) if named else None
    return _Form(re.compile(r"(?<![\w-])(?<!\d[. ])(?:" + pattern + r")(?![\w-]|[., ]\d)"), check, cue)


def _always(code: str) -> bool:
    return bool(code)


_FORMS: tuple[_Form, ...] = (
    # United States: social security number. The middle and last groups are never zero (SSA).
    _form(r"(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}", _always),
    _form(r"(?!000|666|9\d\d)\d{3}[ -]?(?!00)\d{2}[ -]?(?!0000)\d{4}", _always,
          r"social(?: security)?(?: (?:number|no))?|ssn"),
    # United Kingdom: national insurance number (HMRC NIM39110) and NHS number.
    _form(r"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]", _always),
    _form(r"\d{3}[ -]?\d{3}[ -]?\d{4}", checks.nhs_number, r"nhs(?: (?:number|no))?"),
    # Germany, France, Spain, Italy.
    _form(r"\d{2} ?\d{3} ?\d{3} ?\d{3}", checks.german_tax_id,
          r"steuer-?id\w*|steueridentifikationsnummer|tax (?:id\w*|number)|identification number"),
    _form(r"[12] ?\d{2} ?(?:0[1-9]|1[0-2]|[2-9]\d) ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}", checks.french_nir),
    _form(r"(?:\d{8}|[XYZ]-?\d{7})-?[A-HJ-NP-TV-Z]", checks.spanish_dni),
    _form(r"[A-Z]{6} ?\d{2}[A-EHLMPRST]\d{2} ?[A-Z]\d{3}[A-Z]", checks.codice_fiscale),
    # India: Aadhaar; no number begins with 0 or 1 (UIDAI). PAN by its fixed form.
    _form(r"[2-9]\d{3} \d{4} \d{4}|[2-9]\d{3}-\d{4}-\d{4}", checks.verhoeff),
    _form(r"[2-9]\d{3}[ -]?\d{4}[ -]?\d{4}", checks.verhoeff, r"aadh?aar\w*"),
    _form(r"[A-Z]{3}[ABCFGHLJPT][A-Z]\d{4}[A-Z]", _always, r"pan(?: (?:card|number|no))?"),
    # Brazil, Belgium, Switzerland, China, Korea: strong checks.
    _form(r"\d{3}\.\d{3}\.\d{3}-\d{2}", checks.brazilian_cpf),
    _form(r"\d{11}", checks.brazilian_cpf, r"cpf"),
    _form(r"\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}", checks.belgian_number),
    _form(r"756\.\d{4}\.\d{4}\.\d{2}|756\d{10}", checks.ean13),
    _form(r"[1-9]\d{5}(?:18|19|20)\d{9}[\dXx]", checks.chinese_id),
    _form(r"\d{6}-[1-8]\d{6}", checks.korean_rrn),
    # Netherlands, Poland, Sweden, Canada, Australia: weak checks, so their names are needed.
    _form(r"\d{9}", checks.dutch_bsn, r"bsn|burgerservicenummer"),
    _form(r"\d{11}", checks.polish_pesel, r"pesel"),
    _form(r"\d{6}[-+]\d{4}", checks.luhn, r"personnummer|personal (?:identity )?number|identity number"),
    _form(r"\d{3}[ -]?\d{3}[ -]?\d{3}", checks.luhn, r"sin|social insurance(?: number)?"),
    _form(r"\d{3}[ -]?\d{3}[ -]?\d{3}", checks.australian_tfn, r"tfn|tax file number"),
)  # fmt: skip

_DOCUMENT = re.compile(r"(?<![\w-])(?=[A-Z0-9]*\d)[A-Z]{0,3} ?\d(?:[ -]?[A-Z0-9]){4,15}(?![\w-])")
_PASSPORT_CUE = re.compile(
    r"\b(?:passport|driv(?:er|ing)(?:['’]?s)? licen[cs]e|id card|identity card|green card|visa)\b"
    r"(?:(?!\b(?:control|office|fee|queue)\b)[^\0]){0,40}\0"
    r"|\bmedical record (?:number|no)\b|\bmrn\b|\bpatient (?:id|number)\b",
    re.IGNORECASE,
)
_PLATE = re.compile(
    r"(?<![\w-])(?=[A-Z0-9 -]{0,9}\d)(?=[A-Z0-9 -]{0,9}[A-Z])[A-Z0-9]{1,4}(?:[ -]?[A-Z0-9]{1,4}){1,2}(?![\w-])"
)
_PLATE_CUE = re.compile(
    r"\b(?:licen[cs]e|number|registration|reg)[ -]plates?\b"
    r"|\b(?:number|licen[cs]e)? ?plates? (?:is|are|was|read|number|says)\b"
    r"|\bregistration (?:number|is|mark)\b|\btag number\b",
    re.IGNORECASE,
)
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|"
    r"nov(?:ember)?|dec(?:ember)?)"
)
_DATE = re.compile(
    r"(?<![\w/.-])(?:\d{1,2}(?:st|nd|rd|th)?(?: of)? " + _MONTH + r"\.?,? (?:19|20)\d\d"
    r"|" + _MONTH + r"\.? \d{1,2}(?:st|nd|rd|th)?,? (?:19|20)\d\d"
    r"|\d{1,2}[./-]\d{1,2}[./-](?:(?:19|20)\d\d|\d\d)|(?:19|20)\d\d-\d{2}-\d{2})(?![\w/-]|\.\d)",
    re.IGNORECASE,
)
# Dates of birth of public persons fill biographies; one that is labelled, or said of oneself or one's own, does not.
_BIRTH_CUE = re.compile(
    r"\bdate of birth\b|\bd\.?o\.?b\b|\bbirth ?date\b"
    r"|\b(?:i was|i['’]m|my (?:\w+ ){1,3}?(?:was|is)|our (?:\w+ ){1,2}?(?:was|is)) born\b"
    r"|\b(?:my|our|[\w]+['’]s) birthday\b|\bborn\b.{0,40}\b(?:ssn|social security|passport|lives at|patient)\b",
    re.IGNORECASE,
)


def national_ids(text: str) -> Iterator[Seen]:
    """Yield identity, tax and social security numbers of about twenty countries."""
    for form in _FORMS:
        for match in form.pattern.finditer(text):
            if form.named is None or has_cue(text, match.start(), form.named):
                code = re.sub(r"[ .+-]", "", match.group()).upper()
                if form.check(code) and not (code.isdecimal() and checks.is_counting(code)):
                    yield seen("national_id", match)


def documents(text: str) -> Iterator[Seen]:
    """Yield numbers that the text calls those of a passport, driving licence, identity card or patient."""
    for match in _DOCUMENT.finditer(text):
        if has_cue(text, match.start(), _PASSPORT_CUE) and sum(c.isdigit() for c in match.group()) >= 4:
            yield seen("passport", match)


def licence_plates(text: str) -> Iterator[Seen]:
    """Yield codes of letters and figures that the text calls a plate or registration."""
    for match in _PLATE.finditer(text):
        if 4 <= len(re.sub(r"[ -]", "", match.group())) <= 8 and has_cue(text, match.start(), _PLATE_CUE):
            yield seen("licence_plate", match)


def dates_of_birth(text: str) -> Iterator[Seen]:
    """Yield full dates that are labelled as a date of birth, or said of the speaker or the speaker's own."""
    for match in _DATE.finditer(text):
        if has_cue(text, match.start(), _BIRTH_CUE):
            yield seen("date_of_birth", match)
