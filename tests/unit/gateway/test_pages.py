"""Pages from values: every conclusion in plain words, strangers' text as text, no script needed."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from gateway.pages import wording
from gateway.pages.picture import draw
from gateway.pages.views import HERE, STATIC, Pages, static_file
from gateway.pages.wording import clock
from gateway.verification.marks import Confidence
from gateway.verification.passages import ReportedPassage
from gateway.verification.report import Check, Conclusion, Milestone, NamedEpisode, Outcome, Report
from synth.placement import Placement

PAGES = Pages(organisation="Harbour Radio", public_url="https://gate.example", most_bytes=256 << 20)
NASTY = "<script>alert(1)</script>\" onload='x"


def a_report(conclusion: Conclusion = Conclusion.RECOVERED_COPY, *, text: str = "Morning briefing") -> Report:
    checks = tuple(
        Check(number, f"check{number}", f"Check {number}", outcome, f"Words of {text}.")
        for number, outcome in enumerate(Outcome, 1)
    )
    layers = [
        {"layer": "keyed", "presence": "detected", "episode_id": "ep_1", "confidence": "certain"},
        {"layer": text, "presence": None, "episode_id": None, "confidence": None},
    ]
    credentials = {"state": "valid", "signer": text, "codes": ["a.b", text], "manifest_label": text, "signed_at": None}
    return Report(
        conclusion=conclusion,
        sha256="ab" * 32,
        size=1_234_567,
        checked_at="2026-03-01T12:00:00+00:00",
        checks=(
            *checks,
            Check(7, "watermark", "Watermark", Outcome.PASS, "Found.", {"layers": layers}),
            Check(8, "credentials", "Credentials", Outcome.INCONCLUSIVE, "Valid.", credentials),
        ),
        episode=NamedEpisode(
            "ep_1",
            text,
            text,
            "2026-02-01T00:00:00+00:00",
            text,
            "https://gate.example/v1/episodes/ep_1",
            "superseded",
            {"reason": text, "withdrawn_at": "2026-02-02T00:00:00+00:00", "replacement": "ep_2"},
        ),
        passages=(
            ReportedPassage(
                "ep_1", 0, 30, 5, 35, "about 10 % faster", "as published", Confidence.CERTAIN, Placement.GENUINE
            ),
            ReportedPassage(
                "ep_1", 30, 70, 0, 40, "as published", "as published", Confidence.PROBABLE, Placement.TRANSPLANTED
            ),
        ),
        differences=(text,),
        timeline=(Milestone(3, "episode.released", "2026-02-01T00:00:00+00:00"),),
        waveform=tuple(range(0, 100, 5)),
        seconds=65.0,
    )


class Balance(HTMLParser):
    """Insists that every element that is opened is closed, and collects what pages must not have."""

    VOID = frozenset({"meta", "link", "input", "br", "rect", "line"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.inline: list[str] = []
        self.elements: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "style" or name.startswith("on") or (value or "").startswith("javascript:"):
                self.inline.append(f"{tag} {name}")
            if name == "id" and value:
                self.ids.append(value)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def parsed(page: str) -> Balance:
    parser = Balance()
    parser.feed(page)
    assert parser.open == []
    assert parser.inline == []
    assert len(parser.ids) == len(set(parser.ids))
    return parser


@pytest.mark.parametrize("conclusion", Conclusion)
def test_every_conclusion_has_a_page(conclusion: Conclusion) -> None:
    page = PAGES.result(a_report(conclusion), signed_url="/v1/verifications/x/report")
    assert wording.HEADLINES[conclusion] in page
    assert parsed(page).elements.count("h1") == 1


def test_words_exist_for_everything_that_a_report_can_say() -> None:
    assert set(wording.HEADLINES) == set(wording.TONES) == set(Conclusion)
    assert set(wording.OUTCOMES) == set(Outcome)
    assert set(wording.PLACEMENTS) == {one.value for one in Placement}
    assert set(wording.CONFIDENCES) == {one.value for one in Confidence}
    assert len(set(wording.HEADLINES.values())) == len(Conclusion)


@pytest.mark.parametrize("conclusion", [Conclusion.UNKNOWN, Conclusion.SIMILAR_CONTENT, Conclusion.MARKED_UNKNOWN])
def test_nothing_found_is_never_worded_as_human(conclusion: Conclusion) -> None:
    page = PAGES.result(a_report(conclusion), signed_url=None).lower()
    for word in ("human", "real voice", "authentic", "not ai", "genuine person", "verified"):
        assert word not in page
    assert wording.TONES[conclusion] is wording.Tone.NEUTRAL


def test_only_genuine_looks_good() -> None:
    assert [one for one, tone in wording.TONES.items() if tone is wording.Tone.GOOD] == [Conclusion.GENUINE]


def test_valid_credentials_of_an_unknown_signer_do_not_look_good() -> None:
    assert wording.OUTCOMES[Outcome.INCONCLUSIVE][1] is wording.Tone.NEUTRAL


def test_text_of_strangers_is_text() -> None:
    plain = parsed(PAGES.result(a_report(text="plain"), signed_url=None))
    nasty = PAGES.result(a_report(text=NASTY), signed_url=NASTY, manifest_url=NASTY)
    assert "<script" not in nasty
    assert "onload='x" not in nasty.replace("&#39;", "")
    assert parsed(nasty).elements.count("a") == plain.elements.count("a") + 2  # the two links that were asked for
    problem = PAGES.problem(title=NASTY, detail=NASTY, status=422)
    assert "<script" not in problem
    parsed(problem)


@pytest.mark.parametrize(
    "page", [PAGES.form(), PAGES.pending("/verify/abc"), PAGES.problem(title="T", detail="D", status=422)]
)
def test_other_pages_are_whole_and_load_nothing_from_elsewhere(page: str) -> None:
    parsed(page)
    assert re.findall(r'(?:src|href)="(?!/|#|https://gate\.example)[^"]*"', page) == []


def test_static_files_are_a_closed_list() -> None:
    assert {path.name for path in (HERE / "static").iterdir()} == set(STATIC)
    for name in STATIC:
        found = static_file(name)
        assert found is not None
        assert b"http://" not in found[0]
        assert b"https://" not in found[0]
    assert static_file("../views.py") is None


def test_script_builds_nothing_from_strings() -> None:
    script = (HERE / "static" / "verify.js").read_text()
    for sink in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "DOMParser",
        "new Function",
    ):
        assert sink not in script


def test_picture_shows_the_seconds_that_matched() -> None:
    picture = draw(a_report())
    assert picture is not None
    first, second = picture.bands
    assert (first.x, first.kind) == (0.0, "genuine")
    assert first.width == pytest.approx(30 / 65 * 100, abs=0.01)
    assert second.x + second.width == pytest.approx(100.0, abs=0.01)  # a rounded end does not leave the picture
    assert second.kind == "transplanted"
    assert picture.ticks[0].label == "0:00"
    assert len(picture.bars) == 20


def test_report_without_sound_has_no_picture() -> None:
    report = Report(Conclusion.UNKNOWN, "ab" * 32, 1, "2026-03-01T12:00:00+00:00", ())
    assert draw(report) is None
    parsed(PAGES.result(report, signed_url=None))


@pytest.mark.parametrize(("seconds", "said"), [(0, "0:00"), (59.6, "1:00"), (61, "1:01"), (3_661, "1:01:01")])
def test_clock(seconds: float, said: str) -> None:
    assert clock(seconds) == said
