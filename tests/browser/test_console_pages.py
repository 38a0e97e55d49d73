"""The console in a real browser: with axe, by keyboard, without scripts, on a phone, enlarged and in the dark."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gateway.auth import Role
from tests.api_gate import a_script
from tests.browser.accessibility import check
from tests.browser.conftest import Site

pytestmark = pytest.mark.usefixtures("insecure")


def paths(case: str) -> list[tuple[str, str]]:
    return [
        ("/console/queue", "queue"),
        (f"/console/episodes/{case}", "case"),
        (f"/console/alike/{case}?by=rule&rule=misinformation", "alike"),
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
