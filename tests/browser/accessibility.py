"""What every page of the console must stand: axe without a violation, and no scrolling sideways."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
PICTURES = Path(os.environ["ASSAY_TEST_PICTURES"]) if "ASSAY_TEST_PICTURES" in os.environ else None


def picture_of(part: Any, picture: str) -> None:
    """Take a picture of a part of a page, where pictures are wanted."""
    if PICTURES is not None:
        PICTURES.mkdir(parents=True, exist_ok=True)
        part.screenshot(path=PICTURES / f"console-{picture}.png")


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
