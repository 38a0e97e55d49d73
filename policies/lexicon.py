"""The pack's words and phrases with what each leads to (pure)."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from policies.decision import Verdict
from policies.errors import InvalidPolicyError, Problem

_COLUMNS = ["term", "category", "verdict"]
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_GAP_WORDS = 3  # how many words a "*" in a phrase may stand for
# Words that count in order to recognise a disguise, whatever a phrase leads to: "k1ll" shows intent to evade.
_MINIMUM_DECODED = 4


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the lexicon; `words` are lower case, "*" stands for up to three words."""

    term: str
    words: tuple[str, ...]
    category: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Hit:
    """An entry found in a text, at `[start, end)`."""

    entry: Entry
    start: int
    end: int


class Lexicon:
    """All entries, indexed by their first word; immutable, safe to share between threads."""

    def __init__(self, entries: tuple[Entry, ...]) -> None:
        self.entries = entries
        by_first: dict[str, list[Entry]] = {}
        for entry in entries:
            by_first.setdefault(entry.words[0], []).append(entry)
        self._by_first = by_first

    @classmethod
    def parse(cls, content: bytes, *, source: str) -> Lexicon:
        """Read CSV with the columns term, category, verdict; raises `InvalidPolicyError` with file and line."""
        try:
            reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
            rows = [(reader.line_num, row) for row in reader]  # a quoted field may span lines, so rows are not counted
        except (UnicodeDecodeError, csv.Error) as error:
            raise InvalidPolicyError(f"{source}: is not a CSV file in UTF-8: {error}; save it as such") from error
        if reader.fieldnames != _COLUMNS:
            raise InvalidPolicyError(f"{source}: line 1: columns are {reader.fieldnames}; write {','.join(_COLUMNS)}")
        if not rows:
            raise InvalidPolicyError(f"{source}: has no entries; a lexicon without words finds nothing")
        entries = [(number, _entry(source, number, row)) for number, row in rows]
        _refuse_contradictions(source, entries)
        return cls(tuple(entry for _, entry in entries))

    @property
    def vocabulary(self) -> frozenset[str]:
        """Single words worth recognising under a disguise."""
        words: set[str] = set()
        for entry in self.entries:
            if entry.category == "disguised" or len(entry.words) == 1:
                words.update(word for word in entry.words if word.isalpha() and len(word) >= _MINIMUM_DECODED)
        return frozenset(words)

    @property
    def categories(self) -> frozenset[str]:
        """All categories in use."""
        return frozenset(entry.category for entry in self.entries)

    def search(self, text: str) -> Iterator[Hit]:
        """Yield every entry found in `text`; work is linear in the text for a given lexicon."""
        words = [
            (match.group().lower().replace("’", "'"), match.start(), match.end()) for match in _WORD.finditer(text)
        ]
        for at, (word, start, _) in enumerate(words):
            for form in dict.fromkeys((word, word.removesuffix("'s"), _singular(word))):
                for entry in self._by_first.get(form, ()):
                    last = _match(entry.words, words, at)
                    if last is not None:
                        yield Hit(entry, start, words[last][2])


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 5:
        return word[:-3] + "y"
    if word.endswith("es") and word[:-2].endswith(("ch", "sh", "ss", "x")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word


def _match(pattern: tuple[str, ...], words: list[tuple[str, int, int]], at: int) -> int | None:
    """Return the index of the last matched word; a "*" takes as few words as possible."""
    position = at
    gap = 0
    for wanted in pattern[1:]:
        if wanted == "*":
            gap = _GAP_WORDS
            continue
        for step in range(1, gap + 2):
            if position + step < len(words) and wanted in (
                words[position + step][0],
                _singular(words[position + step][0]),
            ):
                position += step
                break
        else:
            return None
        gap = 0
    return position


def _refuse_contradictions(source: str, entries: Sequence[tuple[int, Entry]]) -> None:
    """Raise if a term stands twice in one category, or leads to different verdicts."""
    seen: dict[tuple[str, ...], dict[str, tuple[int, Verdict]]] = {}
    problems = []
    for number, entry in entries:
        known = seen.setdefault(entry.words, {})
        if entry.category in known:
            problems.append(
                Problem(
                    source, number, "", f"{entry.term!r} is on line {known[entry.category][0]} too; keep one of them"
                )
            )
        for line, verdict in known.values():
            if verdict is not entry.verdict:
                problems.append(
                    Problem(
                        source, number, "",
                        f"{entry.term!r} leads to {entry.verdict.value} here and to {verdict.value} on line {line}; "
                        "give both the same verdict",
                    )
                )  # fmt: skip
        known.setdefault(entry.category, (number, entry.verdict))
    if problems:
        raise InvalidPolicyError.listing(problems)


def _entry(source: str, number: int, row: dict[str, str]) -> Entry:
    place = f"{source}: line {number}"
    if None in row or any(value is None for value in row.values()):
        raise InvalidPolicyError(f"{place}: needs exactly {len(_COLUMNS)} fields")
    words = tuple(part for part in row["term"].lower().split())
    if not words or words[0] == "*" or words[-1] == "*":
        raise InvalidPolicyError(f"{place}: term {row['term']!r} must begin and end with a word")
    if not re.fullmatch(r"[a-z_]+", row["category"]):
        raise InvalidPolicyError(f"{place}: category {row['category']!r} must be lower case letters and underscores")
    try:
        verdict = Verdict(row["verdict"])
    except ValueError as error:
        raise InvalidPolicyError(f"{place}: verdict {row['verdict']!r} is none of allow, review, block") from error
    return Entry(row["term"], words, row["category"], verdict)
