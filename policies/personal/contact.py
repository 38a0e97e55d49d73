"""E-mail addresses, written and spoken, and IP addresses."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from policies.personal.datum import Seen, comparable, has_cue, seen

_WRITTEN = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,5}[^\W\d_]{2,24}(?!\w)")
_TLD = (
    "com|org|net|edu|gov|mil|int|info|biz|io|co|ai|app|dev|fm|tv|me|example|test|uk|de|fr|es|it|nl|be|ch|at|eu|ie|pl|"
    "se|no|dk|fi|pt|ru|in|cn|jp|au|nz|ca|us|br|mx|za"
)
_AT = r"(?:at|@|\(at\)|\[at\]|\{at\}|at[ -]sign)"
_DOT = r"(?:dot|\.|\(dot\)|\[dot\]|\{dot\})"
_SIGN = r"(?:dot|point|period|underscore|dash|hyphen|minus|plus)"
# "john dot smith at example dot com"; "j smith (at) example.com". All quantifiers are bounded.
# "john dot smith at example dot com"; "j smith (at) example.com"; "bob, at, example, dot, com".
_GAP = r",?\s{1,3}"
_SPOKEN = re.compile(
    r"(?<!\w)(?P<local>[\w.+-]{1,40}(?:" + _GAP + _SIGN + _GAP + r"[\w.+-]{1,40}){0,5})" + _GAP
    + "(?P<at>" + _AT + ")" + _GAP
    + r"(?P<domain>[\w-]{1,40}(?:\s[\w-]{1,20}){0,2}?(?:(?:" + _GAP + _DOT + _GAP + r"|\.)[\w-]{1,30}){0,3}?"
    + "(?:" + _GAP + _DOT + _GAP + r"|\.)(?:" + _TLD + r"))(?!\w)",
    re.IGNORECASE,
)  # fmt: skip
_HAS_SIGN = re.compile(r"\s" + _SIGN + r"\s|\d|[_.+]", re.IGNORECASE)
_PROVIDER = re.compile(
    r"(?:g ?mail|google ?mail|hotmail|outlook|yahoo|icloud|proton ?mail|proton|aol|gmx|web|mail|fast ?mail|live|msn|"
    r"zoho)\b",
    re.IGNORECASE,
)
_CUE = re.compile(
    r"\be-?mail|\bmail\b|\bwrite (?:to )?(?:me|us|him|her|them|to)\b|\breach (?:me|us|him|her|them)\b|\baddress is\b"
    r"|\bcontact\b|\bmessage (?:me|us|him|her|them)\b|\binbox\b|\bdrop (?:me|us) a line\b",
    re.IGNORECASE,
)
_IP = re.compile(r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{1,4})(?![\w:]|\.\d)")


def emails(text: str) -> Iterator[Seen]:
    """Yield addresses with "@", and spelled-out ones that are not just a place ("meet me at shop dot com")."""
    if "@" in text:
        for match in _WRITTEN.finditer(text):
            yield seen("email", match)
    for match in _SPOKEN.finditer(text):
        masked = match["at"].lower() != "at"
        local = match["local"]
        if (
            masked
            or _HAS_SIGN.search(local)
            or _PROVIDER.match(match["domain"])
            or has_cue(text, match.start(), _CUE, after=len(local))
        ):
            yield Seen("email", match.start(), match.end(), _spelled_out(local) + "@" + _spelled_out(match["domain"]))


def _spelled_out(words: str) -> str:
    """Return "john.smith" for "John dot Smith"."""
    text = words.lower()
    for sign, word in ((".", "dot|point|period"), ("_", "underscore"), ("-", "dash|hyphen|minus"), ("+", "plus")):
        text = re.sub(r"[\s(\[{,]+(?:" + word + r")[\s)\]},]+", sign, text)
    return comparable("@" + text)[1:]


def ip_addresses(text: str) -> Iterator[Seen]:
    """Yield addresses that are reachable from the Internet."""
    for match in _IP.finditer(text):
        try:
            address = ipaddress.ip_address(match.group())
        except ValueError:
            continue  # safe to ignore because what does not parse is no address
        if address.is_global and not address.is_multicast and not address.is_reserved:
            yield seen("ip_address", match)
