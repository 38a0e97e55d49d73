"""A real script through real voices, a real watermark, real codecs and real credentials."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gateway.app import soft_bindings
from gateway.settings import DEFAULT_AUDIOSEAL
from synth.adapters.audioseal import AudioSealMark
from synth.adapters.hibari import hibari_catalogue
from synth.adapters.keyed import KeyedMark
from synth.audio import MarkedSpeech
from synth.credentials import CredentialsDetail, CredentialsState
from synth.decode import decode
from synth.encode import MEDIA_TYPES, encode
from synth.errors import ReadBackError
from synth.formats import parse_script
from synth.produce import Producer, Production
from synth.watermark import Payload, Presence, reads_back
from tests.production_samples import AT, DISCLOSURE, EPISODE, SCREENING, gate

SCRIPT = """---
title: A short walk
show: integration
language: en
voices:
  Anna: hibari-heart
  Ben: hibari-birch
---

# The door

Anna: She opened the door and listened. The street was quiet, and the lamps had just been lit.

Ben: Nobody had come this way since the morning, and nobody would come before the snow had gone.

# The road

Anna: They took the long road, because it was the only one that they both knew.
"""
BOTH = pytest.mark.parametrize("place", [0, 1], ids=["mp3", "wav"])


@pytest.fixture(scope="module")
def mark() -> KeyedMark:
    return KeyedMark(key=b"integration test".ljust(32, b"."))


@pytest.fixture(scope="module")
def maker(mark: KeyedMark) -> Producer:
    return Producer(
        catalogue=hibari_catalogue(), marks=[mark], signer=gate(), log_origin="log.example", software_version="0.1.0"
    )


@pytest.fixture(scope="module")
def production(maker: Producer) -> Production:
    return maker.produce(parse_script(SCRIPT), episode_id=EPISODE, at=AT, screening=SCREENING, disclosure=DISCLOSURE)


@BOTH
def test_stranger_finds_mark_and_credentials_in_the_bytes_alone(
    production: Production, mark: KeyedMark, place: int
) -> None:
    clip = production.clips[place]
    sound = decode(clip.data)
    assert reads_back(mark.detect(sound.samples, sound.sample_rate, [Payload(EPISODE)]), Payload(EPISODE))
    report = gate().read(clip.data, clip.media_type)
    assert report.state is CredentialsState.TRUSTED
    assert report.facts is not None
    assert report.facts.episode_id == EPISODE


@BOTH
def test_converted_copy_loses_its_credentials_and_keeps_its_mark(
    production: Production, mark: KeyedMark, place: int
) -> None:
    clip = production.clips[place]
    sound = decode(clip.data)
    other_type = "audio/wav" if clip.media_type == "audio/mpeg" else "audio/mpeg"
    copy = encode(MarkedSpeech(sound.samples, sound.sample_rate, (), (), EPISODE, clip.marks), other_type)
    assert gate().read(copy, other_type).state is CredentialsState.ABSENT
    heard = decode(copy)
    detection = mark.detect(heard.samples, heard.sample_rate, [Payload("another"), Payload(EPISODE)])
    assert detection.presence is Presence.DETECTED
    assert detection.episode_id == EPISODE
    recovered = gate().read(copy, other_type, manifest_store=clip.manifest_store)
    assert recovered.detail is CredentialsDetail.CONTENT_CHANGED
    assert recovered.facts is not None
    assert recovered.facts.soft_bindings[0].value == Payload(EPISODE).code.to_bytes(8, "big")


@BOTH
def test_few_changed_bytes_are_found_out(production: Production, place: int) -> None:
    clip = production.clips[place]
    middle = len(clip.data) // 2
    changed = clip.data[:middle] + bytes(4) + clip.data[middle + 4 :]
    assert changed != clip.data
    assert gate().read(changed, clip.media_type).detail is CredentialsDetail.CONTENT_CHANGED


def test_credentials_name_the_voices_and_their_engine(production: Production) -> None:
    import io

    from c2pa import Reader

    clip = production.clips[0]
    with Reader(clip.media_type, io.BytesIO(clip.data), None, gate().reader.context) as reader:
        manifest = json.loads(reader.crjson())["manifests"][0]
    created = manifest["assertions"]["c2pa.actions.v2"]["actions"][0]
    voices = created["parameters"]["org.assay-gateway.voices"]
    assert {voice["id"] for voice in voices} == {voice_id for _, voice_id in parse_script(SCRIPT).voices}
    assert all("hibari" in voice["version"] for voice in voices)


def test_second_production_has_the_same_sound_and_its_own_manifest(maker: Producer, production: Production) -> None:
    again = maker.produce(parse_script(SCRIPT), episode_id=EPISODE, at=AT, screening=SCREENING, disclosure=DISCLOSURE)
    for first, second in zip(production.clips, again.clips, strict=True):
        np.testing.assert_array_equal(decode(first.data).samples, decode(second.data).samples)
        assert first.manifest_label != second.manifest_label


def test_episode_too_short_to_hold_the_mark_is_refused(maker: Producer) -> None:
    short = parse_script(SCRIPT.split("# The door")[0] + "Anna: Yes.\n\nBen: No.\n")
    with pytest.raises(ReadBackError, match="does not read back"):
        maker.produce(short, episode_id=EPISODE, at=AT, screening=SCREENING, disclosure=None)


def test_both_marks_read_back_from_every_kind_of_file(mark: KeyedMark) -> None:
    """`produce` reads both marks back from the final bytes, a decoy beside each, or returns nothing."""
    marks = [AudioSealMark(weights=DEFAULT_AUDIOSEAL), mark]
    maker = Producer(
        catalogue=hibari_catalogue(),
        marks=marks,
        signer=gate(),
        log_origin="log.example",
        software_version="0.1.0",
        renditions=MEDIA_TYPES,
        soft_bindings=soft_bindings(marks),
    )
    made = maker.produce(parse_script(SCRIPT), episode_id=EPISODE, at=AT, screening=SCREENING, disclosure=DISCLOSURE)
    assert [clip.media_type for clip in made.clips] == list(MEDIA_TYPES)
    assert all([name for name, _ in clip.marks] == ["audioseal", "keyed"] for clip in made.clips)
