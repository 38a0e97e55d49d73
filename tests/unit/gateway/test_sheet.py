"""The sheet of an episode: everything on it is measured or stored, and no text on it is markup."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import numpy as np
import pytest
from sqlmodel import select

from gateway.cli.made import chosen_formats, produced_formats, write_companions
from gateway.cli.sheet import make_sheet
from gateway.cli.sheetdrawing import Picture, draw
from gateway.submissions import Clip, EpisodeHearing, Submission
from synth.encode import encode_wav
from synth.loudness import LoudnessMeter
from tests.gateway_chain import build_chain, script_of

SVG = "{http://www.w3.org/2000/svg}"
PICTURE = Picture(
    duration=95.0,
    peaks=[0.1, 0.9, 0.0],
    loudness=[None, -16.0, -18.0, None, -30.0],
    target=-16.0,
    chapters=((0.0, "Good morning"), (40.0, "The weather & <b>more</b>")),
    turns=((0.0, 30.0, "ANNA"), (41.0, 90.0, "BEN")),
)


def hum(level: float = 0.1, seconds: float = 4.0) -> bytes:
    return encode_wav((level * np.sin(np.arange(round(16_000 * seconds)) / 5)).astype(np.float32), 16_000)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    chain = build_chain(tmp_path_factory.mktemp("home"))
    from gateway.intake import submit
    from gateway.sequencing import settle

    with chain.database.write() as session:
        text = script_of("Good morning.", title="Ships &amp; harbours")
        row, _ = submit(session, toolchain=chain.tools, api_key_id="submitter1", text=text)
    settle(chain.database, chain.tools.log)
    assert chain.run(row.id) == "released"
    with chain.database.read() as session:
        outcome = SimpleNamespace(
            submission=session.get_one(Submission, row.id),
            clips=tuple(session.exec(select(Clip).where(Clip.episode_id == row.id))),
            hearing=session.get(EpisodeHearing, row.id),
        )
    blobs = SimpleNamespace(read=lambda digest: hum())
    tools = SimpleNamespace(database=chain.database, log=chain.tools.log, blobs=blobs)
    return SimpleNamespace(toolchain=tools), outcome


def test_picture_is_one_svg_with_chapters_speakers_and_curve() -> None:
    tree = ET.fromstring(draw(PICTURE))
    texts = [element.text for element in tree.iter(f"{SVG}text")]
    assert "Good morning" in texts
    assert "The weather & <b>more</b>" in texts
    assert {"ANNA", "BEN", "1:30"} <= set(texts)
    (curve,) = [path.get("d") for path in tree.iter(f"{SVG}path") if path.get("class") == "l"]
    assert curve is not None
    assert curve.count("M") == 2  # silence breaks it
    assert not list(tree.iter(f"{SVG}script"))


def test_title_that_has_no_room_is_cut_and_kept_whole_as_a_hint() -> None:
    long = "A very long title " * 10
    crowded = Picture(100.0, [0.5], [-16.0], -16.0, ((0.0, long), (5.0, "B"), (10.0, "C")), ())
    tree = ET.fromstring(draw(crowded))
    first = next(text for text in tree.iter(f"{SVG}text") if text.find(f"{SVG}title") is not None)
    assert first.text is not None
    assert first.text.endswith("…")
    assert first.findtext(f"{SVG}title") == long


def test_picture_of_nothing_is_no_crash() -> None:
    ET.fromstring(draw(Picture(0.0, [], [], -16.0, (), ())))


def test_sheet_shows_what_is_stored_and_escapes_it(made: tuple[Any, Any]) -> None:
    sheet = make_sheet(*made)
    assert "Ships &amp;amp; harbours" in sheet.html
    assert "mark keyed" in sheet.html
    assert "receipt: clip" in sheet.html
    assert sheet.html.count("<svg") == 1
    assert sheet.svg in sheet.html
    assert "<script" not in sheet.html
    assert "http" not in sheet.html.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "")


def test_companions_are_written_beside_the_sound(made: tuple[Any, Any], tmp_path: Path) -> None:
    written = write_companions(*made, tmp_path, stem="briefing")
    assert [path.name for path in written] == [
        "briefing.vtt",
        "briefing.srt",
        "briefing.transcript.json",
        "briefing.chapters.json",
        "briefing.html",
        "briefing.svg",
    ]
    assert (tmp_path / "briefing.vtt").read_text().startswith("WEBVTT")
    assert all(path.stat().st_size > 20 for path in written)


def test_short_term_loudness_follows_the_sound_second_by_second() -> None:
    meter = LoudnessMeter(16_000)
    loud = 0.1 * np.sin(np.arange(5 * 16_000) / 5)
    meter.add(np.concatenate([np.zeros(3 * 16_000), loud]).astype(np.float32))
    curve = meter.short_term()
    assert len(curve) == 8
    assert curve[:3] == [None, None, None]
    rising = [value for value in curve[3:] if value is not None]
    assert len(rising) == 5
    assert rising[0] < rising[1] < rising[2]
    assert rising[3] == pytest.approx(rising[4], abs=0.05)


def test_formats_are_chosen_by_name_and_mp3_is_always_made() -> None:
    option, context = click.Option(["--format"]), click.Context(click.Command("make"))
    chosen = chosen_formats(context, option, "M4A, opus,m4a")
    assert chosen == ("audio/mp4", "audio/ogg")
    assert produced_formats(chosen) == ("audio/mpeg", "audio/mp4", "audio/ogg")
    assert produced_formats(chosen_formats(context, option, None)) is None
    with pytest.raises(click.BadParameter, match="no format is called 'ogg'; choose of mp3, m4a, opus, flac, wav"):
        chosen_formats(context, option, "mp3,ogg")
