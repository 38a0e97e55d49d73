"""Appeals, quality and wellness in a real browser: with axe, light, dark, on a phone, enlarged and without scripts."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from gateway.appeals import AppealDesk
from gateway.auth import Role, create_key
from gateway.intake import submit
from gateway.quality.golden import Known, add_golden
from gateway.quality.rows import Exposure, GoldenCase, Judgement, Pace
from gateway.sequencing import settle
from tests.api_gate import a_script
from tests.browser.accessibility import check
from tests.browser.conftest import Site
from tests.console_gate import make_account

pytestmark = pytest.mark.usefixtures("insecure")

PATIENCE_SECONDS = 30.0
VERDICTS = ("approve", "reject", "approve", "request_changes", "approve")
VIEWS: list[tuple[str, dict[str, Any]]] = [
    ("light", {"viewport": {"width": 1280, "height": 800}}),
    ("dark", {"color_scheme": "dark", "viewport": {"width": 1280, "height": 800}}),
    ("phone", {"viewport": {"width": 360, "height": 740}, "has_touch": True}),
    ("enlarged", {"viewport": {"width": 640, "height": 400}}),
    ("plain", {"reduced_motion": "reduce", "forced_colors": "active", "viewport": {"width": 1280, "height": 800}}),
]


def wait_until(page: Any, condition: str) -> None:
    """Poll from outside: the page's policy forbids to evaluate a string within it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, condition
        page.wait_for_timeout(50)


@pytest.fixture(scope="module")
def worked(site: Site) -> dict[str, str]:
    """Weeks of decisions, an appeal, a second look in dispute, a golden item, and somebody who needs a break."""
    gate = site.gate
    chain, desk = gate.chain, gate.backend.reviews
    made: dict[str, str] = {}
    account, _ = make_account(gate, "tilda", Role.SUBMITTER)
    roles = {"ines": Role.REVIEWER, "jon": Role.REVIEWER, "kim": Role.SENIOR_REVIEWER}
    people = {name: make_account(gate, name, role)[0].id for name, role in roles.items()}
    with chain.database.write() as session:
        key = create_key(session, Role.SUBMITTER, "tilda", chain.clock(), account_id=account.id).split("_")[1]
        row, _ = submit(
            session,
            toolchain=chain.tools,
            api_key_id=key,
            text=a_script("please block", title="Blocked at first", sentences=2),
        )
    settle(chain.database, chain.tools.log)
    gate.run(row.id)
    made["blocked"] = row.id

    refused = gate.make(a_script("please review", title="A disputed refusal", sentences=4))
    desk._second_share = 1.0
    desk.claim(refused, reviewer=people["ines"])
    desk.reject(refused, reviewer=people["ines"], reason="The claim stands alone.")
    another = gate.make(a_script("please review", title="To be looked at again", sentences=4))
    desk.claim(another, reviewer=people["ines"])
    desk.approve(another, reviewer=people["ines"], reason="Fine.")
    desk._second_share = 0.0
    looks = gate.app.state.console.second_looks
    look = looks.take_next(reviewer=people["jon"], role=Role.REVIEWER)
    looks.decide(look.id, reviewer=people["jon"], role=Role.REVIEWER, verdict="approve", reason="It is quoted.")
    made["look"] = look.id
    made["appeal_of"] = refused

    known = Known(a_script("please review", title="A known answer"), key, "reject", "It is repeated as a fact.")
    now = chain.clock()
    with chain.database.write() as session:
        item = add_golden(session, known, toolchain=chain.tools, by="operator", at=now)
        golden, _ = submit(session, toolchain=chain.tools, api_key_id=key, text=known.script)
        session.flush()
        session.add(GoldenCase(episode_id=golden.id, golden_id=item.id, planted_at=now))
    settle(chain.database, chain.tools.log)
    gate.run(golden.id)
    desk.claim(golden.id, reviewer=people["ines"])
    desk.approve(golden.id, reviewer=people["ines"], reason="Fine.")
    made["golden"] = golden.id
    with chain.database.write() as session:
        for number in range(240):
            day, person = number % 27, ("ines", "jon", "kim")[number % 3]
            if day % 7 in (5, 6):
                continue
            is_golden = number % 11 == 0
            session.add(
                Judgement(
                    at=now - timedelta(days=day, minutes=number * 7 % 300),
                    kind="golden" if is_golden else "case",
                    episode_id=refused,
                    unit=f"unit {number // 3}",
                    person=people[person],
                    role="reviewer",
                    # Each unit is judged by three; in one of four, the third has another opinion.
                    verdict=VERDICTS[(number // 3 + (number % 12 == 2)) % len(VERDICTS)],
                    seconds=30.0 + number * 37 % 1_500,
                    rules=[("toxicity", "misinformation", "personal_data", "sensitive_topics")[number % 4]],
                    screened="review",
                    agrees=number % 4 != 0 if is_golden else None,
                )
            )
        for number in range(41):
            session.add(
                Exposure(
                    person=people["ines"],
                    at=now - timedelta(minutes=number),
                    episode_id=refused,
                    findings=2,
                    seconds=3.5,
                    severe=True,
                )
            )
    made["ines"] = people["ines"]
    return made


def tire(site: Site, person: str) -> None:
    """Let somebody have reviewed for an hour without a break."""
    chain = site.gate.chain
    now = chain.clock()
    with chain.database.write() as session:
        session.merge(Pace(person=person, began_at=now - timedelta(minutes=56), last_at=now, snoozed_until=None))


def appeals_desk(site: Site) -> AppealDesk:
    return site.gate.backend.appeals


@pytest.mark.parametrize(("name", "options"), VIEWS)
def test_no_page_has_a_violation(
    site: Site, open_page: Callable[..., Any], worked: dict[str, str], name: str, options: dict[str, Any]
) -> None:
    submitter = site.gate.chain.row(worked["appeal_of"]).submitter
    desk = appeals_desk(site)
    appeal, _ = desk.file(worked["appeal_of"], by=submitter, role=Role.SUBMITTER, reason="It is refuted at once.")
    page = open_page("kim", Role.SENIOR_REVIEWER, **options)
    for path, picture in (
        ("/console/quality", "quality"),
        (f"/console/second-looks/{worked['look']}", "dispute"),
        ("/console/appeals", "appeals"),
        (f"/console/appeals/{appeal.id}", "appeal"),
        (f"/console/golden/{worked['golden']}", "golden"),
    ):
        page.goto(site.url + path)
        for summary in page.query_selector_all("main details > summary"):
            summary.click()
        check(page, f"{picture}-{name}")
    page.context.close()
    tire(site, worked["ines"])
    page = open_page("ines", **options)
    for path, picture in (("/console/quality/mine", "mine-quality"), ("/console/queue", "queue-break")):
        page.goto(site.url + path)
        assert "Time for a break" in page.inner_text("main")
        check(page, f"{picture}-{name}")


def test_submitter_appeals_and_a_senior_reviewer_overturns(
    site: Site, open_page: Callable[..., Any], worked: dict[str, str]
) -> None:
    page = open_page("tilda", Role.SUBMITTER)
    page.goto(f"{site.url}/console/submissions")
    page.get_by_role("link", name="Statement of reasons for Blocked at first").click()
    check(page, "statement-appeal")
    page.get_by_label("What did the decision get wrong?").fill("It is a quotation, and refuted.")
    page.get_by_role("button", name="File the appeal").click()
    assert "Your appeal is filed" in page.inner_text("main")
    check(page, "statement-appealed")
    page.context.close()
    page = open_page("kim", Role.SENIOR_REVIEWER)
    page.goto(f"{site.url}/console/appeals")
    page.get_by_role("link", name="Blocked at first").click()
    page.get_by_role("button", name="Take this appeal").click()
    assert page.query_selector("[name=outcome]:checked") is None
    page.get_by_label("Overturn: the script is spoken").check()
    page.get_by_label("Reason").fill("The next sentence refutes it.")
    page.get_by_role("button", name="Decide the appeal").click()
    assert "The appeal is decided" in page.inner_text(".notice")
    assert site.gate.run(worked["blocked"]) == "awaiting_review"


def test_second_look_without_scripts(site: Site, open_page: Callable[..., Any], worked: dict[str, str]) -> None:
    page = open_page("jon", java_script_enabled=False)
    page.goto(f"{site.url}/console/quality/mine")
    page.get_by_role("button", name="Take a second look").click()
    assert "Second look: " in page.inner_text("h1")
    page.check("[value=approve]")
    page.get_by_label("Reason").fill("Nothing to say against it.")
    page.get_by_role("button", name="Decide").click()
    assert "the second look is done" in page.inner_text(".notice")


def test_second_look_has_no_violation_and_plays(
    site: Site, open_page: Callable[..., Any], worked: dict[str, str]
) -> None:
    gate = site.gate
    desk = gate.backend.reviews
    episode_id = gate.make(a_script("please review", title="Looked at with scripts", sentences=4))
    desk._second_share = 1.0
    desk.claim(episode_id, reviewer="somebody")
    desk.reject(episode_id, reviewer="somebody", reason="No.")
    desk._second_share = 0.0
    page = open_page("lea")
    page.goto(f"{site.url}/console/quality/mine")
    page.get_by_role("button", name="Take a second look").click()
    assert page.evaluate("document.getElementById('sound').paused")
    wait_until(page, "document.getElementById('sound').readyState >= 1")
    page.locator(".places [data-start]").last.click()
    wait_until(page, "document.getElementById('sound').currentTime > 0")
    check(page, "look-light")
    assert "No." not in page.inner_text("main").replace("Nobody.", "")


def test_reminder_is_put_off_by_keyboard(site: Site, open_page: Callable[..., Any], worked: dict[str, str]) -> None:
    tire(site, worked["ines"])
    page = open_page("ines")
    page.goto(f"{site.url}/console/queue")
    assert "Time for a break" in page.inner_text("main")
    page.get_by_role("button", name="Remind me in 10 minutes").focus()
    page.keyboard.press("Enter")
    page.get_by_text("Time for a break").wait_for(state="detached")
