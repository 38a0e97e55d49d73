"""The registry of protected texts: what is known of each, as NDJSON without the text itself, and the search in all.

The file holds one header line and one line per text. Of a text it keeps title, owner and the sorted set of its hashed
sequences: neither the words nor their order.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, ValidationError

from policies.decision import Verdict
from policies.errors import InvalidPolicyError, ScreeningError
from policies.protected.shingles import HASH_BYTES, SHINGLE_WORDS, Hashes, comparable_words, hash_shingles
from policies.rule_settings import Strict

FORMAT = "assay-protected-texts/1"
# A shorter passage is a common phrase: "at the end of the day it is what it is" belongs to nobody.
MINIMUM_QUOTE_WORDS = 8
DEFAULT_QUOTE_WORDS = 30
MAXIMUM_TEXTS = 100_000
MAXIMUM_MATCHES = 5_000_000  # bounds the memory of one search to some hundred megabytes


class _Header(Strict):
    format: Literal["assay-protected-texts/1"]
    key: str = Field(pattern=r"^[0-9a-f]{16}$")


class ProtectedText(Strict):
    """One protected text: who owns it, and how much of it may be quoted."""

    id: str = Field(pattern=r"^[a-z0-9-]{1,80}$")
    title: str = Field(min_length=1, max_length=300)
    owner: str = Field(min_length=1, max_length=300)
    url: str = Field(default="", pattern=r"^(https://.*)?$", max_length=500)
    verdict: Literal[Verdict.REVIEW, Verdict.BLOCK] = Verdict.REVIEW
    quote_words: int = Field(default=DEFAULT_QUOTE_WORDS, ge=MINIMUM_QUOTE_WORDS, le=10_000)
    words: int = Field(gt=0)
    added_on: date
    shingles: Annotated[str, Field(min_length=1)]  # base64 of sorted unsigned 64-bit integers, little endian

    def hashes(self) -> Hashes:
        """Return the sorted hashes; raises `InvalidPolicyError` when they cannot be read."""
        try:
            raw = base64.b64decode(self.shingles, validate=True)
        except (binascii.Error, ValueError) as error:
            raise InvalidPolicyError(f"protected text {self.id}: its hashes are damaged; add the text again") from error
        if not raw or len(raw) % HASH_BYTES:
            raise InvalidPolicyError(f"protected text {self.id}: its hashes are cut off; add the text again")
        return np.frombuffer(raw, dtype="<u8")


@dataclass(frozen=True, slots=True)
class TextRegistry:
    """All protected texts of an installation and the key of their hashes; immutable."""

    texts: tuple[ProtectedText, ...]
    key: bytes

    @classmethod
    def parse(cls, content: bytes, *, key: bytes, source: str) -> TextRegistry:
        """Read the NDJSON form; raises `InvalidPolicyError` that names file, line and what to do."""
        lines = content.splitlines()
        try:
            header = _Header.model_validate_json(lines[0] if lines else b"")
        except ValidationError as error:
            raise InvalidPolicyError(f"{source}: line 1 is no header of {FORMAT}; restore the file") from error
        if header.key != key_id(key):
            raise InvalidPolicyError(
                f"{source}: was made with another key, so nothing in it could match; restore that key, or add all again"
            )
        texts: list[ProtectedText] = []
        seen: set[str] = set()
        for number, line in enumerate(lines[1:], start=2):
            try:
                text = ProtectedText.model_validate_json(line)
            except ValidationError as error:
                first = error.errors(include_url=False, include_input=False)[0]
                key_name = ".".join(str(part) for part in first["loc"])
                raise InvalidPolicyError(f"{source}: line {number}: {key_name}: {first['msg']}") from error
            if text.id in seen:
                raise InvalidPolicyError(f"{source}: line {number}: id {text.id} is used twice; remove one of them")
            seen.add(text.id)
            texts.append(text)
        return cls(tuple(texts), key)

    def dump(self) -> bytes:
        """Return the NDJSON form."""
        lines = [json.dumps({"format": FORMAT, "key": key_id(self.key)})]
        lines += [text.model_dump_json() for text in self.texts]
        return ("\n".join(lines) + "\n").encode()

    @property
    def digest(self) -> str:
        """SHA-256 as "sha256:<hex>" of the NDJSON form."""
        return "sha256:" + hashlib.sha256(self.dump()).hexdigest()

    def with_text(self, text: ProtectedText) -> TextRegistry:
        """Return a registry with one text more; raises `InvalidPolicyError` when its id is taken or it is full."""
        if any(known.id == text.id for known in self.texts):
            raise InvalidPolicyError(f"there is a protected text {text.id} already; remove it first")
        if len(self.texts) >= MAXIMUM_TEXTS:
            raise InvalidPolicyError(f"the registry holds {MAXIMUM_TEXTS} texts, its limit; remove some first")
        return TextRegistry((*self.texts, text), self.key)

    def without_text(self, identifier: str) -> TextRegistry:
        """Return a registry without that text; raises `InvalidPolicyError` when there is none."""
        kept = tuple(text for text in self.texts if text.id != identifier)
        if len(kept) == len(self.texts):
            raise InvalidPolicyError(f"there is no protected text {identifier}; `assay policy texts list` shows all")
        return TextRegistry(kept, self.key)


def key_id(key: bytes) -> str:
    """Return 16 hex digits that name the key without revealing it."""
    return hashlib.blake2b(b"key id", key=key, digest_size=8).hexdigest()


def protect(
    content: str,
    *,
    title: str,
    owner: str,
    key: bytes,
    at: date,
    verdict: Verdict = Verdict.REVIEW,
    quote_words: int = DEFAULT_QUOTE_WORDS,
    url: str = "",
) -> ProtectedText:
    """Return the entry for `content`, which is not kept.

    Raises `InvalidPolicyError` when the text is no longer than what may be quoted of it: it could never match.
    """
    words = comparable_words(content)
    if len(words) <= max(quote_words, MINIMUM_QUOTE_WORDS):
        raise InvalidPolicyError(
            f"the text has {len(words)} words, and {quote_words} may be quoted, so it would never match; "
            f"lower --quote-words (at least {MINIMUM_QUOTE_WORDS}) or leave it out"
        )
    hashes = np.unique(hash_shingles(words, key=key))
    slug = "-".join(word.form for word in comparable_words(title))[:40].strip("-") or "text"
    name = f"{slug}-{hashlib.blake2b(hashes.tobytes(), digest_size=4).hexdigest()}"
    try:
        return ProtectedText.model_validate(
            {
                "id": name,
                "title": title,
                "owner": owner,
                "url": url,
                "verdict": verdict,
                "quote_words": quote_words,
                "words": len(words),
                "added_on": at,
                "shingles": base64.b64encode(hashes.astype("<u8").tobytes()).decode("ascii"),
            }
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise InvalidPolicyError(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from error


@dataclass(frozen=True, slots=True)
class Passage:
    """A run of the searched words that stands in one protected text: half-open range of word numbers."""

    text: int  # index into the registry's texts
    first: int
    last: int
    matched: int  # words of the range that are in the text in the same order


class TextIndex:
    """All hashes of a registry in one sorted array: 12 bytes per hash, a lookup is a binary search."""

    def __init__(self, registry: TextRegistry) -> None:
        self.texts = registry.texts
        self._key = registry.key
        listed = [text.hashes() for text in registry.texts]
        hashes = np.concatenate(listed) if listed else np.empty(0, dtype="<u8")
        owners = np.repeat(np.arange(len(listed), dtype=np.uint32), [len(one) for one in listed])
        order = np.argsort(hashes)
        self._hashes: Hashes = hashes[order]
        self._owners = owners[order]

    def search(self, text: str) -> tuple[list[tuple[int, int]], list[Passage]]:
        """Return the places of the words of `text`, and every passage that is longer than a quotation."""
        words = comparable_words(text)
        wanted = hash_shingles(words, key=self._key)
        left = np.searchsorted(self._hashes, wanted, side="left")
        right = np.searchsorted(self._hashes, wanted, side="right")
        counts = right - left
        total = int(counts.sum())
        if total > MAXIMUM_MATCHES:
            raise ScreeningError(
                f"the script matches protected texts in {total} places, more than {MAXIMUM_MATCHES}; remove texts that "
                "are registered many times over, or split the script"
            )
        at = np.repeat(np.arange(len(wanted)), counts)
        first = np.repeat(left - np.concatenate(([0], np.cumsum(counts)[:-1])), counts) if total else left[:0]
        owners = self._owners[first + np.arange(total)]
        order = np.lexsort((at, owners))
        at, owners = at[order], owners[order]
        edges = np.flatnonzero(np.diff(owners)) + 1
        places = [(word.start, word.end) for word in words]
        return places, [
            Passage(owner, *run)
            for owner, starts in zip(
                owners[np.concatenate(([0], edges))].tolist() if total else (), np.split(at, edges), strict=False
            )
            for run in _runs(starts.tolist())
            if run[2] > self.texts[owner].quote_words
        ]


# So many other words between two matches still belong to the passage: one changed word breaks five sequences.
_GAP_WORDS = 12
_MINIMUM_SHARE = 0.5  # of a passage's words


def _runs(starts: Sequence[int]) -> list[tuple[int, int, int]]:
    """Join sequences that begin at the word numbers `starts` (ascending) to (first, last, matched words)."""
    runs: list[tuple[int, int, int]] = []
    first, last, matched = starts[0], starts[0], 0
    for start in starts:
        if start - last > _GAP_WORDS:
            runs.append((first, last, matched))
            first, last, matched = start, start, 0
        matched += start + SHINGLE_WORDS - max(start, last)
        last = start + SHINGLE_WORDS
    runs.append((first, last, matched))
    return [run for run in runs if run[2] >= _MINIMUM_SHARE * (run[1] - run[0])]
