"""What `assay make` leaves in its folder beside the sound: transcripts, chapters, and the sheet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from gateway.cli.embedded import EmbeddedGate, Outcome

MP3 = "audio/mpeg"
FORMATS = {"mp3": MP3, "m4a": "audio/mp4", "opus": "audio/ogg", "flac": "audio/flac", "wav": "audio/wav"}


def chosen_formats(context: click.Context, option: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    """Return the kinds of files that "mp3,m4a" names, or None where nothing is named; a usage error for others."""
    if value is None:
        return None
    names = list(dict.fromkeys(name.strip().lower() for name in value.split(",")))
    if unknown := [name for name in names if name not in FORMATS]:
        raise click.BadParameter(f"no format is called '{unknown[0]}'; choose of {', '.join(FORMATS)}", context, option)
    return tuple(FORMATS[name] for name in names)


def produced_formats(chosen: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Return what is made: MP3 is always among it, because it is listened to."""
    if chosen is None:
        return None
    return (MP3, *(one for one in chosen if one is not MP3))


def write_companions(gate: EmbeddedGate, outcome: Outcome, folder: Path, *, stem: str) -> list[Path]:
    """Write `stem.vtt`, `.srt`, `.transcript.json`, `.chapters.json`, `.html` and `.svg`; returns their paths."""
    from gateway.api.transcript import chapters_json, transcript_json, transcript_srt, transcript_vtt
    from gateway.cli.sheet import make_sheet
    from gateway.errors import InvalidRequestError
    from gateway.releases import find_released

    with gate.toolchain.database.read() as session:
        episode = find_released(session, outcome.submission.id)
    if episode is None:
        raise InvalidRequestError(f"episode {outcome.submission.id} is not released; there is nothing to describe")
    sheet = make_sheet(gate, outcome)
    written = []
    for ending, content in (
        ("vtt", transcript_vtt(episode.cues)),
        ("srt", transcript_srt(episode.cues)),
        ("transcript.json", json.dumps(transcript_json(episode.cues), ensure_ascii=False, indent=1)),
        ("chapters.json", json.dumps(chapters_json(episode.chapters), ensure_ascii=False, indent=1)),
        ("html", sheet.html),
        ("svg", sheet.svg),
    ):
        path = folder / f"{stem}.{ending}"
        path.write_text(content, encoding="utf-8")
        written.append(path)
    return written
