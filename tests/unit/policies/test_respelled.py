"""Strange spellings are read as a listener would hear them; ordinary words and names are left alone."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from policies.adapters.hibari_dictionary import HibariDictionary
from policies.decision import Finding, Span, Verdict
from policies.errors import ModelUnavailableError
from policies.homophones import Homophones
from policies.policy import DEFAULT_PACK, Policy
from policies.respelled import RESPELLED, Covered, read_respelled
from policies.screen import Screener
from policies.text import Manuscript
from policies.views import Views, build_views
from tests.manuscripts import spoken

NEUTRAL = (Path(__file__).parent / "neutral_sentences.txt").read_text(encoding="utf-8").splitlines()
POLICY = Policy.load(DEFAULT_PACK)


@pytest.fixture(scope="module")
def dictionary() -> HibariDictionary:
    return HibariDictionary()


@pytest.fixture(scope="module")
def homophones(dictionary: HibariDictionary) -> Homophones:
    return Homophones(vocabulary=POLICY.lexicon.vocabulary, pronunciations=dictionary)


def reading(text: str, homophones: Homophones) -> str | None:
    read = read_respelled(build_views(spoken(text), vocabulary=POLICY.lexicon.vocabulary), homophones)
    return None if read is None else read.views.original.text.strip().lower()


@pytest.mark.parametrize(
    ("written", "heard"),
    [
        ("Yew shood kil yorself.", "you should kill yourself."),
        ("Eye hate ewe, go dye inn a fire.", "i hate you, go die in a fire."),
        ("phuck ewe you stewpid ideeot", "fuck you you stupid idiot"),
        ("you peece uv shyt", "you peace uv shit"),
        ("you are a mohron and a bich", "you are a moron and a bitch"),
        ("wurthless skum", "worthless scum"),
        ("you should kay eye ell ell yourself", "you should kill yourself"),
        ("kilo india lima lima them all", "kill them all"),
        ("eff you see kay off", "fuck off"),
        ("kay eye double ell them", "kill them"),
        ("k as in kite, i as in ice, l as in lime, l for lemon", "kill"),
        ("ki ll them, you id iot", "kill them, you idiot"),
        ("you iidot, fcuk off", "you idiot, fuck off"),
        ("llik toidi", "kill idiot"),
        ("just killyourself now", "just kill yourself now"),
        ("y.o.u s.h.o.u.l.d d.i.e now", "you should die now"),
        ("u r a loser, h8 u", "you are a loser, hate you"),
        ("you stpd fck", "you stupid fuck"),
        ("go 2 hell u idyut", "go to hell you idiot"),
        ("You Stewpid Ideeot", "you stupid idiot"),
        ("KILL YORSELF", "kill yourself"),
        ("d1e in a f1re", "die in a fire"),
    ],
)
def test_strange_spelling_is_read_as_it_is_heard_or_meant(written: str, heard: str, homophones: Homophones) -> None:
    assert reading(written, homophones) == heard


@pytest.mark.parametrize(
    "written",
    [
        "H1N1, IPv4, B12 and the G20 are names.",
        "Mr. Kuntz met Ms. Dyck in Phuket.",
        "The dike held, and there was hoar frost on the quill.",
        "Nguyen, Müller and Zoë spoke with José.",
        "Привет, мир. 東京は雨です。",
        "An old inn stood beside the yew tree's shade.",
        "The FBI and the BBC sent a DVD to the USSR.",
        "Run pip install numpy, then open https://example.org/kil?x=1.",
        "Do you see a bee? Are you in?",
        "E. coli grew in the dish, and Pi's digits go on.",
    ],
)
def test_honest_text_is_not_read_as_anything_of_the_policy(written: str, homophones: Homophones) -> None:
    read = reading(written, homophones)
    words = set() if read is None else set(read.replace(".", " ").split()) - set(written.lower().split())
    assert not words & POLICY.lexicon.vocabulary


def test_neutral_sentences_are_not_read_a_second_time(homophones: Homophones) -> None:
    again = [line for line in NEUTRAL if line and reading(line, homophones) is not None]
    assert len(again) <= len(NEUTRAL) // 100


def test_reading_leads_back_to_the_place_in_the_authors_text(homophones: Homophones) -> None:
    text = "Hello there. You should kay eye ell ell yorself today."
    read = read_respelled(build_views(spoken(text), vocabulary=POLICY.lexicon.vocabulary), homophones)
    assert read is not None
    view = read.views.original
    assert len(view.text) == len(view.offsets)
    at = view.text.index("kill yourself")
    span = view.span(at, at + len("kill yourself"))
    assert text[span.start : span.end] == "kay eye ell ell yorself"
    assert read.replaced.touches(span)
    assert not read.replaced.touches(Span(0, 12))


class Asks:
    """A rule that forbids "kill yourself" outright."""

    id, categories, models = "asks", ("asked",), ()

    def check(self, manuscript: Manuscript, views: Views) -> list[Finding]:
        found = []
        for view in views.all:
            at = view.text.find("kill yourself")
            if at >= 0:
                span = view.span(at, at + len("kill yourself"))
                found.append(Finding(self.id, "asked", Verdict.BLOCK, span, 1.0, "Forbidden.", view.name))
        return found


def test_what_is_only_guessed_is_a_review_and_what_is_written_stays_a_block(dictionary: HibariDictionary) -> None:
    screener = Screener(policy=POLICY, rules=[Asks()], pronunciations=dictionary)
    guessed = screener.screen(spoken("Go and kil yorself."))
    assert guessed.verdict is Verdict.REVIEW
    assert {finding.view for finding in guessed.findings} == {RESPELLED}
    written = screener.screen(spoken("Ewe, yore own inn: kill yourself."))
    assert written.verdict is Verdict.BLOCK
    assert all(finding.view != RESPELLED for finding in written.findings)


def test_screener_without_a_dictionary_says_that_it_does_not_read_by_sound(dictionary: HibariDictionary) -> None:
    without = Screener(policy=POLICY, rules=[Asks()])
    assert (RESPELLED, "not_evaluated") in without.coverage
    with_it = Screener(policy=POLICY, rules=[Asks()], pronunciations=dictionary)
    assert (RESPELLED, "evaluated") in with_it.coverage
    assert dictionary.model in with_it.models


def test_dictionary_that_is_not_the_pinned_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError, match="cannot be read"):
        HibariDictionary(folder=tmp_path)
    for name in ("lexicon_us_gold.json.gz", "lexicon_us_silver.json.gz"):
        (tmp_path / name).write_bytes(b"changed")
    with pytest.raises(ModelUnavailableError, match="sha256"):
        HibariDictionary(folder=tmp_path)


def test_places_are_found_however_they_lie() -> None:
    places = Covered([Span(10, 20), Span(15, 17), Span(30, 31)])
    assert [at for at in range(40) if places.touches(Span(at, at + 1))] == [*range(10, 20), 30]
    assert not Covered(()).touches(Span(0, 100))


@pytest.mark.parametrize(
    "text",
    ["kil " * 60_000, "eye ewe " * 30_000, "kay eye ell " * 20_000, "killyourself" * 20_000, "double " * 40_000,
     "k as in " * 30_000, "|<|_|" * 50_000, "a'b'" * 60_000, "k\n" * 120_000],
    ids=["respelled", "rare", "spelled out", "run together", "double", "as in", "drawn", "apostrophes", "lines"],
)  # fmt: skip
def test_a_quarter_of_a_megabyte_of_tricks_is_read_in_bounded_time(text: str, homophones: Homophones) -> None:
    began = time.perf_counter()
    reading(text, homophones)
    assert time.perf_counter() - began < 20.0  # about 1 s alone; generous for a crowded machine
