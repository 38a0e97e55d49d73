"""The file of voices: read whole or not at all, and every mistake is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from synth.errors import VoiceError
from synth.voice import Purpose
from synth.voicefile import CoquiEntry, EndpointEntry, card_of, read_voice_file

PIN = "a" * 64
COMMON = 'name = "Joe"\nlanguage = "en"\nlicence = "MIT"\npurposes = ["editorial", "audiobook"]\nreal_person = true\n'
JOE = f'[[voice]]\nid = "joe"\nengine = "coqui"\n{COMMON}model = "joe"\n[voice.files]\n"model.pth" = "{PIN}"\n'
BELLA = f'[[voice]]\nid = "bella"\nengine = "openai_speech"\nvoice = "af_bella"\n{COMMON}'


def read(tmp_path: Path, text: str) -> tuple[object, ...]:
    path = tmp_path / "voices.toml"
    path.write_text(text)
    return read_voice_file(path)


def test_both_engines_are_described(tmp_path: Path) -> None:
    joe, bella = read(tmp_path, JOE + BELLA)
    assert isinstance(joe, CoquiEntry)
    assert isinstance(bella, EndpointEntry)
    assert (joe.files, bella.voice, bella.sample_rate) == ({"model.pth": PIN}, "af_bella", 24_000)
    card = card_of(joe)
    assert (card.id, card.real_person) == ("joe", True)
    assert card.purposes == {Purpose.EDITORIAL, Purpose.AUDIOBOOK}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "voice: Field required"),
        ("voice = 3", "voice"),
        ("[[voice]", "no TOML"),
        (JOE + JOE, "twice"),
        (JOE.replace('"joe"\ne', '"hibari-heart"\ne'), "embedded voices"),
        (JOE.replace('"joe"\ne', '"Joe Smith"\ne'), "id"),
        (JOE.replace('"joe"\ne', '"../joe"\ne'), "id"),
        (JOE.replace("real_person = true\n", ""), "real_person: Field required"),
        (JOE.replace(PIN, "abc"), "files"),
        (JOE.replace(f'"model.pth" = "{PIN}"\n', ""), "files"),
        (JOE.replace("editorial", "fun"), "purposes"),
        (JOE.replace('engine = "coqui"', 'engine = "festival"'), "engine|festival"),
        (JOE.replace('model = "joe"', 'model = "joe"\nrecording = "me.wav"'), "go together"),
        (
            JOE.replace('model = "joe"', f'model = "joe"\nrecording = "me.wav"\nrecording_sha256 = "{PIN}"').replace(
                "real_person = true", "real_person = false"
            ),
            "real person's",
        ),
        (JOE.replace('model = "joe"', 'model = "joe"\napi_key = "x"'), "api_key"),
        (BELLA + "sample_rate = 7\n", "sample_rate"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(VoiceError, match=said):
        read(tmp_path, text)


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(VoiceError, match="cannot be read"):
        read_voice_file(tmp_path / "none.toml")
