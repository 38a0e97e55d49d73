"""Real people's voices speak under a valid consent, and under nothing else, whenever it ends."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from audit.event import EventKind
from gateway.cli import main
from gateway.consent import Grant, Relation, list_consents, record, required_consents, revoke
from gateway.errors import ConsentMissingError, InvalidRequestError, NotFoundError
from gateway.pipeline import Pipeline
from gateway.submissions import State
from synth.voice import Purpose, VoiceCard, VoiceCatalogue
from tests.gateway_chain import REVIEWER, Chain, QuickProducer, build_chain

PRODUCTION = {"environment": "production", "public_url": "https://gate.example"}
EVIDENCE = "e" * 64


class AttentiveProducer(QuickProducer):
    """Remembers under which consents it was asked to speak."""

    consents: Any = None

    def produce(self, script: Any, *, episode_id: str, progress: Any = None, **named: Any) -> Any:
        self.consents = named["consents"]
        return super().produce(script, episode_id=episode_id, progress=progress, **named)


def card(real: bool = True) -> VoiceCard:
    return VoiceCard("quiet", "Quiet", "en", "coqui", "MIT", frozenset(Purpose), real)


def gate(tmp_path: Path, *, real: bool = True, producer: Any = None, **settings: Any) -> Chain:
    chain = build_chain(tmp_path, producer=producer, **settings)
    tools = replace(chain.tools, voices=VoiceCatalogue(chain.tools.voices.voices, {"quiet": card(real)}))
    return replace(chain, tools=tools, pipeline=Pipeline(toolchain=tools))


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    chain = gate(tmp_path, **PRODUCTION)
    yield chain
    chain.database.dispose()


def grant(chain: Chain, **changes: Any) -> Grant:
    now = chain.clock()
    values = {
        "voice_id": "quiet",
        "subject": "contract 17",
        "relation": Relation.OTHER,
        "purposes": frozenset({Purpose.EDITORIAL}),
        "territories": frozenset({"worldwide"}),
        "valid_from": now - timedelta(days=1),
        "valid_until": now + timedelta(days=30),
        "evidence_sha256": EVIDENCE,
    }
    return Grant(**{**values, **changes})


def store(chain: Chain, **changes: Any) -> Any:
    with chain.database.write() as session:
        return record(session, grant(chain, **changes), by="operator", at=chain.clock(), log=chain.tools.log)


def end(chain: Chain, consent_id: str) -> None:
    with chain.database.write() as session:
        revoke(session, consent_id, by="operator", at=chain.clock(), log=chain.tools.log)


def required(chain: Chain) -> dict[str, str]:
    tools = chain.tools
    with chain.database.read() as session:
        return required_consents(
            session, ["quiet", "quiet"], cards=tools.voices.cards, settings=tools.settings, at=chain.clock()
        )


def steps(chain: Chain, episode_id: str, *names: str) -> str:
    state = ""
    for name in names:
        state = chain.pipeline._attempt(getattr(chain.pipeline, name), episode_id)
    return state


def test_a_real_persons_voice_is_refused_at_the_door(chain: Chain) -> None:
    with pytest.raises(ConsentMissingError, match=r"voice 'quiet' is a real person's"):
        chain.submit("Good morning.")


def test_a_voice_of_nobody_needs_no_consent(tmp_path: Path) -> None:
    chain = gate(tmp_path, real=False, **PRODUCTION)
    assert required(chain) == {}
    chain.database.dispose()


def test_the_consent_goes_into_credentials_and_log(tmp_path: Path) -> None:
    producer = AttentiveProducer()
    chain = gate(tmp_path, producer=producer, **PRODUCTION)
    row = store(chain)
    episode_id = chain.submit("Good morning.")
    assert steps(chain, episode_id, "screen", "produce") == State.PRODUCED
    assert producer.consents == {"quiet": row.digest}
    with chain.database.read() as session:
        (produced,) = [
            logged.event
            for logged in chain.tools.log.events_for(session, episode_id)
            if logged.event.kind is EventKind.CLIP_PRODUCED
        ]
        (recorded,) = [logged.event for logged in chain.tools.log.events_for(session, row.id)]
    assert produced.facts["consents"] == {"quiet": row.digest}
    assert recorded.facts["digest"] == row.digest
    assert b"contract 17" not in recorded.canonical()
    chain.database.dispose()


@pytest.mark.parametrize(
    ("before", "after", "state"),
    [
        (("screen",), ("produce",), State.FAILED),
        (("screen", "produce"), ("listen", "log", "decide"), State.AWAITING_REVIEW),
        (("screen", "produce", "listen", "log", "decide"), ("release",), State.FAILED),
    ],
)
def test_revocation_stops_an_episode_wherever_it_is(
    chain: Chain, before: tuple[str, ...], after: tuple[str, ...], state: State
) -> None:
    row = store(chain)
    episode_id = chain.submit("Good morning.")
    steps(chain, episode_id, *before)
    end(chain, row.id)
    assert steps(chain, episode_id, *after) == state
    if state is State.FAILED:
        assert chain.row(episode_id).failure == "consent-missing"
    else:
        # A reviewer who approves it all the same does not make it public.
        chain.desk.claim(episode_id, reviewer=REVIEWER)
        chain.desk.approve(episode_id, reviewer=REVIEWER, reason="It sounds fine.")
        assert steps(chain, episode_id, "release") == State.FAILED
    assert "episode.released" not in chain.kinds(episode_id)


def test_what_was_revoked_between_announcement_and_release_is_not_released(chain: Chain) -> None:
    row = store(chain)
    episode_id = chain.submit("Good morning.")
    steps(chain, episode_id, "screen", "produce", "listen", "log", "decide")
    calls = []
    consents = chain.pipeline._consents

    def revoked_after_the_first(session: Any, submission: Any) -> dict[str, str]:
        calls.append(1)
        if len(calls) > 1:
            raise ConsentMissingError("revoked")
        return consents(session, submission)

    chain.pipeline._consents = revoked_after_the_first  # type: ignore[method-assign]
    assert steps(chain, episode_id, "release") == State.FAILED
    assert "episode.released" not in chain.kinds(episode_id)
    assert row.revoked_at is None


@pytest.mark.parametrize(
    "changes",
    [
        {"purposes": frozenset({Purpose.AUDIOBOOK})},
        {"territories": frozenset({"DE", "AT"})},
        {"voice_id": "loud"},
    ],
)
def test_consent_to_something_else_is_no_consent(chain: Chain, changes: dict[str, Any]) -> None:
    store(chain, **changes)
    with pytest.raises(ConsentMissingError):
        required(chain)


def test_consent_for_named_countries_covers_these_alone(tmp_path: Path) -> None:
    chain = gate(tmp_path, territories=("DE", "AT"), **PRODUCTION)
    store(chain, territories=frozenset({"DE"}))
    with pytest.raises(ConsentMissingError):
        required(chain)
    row = store(chain, territories=frozenset({"DE", "AT", "CH"}))
    assert required(chain) == {"quiet": row.digest}
    chain.database.dispose()


def test_consent_holds_from_its_first_second_to_its_last(chain: Chain) -> None:
    now = chain.clock()
    row = store(chain, valid_from=now + timedelta(hours=1), valid_until=now + timedelta(hours=2))
    with pytest.raises(ConsentMissingError):
        required(chain)
    chain.clock.now = now + timedelta(hours=1)
    assert required(chain) == {"quiet": row.digest}
    chain.clock.now = now + timedelta(hours=2)
    with pytest.raises(ConsentMissingError):
        required(chain)


def test_development_goes_on_without_a_record_but_respects_a_revoked_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    chain = gate(tmp_path)
    with caplog.at_level(logging.WARNING):
        assert required(chain) == {}
    assert "production would refuse" in caplog.text
    end(chain, store(chain).id)
    with pytest.raises(ConsentMissingError):
        required(chain)
    chain.database.dispose()


def test_revoking_twice_keeps_the_first_time_and_logs_it_once(chain: Chain) -> None:
    row = store(chain)
    end(chain, row.id)
    first = chain.clock.now
    chain.clock.now = first + timedelta(days=1)
    end(chain, row.id)
    with chain.database.read() as session:
        (kept,) = list_consents(session)
    assert kept.revoked_at is not None
    assert kept.revoked_at < first + timedelta(days=1)
    assert chain.kinds(row.id) == ["consent.recorded", "consent.revoked"]
    with pytest.raises(NotFoundError):
        end(chain, "cs_nobody")


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": " "},
        {"subject": "a\nb"},
        {"purposes": frozenset()},
        {"territories": frozenset()},
        {"territories": frozenset({"Germany"})},
        {"evidence_sha256": "abc"},
        {"valid_until": None},
    ],
)
def test_grants_that_nobody_could_rely_upon_are_refused(chain: Chain, changes: dict[str, Any]) -> None:
    if "valid_until" in changes:
        changes = {"valid_until": chain.clock() - timedelta(days=2)}
    with pytest.raises(InvalidRequestError):
        grant(chain, **changes)


def test_the_same_record_has_another_digest_every_time(chain: Chain) -> None:
    assert store(chain).digest != store(chain).digest


def test_command_adds_lists_and_revokes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    evidence = tmp_path / "signed.pdf"
    evidence.write_bytes(b"I consent.")
    runner = CliRunner()
    assert runner.invoke(main, ["keygen"]).exit_code == 0
    words = ["consent", "add", "joe", "--subject", "contract 17", "--relation", "other", "--purpose", "editorial"]
    added = runner.invoke(main, [*words, "--until", "2099-12-31", "--evidence", str(evidence)])
    assert added.exit_code == 0, added.output
    consent_id = added.output.strip()
    assert consent_id.startswith("cs_")
    assert runner.invoke(main, ["consent", "revoke", consent_id]).exit_code == 0
    (listed,) = json.loads(runner.invoke(main, ["consent", "list", "--json"]).output)
    assert listed["revoked_at"] is not None
    assert "salt" not in listed
    assert "joe" in runner.invoke(main, ["consent", "list"]).output
    assert runner.invoke(main, ["consent", "revoke", "cs_x"]).exit_code == 1
