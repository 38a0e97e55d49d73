"""Which plain word a strange spelling stands for: by its sound, by the order of its letters, or as texting does it.

"kil", "stewpid" and "phuck" are no words, and sound like words of the policy. "ewe" and "yore" are words, but rare
ones, and sound like common ones: two of them in one sentence are read as what a listener would hear. Everything found
here is a guess, so what follows from it is a question to a person and never a block.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from policies.respelling import readings
from policies.sounds import VOWELS, skeleton, sound_of

_COMMON_WORDS = Path(__file__).with_name("common_words.txt")  # the 2,500 most frequent ones first, then words of abuse
_PHONEMES = {
    "ɡ": "g", "θ": "T", "ð": "T", "z": "s", "ʃ": "S", "ʒ": "S", "ʧ": "C", "ʤ": "J", "ŋ": "N", "ɹ": "r", "j": "y",
    "ɾ": "t", "T": "t", "ʔ": "t", "Q": "O", "ɑ": "o", "æ": "a", "ɛ": "e", "ɪ": "i", "i": "E", "ɔ": "o", "ʊ": "U",
    "u": "U", "ʌ": "u", "ə": ".", "ɜ": "u", "ᵊ": ".", "ᵻ": "i", "ɐ": ".", "ˈ": "", "ˌ": "", "ː": "",
}  # fmt: skip
_TABLE = str.maketrans(_PHONEMES)
_DOUBLED = re.compile(r"(.)\1+")
# Vowels that respellers take for each other.
_NEAR = ("iE", "ie", "aA", "uU", "uo", "oOW", "Ii")
_NEAR_PAIRS = frozenset((one, other) for group in _NEAR for one in group for other in group)
# What texting writes short. Digits count only beside another strange spelling: "2 kilometres" is a number.
_SHORT = {
    "u": "you", "ur": "your", "urself": "yourself", "h8": "hate", "h8r": "hater", "gr8": "great", "m8": "mate",
    "b4": "before", "l8r": "later", "str8": "straight", "sk8": "skate", "2day": "today", "2nite": "tonight",
    "w8": "wait", "ppl": "people", "thru": "through", "gonna": "going to", "wanna": "want to", "kys": "kill yourself",
}  # fmt: skip
_SHORT_BESIDE = {"2": "to", "4": "for", "r": "are", "n": "and", "y": "why", "c": "see", "b": "be"}
_MAX_LETTERS = 20
_LEAST_UNSCRAMBLED = 4
_RARER = 8  # how many times rarer than its homophone a word must be to be read as it
_RARER_BY = 200
_CACHE = 50_000


class Strength(StrEnum):
    """How sure it is that a spelling hides another word."""

    STRANGE = "strange"  # no word of the language: one is enough to read the sentence again
    RARE = "rare"  # a rare word that sounds like a common one: it takes two
    BESIDE = "beside"  # counts only in a sentence that is read again anyway


@dataclass(frozen=True, slots=True)
class Guess:
    """The plain word for a strange spelling."""

    word: str
    strength: Strength


class Pronunciations(Protocol):
    """A dictionary of how words are said; immutable."""

    @property
    def model(self) -> tuple[str, str]:
        """(id, "sha256:<hex>") of the dictionary."""
        ...

    def phonemes(self, word: str) -> str | None:
        """Return the phonemes of a lower-case word in misaki's alphabet; None if it is not in the dictionary."""
        ...

    def words(self) -> tuple[str, ...]:
        """Return all words."""
        ...


class Homophones:
    """Plain words for strange spellings, for one policy; safe to share between threads."""

    def __init__(self, *, vocabulary: Collection[str], pronunciations: Pronunciations) -> None:
        """`vocabulary` holds the policy's words, lower case."""
        self._pronunciations = pronunciations
        self._vocabulary = frozenset(vocabulary)
        common = _COMMON_WORDS.read_text(encoding="utf-8").split()
        self._ranks = {word: rank for rank, word in enumerate(common)}
        targets = list(dict.fromkeys([*common, *sorted(self._vocabulary)]))
        self._by_sound: dict[str, str] = {}
        self._by_skeleton: dict[str, list[tuple[str, str]]] = {}
        self._common_by_skeleton: dict[str, list[tuple[str, str]]] = {}
        by_phonemes: dict[str, str] = {}
        self._by_letters: dict[str, list[str]] = {}
        self._by_consonants: dict[str, str] = {}
        for word in targets:
            said = pronunciations.phonemes(word)
            sound = sound_of(word) if said is None else _coarse(said)
            self._by_sound.setdefault(sound, word)
            self._common_by_skeleton.setdefault(skeleton(sound), []).append((sound, word))
            if said is not None:
                by_phonemes.setdefault(_unstressed(said), word)
            if word in self._vocabulary and len(word) >= _LEAST_UNSCRAMBLED:
                self._by_skeleton.setdefault(skeleton(sound), []).append((sound, word))
                self._by_letters.setdefault("".join(sorted(word)), []).append(word)
                self._by_consonants.setdefault(_without_vowels(word), word)
        self._rare = self._rare_homophones(by_phonemes)
        self._known: dict[str, Guess | None] = {}

    @property
    def model(self) -> tuple[str, str]:
        """(id, digest) of the dictionary."""
        return self._pronunciations.model

    def is_word(self, word: str) -> bool:
        """Say whether a lower-case word is in the dictionary or one of the policy's own."""
        return word in self._vocabulary or self._pronunciations.phonemes(word) is not None

    def is_plain(self, word: str) -> bool:
        """Say whether a lower-case word is one of the common words or of the policy's."""
        return word in self._ranks or word in self._vocabulary

    @property
    def vocabulary(self) -> frozenset[str]:
        """The policy's words."""
        return self._vocabulary

    def guess(self, word: str) -> Guess | None:
        """Return the plain word for a lower-case spelling; None for an ordinary word or one that suggests nothing."""
        if word in self._known:
            return self._known[word]
        if len(self._known) >= _CACHE:
            self._known.clear()  # safe to lose: it only saves time
        found = self._known[word] = self._find(word)
        return found

    def _find(self, word: str) -> Guess | None:
        if word in _SHORT:
            return Guess(_SHORT[word], Strength.STRANGE)
        if word in _SHORT_BESIDE:
            return Guess(_SHORT_BESIDE[word], Strength.BESIDE)
        if word.endswith(("'s", "’s")):
            return None  # "Pi's" is no word of its own
        plain = word.replace("'", "").replace("’", "")
        if word == "yore":  # dictionaries give "your" another vowel than most voices
            return Guess("your", Strength.RARE)
        if word in self._rare:
            target = self._rare[word]
            # "hoar" sounds like a slur, and frost is all that it says by itself.
            return Guess(target, Strength.RARE if target in self._ranks else Strength.BESIDE)
        if not 2 < len(plain) <= _MAX_LETTERS or not plain.isascii():
            return None
        if not plain.isalpha():
            return self._by_leet(plain)
        if self._is_inflected(plain):
            return None
        if found := self._by_ear(plain) or self._by_eye(plain):
            return Guess(found, Strength.STRANGE)
        sound = sound_of(plain)
        for target_sound, target in self._common_by_skeleton.get(skeleton(sound), ()):
            if _sounds_near(sound, target_sound):
                return Guess(target, Strength.BESIDE)
        return None

    def _is_inflected(self, word: str) -> bool:
        """Say whether `word` is a word, or a regular form of one that the dictionary leaves out."""
        if self.is_word(word):
            return True
        for ending in ("s", "es", "ed", "ing", "er", "ers", "ly", "ness"):
            stem = word.removesuffix(ending)
            if stem != word and len(stem) > 2 and (self.is_word(stem) or self.is_word(stem + "e")):
                return True
        return False

    def _by_ear(self, word: str) -> str | None:
        sound = sound_of(word)
        if (exact := self._by_sound.get(sound)) is not None:
            return exact
        for target_sound, target in self._by_skeleton.get(skeleton(sound), ()):
            if _sounds_near(sound, target_sound):
                return target
        for ending in ("s", "d", "iN", "in"):  # "kilz", "phuckin"
            if sound.endswith(ending) and (stem := self._by_sound.get(sound.removesuffix(ending))) in self._vocabulary:
                return stem
        return None

    def _by_leet(self, word: str) -> Guess | None:
        """Read "d1e" and "f1re": only common words, because the policy's own are read by `respelling` already."""
        if not word.isalnum() or word.isdigit() or not word[0].isalpha():
            return None
        plain = next((one for one in readings(word) if one.isalpha() and self.is_plain(one)), None)
        return None if plain is None else Guess(plain, Strength.STRANGE)

    def _by_eye(self, word: str) -> str | None:
        if len(word) >= _LEAST_UNSCRAMBLED:
            if word[::-1] in self._vocabulary:
                return word[::-1]
            for target in self._by_letters.get("".join(sorted(word)), ()):
                if _swapped_once(word, target):
                    return target
        if _without_vowels(word) == word:
            return self._by_consonants.get(word)
        return None

    def _rare_homophones(self, by_phonemes: Mapping[str, str]) -> dict[str, str]:
        rare: dict[str, str] = {}
        last = len(self._ranks)
        for word in self._pronunciations.words():
            said = self._pronunciations.phonemes(word)
            target = by_phonemes.get(_unstressed(said)) if said else None
            if target is None or target == word or word in self._vocabulary:
                continue
            if self._ranks.get(word, 100 * last) >= _RARER * self._ranks.get(target, last) + _RARER_BY:
                rare[word] = target
        return rare


def _unstressed(phonemes: str) -> str:
    return phonemes.replace("ˈ", "").replace("ˌ", "")


def _coarse(phonemes: str) -> str:
    return _DOUBLED.sub(r"\1", phonemes.translate(_TABLE))


def _sounds_near(one: str, other: str) -> bool:
    """Say whether two sounds with the same consonants have vowels that respellers take for each other."""
    return len(one) == len(other) and all(
        a == b or (a in VOWELS and b in VOWELS and ("." in (a, b) or (a, b) in _NEAR_PAIRS))
        for a, b in zip(one, other, strict=True)
    )


def _without_vowels(word: str) -> str:
    return "".join(letter for letter in word if letter not in "aeiou")


def _swapped_once(word: str, target: str) -> bool:
    """Say whether two neighbouring letters of `target` changed places in `word`."""
    different = [at for at, (a, b) in enumerate(zip(word, target, strict=True)) if a != b]
    return len(different) == 2 and different[1] == different[0] + 1
