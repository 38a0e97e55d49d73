"""Draws an episode as SVG: waveform with chapters, who speaks, loudness over time (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, LEFT, RIGHT = 1_200, 56, 16  # of the drawing, in its own units
WAVE_TOP, WAVE_HEIGHT = 64, 150
WHO_TOP, WHO_HEIGHT = 226, 16
LOUD_TOP, LOUD_HEIGHT = 276, 120
HEIGHT = LOUD_TOP + LOUD_HEIGHT + 40
LOUDEST, SOFTEST = -5.0, -40.0  # LUFS at the upper and lower edge of the curve
VOICES = ("#2f6f8f", "#b5651d", "#5b7f3a", "#7a4f8f", "#8f3f4f", "#3f6f6a")  # told apart also without colour vision
TITLE_UNITS = 7.2  # width of a letter of a title
STYLE = (
    "text{font:13px system-ui,'DejaVu Sans',sans-serif;fill:#3a424b}"
    ".s{font-size:12px;fill:#57606a}.g{stroke:#d0d7de;fill:none}.c{stroke:#1b1f24;stroke-dasharray:3 3;fill:none}"
    ".w{stroke:#2f6f8f;fill:none}.l{stroke:#9a3412;stroke-width:1.6;fill:none}.t{stroke:#57606a;stroke-dasharray:6 4}"
)
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600)  # seconds between two ticks


@dataclass(frozen=True, slots=True)
class Picture:
    """What is drawn; times are seconds."""

    duration: float
    peaks: Sequence[float]  # 0..1, evenly spread over the duration
    loudness: Sequence[float | None]  # LUFS, one per second; None where there is silence
    target: float  # LUFS of the whole
    chapters: Sequence[tuple[float, str]]
    turns: Sequence[tuple[float, float, str]]  # start, end, speaker


def draw(picture: Picture) -> str:
    """Return the drawing as one SVG element, every text in it escaped."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="Waveform with chapters, speakers and loudness"><style>{STYLE}</style>'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        *_axis(picture),
        *_wave(picture),
        *_speakers(picture),
        *_loudness(picture),
        *_chapters(picture),
        "</svg>",
    ]
    return "".join(parts)


def _x(seconds: float, picture: Picture) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * min(1.0, seconds / max(picture.duration, 1e-9))


def _axis(picture: Picture) -> Iterator[str]:
    step = next((one for one in STEPS if picture.duration / one <= 12), STEPS[-1])
    bottom = LOUD_TOP + LOUD_HEIGHT
    for second in range(0, int(picture.duration) + 1, step):
        x = _x(second, picture)
        minutes, rest = divmod(second, 60)
        yield f'<path class="g" d="M{x:.1f} {WAVE_TOP}V{bottom}"/>'
        yield f'<text class="s" x="{x:.1f}" y="{bottom + 20}" text-anchor="middle">{minutes}:{rest:02}</text>'


def _wave(picture: Picture) -> Iterator[str]:
    middle, half = WAVE_TOP + WAVE_HEIGHT / 2, WAVE_HEIGHT / 2
    step = (WIDTH - LEFT - RIGHT) / max(1, len(picture.peaks))
    path = "".join(
        f"M{LEFT + (number + 0.5) * step:.1f} {middle - max(0.5, peak * half):.1f}v{2 * max(0.5, peak * half):.1f}"
        for number, peak in enumerate(picture.peaks)
    )
    yield f'<path class="w" stroke-width="{step * 0.8:.2f}" d="{path}"/>'
    yield f'<text class="s" x="{LEFT - 8}" y="{middle + 4}" text-anchor="end">sound</text>'


def _speakers(picture: Picture) -> Iterator[str]:
    names = list(dict.fromkeys(speaker for _, _, speaker in picture.turns))
    for start, end, speaker in picture.turns:
        x, width = _x(start, picture), max(0.5, _x(end, picture) - _x(start, picture))
        colour = VOICES[names.index(speaker) % len(VOICES)]
        yield (
            f'<rect x="{x:.1f}" y="{WHO_TOP}" width="{width:.1f}" height="{WHO_HEIGHT}" fill="{colour}">'
            f"<title>{escape(speaker)}</title></rect>"
        )
    place = float(LEFT)
    for number, name in enumerate(names):
        yield f'<rect x="{place:.0f}" y="{WHO_TOP + 22}" width="10" height="10" fill="{VOICES[number % len(VOICES)]}"/>'
        yield f'<text class="s" x="{place + 15:.0f}" y="{WHO_TOP + 31}">{escape(name[:30])}</text>'
        place += 34 + TITLE_UNITS * len(name[:30])
    yield f'<text class="s" x="{LEFT - 8}" y="{WHO_TOP + 12}" text-anchor="end">who</text>'


def _loudness(picture: Picture) -> Iterator[str]:
    def y(value: float) -> float:
        return LOUD_TOP + LOUD_HEIGHT * (LOUDEST - max(SOFTEST, min(LOUDEST, value))) / (LOUDEST - SOFTEST)

    for value in (-10, -20, -30):
        yield f'<path class="g" d="M{LEFT} {y(value):.1f}H{WIDTH - RIGHT}"/>'
        yield f'<text class="s" x="{LEFT - 8}" y="{y(value) + 4:.1f}" text-anchor="end">{value}</text>'
    yield f'<path class="t" d="M{LEFT} {y(picture.target):.1f}H{WIDTH - RIGHT}"/>'
    path, pen = "", "M"
    for second, loudness in enumerate(picture.loudness, start=1):
        if loudness is None:
            pen = "M"
            continue
        path += f"{pen}{_x(second, picture):.1f} {y(loudness):.1f}"
        pen = "L"
    yield f'<path class="l" d="{path}"/>'
    yield (
        f'<text class="s" x="{WIDTH - RIGHT}" y="{LOUD_TOP - 6}" text-anchor="end">loudness of the last three seconds, '
        f"LUFS; dashed: the whole, {picture.target:.1f}</text>"
    )


def _chapters(picture: Picture) -> Iterator[str]:
    """Lines where chapters begin, with their titles in two rows, cut where the next one in the row begins."""
    rows = (WAVE_TOP - 40, WAVE_TOP - 20)
    for number, (start, title) in enumerate(picture.chapters):
        x = _x(start, picture)
        following = picture.chapters[number + 2][0] if number + 2 < len(picture.chapters) else None
        room = (WIDTH if following is None else _x(following, picture)) - x - 8
        letters = max(1, int(room / TITLE_UNITS))
        shown = title if len(title) <= letters else title[: max(1, letters - 1)] + "…"
        yield f'<path class="c" d="M{x:.1f} {rows[number % 2] + 4}V{WHO_TOP + WHO_HEIGHT}"/>'
        yield f'<text x="{x + 4:.1f}" y="{rows[number % 2]}">{escape(shown)}<title>{escape(title)}</title></text>'
