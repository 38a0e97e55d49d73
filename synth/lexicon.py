"""Pronunciations that a script asks for: how a word is to be written so that a voice says it right (pure).

A pronunciation is plain letters and never phonemes, so that what is heard can be screened: the respelled words are the
words of the plan. Each entry has a digest by which a person approves it once, for all scripts.
"""

from __future__ import annotations

import hashlib
import json
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from synth.characters import error_at
from synth.traced import Traced

MAX_ENTRIES = 200  # per script; more is a dictionary, which belongs into the voice
MAX_CHARACTERS = 60  # of a word, and of how it sounds

_WORD = re.compile(r"[^\W_]+(?:[ .'’-]{1,2}[^\W_]+)*\.?")
_SOUND = re.compile(r"[^\W\d_]+(?:[ '’-][^\W\d_]+)*")


@dataclass(frozen=True, slots=True)
class Pronunciation:
    """A word as it is written, and as it sounds."""

    word: str
    sound: str
    start: int  # half-open range of the entry in the author's text
    end: int

    def digest(self, language: str) -> str:
        """Return "sha256:<hex>" by which the entry is approved; case and language count, the script does not."""
        encoded = json.dumps([language, self.word, self.sound], ensure_ascii=False, separators=(",", ":")).encode()
        return "sha256:" + hashlib.sha256(encoded).hexdigest()


@dataclass(frozen=True, slots=True)
class Respelled:
    """Where in an utterance's text a pronunciation took the place of a word."""

    start: int  # half-open range in the spoken text
    end: int
    written: str  # what the author wrote there


def add_pronunciation(source: str, entries: list[Pronunciation], entry: Pronunciation, sound_start: int) -> None:
    """Append `entry`; raises `ScriptError` where it is no word, no plain sound, or there already."""
    if len(entry.word) > MAX_CHARACTERS or _WORD.fullmatch(entry.word) is None:
        raise error_at(
            source, entry.start, f"a lexicon entry is for words: letters and digits, up to {MAX_CHARACTERS} characters"
        )
    if len(entry.sound) > MAX_CHARACTERS or _SOUND.fullmatch(entry.sound) is None:
        raise error_at(
            source, sound_start, "write how the word sounds in plain letters, hyphens and spaces; phonemes are not read"
        )
    if any(entry.word == other.word for other in entries):
        raise error_at(source, entry.start, f"the lexicon has '{entry.word}' twice; keep one")
    if len(entries) == MAX_ENTRIES:
        raise error_at(source, entry.start, f"a lexicon of more than {MAX_ENTRIES} entries; leave some out")
    entries.append(entry)


def respell(words: Traced, entries: Sequence[Pronunciation]) -> tuple[Traced, tuple[Respelled, ...]]:
    """Return `words` as they sound, and where they differ; whole words only, longer entries first, each place once.

    An entry is for the word exactly as it is written, capitals included: "Polish" is not "polish".
    """
    if not entries:
        return words, ()
    sounds = {entry.word: entry.sound for entry in entries}
    longest_first = sorted(sounds, key=len, reverse=True)
    # No letter or digit on either side: "Nguyen's" holds the word, "Nguyens" does not.
    pattern = re.compile(r"(?<![^\W_])(?:" + "|".join(map(re.escape, longest_first)) + r")(?![^\W_])")
    parts: list[Traced] = []
    swaps: list[Respelled] = []
    done = length = 0
    for match in pattern.finditer(words.text):
        kept = words.cut(done, match.start())
        places = words.places[match.start() : match.end()]
        sound = sounds[match.group()]
        # A part of the sound is a part of the whole word: its first character leads to the word's, the rest to its end.
        traced = Traced(sound, (places[0], *(places[-1:] * (len(sound) - 1))))
        length += len(kept.text)
        swaps.append(Respelled(length, length + len(sound), match.group()))
        length += len(sound)
        parts += [kept, traced]
        done = match.end()
    return Traced.joined([*parts, words.cut(done, len(words.text))]), tuple(swaps)


def as_written(text: str, swaps: Sequence[Respelled], start: int, end: int) -> str:
    """Return what the author wrote where `text[start:end]` is spoken; a swap that is cut belongs to its beginning."""
    first = bisect_right([swap.start for swap in swaps], start - 1)
    parts, done = [], start
    for swap in swaps[first:]:
        if swap.start >= end:
            break
        parts += [text[done : swap.start], swap.written]
        done = min(swap.end, end)
    return "".join([*parts, text[done:end]])
