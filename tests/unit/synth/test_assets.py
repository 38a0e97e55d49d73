"""The catalogue of music and pictures: what is not there, changed or hostile is never mixed into a programme."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from synth.assets import EMBEDDED, AssetCatalogue, AssetKind, read_assets
from synth.compose import PIECES, RATE
from synth.encode import encode_mp3, encode_wav
from synth.errors import AssetError, ScriptError
from synth.formats import parse_script
from tests.sound_files import film

HEAD = "---\ntitle: T\nvoices:\n  ANNA: low\n"


def hum(seconds: float, *, rate: int = 44_100, level: float = 0.2) -> np.ndarray:
    return (level * np.sin(np.arange(round(seconds * rate)) / 30)).astype(np.float32)


def folder(path: Path, data: bytes, *, kind: str = "bed", file: str = "calm.wav") -> Path:
    path.mkdir(exist_ok=True)
    (path / file).write_bytes(data)
    (path / "assets.toml").write_text(
        f'[[asset]]\nname = "calm"\nkind = "{kind}"\nfile = "{file}"\n'
        'licence = "CC-BY-4.0"\nattribution = "A. Nonymous"\n'
    )
    return path


def catalogue(path: Path, data: bytes, **options: str) -> AssetCatalogue:
    return AssetCatalogue(read_assets(folder(path, data, **options)))


def floats(samples: np.ndarray, *, rate: int = 44_100, claimed: int | None = None) -> bytes:
    """Return a WAV of 32-bit floats that claims to hold so many bytes."""
    data = samples.astype("<f4").tobytes()
    size = len(data) if claimed is None else claimed
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 3, 1, rate, 4 * rate, 4, 32)
    return (
        struct.pack("<4sI4s", b"RIFF", min(36 + size, 2**32 - 1), b"WAVE")
        + form
        + struct.pack("<4sI", b"data", size)
        + data
    )


def test_bed_is_resampled_to_the_programme(tmp_path: Path) -> None:
    sound = catalogue(tmp_path, encode_wav(hum(5.0, rate=24_000), 24_000)).sound("calm", 44_100)
    assert sound.dtype == np.float32
    assert len(sound) == pytest.approx(5.0 * 44_100, abs=2)


def test_card_says_licence_and_whom_to_name(tmp_path: Path) -> None:
    card = catalogue(tmp_path, encode_wav(hum(5.0), 44_100)).cards["calm"]
    assert (card.kind, card.licence, card.attribution) == (AssetKind.BED, "CC-BY-4.0", "A. Nonymous")


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "ten gigabytes, says its header": (lambda: floats(hum(5.0), claimed=2**32 - 40), "truncated"),
    "not a number": (lambda: floats(np.where(np.arange(220_500) == 99_000, np.nan, hum(5.0))), "finite"),
    "infinite": (lambda: floats(np.where(np.arange(220_500) == 99_000, np.inf, hum(5.0))), "finite"),
    "silence": (lambda: encode_wav(np.zeros(220_500, np.float32), 44_100), "no loudness"),
    "next to silence": (lambda: encode_wav(hum(5.0, level=8e-4), 44_100), "silence"),
    "too short": (lambda: encode_wav(hum(1.0), 44_100), "4.0 s or more"),
    "too long": (lambda: encode_mp3(hum(601.0, rate=16_000), 16_000, 64_000), "10 minutes|declares"),
    "no sound": (lambda: b"<html>not found</html>" * 40, "not an audio file"),
    "nothing": (lambda: b"", "empty"),
    "cut off": (lambda: encode_wav(hum(5.0), 44_100)[:100_000], "truncated"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_bed_that_is_no_music_is_refused(tmp_path: Path, name: str) -> None:
    make, reason = HOSTILE[name]
    with pytest.raises(AssetError, match=reason):
        catalogue(tmp_path, make()).sound("calm", 44_100)


def test_film_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="video"):
        catalogue(tmp_path, film()).sound("calm", 44_100)


def test_file_that_changed_since_the_start_is_refused(tmp_path: Path) -> None:
    held = catalogue(tmp_path, encode_wav(hum(5.0), 44_100))
    (tmp_path / "calm.wav").write_bytes(encode_wav(hum(6.0), 44_100))
    with pytest.raises(AssetError, match="changed"):
        held.sound("calm", 44_100)


def test_file_that_vanished_since_the_start_is_refused(tmp_path: Path) -> None:
    held = catalogue(tmp_path, encode_wav(hum(5.0), 44_100))
    (tmp_path / "calm.wav").unlink()
    with pytest.raises(AssetError, match="not there"):
        held.sound("calm", 44_100)


def test_missing_file_stops_the_start(tmp_path: Path) -> None:
    path = folder(tmp_path, b"x")
    (path / "calm.wav").unlink()
    with pytest.raises(AssetError, match=r"calm\.wav, is not there"):
        read_assets(path)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('kind = "bed"', 'kind = "film"'),
        ('name = "calm"', 'name = "Calm Music"'),
        ('file = "calm.wav"', 'file = "../calm.wav"'),
        ('file = "calm.wav"', 'file = "/etc/passwd"'),
        ('licence = "CC-BY-4.0"\n', ""),
        ('licence = "CC-BY-4.0"', 'licence = "CC-BY-4.0"\nvolume = 11'),
        ("[[asset]]", "[asset"),
    ],
)
def test_catalogue_with_a_mistake_is_refused_whole(tmp_path: Path, before: str, after: str) -> None:
    path = folder(tmp_path, encode_wav(hum(5.0), 44_100)) / "assets.toml"
    path.write_text(path.read_text().replace(before, after))
    with pytest.raises(AssetError, match=r"assets\.toml"):
        read_assets(tmp_path)


def test_name_that_means_two_files_is_refused(tmp_path: Path) -> None:
    cards = read_assets(folder(tmp_path, encode_wav(hum(5.0), 44_100)))
    with pytest.raises(AssetError, match="twice"):
        AssetCatalogue([*cards, *read_assets(tmp_path)])


def test_unknown_bed_is_refused_at_its_place(tmp_path: Path) -> None:
    script = parse_script(HEAD + "bed: harp\n---\nHello there.\n")
    with pytest.raises(ScriptError, match="line 5, column 6: no bed is called 'harp' here; known: calm"):
        catalogue(tmp_path, b"x").require(script)


def test_bed_is_no_stinger(tmp_path: Path) -> None:
    script = parse_script(HEAD + "---\nHello.\n[stinger calm]\n")
    with pytest.raises(ScriptError, match="no stinger is called 'calm' here; known: none"):
        catalogue(tmp_path, b"x").require(script)


@pytest.mark.parametrize("name", PIECES)
def test_embedded_music_is_what_the_code_composes(name: str) -> None:
    sound = AssetCatalogue(read_assets(EMBEDDED)).sound(name, RATE)
    composed = PIECES[name]()
    count = min(len(sound), len(composed))
    assert len(sound) == pytest.approx(len(composed), abs=RATE // 10)
    assert np.corrcoef(sound[:count], composed[:count])[0, 1] > 0.98


def test_embedded_music_is_free_for_every_use() -> None:
    assert {card.licence for card in read_assets(EMBEDDED)} == {"CC0-1.0"}
