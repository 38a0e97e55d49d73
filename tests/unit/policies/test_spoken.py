"""What is heard is compared with the script, screened, and led back to the author's words and to times."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from policies.decision import Finding, Span, Verdict
from policies.errors import ScreeningError
from policies.policy import DEFAULT_PACK, Policy
from policies.rule_settings import SpokenRule
from policies.screen import Screener
from policies.soundness import PlannedSentence
from policies.spoken import Hearing, SpokenCheck
from policies.text import Manuscript, Turn
from policies.transcript import HeardWord, Transcript
from policies.views import Views

SILENCE = np.zeros(16_000, dtype=np.float32)
POLICY = Policy.load(DEFAULT_PACK)
DISCLOSURE = "This programme was made with artificial intelligence."
BASE = (
    "The council met on Tuesday evening. It approved a budget of $5 million for the new bridge. Margaret Ellison said "
    "the work will take fourteen months. The old bridge is not safe for lorries. Residents may send comments until the "
    "third of June. The harbour master, Tom Becker, was pleased with the result and thanked everybody who came."
)


class Says:
    """A listener that hears what it is told, one word every half second."""

    model, languages = ("ears", "sha256:" + "0" * 64), ("en",)

    def __init__(self, text: str) -> None:
        words = text.split()
        self._words = tuple(HeardWord(word, at / 2, at / 2 + 0.4, 0.9) for at, word in enumerate(words))

    def listen(self, samples: np.ndarray, *, language: str) -> Transcript:
        return Transcript(self._words, len(self._words) / 2)


class Fails(Says):
    def listen(self, samples: np.ndarray, *, language: str) -> Transcript:
        raise ScreeningError("the speech recogniser failed")


class Forbids:
    """Blocks the word "idiot"."""

    id, categories, models = "forbids", ("insult",), ()

    def check(self, manuscript: Manuscript, views: Views) -> list[Finding]:
        at = manuscript.text.lower().find("idiot")
        return [] if at < 0 else [Finding(self.id, "insult", Verdict.BLOCK, Span(at, at + 5), 1.0, "Forbidden.")]


def script(text: str, language: str = "en") -> Manuscript:
    head = "---\ntitle: Harbour News\n---\nANNA: "
    return Manuscript(head + text, language, (Turn("ANNA", len(head), len(head) + len(text)),))


def hear(
    written: str,
    heard: str,
    *,
    disclosure: str = "",
    language: str = "en",
    listener: Says | None = None,
    **limits: object,
) -> tuple[Manuscript, Hearing]:
    settings = SpokenRule.model_validate(limits)
    screener = Screener(policy=POLICY, rules=[Forbids()])
    check = SpokenCheck(screener=screener, listener=listener or Says(heard), settings=settings)
    manuscript = script(written, language)
    return manuscript, check.check(manuscript, SILENCE, disclosure=disclosure, voices={"ANNA": "hibari-heart"})


def categories(hearing: Hearing) -> set[str]:
    return {finding.category for finding in hearing.decision.findings}


def test_speech_as_written_is_allowed_and_costs_no_errors() -> None:
    _, hearing = hear(BASE, f"{DISCLOSURE} {BASE}", disclosure=DISCLOSURE)
    assert hearing.decision.verdict is Verdict.ALLOW
    assert (hearing.errors, hearing.decision.findings) == (0, ())
    assert hearing.listener == Says.model
    assert Says.model in hearing.decision.models


@pytest.mark.parametrize(
    ("written", "heard", "category", "where"),
    [
        ("fourteen", "forty", "changed_number", "fourteen"),
        ("$5 million", "$50 million", "changed_number", "$5 million"),
        ("third", "thirtieth", "changed_number", "third"),
        ("Margaret Ellison", "Victoria Sandoval", "changed_name", "Margaret Ellison"),
        ("June", "July", "changed_name", "June"),
        ("Tuesday", "Thursday", "changed_name", "Tuesday"),
        ("is not safe", "is safe", "changed_negation", "not"),
        ("was pleased", "was not pleased", "changed_negation", "was pleased"),
        ("approved", "rejected", "changed_words", "approved"),
        ("The old bridge is not safe for lorries. ", "", "missing_speech", "The old bridge is not safe for lorries"),
        ("for lorries.", "for lorries. And nobody should ever go near it again.", "added_speech", "lorries. Residents"),
        ("pleased with the result", "shouting at seven terrified children", "different_speech",
         "pleased with the result"),
    ],
)  # fmt: skip
def test_what_is_heard_otherwise_is_a_review_at_its_place(written: str, heard: str, category: str, where: str) -> None:
    manuscript, hearing = hear(BASE, BASE.replace(written, heard))
    assert hearing.decision.verdict is Verdict.REVIEW
    (finding,) = [one for one in hearing.decision.findings if one.category == category]
    quoted = manuscript.text[finding.span.start : finding.span.end]
    assert quoted in where or where in quoted
    assert finding.view == "transcript"
    assert finding.time_start is not None
    assert finding.time_end is not None
    # Half a second a word: the time is where the words stand.
    expected = len(manuscript.text[38 : finding.span.start].split()) / 2
    assert abs(finding.time_start - expected) <= 1.5


def test_mishearings_and_other_spellings_are_no_question_to_anybody() -> None:
    heard = (
        BASE.replace("harbour", "harbor")
        .replace("fourteen", "14")
        .replace("Becker", "Becca")
        .replace("lorries", "Laurie's")
    )
    _, hearing = hear(BASE, heard)  # fmt: skip
    assert hearing.decision.verdict is Verdict.ALLOW


@pytest.mark.parametrize("sentence", ["The old bridge is not safe for lorries.", "Margaret Ellison said the work"])
def test_words_that_are_heard_twice_are_named_so(sentence: str) -> None:
    _, hearing = hear(BASE, BASE.replace(sentence, f"{sentence} {sentence}"))
    assert "repeated_speech" in categories(hearing)
    assert "added_speech" not in categories(hearing)


def test_two_words_heard_twice_are_a_stammer_of_the_recogniser() -> None:
    _, hearing = hear(BASE, BASE.replace("the new bridge", "the new the new bridge"))
    assert hearing.decision.verdict is Verdict.ALLOW


def test_reminder_is_expected_between_the_words_where_it_is_said() -> None:
    reminder = "A reminder: the voices you hear are synthetic."
    first, rest = BASE.split(" It approved", 1)
    plan = [
        PlannedSentence(0.0, 3.0, first, 0),
        PlannedSentence(3.0, 6.0, reminder, None),
        PlannedSentence(6.0, 9.0, "It approved" + rest, 0),
    ]
    manuscript = script(BASE)
    said = f"{first} {reminder} It approved{rest}"
    check = SpokenCheck(
        screener=Screener(policy=POLICY, rules=[Forbids()]),
        listener=Says(said),
        settings=SpokenRule(longest_silence=60),
    )
    hearing = check.check(manuscript, SILENCE, plan=plan)
    assert hearing.errors == 0
    assert "added_speech" not in categories(hearing)
    unplanned = check.check(manuscript, SILENCE)
    assert "added_speech" in categories(unplanned)


def test_other_audio_is_one_finding_and_not_a_hundred() -> None:
    other = "Every evening at six the old clockmaker lit the lamp in his window."
    _, hearing = hear(BASE, other)
    assert categories(hearing) == {"other_audio"}
    assert hearing.word_error_rate > 0.6


def test_truncated_audio_misses_its_end() -> None:
    _, hearing = hear(BASE, BASE[: len(BASE) * 2 // 3])
    assert "missing_speech" in categories(hearing)


def test_many_small_errors_side_by_side_are_found_although_each_is_allowed() -> None:
    words = BASE.split()
    garbled = " ".join("blorp" if at % 3 and 20 < at < 44 else word for at, word in enumerate(words))
    _, hearing = hear(BASE, garbled, word_error_rate=0.9)
    assert "different_speech" in categories(hearing)


def test_voice_with_a_limit_of_its_own_is_judged_by_it() -> None:
    heard = BASE.replace("evening", "morning").replace("budget", "plan").replace("result", "end")
    _, hearing = hear(BASE, heard)
    assert "word_error_rate" not in categories(hearing)
    _, stricter = hear(BASE, heard, voices={"hibari-heart": 0.01})
    assert "word_error_rate" in categories(stricter)


def test_nothing_heard_is_a_review_of_the_whole_script() -> None:
    manuscript, hearing = hear(BASE, "")
    assert hearing.decision.verdict is Verdict.REVIEW
    (finding,) = hearing.decision.findings
    assert (finding.category, finding.span) == ("nothing_heard", Span(0, len(manuscript.text)))
    assert hearing.word_error_rate == 1.0


def test_language_that_cannot_be_heard_is_a_review() -> None:
    _, hearing = hear(BASE, BASE, language="de")
    assert categories(hearing) == {"not_transcribed"}


def test_recogniser_that_cannot_run_gives_no_decision() -> None:
    with pytest.raises(ScreeningError):
        hear(BASE, "", listener=Fails(""))


def test_disclosure_that_is_not_spoken_is_noticed() -> None:
    _, hearing = hear(BASE, BASE, disclosure=DISCLOSURE)
    assert categories(hearing) == {"missing_disclosure"}


def test_insult_heard_where_none_is_written_is_a_review_at_the_words_that_hide_it() -> None:
    manuscript, hearing = hear("You are an eediyut, my friend.", "You are an idiot, my friend.")
    (finding,) = [one for one in hearing.decision.findings if one.rule == "forbids"]
    assert finding.verdict is Verdict.REVIEW
    assert finding.view == "transcript"
    assert manuscript.text[finding.span.start : finding.span.end] == "eediyut"
    assert (finding.time_start, finding.time_end) == (1.5, 1.9)


def test_pack_may_let_a_block_that_is_only_heard_stand() -> None:
    _, hearing = hear("You are an eediyut, my friend.", "You are an idiot, my friend.", transcript_block="block")
    assert hearing.decision.verdict is Verdict.BLOCK


def test_words_heard_as_written_were_judged_in_the_script_and_are_not_judged_again() -> None:
    _, hearing = hear('"You are an idiot," she said, and was wrong.', "You are an idiot, she said, and was wrong.")
    assert hearing.decision.findings == ()


def test_insult_inside_added_speech_points_beside_it() -> None:
    manuscript, hearing = hear(
        "Good morning. Welcome back.", "Good morning. You complete and utter idiot! Welcome back."
    )
    (finding,) = [one for one in hearing.decision.findings if one.rule == "forbids"]
    assert manuscript.text[finding.span.start : finding.span.end] == "morning. Welcome"


def test_homophones_differ_in_letters_only_and_diverge_in_nothing() -> None:
    _, hearing = hear("Eye sea the knight two.", "I see the night too.")
    assert hearing.decision.verdict is Verdict.ALLOW


def test_speech_without_any_words_in_the_script_is_a_review() -> None:
    manuscript = replace(script(""), turns=())
    check = SpokenCheck(
        screener=Screener(policy=POLICY, rules=[Forbids()]), listener=Says("Hello there."), settings=SpokenRule()
    )
    assert check.check(manuscript, SILENCE).decision.verdict is Verdict.REVIEW
