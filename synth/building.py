"""Puts a script together, part by part, with the limits that every format shares (pure)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from synth.characters import error_at
from synth.frontmatter import MAX_TITLE_CHARACTERS, FrontMatter
from synth.lexicon import respell
from synth.music import MAX_STINGERS, Cue, Stinger, join_beds
from synth.script import Chapter, Note, Script, Utterance
from synth.traced import Traced

MAX_PAUSE_SECONDS = 30.0  # a longer silence sounds like a broken player
MAX_TOTAL_PAUSE_SECONDS = 600.0  # pauses are cheap to write and expensive to store: ten minutes per programme
MAX_CHAPTERS = 200  # the table of contents of an MP3 holds 255
MAX_NOTES = 100  # nobody reads more
# About 14 are spoken per second: four hours, the longest file that verification reads back. Pronunciations and spelled
# words may make a short file long.
MAX_SPOKEN_CHARACTERS = 200_000


@dataclass
class Builder:
    """What has been read of a script so far; call its methods in the order of the author's text, `finish` last.

    Every method raises `ScriptError` with the place of what breaks a limit.
    """

    source: str
    head: FrontMatter
    chapters: list[Chapter] = field(default_factory=list)
    utterances: list[Utterance] = field(default_factory=list)  # of the chapter being read
    title: tuple[str, int, int] = ("", 0, 0)  # of the chapter being read
    paused: float = 0.0  # seconds, in all
    said: int = 0  # utterances, in all
    spoken: int = 0  # characters, in all
    stingers: list[Stinger] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    played: list[Cue | None] = field(default_factory=list)  # what plays under each utterance
    bed: Cue | None = None  # what plays under the next one
    idle: int | None = None  # offset of a bed that no words followed yet

    def __post_init__(self) -> None:
        """Begin with the music of the whole episode."""
        self.bed = self.head.bed

    def begin_chapter(self, title: str, start: int, end: int) -> None:
        """End the chapter being read and begin another; `[start, end)` is the title's place in the author's text."""
        self.end_chapter()
        if not any(character.isalnum() for character in title):
            raise error_at(self.source, start, "a chapter's title has words; write some or leave it out")
        if len(title) > MAX_TITLE_CHARACTERS:
            raise error_at(self.source, start, f"longer than {MAX_TITLE_CHARACTERS} characters; shorten it")
        self.title = (title, start, end)

    def end_chapter(self) -> None:
        """End the chapter being read; its own music ends with it."""
        title, start, end = self.title
        if self.idle is not None:
            raise error_at(self.source, self.idle, "no words follow this in its chapter; write it before the words")
        if self.utterances:
            if len(self.chapters) == MAX_CHAPTERS:
                raise error_at(self.source, start, f"more than {MAX_CHAPTERS} chapters; merge some")
            self.chapters.append(Chapter(title, tuple(self.utterances), start, end))
        elif title:
            raise error_at(self.source, start, f"chapter '{title}' has no words to speak")
        self.utterances = []
        self.bed = self.head.bed

    def say(self, speaker: str, words: Traced, *, verbatim: tuple[int, int] | None = None) -> None:
        """Add words, single-spaced and respelled; `verbatim` is their range where it holds exactly these words.

        Raises `ScriptError` if there are none.
        """
        plain = words.collapsed()
        start, end = verbatim or ((min(plain.places), max(plain.places) + 1) if plain.places else (0, 0))
        if not any(character.isalnum() for character in plain.text):
            raise error_at(self.source, start, "this turn has no words to speak")
        spoken, respelled = respell(plain, self.head.lexicon)
        self.spoken += len(spoken.text)
        if self.spoken > MAX_SPOKEN_CHARACTERS:
            raise error_at(
                self.source, start, f"more than {MAX_SPOKEN_CHARACTERS} characters are spoken; split the script"
            )
        places = None if verbatim and not self.head.lexicon else spoken.places
        self.utterances.append(Utterance(speaker, spoken.text, start, end, places=places, respelled=respelled))
        self.played.append(self.bed)
        self.said += 1
        self.idle = None

    def note(self, offset: int, message: str) -> None:
        """Tell the author about something that is not spoken, or not as asked."""
        if len(self.notes) < MAX_NOTES:
            self.notes.append(Note(message, offset))

    @property
    def speaker(self) -> str | None:
        """Who spoke last in the chapter being read."""
        return self.utterances[-1].speaker if self.utterances else None

    def pause(self, offset: int, seconds: float) -> None:
        """Add silence after the last words."""
        if not 0.0 < seconds <= MAX_PAUSE_SECONDS:
            raise error_at(self.source, offset, f"a pause is longer than 0 and at most {MAX_PAUSE_SECONDS:g} seconds")
        self.paused += seconds
        if self.paused > MAX_TOTAL_PAUSE_SECONDS:
            raise error_at(self.source, offset, f"all pauses together exceed {MAX_TOTAL_PAUSE_SECONDS:g} seconds")
        if not self.utterances:
            raise error_at(self.source, offset, "a pause follows words; nothing has been said in this chapter yet")
        if self.stingers and self.stingers[-1].before == self.said:
            raise error_at(self.source, offset, "a pause follows words; write it before the stinger")
        last = self.utterances[-1]
        total = last.pause_after + seconds
        if total > MAX_PAUSE_SECONDS:
            raise error_at(self.source, offset, f"pauses in a row exceed {MAX_PAUSE_SECONDS:g} seconds")
        self.utterances[-1] = replace(last, pause_after=total, pauses=(*last.pauses, seconds))

    def play(self, offset: int, bed: Cue | None) -> None:
        """Change the music under the words that follow, until their chapter ends; None is silence."""
        self.bed, self.idle = bed, offset

    def sting(self, offset: int, cue: Cue) -> None:
        """Play a stinger before the next words."""
        if len(self.stingers) == MAX_STINGERS:
            raise error_at(self.source, offset, f"more than {MAX_STINGERS} stingers; leave some out")
        self.stingers.append(Stinger(cue.asset, cue.gain_db, self.said))

    def finish(self) -> Script:
        """Return the whole script."""
        self.end_chapter()
        head = self.head
        if not self.chapters:
            raise error_at(self.source, head.body_start, "the script has no words to speak; write some after its head")
        heard = list(self._in_order())
        declared = dict(head.voices)
        for speaker in declared:
            if speaker not in heard:
                raise error_at(
                    self.source, 0, f"speaker '{speaker}' is declared but never speaks; remove the declaration"
                )
        return Script(
            title=head.title,
            language=head.language,
            show=head.show,
            voices=tuple((speaker, declared[speaker]) for speaker in heard),
            chapters=tuple(self.chapters),
            source=self.source,
            title_start=head.title_start,
            title_end=head.title_end,
            author=head.author,
            description=head.description,
            show_start=head.show_start,
            author_start=head.author_start,
            description_start=head.description_start,
            explicit=head.explicit,
            cover=head.cover,
            beds=join_beds(self.played),
            stingers=tuple(self.stingers),
            lexicon=head.lexicon,
            notes=tuple(sorted(self.notes, key=lambda note: note.start)),
        )

    def _in_order(self) -> Iterator[str]:
        """Yield each speaker once, in order of first appearance."""
        yield from dict.fromkeys(utterance.speaker for chapter in self.chapters for utterance in chapter.utterances)
