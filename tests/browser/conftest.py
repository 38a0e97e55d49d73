"""A running gateway and a real browser: Debian's Chromium, driven by Playwright. `make test-browser` runs these tests.

The default run leaves them out (marker `browser`), because a browser is no Python package.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import uvicorn

from gateway.accounts import create_link, find_account
from gateway.auth import Role
from gateway.errors import NotFoundError
from gateway.submissions import EpisodeHearing, Submission
from synth.adapters.keyed import KeyedMark
from tests.api_gate import Gate, a_script, build_app, build_gate
from tests.console_gate import make_account

playwright = pytest.importorskip("playwright.sync_api")
CLAIM = "Drinking silver water cures the flu within a day."
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser" in str(item.path):
            item.add_marker("browser")


@dataclass
class Site:
    """A gateway that answers on a port of this machine."""

    url: str
    gate: Gate
    released: str


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    gate = build_gate(tmp_path_factory.mktemp("browser"), marks=(KeyedMark(key=bytes(range(32))),))
    released = gate.make(a_script(sentences=14))
    server = uvicorn.Server(uvicorn.Config(build_app(gate.backend), port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Site(f"http://127.0.0.1:{port}", gate, released)
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no Chromium here; apt-get install chromium")
    with playwright.sync_playwright() as driver:
        # No sandbox of its own, because it may run as root in a container; it opens nothing but this gateway.
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
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
