"""The script as a value: speakers, chapters, turns and pauses, and the spoken plan that is screened, hashed and spoken.

Whatever format it came in (`synth/formats.py`), every part keeps its place in the author's text.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from synth.lexicon import Pronunciation, Respelled, as_written
from synth.music import Asset, Bed, Stinger


@dataclass(frozen=True, slots=True)
class Utterance:
    """One turn's worth of words by one speaker, exactly as they will be spoken."""

    speaker: str  # name as the author wrote it
    text: str  # what is spoken: single spaces, no markup
    start: int  # half-open range in the author's text
    end: int
    pause_after: float = 0.0  # seconds of silence after it, besides the usual gap
    # Per character of `text`, its offset in the author's text. None: `source[start:end]` holds exactly these words,
    # with more white space and emphasis marks at most.
    places: tuple[int, ...] | None = None
    respelled: tuple[Respelled, ...] = ()  # words that are spoken otherwise than they are written
    pauses: tuple[float, ...] = ()  # seconds, as the author wrote them one by one; `pause_after` is their sum

    def written(self, start: int = 0, end: int | None = None) -> str:
        """Return `text[start:end]` as the author wrote it, for readers: without its pronunciations."""
        return as_written(self.text, self.respelled, start, len(self.text) if end is None else end)


@dataclass(frozen=True, slots=True)
class Chapter:
    """A titled run of utterances; `title` is shown, not spoken."""

    title: str
    utterances: tuple[Utterance, ...]
    title_start: int = 0  # half-open range of the title in the author's text; empty for an untitled opening
    title_end: int = 0


@dataclass(frozen=True, slots=True)
class Note:
    """Something that the reader left out or took otherwise, and that the author should know."""

    message: str
    start: int  # offset in the author's text


@dataclass(frozen=True, slots=True)
class Script:
    """A whole script; `source` is the author's text, untouched."""

    title: str
    language: str  # BCP 47 primary tag, for example "en"
    show: str
    voices: tuple[tuple[str, str], ...]  # (speaker, voice id), in order of first appearance
    chapters: tuple[Chapter, ...]
    source: str
    title_start: int = 0  # half-open range of the title in the author's text
    title_end: int = 0
    author: str = ""  # who made the episode, for feeds and tags
    description: str = ""  # plain text for feeds and players
    show_start: int = 0  # where these begin in the author's text
    author_start: int = 0
    description_start: int = 0
    explicit: bool | None = None  # None: the author does not say
    cover: Asset | None = None  # picture of the episode, from the catalogue of assets
    beds: tuple[Bed, ...] = ()  # in their order, never two under one utterance
    stingers: tuple[Stinger, ...] = ()  # in their order
    lexicon: tuple[Pronunciation, ...] = ()  # pronunciations that it asks for, used or not
    notes: tuple[Note, ...] = ()  # in the order of their places

    @property
    def verbatim(self) -> bool:
        """Whether what is spoken is what is written, word for word."""
        return all(utterance.places is None for utterance in self.utterances)

    @property
    def assets(self) -> tuple[Asset, ...]:
        """Every asset that the script names, each place once."""
        named = [bed.asset for bed in self.beds] + [stinger.asset for stinger in self.stingers]
        return tuple(dict.fromkeys(named + ([self.cover] if self.cover else [])))

    @property
    def utterances(self) -> tuple[Utterance, ...]:
        """All utterances in speaking order."""
        return tuple(utterance for chapter in self.chapters for utterance in chapter.utterances)

    @property
    def words(self) -> int:
        """Number of spoken words."""
        return sum(len(utterance.text.split()) for utterance in self.utterances)

    def plan_digest(self) -> str:
        """Return "sha256:<hex>" over everything that decides what is heard: voices, words, order, pauses and music.

        A script without music has a plan of version 1, as all had before there was any.
        """
        plan: dict[str, object] = {
            "v": 1,
            "language": self.language,
            "voices": [list(pair) for pair in self.voices],
            "utterances": [[u.speaker, u.text, u.pause_after] for u in self.utterances],
        }
        if self.beds or self.stingers:
            plan["v"] = 2
            plan["beds"] = [[bed.asset.name, bed.gain_db, bed.first, bed.end] for bed in self.beds]
            plan["stingers"] = [[one.asset.name, one.gain_db, one.before] for one in self.stingers]
        encoded = json.dumps(plan, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
        return "sha256:" + hashlib.sha256(encoded).hexdigest()
