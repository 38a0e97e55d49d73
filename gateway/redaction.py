"""Taking sentences out of a script: a reviewer takes away, and changes or adds not a word (pure).

1. Only whole sentences go, and only spoken ones: titles are the author's to change.
2. A Markdown script stays as its author wrote it, without them (`gateway.textcuts`). One with music or pronunciations,
   or in another format, is written anew from what is left of its plan, in Markdown or as canonical JSON.
3. What comes out is read again, and must say exactly the sentences that were kept, by the same speakers with the same
   voices, in the same order. Where taking out would change more than that, it is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from gateway.errors import InvalidRequestError, NotFoundError
from gateway.textcuts import Passage, ranges_without
from policies.sentences import split_sentences
from policies.text import Manuscript, Turn
from synth.errors import ScriptError
from synth.formats import is_json, parse_script
from synth.frontmatter import parse_front_matter
from synth.rendering import render_json, render_markdown
from synth.script import Chapter, Script, Utterance

MARKS = "*_"  # of emphasis
MAX_TAKEN_OUT = 100  # sentences: a script that needs more is the author's to write anew


@dataclass(frozen=True, slots=True)
class Cut:
    """A script without some of its sentences, and where they stood in the former text."""

    text: str
    spans: tuple[tuple[int, int], ...]


def spoken_sentences(script: Script) -> tuple[Passage, ...]:
    """Return the sentences that can be taken out, in their order."""
    return tuple(one for number, turn in enumerate(script.utterances) for one in _sentences_of(script, number, turn))


def take_out(source: str, spans: Sequence[tuple[int, int]]) -> Cut:
    """Return the script without every spoken sentence that one of `spans` (half-open, in `source`) touches.

    Raises `InvalidRequestError` where no sentence, or every one, would go, or more than the sentences would change;
    `NotFoundError` for an empty text.
    """
    if not source:
        raise NotFoundError("there is no such script, or it was erased")
    script = parse_script(source)
    sentences = spoken_sentences(script)
    chosen = [one for one in sentences if any(start < one.end and one.start < end for start, end in spans)]
    if not chosen:
        raise InvalidRequestError("no spoken sentence stands there; choose sentences of the script, not titles")
    if len(chosen) == len(sentences):
        raise InvalidRequestError("nothing would be left to speak; refuse the script instead")
    if len(chosen) > MAX_TAKEN_OUT:
        raise InvalidRequestError(f"at most {MAX_TAKEN_OUT} sentences can be taken out; request changes instead")
    kept = frozenset(sentences) - frozenset(chosen)
    expected = _plan(script, kept)
    for write in _writers(script):
        text = write(script, sentences, kept)
        try:
            left = parse_script(text)
        except ScriptError:
            continue  # safe to ignore: another form of writing may do, and without one it is refused
        if _plan(left, frozenset(spoken_sentences(left))) == expected:  # 3.
            return Cut(text, tuple((one.start, one.end) for one in chosen))
    raise InvalidRequestError("taking them out would change what else is said; choose others, or request changes")


Writer = Callable[[Script, Sequence[Passage], frozenset[Passage]], str]


def _writers(script: Script) -> Iterator[Writer]:
    if is_json(script.source):
        yield lambda script, _, kept: render_json(_rest(script, kept))
        return
    plain = script.verbatim and not script.beds and not script.stingers
    if plain and not parse_front_matter(script.source).format:
        yield lambda script, sentences, kept: _without(script.source, ranges_without(script, sentences, kept))
    yield lambda script, _, kept: render_markdown(_rest(script, kept))
    yield lambda script, _, kept: render_json(_rest(script, kept))


def _plan(script: Script, kept: frozenset[Passage]) -> list[tuple[str, str, list[str]]]:
    """Return who says what with which voice, of the sentences that are kept; white space does not count."""
    voices, turns = dict(script.voices), script.utterances
    said: dict[int, list[str]] = {}
    for one in spoken_sentences(script):
        if one in kept:
            said.setdefault(one.turn, []).extend(turns[one.turn].text[one.first : one.last].split())
    speakers = [turn.speaker for turn in turns]
    return [(speakers[turn], voices[speakers[turn]], words) for turn, words in said.items()]


def _sentences_of(script: Script, number: int, turn: Utterance) -> Iterator[Passage]:
    manuscript = Manuscript(turn.text, script.language, (Turn(turn.speaker, 0, len(turn.text)),))
    places = turn.places if turn.places is not None else _places(script.source, turn)
    for one in split_sentences(manuscript):
        start, end = places[one.start], places[one.end - 1] + 1
        if turn.places is None:  # emphasis marks at its edges belong to it
            while start > turn.start and script.source[start - 1] in MARKS:
                start -= 1
            while end < turn.end and script.source[end] in MARKS:
                end += 1
        yield Passage(start, end, number, one.start, one.end, turn.written(one.start, one.end))


def _places(source: str, turn: Utterance) -> list[int]:
    """Return where each character of a turn's words stands in its range of the source, which holds nothing else but
    emphasis marks and more white space.
    """
    places, at = [], turn.start
    for character in turn.text:
        while source[at] in MARKS or (source[at].isspace() and character != " "):
            at += 1
        places.append(at)
        at += 1
    return places


def _without(source: str, ranges: Sequence[tuple[int, int]]) -> str:
    pieces, position = [], 0
    for start, end in sorted(ranges):
        pieces.append(source[position : max(start, position)])
        position = max(position, end)
    return "".join([*pieces, source[position:]])


def _rest(script: Script, kept: frozenset[Passage]) -> Script:
    """Return the plan of what is left: turns without words go, and music plays where its turns are now."""
    said: dict[int, list[Passage]] = {}
    for one in sorted(kept, key=lambda passage: (passage.turn, passage.first)):
        said.setdefault(one.turn, []).append(one)
    utterances = script.utterances
    before = [0, *accumulate(int(number in said) for number in range(len(utterances)))]  # turns that are left, so far
    chapters, number = [], 0
    for chapter in script.chapters:
        turns = []
        for turn in chapter.utterances:
            if number in said:
                words = " ".join(one.text for one in said[number])
                turns.append(replace(turn, text=words, places=None, respelled=()))
            number += 1
        if turns:
            chapters.append(Chapter(chapter.title, tuple(turns)))
    speakers = {utterances[turn].speaker for turn in said}
    beds = [replace(bed, first=before[bed.first], end=before[bed.end]) for bed in script.beds]
    return replace(
        script,
        chapters=tuple(chapters),
        voices=tuple((speaker, voice) for speaker, voice in script.voices if speaker in speakers),
        beds=tuple(bed for bed in beds if bed.first < bed.end),
        stingers=tuple(replace(one, before=before[one.before]) for one in script.stingers),
    )
