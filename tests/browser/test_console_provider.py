"""Signing in with an OpenID provider in a real browser: across two sites, and back out."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.api_gate import build_app, build_gate
from tests.browser.accessibility import RULES
from tests.openid_provider import CLIENT, SECRET, packaged_provider
from tests.witnesses import serve

PICTURES = Path(os.environ["ASSAY_TEST_PICTURES"]) if "ASSAY_TEST_PICTURES" in os.environ else None


def look(page: Any, name: str) -> None:
    if PICTURES is not None:
        PICTURES.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=PICTURES / f"console-{name}.png", full_page=True)
    broken = [(one["id"], one["nodes"][0]["html"]) for one in Axe().run(page, options=RULES).response["violations"]]
    assert broken == []


@pytest.mark.usefixtures("insecure")
def test_reviewer_comes_in_from_the_provider_and_goes_out_again(browser: Any, tmp_path: Path, free_port: int) -> None:
    url = f"http://127.0.0.1:{free_port}"
    ruth = {"sub": "ruth", "groups": ["reviewers"], "email": "ruth@harbour.example", "email_verified": True}
    with packaged_provider(tmp_path, [ruth, {"sub": "guest"}]) as issuer:
        gate = build_gate(
            tmp_path / "home",
            oidc_issuer=issuer.replace("127.0.0.1", "localhost"),  # another site than ours
            oidc_client_id=CLIENT,
            oidc_client_secret=SECRET,
            oidc_roles={"reviewers": "reviewer"},
            oidc_label="Harbour Radio",
        )
        gate.chain.clock.now = datetime.now(UTC)
        object.__setattr__(gate.chain.tools.settings, "public_url", url)
        with serve(build_app(gate.backend), port=free_port):
            page = browser.new_page()
            page.goto(f"{url}/console/queue?order=oldest")
            look(page, "sign-in-provider")
            page.get_by_role("link", name="Sign in with Harbour Radio").click()
            page.get_by_role("button", name="ruth").click()
            page.wait_for_url("**/console/queue?order=oldest")
            assert page.get_by_text("ruth@harbour.example").is_visible()
            cookies = {one["name"]: one for one in page.context.cookies(url)}
            assert cookies["assay-session"]["httpOnly"]
            assert cookies["assay-session"]["sameSite"] == "Lax"
            assert "assay-attempt" not in cookies
            page.get_by_role("link", name="Your account").click()
            look(page, "account-provider")
            page.get_by_role("button", name="Sign out").click()
            page.get_by_role("heading", name="You are signed out here").wait_for()
            look(page, "signed-out")
            page.get_by_role("link", name="Sign out there as well").click()
            page.get_by_role("button", name="End session").click()
            page.wait_for_url("**/console/sign-in")
            page.get_by_role("link", name="Sign in with Harbour Radio").click()
            page.get_by_role("button", name="guest").click()
            page.get_by_text("none of your groups there has a role here").wait_for()
            look(page, "no-role")
            page.goto(f"{url}/console/queue")
            page.get_by_role("heading", name="Sign in").first.wait_for()
            page.close()
        gate.chain.database.dispose()


@pytest.fixture
def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
