"""Gives each speaker of a script a voice, and refuses what that voice cannot say before anything is spoken (pure)."""

from __future__ import annotations

from collections.abc import Mapping

from synth.characters import error_at
from synth.errors import VoiceError
from synth.script import Script, Utterance
from synth.voice import Voice, VoiceCatalogue


def cast_voices(script: Script, catalogue: VoiceCatalogue) -> Mapping[str, Voice]:
    """Return the voice of each speaker, in the script's order.

    Raises `VoiceError` if a voice is not allowed here or speaks another language, and `ScriptError`, pointing at the
    place in the author's text, if a voice would drop or misread something. Fast: nothing is synthesised.
    """
    voices = {speaker: _voice(script, catalogue, voice_id) for speaker, voice_id in script.voices}
    for utterance in script.utterances:
        voice = voices[utterance.speaker]
        if found := voice.unspeakable(utterance.text):
            place = source_offset(script.source, utterance, found.offset)
            raise error_at(script.source, place, f"voice '{voice.id}' cannot speak this: {found.reason}")
    return voices


def source_offset(source: str, utterance: Utterance, offset: int) -> int:
    """Return where character `offset` of `utterance.text` stands in the author's text."""
    if utterance.places is not None:
        return utterance.places[min(offset, len(utterance.places) - 1)]
    before = sum(not character.isspace() for character in utterance.text[:offset])
    for place in range(utterance.start, utterance.end):
        if source[place].isspace() or source[place] in "*_":
            continue
        if before == 0:
            return place
        before -= 1
    return utterance.start


def _voice(script: Script, catalogue: VoiceCatalogue, voice_id: str) -> Voice:
    voice = catalogue.get(voice_id)
    if voice.language == script.language:
        return voice
    able = sorted(other.id for other in catalogue.voices.values() if other.language == script.language)
    if able:
        raise VoiceError(
            f"voice '{voice_id}' speaks '{voice.language}', the script is in '{script.language}'; choose one of: "
            + ", ".join(able)
        )
    spoken = ", ".join(sorted({other.language for other in catalogue.voices.values()}))
    raise VoiceError(f"no voice here speaks the language '{script.language}'; languages that are spoken: {spoken}")
