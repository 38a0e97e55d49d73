"""Transcripts and chapters in the forms that podcast players read (pure)."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from gateway.releases import Spoken

LINE_CHARACTERS = 65  # Apple's limit for a line of a transcript
CUE_LINES = 2  # what a player shows at once
CHAPTERS_VERSION = "1.2.0"  # of the podcast namespace's JSON chapters
TRANSCRIPT_VERSION = "1.0.0"  # of the podcast namespace's JSON transcripts

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def transcript_vtt(cues: Sequence[Spoken]) -> str:
    """Return WebVTT (W3C) with a voice tag per cue; long turns become several cues, timed by their share of letters."""
    blocks = ["WEBVTT"]
    for cue in cues:
        blocks += [_block(*piece) for piece in _pieces(cue)]
    return "\n\n".join(blocks) + "\n"


def transcript_srt(cues: Sequence[Spoken]) -> str:
    """Return SubRip, with the speaker's name before the words wherever another one begins; pieces as in WebVTT."""
    blocks: list[str] = []
    previous = ""
    for cue in cues:
        for start, end, speaker, lines in _pieces(cue):
            said = "\n".join(lines)
            if speaker and speaker != previous:
                said = f"{speaker}: {said}"
            previous = speaker
            # An arrow in the words would look like a line of times to lenient readers.
            times = f"{_clock(start, point=',')} --> {_clock(end, point=',')}"
            blocks.append(f"{len(blocks) + 1}\n{times}\n{said.replace('-->', '->')}\n")
    return "\n".join(blocks)


def transcript_json(cues: Sequence[Spoken]) -> dict[str, object]:
    """Return the podcast namespace's JSON transcript: one segment per sentence, times as they were assembled."""
    segments = [
        {"speaker": cue.speaker, "startTime": round(cue.start, 3), "endTime": round(cue.end, 3), "body": cue.text}
        for cue in cues
    ]
    return {"version": TRANSCRIPT_VERSION, "segments": segments}


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


def _clock(seconds: float, *, point: str = ".") -> str:
    total = round(seconds * 1000)
    hours, rest = divmod(total, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02}{point}{rest % 1000:03}"
