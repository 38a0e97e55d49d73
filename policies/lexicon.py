"""The pack's words and phrases with what each leads to (pure).

A term is one to twelve words. "*" between words stands for up to three words; "make|build" stands for either word.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, product
from math import prod

from policies.decision import Verdict
from policies.errors import InvalidPolicyError, Problem

_COLUMNS = ["term", "category", "verdict"]
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_GAP_WORDS = 3  # how many words a "*" in a phrase may stand for
# Both bound the work per word of the text, whatever the lexicon holds.
_MAXIMUM_WORDS = 12
_MAXIMUM_GAPS = 3
_MAXIMUM_ALTERNATIVES = 256  # phrases that one term may stand for
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


@dataclass(slots=True)
class _Node:
    """A place in the tree of all phrases: what may follow, and which entries end here."""

    following: dict[str, _Node] = field(default_factory=dict)
    gap: int = 0  # how many words may come before the next listed word
    after_gap: bool = False  # so one place in the text may be reached in several ways
    entries: list[Entry] = field(default_factory=list)


class Lexicon:
    """All entries as one tree of words; not changed after construction, so safe to share between threads."""

    def __init__(self, entries: tuple[Entry, ...]) -> None:
        self.entries = entries
        self._root = _Node()
        for entry in entries:
            node = self._root
            for word in entry.words:
                after_gap = node.after_gap or node.gap > 0
                fresh = _Node(gap=_GAP_WORDS if word == "*" else 0, after_gap=after_gap)
                node = node.following.setdefault(word, fresh)
            node.entries.append(entry)

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
        entries = [(number, entry) for number, row in rows for entry in _entries(source, number, row)]
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
        """Yield every entry found in `text`, once for each place where it begins.

        Work is linear in the text: from each word the tree is walked at most twelve listed words deep, and phrases with
        the same beginning share their way, so that twenty thousand entries cost no more than twenty.
        """
        words = [
            (match.group().lower().replace("’", "'"), match.start(), match.end()) for match in _WORD.finditer(text)
        ]
        forms: dict[str, tuple[str, ...]] = {}  # texts repeat their words
        for word, _, _ in words:
            if word not in forms:
                forms[word] = tuple(dict.fromkeys((word, word.removesuffix("'s"), _singular(word))))
        listed = [forms[word] for word, _, _ in words]
        beginnings = self._root.following
        for at, options in enumerate(listed):
            if any(form in beginnings for form in options):
                for entry, last in self._from(at, listed):
                    yield Hit(entry, words[at][1], words[last][2])

    def _from(self, at: int, listed: list[tuple[str, ...]]) -> Iterator[tuple[Entry, int]]:
        """Yield (entry, index of its last word) of all that begin at word `at`, each with its shortest match."""
        ends: dict[int, tuple[_Node, int]] = {}
        visited: set[tuple[int, int]] = set()
        open_ends = [(self._root, at - 1)]
        while open_ends:
            node, position = open_ends.pop()
            for reached in range(position + 1, min(position + 2 + node.gap, len(listed))):
                for form in listed[reached]:
                    following = node.following.get(form)
                    if following is None:
                        continue
                    if following.after_gap:
                        if (id(following), reached) in visited:
                            continue
                        visited.add((id(following), reached))
                    if following.entries:
                        known = ends.get(id(following))
                        if known is None or reached < known[1]:
                            ends[id(following)] = (following, reached)
                    if following.following:
                        open_ends.append((following, reached))
                        if (gap := following.following.get("*")) is not None:
                            open_ends.append((gap, reached))
        for node, last in ends.values():
            yield from ((entry, last) for entry in node.entries)


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 5:
        return word[:-3] + "y"
    if word.endswith("es") and word[:-2].endswith(("ch", "sh", "ss", "x")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word


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


def _entries(source: str, number: int, row: dict[str, str]) -> Iterator[Entry]:
    """Yield the phrases that one line stands for; raises `InvalidPolicyError` with file, line and remedy."""
    place = f"{source}: line {number}"
    if None in row or any(value is None for value in row.values()):
        raise InvalidPolicyError(f"{place}: needs exactly {len(_COLUMNS)} fields")
    parts = [part.split("|") for part in row["term"].lower().split()]
    if not parts or parts[0] == ["*"] or parts[-1] == ["*"]:
        raise InvalidPolicyError(f"{place}: term {row['term']!r} must begin and end with a word")
    if any("" in part or (len(part) > 1 and "*" in part) for part in parts):
        raise InvalidPolicyError(f"{place}: term {row['term']!r}: write alternatives as word|word, without gaps")
    if parts.count(["*"]) > _MAXIMUM_GAPS or any(pair == (["*"], ["*"]) for pair in pairwise(parts)):
        raise InvalidPolicyError(f"{place}: term {row['term']!r} has more than {_MAXIMUM_GAPS} gaps, or two in a row")
    if len(parts) > _MAXIMUM_WORDS or prod(map(len, parts)) > _MAXIMUM_ALTERNATIVES:
        raise InvalidPolicyError(
            f"{place}: term {row['term']!r} is longer than {_MAXIMUM_WORDS} words or stands for more than "
            f"{_MAXIMUM_ALTERNATIVES} phrases; split it into several lines"
        )
    if not re.fullmatch(r"[a-z_]+(?:/[a-z_]+)?", row["category"]):
        raise InvalidPolicyError(
            f"{place}: category {row['category']!r} must be a word in lower case, or two with a slash between"
        )
    try:
        verdict = Verdict(row["verdict"])
    except ValueError as error:
        raise InvalidPolicyError(f"{place}: verdict {row['verdict']!r} is none of allow, review, block") from error
    for words in product(*parts):
        yield Entry(row["term"], words, row["category"], verdict)
