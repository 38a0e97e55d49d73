"""Pronunciations: approved once, looked at every time, and never a way around the policy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from audit.event import EventKind
from gateway.cli import main
from gateway.errors import InvalidRequestError, NotFoundError
from gateway.intake import submit
from gateway.pronunciations import approve, list_approved, read_entry, revoke
from gateway.sequencing import settle
from gateway.submissions import State, Submission
from synth.errors import ScriptError
from tests.gateway_chain import REVIEWER, SUBMITTER, Chain, WordScreener, build_chain

SCRIPT = "---\ntitle: T\nlexicon:\n  Nguyen: win\n  unused: word\nvoices:\n  A: quiet\n---\nMr Nguyen is here."


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    chain = build_chain(tmp_path, approve_allowed=True)
    yield chain
    chain.database.dispose()


def hand_in(chain: Chain, text: str = SCRIPT) -> str:
    with chain.database.write() as session:
        row, _ = submit(session, toolchain=chain.tools, api_key_id=SUBMITTER, text=text)
    settle(chain.database, chain.tools.log)
    return row.id


def approve_one(chain: Chain, word: str = "Nguyen", sound: str = "win", language: str = "en") -> str:
    with chain.database.write() as session:
        return approve(
            session,
            read_entry(word, sound),
            language=language,
            by=REVIEWER,
            at=chain.clock(),
            log=chain.tools.log,
            screener=chain.tools.screener,
        ).digest


def stored(chain: Chain, episode_id: str) -> Submission:
    with chain.database.read() as session:
        return session.get_one(Submission, episode_id)


def kinds(chain: Chain, subject: str) -> list[EventKind]:
    settle(chain.database, chain.tools.log)
    with chain.database.read() as session:
        return [one.event.kind for one in chain.tools.log.events_for(session, subject)]


def test_what_nobody_approved_waits_for_a_person_who_sees_the_entry(chain: Chain) -> None:
    episode_id = hand_in(chain)
    assert chain.run(episode_id) == State.AWAITING_REVIEW
    decision = stored(chain, episode_id).decision or {}
    assert decision["verdict"] == "review"
    (finding,) = decision["findings"]  # type: ignore[misc]
    assert finding["rule"] == "pronunciation"
    assert SCRIPT[finding["span"]["start"] : finding["span"]["end"]] == "Nguyen: win"


def test_an_approved_one_passes_in_its_language_and_spelling_alone(chain: Chain) -> None:
    approve_one(chain, language="de")
    approve_one(chain, sound="wen")
    assert chain.run(hand_in(chain)) == State.AWAITING_REVIEW
    digest = approve_one(chain)
    assert chain.run(hand_in(chain)) == State.RELEASED
    assert kinds(chain, digest) == [EventKind.PRONUNCIATION_APPROVED]


def test_an_entry_that_is_not_heard_needs_nobody(chain: Chain) -> None:
    assert chain.run(hand_in(chain, SCRIPT.replace("Mr Nguyen", "Nobody"))) == State.RELEASED


def test_one_that_is_revoked_after_the_screening_is_looked_at(chain: Chain) -> None:
    digest = approve_one(chain)
    episode_id = hand_in(chain)
    chain.pipeline.screen(episode_id)
    with chain.database.write() as session:
        revoke(session, digest, by=REVIEWER, at=chain.clock(), log=chain.tools.log)
        revoke(session, digest, by=REVIEWER, at=chain.clock(), log=chain.tools.log)  # once is enough
    assert chain.run(episode_id) == State.AWAITING_REVIEW
    assert kinds(chain, digest) == [EventKind.PRONUNCIATION_APPROVED, EventKind.PRONUNCIATION_REVOKED]
    approve_one(chain)
    approve_one(chain)
    assert kinds(chain, digest).count(EventKind.PRONUNCIATION_APPROVED) == 2
    assert chain.run(hand_in(chain)) == State.RELEASED


def test_a_gate_that_refuses_says_where(tmp_path: Path) -> None:
    chain = build_chain(tmp_path, approve_allowed=True, unapproved_pronunciations="refuse")
    with pytest.raises(ScriptError, match="line 4, column 3: nobody approved this pronunciation"):
        hand_in(chain)
    approve_one(chain)
    assert chain.run(hand_in(chain)) == State.RELEASED
    chain.database.dispose()


def test_a_sound_that_the_policy_blocks_cannot_be_approved_and_is_blocked_where_it_is_heard(chain: Chain) -> None:
    with pytest.raises(InvalidRequestError, match="blocks this sound"):
        approve_one(chain, "duck", "please block")
    script = SCRIPT.replace("Nguyen: win", "duck: please block").replace("Nguyen", "duck")
    assert chain.run(hand_in(chain, script)) == State.BLOCKED


def test_a_verdict_is_never_milder_for_it(chain: Chain) -> None:
    assert isinstance(chain.tools.screener, WordScreener)
    episode_id = hand_in(chain, SCRIPT + " please block")
    assert chain.run(episode_id) == State.BLOCKED


@pytest.mark.parametrize(("word", "sound"), [("Nguyen", "/win/"), ("a*b", "win"), ("Nguyen", ""), ("", "win")])
def test_what_no_script_may_ask_for_cannot_be_approved(word: str, sound: str) -> None:
    with pytest.raises(InvalidRequestError):
        read_entry(word, sound)


def test_what_was_never_approved_cannot_be_revoked(chain: Chain) -> None:
    with chain.database.write() as session, pytest.raises(NotFoundError):
        revoke(session, "sha256:" + "0" * 64, by=REVIEWER, at=chain.clock(), log=chain.tools.log)


def test_operators_approve_list_and_revoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    monkeypatch.setattr("gateway.app.build_screener", lambda settings: WordScreener())
    runner = CliRunner()
    assert runner.invoke(main, ["keygen"]).exit_code == 0
    approved = runner.invoke(main, ["lexicon", "approve", "Nguyen", "win"])
    assert approved.exit_code == 0, approved.output
    (row,) = json.loads(runner.invoke(main, ["lexicon", "list", "--json"]).output)
    assert (row["digest"], row["word"], row["sound"]) == (approved.output.strip(), "Nguyen", "win")
    assert runner.invoke(main, ["lexicon", "revoke", row["digest"]]).exit_code == 0
    assert "Nguyen" in runner.invoke(main, ["lexicon", "list"]).output
    assert runner.invoke(main, ["lexicon", "revoke", "sha256:none"]).exit_code == 1


def test_the_list_is_in_the_order_of_words(chain: Chain) -> None:
    approve_one(chain, "Zoe", "zoh-ee")
    approve_one(chain, "Anna", "ah-na")
    with chain.database.read() as session:
        assert [row.word for row in list_approved(session)] == ["Anna", "Zoe"]
