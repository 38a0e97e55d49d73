"""Keys, policy and settings: what differs from what the log last said is logged, once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pydantic import SecretStr

from audit.event import Event, EventKind
from audit.facts import LABEL
from gateway.app import build_log, keys_in_force, migrated_database
from gateway.cli import main
from gateway.installation import OPERATIONAL, KeyInForce, PolicyInForce, record, safety_settings
from gateway.settings import Settings, load_settings
from tests.gateway_chain import ORIGIN, Chain, build_chain

SHA = "sha256:" + "a" * 64
POLICY = PolicyInForce("p", "1", SHA, None, ())
KEYS = (KeyInForce("log", "log-1", SHA), KeyInForce("watermark", "e1"))


@pytest.fixture(params=["sqlite", "postgres"])
def chain(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Chain]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    chain = build_chain(tmp_path, database_url=url)
    yield chain
    chain.database.dispose()


def start(
    chain: Chain,
    *,
    keys: tuple[KeyInForce, ...] = KEYS,
    policy: PolicyInForce = POLICY,
    settings: Settings | None = None,
) -> list[str]:
    with chain.database.write() as session:
        kinds = record(
            session,
            chain.tools.log,
            keys=keys,
            policy=policy,
            settings=settings or chain.tools.settings,
            at=chain.clock(),
        )
    return [kind.value for kind in kinds]


def test_first_start_tells_everything_and_the_second_nothing(chain: Chain) -> None:
    assert start(chain) == ["key.created", "key.created", "policy.live", "settings.changed"]
    assert start(chain) == []


def test_only_what_differs_is_told_with_what_was_before(chain: Chain) -> None:
    start(chain)
    other = "sha256:" + "b" * 64
    assert start(chain, policy=replace(POLICY, digest=other)) == ["policy.live"]
    assert start(chain, policy=replace(POLICY, digest=other, texts_digest=SHA)) == ["policy.live"]
    assert start(chain, policy=replace(POLICY, digest=other, texts_digest=SHA, shadows=(SHA,))) == ["policy.live"]
    with chain.database.read() as session:
        said = [one.event.facts for one in chain.tools.log.events_for(session, "policy")]
    assert [facts["previous"] for facts in said] == [None, SHA, other, other]
    retired = (KeyInForce("watermark", "e2"), KeyInForce("watermark", "e1", retired=True))
    assert start(chain, keys=retired, policy=POLICY) == ["key.created", "key.retired", "policy.live"]


def test_a_weaker_setting_does_not_go_unnoticed(chain: Chain) -> None:
    start(chain)
    weaker = Settings(home=chain.tools.settings.home, log_origin=ORIGIN, spoken_check=False)
    assert start(chain, settings=weaker) == ["settings.changed"]
    with chain.database.read() as session:
        first, second = [one.event.facts for one in chain.tools.log.events_for(session, "settings")]
    assert (first["settings"]["spoken_check"], second["settings"]["spoken_check"]) == ("true", "false")  # type: ignore[index,call-overload]
    assert second["previous"] == first["digest"]
    faster = Settings(home=chain.tools.settings.home, log_origin=ORIGIN, spoken_check=False, torch_threads=7)
    assert start(chain, settings=faster) == []


def test_no_secret_and_no_text_of_a_setting_is_told(tmp_path: Path) -> None:
    hidden = "hunter2"
    settings = Settings(
        home=tmp_path / hidden,
        database_url=f"postgresql://assay:{hidden}@db/assay",
        judge_api_key=SecretStr(hidden),
        judge_url=f"https://{hidden}.example",
        disclosure=f"Made by a machine {hidden}.",
    )
    shown = json.dumps(safety_settings(settings))
    assert hidden not in shown
    assert "disclosure" in shown


def test_operational_settings_exist_and_secret_ones_are_never_told(tmp_path: Path) -> None:
    assert set(Settings.model_fields) >= OPERATIONAL
    shown = safety_settings(Settings(home=tmp_path)).keys()
    secret = {name for name in Settings.model_fields if isinstance(getattr(Settings(home=tmp_path), name), SecretStr)}
    assert secret >= {"judge_api_key"}
    assert shown.isdisjoint(secret)
    assert all(LABEL.holds(value) for value in safety_settings(Settings(home=tmp_path)).values())


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(main, [*arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def logged(subject: str) -> list[Event]:
    settings = load_settings()
    with migrated_database(settings) as database, database.read() as session:
        return [one.event for one in build_log(settings).events_for(session, subject)]


def test_api_key_made_and_revoked_is_told_without_its_name(home: Path) -> None:
    run("keygen")
    key = json.loads(
        run("apikey", "create", "--role", "reviewer", "--name", "Jane Doe", "--days", "3", "--json").stdout
    )
    key_id = key["key"].split("_")[1]
    run("apikey", "revoke", key_id)
    run("apikey", "revoke", key_id)  # once more changes nothing
    created, revoked = logged(key_id)
    assert (created.kind, created.actor, created.facts["role"]) == (EventKind.APIKEY_CREATED, "operator", "reviewer")
    assert created.facts["expires_at"]
    assert revoked.kind is EventKind.APIKEY_REVOKED
    assert b"Jane" not in created.canonical() + revoked.canonical()


def test_renewed_claim_signer_is_created_and_its_predecessor_retired(home: Path) -> None:
    run("keygen")
    old = {key.purpose: key.id for key in keys_in_force(load_settings())}
    run("keygen", "--renew-claim-signer")
    new = {key.purpose: key.id for key in keys_in_force(load_settings())}
    assert old["log"] == new["log"]
    assert [event.kind for event in logged(old["claim-signer"])] == [EventKind.KEY_CREATED, EventKind.KEY_RETIRED]
    assert [event.kind for event in logged(new["claim-signer"])] == [EventKind.KEY_CREATED]


def test_rotated_watermark_key_is_created_and_its_predecessor_retired(home: Path) -> None:
    run("keygen")
    rotated = json.loads(run("keygen", "--rotate-watermark", "--json").stdout)
    assert [event.kind for event in logged(rotated["epoch"])] == [EventKind.KEY_CREATED]
    assert [event.kind for event in logged(rotated["retired"])] == [EventKind.KEY_RETIRED]


def test_protected_texts_added_and_removed_are_told_by_digest(home: Path, tmp_path: Path) -> None:
    run("keygen")
    file = tmp_path / "song.txt"
    file.write_text("the quick brown fox jumps over the lazy dog and then sings about it " * 5)
    added = json.loads(run("policy", "texts", "add", str(file), "--title", "Secret", "--owner", "Us", "--json").stdout)
    run("policy", "texts", "remove", added["id"])
    first, second = logged("policy")
    assert (first.facts["part"], first.facts["before"], first.facts["entries"]) == ("texts", None, 1)
    assert (second.facts["before"], second.facts["entries"]) == (first.facts["after"], 0)
    assert b"Secret" not in first.canonical()


def test_claims_of_the_pack_in_force_are_told_and_those_of_another_are_not(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("keygen")
    for name in ("mine", "other"):
        run("policy", "copy", str(tmp_path / name))
    monkeypatch.setenv("ASSAY_POLICY", str(tmp_path / "mine"))
    claims = json.loads(run("policy", "kb", "list", "--json").stdout)
    run("policy", "kb", "remove", claims[0]["id"], "--pack", str(tmp_path / "other"))
    assert logged("policy") == []
    run("policy", "kb", "remove", claims[0]["id"], claims[1]["id"])
    (event,) = logged("policy")
    assert (event.facts["part"], event.facts["entries"]) == ("claims", len(claims) - 2)
    assert event.facts["before"] != event.facts["after"]
