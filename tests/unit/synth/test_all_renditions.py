"""Every kind of file comes out marked, tagged, signed and read back, and one bad byte in any is found out."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from synth.aigc import AigcLabel
from synth.audio import SignedClip
from synth.credentials import CredentialsDetail, CredentialsReport, CredentialsState
from synth.decode import decode
from synth.encode import MEDIA_TYPES
from synth.errors import CredentialsError, ReadBackError
from synth.imprint import Imprint
from synth.master import TARGET_LUFS
from synth.readback import CEILING_DBTP, Expected, read_back
from synth.tags import read_tags
from synth.watermark import Payload, reads_back
from tests.api_gate import ChipMark
from tests.credentials_samples import FACTS, clip, stored
from tests.production_samples import EPISODE, gate, produce, producer

EVERY = pytest.mark.parametrize("media_type", MEDIA_TYPES)
IMPRINT = Imprint(publisher="Example Radio", detector_url="https://example.com/verify", aigc_producer="assay.example")


@pytest.fixture(scope="module")
def clips() -> dict[str, SignedClip]:
    maker = producer(marks=[ChipMark()], renditions=MEDIA_TYPES, imprint=IMPRINT)
    return {clip.media_type: clip for clip in produce(maker).clips}


def read(clip: SignedClip, data: bytes | None = None) -> CredentialsReport:
    return gate().read(data or clip.data, clip.media_type, manifest_store=stored(clip.media_type, clip.manifest_store))


@EVERY
def test_credentials_are_trusted_and_name_the_episode(clips: dict[str, SignedClip], media_type: str) -> None:
    report = read(clips[media_type])
    assert report.state is CredentialsState.TRUSTED
    assert report.label == clips[media_type].manifest_label
    assert report.facts is not None
    assert report.facts.episode_id == EPISODE


@EVERY
def test_mark_is_in_the_final_bytes(clips: dict[str, SignedClip], media_type: str) -> None:
    sound = decode(clips[media_type].data)
    assert sound.media_type == media_type
    assert reads_back(
        ChipMark().detect(sound.samples, sound.sample_rate, [Payload("x"), Payload(EPISODE)]), Payload(EPISODE)
    )


@EVERY
def test_loudness_and_peak_are_those_of_the_decoded_file(clips: dict[str, SignedClip], media_type: str) -> None:
    assert clips[media_type].loudness == pytest.approx(TARGET_LUFS, abs=0.5)
    assert clips[media_type].true_peak <= CEILING_DBTP
    assert clips[media_type].duration == pytest.approx(clips["audio/wav"].duration, abs=0.05)


@EVERY
def test_players_find_title_disclosure_and_the_label_once(clips: dict[str, SignedClip], media_type: str) -> None:
    tags = read_tags(clips[media_type].data, media_type)
    assert (tags.title, tags.show, tags.detector_url) == ("Humming", "hums", "https://example.com/verify")
    assert tags.aigc == AigcLabel("assay.example", EPISODE, "assay.example", EPISODE)
    assert clips[media_type].data.count(b"ContentProducer") == 1
    assert len(tags.chapters) == 3


@EVERY
def test_a_changed_byte_of_sound_is_found_out(clips: dict[str, SignedClip], media_type: str) -> None:
    data = bytearray(clips[media_type].data)
    place = len(data) // 2
    data[place] ^= 1
    report = read(clips[media_type], bytes(data))
    assert (report.state, report.detail) == (CredentialsState.INVALID, CredentialsDetail.CONTENT_CHANGED)


@EVERY
def test_an_appended_byte_is_found_out(clips: dict[str, SignedClip], media_type: str) -> None:
    assert read(clips[media_type], clips[media_type].data + b"\0").state is CredentialsState.INVALID


@EVERY
def test_store_is_embedded_or_the_file_is_as_it_was(clips: dict[str, SignedClip], media_type: str) -> None:
    clip = clips[media_type]
    assert (clip.manifest_store in clip.data) is (media_type != "audio/ogg")
    assert clip.sha256 == hashlib.sha256(clip.data).hexdigest()


def test_ogg_without_its_manifest_has_no_credentials(clips: dict[str, SignedClip]) -> None:
    report = gate().read(clips["audio/ogg"].data, "audio/ogg")
    assert (report.state, report.detail) == (CredentialsState.ABSENT, CredentialsDetail.UNSUPPORTED)


@pytest.mark.parametrize("other", [media_type for media_type in MEDIA_TYPES if media_type != "audio/ogg"])
def test_manifest_of_another_file_never_fits_the_ogg(clips: dict[str, SignedClip], other: str) -> None:
    report = gate().read(clips["audio/ogg"].data, "audio/ogg", manifest_store=clips[other].manifest_store)
    assert report.state is CredentialsState.INVALID


@pytest.mark.parametrize("damage", [b"", b"no store", bytes(100)])
def test_damaged_store_beside_the_ogg_is_unreadable(clips: dict[str, SignedClip], damage: bytes) -> None:
    report = gate().read(clips["audio/ogg"].data, "audio/ogg", manifest_store=damage)
    assert report.state is not CredentialsState.TRUSTED


@EVERY
def test_read_back_refuses_a_store_that_should_have_been_embedded(
    clips: dict[str, SignedClip], media_type: str
) -> None:
    """The manifest of a file that was signed and then replaced by its unsigned self proves nothing about the bytes."""
    unsigned = clip(media_type, seconds=8.0)
    made = clips[media_type]
    expected = Expected(media_type, replace(FACTS, episode_id=EPISODE), read_tags(made.data, media_type))
    with pytest.raises(ReadBackError):
        read_back(unsigned, made.manifest_store, expected=expected, marks=[ChipMark()], credentials=gate())


@pytest.mark.parametrize("wrong", [media_type for media_type in MEDIA_TYPES if media_type != "audio/ogg"])
def test_file_of_another_type_is_not_signed(wrong: str) -> None:
    with pytest.raises(CredentialsError, match="cannot sign"):
        gate().sign(clip("audio/ogg"), wrong, FACTS)


@EVERY
def test_signing_leaves_every_sample_alone(media_type: str) -> None:
    encoded = clip(media_type)
    signed, _ = gate().sign(encoded, media_type, FACTS)
    assert np.array_equal(decode(signed).samples, decode(encoded).samples)
