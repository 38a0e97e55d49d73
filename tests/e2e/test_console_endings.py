"""Taking sentences out, deciding alike cases together, taking episodes back, reasons and proofs, over HTTP."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlmodel import select

from audit.receipt import Receipt, verify_receipt
from gateway.auth import Role, create_key
from gateway.console.reasons import load_reasons
from gateway.errors import SettingsError
from gateway.submissions import EpisodeReceipt, ReviewCase, Submission
from tests.api_gate import Gate, a_script, build_gate
from tests.console_gate import Browser, make_account, signed_in


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Gate:
    return build_gate(tmp_path_factory.mktemp("console"))


@pytest.fixture(scope="module")
def people(gate: Gate) -> dict[str, Browser]:
    return {role.value: signed_in(gate, role.value, role) for role in Role} | {
        "second": signed_in(gate, "second", Role.REVIEWER)
    }


def held(gate: Gate, browser: Browser, **script: object) -> tuple[str, str]:
    """Return a case that this person holds, and the address of its page."""
    episode_id = gate.make(a_script("please review", **{"title": "A case", "sentences": 3, **script}))  # type: ignore[arg-type]
    page = f"/console/episodes/{episode_id}"
    browser.send(f"{page}/claim", page=page)
    return episode_id, page


def form(gate: Gate, episode_id: str, **fields: str) -> dict[str, str]:
    version = str(gate.chain.row(episode_id).version)
    return {"version": version, "reason": "It is false.", "category": "request", **fields}


def chosen(gate: Gate, episode_id: str) -> str:
    return f"{episode_id}@{gate.chain.row(episode_id).version}"


def test_reviewer_takes_a_sentence_out_and_decides_on_what_is_left(gate: Gate, people: dict[str, Browser]) -> None:
    reviewer = people["reviewer"]
    episode_id, page = held(gate, reviewer)
    places = re.findall(r'name="sentence" value="(\d+)-(\d+)"', reviewer.get(page))
    script = gate.chain.row(episode_id).script
    place = next(f"{a}-{b}" for a, b in places if script[int(a) : int(b)].startswith("Sentence number 1"))
    for wrong in ({"sentence": ""}, {"sentence": "0-3"}, {"sentence": place, "category": ""}):
        answer = reviewer.send(f"{page}/decision", page, 422, **form(gate, episode_id, verdict="redact", **wrong))
        assert "What you typed is kept" in answer
    done = form(gate, episode_id, verdict="redact", sentence=place)
    assert "done=redacted" in reviewer.send(f"{page}/decision", page, **done)
    with gate.chain.database.read() as session:
        revision = session.exec(select(Submission.id).where(Submission.revises == episode_id)).one()
    assert f"/console/episodes/{revision}" in reviewer.get(page)
    assert gate.run(revision) == "awaiting_review"
    new = f"/console/episodes/{revision}"
    assert "Sentence number 1 " not in reviewer.get(new)
    assert f'href="{page}">another script' in reviewer.get(new)
    reviewer.send(f"{new}/claim", page=new)
    reviewer.send(f"{new}/decision", new, **form(gate, revision, verdict="approve"))
    assert gate.run(revision) == "released"
    detail = gate.client("submitter").get(f"/v1/submissions/{episode_id}").json()
    assert (detail["state"], detail["review"]["verdict"]) == ("rejected", "redact")
    assert detail["links"]["revision"] == f"/v1/submissions/{revision}"
    statement = gate.client("submitter").get(detail["links"]["statement"]).json()
    assert "took a sentence out" in statement["text"]
    own = gate.client("submitter").get(f"/v1/submissions/{revision}").json()
    assert own["links"]["revises"] == f"/v1/submissions/{episode_id}"
    assert gate.client("other").get(f"/v1/submissions/{revision}").status_code == 404


def test_sentences_are_taken_out_over_the_api_by_the_places_of_findings(gate: Gate) -> None:
    reviewer, episode_id = gate.client("reviewer"), gate.make(a_script("please review", title="By API", sentences=3))
    reviewer.post(f"/v1/reviews/{episode_id}/claim")
    start = gate.chain.row(episode_id).script.index("Sentence number 2")
    url, body = f"/v1/reviews/{episode_id}/redact", {"reason": "False.", "spans": [{"start": start, "end": start + 1}]}
    for wrong in ({"spans": []}, {"spans": [{"start": 0, "end": 2}]}, {"spans": [{"start": -1, "end": 2}]}):
        assert reviewer.post(url, json=body | wrong).status_code == 422
    assert gate.client("second").post(url, json=body).status_code == 409
    answer = reviewer.post(url, json=body)
    assert answer.status_code == 201
    assert "Sentence number 2" not in gate.chain.row(answer.json()["revision"]).script
    assert reviewer.post(url, json=body).status_code == 409


def test_alike_cases_are_decided_each_by_itself_after_a_second_look(gate: Gate, people: dict[str, Browser]) -> None:
    reviewer, second = people["reviewer"], people["second"]
    first, page = held(gate, reviewer, title="The same")
    others = [gate.make(a_script("please review", title="The same", sentences=3)) for _ in range(4)]
    two, busy, changed, plain = others
    second.send(f"/console/episodes/{busy}/claim", page=f"/console/episodes/{busy}")
    with gate.chain.database.write() as session:
        session.get_one(ReviewCase, two).two_people = True
    assert "4 with the very same script" in reviewer.get(page)
    url = f"/console/alike/{first}"
    choices = reviewer.get(f"{url}?by=script")
    values = re.findall(r'name="case" value="(ep_\w+@\d+)"', choices)
    assert {one.partition("@")[0] for one in values} == {first, two, changed, plain}  # not the one that is held
    assert "checked" not in choices.partition('id="decision"')[2]
    fields = {"by": "script", "verdict": "approve", "reason": "Heard one, read all."}
    for wrong in ({"case": ""}, {"case": "x@1"}, {"case": values[0], "verdict": ""}, {"case": values[0], "reason": ""}):
        reviewer.send(f"{url}/confirm", page, 422, **{**fields, **wrong})
    stale = ",".join([*(one for one in values if changed not in one), f"{changed}@1", chosen(gate, busy)])
    again = reviewer.send(f"{url}/confirm", page, 200, case=stale, **fields)
    assert "Decide 4 cases?" in again
    assert "1 of your choice cannot be decided" in again
    assert "first of two signatures" in again
    assert gate.chain.row(plain).state == "awaiting_review"  # nothing was decided yet
    done = reviewer.send(f"{url}/decide", page, 200, case=stale, **fields)
    assert "3 of 5 decided" in done
    states = {one: gate.chain.row(one).state for one in (first, *others)}
    waiting = "awaiting_review"
    assert states == {first: "approved", plain: "approved", two: waiting, busy: waiting, changed: waiting}
    with gate.chain.database.read() as session:
        assert session.get_one(ReviewCase, two).proposed_by is not None
        assert session.get_one(ReviewCase, changed).claimed_by is None  # given back
    reviewer.send(f"{url}/decide", page, 200, case=chosen(gate, two), **fields)  # signing twice is refused
    assert gate.chain.row(two).state == waiting
    second.send(f"/console/episodes/{busy}/release", page=f"/console/episodes/{busy}")


def test_cases_of_one_rule_and_show_are_refused_together_but_never_approved(
    gate: Gate, people: dict[str, Browser]
) -> None:
    reviewer = people["reviewer"]
    first, page = held(gate, reviewer, title="One")
    other = gate.make(a_script("please review", title="Another", sentences=3))
    url = f"/console/alike/{first}"
    listed = reviewer.get(f"{url}?by=rule&rule=words")
    assert other in listed
    assert 'value="approve"' not in listed
    fields = {"by": "rule", "rule": "words", "reason": "No.", "case": chosen(gate, other), "category": "request"}
    reviewer.send(f"{url}/decide", page, 422, verdict="approve", **fields)
    assert gate.chain.row(other).state == "awaiting_review"
    assert "1 of 1 decided" in reviewer.send(f"{url}/decide", page, 200, verdict="reject", **fields)
    assert gate.chain.row(other).state == "rejected"
    assert "None that you may decide" in reviewer.get("/console/alike/ep_" + "0" * 20)
    for who in ("submitter", "auditor", "admin"):
        people[who].get(url, status=403)
        people[who].send(f"{url}/decide", status=403, verdict="reject", **fields)
    reviewer.send(f"{page}/release", page=page)


def test_own_submissions_are_not_among_alike_cases(gate: Gate, people: dict[str, Browser]) -> None:
    account, link = make_account(gate, "author", Role.REVIEWER)
    author = Browser(gate)
    author.use_link(link)
    with gate.chain.database.write() as session:
        gate.keys["own"] = create_key(session, Role.SUBMITTER, "k", gate.chain.clock(), account_id=account.id)
    text = a_script("please review", title="Twice", sentences=3)
    own = str(gate.client("own").post("/v1/submissions", json={"script": text}).json()["id"])
    gate.run(own)
    foreign = gate.make(text)
    listed = author.get(f"/console/alike/{foreign}?by=script")
    assert foreign in listed
    assert f"{own}@" not in listed
    done = author.send(
        f"/console/alike/{foreign}/decide",
        "",
        200,
        by="script",
        verdict="approve",
        reason="Mine.",
        case=chosen(gate, own),
    )
    assert "0 of 1 decided" in done
    assert gate.chain.row(own).state == "awaiting_review"


def test_senior_reviewer_takes_a_released_episode_back_and_nobody_else_may(
    gate: Gate, people: dict[str, Browser]
) -> None:
    reviewer, senior = people["reviewer"], people["senior_reviewer"]
    episode_id, page = held(gate, reviewer)
    reviewer.send(f"{page}/decision", page, **form(gate, episode_id, verdict="approve"))
    assert gate.run(episode_id) == "released"
    assert "Take it back" not in reviewer.get(page)
    assert f"/console/withdrawals?episode={episode_id}" in senior.get(page)
    here = f"/console/withdrawals?episode={episode_id}"
    fields = {"episode": episode_id, "reason": "The ministry corrected its numbers.", "sure": "yes"}
    for who in ("reviewer", "submitter", "auditor", "admin"):
        people[who].get(here, status=403)
        people[who].send("/console/withdrawals", status=403, **fields)
    for status, wrong in (
        (422, {"sure": ""}),
        (422, {"reason": " "}),
        (422, {"episode": "<script>"}),
        (422, {"replacement": episode_id}),
        (404, {"episode": "ep_" + "0" * 20}),
    ):
        assert "What you typed is kept" in senior.send("/console/withdrawals", here, status, **{**fields, **wrong})
    assert "done=withdrawn" in senior.send("/console/withdrawals", here, **fields)
    assert gate.chain.row(episode_id).state == "withdrawn"
    assert gate.client().get(f"/v1/episodes/{episode_id}").status_code == 410
    senior.send("/console/withdrawals", here, 410, **fields)


def test_trail_offers_a_proof_of_every_covered_entry_that_verifies_offline(
    gate: Gate, people: dict[str, Browser]
) -> None:
    episode_id = gate.make(a_script("please review", title="Proven", sentences=3))
    page, log = f"/console/episodes/{episode_id}", gate.chain.tools.log
    text = people["auditor"].get(page)
    links = re.findall(rf'href="({page}/proof/(\d+))"', text)
    assert links
    assert "no checkpoint covers it yet" in text
    assert "checked just now" in text
    for url, index in links:
        receipt = Receipt.from_text(people["auditor"].get(url))
        verify_receipt(receipt, leaf=receipt.leaf, origin=log.origin, verifier=log.verifier)
        assert receipt.index == int(index)
        assert episode_id.encode() in receipt.leaf
    people["auditor"].get(f"{page}/proof/0", status=404)  # an entry about something else
    people["submitter"].get(links[0][0], status=403)
    Browser(gate).get(links[0][0], status=303)
    with gate.chain.database.write() as session:
        row = session.get_one(EpisodeReceipt, (episode_id, "clip"))
        row.text = row.text[:-20]
    assert "does not hold" in people["auditor"].get(page)


def test_earlier_decisions_about_show_and_speakers_are_shown(gate: Gate, people: dict[str, Browser]) -> None:
    reviewer = people["reviewer"]
    episode_id, page = held(gate, reviewer, title="Judged before")
    reviewer.send(f"{page}/decision", page, **form(gate, episode_id, verdict="reject", reason="A telling reason."))
    other = gate.make(a_script("please review", title="Later", sentences=3).replace("Harbour News", "Elsewhere"))
    text = reviewer.get(f"/console/episodes/{other}")
    show, speaker = text.partition("The speaker ANN")[::2]
    assert "Judged before" not in show
    assert "A telling reason." in speaker


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x = 1",
        "[[reason]]\nlabel='a'",
        "[[reason]]\nlabel='a'\ntext='b'\nverdict='maybe'",
        "[[reason]]\nlabel=' '\ntext='b'\nverdict='reject'",
        "[[reason]]\nlabel='a'\ntext='b'\nverdict='reject'\ncategories=[1]",
        "[[reason]]\nlabel='a'\ntext='b'\nverdict='reject'\nextra=1",
        "[[reason]]\nlabel='a'\ntext=" + repr("b" * 2_001) + "\nverdict='reject'",
        "not toml",
    ],
)
def test_file_of_reasons_is_refused_as_a_whole(tmp_path: Path, text: str) -> None:
    path = tmp_path / "reasons.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=r"reasons\.toml"):
        load_reasons(path)


def test_our_own_reasons_cover_every_decision_and_another_file_replaces_them(tmp_path: Path) -> None:
    assert {one.verdict for one in load_reasons(None)} >= {"approve", "request_changes", "reject", "escalate"}
    path = tmp_path / "reasons.toml"
    path.write_text("[[reason]]\nlabel='Ours'\ntext='House rule 7.'\nverdict='reject'\ncategories=['found']\n")
    (only,) = load_reasons(path)
    assert (only.label, only.categories) == ("Ours", ("found",))
