"""The toxicity rule with a model whose scores are known: where it looks, what it reports, what it softens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from policies.decision import Finding, Verdict
from policies.errors import ModelUnavailableError
from policies.rule_settings import ToxicityRule
from policies.rules.toxicity import CLEAR, MAX_WINDOW_CHARACTERS, Toxicity
from policies.text import Manuscript
from policies.views import build_views
from tests.manuscripts import dialogue, spoken

CALM = "The ferry leaves at nine."
SETTINGS = ToxicityRule.model_validate(
    {"window_sentences": 2, "review": {"insult": 0.5, "threat": 0.5}, "block": {"insult": 0.8, "threat": 0.9}}
)


class Listed:
    """Scores a text by the phrases it holds, the highest counts; everything else scores 0."""

    models = (("listed", "sha256:" + "0" * 64),)
    classes = ("insult", "threat", "identity_attack")

    def __init__(self, **phrases: Mapping[str, float]) -> None:
        self._phrases = {phrase.replace("_", " "): scores for phrase, scores in phrases.items()}
        self.asked: list[str] = []

    def score(self, texts: Sequence[str]) -> list[Mapping[str, float]]:
        self.asked += texts
        return [
            {
                name: max((s.get(name, 0.0) for p, s in self._phrases.items() if p in text.lower()), default=0.0)
                for name in self.classes
            }
            for text in texts
        ]


def check(model: Listed, manuscript: Manuscript, settings: ToxicityRule = SETTINGS) -> list[Finding]:
    return Toxicity(model=model, settings=settings).check(manuscript, build_views(manuscript))


def test_a_sentence_above_a_threshold_is_reported_with_place_score_and_threshold() -> None:
    text = f"{CALM} You utter clown. {CALM}"
    (finding,) = check(Listed(utter_clown={"insult": 0.7}), spoken(text))
    assert text[finding.span.start : finding.span.end] == "You utter clown."
    assert (finding.category, finding.verdict) == ("insult", Verdict.REVIEW)
    assert (finding.score, finding.threshold) == (0.7, 0.5)


def test_a_block_names_the_threshold_of_the_block() -> None:
    (finding,) = check(Listed(utter_clown={"insult": 0.8}), spoken("You utter clown."))
    assert (finding.verdict, finding.threshold) == (Verdict.BLOCK, 0.8)


def test_around_clear_sentences_no_window_is_scored() -> None:
    model = Listed()
    check(model, spoken(f"{CALM} The sun shines. Nobody is in a hurry."))
    assert model.asked == [CALM, "The sun shines.", "Nobody is in a hurry."]


def test_a_threat_over_two_sentences_is_found_when_one_of_them_is_in_doubt() -> None:
    model = Listed()
    model._phrases = {"regret": {"threat": 0.5 * CLEAR}, "come tonight. you will regret": {"threat": 0.95}}
    text = f"{CALM} I come tonight. You will regret it. {CALM}"
    (finding,) = check(model, spoken(text))
    assert text[finding.span.start : finding.span.end] == "I come tonight. You will regret it."
    assert finding.verdict is Verdict.BLOCK


def test_windows_never_join_the_words_of_two_speakers() -> None:
    model = Listed()
    model._phrases = {"one": {"threat": 0.3}}
    check(model, dialogue("This is one.", "This is one as well."))
    assert sorted(model.asked) == sorted({"This is one.", "This is one as well.", "ANNA:", "BEN:"})


def test_windows_stay_within_what_the_model_reads() -> None:
    model = Listed()
    model._phrases = {"doubt": {"threat": 0.3}}
    check(model, spoken(f"I doubt {'very ' * 60}much. I doubt {'very ' * 60}much, too."))
    assert max(len(text) for text in model.asked) <= MAX_WINDOW_CHARACTERS


def test_an_attack_that_drowns_in_a_long_sentence_becomes_a_question() -> None:
    class Drowning(Listed):
        def score(self, texts: Sequence[str]) -> list[Mapping[str, float]]:
            self.asked += texts
            return [
                {"insult": 0.0 if "clown" not in t else 0.95 if len(t.split()) < 8 else 0.2, "threat": 0.0}
                for t in texts
            ]

    text = "We took the early ferry to the island with all the bags, and you are an utter clown, and then it rained."
    (finding,) = check(Drowning(), spoken(text))
    assert finding.verdict is Verdict.REVIEW
    assert finding.score == 0.95


def test_a_reported_insult_is_only_noted_and_a_reported_threat_is_reviewed() -> None:
    model = Listed(clown={"insult": 0.9}, break_you={"threat": 0.95})
    (note,) = check(model, spoken('"You clown," she shouted at the screen.'))
    assert note.verdict is Verdict.ALLOW
    (threat,) = check(model, spoken('"I will break you," he said.'))
    assert threat.verdict is Verdict.REVIEW


def test_quotation_marks_are_no_way_around_attacks_on_groups() -> None:
    settings = ToxicityRule.model_validate({"review": {"identity_attack": 0.5}, "block": {"identity_attack": 0.8}})
    (finding,) = check(Listed(slur={"identity_attack": 0.9}), spoken('"All of them are slur," he said.'), settings)
    assert finding.verdict is Verdict.REVIEW


def test_a_disguised_attack_is_found_in_the_view_that_undoes_it() -> None:
    (finding,) = check(Listed(clown={"insult": 0.9}), spoken("You c l o w n."))
    assert (finding.view, finding.verdict) == ("joined", Verdict.BLOCK)


def test_a_model_without_a_class_of_the_policy_is_refused() -> None:
    settings = ToxicityRule.model_validate({"review": {"sexual_explicit": 0.5}})
    with pytest.raises(ModelUnavailableError, match="sexual_explicit"):
        Toxicity(model=Listed(), settings=settings)


@pytest.mark.parametrize(
    "text", ["", " \n\n ", "🙂🙂🙂", "…", "# ", "> " * 3000], ids=["empty", "blank", "emoji", "dots", "mark", "quotes"]
)
def test_a_text_without_words_has_no_findings(text: str) -> None:
    assert check(Listed(clown={"insult": 0.9}), spoken(text)) == []


def test_a_megabyte_of_one_word_is_a_handful_of_texts() -> None:
    model = Listed(word={"insult": 0.3})
    check(model, spoken("word " * 200_000))
    assert len(set(model.asked)) < 10
    assert len(model.asked) < 20
