"""The command line: exit codes and output that a script can rely on, without loading a model."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from audit.errors import LogDivergedError
from audit.event import FREE, Event, EventKind
from gateway.app import build_log, build_log_files, build_toolchain, migrated_database, watermark_keys
from gateway.cli import main
from gateway.cli.terminal import Exit
from gateway.keys import watermark_epoch
from gateway.settings import load_settings

EPISODE = "ep_00000000000000000000"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments], catch_exceptions=False)


def log_two_events(*, seal: bool, number: int = 1) -> None:
    settings = load_settings()
    log = build_log(settings)
    at = datetime(2026, 11, 22, tzinfo=UTC)
    with migrated_database(settings) as database, database.write() as session:
        for kind in (EventKind.SUBMISSION_RECEIVED, EventKind.SCREENING_DECIDED):
            log.append(session, Event(kind, at, EPISODE, "system", {"n": number}, version=FREE))
        if seal:
            log.seal(session, at=at)


def test_an_unknown_command_is_a_usage_error() -> None:
    assert run("frobnicate").exit_code == Exit.USAGE


def test_without_keys_a_command_says_what_to_do(home: Path) -> None:
    result = run("log", "checkpoint")
    assert result.exit_code == Exit.FAILED
    assert "keygen" in result.output


def test_with_json_an_error_is_a_problem_document(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["assay", "fsck", "--json"])
    result = run("fsck", "--json")
    assert result.exit_code == Exit.FAILED
    assert json.loads(result.stdout)["detail"]


def test_a_mistyped_setting_stops_every_command(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_MARSK", "[]")
    result = run("keygen")
    assert result.exit_code == Exit.FAILED
    assert "ASSAY_MARSK" in result.output


def test_keygen_makes_keys_once(home: Path) -> None:
    first = run("keygen", "--json")
    assert "log.key" in json.loads(first.stdout)["made"]
    assert json.loads(run("keygen", "--json").stdout)["made"] == []
    assert "expires" in json.loads(run("keygen", "--renew-claim-signer", "--json").stdout)


def test_rotation_of_the_watermark_key_is_in_the_log(home: Path) -> None:
    run("keygen")
    rotated = json.loads(run("keygen", "--rotate-watermark", "--json").stdout)
    assert (home / "keys" / f"watermark-{rotated['retired']}.key").exists()
    events = run("log", "show", rotated["epoch"]).stdout
    assert "key.created" in events
    assert rotated["retired"] in events
    assert run("keygen", "--rotate-watermark", "--renew-claim-signer").exit_code == 2


def test_a_key_is_shown_once_and_listed_without_its_secret(home: Path) -> None:
    run("keygen")
    made = json.loads(run("apikey", "create", "--role", "auditor", "--name", "press", "--json").stdout)
    secret = made["key"].split("_")[2]
    listed = run("apikey", "list", "--json")
    assert [row["name"] for row in json.loads(listed.stdout)] == ["press"]
    assert secret not in listed.stdout
    key_id = made["key"].split("_")[1]
    assert run("apikey", "revoke", key_id).exit_code == Exit.DONE
    assert json.loads(run("apikey", "list", "--json").stdout)[0]["revoked_at"]


def test_revoking_a_key_that_is_not_there_fails(home: Path) -> None:
    run("keygen")
    assert run("apikey", "revoke", "nobody").exit_code == Exit.FAILED


def test_a_proof_leaves_the_installation_and_is_checked_with_the_public_key_alone(home: Path, tmp_path: Path) -> None:
    run("keygen")
    log_two_events(seal=True)
    proof = tmp_path / "episode.tlog-proof"
    assert run("log", "prove", EPISODE, "--out", str(proof)).exit_code == Exit.DONE
    vkey = (home / "keys" / "log.vkey").read_text().strip()
    (home / "keys" / "log.vkey").unlink()
    result = run("log", "verify", str(proof), "--vkey", vkey, "--json")
    assert result.exit_code == Exit.DONE
    assert json.loads(result.stdout)["event"]["subject"] == EPISODE


def test_a_changed_proof_is_refused(home: Path, tmp_path: Path) -> None:
    run("keygen")
    log_two_events(seal=True)
    proof = tmp_path / "episode.tlog-proof"
    run("log", "prove", EPISODE, "--out", str(proof))
    proof.write_text(proof.read_text().replace("index 1", "index 0"))
    assert run("log", "verify", str(proof)).exit_code == Exit.FAILED


def test_an_event_that_is_not_sealed_cannot_be_proven(home: Path) -> None:
    run("keygen")
    log_two_events(seal=False)
    result = run("log", "prove", EPISODE)
    assert result.exit_code == Exit.FAILED
    assert "under a signed checkpoint" in result.output


def test_tail_and_show_print_what_is_in_the_log(home: Path) -> None:
    run("keygen")
    log_two_events(seal=True)
    lines = [json.loads(line) for line in run("log", "tail", "--json").stdout.splitlines()]
    assert [line["event"]["kind"] for line in lines] == ["submission.received", "screening.decided"]
    assert len(json.loads(run("log", "show", EPISODE).stdout)) == 2
    assert run("log", "show", "ep_unknown").exit_code == Exit.FAILED
    assert EPISODE in run("log", "tail").stdout


def test_log_is_published_by_hand_and_gone_over_again(home: Path) -> None:
    run("keygen")
    assert "nothing has been sealed" in run("log", "publish").stdout
    log_two_events(seal=True)
    assert "2 entries are published" in run("log", "publish").stdout
    bundle = load_settings().log_folder / "tile/entries/000.p/2"
    content = bundle.read_bytes()
    bundle.unlink()
    assert "bundle" not in run("log", "publish").stdout
    assert not bundle.exists()  # nothing is new, so nothing is looked at
    assert run("log", "publish", "--again").exit_code == Exit.DONE
    assert bundle.read_bytes() == content
    bundle.write_bytes(content[:-1] + b"!")
    result = run("log", "publish", "--again")
    assert result.exit_code == Exit.FAILED
    assert "entries/000.p/2" in result.output


def test_outsider_audits_a_folder_and_remembers_it(home: Path, tmp_path: Path) -> None:
    run("keygen")
    log_two_events(seal=True)
    run("log", "publish")
    folder, state = str(load_settings().log_folder), tmp_path / "state"
    vkey = (home / "keys" / "log.vkey").read_text().strip()
    (home / "keys" / "log.vkey").unlink()
    first = run("log", "audit", folder, "--vkey", vkey, "--state", str(state))
    assert (first.exit_code, "2 entries in 3 files, as signed" in first.stdout) == (Exit.DONE, True)
    log_two_events(seal=True, number=2)
    run("log", "publish")
    again = json.loads(run("log", "audit", folder, "--vkey", vkey, "--state", str(state), "--json").stdout)
    assert (again["sound"], again["size"], again["previous_size"]) == (True, 4, 2)
    kept = state.read_text()
    bundle = load_settings().log_folder / "tile/entries/000.p/4"
    bundle.write_bytes(bundle.read_bytes().replace(b"system", b"sYstem", 1))
    result = run("log", "audit", folder, "--vkey", vkey, "--state", str(state))
    assert result.exit_code == Exit.ALTERED
    assert "diverges at tile/0/000.p/4 (entry 0)" in result.output
    assert state.read_text() == kept
    other = "other.example+9a2bf6a5+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c"
    assert run("log", "audit", folder, "--vkey", other).exit_code == Exit.FAILED


def copy_database(home: Path, to: Path) -> None:
    """Copy the SQLite file as a backup does; nothing has it open."""
    for file in home.glob("assay.db*"):
        shutil.copy(file, to / file.name)


@pytest.mark.parametrize("backup", [True, False], ids=["old backup", "no database at all"])
def test_restore_drill(home: Path, tmp_path: Path, backup: bool) -> None:
    """Back up, go on, lose the database, restore: nothing starts until the log is rebuilt from what was published."""
    run("keygen")
    log_two_events(seal=True)
    run("log", "publish")
    old = tmp_path / "backup"
    old.mkdir()
    copy_database(home, old)
    log_two_events(seal=True, number=2)
    run("log", "publish")
    for file in home.glob("assay.db*"):
        file.unlink()
    if backup:
        copy_database(old, home)
    settings = load_settings()
    with pytest.raises(LogDivergedError, match="rolled back"):
        build_toolchain(settings)
    assert run("log", "publish").exit_code == Exit.FAILED
    refused = run("fsck")
    assert (refused.exit_code, "published" in refused.output) == (Exit.FAILED, True)
    published = str(settings.log_folder)
    result = run("log", "rebuild", "--from", published)
    missing = 2 if backup else 4
    assert f"{missing} entries restored after {4 - missing}; the log has 4 entries" in result.stdout
    assert EPISODE in result.stdout
    assert "nothing is missing" in run("log", "rebuild", "--from", published).stdout
    assert json.loads(run("fsck", "--json").stdout)["sound"] is True
    newest = json.loads(run("log", "tail", "--count", "1", "--json").stdout)["event"]
    assert (newest["kind"], newest["facts"]["restored"]) == ("log.rebuilt", missing)
    log_two_events(seal=True, number=3)
    run("log", "publish")
    assert run("log", "audit", published).exit_code == Exit.DONE
    with migrated_database(settings) as database, database.read() as session:
        build_log_files(settings, build_log(settings)).check(session)


def test_fsck_says_sound_and_notices_a_rolled_back_database(home: Path) -> None:
    run("keygen")
    log_two_events(seal=True)
    assert run("fsck").exit_code == Exit.DONE
    settings = load_settings()
    with migrated_database(settings) as database:
        build_log_files(settings, build_log(settings)).publish(database.read)
    report = json.loads(run("fsck", "--json").stdout)
    assert (report["sound"], report["files"]) == (True, 3)  # checkpoint, bundle, tile
    for file in home.glob("assay.db*"):
        file.unlink()
    log_two_events(seal=False, number=2)  # as long as before, but another history
    result = run("fsck")
    assert result.exit_code == Exit.FAILED
    assert "published" in result.output


def test_the_policy_in_force_is_shown_with_its_digest(home: Path) -> None:
    shown = json.loads(run("policy", "show", "--json").stdout)
    assert shown["digest"].startswith("sha256:")
    assert run("policy", "show").exit_code == Exit.DONE


def test_an_empty_policy_is_refused_with_its_file(home: Path, tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text("")
    result = run("policy", "check", str(tmp_path / "policy.toml"))
    assert result.exit_code == Exit.FAILED
    assert "policy.toml" in result.output


def test_pulling_a_model_that_does_not_exist_names_those_that_do(home: Path) -> None:
    result = run("models", "pull", "nothing")
    assert result.exit_code == Exit.FAILED
    assert "audioseal" in result.output


def test_verifying_a_file_that_is_not_there_is_a_usage_error(home: Path) -> None:
    assert run("verify", "missing.mp3").exit_code == Exit.USAGE


def test_a_script_that_is_not_text_is_refused_before_anything_is_loaded(home: Path, tmp_path: Path) -> None:
    (tmp_path / "script.md").write_bytes(b"\xff\xfe\x00binary")
    result = run("make", "script.md")
    assert result.exit_code == Exit.FAILED
    assert "not UTF-8" in result.output
    assert not home.exists()


def test_a_script_with_a_mistake_is_refused_with_its_place_before_anything_is_loaded(
    home: Path, tmp_path: Path
) -> None:
    example = (Path(__file__).parents[3] / "examples" / "audiobook-passage.md").read_text()
    (tmp_path / "script.md").write_text(example + "\n[x](/fonimz/)\n")
    result = run("make", "script.md")
    assert result.exit_code == Exit.FAILED
    assert f"line {example.count(chr(10)) + 2}, column 1" in result.output
    assert not home.exists()


def test_tenants_of_one_key_file_have_keys_of_their_own(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("keygen")
    plain = watermark_keys(load_settings())
    keys = {plain}
    for tenant in ("north", "south"):
        monkeypatch.setenv("ASSAY_WATERMARK_TENANT", tenant)
        assert watermark_keys(load_settings()) == watermark_keys(load_settings())
        keys.add(watermark_keys(load_settings()))
    assert len(keys) == 3
    rotated = json.loads(run("keygen", "--rotate-watermark", "--json").stdout)
    assert len(watermark_keys(load_settings())) == 2
    assert rotated["retired"] == watermark_epoch(plain[0])
