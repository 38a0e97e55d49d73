"""The example scripts can all be read and cast; the briefing is a programme of about three minutes, on level."""

from __future__ import annotations

from pathlib import Path

import pytest

from synth.adapters.hibari import hibari_catalogue
from synth.casting import cast_voices
from synth.decode import decode
from synth.encode import encode_mp3, encode_wav
from synth.formats import parse_script
from synth.loudness import measure_loudness, measure_true_peak
from synth.master import master
from synth.speak import speak
from synth.voice import VoiceCatalogue

EXAMPLES = Path(__file__).parents[2] / "examples"
DISCLOSURE = "This programme was made with artificial intelligence: the voices you hear are synthetic."
SCRIPTS = {
    "morning-briefing": 2,
    "audiobook-passage": 1,
    "refused-toxic": 1,
    "refused-misinformation": 2,
    "held-for-review": 1,
}


@pytest.fixture(scope="module")
def catalogue() -> VoiceCatalogue:
    return hibari_catalogue()


def test_every_example_is_listed_here() -> None:
    assert sorted(path.stem for path in EXAMPLES.glob("*.md")) == sorted(SCRIPTS)


@pytest.mark.parametrize("name", SCRIPTS)
def test_example_is_read_and_its_voices_can_speak_it(name: str, catalogue: VoiceCatalogue) -> None:
    script = parse_script((EXAMPLES / f"{name}.md").read_bytes())
    assert len(cast_voices(script, catalogue)) == SCRIPTS[name]
    assert all(chapter.title for chapter in script.chapters)


def test_briefing_is_three_minutes_on_level_in_both_files(catalogue: VoiceCatalogue) -> None:
    script = parse_script((EXAMPLES / "morning-briefing.md").read_bytes())
    programme = master(speak(script, catalogue, disclosure=DISCLOSURE))
    assert 160 <= programme.duration <= 200
    assert len(programme.chapters) == 6
    assert {cue.speaker for cue in programme.cues} == {"Announcement", "ANNA", "BEN"}
    assert " ".join(cue.text for cue in programme.cues[1:]) == " ".join(turn.text for turn in script.utterances)
    for encoder in (encode_mp3, encode_wav):
        decoded = decode(encoder(programme.samples, programme.sample_rate))
        assert len(decoded.samples) == len(programme.samples)
        assert measure_loudness(decoded.samples, decoded.sample_rate) == pytest.approx(-16.0, abs=0.2)
        assert measure_true_peak(decoded.samples, decoded.sample_rate) <= -1.5
