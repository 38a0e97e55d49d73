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
    # In the form of a Markdown script, so that rules meet the same surroundings whatever the format was.
    for key, text, start in (
        ("title", script.title, script.title_start),
        ("show", script.show, script.show_start),
        ("author", script.author, script.author_start),
        ("description", script.description, script.description_start),
    ):
        page.show(f"{key}: ", text, start)
    for chapter in script.chapters:
        page.show("# ", chapter.title, chapter.title_start)
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

    def show(self, key: str, text: str, start: int) -> None:
        """Add a line that is seen and not heard; its characters stand one after the other from `start` on."""
        if text:
            last = max(0, len(self._script.source) - 1)
            places = [min(start + index, last) for index in range(len(text))]
            self._add(key + text, [*(places[:1] * len(key)), *places])

    def speak(self, utterance: Utterance) -> None:
        """Add a turn behind its speaker's name."""
        label, places = f"{utterance.speaker}: ", utterance.places or ()
        begin = len(self._places) + len(label)
        self._add(label + utterance.text, [*(places[:1] * len(label)), *places])
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
