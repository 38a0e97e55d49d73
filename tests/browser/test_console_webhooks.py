"""The pages of webhooks in a real browser: an admin adds one by keyboard, tries it out, and axe finds nothing."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.app import build_courier
from gateway.auth import Role
from gateway.fetching import UrlPoster
from tests.browser.accessibility import check
from tests.browser.conftest import Site
from tests.webhook_receiver import receiver

pytestmark = pytest.mark.usefixtures("insecure")


def test_admin_adds_a_webhook_and_sees_what_was_sent(site: Site, open_page: Any) -> None:
    gate = site.gate
    with receiver() as there:
        tools = gate.chain.tools
        poster = UrlPoster(seconds=5.0, inside=(there.host,))
        gate.backend.webhooks._poster = poster
        page = open_page("ada", Role.ADMIN)
        page.get_by_role("link", name="Webhooks").click()
        check(page, "webhooks-none")
        page.get_by_label("Address").fill("http://nowhere.example/hook")
        page.keyboard.press("Enter")
        page.get_by_text("https addresses on port 443").wait_for()
        page.get_by_label("Address").fill(there.url)
        page.get_by_label("episode").check()
        page.get_by_label("Description").fill("The newsroom's own page")
        page.get_by_role("button", name="Add it and show its secret").click()
        secret = page.locator("code.secret").inner_text()
        check(page, "webhook-secret")
        page.get_by_role("link", name="Go on to the webhook").click()
        page.get_by_role("button", name="Send a trial message").click()
        courier = build_courier(tools.settings, database=tools.database, log=tools.log, clock=tools.clock)
        courier._poster = poster
        gate.submit("---\ntitle: x\nvoices:\n  ANN: hum-low\n---\nANN: Hello.\n")
        courier.turn()
        assert there.received[0].headers["webhook-signature"].startswith("v1,")
        assert secret.startswith("whsec_")
        page.reload()
        check(page, "webhook")
        assert page.get_by_text("delivered").count() == 1
        page.get_by_role("button", name="again").first.click()
        page.get_by_text("The message is sent again").wait_for()
        page.get_by_role("link", name="Webhooks").first.click()
        check(page, "webhooks")
