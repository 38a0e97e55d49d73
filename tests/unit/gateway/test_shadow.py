"""Policies in shadow: they see everything, decide nothing, and stop nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlmodel import Session, select

from audit.event import Event
from gateway import shadow
from gateway.app import start_worker
from gateway.db import Database
from gateway.errors import DatabaseUnavailableError
from gateway.pipeline import Pipeline
from gateway.shadow import MAX_ATTEMPTS, ShadowDecision, compare
from policies.assemble import Models, build_screener
from policies.decision import Decision
from policies.errors import ScreeningError
from policies.policy import Policy
from policies.screen import Screener
from policies.text import Manuscript
from tests.gateway_chain import Chain, build_chain
from tests.packs import write_pack


class Sabotaged(Screener):
    """A real screener that first does what a test asks for."""

    def __init__(self, policy: Policy, before: Callable[[], None] = lambda: None) -> None:
        super().__init__(policy=policy, rules=build_screener(policy, models=Models()).rules)
        self._before = before
        self.calls = 0

    def screen(self, manuscript: Manuscript) -> Decision:
        self.calls += 1
        self._before()
        return super().screen(manuscript)


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    return write_pack(tmp_path / "shadow", ('status = "live"', 'status = "shadow"'))


def shadowed(home: Path, *screeners: Screener, database_url: str = "") -> Chain:
    chain = build_chain(home, database_url=database_url)
    chain.tools = replace(chain.tools, shadows=screeners)
    chain.pipeline = Pipeline(toolchain=chain.tools)
    return chain


def rows(chain: Chain) -> list[ShadowDecision]:
    with chain.database.read() as session:
        return list(session.exec(select(ShadowDecision)))


def shadow_events(chain: Chain, episode_id: str) -> list[Event]:
    with chain.database.read() as session:
        events = chain.tools.log.events_for(session, episode_id)
    return [one.event for one in events if one.event.kind == "screening.shadowed"]


def fail(error: BaseException) -> Callable[[], None]:
    def failing() -> None:
        raise error

    return failing


def test_a_stricter_pack_in_shadow_lets_the_episode_pass_and_is_remembered(tmp_path: Path, pack: Path) -> None:
    screener = Sabotaged(Policy.load(pack))
    chain = shadowed(tmp_path / "home", screener)
    episode_id = chain.submit("Blimey, you scoundrel.")
    assert chain.run(episode_id) == "released"
    (row,) = rows(chain)
    assert row.decision is not None
    assert (row.decision["verdict"], row.decision["policy_digest"]) == ("block", screener.policy.digest)
    assert (row.error, row.attempts, row.live_digest) == (None, 1, "sha256:" + "1" * 64)
    assert row.seconds is not None
    decision = chain.row(episode_id).decision
    assert decision is not None
    assert decision["verdict"] == "allow"  # what counts is untouched


def test_the_log_keeps_digests_verdicts_and_counts_and_none_of_the_words(tmp_path: Path, pack: Path) -> None:
    chain = shadowed(tmp_path / "home", Sabotaged(Policy.load(pack)))
    episode_id = chain.submit("Blimey, you scoundrel.")
    chain.run(episode_id)
    assert chain.kinds(episode_id)[-2:] == ["episode.released", "screening.shadowed"]
    (event,) = shadow_events(chain, episode_id)
    assert event.facts["verdict"] == "block"
    assert event.facts["live_verdict"] == "allow"
    assert event.facts["policy_digest"] == Policy.load(pack).digest
    assert event.facts["live_policy_digest"] == "sha256:" + "1" * 64
    assert ["lexicon", "slur", "block", 1] in event.facts["findings"]  # type: ignore[operator]
    assert b"scoundrel" not in event.canonical().lower()


def test_an_episode_that_runs_again_is_judged_in_shadow_once(tmp_path: Path, pack: Path) -> None:
    screener = Sabotaged(Policy.load(pack))
    chain = shadowed(tmp_path / "home", screener)
    episode_id = chain.submit("please review")
    assert [chain.run(episode_id) for _ in range(3)] == ["awaiting_review"] * 3
    assert (screener.calls, len(shadow_events(chain, episode_id))) == (1, 1)


def test_a_blocked_episode_is_judged_too_and_one_without_a_decision_is_not(tmp_path: Path, pack: Path) -> None:
    chain = shadowed(tmp_path / "home", Sabotaged(Policy.load(pack)))
    assert chain.run(chain.submit("please block")) == "blocked"
    assert chain.run(chain.submit("please break")) == "failed"
    assert [row.decision is not None for row in rows(chain)] == [True]


@pytest.mark.parametrize(
    ("error", "told", "slug"),
    [
        (ScreeningError("rule 'lexicon' could not run"), "rule 'lexicon' could not run", "screening-failed"),
        (RuntimeError("Good morning, the script's own words"), "RuntimeError", "internal-error"),
        (MemoryError(), "MemoryError", "internal-error"),
        (RecursionError(), "RecursionError", "internal-error"),
    ],
)
def test_a_pack_that_fails_stops_nothing_and_its_reason_is_kept_without_the_words(
    tmp_path: Path, pack: Path, error: Exception, told: str, slug: str
) -> None:
    healthy = Sabotaged(Policy.load(write_pack(tmp_path / "other", ("blimey", "crikey"))))
    chain = shadowed(tmp_path / "home", Sabotaged(Policy.load(pack), fail(error)), healthy)
    episode_id = chain.submit("Crikey.")
    assert chain.run(episode_id) == "released"
    failed, right = sorted(rows(chain), key=lambda row: row.error is None)
    assert (failed.error, failed.decision) == (told, None)
    assert right.decision is not None
    facts = [event.facts for event in shadow_events(chain, episode_id)]
    assert [one.get("error") for one in facts] == [slug, None]
    assert "own words" not in json.dumps(facts)


def test_a_pack_that_kills_its_process_is_tried_a_few_times_and_then_left(tmp_path: Path, pack: Path) -> None:
    deadly = Sabotaged(Policy.load(pack), fail(SystemExit(9)))
    chain = shadowed(tmp_path / "home", deadly)
    episode_id = chain.submit()
    for attempt in range(1, MAX_ATTEMPTS + 1):
        with pytest.raises(SystemExit):
            chain.run(episode_id)
        assert chain.row(episode_id).state == "released"
        (row,) = rows(chain)
        assert (row.attempts, row.decision, row.error) == (attempt, None, None)
    assert chain.run(episode_id) == "released"
    (row,) = rows(chain)
    assert row.error == f"it was begun {MAX_ATTEMPTS} times and never finished"
    assert deadly.calls == MAX_ATTEMPTS


def test_a_judging_that_was_interrupted_is_done_when_the_episode_runs_again(tmp_path: Path, pack: Path) -> None:
    troubles = [SystemExit(9)]
    screener = Sabotaged(Policy.load(pack), lambda: fail(troubles.pop())() if troubles else None)
    chain = shadowed(tmp_path / "home", screener)
    episode_id = chain.submit()
    with pytest.raises(SystemExit):
        chain.run(episode_id)
    (report,) = compare(chain.database)
    assert report.comparison.changes[0].error == shadow.UNFINISHED
    chain.run(episode_id)
    (row,) = rows(chain)
    assert (row.attempts, row.decision is not None) == (2, True)


def test_a_new_worker_takes_up_what_an_ended_one_left_and_nothing_else(tmp_path: Path, pack: Path) -> None:
    screener = Sabotaged(Policy.load(pack), fail(SystemExit(9)))
    chain = shadowed(tmp_path / "home", screener)
    released, waiting = chain.submit(), chain.submit("please review")
    for episode_id in (released, waiting):
        with pytest.raises(SystemExit):
            chain.run(episode_id)
    assert shadow.unfinished(chain.database, screeners=[screener]) == [released]
    assert shadow.unfinished(chain.database, screeners=[]) == []
    other = Sabotaged(Policy.load(write_pack(tmp_path / "other", ("blimey", "crikey"))))
    assert shadow.unfinished(chain.database, screeners=[other]) == []

    started: list[object] = []
    engine = SimpleNamespace(start=lambda work, **options: started.append(work), enqueue=started.append)
    start_worker(engine, chain.tools)  # type: ignore[arg-type]  # as much of an engine as is used
    assert started[1:] == [released]
    shadow.run(released, toolchain=replace(chain.tools, shadows=[Sabotaged(Policy.load(pack))]))
    assert shadow.unfinished(chain.database, screeners=[screener]) == []


@pytest.mark.parametrize("broken", [1, 2], ids=["before it begins", "when it is done"])
def test_a_database_that_is_away_costs_the_trial_and_nothing_else(
    tmp_path: Path, pack: Path, monkeypatch: pytest.MonkeyPatch, broken: int
) -> None:
    chain = shadowed(tmp_path / "home", Sabotaged(Policy.load(pack)))
    episode_id = chain.submit()
    assert Pipeline(toolchain=replace(chain.tools, shadows=())).advance(episode_id, lambda _, step, patient: step())
    write, writes = Database.write, 0

    @contextmanager
    def failing(self: Database) -> Iterator[Session]:
        nonlocal writes
        writes += 1
        if writes == broken:
            raise DatabaseUnavailableError("the database is out of reach")
        with write(self) as session:
            yield session

    monkeypatch.setattr(Database, "write", failing)
    shadow.run(episode_id, toolchain=chain.tools)
    monkeypatch.undo()
    assert chain.row(episode_id).state == "released"
    assert shadow_events(chain, episode_id) == []
    shadow.run(episode_id, toolchain=chain.tools)
    assert len(shadow_events(chain, episode_id)) == 1


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_the_comparison_counts_page_by_page(
    tmp_path: Path, pack: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, engine: str
) -> None:
    monkeypatch.setattr(shadow, "ROWS_AT_ONCE", 2)
    url = "" if engine == "sqlite" else str(request.getfixturevalue("postgres_url"))
    strict = Sabotaged(Policy.load(pack))
    broken = Sabotaged(Policy.load(write_pack(tmp_path / "b", ("small", "broken"))), fail(ScreeningError("no model")))
    chain = shadowed(tmp_path / "home", strict, broken, database_url=url)
    ids = [chain.submit(words) for words in ("Fine.", "You scoundrel.", "please block", "Fine too.", "Blimey.")]
    for episode_id in ids:
        chain.run(episode_id)
    reports = {report.policy_id: report for report in compare(chain.database)}
    small = reports["small"].comparison
    assert small.matrix == {("allow", "allow"): 2, ("allow", "block"): 1, ("allow", "review"): 1, ("block", "allow"): 1}
    assert small.directions == {"same": 2, "stricter": 2, "milder": 1}
    assert [change.episode_id for change in small.changes] == [ids[1], ids[2], ids[4]]
    assert small.appeared == {("lexicon", "slur"): 1, ("lexicon", "profanity"): 1}
    assert (reports["broken"].failed, reports["small"].failed) == (5, 0)
    assert {change.error for change in reports["broken"].comparison.changes} == {"no model"}
    assert [one.policy_id for one in compare(chain.database, policy=strict.policy.digest)] == ["small"]
    assert compare(chain.database, policy="unknown") == []
    chain.database.dispose()
