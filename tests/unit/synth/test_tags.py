"""Tags: written once, read back the same, and readable by others."""

from __future__ import annotations

import io
import struct
from dataclasses import replace

import av
import mutagen.flac
import mutagen.mp3
import mutagen.mp4
import mutagen.oggopus
import mutagen.wave
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sound_files import buzz

from synth import id3
from synth.aigc import AigcLabel
from synth.audio import ChapterMark
from synth.decode import decode
from synth.encode import encode_aac, encode_flac, encode_mp3, encode_opus, encode_wav
from synth.errors import AudioError
from synth.riff import split_chunks
from synth.tags import Tags, read_tags, tag

RATE = 44_100
LABEL = AigcLabel("assay.example", "ep_01", "assay.example", "ep_01")
TAGS = Tags(
    title="Grüße — 早安",
    show="Harbour Radio",
    artist="Harbour Press",
    language="en",
    date="2026-11-22",
    comment="Made with AI.",
    encoder="assay 0.1.0",
    episode_id="ep_01",
    ai_disclosure="The voices in this programme are synthetic.",
    detector_url="https://assay.example/v/ep_01",
    aigc=LABEL,
    chapters=(ChapterMark(0.0, "About this audio"), ChapterMark(0.75, "Ærlig"), ChapterMark(1.5, "終")),
    duration=2.0,
)
FILES = {
    "audio/mpeg": encode_mp3(buzz(), RATE),
    "audio/mp4": encode_aac(buzz(), RATE),
    "audio/ogg": encode_opus(buzz(), RATE),
    "audio/flac": encode_flac(buzz(), RATE),
    "audio/wav": encode_wav(buzz(), RATE),
}
MEDIA_TYPES = sorted(FILES)
ID3 = ("audio/mpeg", "audio/wav")


def kept(tags: Tags, media_type: str) -> Tags:
    """What of `tags` a format has a place for: only ID3 says where the last chapter ends."""
    return tags if media_type in ID3 else replace(tags, duration=0.0)


@pytest.mark.parametrize("media_type", MEDIA_TYPES)
def test_tags_read_back_as_written_and_the_sound_is_untouched(media_type: str) -> None:
    tagged = tag(FILES[media_type], media_type, TAGS)
    assert read_tags(tagged, media_type) == kept(TAGS, media_type)
    assert (decode(tagged).samples == decode(FILES[media_type]).samples).all()


@pytest.mark.parametrize("media_type", MEDIA_TYPES)
def test_only_a_title_is_needed(media_type: str) -> None:
    tags = Tags(title="One")
    assert read_tags(tag(FILES[media_type], media_type, tags), media_type) == tags


@pytest.mark.parametrize("media_type", MEDIA_TYPES)
def test_tagging_is_deterministic(media_type: str) -> None:
    assert tag(FILES[media_type], media_type, TAGS) == tag(FILES[media_type], media_type, TAGS)


@pytest.mark.parametrize(("media_type", "reader"), [("audio/mpeg", mutagen.mp3.MP3), ("audio/wav", mutagen.wave.WAVE)])
def test_an_independent_reader_finds_the_same(media_type: str, reader: type) -> None:
    found = reader(io.BytesIO(tag(FILES[media_type], media_type, TAGS))).tags
    assert str(found["TIT2"]) == TAGS.title
    assert str(found["TALB"]) == TAGS.show
    assert str(found["TDRC"]) == TAGS.date
    assert str(found["TXXX:AI_DISCLOSURE"]) == TAGS.ai_disclosure
    assert found["WXXX:AI_DETECTOR"].url == TAGS.detector_url
    assert str(found["COMM::eng"]) == TAGS.comment
    assert found["CTOC:toc"].child_element_ids == ["chp0", "chp1", "chp2"]
    chapters = [found[f"CHAP:chp{number}"] for number in range(3)]
    assert [(c.start_time, c.end_time) for c in chapters] == [(0, 750), (750, 1500), (1500, 2000)]
    assert [str(c.sub_frames["TIT2"]) for c in chapters] == [mark.title for mark in TAGS.chapters]


def test_independent_readers_find_the_same_in_m4a_flac_and_opus() -> None:
    m4a = mutagen.mp4.MP4(io.BytesIO(tag(FILES["audio/mp4"], "audio/mp4", TAGS)))
    assert m4a.tags["\xa9nam"] == [TAGS.title]
    assert m4a.tags["\xa9alb"] == [TAGS.show]
    assert bytes(m4a.tags["----:com.apple.iTunes:AIGC"][0]) == LABEL.to_json().encode()
    assert bytes(m4a.tags["----:com.apple.iTunes:AI_DETECTOR"][0]) == TAGS.detector_url.encode()
    assert [(chapter.start, chapter.title) for chapter in m4a.chapters] == [
        (mark.start, mark.title) for mark in TAGS.chapters
    ]
    for media_type, reader in (("audio/flac", mutagen.flac.FLAC), ("audio/ogg", mutagen.oggopus.OggOpus)):
        found = reader(io.BytesIO(tag(FILES[media_type], media_type, TAGS)))
        assert found["title"] == [TAGS.title]
        assert found["aigc"] == [LABEL.to_json()]
        assert found["chapter001"] == ["00:00:00.750"]
        assert found["chapter001name"] == ["Ærlig"]
        assert found.info.length == pytest.approx(2.0, abs=0.05)


def test_m4a_can_be_played_from_its_first_bytes() -> None:
    tagged = tag(FILES["audio/mp4"], "audio/mp4", TAGS)
    assert tagged.index(b"moov") < tagged.index(b"mdat")


def test_other_tags_stay_where_they_are_and_ours_are_refused() -> None:
    file = io.BytesIO(FILES["audio/flac"])
    strange = mutagen.flac.FLAC(file)
    strange["title"] = "Somebody else's"
    file.seek(0)
    strange.save(file)
    with pytest.raises(AudioError, match="already carries"):
        tag(file.getvalue(), "audio/flac", TAGS)


def test_tags_that_fill_more_than_an_ogg_page_are_refused() -> None:
    with pytest.raises(AudioError, match="Ogg page"):
        tag(FILES["audio/ogg"], "audio/ogg", replace(TAGS, comment="x" * 66_000))
    almost = replace(TAGS, comment="x" * 60_000)
    assert read_tags(tag(FILES["audio/ogg"], "audio/ogg", almost), "audio/ogg") == kept(almost, "audio/ogg")


@pytest.mark.parametrize(("media_type", "form"), [("audio/mpeg", "mp3"), ("audio/wav", "wav"), ("audio/mp4", "mov")])
def test_players_find_title_and_chapters(media_type: str, form: str) -> None:
    with av.open(io.BytesIO(tag(FILES[media_type], media_type, TAGS)), "r", format=form) as file:
        assert file.metadata["title"] == TAGS.title
        assert [chapter["metadata"]["title"] for chapter in file.chapters()] == [mark.title for mark in TAGS.chapters]


@pytest.mark.parametrize("media_type", MEDIA_TYPES)
def test_the_aigc_label_stands_in_a_file_exactly_once(media_type: str) -> None:
    tagged = tag(FILES[media_type], media_type, TAGS)
    assert tagged.count(b"ContentProducer") == 1
    assert tagged.count(LABEL.to_json().encode()) == 1


def test_wav_carries_the_label_as_a_chunk_after_its_format() -> None:
    names = [chunk.name for chunk in split_chunks(tag(FILES["audio/wav"], "audio/wav", TAGS))]
    assert names == [b"fmt ", b"AIGC", b"data", b"LIST", b"id3 "]


def test_wav_says_its_title_in_plain_info_too() -> None:
    chunks = {chunk.name: chunk.data for chunk in split_chunks(tag(FILES["audio/wav"], "audio/wav", TAGS))}
    assert chunks[b"LIST"].startswith(b"INFOINAM")
    assert TAGS.title.encode() + b"\0" in chunks[b"LIST"]


def test_two_labels_in_one_file_are_an_error() -> None:
    tagged = tag(FILES["audio/mpeg"], "audio/mpeg", TAGS)
    frames = [*id3.read_tag(tagged), id3.described_text_frame("AIGC", LABEL.to_json())]
    with pytest.raises(AudioError, match="more than one AIGC"):
        read_tags(id3.write_tag(frames) + FILES["audio/mpeg"], "audio/mpeg")


@pytest.mark.parametrize("media_type", MEDIA_TYPES)
def test_a_tagged_file_is_never_tagged_again(media_type: str) -> None:
    with pytest.raises(AudioError, match="already carries"):
        tag(tag(FILES[media_type], media_type, Tags(title="One")), media_type, TAGS)


@pytest.mark.parametrize("media_type", MEDIA_TYPES)
@pytest.mark.parametrize("data", [b"", b"hello", b"RIFF\0\0\0\0WAVE"[:8]])
def test_what_is_no_file_of_its_type_is_refused(media_type: str, data: bytes) -> None:
    with pytest.raises(AudioError):
        tag(data, media_type, TAGS)
    with pytest.raises(AudioError):
        read_tags(data, media_type)


def test_other_media_types_are_refused() -> None:
    with pytest.raises(AudioError, match="audio/aiff"):
        tag(b"FORM", "audio/aiff", TAGS)
    with pytest.raises(AudioError, match="audio/aiff"):
        read_tags(b"FORM", "audio/aiff")


@pytest.mark.parametrize("media_type", MEDIA_TYPES)
def test_untagged_file_has_no_tags_to_read(media_type: str) -> None:
    with pytest.raises(AudioError):
        read_tags(FILES[media_type], media_type)


def test_a_date_that_is_none_is_refused() -> None:
    with pytest.raises(AudioError, match="not an ISO 8601 date"):
        tag(FILES["audio/mpeg"], "audio/mpeg", replace(TAGS, date="22.11.2026"))


@pytest.mark.parametrize("media_type", MEDIA_TYPES)
def test_more_chapters_than_the_format_holds_are_refused(media_type: str) -> None:
    chapters = tuple(ChapterMark(float(number), "x") for number in range(256))
    with pytest.raises(AudioError, match="256 chapters"):
        tag(FILES[media_type], media_type, replace(TAGS, chapters=chapters, duration=300.0))


def test_version_2_4_tags_are_read_too() -> None:
    file = io.BytesIO(FILES["audio/mpeg"])
    source = mutagen.mp3.MP3(io.BytesIO(tag(FILES["audio/mpeg"], "audio/mpeg", replace(TAGS, comment="x" * 300))))
    source.tags.save(file, v2_version=4)
    assert file.getvalue()[:4] == b"ID3\x04"
    assert read_tags(file.getvalue(), "audio/mpeg") == replace(TAGS, comment="x" * 300)


@pytest.mark.parametrize("field", ["content_producer", "produce_id", "reserved_code_2"])
@pytest.mark.parametrize("value", ["two words", 'quo"te', "back\\slash", "new\nline", "ümlaut", "x" * 257])
def test_characters_that_the_label_forbids_are_refused(field: str, value: str) -> None:
    with pytest.raises(AudioError, match="printable ASCII"):
        replace(LABEL, **{field: value})


def test_label_values_outside_the_vocabulary_are_refused() -> None:
    with pytest.raises(AudioError, match="'1', '2' or '3'"):
        replace(LABEL, label="0")


def test_label_is_read_under_its_key_too() -> None:
    assert AigcLabel.from_json('{"AIGC":' + LABEL.to_json() + "}") == LABEL


@pytest.mark.parametrize(
    "text", ["", "[]", "1", "{}", '{"AIGC":1}', "[" * 100_000, LABEL.to_json().replace('"1"', "1")]
)
def test_a_label_that_is_none_is_an_audio_error(text: str) -> None:
    with pytest.raises(AudioError, match="AIGC"):
        AigcLabel.from_json(text)


SHORT_WAV = encode_wav(buzz(0.1), RATE)


def outcome(data: bytes, media_type: str) -> Tags | AudioError:
    try:
        return read_tags(data, media_type)
    except AudioError as error:
        return error


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=6), st.sampled_from(ID3))
def test_a_changed_tag_is_read_or_an_audio_error(changes: list[tuple[float, int]], media_type: str) -> None:
    data = bytearray(tag(FILES[media_type][:20_000] if media_type == "audio/mpeg" else SHORT_WAV, media_type, TAGS))
    for place, value in changes:
        data[int(place * min(len(data) - 1, 3_000)) if media_type == "audio/mpeg" else -1 - int(place * 1_500)] = value
    assert isinstance(outcome(bytes(data), media_type), Tags | AudioError)


SHORT = {
    "audio/mp4": tag(encode_aac(buzz(0.1), RATE), "audio/mp4", TAGS),
    "audio/flac": tag(encode_flac(buzz(0.1), RATE), "audio/flac", TAGS)[:3_000],
    "audio/ogg": tag(encode_opus(buzz(0.1), RATE), "audio/ogg", TAGS),
}


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=6),
    st.floats(0, 1),
    st.sampled_from(sorted(SHORT)),
)
def test_a_changed_or_cut_file_is_read_or_an_audio_error(
    changes: list[tuple[float, int]], kept_share: float, media_type: str
) -> None:
    data = bytearray(SHORT[media_type])
    for place, value in changes:
        data[int(place * min(len(data) - 1, 3_000))] = value
    data = data[: int(len(data) * kept_share)] if not changes else data
    assert isinstance(outcome(bytes(data), media_type), Tags | AudioError)


@given(st.binary(max_size=200), st.sampled_from([3, 4]), st.integers(0, 255))
def test_any_tag_bytes_are_frames_or_an_audio_error(body: bytes, version: int, flags: int) -> None:
    data = b"ID3" + struct.pack(">BBB4B", version, 0, flags, 0, 0, len(body) >> 7, len(body) & 0x7F) + body
    assert isinstance(outcome(data, "audio/mpeg"), Tags | AudioError)


def chapters_by_ffmpeg(data: bytes) -> list[tuple[float, str]]:
    with av.open(io.BytesIO(data)) as container:
        return [(float(one["start"] * one["time_base"]), one["metadata"]["title"]) for one in container.chapters()]


def test_m4a_has_its_chapters_as_a_track_of_text_too() -> None:
    """Apple's players read no list but this track; with the list hidden, FFmpeg reads it as well."""
    chapters = (ChapterMark(0.0, "One"), ChapterMark(0.75, "Größe & \N{SNOWMAN}"), ChapterMark(1.5, ""))
    data = tag(FILES["audio/mp4"], "audio/mp4", replace(TAGS, chapters=chapters))
    assert data.count(b"chpl") == 1
    hidden = data.replace(b"chpl", b"free")
    expected = [(chapter.start, chapter.title) for chapter in chapters[:2]]
    assert chapters_by_ffmpeg(hidden)[:2] == expected
    assert chapters_by_ffmpeg(data)[:2] == expected
    assert (decode(data).samples == decode(FILES["audio/mp4"]).samples).all()


def test_m4a_without_chapters_has_one_track() -> None:
    data = tag(FILES["audio/mp4"], "audio/mp4", replace(TAGS, chapters=()))
    assert data.count(b"trak") == 1
    assert b"tref" not in data
