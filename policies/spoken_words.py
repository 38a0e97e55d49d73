"""Words as they are heard: numbers, money and times in one form, so that two ways of writing them compare (pure).

"£3.50", "three pounds fifty" and "3 pounds 50" are the same words; so are "2,000" and "two thousand". A number is one
word per digit: "1999", "19 99" and "nineteen ninety nine" then are alike, however a recogniser groups them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_TOKEN = re.compile(
    r"(?P<money>[$£€¥])\s?(?=\d)|(?P<clock>\d{1,2}:\d{2})(?!\d)|"
    r"(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)(?:st|nd|rd|th|['’]?s)?(?![^\W_])|"
    r"(?P<word>[^\W_]+(?:['’][^\W\d_]+)*)|(?P<sign>[%&+=°#@])"
)
_SCALE_FOLLOWS = re.compile(r"[ -](?:thousand|million|billion|trillion)\b", re.IGNORECASE)
_ALPHANUMERIC = re.compile(r"\d+|\D+")
_CURRENCIES = {"$": "dollar", "£": "pound", "€": "euro", "¥": "yen"}
_SIGNS = {"%": "percent", "&": "and", "+": "plus", "=": "equals", "°": "degrees", "#": "number", "@": "at"}
_UNIT_NAMES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TEN_NAMES = "twenty thirty forty fifty sixty seventy eighty ninety"
_ORDINAL_NAMES = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth"
)
_UNITS = {word: value for value, word in enumerate(_UNIT_NAMES.split())}
_TENS = {word: 10 * value for value, word in enumerate(_TEN_NAMES.split(), 2)}
_SCALES = {"hundred": 100, "thousand": 1_000, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_ORDINALS = {word: value for value, word in enumerate(_ORDINAL_NAMES.split(), 1)}
_ORDINALS |= {"twentieth": 20, "thirtieth": 30, "hundredth": 100, "thousandth": 1000}
_DECADES = {word[:-1] + "ies": value for word, value in _TENS.items()}
# What is said in full for what is written short.
_SHORT = {
    "mr": "mister", "mrs": "missus", "dr": "doctor", "st": "saint", "prof": "professor", "vs": "versus",
    "etc": "etcetera", "ok": "okay", "kg": "kilograms", "km": "kilometers", "cm": "centimeters", "mm": "millimeters",
    "mph": "miles per hour", "jr": "junior", "sr": "senior", "no": "no", "per cent": "percent",
}  # fmt: skip
# British and American spellings of one word, made alike. Both texts go through the same rules, so it does no harm that
# some of them also change words that have one spelling only.
_VARIANTS = (
    (re.compile(r"(?<=[a-z]{2})our(?=s|ed|ing|ful|able|ite|er|ly|$)"), "or"),
    (re.compile(r"(?<=[a-z]{2})([iy])s(?=e|ed|es|er|ing|ation|ations)"), r"\1z"),
    (re.compile(r"(?<=[a-z])tre(?=s?$)"), "ter"),
    (re.compile(r"ogue(?=s?$)"), "og"),
    (re.compile(r"ll(?=ed$|ing$|ers?$)"), "l"),
    (re.compile(r"^grey"), "gray"),
    (re.compile(r"^programme"), "program"),
    (re.compile(r"ae|oe"), "e"),
    (re.compile(r"ence(?=s?$)"), "ense"),
)
_NEGATIONS = frozenset(
    ["not", "no", "never", "none", "nobody", "nothing", "nowhere", "neither", "nor", "without", "cannot"]
)
MAX_DIGITS = 18  # of a number that is read as a value; longer ones are compared digit by digit


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """One word that is heard, and where it stands in its text; several may share a place ("£3")."""

    key: str  # lower case without apostrophes; one digit of a number
    start: int
    end: int
    number: bool = False
    name: bool = False  # written with a capital inside a sentence
    negation: bool = False


def spoken_words(text: str, start: int = 0, end: int | None = None) -> list[SpokenWord]:
    """Return what a voice says for `text[start:end]`, in order; linear in its length."""
    return list(_numbers_joined(list(_tokens(text, start, len(text) if end is None else end)), text))


def _tokens(text: str, start: int, end: int) -> Iterator[SpokenWord]:
    money: tuple[str, int] | None = None  # (currency, where its sign stands) of the number that follows
    scaled: tuple[str, int] | None = None  # likewise, of the "million" that follows
    sentence_start = True
    last = start
    for match in _TOKEN.finditer(text, start, end):
        gap = text[last : match.start()]
        sentence_start = sentence_start or any(mark in gap for mark in '.!?:"“\n')
        first, last = match.span()
        kind = match.lastgroup
        if match["money"]:
            money = (_CURRENCIES[match["money"]], first)
            continue
        if match["clock"]:
            hours, minutes = match["clock"].split(":")
            yield _number(hours if minutes == "00" else hours + minutes, first, last)
        elif match["number"]:
            yield from _written_number(match, money, text)
        elif kind == "sign":
            yield SpokenWord(_SIGNS[match.group()], first, last)
        else:
            yield from _word(match.group(), first, last, sentence_start=sentence_start)
            if scaled is not None:  # "$5 million" is read "five million dollars"
                yield SpokenWord(scaled[0], scaled[1], last)
        scaled = money if match["number"] and _SCALE_FOLLOWS.match(text, last) else None
        money, sentence_start = None, False


def _written_number(match: re.Match[str], money: tuple[str, int] | None, text: str) -> Iterator[SpokenWord]:
    first, last = match.span()
    digits = match["number"].replace(",", "")
    if money is None:
        yield _number(digits, first, last)
        return
    whole, _, rest = digits.partition(".")
    if len(rest) != 2:
        yield _number(digits, money[1], last)
        if not _SCALE_FOLLOWS.match(text, last):
            yield SpokenWord(money[0], money[1], last)
        return
    yield _number(whole, money[1], last)
    yield SpokenWord(money[0], money[1], last)
    if int(rest):
        yield _number(str(int(rest)), first, last)


def _word(written: str, first: int, last: int, *, sentence_start: bool) -> Iterator[SpokenWord]:
    lower = written.lower().replace("’", "'")
    negation = lower in _NEGATIONS or lower.endswith("n't")
    key = lower.replace("'", "")
    if not key.isascii():
        key = "".join(c for c in unicodedata.normalize("NFKD", key) if not unicodedata.combining(c))
    name = written[:1].isupper() and not sentence_start and lower != "i" and not lower.startswith("i'")
    value = _UNITS.get(key, _TENS.get(key, _DECADES.get(key)))
    if value is not None:
        yield SpokenWord(str(value), first, last, number=True)
    elif key in _ORDINALS and key != "second":
        yield _number(str(_ORDINALS[key]), first, last)
    elif any(character.isdigit() for character in key):  # "BA249", "H1N1"
        for run in _ALPHANUMERIC.findall(key):
            yield SpokenWord(run, first, last, number=run.isdigit())
    else:
        for spelled in _SHORT.get(key, key).split():
            yield SpokenWord(_one_spelling(spelled), first, last, name=name, negation=negation)


def _one_spelling(key: str) -> str:
    if len(key) > 3:
        for pattern, replacement in _VARIANTS:
            key = pattern.sub(replacement, key)
    return key


def _number(key: str, first: int, last: int) -> SpokenWord:
    return SpokenWord(key, first, last, number=True)


def _numbers_joined(words: Sequence[SpokenWord], text: str) -> Iterator[SpokenWord]:
    """Put "two thousand and five" and "three point five" together; every other word is passed on."""
    at = 0
    while at < len(words):
        word = words[at]
        if word.number and (not word.key.isdigit() or len(word.key) > MAX_DIGITS):
            for digit in word.key:
                if digit.isdigit():
                    yield SpokenWord(digit, word.start, word.end, number=True)
            at += 1
        elif word.number:
            end, key = _run(words, at, text)
            if end + 1 < len(words) and words[end].key == "point" and key.isdigit() and words[end + 1].key.isdigit():
                end, key = _decimals(words, end, key)
            for digit in key.replace(".", ""):
                yield SpokenWord(digit, word.start, words[end - 1].end, number=True)
            at = end
        elif word.key in ("pounds", "dollars", "euros"):
            yield SpokenWord(word.key[:-1], word.start, word.end)
            at += 1
        elif word.key == "per" and at + 1 < len(words) and words[at + 1].key == "cent":
            yield SpokenWord("percent", word.start, words[at + 1].end)
            at += 2
        else:
            yield word
            at += 1


def _run(words: Sequence[SpokenWord], at: int, text: str) -> tuple[int, str]:
    """Read one number from its words; returns (index after it, its digits)."""
    written = words[at].key
    total, part = 0, int(written)
    # The next word must be smaller than `place`: "twenty six" is 26 and "twenty twenty" are two numbers. Written digits
    # take no further units, only a scale ("5 million").
    place = 0 if text[words[at].start].isdigit() else _place(part)
    end = at + 1
    while end < len(words) and _side_by_side(words[end - 1], words[end], text):
        word = words[end]
        if total + part >= 10**MAX_DIGITS:
            break  # nobody says a longer number as one
        if word.key in _SCALES:
            place = _SCALES[word.key]
            if place == 100:
                part *= 100
            else:
                total, part = total + part * place, 0
            end += 1
            continue
        following = end + 1 if word.key == "and" and place >= 100 and end + 1 < len(words) else end
        key = words[following].key
        if not (words[following].number and key.isdigit()) or not 0 < len(key) <= MAX_DIGITS:
            break
        value = int(key)
        if not 0 < value < place:
            break
        part += value
        end = following + 1
        place = _place(value)
    return end, written if end == at + 1 else str(total + part)  # zeros at the front of a code are said


def _place(value: int) -> int:
    return 10 if value >= 20 and value % 10 == 0 else 0


def _side_by_side(before: SpokenWord, after: SpokenWord, text: str) -> bool:
    return all(character in " -\t\n" for character in text[before.end : after.start])


def _decimals(words: Sequence[SpokenWord], point: int, whole: str) -> tuple[int, str]:
    end, digits = point + 1, ""
    while end < len(words) and words[end].number and len(words[end].key) == 1 and len(digits) < MAX_DIGITS:
        digits += words[end].key
        end += 1
    if not digits:  # "three point fifteen"
        digits, end = words[end].key, end + 1
    return end, f"{whole}.{digits}"
