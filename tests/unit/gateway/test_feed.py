"""The feed as bytes: what podcast apps and directories insist on, with titles that nobody should send."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import feedparser
import pytest

from gateway.api.transcript import LINE_CHARACTERS, chapters_json, transcript_json, transcript_srt, transcript_vtt
from gateway.feed import (
    MAX_CHANNEL_DESCRIPTION_BYTES,
    PODCAST,
    PSC,
    Channel,
    FeedEpisode,
    FeedFile,
    podcast_guid,
    render_feed,
)
from gateway.releases import Spoken

CHANNEL = Channel(
    title="Harbour News",
    description="News of the harbour.",
    author="Harbour Radio",
    language="en",
    link="https://gate.example",
    feed_url="https://gate.example/feed.xml",
    image_url="https://gate.example/cover.png",
)
EPISODE = FeedEpisode(
    id="ep_9m3kq7xv2c8r4t6w1b5n",
    title="Morning briefing",
    link="https://gate.example/v1/episodes/ep_9m3kq7xv2c8r4t6w1b5n",
    released_at=datetime(2026, 3, 1, 12, tzinfo=UTC),
    duration=3725.4,
    files=(FeedFile("https://gate.example/a.mp3", "audio/mpeg", 1234, "5f" * 32),),
    transcript_url="https://gate.example/t",
    chapters_url="https://gate.example/c.json",
    chapters=((0.0, "About this audio"), (61.5, "Weather"), (3600.0, "Tides")),
    speakers=("Anna",),
)


def item(episode: FeedEpisode = EPISODE) -> ET.Element:
    found = ET.fromstring(render_feed(CHANNEL, [episode])).find("channel/item")
    assert found is not None
    return found


def test_guid_of_the_specifications_example() -> None:
    assert podcast_guid("https://podnews.net/rss") == "9b024349-ccf0-5f69-a609-6b82873eab3c"
    assert podcast_guid("http://podnews.net/rss/") == podcast_guid("https://podnews.net/rss")


def test_same_values_give_the_same_bytes() -> None:
    assert render_feed(CHANNEL, [EPISODE]) == render_feed(CHANNEL, [EPISODE])


@pytest.mark.parametrize(
    "title",
    [
        "<script>alert(1)</script>",
        "Tom & Jerry",
        "]]>",
        "nul \x00 bell \x07",
        "half \ud83d pair",
        "\ufffe end",
        "Ünïcödé 🎙",
    ],
)
def test_hostile_title_neither_breaks_nor_escapes_the_feed(title: str) -> None:
    hostile = replace(EPISODE, title=title, chapters=((0.0, title), (5.0, title), (9.0, title)), speakers=(title,))
    parsed = feedparser.parse(render_feed(replace(CHANNEL, title=title, description=title), [hostile]))
    assert not parsed.bozo
    assert len(parsed.entries) == 1
    assert "<script" not in parsed.entries[0].get("description", "").replace("&lt;script", "")


def test_description_keeps_the_markup_of_titles_as_text() -> None:
    description = item(replace(EPISODE, chapters=((0.0, "<b>x</b>"), (1.0, "y"), (2.0, "z")))).findtext("description")
    assert description is not None
    assert "&lt;b&gt;x&lt;/b&gt;" in description


def test_long_channel_description_is_cut_between_characters() -> None:
    tree = ET.fromstring(render_feed(replace(CHANNEL, description="ü" * 3000), []))
    description = tree.findtext("channel/description") or ""
    assert len(description.encode()) == MAX_CHANNEL_DESCRIPTION_BYTES
    assert set(description) == {"ü"}


def test_chapter_times_are_in_the_description_from_three_chapters_on() -> None:
    three = item().findtext("description") or ""
    assert "<p>00:00 About this audio</p><p>01:01 Weather</p><p>1:00:00 Tides</p>" in three
    two = item(replace(EPISODE, chapters=EPISODE.chapters[:2])).findtext("description") or ""
    assert "Weather" not in two


def test_podlove_chapters_have_milliseconds() -> None:
    starts = [chapter.get("start") for chapter in item().iter(f"{{{PSC}}}chapter")]
    assert starts == ["00:00:00.000", "00:01:01.500", "01:00:00.000"]


def test_episode_without_chapters_lists_none() -> None:
    assert item(replace(EPISODE, chapters=())).find(f"{{{PSC}}}chapters") is None


def test_only_the_first_rendition_is_the_default() -> None:
    wav = FeedFile("https://gate.example/a.wav", "audio/wav", 99, "ab" * 32)
    renditions = item(replace(EPISODE, files=(*EPISODE.files, wav))).findall(f"{{{PODCAST}}}alternateEnclosure")
    assert [one.get("default") for one in renditions] == ["true", None]


def test_disclosure_is_in_every_item() -> None:
    later = replace(EPISODE, id="ep_2", released_at=EPISODE.released_at + timedelta(days=1))
    tree = ET.fromstring(render_feed(CHANNEL, [later, EPISODE]))
    for element in [tree.find("channel"), *tree.iter("item")]:
        assert element is not None
        texts = element.findall(f"{{{PODCAST}}}txt")
        assert [(text.get("purpose"), text.text) for text in texts] == [("ai-content", "true")]
    assert tree.findtext("channel/lastBuildDate") == "Mon, 02 Mar 2026 12:00:00 GMT"


def test_transcript_breaks_long_turns_into_cues_that_fill_the_time() -> None:
    text = "The harbour is calm this morning and the ferries run on time. " * 6
    document = transcript_vtt([Spoken(10.0, 40.0, "Anna", text)])
    blocks = document.rstrip("\n").split("\n\n")
    assert blocks[0] == "WEBVTT"
    assert len(blocks) > 2
    assert blocks[1].startswith("00:00:10.000 --> ")
    assert blocks[-1].split("\n")[0].endswith("--> 00:00:40.000")
    for block in blocks[1:]:
        first, *rest = block.split("\n")[1:]
        assert first.startswith("<v Anna>")
        assert all(len(line) <= LINE_CHARACTERS for line in [first.removeprefix("<v Anna>"), *rest])
    spoken = " ".join(line.removeprefix("<v Anna>") for block in blocks[1:] for line in block.split("\n")[1:])
    assert spoken == text.strip()


def test_transcript_cannot_be_broken_by_words() -> None:
    document = transcript_vtt([Spoken(0.0, 2.0, "A>B", "ends --> here <b>&amp; NOTE\n\nWEBVTT")])
    assert document.count("-->") == 1
    assert "<b>" not in document
    assert document.count("\n\n") == 1


def test_silent_cue_makes_no_block() -> None:
    assert transcript_vtt([Spoken(0.0, 2.0, "Anna", "")]) == "WEBVTT\n"


def test_subrip_numbers_its_cues_and_names_each_new_speaker_once() -> None:
    cues = [
        Spoken(0.0, 1.25, "Anna", "Hello."),
        Spoken(1.5, 2.0, "Anna", "Again."),
        Spoken(3661.0, 3662.0, "Ben", "Hi."),
    ]
    assert transcript_srt(cues) == (
        "1\n00:00:00,000 --> 00:00:01,250\nAnna: Hello.\n\n"
        "2\n00:00:01,500 --> 00:00:02,000\nAgain.\n\n"
        "3\n01:01:01,000 --> 01:01:02,000\nBen: Hi.\n"
    )


def test_subrip_cannot_be_broken_by_words() -> None:
    document = transcript_srt([Spoken(0.0, 2.0, "Anna", "ends\n\n2\n00:00:01,000 --> 00:00:02,000\nhere")])
    assert document.count("-->") == 1
    assert "\n\n" not in document


def test_json_transcript_has_a_segment_per_sentence() -> None:
    assert transcript_json([Spoken(0.0, 1.2345, "Anna", 'Say "hello".')]) == {
        "version": "1.0.0",
        "segments": [{"speaker": "Anna", "startTime": 0.0, "endTime": 1.234, "body": 'Say "hello".'}],
    }


def test_json_chapters_are_of_the_podcast_namespace() -> None:
    assert chapters_json([(0.0, "A"), (61.5, "B")]) == {
        "version": "1.2.0",
        "chapters": [{"startTime": 0.0, "title": "A"}, {"startTime": 61.5, "title": "B"}],
    }
