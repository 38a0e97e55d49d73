"""Tags outlive the signature: what was written before signing reads back from the signed file."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from pathlib import Path

import mutagen.flac
import mutagen.mp3
import mutagen.mp4
import mutagen.oggopus
import mutagen.wave
import pytest
from credentials_samples import FACTS, chain, signer
from sound_files import buzz

import gateway
from synth.aigc import AigcLabel
from synth.audio import ChapterMark
from synth.decode import decode
from synth.encode import encode_aac, encode_flac, encode_mp3, encode_opus, encode_wav
from synth.pictures import Cover, read_cover, small
from synth.tags import Tags, read_tags, tag

RATE = 44_100
TAGS = Tags(
    title="Grüße",
    show="Harbour Radio",
    date="2026-11-22",
    ai_disclosure="The voices are synthetic.",
    detector_url="https://assay.example/v/ep_01",
    aigc=AigcLabel("assay.example", "ep_01", "assay.example", "ep_01"),
    chapters=(ChapterMark(0.0, "About this audio"), ChapterMark(1.0, "One")),
    duration=2.0,
)


@pytest.mark.parametrize(
    ("media_type", "encoder"),
    [
        ("audio/mpeg", encode_mp3),
        ("audio/mp4", encode_aac),
        ("audio/ogg", encode_opus),
        ("audio/flac", encode_flac),
        ("audio/wav", encode_wav),
    ],
)
def test_tags_and_sound_read_back_from_the_signed_file(media_type: str, encoder) -> None:
    encoded = encoder(buzz(), RATE)
    signed, _ = signer(chain()).sign(tag(encoded, media_type, TAGS), media_type, FACTS)
    assert replace(read_tags(signed, media_type), duration=TAGS.duration) == TAGS
    assert signed.count(b"ContentProducer") == 1
    assert (decode(signed).samples == decode(encoded).samples).all()


COVER = read_cover((Path(gateway.__file__).parent / "static" / "cover.png").read_bytes())


def pictures(data: bytes, media_type: str) -> list[bytes]:
    """Return the covers that a reader which nobody here wrote finds."""
    file = io.BytesIO(data)
    if media_type == "audio/mp4":
        found = mutagen.mp4.MP4(file)["covr"]
        assert [cover.imageformat for cover in found] == [mutagen.mp4.MP4Cover.FORMAT_JPEG]
        return [bytes(cover) for cover in found]
    if media_type == "audio/flac":
        return [picture.data for picture in mutagen.flac.FLAC(file).pictures]
    if media_type == "audio/ogg":
        coded = mutagen.oggopus.OggOpus(file)["metadata_block_picture"]
        return [mutagen.flac.Picture(base64.b64decode(one)).data for one in coded]
    reader = mutagen.mp3.MP3 if media_type == "audio/mpeg" else mutagen.wave.WAVE
    return [frame.data for frame in reader(file).tags.getall("APIC")]


@pytest.mark.parametrize(
    ("media_type", "encoder"),
    [
        ("audio/mpeg", encode_mp3),
        ("audio/mp4", encode_aac),
        ("audio/ogg", encode_opus),
        ("audio/flac", encode_flac),
        ("audio/wav", encode_wav),
    ],
)
def test_cover_is_in_the_signed_file_once(media_type: str, encoder) -> None:
    encoded = encoder(buzz(), RATE)
    signed, _ = signer(chain()).sign(tag(encoded, media_type, replace(TAGS, cover=COVER)), media_type, FACTS)
    wanted = small(COVER).data if media_type == "audio/ogg" else COVER.data
    assert pictures(signed, media_type) == [wanted]
    assert read_tags(signed, media_type).cover == Cover(wanted, 0, 0)
    assert (decode(signed).samples == decode(encoded).samples).all()
