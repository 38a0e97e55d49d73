"""Tags outlive the signature: what was written before signing reads back from the signed file."""

from __future__ import annotations

from dataclasses import replace

import pytest
from credentials_samples import FACTS, chain, signer
from sound_files import buzz

from synth.aigc import AigcLabel
from synth.audio import ChapterMark
from synth.decode import decode
from synth.encode import encode_aac, encode_flac, encode_mp3, encode_opus, encode_wav
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
