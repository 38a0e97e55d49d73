"""Music in a script: beds that play under words, and stingers that play between them (pure).

A script names assets of the installation's catalogue; it never carries sound or paths. What they are is decided later,
and a name that nobody knows is refused with its place, before anything is spoken.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from synth.characters import error_at

BED_GAIN_DB = -18.0  # of the music under speech, relative to the programme: present, and no word is lost
STINGER_GAIN_DB = 0.0  # a stinger stands alone, as loud as the programme
MIN_GAIN_DB = -40.0  # softer than this nobody hears it in a car
MAX_BED_GAIN_DB = -6.0  # louder than this, words drown and recognisers err
MAX_STINGER_GAIN_DB = 0.0
MAX_STINGERS = 100  # per script: one every two minutes for the longest programme

ASSET = r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?"
_ASSET_AND_GAIN = re.compile(rf"({ASSET})(?:[ \t]+([+-]?\d{{1,3}}(?:\.\d{{1,2}})?)[ \t]?dB)?")


@dataclass(frozen=True, slots=True)
class Asset:
    """A name from the catalogue of assets, and where the author wrote it."""

    name: str
    start: int  # half-open range in the author's text
    end: int


@dataclass(frozen=True, slots=True)
class Cue:
    """An asset that is to be heard, and how loud."""

    asset: Asset
    gain_db: float  # relative to the programme's loudness


@dataclass(frozen=True, slots=True)
class Bed:
    """Music that plays without a break under the utterances `[first, end)` of a script."""

    asset: Asset
    gain_db: float
    first: int  # index into `Script.utterances`
    end: int


@dataclass(frozen=True, slots=True)
class Stinger:
    """A short sound of its own, after the words and the pause before it, before utterance `before`."""

    asset: Asset
    gain_db: float
    before: int  # index into `Script.utterances`; their number where it ends the episode


def read_bed(source: str, start: int, text: str) -> Cue:
    """Read `name` or `name -20dB`, which stands at `start`; raises `ScriptError` for anything else."""
    return _read(source, start, text, BED_GAIN_DB, MAX_BED_GAIN_DB)


def read_stinger(source: str, start: int, text: str) -> Cue:
    """Read `name` or `name -6dB`, which stands at `start`; raises `ScriptError` for anything else."""
    return _read(source, start, text, STINGER_GAIN_DB, MAX_STINGER_GAIN_DB)


def check_gain(source: str, start: int, gain_db: float, loudest: float) -> None:
    """Raise `ScriptError` at `start` for a gain that no music may have."""
    if not MIN_GAIN_DB <= gain_db <= loudest:
        raise error_at(source, start, f"music plays at {MIN_GAIN_DB:g} to {loudest:g} dB; write one of these")


def join_beds(played: list[Cue | None]) -> tuple[Bed, ...]:
    """Return the beds for what plays under each utterance; the same music at the same level goes on without a break."""
    beds: list[Bed] = []
    for index, cue in enumerate(played):
        if cue is None:
            continue
        last = beds[-1] if beds else None
        if last and last.end == index and (last.asset.name, last.gain_db) == (cue.asset.name, cue.gain_db):
            beds[-1] = Bed(last.asset, last.gain_db, last.first, index + 1)
        else:
            beds.append(Bed(cue.asset, cue.gain_db, index, index + 1))
    return tuple(beds)


def _read(source: str, start: int, text: str, usual: float, loudest: float) -> Cue:
    match = _ASSET_AND_GAIN.fullmatch(text)
    if match is None:
        raise error_at(
            source, start, "expected the name of an asset (a-z, 0-9, hyphens), and its level if need be: 'name -20dB'"
        )
    gain = usual if match.group(2) is None else float(match.group(2))
    check_gain(source, start, gain, loudest)
    return Cue(Asset(match.group(1), start, start + len(match.group(1))), gain)
