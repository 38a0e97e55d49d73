"""History judged again with another pack: what differs is said, and nothing is written."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import SQLModel, select

from gateway import replay as replaying
from gateway.replay import count_history, replay
from gateway.submissions import Submission, lock
from policies.assemble import Models, build_screener
from policies.errors import ScreeningError
from policies.policy import Policy
from policies.screen import Screener
from tests.gateway_chain import Chain, build_chain
from tests.packs import write_pack

WORDS = ("Fine.", "You scoundrel.", "please block", "Blimey.", "please break")


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    return build_chain(tmp_path / "home")


@pytest.fixture
def screener(tmp_path: Path) -> Screener:
    return build_screener(Policy.load(write_pack(tmp_path / "pack")), models=Models())


@pytest.fixture
def history(chain: Chain) -> list[str]:
    ids = []
    for words in WORDS:
        ids.append(chain.submit(words))
        with suppress(ScreeningError):  # "please break" leaves no decision
            chain.pipeline.screen(ids[-1])
        chain.clock.now += timedelta(days=1)
    return ids


def everything(chain: Chain) -> str:
    """A digest of every row of every table."""
    digest = hashlib.sha256()
    with chain.database.read() as session:
        for table in SQLModel.metadata.sorted_tables:
            digest.update(repr(sorted(map(repr, session.execute(select(table)).all()))).encode())  # type: ignore[call-overload]
    return digest.hexdigest()


def test_what_would_have_been_different_is_listed_the_newest_first(
    chain: Chain, screener: Screener, history: list[str]
) -> None:
    result = replay(chain.database, screener=screener)
    assert result.comparison.matrix == {
        ("allow", "allow"): 1,
        ("allow", "block"): 1,
        ("block", "allow"): 1,
        ("allow", "review"): 1,
        ("none", "allow"): 1,
    }
    changes = result.comparison.changes
    assert [change.episode_id for change in changes] == history[:0:-1]
    assert [change.direction for change in changes] == ["unknown", "stricter", "milder", "stricter"]
    assert changes[0].title == "Morning briefing"
    assert result.comparison.differs
    assert result.policy_digest == screener.policy.digest


def test_a_replay_writes_nothing(chain: Chain, screener: Screener, history: list[str]) -> None:
    before = everything(chain)
    assert replay(chain.database, screener=screener).comparison.compared == len(history)
    assert everything(chain) == before


def test_against_another_pack_only_the_packs_differ(
    tmp_path: Path, chain: Chain, screener: Screener, history: list[str]
) -> None:
    same = build_screener(
        Policy.load(write_pack(tmp_path / "same", ("A policy for tests", "Another"))), models=Models()
    )
    other = build_screener(Policy.load(write_pack(tmp_path / "other", ("blimey,", "crikey,"))), models=Models())
    assert not replay(chain.database, screener=same, against=screener).comparison.differs
    (change,) = replay(chain.database, screener=other, against=screener).comparison.changes
    assert (change.episode_id, change.old, change.new) == (history[3], "review", "allow")


def test_since_and_limit_choose_the_newest(chain: Chain, screener: Screener, history: list[str]) -> None:
    since = chain.row(history[2]).received_at
    assert replay(chain.database, screener=screener, since=since).comparison.compared == 3
    assert count_history(chain.database, since=since) == 3
    assert count_history(chain.database, limit=2) == 2
    (newest,) = replay(chain.database, screener=screener, limit=1).comparison.changes
    assert newest.episode_id == history[-1]


@pytest.mark.parametrize("rows", [1, 2, 5, 50])
def test_every_submission_is_seen_once_whatever_the_page(
    chain: Chain, screener: Screener, history: list[str], monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setattr(replaying, "ROWS_AT_ONCE", rows)
    with chain.database.write() as session:  # two at the same moment, on both sides of a page
        for episode_id in history[1:3]:
            lock(session, episode_id).received_at = chain.clock.now
    seen: list[int] = []
    result = replay(chain.database, screener=screener, progress=lambda: seen.append(1))
    assert (result.comparison.compared, len(seen)) == (len(history), len(history))


def test_erased_unreadable_and_broken_rows_are_counted_and_stop_nothing(
    chain: Chain, screener: Screener, history: list[str]
) -> None:
    with chain.database.write() as session:
        lock(session, history[0]).script = ""
        lock(session, history[1]).decision = {"verdict": "perhaps"}
        lock(session, history[2]).script = "---\ntitle: [no end\n"
    result = replay(chain.database, screener=screener)
    assert (result.erased, result.unreadable, result.comparison.compared) == (1, 1, 4)
    (broken,) = [change for change in result.comparison.changes if change.new == "error"]
    assert broken.episode_id == history[2]
    assert broken.error
    assert result.comparison.matrix["none", "block"] == 1


def test_an_empty_history_is_the_same(chain: Chain, screener: Screener) -> None:
    result = replay(chain.database, screener=screener)
    assert (result.comparison.compared, result.comparison.differs) == (0, False)


def test_a_script_of_ten_thousand_findings_keeps_the_result_small(chain: Chain, screener: Screener) -> None:
    chain.run(chain.submit("Blimey. " * 10_000))
    (change,) = replay(chain.database, screener=screener).comparison.changes
    assert len(change.appeared) == 20
    with chain.database.read() as session:
        assert session.exec(select(Submission.state)).one() == "released"
