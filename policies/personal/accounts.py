"""Payment cards, bank accounts, crypto wallets, and secrets that open an account."""

from __future__ import annotations

import re
from collections.abc import Iterator

from policies.personal.checks import base58check, bech32, is_counting, luhn, mod97, routing_number
from policies.personal.datum import Seen, has_cue, seen

_CARD_TEXT = re.compile(r"(?<![\w-])(?<!\d[ .])\d(?:[ -]{0,3}\d){12,18}(?![\w-])")
# Issuers' prefixes with the lengths they use: American Express, Diners, Visa, Mastercard, Discover and UnionPay.
_CARD = re.compile(r"3[47]\d{13}|3[068]\d{12}|4\d{12}(?:\d{3})?(?:\d{3})?|(?:5[1-5]|2[2-7])\d{14}|6\d{15,18}")
_IBAN = re.compile(r"(?<!\w)[A-Z]{2} ?\d ?\d(?:[ -]?[A-Z0-9]){11,30}(?!\w)")
# Lengths by country, as in the IBAN registry (ISO 13616).
_IBAN_LENGTHS = {
    code: length
    for length, codes in {
        15: "NO", 16: "BE", 18: "DK FK FO FI GL NL SD", 19: "MK SI", 20: "AT BA EE KZ LT LU MN XK",
        21: "CH HR LI LV", 22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG", 25: "LY PT ST", 26: "IS TR", 27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HN HU LB NI PL SV", 29: "BR EG PS QA UA", 30: "JO KW MU YE", 31: "MT SC", 32: "LC",
        33: "RU",
    }.items()
    for code in codes.split()
}  # fmt: skip
_ACCOUNT = re.compile(r"(?<![\w-])\d(?:[ -]{0,2}\d){5,16}(?![\w-])")
_ACCOUNT_CUE = re.compile(
    r"\b(?:bank )?account (?:number|no|nr)\b|\bacc?t\.? (?:number|no)\b|\bsort code\b|\brouting (?:number|no)\b|"
    r"\bbank account\b[^.]{0,20}\b(?:is|number)\b",
    re.IGNORECASE,
)
_ROUTING_CUE = re.compile(r"\brouting\b", re.IGNORECASE)
_WALLETS = re.compile(
    r"(?<!\w)(?:0x[0-9a-fA-F]{40}|(?:bc1|tb1|ltc1)[a-z0-9]{25,87}|[13LDM][1-9A-HJ-NP-Za-km-z]{25,34})(?!\w)"
)
# Forms of keys as their issuers document them, and values that the text itself calls a secret.
_SECRETS = re.compile(
    r"(?<![\w-])(?:A(?:KIA|SIA)[0-9A-Z]{16}|gh[opusr]_[0-9A-Za-z]{36,255}|github_pat_[0-9A-Za-z_]{22,255}"
    r"|glpat-[0-9A-Za-z_-]{20,64}|xox[abeoprs]-[0-9A-Za-z-]{10,250}|sk-(?:[a-z]{2,8}-){0,2}[0-9A-Za-z_-]{20,200}"
    r"|[rs]k_(?:live|test)_[0-9A-Za-z]{16,255}|AIza[0-9A-Za-z_-]{35}|hf_[0-9A-Za-z]{30,64}|npm_[0-9A-Za-z]{36}"
    r"|SG\.[\w-]{16,64}\.[\w-]{16,64}|eyJ[\w-]{10,2000}\.eyJ[\w-]{10,4000}\.[\w-]{10,1000})(?![\w])"
    r"|-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----"
)
_NAMED_SECRET = re.compile(
    r"\b(?:password|passphrase|passcode|pass word|pin(?: code| number)?|api[ -]?key|secret key|access token|auth token|"
    r"security code|cvv|cvc)(?:\s(?:for|to|of)(?:\s\w{1,20}){1,4})?"
    r"(?:\s?[:=]\s?|\s(?:is|was|equals)\s?[:\"“'‘]{0,2}\s?)"
    r"[\"“'‘]?(?P<value>[^\s\"”'’,;]{3,200})", re.IGNORECASE,
)  # fmt: skip
_MINIMUM_SECRET = 4


def cards(text: str) -> Iterator[Seen]:
    """Yield numbers with an issuer's prefix and a right check digit."""
    for match in _CARD_TEXT.finditer(text):
        digits = re.sub(r"\D", "", match.group())
        if _CARD.fullmatch(digits) and len(set(digits)) > 2 and luhn(digits):
            yield seen("payment_card", match)


def ibans(text: str) -> Iterator[Seen]:
    """Yield account numbers with the length of their country and right check digits."""
    for match in _IBAN.finditer(text):
        compact = re.sub(r"[ -]", "", match.group())
        length = _IBAN_LENGTHS.get(compact[:2])
        # Words in capitals may follow the number; its country says where it ends.
        if length is not None and len(compact) >= length and mod97(compact[:length]):
            end = match.start()
            kept = 0
            while kept < length:
                kept += text[end].isalnum()
                end += 1
            yield Seen("iban", match.start(), end, compact[:length].lower())


def bank_accounts(text: str) -> Iterator[Seen]:
    """Yield numbers that the text calls an account number, sort code or routing number."""
    for match in _ACCOUNT.finditer(text):
        digits = re.sub(r"\D", "", match.group())
        if has_cue(text, match.start(), _ACCOUNT_CUE) and not is_counting(digits):
            routing = len(digits) == 9 and has_cue(text, match.start(), _ROUTING_CUE)
            if not routing or routing_number(digits):
                yield seen("bank_account", match)


def wallets(text: str) -> Iterator[Seen]:
    """Yield addresses of Bitcoin-like currencies with a right checksum, and of Ethereum."""
    for match in _WALLETS.finditer(text):
        code = match.group()
        if code.startswith("0x") or (bech32(code) if code[:3] in ("bc1", "tb1", "ltc") else base58check(code)):
            yield seen("crypto_wallet", match)


def secrets(text: str) -> Iterator[Seen]:
    """Yield keys in the form of a known issuer, and what follows "the password is" when it is no ordinary word."""
    for match in _SECRETS.finditer(text):
        yield seen("secret", match)
    for match in _NAMED_SECRET.finditer(text):
        value = match["value"].rstrip(".!?)")
        if len(value) >= _MINIMUM_SECRET and any(not character.isalpha() for character in value):
            yield Seen("secret", match.start("value"), match.start("value") + len(value), value.lower())
