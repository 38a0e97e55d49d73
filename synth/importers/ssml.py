"""A subset of SSML 1.1 (W3C, 2010): what decides which words are spoken, by whom and with which pauses (pure).

`speak p s voice break emphasis sub say-as prosody mark` are read. `phoneme`, `audio`, `lexicon`, `lang` and everything
else is refused: nothing may sound that was not screened, and what is screened is the words that come out here: the
alias of a `sub`, the letters of a spelled word. `prosody` changes no word and is left out, with a note.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from synth.building import Builder
from synth.characters import error_at
from synth.importers.plain import declared, only_speaker
from synth.importers.xmlplaces import Open, read_xml
from synth.traced import Traced
from synth.wording import refuse_hidden, refuse_marks, refuse_markup

_TIME = re.compile(r"\+?(\d{1,6}(?:\.\d{1,3})?)(ms|s)")
# Seconds; SSML 1.1, section 3.2.3, leaves them to the processor.
_STRENGTHS = {"none": 0.0, "x-weak": 0.0, "weak": 0.25, "medium": 0.5, "strong": 1.0, "x-strong": 1.5}
_REFUSED = {
    "phoneme": "phonemes would be spoken differently from how they read, and nobody could screen them; "
    "write plain words, or a pronunciation in the lexicon of the head",
    "audio": "sounds are not read from addresses; name an asset with a stinger in Markdown or JSON",
    "lexicon": "dictionaries are not loaded; write pronunciations in the lexicon of the head",
    "lang": "one script speaks one language; remove the element",
}
_ENDS_SENTENCE = (".", "!", "?", "…", ":", ";", ",")
_NAMESPACED = re.compile(r"xmlns(?::\w+)?|xml:\w+|xsi:\w+|version")


@dataclass
class _Speech:
    builder: Builder
    voices: list[str] = field(default_factory=list)  # of the open elements
    parts: list[Traced] = field(default_factory=list)  # of the turn being read
    aside: list[Traced] | None = None  # content of the `sub` or `say-as` being read
    told: set[str] = field(default_factory=set)  # what a note was given for


def read_ssml(builder: Builder) -> None:
    """Read the body behind the builder's head; raises `ScriptError` with line and column."""
    speech = _Speech(builder)
    open_tags: list[Open] = []
    for event in read_xml(builder.source, builder.head.body_start):
        if isinstance(event, Traced):
            _text(speech, event)
        elif isinstance(event, Open):
            _check(speech, event, open_tags)
            open_tags.append(event)
            _OPENED.get(event.name, _nothing)(speech, event)
        else:
            tag = open_tags.pop()
            _CLOSED.get(event.name, _nothing)(speech, tag)
    _end_turn(speech)


def voices(source: str, begin: int) -> list[str]:
    """Return the names of all `voice` elements, in the order of their appearance."""
    opened = [event for event in read_xml(source, begin) if isinstance(event, Open) and event.name == "voice"]
    return list(dict.fromkeys(event.attributes.get("name", "") for event in opened))


def _check(speech: _Speech, tag: Open, open_tags: list[Open]) -> None:
    source = speech.builder.source
    if not open_tags and tag.name != "speak":
        raise error_at(source, tag.start, "SSML begins with '<speak>'")
    if reason := _REFUSED.get(tag.name):
        raise error_at(source, tag.start, reason)
    if tag.name not in _ATTRIBUTES or (open_tags and tag.name == "speak"):
        known = ", ".join(_ATTRIBUTES)
        raise error_at(source, tag.start, f"'<{tag.name[:40]}>' is not read here; known: {known}")
    for name in tag.attributes:
        if name not in _ATTRIBUTES[tag.name] and not _NAMESPACED.fullmatch(name):
            raise error_at(source, tag.start, f"'{name[:40]}' of '<{tag.name}>' is not read; remove it")
    if speech.aside is not None:
        raise error_at(source, tag.start, f"'<{open_tags[-1].name}>' holds words and no tags")
    language = tag.attributes.get("xml:lang", "").partition("-")[0].lower()
    if language and language != speech.builder.head.language:
        raise error_at(
            source, tag.start, f"the script is in '{speech.builder.head.language}', this is '{language[:20]}'"
        )


def _text(speech: _Speech, words: Traced) -> None:
    if speech.aside is not None:
        speech.aside.append(words)
    else:
        speech.parts.append(words)


def _end_turn(speech: _Speech, tag: Open | None = None) -> None:
    """Give the words that were collected to whoever is speaking."""
    del tag
    words, speech.parts = Traced.joined(speech.parts).collapsed(), []
    if not words.text:
        return
    source = speech.builder.source
    refuse_hidden(source, words)
    refuse_markup(source, words)
    refuse_marks(source, words)
    if speech.voices:
        speaker = speech.voices[-1]
    else:
        speaker = only_speaker(speech.builder, words.place(0), "put the words into '<voice name=\"NAME\">'")
    speech.builder.say(speaker, words)


def _voice(speech: _Speech, tag: Open) -> None:
    _end_turn(speech)
    name = tag.attributes.get("name", "")
    speaker = declared(speech.builder, name)
    if speaker is None:
        names = ", ".join(known for known, _ in speech.builder.head.voices)
        raise error_at(
            speech.builder.source, tag.start, f"voice '{name[:40]}' is not declared under 'voices:'; declared: {names}"
        )
    speech.voices.append(speaker)


def _end_voice(speech: _Speech, tag: Open) -> None:
    _end_turn(speech, tag)
    speech.voices.pop()


def _end_sentence(speech: _Speech, tag: Open) -> None:
    """End the turn where no sign ends the sentence, or the next one would run into it."""
    words = Traced.joined(speech.parts).collapsed().text
    if words.endswith(_ENDS_SENTENCE):
        speech.parts.append(Traced(" ", (tag.start,)))
    else:
        _end_turn(speech)


def _break(speech: _Speech, tag: Open) -> None:
    source = speech.builder.source
    time, strength = tag.attributes.get("time"), tag.attributes.get("strength", "medium")
    match = _TIME.fullmatch(time.strip()) if time is not None else None
    if time is not None and match is None:
        raise error_at(source, tag.start, "a break's time is written '800ms' or '1.5s'")
    if strength not in _STRENGTHS:
        raise error_at(source, tag.start, f"a break's strength is one of {', '.join(_STRENGTHS)}")
    seconds = _STRENGTHS[strength]
    if match:
        seconds = float(match.group(1)) * (0.001 if match.group(2) == "ms" else 1.0)
    speech.parts.append(Traced(" ", (tag.start,)))  # words on either side are two words
    if seconds == 0.0:
        return
    _end_turn(speech)
    if speech.builder.speaker is None:
        speech.builder.note(tag.start, "a break before the first words is left out")
    else:
        speech.builder.pause(tag.start, seconds)


def _aside(speech: _Speech, tag: Open) -> None:
    if tag.name == "say-as" and tag.attributes.get("interpret-as") not in _SAY_AS:
        known = ", ".join(_SAY_AS)
        raise error_at(
            speech.builder.source, tag.start, f"'interpret-as' is one of {known}; write anything else as words"
        )
    if tag.name == "sub" and not tag.attributes.get("alias", "").strip():
        raise error_at(speech.builder.source, tag.start, "'<sub>' says in 'alias' what is spoken; write it")
    speech.aside = []


def _sub(speech: _Speech, tag: Open) -> None:
    """Speak the alias; it leads back to the whole element's start."""
    speech.aside = None
    alias = tag.attributes["alias"]
    place = speech.builder.source.find("alias", tag.start)
    speech.parts.append(Traced(alias, (max(place, tag.start),) * len(alias)))


def _say_as(speech: _Speech, tag: Open) -> None:
    words, speech.aside = Traced.joined(speech.aside or []), None
    how = _SAY_AS[tag.attributes["interpret-as"]]
    spoken = how(words.collapsed())
    if spoken is None:
        raise error_at(
            speech.builder.source,
            tag.start,
            f"'{tag.attributes['interpret-as']}' does not fit these characters; write the words",
        )
    speech.parts.append(spoken)


def _spelled(words: Traced) -> Traced | None:
    """Return letters and digits one by one, as capitals, which voices read as letters."""
    if not all(character.isalnum() or character in " -." for character in words.text):
        return None
    kept = [(c, place) for c, place in zip(words.text, words.places, strict=True) if c.isalnum()]
    text = " ".join(c.upper() if len(c.upper()) == 1 else c for c, _ in kept)
    places = [place for _, place in kept for _ in range(2)][: max(0, 2 * len(kept) - 1)]
    return Traced(text, tuple(places))


def _digits(words: Traced) -> Traced | None:
    return _spelled(words) if all(c.isdigit() or c in " -." for c in words.text) else None


def _number(words: Traced) -> Traced | None:
    return words if re.fullmatch(r"[+-]?\d[\d,.]*", words.text) else None


def _ordinal(words: Traced) -> Traced | None:
    """Return "3rd" for "3"; English alone has these endings, and other languages' voices refuse or read them so."""
    if not words.text.isdecimal() or not words.text.isascii():
        return None
    teen = words.text[-2:] in ("11", "12", "13")
    ending = "th" if teen else {"1": "st", "2": "nd", "3": "rd"}.get(words.text[-1], "th")
    return Traced(words.text + ending, words.places + (words.places[-1],) * 2)


def _prosody(speech: _Speech, tag: Open) -> None:
    asked = ", ".join(sorted(tag.attributes)) or "nothing"
    if asked not in speech.told:
        speech.told.add(asked)
        speech.builder.note(tag.start, f"'<prosody>' is not followed ({asked}); the words are spoken as usual")


def _nothing(speech: _Speech, tag: Open) -> None:
    """Do nothing: the element changes neither words nor who speaks them."""


_SAY_AS: Mapping[str, Callable[[Traced], Traced | None]] = {
    "characters": _spelled,
    "spell-out": _spelled,
    "verbatim": _spelled,
    "digits": _digits,
    "cardinal": _number,
    "number": _number,
    "ordinal": _ordinal,
}
_ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    "speak": (),
    "p": (),
    "s": (),
    "voice": ("name",),
    "break": ("time", "strength"),
    "emphasis": ("level",),
    "sub": ("alias",),
    "say-as": ("interpret-as", "format", "detail"),
    "prosody": ("rate", "pitch", "volume", "contour", "range", "duration"),
    "mark": ("name",),
}
_OPENED: Mapping[str, Callable[[_Speech, Open], None]] = {
    "p": _end_turn,
    "voice": _voice,
    "break": _break,
    "sub": _aside,
    "say-as": _aside,
    "prosody": _prosody,
}
_CLOSED: Mapping[str, Callable[[_Speech, Open], None]] = {
    "p": _end_turn,
    "s": _end_sentence,
    "voice": _end_voice,
    "sub": _sub,
    "say-as": _say_as,
}
