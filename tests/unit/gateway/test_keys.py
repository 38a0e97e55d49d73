"""Key files are made once, stay private, and are refused when they cannot be trusted."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from audit.errors import LogKeyError
from gateway.errors import KeyMaterialError
from gateway.keys import (
    MOST_WATERMARK_KEYS,
    KeyFiles,
    generate_keys,
    renew_claim_signer,
    rotate_watermark,
    watermark_epoch,
)

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
PRIVATE = ("log.key", "watermark.key", "rows.key", "claim-signer.key", "claim-issuer.key")


@pytest.fixture
def files(tmp_path: Path) -> KeyFiles:
    files = KeyFiles(tmp_path / "keys")
    generate_keys(files, log_origin="gate.example/log", organisation="Example", at=AT)
    return files


def test_every_private_key_is_readable_by_its_owner_only(files: KeyFiles) -> None:
    for name in PRIVATE:
        assert stat.S_IMODE(files.path(name).stat().st_mode) == 0o600


def test_folders_that_are_made_belong_to_their_owner_alone(tmp_path: Path) -> None:
    generate_keys(KeyFiles(tmp_path / "home" / "keys"), log_origin="g.example/l", organisation="Example", at=AT)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "home", tmp_path / "home" / "keys")] == [
        0o700
    ] * 2


def test_private_modes_do_not_depend_on_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        files = KeyFiles(tmp_path / "keys")
        generate_keys(files, log_origin="gate.example/log", organisation="Example", at=AT)
    finally:
        os.umask(before)
    assert {stat.S_IMODE(files.path(name).stat().st_mode) for name in PRIVATE} == {0o600}


def test_existing_keys_are_never_touched(files: KeyFiles) -> None:
    before = {path.name: path.read_bytes() for path in files.folder.iterdir()}
    assert generate_keys(files, log_origin="gate.example/log", organisation="Example", at=AT) == []
    assert {path.name: path.read_bytes() for path in files.folder.iterdir()} == before


def test_only_what_is_missing_is_made(files: KeyFiles) -> None:
    files.path("watermark.key").unlink()
    made = generate_keys(files, log_origin="gate.example/log", organisation="Example", at=AT)
    assert made == ["watermark.key"]


def test_no_temporary_file_is_left_behind(files: KeyFiles) -> None:
    assert [path.name for path in files.folder.iterdir() if path.name.startswith(".")] == []


def test_a_missing_key_is_named_with_its_remedy(files: KeyFiles) -> None:
    files.path("watermark.key").unlink()
    with pytest.raises(KeyMaterialError, match=r"watermark\.key is missing; run `assay keygen`"):
        files.watermark_keys()


def test_a_key_that_others_can_read_is_refused(files: KeyFiles) -> None:
    files.path("watermark.key").chmod(0o640)
    with pytest.raises(KeyMaterialError, match="chmod 600"):
        files.watermark_keys()


def test_a_log_key_that_others_can_read_is_refused(files: KeyFiles) -> None:
    files.path("log.key").chmod(0o644)
    with pytest.raises(LogKeyError, match="chmod 600"):
        files.log_key()


@pytest.mark.parametrize("content", [b"", b"abcd\n", b"not hexadecimal at all\n", b"\xff\xfe", b"00" * 33])
def test_a_damaged_watermark_key_is_refused(files: KeyFiles, content: bytes) -> None:
    files.path("watermark.key").write_bytes(content)
    with pytest.raises(KeyMaterialError, match="restore it"):
        files.watermark_keys()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(KeyMaterialError, match="ASSAY_HOME"):
        generate_keys(KeyFiles(tmp_path / "file" / "keys"), log_origin="g.example/l", organisation="Example", at=AT)


def test_renewal_keeps_the_root_and_replaces_the_leaf(files: KeyFiles) -> None:
    root, chain = files.public("claim-root.pem"), files.public("claim-chain.pem")
    later = datetime(2026, 12, 22, tzinfo=UTC)
    expires = renew_claim_signer(files, at=later)
    assert files.public("claim-root.pem") == root
    assert files.public("claim-chain.pem") != chain
    assert expires > later
    assert stat.S_IMODE(files.path("claim-signer.key").stat().st_mode) == 0o600


def test_rotation_keeps_the_old_key_readable_and_marks_with_a_new_one(files: KeyFiles) -> None:
    (before,) = files.watermark_keys()
    rotation = rotate_watermark(files)
    current, retired = files.watermark_keys()
    assert retired == before
    assert current != before
    assert (watermark_epoch(current), watermark_epoch(before)) == (rotation.epoch, rotation.retired)
    path = files.path(f"watermark-{rotation.retired}.key")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert before.hex() in path.read_text()
    assert current.hex() not in path.read_text()


def test_every_rotation_adds_one_retired_key(files: KeyFiles) -> None:
    seen = list(files.watermark_keys())
    for _ in range(3):
        rotate_watermark(files)
        seen.append(files.watermark_keys()[0])
    assert set(files.watermark_keys()) == set(seen)
    assert files.watermark_keys()[0] == seen[-1]
    assert len(seen) == 4


def test_rotation_that_was_cut_off_changes_nothing_and_can_be_repeated(
    files: KeyFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files.watermark_keys()

    def crash(*_: object) -> None:
        raise KeyMaterialError("the power failed")

    with monkeypatch.context() as broken:
        broken.setattr("gateway.keys._replace", crash)
        with pytest.raises(KeyMaterialError):
            rotate_watermark(files)
    assert files.watermark_keys() == before
    rotate_watermark(files)
    assert files.watermark_keys()[1:] == before


def test_retired_key_that_others_can_read_or_that_is_damaged_stops_everything(files: KeyFiles) -> None:
    path = files.path(f"watermark-{rotate_watermark(files).retired}.key")
    path.chmod(0o644)
    with pytest.raises(KeyMaterialError, match="read by others"):
        files.watermark_keys()
    path.chmod(0o600)
    path.write_text("not a key\n")
    with pytest.raises(KeyMaterialError, match="hexadecimal"):
        files.watermark_keys()


def test_rotations_are_bounded(files: KeyFiles) -> None:
    for _ in range(MOST_WATERMARK_KEYS - 1):
        rotate_watermark(files)
    with pytest.raises(KeyMaterialError, match="slows every verification"):
        rotate_watermark(files)
    assert len(files.watermark_keys()) == MOST_WATERMARK_KEYS
