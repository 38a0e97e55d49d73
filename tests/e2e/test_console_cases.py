"""The console's queue and episode pages over HTTP: who sees what, what is decided once, and strangers' text."""

from __future__ import annotations

import re
import threading
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from gateway.auth import Role, create_key
from gateway.cases import ReviewAction
from gateway.console.segments import Marked, segments
from gateway.submissions import EpisodeHearing, ReviewCase, Submission
from tests.api_gate import Gate, a_script, build_gate
from tests.console_gate import Browser, signed_in

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'><svg onload=alert(3)>{{ 7*7 }}</textarea><!--"


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Gate:
    return build_gate(tmp_path_factory.mktemp("console"))


@pytest.fixture(scope="module")
def people(gate: Gate) -> dict[str, Browser]:
    return {role.value: signed_in(gate, role.value, role) for role in Role} | {
        "second": signed_in(gate, "second", Role.REVIEWER)
    }


@pytest.fixture
def case(gate: Gate) -> str:
    return gate.make(a_script("please review", title="A case", sentences=2))


def decision(gate: Gate, case: str, verdict: str, **fields: str) -> dict[str, str]:
    version = str(gate.chain.row(case).version)
    return {"verdict": verdict, "reason": "A reason.", "version": version, "category": "request", **fields}


def test_case_is_taken_decided_and_the_next_one_follows(gate: Gate, people: dict[str, Browser]) -> None:
    reviewer = people["reviewer"]
    first, second = (gate.make(a_script("please review", title=f"Case {number}", sentences=2)) for number in (1, 2))
    assert first in reviewer.get("/console/queue?order=oldest")
    page = f"/console/episodes/{first}"
    reviewer.send(f"{page}/claim", page=page)
    gate.chain.clock.now += timedelta(seconds=1)
    assert "You hold this case" in reviewer.get(page)
    done = decision(gate, first, "approve", then="next", order="oldest")
    where = reviewer.send(f"{page}/decision", page=page, **done)
    assert where.startswith("/console/episodes/ep_")
    assert first not in where
    assert "order=oldest&done=approved" in where
    assert "goes on to release" in reviewer.get(where)
    assert gate.run(first) == "released"
    held = where.partition("?")[0]
    reviewer.send(f"{held}/release", page=held)
    assert second


def test_nothing_is_chosen_beforehand_and_a_refusal_names_a_category(
    gate: Gate, people: dict[str, Browser], case: str
) -> None:
    reviewer, page = people["reviewer"], f"/console/episodes/{case}"
    reviewer.send(f"{page}/claim", page=page)
    form = reviewer.get(page).partition('id="decision"')[2]
    assert "checked" not in form
    for fields in (
        decision(gate, case, ""),
        decision(gate, case, "reject", category=""),
        decision(gate, case, "reject", category="made up"),
        decision(gate, case, "reject", reason=" "),
        decision(gate, case, "approve", version="x"),
    ):
        answer = reviewer.send(f"{page}/decision", page=page, status=422, **fields)
        assert "What you typed is kept" in answer
    assert gate.chain.row(case).state == "awaiting_review"
    reviewer.send(f"{page}/decision", page=page, **decision(gate, case, "request_changes"))
    with gate.chain.database.read() as session:
        stored = session.get_one(ReviewCase, case)
    assert (stored.verdict, stored.categories) == ("request_changes", ["request"])


def test_stale_lease_loses_nothing_that_was_typed(gate: Gate, people: dict[str, Browser], case: str) -> None:
    reviewer, page = people["reviewer"], f"/console/episodes/{case}"
    reviewer.send(f"{page}/claim", page=page)
    done = decision(gate, case, "reject", reason="Long thought & typed.")
    gate.chain.clock.now += timedelta(minutes=11)
    answer = reviewer.send(f"{page}/decision", page=page, status=409, **done)
    assert "claim it first" in answer
    reviewer.send(f"{page}/claim", page=page)
    reviewer.send(f"{page}/decision", page=page, **done)


def test_what_was_not_read_is_not_decided(gate: Gate, people: dict[str, Browser], case: str) -> None:
    reviewer, page = people["reviewer"], f"/console/episodes/{case}"
    reviewer.send(f"{page}/claim", page=page)
    reviewer.send(f"{page}/decision", page=page, status=409, **decision(gate, case, "approve", version="1"))
    assert gate.chain.row(case).state == "awaiting_review"


def test_second_signature_comes_from_a_second_person(gate: Gate, people: dict[str, Browser], case: str) -> None:
    with gate.chain.database.write() as session:
        session.get_one(ReviewCase, case).two_people = True
    page = f"/console/episodes/{case}"
    people["reviewer"].send(f"{page}/claim", page=page)
    where = people["reviewer"].send(f"{page}/decision", page=page, **decision(gate, case, "approve"))
    assert "done=proposed" in where
    assert "signed first" in people["reviewer"].get(page)
    people["reviewer"].send(f"{page}/claim", page=page, status=403)
    people["second"].send(f"{page}/claim", page=page)
    assert "An approval needs you as the second" in people["second"].get(page)
    people["second"].send(f"{page}/decision", page=page, **decision(gate, case, "approve"))
    assert gate.run(case) == "released"


def test_hand_over_escalation_and_giving_back(gate: Gate, people: dict[str, Browser], case: str) -> None:
    page = f"/console/episodes/{case}"
    first, second, senior = people["reviewer"], people["second"], people["senior_reviewer"]
    first.send(f"{page}/claim", page=page)
    colleague = re.search(r'<option value="(acct_\w+)">second', first.get(page))
    assert colleague is not None
    first.send(f"{page}/hand-over", page=page, status=422, to="acct_nobody")
    first.send(f"{page}/hand-over", page=page, to=colleague.group(1))
    assert "handed to you" in second.get("/console/queue")
    first.send(f"{page}/claim", page=page, status=403)
    second.send(f"{page}/claim", page=page)
    assert "done=escalated" in second.send(f"{page}/decision", page=page, **decision(gate, case, "escalate"))
    second.send(f"{page}/claim", page=page, status=403)
    senior.send(f"{page}/claim", page=page)
    senior.send(f"{page}/extend", page=page)
    senior.send(f"{page}/release", page=page)
    with gate.chain.database.read() as session:
        done = session.exec(select(ReviewAction).where(ReviewAction.episode_id == case)).all()
        kinds = [one.kind for one in sorted(done, key=lambda one: one.entry_index)]
    assert kinds == [
        *("review.claimed", "review.handed_over", "review.claimed"),
        *("review.escalated", "review.claimed", "review.released"),
    ]


def test_case_is_put_off_with_a_reason(gate: Gate, people: dict[str, Browser], case: str) -> None:
    page, reviewer = f"/console/episodes/{case}", people["reviewer"]
    reviewer.send(f"{page}/claim", page=page)
    for fields in ({"hours": "999", "reason": "Later."}, {"hours": "4", "reason": " "}):
        reviewer.send(f"{page}/hold", page=page, status=422, **fields)
    assert "done=held" in reviewer.send(f"{page}/hold", page=page, hours="4", reason="The lawyers read it.")
    assert "Put off</b> until" in reviewer.get(page)
    assert case in reviewer.get("/console/queue?only=held")
    reviewer.send(f"{page}/claim", page=page)
    assert case not in reviewer.get("/console/queue?only=held").partition('id="cases"')[2]
    reviewer.send(f"{page}/release", page=page)


def test_views_are_saved_shown_first_and_removed_by_their_owner_alone(gate: Gate, people: dict[str, Browser]) -> None:
    mine, other, queue = people["reviewer"], people["second"], "/console/queue?rule=words&order=oldest"
    kept = {"rule": "words", "order": "oldest"}
    for name in ("", "\n", "x" * 61, "\u202e"):
        mine.send("/console/queue/views", page=queue, status=422, name=name, **kept)
    assert "done=view_saved" in mine.send("/console/queue/views", page=queue, name=HOSTILE[:60], first="yes", **kept)
    assert mine.get("/console/queue", status=303) == ""
    assert mine.client.get("/console/queue").headers["location"] == queue
    assert "&lt;script&gt;alert(1)" in mine.get(queue)
    assert "<script>alert" not in mine.get(queue)
    other.get("/console/queue")  # no view, so the page itself
    other.send("/console/queue/views", page="/console/queue", status=404, name=HOSTILE[:60], do="remove")
    other.send("/console/queue/views", page="/console/queue", status=404, name=HOSTILE[:60], do="first")
    mine.send("/console/queue/views", page=queue, name="Calm ones", **kept)
    mine.send("/console/queue/views", page=queue, name="", do="first")
    mine.get("/console/queue")
    for name in (HOSTILE[:60], "Calm ones"):
        mine.send("/console/queue/views", page=queue, name=name, do="remove")
    assert "Calm ones" not in mine.get(queue)
    for number in range(20):
        mine.send("/console/queue/views", page=queue, name=f"View {number}", **kept)
    mine.send("/console/queue/views", page=queue, status=409, name="One more", **kept)
    people["submitter"].send("/console/queue/views", status=403, name="x")


@pytest.mark.parametrize("who", ["submitter", "auditor", "admin"])
def test_other_roles_cannot_decide_whatever_they_send(
    gate: Gate, people: dict[str, Browser], case: str, who: str
) -> None:
    page = f"/console/episodes/{case}"
    for step in ("claim", "extend", "release", "hold", "hand-over", "decision"):
        people[who].send(f"{page}/{step}", status=403, **decision(gate, case, "approve"))
    people[who].send("/console/queue/next", status=403)
    if who == "submitter":
        people[who].get(page, status=403)
        people[who].get("/console/queue", status=403)
    else:
        assert 'action="/console/episodes/' not in people[who].get(page)
        assert "Take the next case" not in people[who].get("/console/queue")


def test_nobody_sees_what_never_came_to_review(gate: Gate, people: dict[str, Browser]) -> None:
    quiet = gate.make(a_script(title="Quiet", sentences=2))
    for who in ("reviewer", "senior_reviewer"):
        people[who].get(f"/console/episodes/{quiet}", status=404)
    people["auditor"].get(f"/console/episodes/{quiet}")
    people["reviewer"].get("/console/episodes/ep_" + "0" * 20, status=404)
    people["reviewer"].get("/console/episodes/../../etc", status=404)


def test_sound_answers_ranges_to_reviewers_and_to_nobody_else(
    gate: Gate, people: dict[str, Browser], case: str
) -> None:
    other = gate.make(a_script(title="Other", sentences=2))
    source = re.search(r'<audio[^>]* src="([^"]+)"', people["reviewer"].get(f"/console/episodes/{case}"))
    assert source is not None
    url = source.group(1)
    assert "autoplay" not in people["reviewer"].get(f"/console/episodes/{case}")
    answer = people["reviewer"].client.get(url, headers={"Range": "bytes=0-99"})
    assert (answer.status_code, len(answer.content)) == (206, 100)
    assert answer.headers["cache-control"] == "no-store"
    picture = people["reviewer"].client.get(url.replace("/audio/", "/waveform/"))
    assert picture.headers["content-type"] == "image/svg+xml"
    assert picture.text.count("v") > 500
    Browser(gate).get(url, status=303)
    people["submitter"].get(url, status=403)
    people["reviewer"].get(url.replace(case, other), status=404)


def test_submitter_with_an_account_cannot_review_what_a_key_of_theirs_sent(gate: Gate) -> None:
    browser = signed_in(gate, "both", Role.REVIEWER)
    account = re.search(r"acct_\w+", browser.get("/console/account"))
    assert account is not None
    with gate.chain.database.write() as session:
        gate.keys["both"] = create_key(session, Role.SUBMITTER, "k", gate.chain.clock(), account_id=account.group(0))
    answer = gate.client("both").post("/v1/submissions", json={"script": a_script("please review", title="Own")})
    own = str(answer.json()["id"])
    assert gate.run(own) == "awaiting_review"
    page = f"/console/episodes/{own}"
    assert "nobody reviews what they submitted" in browser.get(page)
    browser.send(f"{page}/claim", page=page, status=403)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_strangers_text_stays_text_wherever_it_is_shown(gate: Gate, people: dict[str, Browser], case: str) -> None:
    evidence = dict.fromkeys(("claim", "rating", "publisher", "published_on", "record", "matched"), HOSTILE)
    finding: dict[str, Any] = {
        "rule": HOSTILE,
        "category": HOSTILE,
        "verdict": "block",
        "span": {"start": 3, "end": 40},
        "score": 0.9,
        "explanation": HOSTILE,
        "view": HOSTILE,
        "stance": HOSTILE,
        "time_start": 0.5,
        "time_end": 1.0,
        "evidence": [{**evidence, "similarity": 0.9, "url": "javascript:alert(1)"}],
    }
    reviewer, page = people["reviewer"], f"/console/episodes/{case}"
    reviewer.send(f"{page}/claim", page=page)
    with gate.chain.database.write() as session:
        row = session.get_one(Submission, case)
        row.script = row.title = row.show = HOSTILE
        row.decision = {**(row.decision or {}), "findings": [finding]}
        hearing = session.get_one(EpisodeHearing, case)
        hearing.transcript = [[HOSTILE, 0.0, 1.0, 0.9]]
        hearing.listener = HOSTILE
    answer = reviewer.send(
        f"{page}/decision", page=page, status=422, **decision(gate, case, HOSTILE, reason=HOSTILE, category=HOSTILE)
    )
    for text in (reviewer.get(page), answer, reviewer.get("/console/queue?" + "show=%3Cscript%3E")):
        assert "49" not in re.findall(r"\{\{ .*? \}\}|49(?=</textarea>)", text)
        tags = Tags()
        tags.feed(text)
        scripts = [attributes for tag, attributes in tags.found if tag == "script"]
        assert len(scripts) == 3
        assert all(str(one["src"]).startswith("/console/static/") for one in scripts)
        for tag, attributes in tags.found:
            assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
            assert "javascript:" not in f"{attributes.get('href')}{attributes.get('src')}{attributes.get('action')}"
        assert not [one for tag, one in tags.found if tag == "svg" and "onload" in one]
    reviewer.send(f"{page}/release", page=page)


def test_two_browsers_decide_at_once_and_one_decision_counts(gate: Gate, people: dict[str, Browser], case: str) -> None:
    page = f"/console/episodes/{case}"
    reviewer = people["reviewer"]
    reviewer.send(f"{page}/claim", page=page)
    token = re.search(r'name="form_token" value="(\w+)"', reviewer.get(page))
    assert token is not None
    done = {**decision(gate, case, "reject"), "form_token": token.group(1)}
    approve = {**done, "verdict": "approve"}
    statuses: list[int] = []
    start = threading.Barrier(4)

    def send(fields: dict[str, str]) -> None:
        start.wait()
        statuses.append(reviewer.client.post(f"{page}/decision", data=fields).status_code)

    threads = [threading.Thread(target=send, args=(fields,)) for fields in (done, approve) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [303, 409, 409, 409]


def test_filters_of_any_kind_break_nothing(people: dict[str, Browser]) -> None:
    for query in ("page=0", "page=999", "page=x", "page=-1", "order=x&age=y&only=z", "show=" + "a" * 900, "rule=%00"):
        people["auditor"].get(f"/console/queue?{query}")


def one_finding(number: int, start: int, end: int, verdict: str = "review") -> Marked:
    values: list[Any] = [number, start, end, "r", "c", verdict, 0.5, "e", "original", "script", None, None, None, None]
    return Marked(*values, "", ())


def test_overlapping_findings_cut_the_text_and_lose_none_of_it() -> None:
    text = "abcdefghij"
    pieces = segments(text, [one_finding(1, 2, 6), one_finding(2, 4, 8, "block"), one_finding(3, 9, 99)])
    assert "".join(piece.text for piece in pieces) == text
    assert [(piece.text, piece.findings, piece.verdict) for piece in pieces] == [
        ("ab", (), ""),
        ("cd", (1,), "review"),
        ("ef", (1, 2), "block"),
        ("gh", (2,), "block"),
        ("i", (), ""),
        ("j", (3,), "review"),
    ]
    assert segments(text, [one_finding(1, 50, 60), one_finding(2, 5, 5)])[0].text == text
    assert segments("", [one_finding(1, 0, 5)]) == []


def test_static_files_are_served_and_nothing_beside_them(gate: Gate) -> None:
    client = Browser(gate).client
    for path in sorted(Path("gateway/console/static").iterdir()):
        assert client.get(f"/console/static/{path.name}").status_code == 200
    for path in ("../pages.py", "..%2fpages.py", "%2e%2e/pages.py"):
        assert client.get(f"/console/static/{path}").status_code == 404
