"""From a script to what is screened: what listeners hear and see, with the way back to the author's text (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from policies.text import Manuscript, Origin, Turn
from synth.script import Script, Utterance


def manuscript_of(script: Script) -> Manuscript:
    """Return what is screened, with who speaks where.

    Where a script is spoken word for word as it is written, that is the author's whole text. Where it is not (another
    format than Markdown, pronunciations), it is the title and all else that feeds and players show, the words as they
    are spoken, and the words as readers see them where these differ.
    """
    if script.verbatim:
        turns = tuple(Turn(utterance.speaker, utterance.start, utterance.end) for utterance in script.utterances)
        return Manuscript(text=script.source, language=script.language, turns=turns)
    page = _Page(script)
    for text, start in (
        (script.title, script.title_start),
        (script.show, script.show_start),
        (script.author, script.author_start),
        (script.description, script.description_start),
    ):
        page.show(text, start)
    for speaker, _ in script.voices:
        page.show(speaker, next(one.start for one in script.utterances if one.speaker == speaker))
    for chapter in script.chapters:
        page.show(chapter.title, chapter.title_start)
        for utterance in chapter.utterances:
            page.speak(utterance)
    for utterance in script.utterances:
        page.show_written(utterance)
    return page.manuscript()


class _Page:
    """What is heard and seen, line by line, and where each character comes from."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._text: list[str] = []
        self._places: list[int] = []
        self._turns: list[Turn] = []

    def show(self, text: str, start: int) -> None:
        """Add a line that is seen and not heard; its characters stand one after the other from `start` on."""
        if text:
            last = max(0, len(self._script.source) - 1)
            self._add(text, [min(start + index, last) for index in range(len(text))])

    def speak(self, utterance: Utterance) -> None:
        """Add a turn."""
        begin = len(self._places)
        self._add(utterance.text, utterance.places or ())
        self._turns.append(Turn(utterance.speaker, begin, begin + len(utterance.text)))

    def show_written(self, utterance: Utterance) -> None:
        """Add what readers of a transcript see, where it differs from what is heard."""
        if not utterance.respelled:
            return
        heard = utterance.places or ()
        places: list[int] = []
        done = 0
        for swap in utterance.respelled:
            first, last = heard[swap.start], heard[swap.end - 1]
            places += [*heard[done : swap.start], *(min(first + index, last) for index in range(len(swap.written)))]
            done = swap.end
        self._add(utterance.written(), [*places, *heard[done:]])

    def manuscript(self) -> Manuscript:
        """Return all of it."""
        return Manuscript(
            text="".join(self._text),
            language=self._script.language,
            turns=tuple(self._turns),
            origin=Origin(self._script.source, tuple(self._places)),
        )

    def _add(self, text: str, places: Sequence[int]) -> None:
        self._text.append(text + "\n\n")
        self._places += [*places, places[-1], places[-1]]
