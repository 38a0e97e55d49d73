"""A running gateway and a real browser: Debian's Chromium, driven by Playwright. `make test-browser` runs these tests.

The default run leaves them out (marker `browser`), because a browser is no Python package.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import uvicorn

from synth.adapters.keyed import KeyedMark
from tests.api_gate import Gate, a_script, build_app, build_gate

playwright = pytest.importorskip("playwright.sync_api")
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
