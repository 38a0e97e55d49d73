"""Music and pictures that scripts may name: a folder with a catalogue, `assets.toml`, read whole or not at all.

One table `[[asset]]` per file, with its licence and, where the licence asks for it, whom to name; docs/assets.md
describes the keys. Every file is there and of the bytes that were read at start, or nothing is produced with it: the
name of an asset must mean one sound for ever, because a script's plan carries the name alone.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from synth.audio import Samples
from synth.characters import error_at
from synth.decode import DecodeLimits, decode
from synth.errors import AssetError, AudioError
from synth.loudness import measure_loudness
from synth.music import ASSET, Asset
from synth.pictures import Cover, read_cover
from synth.script import Script

CATALOGUE = "assets.toml"
MAX_CATALOGUE_BYTES = 1 << 20  # a thousand assets; more is a mistake
MAX_ASSET_BYTES = 256 << 20  # of one file: ten minutes of 24-bit stereo are 160 MB
MAX_SECONDS = {"bed": 600.0, "stinger": 30.0}  # a bed loops; ten minutes of it are 106 MB in memory
MIN_SECONDS = {"bed": 4.0, "stinger": 0.4}  # a shorter bed would be heard as a pulse; a shorter stinger has no loudness
MIN_LUFS = -60.0  # softer is silence with noise, which would be lifted to full level

EMBEDDED = Path(__file__).parent / "beds"
"""Music that this package brings along: composed by `synth/compose.py`, CC0."""


class AssetKind(StrEnum):
    """What a file is for."""

    BED = "bed"  # music that plays under words, and loops
    STINGER = "stinger"  # a short sound between words
    COVER = "cover"  # a picture of the episode


@dataclass(frozen=True, slots=True)
class AssetCard:
    """One asset, as tags, credentials and the log name it."""

    name: str
    kind: AssetKind
    file: Path
    sha256: str  # hex, of the file's bytes when the catalogue was read
    licence: str  # SPDX id where there is one
    attribution: str  # whom to name; shown to listeners


Label = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, StringConstraints(pattern=f"^{ASSET}$")]
    kind: AssetKind
    file: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_. -]{0,99}$")]  # no folders, no way out
    licence: Label
    attribution: str = Field("", max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    asset: tuple[_Entry, ...] = Field(min_length=1)


class AssetCatalogue:
    """Assets by name; immutable, so one instance serves all threads."""

    def __init__(self, cards: Sequence[AssetCard] = ()) -> None:
        """Take the cards; raises `AssetError` if a name stands for two files."""
        named = {card.name: card for card in cards}
        if len(named) < len(cards):
            twice = sorted({card.name for card in cards if named[card.name] is not card})
            raise AssetError(f"asset '{twice[0]}' is in the catalogue twice; a name means one file")
        self.cards: Mapping[str, AssetCard] = MappingProxyType(named)

    def require(self, script: Script) -> tuple[AssetCard, ...]:
        """Return the card of every asset that the script names, each once, in their order.

        Raises `ScriptError`, at the place of the name, for one that is not here or is of another kind.
        """
        wanted = [(bed.asset, AssetKind.BED) for bed in script.beds]
        wanted += [(stinger.asset, AssetKind.STINGER) for stinger in script.stingers]
        wanted += [(script.cover, AssetKind.COVER)] if script.cover else []
        found = [
            self._require(script.source, asset, kind) for asset, kind in sorted(wanted, key=lambda one: one[0].start)
        ]
        return tuple({card.name: card for card in found}.values())

    def sound(self, name: str, sample_rate: int) -> Samples:
        """Return the sound of a bed or stinger, mono float32 of shape (T,) at `sample_rate`.

        Raises `AssetError` if the file is gone or changed, is no sound that may be used (a film, damaged, not finite,
        silent, too long or too short), or is larger than it says.
        """
        card = self.cards[name]
        data = _read(card.file)
        if hashlib.sha256(data).hexdigest() != card.sha256:
            raise AssetError(f"the file of asset '{name}' has changed since the start; start again, or put it back")
        limits = DecodeLimits(max_seconds=MAX_SECONDS[card.kind], max_encoded_bytes=MAX_ASSET_BYTES)
        try:
            sound = decode(data, limits=limits, target_rate=sample_rate)
            if sound.damaged_packets:
                raise AudioError(f"{sound.damaged_packets} packets of it cannot be decoded, or are no finite numbers")
            if sound.duration < MIN_SECONDS[card.kind]:
                raise AudioError(
                    f"it lasts {sound.duration:.1f} s; a {card.kind} has {MIN_SECONDS[card.kind]} s or more"
                )
            if measure_loudness(sound.samples, sample_rate) < MIN_LUFS:
                raise AudioError("it is next to silence")
        except AudioError as error:
            raise AssetError(f"asset '{name}' cannot be used: {error}") from error
        samples: Samples = np.ascontiguousarray(sound.samples)
        return samples

    def cover(self, name: str) -> Cover:
        """Return a cover as it goes into files; raises `AssetError` if the file is gone, changed, or no picture."""
        card = self.cards[name]
        data = _read(card.file)
        if hashlib.sha256(data).hexdigest() != card.sha256:
            raise AssetError(f"the file of asset '{name}' has changed since the start; start again, or put it back")
        try:
            return read_cover(data)
        except AssetError as error:
            raise AssetError(f"asset '{name}' cannot be used: {error}") from error

    def _require(self, source: str, asset: Asset, kind: AssetKind) -> AssetCard:
        known = sorted(name for name, card in self.cards.items() if card.kind is kind)
        if asset.name not in known:
            names = ", ".join(known) or "none"
            raise error_at(source, asset.start, f"no {kind} is called '{asset.name[:64]}' here; known: {names}")
        return self.cards[asset.name]


def read_assets(folder: Path) -> tuple[AssetCard, ...]:
    """Return the cards of a folder's catalogue; raises `AssetError` that names every mistake, a missing file too."""
    path = folder / CATALOGUE
    try:
        data = path.read_bytes()
        if len(data) > MAX_CATALOGUE_BYTES:
            raise AssetError(f"{path} is larger than {MAX_CATALOGUE_BYTES} bytes; that is no catalogue of assets")
        parsed = _File.model_validate(tomllib.loads(data.decode()))
    except OSError as error:
        raise AssetError(f"the catalogue of assets {path} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise AssetError(f"the catalogue of assets {path} is no TOML: {error}") from error
    except ValidationError as error:
        mistakes = [f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors()]
        raise AssetError(f"the catalogue of assets {path} cannot be used: {'; '.join(mistakes[:10])}") from error
    return tuple(
        AssetCard(
            name=entry.name,
            kind=entry.kind,
            file=folder / entry.file,
            sha256=hashlib.sha256(_read(folder / entry.file)).hexdigest(),
            licence=entry.licence,
            attribution=entry.attribution,
        )
        for entry in parsed.asset
    )


def _read(path: Path) -> bytes:
    """Return a file's bytes, of a plain file that is not too large."""
    try:
        if not path.is_file():
            raise AssetError(f"the file of an asset, {path}, is not there; put it back or take it out of {CATALOGUE}")
        if path.stat().st_size > MAX_ASSET_BYTES:
            raise AssetError(f"{path} is larger than {MAX_ASSET_BYTES} bytes; no asset may be")
        return path.read_bytes()
    except OSError as error:
        raise AssetError(f"the file of an asset, {path}, cannot be read: {error.strerror}") from error
