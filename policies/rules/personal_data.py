"""Personal data that should not be spoken to strangers: precise patterns with checksums, sent to a person."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

from policies.decision import Finding
from policies.rule_settings import Datum, PersonalDataRule
from policies.text import Manuscript
from policies.views import View, Views

_STREET = (
    r"(?:Street|St\.|Avenue|Ave\.?|Road|Rd\.|Lane|Drive|Boulevard|Blvd\.?|Terrace|Crescent|Close|Court|Square|Way|"
    r"Gardens)"
)


# Issuers' prefixes with the lengths they use: American Express, Diners, Visa, Mastercard, Discover and UnionPay.
_CARD = re.compile(r"3[47]\d{13}|3[068]\d{12}|4\d{12}(?:\d{3})?(?:\d{3})?|(?:5[1-5]|2[2-7])\d{14}|6\d{15,18}")


def _luhn(digits: str) -> bool:
    """Check a payment card number (ISO/IEC 7812-1, annex B)."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + position % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _is_card(match: re.Match[str]) -> bool:
    digits = re.sub(r"\D", "", match.group())
    return bool(_CARD.fullmatch(digits)) and len(set(digits)) > 2 and _luhn(digits)


def _is_iban(match: re.Match[str]) -> bool:
    """Check an account number (ISO 13616, mod 97)."""
    compact = re.sub(r"\s", "", match.group()).upper()
    if not 15 <= len(compact) <= 34:
        return False
    moved = compact[4:] + compact[:4]
    return int("".join(str(int(character, 36)) for character in moved)) % 97 == 1


def _is_address(match: re.Match[str]) -> bool:
    try:
        address = ipaddress.ip_address(match.group())
    except ValueError:
        return False
    return not (address.is_private or address.is_loopback or address.is_reserved or address.is_multicast)


def _is_phone(match: re.Match[str]) -> bool:
    text = match.group()
    digits = re.sub(r"\D", "", text)
    if not 9 <= len(digits) <= 15 or len(set(digits)) < 3:
        return False
    # A toll-free or emergency help line is public, not personal.
    return not re.match(r"(?:\+?1)?(?:800|888|877|866|855|844|833)\d{7}$|(?:\+?44|0)?80[08]\d{6,7}$", digits)


def _always(match: re.Match[str]) -> bool:
    return bool(match.group())


_DETECTORS: dict[Datum, tuple[re.Pattern[str], Callable[[re.Match[str]], bool]]] = {
    "email": (
        re.compile(
            r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,5}[A-Za-z]{2,24}(?!\w)"
            r"|\b[\w.]{2,40}\s(?:at|\(at\)|\[at\])\s[\w-]{2,40}\s(?:dot|\(dot\)|\[dot\])\s(?:com|org|net|edu|"
            r"gov|io|co|de|fr|uk)\b",
            re.IGNORECASE,
        ),
        _always,
    ),
    "phone": (
        re.compile(
            r"(?<![\w.+-])(?<!\d[ -])(?:\+\d{1,3}[ .-]?(?:\(0?\d{1,4}\)[ .-]?)?\d{1,4}(?:[ .-]?\d{2,4}){2,4}"
            r"|\(\d{3}\)[ .-]?\d{3}[ .-]\d{4}|(?:1[ .-])?\d{3}[.-]\d{3}[.-]\d{4}|\d{3} \d{3} \d{4}"
            r"|0\d{2,4}[ -]\d{3,4}[ -]?\d{3,4}|07\d{3}[ ]?\d{6}|0\d(?:[ .]\d{2}){4})(?![\w-]|[ -]\d)"
        ),
        _is_phone,
    ),
    "payment_card": (re.compile(r"(?<![\w-])\d(?:[ -]?\d){12,18}(?![\w-])"), _is_card),
    "iban": (re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?!\w)"), _is_iban),
    "ip_address": (
        re.compile(r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|(?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4})(?![\w:]|\.\d)"),
        _is_address,
    ),
    "national_id": (
        re.compile(
            r"(?<![\w-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-])"  # United States
            r"|(?<!\w)[A-CEGHJ-PR-TW-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D](?!\w)"  # United Kingdom
        ),
        _always,
    ),
    "street_address": (
        re.compile(
            r"\b(?:lives?|living|home|house|address(?: is)?|resides?|flat|apartment|moved|find (?:him|her|"
            r"them))\b[^.!?\n]{0,40}?"
            r"\b\d{1,5}[A-Za-z]?,? (?:[A-Z][\w'’.-]{1,20} ){1,3}" + _STREET + r"(?!\w)"
        ),
        _always,
    ),
}  # fmt: skip
_ORDER: tuple[Datum, ...] = (
    "payment_card", "iban", "national_id", "ip_address", "email", "street_address", "phone",
)  # fmt: skip
_NAMES: dict[Datum, str] = {
    "email": "an e-mail address",
    "phone": "a telephone number",
    "payment_card": "a payment card number (its check digit is right)",
    "iban": "a bank account number (its check digits are right)",
    "ip_address": "a public IP address",
    "national_id": "an identity or social security number",
    "street_address": "where somebody lives",
}


class PersonalData:
    """Finds e-mail and home addresses, phone, card, account and identity numbers, and public IP addresses."""

    id = "personal_data"
    models: tuple[tuple[str, str], ...] = ()

    def __init__(self, *, settings: PersonalDataRule) -> None:
        self._settings = settings
        self.categories: tuple[str, ...] = tuple(sorted(settings.kinds))

    def check(self, manuscript: Manuscript, views: Views) -> list[Finding]:
        """Search the text as written and as normalised (full-width digits, look-alikes)."""
        findings: list[Finding] = []
        for view in (views.original, *(view for view in views.all[1:2] if view.text != manuscript.text)):
            # The kinds with check digits come first: what they recognise is no telephone number.
            for kind in sorted(self._settings.kinds, key=_ORDER.index):
                findings += self._search(view, kind, findings)
        return findings

    def _search(self, view: View, kind: Datum, known: list[Finding]) -> list[Finding]:
        pattern, is_real = _DETECTORS[kind]
        found = []
        for match in pattern.finditer(view.text):
            span = view.span(match.start(), match.end())
            if is_real(match) and not any(
                other.span.start < span.end and span.start < other.span.end for other in known
            ):
                found.append(
                    Finding(
                        self.id, kind, self._settings.verdict, span, 1.0, f"The text holds {_NAMES[kind]}.", view.name
                    )
                )
        return found
