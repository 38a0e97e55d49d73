"""The public pages as people use them: by keyboard, without scripts, on a phone, enlarged, in the dark, on paper."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from synth.decode import decode
from tests.browser.conftest import Site
from tests.recoding import as_mp3
from tests.speech_samples import SAMPLE_RATE, reading

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
PICTURES = Path(os.environ["ASSAY_TEST_PICTURES"]) if "ASSAY_TEST_PICTURES" in os.environ else None


@pytest.fixture(scope="module")
def files(site: Site, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One file per kind of result."""
    folder = tmp_path_factory.mktemp("files")
    tools = site.gate.chain.tools
    clips = site.gate.client("auditor").get(f"/v1/submissions/{site.released}").json()["clips"]
    genuine = tools.blobs.read(next(one["sha256"] for one in clips if one["media_type"] == "audio/mpeg"))
    sound = decode(genuine)
    contents = {
        "genuine": genuine,
        "copy": as_mp3(sound.samples[5 * sound.sample_rate :], sound.sample_rate),
        "altered": genuine[: len(genuine) // 2] + bytes(8) + genuine[len(genuine) // 2 + 8 :],
        "unknown": as_mp3(reading("news"), SAMPLE_RATE),
        "refused": b"only words",
    }
    paths = {name: folder / f"{name}.mp3" for name in contents}
    for name, content in contents.items():
        paths[name].write_bytes(content)
    return paths


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """Open a page in a context of its own; what the page complains about on its console fails the test."""
    contexts, complaints = [], []

    def open_(**options: Any) -> Any:
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    yield open_
    for context in contexts:
        context.close()
    # A refusal has a status, which the browser notes as an error; it is what was asked for.
    assert [one for one in complaints if "422 (Unprocessable" not in one] == []


def check(page: Any, site: Site, file: Path) -> None:
    page.goto(f"{site.url}/verify")
    page.set_input_files("#file", str(file))
    page.get_by_role("button", name="Check this file").click()
    page.wait_for_selector(".verdict")


def accessible(page: Any) -> None:
    found = Axe().run(page, options=RULES)
    assert found.violations_count == 0, found.generate_report()


def fits(page: Any) -> None:
    """Nothing is wider than the window."""
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def picture(page: Any, name: str) -> None:
    if PICTURES is not None:
        page.screenshot(path=str(PICTURES / f"{name}.png"), full_page=True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_form_is_accessible(site: Site, open_page: Callable[..., Any], scheme: str) -> None:
    page = open_page(color_scheme=scheme)
    page.goto(f"{site.url}/")
    accessible(page)
    fits(page)
    picture(page, f"verify-form-{scheme}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", ["genuine", "copy", "altered", "unknown", "refused"])
def test_every_result_is_accessible(
    site: Site, files: dict[str, Path], open_page: Callable[..., Any], kind: str, scheme: str
) -> None:
    page = open_page(color_scheme=scheme)
    check(page, site, files[kind])
    accessible(page)
    fits(page)
    assert page.locator("h1").count() == 1
    assert page.evaluate("document.activeElement.id") == "main"
    picture(page, f"verify-{kind}-{scheme}")


@pytest.mark.parametrize(("width", "height"), [(320, 640), (390, 844)])
def test_phone_shows_everything_without_scrolling_sideways(
    site: Site, files: dict[str, Path], open_page: Callable[..., Any], width: int, height: int
) -> None:
    page = open_page(viewport={"width": width, "height": height})
    check(page, site, files["copy"])
    accessible(page)
    fits(page)
    picture(page, f"verify-copy-phone-{width}")


def test_twice_the_size_of_letters_still_fits(
    site: Site, files: dict[str, Path], open_page: Callable[..., Any]
) -> None:
    page = open_page(viewport={"width": 640, "height": 480}, device_scale_factor=2)  # 1280 pixels at 200 % zoom
    check(page, site, files["genuine"])
    accessible(page)
    fits(page)


def test_without_scripts_the_form_works(site: Site, files: dict[str, Path], open_page: Callable[..., Any]) -> None:
    page = open_page(java_script_enabled=False)
    check(page, site, files["copy"])
    assert "copy of an episode" in page.locator("h1").inner_text()
    assert page.locator("svg rect.band").count() > 0


def test_keyboard_alone_reaches_everything(site: Site, files: dict[str, Path], open_page: Callable[..., Any]) -> None:
    page = open_page()
    page.goto(f"{site.url}/verify")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "file"
    page.set_input_files("#file", str(files["genuine"]))
    page.wait_for_selector("canvas:not([hidden])")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector(".verdict.good")


def test_stretches_of_a_copy_are_drawn_and_listed(
    site: Site, files: dict[str, Path], open_page: Callable[..., Any]
) -> None:
    page = open_page()
    check(page, site, files["copy"])
    assert page.locator("svg rect.band.genuine").count() == page.locator("ol.stretches li.genuine").count() > 0
    assert "0:05" in page.locator("ol.stretches").inner_text()


def test_result_prints(site: Site, files: dict[str, Path], open_page: Callable[..., Any]) -> None:
    page = open_page()
    check(page, site, files["genuine"])
    page.emulate_media(media="print")
    assert not page.locator(".actions").is_visible()
    assert page.pdf()[:5] == b"%PDF-"


def test_policy_stops_what_the_page_did_not_bring(site: Site, open_page: Callable[..., Any], browser: Any) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{site.url}/verify")
    ran = page.evaluate(
        """() => { try { document.body.innerHTML = "<img src=x onerror='window.ran = 1'>"; } catch { return "refused"; }
        return "taken"; }"""
    )
    assert ran == "refused"
    context.close()
