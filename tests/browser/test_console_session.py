"""The end of a session, announced in time and put off by one press (WCAG 2.2, 2.2.1)."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.auth import Role
from tests.browser.accessibility import check
from tests.browser.conftest import Site

pytestmark = pytest.mark.usefixtures("insecure")


def test_session_warns_before_it_ends_and_is_extended_by_keyboard(site: Site, open_page: Any) -> None:
    page = open_page("ursula", Role.REVIEWER)
    page.clock.install()
    page.goto(f"{site.url}/console/account")
    stay = page.get_by_role("button", name="Stay signed in")
    page.clock.fast_forward("54:00")
    page.clock.run_for(6_000)
    assert not stay.is_visible()
    page.clock.fast_forward("01:00")
    page.clock.run_for(6_000)
    assert stay.is_visible()
    assert "You will be signed out in 5 minutes" in page.locator("#said").inner_text()
    check(page, "session-ends")
    stay.focus()
    page.keyboard.press("Enter")
    page.get_by_text("You stay signed in.").wait_for(state="attached")
    assert not stay.is_visible()
    page.clock.run_for(60_000)
    assert not stay.is_visible()


def test_session_that_ended_says_so_and_keeps_what_was_typed(site: Site, open_page: Any) -> None:
    page = open_page("ursula", Role.REVIEWER)
    page.clock.install()
    page.goto(f"{site.url}/console/account")
    page.get_by_label("New password again").fill("words that nobody wants to type twice")
    page.clock.fast_forward("01:01:00")
    page.clock.run_for(6_000)
    assert page.get_by_text("You were signed out. Copy what you typed").is_visible()
    assert page.get_by_label("New password again").input_value() != ""
