"""Containers are told by their bytes, not by what the sender calls them."""

from __future__ import annotations

import pytest

from synth.containers import AIFF, FLAC, MATROSKA, MP3, MP4, OGG, RF64, WAV, Container, sniff
from tests.credentials_samples import clip

REST = bytes(64)


@pytest.mark.parametrize(
    ("start", "container"),
    [
        (b"RIFF\0\0\0\0WAVEfmt ", WAV),
        (b"RF64\xff\xff\xff\xffWAVEds64", RF64),
        (b"BW64\xff\xff\xff\xffWAVEds64", RF64),
        (b"FORM\0\0\0\0AIFFCOMM", AIFF),
        (b"FORM\0\0\0\0AIFCCOMM", AIFF),
        (b"\0\0\0\x20ftypM4A ", MP4),
        (b"fLaC\0\0\0\x22", FLAC),
        (b"OggS\0\2", OGG),
        (b"\x1a\x45\xdf\xa3", MATROSKA),
        (b"ID3\4\0\0\0\0\0\0\xff\xfb", MP3),
        (b"ID3\4\0\0\0\0\0\5pad..fLaC", FLAC),
        (b"\xff\xfb\x90\xc4", MP3),
        (b"\xff\xf3\x40\xc4", MP3),
    ],
)
def test_container_is_told_by_its_first_bytes(start: bytes, container: Container) -> None:
    assert sniff(start + REST) == container


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"%PDF-1.7\n",
        b"PK\3\4",
        b"RIFF\0\0\0\0AVI LIST",
        b"FORM\0\0\0\0ILBM",
        b"\xff\xd8\xff\xe0",  # JPEG
        b"\xff\xfe\0\0",  # reserved MPEG layer; also UTF-16 text
        b"\xff\xeb\0\0",  # reserved MPEG version
        b"hello, world",
    ],
)
def test_everything_else_is_no_audio_container(start: bytes) -> None:
    assert sniff(start + REST) is None


@pytest.mark.parametrize("start", [b"RIFF", b"ID3", b"\xff\xfb", b"fLaC"])
def test_beginning_of_a_container_alone_is_not_enough(start: bytes) -> None:
    assert sniff(start) is None


@pytest.mark.parametrize("media_type", ["audio/wav", "audio/mpeg"])
def test_renditions_are_told_apart(media_type: str) -> None:
    container = sniff(clip(media_type))
    assert container is not None
    assert container.media_type == media_type
