"""The quality pages over HTTP: who sees whose figures, blindness, golden items, breaks and milder cases."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlmodel import col, select, update

from gateway.auth import Role
from gateway.quality.golden import Known, add_golden, mix_golden
from gateway.quality.rows import GoldenCase, Judgement
from gateway.submissions import ReviewCase
from tests.api_gate import Gate, a_script, build_gate
from tests.console_gate import Browser, signed_in

RANGE = "since=2026-02-01&until=2026-03-31"


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    gate = build_gate(tmp_path_factory.mktemp("quality"), golden_share=0.5, severe_per_day=1, break_minutes=20)
    yield gate
    gate.chain.database.dispose()


@pytest.fixture(scope="module")
def people(gate: Gate) -> dict[str, Browser]:
    roles = {"ruth": Role.REVIEWER, "rosa": Role.REVIEWER, "sam": Role.SENIOR_REVIEWER, "pia": Role.SENIOR_REVIEWER}
    others = {role.value: role for role in (Role.AUDITOR, Role.ADMIN, Role.SUBMITTER)}
    return {name: signed_in(gate, name, role) for name, role in (roles | others).items()}


def decide(gate: Gate, who: Browser, episode_id: str, verdict: str = "reject", **fields: str) -> str:
    page = f"/console/episodes/{episode_id}"
    who.send(f"{page}/claim", page=page)
    gate.chain.clock.now += timedelta(seconds=75)
    version = str(gate.chain.row(episode_id).version)
    sent = {"verdict": verdict, "reason": "A reason.", "version": version, "category": "request", **fields}
    return who.send(f"{page}/decision", page=page, **sent)


@pytest.fixture(scope="module")
def refused(gate: Gate, people: dict[str, Browser]) -> str:
    """A case that Ruth refused, and that is to be decided again."""
    episode_id = gate.make(a_script("please review", title="Sampled", sentences=2))
    gate.chain.desk._second_share = 1.0
    decide(gate, people["ruth"], episode_id)
    gate.chain.desk._second_share = 0.0
    return episode_id


def test_second_look_is_blind_and_disagreement_is_settled(gate: Gate, people: dict[str, Browser], refused: str) -> None:
    rosa, ruth, sam, mine = people["rosa"], people["ruth"], people["sam"], "/console/quality/mine"
    assert "1 free for you" in rosa.get(mine)
    assert "0 free for you" in ruth.get(mine)
    assert ruth.send("/console/second-looks/next", page=mine).endswith("done=none")
    assert rosa.get(f"/console/episodes/{refused}")
    look = rosa.send("/console/second-looks/next", page=mine)
    page = rosa.get(look)
    for told in ("ruth", "A reason.", "rejected", "submission.rejected", " checked"):
        assert told not in page.partition("<main")[2], told
    rosa.get(f"/console/episodes/{refused}", 403)
    for name in ("ruth", "sam", "auditor"):
        people[name].get(look, 403)
    kept = rosa.send(f"{look}/decision", page=look, status=422, verdict="", reason="Typed <b>.")
    assert "Typed &lt;b&gt;." in kept
    assert rosa.send(f"{look}/decision", page=look, verdict="approve", reason="It is quoted.").endswith("done=agreed")
    assert rosa.get(f"/console/episodes/{refused}")
    rosa.get(look, 403)  # the first decision is nothing that they need
    assert "Disagreements for a senior reviewer" in people["auditor"].get("/console/quality")
    shown = sam.get(look)
    assert "It is quoted." in shown
    assert "A reason." in shown
    rosa.send(f"{look}/settlement", page=mine, status=403, verdict="approve", reason="x")
    people["admin"].send(f"{look}/settlement", page=look, status=403, verdict="approve", reason="x")
    sam.send(f"{look}/settlement", page=look, verdict="approve", reason="The second is right.")
    assert gate.chain.row(refused).state == "awaiting_review"
    sam.send(f"{look}/settlement", page=look, status=409, verdict="approve", reason="Again.")
    assert "Who is right?" not in people["pia"].get(look)


def test_figures_are_for_those_who_answer_for_quality(gate: Gate, people: dict[str, Browser], refused: str) -> None:
    dashboard = f"/console/quality?{RANGE}"
    for name in ("sam", "admin"):
        assert ">ruth</th>" in people[name].get(dashboard)
    assert "ruth" not in people["auditor"].get(dashboard)
    answer = people["ruth"].client.get(dashboard)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/quality/mine")
    own = people["ruth"].get("/console/quality/mine")
    assert "rosa" not in own
    for path in (dashboard, "/console/quality/mine", "/console/quality.csv"):
        people["submitter"].get(path, 403)
    people["auditor"].get("/console/quality/mine", 403)
    people["ruth"].get(f"/console/quality.csv?{RANGE}", 403)


def test_export_names_people_to_few_and_holds_no_formula(gate: Gate, people: dict[str, Browser], refused: str) -> None:
    with gate.chain.database.write() as session:
        session.add(
            Judgement(
                at=gate.chain.clock(),
                kind="case",
                episode_id=refused,
                unit=refused,
                person="=HYPERLINK(1)",
                role="reviewer",
                verdict="reject",
                rules=["@evil", "b"],
                screened="review",
            )
        )
    path = f"/console/quality.csv?{RANGE}"
    answer = people["auditor"].client.get(path)
    assert answer.headers["content-type"].startswith("text/csv")
    assert "quality-2026-02-01-2026-03-31.csv" in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert {one["kind"] for one in rows} >= {"case"}
    assert "person" not in rows[0]
    assert rows[-1]["rules"] == "'@evil b"
    named = list(csv.DictReader(io.StringIO(people["admin"].client.get(path).text)))
    assert named[-1]["person"] == "'=HYPERLINK(1)"
    assert round(float(named[0]["seconds"])) >= 75


@pytest.mark.parametrize(
    "asked",
    [
        "since=&until=",
        "since=x&until=2026-13-99",
        "since=0001-01-01&until=9999-12-31",
        "since=2026-03-09&until=2026-03-01",
    ],
)
def test_nonsense_for_a_range_is_no_error(people: dict[str, Browser], asked: str) -> None:
    people["auditor"].get(f"/console/quality?{asked}")
    people["ruth"].get(f"/console/quality/mine?{asked}")


def test_golden_item_tells_who_decided_it_what_was_right(gate: Gate, people: dict[str, Browser]) -> None:
    key = gate.keys["submitter"].split("_")[1]
    known = Known(a_script("please review", title="Known", sentences=2), key, "approve", "It is <quoted>.")
    with gate.chain.database.write() as session:
        add_golden(session, known, toolchain=gate.chain.tools, by="operator", at=gate.chain.clock())
    gate.make(a_script("please review", title="Beside it", sentences=2))
    assert mix_golden(gate.chain.tools) == 1
    with gate.chain.database.read() as session:
        episode_id = session.exec(select(GoldenCase.episode_id)).one()
    gate.run(episode_id)
    page, mine = people["rosa"].get(f"/console/episodes/{episode_id}"), "/console/quality/mine"
    assert "olden" not in page
    people["rosa"].get(f"/console/golden/{episode_id}", 404)
    where = decide(gate, people["rosa"], episode_id, "reject", then="next", order="oldest")
    assert where.startswith(f"/console/golden/{episode_id}")
    told = people["rosa"].get(where)
    assert "It should be <b>approve</b>" in told
    assert "It is &lt;quoted&gt;." in told
    assert "Known" in people["rosa"].get(f"{mine}?{RANGE}")
    people["ruth"].get(f"/console/golden/{episode_id}", 404)
    assert people["auditor"].get(f"/console/golden/{episode_id}")
    assert gate.run(episode_id) == "golden"
    assert "Known" not in people["auditor"].get("/console/submissions")
    assert gate.client("submitter").get(f"/v1/submissions/{episode_id}/statement").status_code == 409


def test_break_is_suggested_and_put_off(gate: Gate, people: dict[str, Browser]) -> None:
    ruth = people["ruth"]
    for _ in range(3):
        ruth.get("/console/queue")
        gate.chain.clock.now += timedelta(minutes=8)
    assert "Time for a break" in ruth.get("/console/queue")
    assert "Time for a break" not in people["rosa"].get("/console/queue")
    assert "Time for a break" not in people["auditor"].get("/console/queue")
    assert ruth.send("/console/wellness/snooze", page="/console/queue", **{"from": "mine"}) == "/console/quality/mine"
    assert "Time for a break" not in ruth.get("/console/queue")
    people["auditor"].send("/console/wellness/snooze", page="/console/queue", status=403)


def test_milder_cases_come_after_the_limit(gate: Gate, people: dict[str, Browser]) -> None:
    ruth, queue = people["ruth"], "/console/queue"
    severe = [gate.make(a_script("please review", title=f"Severe {number}", sentences=2)) for number in range(3)]
    mild = gate.make(a_script("please review", title="Mild", sentences=2))
    with gate.chain.database.write() as session:
        for episode_id in severe:
            session.get_one(ReviewCase, episode_id).calm = 5
        session.get_one(ReviewCase, mild).calm = 60
        others = col(ReviewCase.episode_id).not_in([*severe, mild])
        session.execute(update(ReviewCase).where(others).values(open=False))

    def taken() -> str:
        where = ruth.send("/console/queue/next", page=queue)
        return where.partition("/episodes/")[2].partition("?")[0] or where

    first = taken()
    assert first in severe
    assert "gives you milder ones" in ruth.get(queue)
    assert taken() == mild
    assert "done=milder" in taken()
    assert "ask for severe ones" in ruth.get("/console/queue?done=milder")
    ruth.send("/console/wellness/limit", page=queue)
    assert taken() in severe
    assert "gives you milder ones" not in ruth.get(queue)
