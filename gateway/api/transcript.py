"""Transcripts and chapters in the forms that podcast players read (pure)."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from gateway.releases import Spoken

LINE_CHARACTERS = 65  # Apple's limit for a line of a transcript
CUE_LINES = 2  # what a player shows at once
CHAPTERS_VERSION = "1.2.0"  # of the podcast namespace's JSON chapters

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def transcript_vtt(cues: Sequence[Spoken]) -> str:
    """Return WebVTT (W3C) with a voice tag per cue; long turns become several cues, timed by their share of letters."""
    blocks = ["WEBVTT"]
    for cue in cues:
        blocks += [_block(*piece) for piece in _pieces(cue)]
    return "\n\n".join(blocks) + "\n"


def chapters_json(chapters: Sequence[tuple[float, str]]) -> dict[str, object]:
    """Return the podcast namespace's JSON chapters."""
    listed = [{"startTime": round(start, 3), "title": title} for start, title in chapters]
    return {"version": CHAPTERS_VERSION, "chapters": listed}


def _pieces(cue: Spoken) -> list[tuple[float, float, str, list[str]]]:
    lines = textwrap.wrap(cue.text, LINE_CHARACTERS)
    groups = [lines[first : first + CUE_LINES] for first in range(0, len(lines), CUE_LINES)]
    total = sum(map(len, lines)) or 1
    pieces, spoken = [], 0
    for group in groups:
        start = cue.start + (cue.end - cue.start) * spoken / total
        spoken += sum(map(len, group))
        end = cue.start + (cue.end - cue.start) * spoken / total
        pieces.append((start, end, cue.speaker, group))
    return pieces


def _block(start: float, end: float, speaker: str, lines: list[str]) -> str:
    words = "\n".join(line.translate(_ESCAPES) for line in lines)
    voice = f"<v {speaker.translate(_ESCAPES)}>" if speaker else ""
    return f"{_clock(start)} --> {_clock(end)}\n{voice}{words}"


def _clock(seconds: float) -> str:
    total = round(seconds * 1000)
    hours, rest = divmod(total, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02}.{rest % 1000:03}"
