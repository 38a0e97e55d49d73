"""Stored vectors: they save time and never change a result."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from policies import vectors
from policies.errors import ScreeningError
from policies.vectors import VectorCache
from tests.claim_samples import WordEncoder

TEXTS = [f"The town of {name} is made of cheese." for name in ("Alba", "Bern", "Chur", "Davos", "Elm", "Flims")]


def stored(folder: Path) -> Path:
    (file,) = folder.iterdir()
    return file


def test_a_second_process_encodes_a_few_probes_only_and_gets_the_same_vectors(tmp_path: Path) -> None:
    first, second = WordEncoder(), WordEncoder()
    built = VectorCache(folder=tmp_path).load_or_build(TEXTS, encoder=first)
    loaded = VectorCache(folder=tmp_path).load_or_build(TEXTS, encoder=second)
    assert first.encoded == TEXTS
    assert len(second.encoded) == 4
    assert built.dtype == loaded.dtype == np.float32
    assert np.array_equal(built, loaded)
    assert np.abs(built - WordEncoder().encode(TEXTS)).max() < 1e-3


def test_without_a_folder_the_vectors_are_the_same(tmp_path: Path) -> None:
    kept = VectorCache(folder=tmp_path).load_or_build(TEXTS, encoder=WordEncoder())
    assert np.array_equal(VectorCache(folder=None).load_or_build(TEXTS, encoder=WordEncoder()), kept)


def test_after_an_import_only_new_wordings_are_encoded(tmp_path: Path) -> None:
    VectorCache(folder=tmp_path).load_or_build(TEXTS[:4], encoder=WordEncoder())
    encoder = WordEncoder()
    matrix = VectorCache(folder=tmp_path).load_or_build(list(reversed(TEXTS)), encoder=encoder)
    assert encoder.encoded[-2:] == [TEXTS[5], TEXTS[4]]
    assert len(encoder.encoded) == 4 + 2
    assert np.array_equal(matrix[::-1], VectorCache(folder=None).load_or_build(TEXTS, encoder=WordEncoder()))


def test_equal_wordings_share_a_row(tmp_path: Path) -> None:
    encoder = WordEncoder()
    matrix = VectorCache(folder=tmp_path).load_or_build([TEXTS[0], TEXTS[1], TEXTS[0]], encoder=encoder)
    assert encoder.encoded == TEXTS[:2]
    assert np.array_equal(matrix[0], matrix[2])


def _truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-7])


def _flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-3] ^= 0x40
    file.write_bytes(content)


def _empty(file: Path) -> None:
    file.write_bytes(b"")


def _no_metadata(file: Path) -> None:
    save_file(load_file(file), file)


def _other_arrays(file: Path) -> None:
    save_file({"weights": np.zeros(3)}, file, metadata={"format": "1"})


@pytest.mark.parametrize("damage", [_truncate, _flip, _empty, _no_metadata, _other_arrays])
def test_a_damaged_file_is_made_anew(tmp_path: Path, damage: object, caplog: pytest.LogCaptureFixture) -> None:
    built = VectorCache(folder=tmp_path).load_or_build(TEXTS, encoder=WordEncoder())
    damage(stored(tmp_path))  # type: ignore[operator]
    encoder = WordEncoder()
    with caplog.at_level(logging.WARNING):
        assert np.array_equal(VectorCache(folder=tmp_path).load_or_build(TEXTS, encoder=encoder), built)
    assert encoder.encoded == TEXTS
    assert "made anew" in caplog.text
    again = WordEncoder()
    VectorCache(folder=tmp_path).load_or_build(TEXTS, encoder=again)
    assert len(again.encoded) == 4  # mended


def test_vectors_that_another_encoder_made_under_this_name_are_not_used(tmp_path: Path) -> None:
    class Changed(WordEncoder):
        """Says that it is the same model, and answers otherwise."""

        def encode(self, texts: object) -> np.ndarray:  # type: ignore[type-arg,override]
            return WordEncoder("other").encode(texts)  # type: ignore[arg-type]

    VectorCache(folder=tmp_path).load_or_build(TEXTS, encoder=WordEncoder())
    matrix = VectorCache(folder=tmp_path).load_or_build(TEXTS, encoder=Changed())
    assert np.array_equal(matrix, VectorCache(folder=None).load_or_build(TEXTS, encoder=Changed()))


def test_two_encoders_have_two_files(tmp_path: Path) -> None:
    for name in ("one", "two"):
        VectorCache(folder=tmp_path).load_or_build(TEXTS, encoder=WordEncoder(name))
    assert len(list(tmp_path.iterdir())) == 2


def test_a_folder_that_cannot_be_written_costs_time_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    with caplog.at_level(logging.WARNING):
        matrix = VectorCache(folder=tmp_path / "file").load_or_build(TEXTS, encoder=WordEncoder())
    assert matrix.shape == (len(TEXTS), 64)
    assert "cannot be kept" in caplog.text


def test_a_stopped_build_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "_CHUNK", 2)

    class Dying(WordEncoder):
        def encode(self, texts: object) -> np.ndarray:  # type: ignore[type-arg,override]
            if len(self.encoded) >= 4:
                raise KeyboardInterrupt
            return super().encode(texts)  # type: ignore[arg-type]

    with pytest.raises(KeyboardInterrupt):
        VectorCache(folder=tmp_path).load_or_build(TEXTS, encoder=Dying())
    encoder, told = WordEncoder(), list[tuple[int, int]]()
    cache = VectorCache(folder=tmp_path, progress=lambda done, of: told.append((done, of)))
    cache.load_or_build(TEXTS, encoder=encoder)
    assert encoder.encoded[-2:] == TEXTS[4:]
    assert told == [(2, 2)]


def test_rows_of_other_packs_are_kept_up_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    VectorCache(folder=tmp_path).load_or_build(TEXTS[:3], encoder=WordEncoder())
    monkeypatch.setattr(vectors, "MAX_ROWS", 4)
    VectorCache(folder=tmp_path).load_or_build(TEXTS[3:], encoder=WordEncoder())
    assert len(load_file(stored(tmp_path))["vectors"]) == 4


@pytest.mark.parametrize("value", [np.full((6, 3), np.nan), np.zeros((5, 3)), np.zeros(6)])
def test_unusable_vectors_are_an_error(tmp_path: Path, value: np.ndarray) -> None:  # type: ignore[type-arg]
    class Broken(WordEncoder):
        def encode(self, texts: object) -> np.ndarray:  # type: ignore[type-arg,override]
            return value.astype(np.float32)

    with pytest.raises(ScreeningError):
        VectorCache(folder=tmp_path).load_or_build(TEXTS, encoder=Broken())
    assert not list(tmp_path.iterdir())
