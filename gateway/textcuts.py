"""Which parts of a Markdown script go with its sentences, so that the rest stays as its author wrote it (pure).

With its last sentence a turn goes, with its label and the pauses after it; with its last turn a chapter, with its
heading; with their last turn a speaker, with the declaration of the voice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from synth.script import Script, Utterance

_PAUSES = re.compile(r"(?:[ \t]*\r?\n)+[ \t]*\[pause[^\]\n]*\][ \t]*(?=\r?\n|$)")

Range = tuple[int, int]
Numbered = tuple[int, Utterance]  # a turn, and its index in `Script.utterances`


@dataclass(frozen=True, slots=True)
class Passage:
    """A spoken sentence: its half-open range in the author's text, and where it stands in its turn's words."""

    start: int
    end: int
    turn: int  # index into `Script.utterances`
    first: int  # half-open range in the spoken text of the turn
    last: int
    text: str  # as the author wrote it


def ranges_without(script: Script, sentences: Sequence[Passage], kept: frozenset[Passage]) -> list[Range]:
    """Return the ranges of a Markdown source that go, so that of its `sentences` only `kept` stay."""
    source, ranges, begin, number = script.source, [], 0, 0
    said: dict[int, list[Passage]] = {}
    for one in sentences:
        said.setdefault(one.turn, []).append(one)
    stays = {one.turn for one in kept}
    for chapter in script.chapters:
        turns = list(enumerate(chapter.utterances, number))
        number += len(turns)
        if chapter.title and stays.isdisjoint(index for index, _ in turns):
            ranges.append((source.rfind("\n", 0, chapter.title_start) + 1, turns[-1][1].end))
        begin = max(begin, chapter.title_end)
        for group in _groups(source, turns, begin):
            for place, (index, turn) in enumerate(group):
                if index in stays:
                    ranges += _of_turn(turn, said[index], kept)
                elif place + 1 < len(group):
                    ranges.append((turn.start, group[place + 1][1].start))  # which goes on under the same label
                else:
                    whole = stays.isdisjoint(index for index, _ in group)
                    label = _label(source, group[0][1], begin) if whole else None
                    ranges.append((turn.start if label is None else label, _after_pauses(source, turn.end)))
            begin = group[-1][1].end
    utterances = script.utterances
    heard = {utterances[index].speaker for index in stays}
    head = source.index("\n---", 3)
    for speaker, voice in script.voices:
        line = re.compile(rf"^[ \t]+{re.escape(speaker)} *: *{re.escape(voice)}[ \t]*\r?\n", re.MULTILINE)
        if speaker not in heard and (match := line.search(source, 0, head + 1)):
            ranges.append(match.span())
    return ranges


def _groups(source: str, turns: Sequence[Numbered], after: int) -> Iterator[list[Numbered]]:
    """Yield turns with those behind them that have no label of their own."""
    group: list[Numbered] = []
    for index, turn in turns:
        if group and _label(source, turn, after) is not None:
            yield group
            group = []
        group.append((index, turn))
        after = turn.end
    if group:
        yield group


def _after_pauses(source: str, end: int) -> int:
    while pause := _PAUSES.match(source, end):
        end = pause.end()
    return end


def _of_turn(turn: Utterance, said: Sequence[Passage], kept: frozenset[Passage]) -> list[Range]:
    """Return what goes of a turn that stays: each sentence up to the next one, or from the one before to its end."""
    final = max(place for place, one in enumerate(said) if one in kept)
    ranges = [(one.start, said[place + 1].start) for place, one in enumerate(said[:final]) if one not in kept]
    return [*ranges, (said[final].end, turn.end)]


def _label(source: str, turn: Utterance, after: int) -> int | None:
    """Return where the label of a turn begins, None for a turn that has none of its own."""
    label = re.compile(rf"(?:^|\n)[ \t]*({re.escape(turn.speaker)})[ \t]*:\s*\Z")
    match = label.search(source[after : turn.start])
    return None if match is None else after + match.start(1)
