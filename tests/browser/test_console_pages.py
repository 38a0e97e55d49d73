"""The console in a real browser: with axe, by keyboard, without scripts, on a phone, enlarged and in the dark."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from gateway.accounts import create_link, find_account
from gateway.auth import Role
from gateway.errors import NotFoundError
from gateway.submissions import EpisodeHearing, Submission
from tests.api_gate import a_script
from tests.browser.conftest import Site
from tests.console_gate import make_account

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
PICTURES = Path(os.environ["ASSAY_TEST_PICTURES"]) if "ASSAY_TEST_PICTURES" in os.environ else None
CLAIM = "Drinking silver water cures the flu within a day."


@pytest.fixture(scope="module")
def case(site: Site) -> str:
    """An episode with findings in the script and by ear, evidence among them, and two more beside it."""
    gate = site.gate
    episode_id = gate.make(a_script(f"{CLAIM} please review", title="Winter remedies", sentences=6))
    gate.make(a_script("please review", title="The council's new plan", sentences=2))
    gate.make(a_script("please review", title="Harbour voices", sentences=2))
    with gate.chain.database.write() as session:
        row = session.get_one(Submission, episode_id)
        start = row.script.index(CLAIM)
        second = row.script.index(CLAIM, start + 1)
        found = {
            "rule": "misinformation",
            "category": "misinformation/health",
            "verdict": "review",
            "span": {"start": start, "end": start + len(CLAIM)},
            "score": 0.87,
            "threshold": 0.75,
            "explanation": "The script asserts a claim that fact-checkers found false.",
            "view": "original",
            "stance": "assert",
            "evidence": [
                {
                    "claim": "Colloidal silver cures influenza",
                    "rating": "False",
                    "publisher": "Health Desk",
                    "url": "https://example.org/silver",
                    "published_on": "2024-02-01",
                    "similarity": 0.87,
                    "record": "health-silver",
                    "matched": "Silver water cures the flu in a day.",
                }
            ],
        }
        insult = {**found, "rule": "toxicity", "category": "insult", "score": 0.72, "evidence": [], "stance": None}
        insult |= {"span": {"start": second + 9, "end": second + 21}, "explanation": "The words insult somebody."}
        row.decision = {**(row.decision or {}), "findings": [found, insult]}
        hearing = session.get_one(EpisodeHearing, episode_id)
        words = (row.script[start : start + 400]).split()
        hearing.transcript = [[word, number * 0.4, number * 0.4 + 0.35, 0.9] for number, word in enumerate(words)]
        hearing.words, hearing.errors = len(words), 1
        heard = {**insult, "rule": "spoken", "category": "changed_words", "time_start": 4.0, "time_end": 6.5}
        heard |= {"explanation": "Heard: 'liver water'. The script says: 'silver water'.", "view": "transcript"}
        hearing.decision = {**hearing.decision, "findings": [heard]}
    return episode_id


@pytest.fixture
def open_page(browser: Any, site: Site) -> Iterator[Callable[..., Any]]:
    """Open a page of somebody who is signed in; what it complains about on its console fails the test."""
    contexts, complaints = [], []
    gate = site.gate

    def open_(name: str = "ruth", role: Role = Role.REVIEWER, **options: Any) -> Any:
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        try:
            with gate.chain.database.write() as session:
                link = create_link(session, find_account(session, name), at=gate.chain.clock())
        except NotFoundError:
            link = make_account(gate, name, role)[1]
        page.goto(f"{site.url}/console/link/{link}")
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/console/**")
        return page

    yield open_
    for context in contexts:
        context.close()
    assert [one for one in complaints if " 4" not in one] == []


@pytest.fixture
def insecure(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test's server has no certificate, so its cookies travel without the names that need one."""
    from gateway.console.site import Console

    monkeypatch.setattr(Console, "secure", property(lambda _: False))


pytestmark = pytest.mark.usefixtures("insecure")


def check(page: Any, picture: str = "") -> None:
    if picture and PICTURES is not None:
        PICTURES.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=PICTURES / f"console-{picture}.png", full_page=True)
    found = Axe().run(page, options=RULES)
    broken = [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found.response["violations"]]
    assert broken == []
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    beyond = "[...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > innerWidth)"
    outside = page.evaluate(f"{beyond}.filter(e => !e.closest('.wide')).map(e => e.outerHTML.slice(0, 160))")
    assert wide <= 0, f"{page.url} scrolls sideways: {outside[:5]}"


def paths(case: str) -> list[tuple[str, str]]:
    return [
        ("/console/queue", "queue"),
        (f"/console/episodes/{case}", "case"),
        ("/console/submissions", "decided"),
        ("/console/account", "account"),
        ("/console/help", "help"),
        ("/console/episodes/ep_" + "0" * 20, "problem"),
    ]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("light", {"viewport": {"width": 1280, "height": 800}}),
        ("dark", {"color_scheme": "dark", "viewport": {"width": 1280, "height": 800}}),
        ("phone", {"viewport": {"width": 360, "height": 740}, "has_touch": True}),
        ("enlarged", {"viewport": {"width": 640, "height": 400}}),  # what 1280 by 800 shows at 200 %
        ("plain", {"java_script_enabled": True, "reduced_motion": "reduce", "forced_colors": "active"}),
    ],
)
def test_no_page_has_a_violation(
    site: Site, open_page: Callable[..., Any], case: str, name: str, options: dict[str, Any]
) -> None:
    page = open_page(**options)
    for path, picture in paths(case):
        page.goto(site.url + path)
        check(page, f"{picture}-{name}")


def test_sign_in_page_has_no_violation(site: Site, browser: Any) -> None:
    page = browser.new_context().new_page()
    page.goto(f"{site.url}/console/")
    assert page.url.endswith("/console/sign-in?next=%2Fconsole%2F")
    check(page, "sign-in-light")
    page.context.close()


def test_submitters_pages_have_no_violation(site: Site, open_page: Callable[..., Any]) -> None:
    page = open_page("sue", Role.SUBMITTER)
    check(page, "mine-light")


def test_a_case_is_decided_by_keyboard_alone(site: Site, open_page: Callable[..., Any], case: str) -> None:
    page = open_page(viewport={"width": 1280, "height": 800})
    page.goto(f"{site.url}/console/queue?order=oldest")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("t")
    page.wait_for_url("**/episodes/**")
    assert "You hold this case" in page.inner_text("main")
    check(page, "held-light")
    assert "left)" in page.wait_for_selector("#left:not(:empty)").inner_text()
    page.keyboard.press("]")
    assert page.evaluate("document.activeElement.id") == "finding-1"
    page.keyboard.press("c")
    assert page.is_checked("[value=request_changes]")
    page.keyboard.press("r")
    assert page.is_checked("[value=reject]")
    page.keyboard.press("n")
    page.keyboard.type("re: A claim that is [false] a?")
    assert page.input_value("#reason") == "re: A claim that is [false] a?"
    assert page.is_checked("[value=reject]")
    page.get_by_label("other", exact=True).check()
    page.focus("#reason")
    page.keyboard.press("Control+Enter")
    page.wait_for_load_state()
    page.wait_for_selector(".notice")
    assert "Rejected" in page.inner_text(".notice")


def test_shortcuts_can_be_switched_off_and_changed(site: Site, open_page: Callable[..., Any]) -> None:
    page = open_page("rita")
    page.goto(f"{site.url}/console/help")
    page.focus("#key-reject")
    page.keyboard.press("q")
    assert page.input_value("#key-reject") == "q"
    page.focus("#key-approve")
    page.keyboard.press("q")
    assert page.input_value("#key-approve") == "a"
    page.reload()
    assert page.input_value("#key-reject") == "q"
    page.uncheck("#keys-on")
    page.goto(f"{site.url}/console/queue")
    page.keyboard.press("?")
    page.wait_for_timeout(200)
    assert page.url.endswith("/console/queue")


def test_player_is_quiet_until_asked_and_plays_a_finding(site: Site, open_page: Callable[..., Any], case: str) -> None:
    page = open_page("rosa")
    page.goto(f"{site.url}/console/episodes/{case}")
    assert page.evaluate("document.getElementById('sound').paused")
    assert page.evaluate("document.getElementById('sound').volume") == 0.25
    page.wait_for_function("document.getElementById('sound').readyState >= 1")
    page.get_by_role("link", name="finding 1").first.or_(page.locator(".places [data-end]").first).first.click()
    page.wait_for_function("document.getElementById('sound').currentTime > 0")
    page.check("#veil")
    assert "veiled" in page.evaluate("document.body.className")
    page.reload()
    assert "veiled" in page.evaluate("document.body.className")


def test_whole_way_without_scripts(site: Site, open_page: Callable[..., Any]) -> None:
    episode_id = site.gate.make(a_script("please review", title="Without scripts", sentences=2))
    page = open_page("nora", java_script_enabled=False)
    page.goto(f"{site.url}/console/episodes/{episode_id}")
    page.get_by_role("button", name="Take this case").click()
    page.check("[value=approve]")
    page.fill("#reason", "Nothing to say against it.")
    page.get_by_role("button", name="Decide", exact=True).click()
    assert "goes on to release" in page.inner_text(".notice")
    assert site.gate.run(episode_id) == "released"
