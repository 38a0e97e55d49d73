"""From sentences to verdicts: matching, the matrix, evidence, and what happens without certainty."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from policies.decision import Finding, Verdict
from policies.errors import ScreeningError
from policies.knowledge import KnowledgeBase
from policies.rule_settings import MisinformationRule
from policies.rules import misinformation
from policies.rules.claim_matching import ClaimIndex, differ_in_numbers
from policies.rules.misinformation import Misinformation
from policies.text import Manuscript
from policies.views import build_views
from tests.manuscripts import dialogue, spoken
from tests.unit.policies.claims import EverythingIsCheckWorthy, ToldStance, WordEncoder, base, record

CLAIM = "Gargling saffron tea reverses kidney failure"
BASE = base(record("saffron", CLAIM), record("bells", "Ringing church bells drive away summer hail", harm="low"))
FAR = " We talked about trains for a while." * 9


def check(
    manuscript: Manuscript | str,
    *,
    knowledge: KnowledgeBase = BASE,
    stance: ToldStance | None = None,
    worthy: float = 1.0,
    encoder: WordEncoder | None = None,
) -> list[Finding]:
    manuscript = spoken(manuscript) if isinstance(manuscript, str) else manuscript
    rule = Misinformation(
        knowledge=knowledge,
        encoder=encoder or WordEncoder(),
        stance=stance or ToldStance(),
        check_worthiness=EverythingIsCheckWorthy(worthy),
        settings=MisinformationRule(),
        today=date(2026, 11, 1),
    )
    return rule.check(manuscript, build_views(manuscript))


def test_a_clear_assertion_of_a_harmful_claim_blocks_with_its_evidence() -> None:
    (finding,) = check(f"{CLAIM}.")
    assert (finding.verdict, finding.stance, finding.category) == (Verdict.BLOCK, "assert", "misinformation/health")
    assert finding.threshold == MisinformationRule().strong
    (evidence,) = finding.evidence
    assert (evidence.record, evidence.matched, evidence.published_on) == ("saffron", CLAIM, "2026-05-01")
    assert evidence.url.startswith("https://")
    assert evidence.similarity == pytest.approx(1.0, abs=1e-3)


def test_a_claim_that_hurts_nobody_is_reviewed_and_never_blocked() -> None:
    (finding,) = check("Ringing church bells drive away summer hail.")
    assert finding.verdict is Verdict.REVIEW


@pytest.mark.parametrize("share", [0.5, 0.7])
def test_a_stance_that_is_not_certain_is_a_question_to_a_person(share: float) -> None:
    (finding,) = check(f"{CLAIM}.", stance=ToldStance("assert", share))
    assert finding.verdict is Verdict.REVIEW


def test_a_debunk_is_allowed_with_a_note() -> None:
    (finding,) = check(f"{CLAIM} only in old wives' stories.", stance=ToldStance("debunk"))
    assert (finding.verdict, finding.stance) == (Verdict.ALLOW, "debunk")


def test_a_debunk_that_the_model_takes_for_an_assertion_is_reviewed() -> None:
    (finding,) = check(f"It is a myth that {CLAIM}.", stance=ToldStance("assert"))
    assert (finding.verdict, finding.stance) == (Verdict.REVIEW, "unsure")


def test_a_sentence_about_something_else_says_nothing() -> None:
    assert check(f"{CLAIM}.", stance=ToldStance("unrelated")) == []


@pytest.mark.parametrize("told", ["assert", "debunk", "attribute", "question"])
def test_an_expired_or_disputed_review_asks_a_person_at_most(told: str) -> None:
    expired = base(record("old", CLAIM, valid_until=date(2026, 6, 1)))
    disputed = base(record("open", CLAIM, rating=3))
    unknown = base(record("unknown", CLAIM, rating=None))
    for knowledge in (expired, disputed, unknown):
        verdicts = [finding.verdict for finding in check(f"{CLAIM}.", knowledge=knowledge, stance=ToldStance(told))]
        assert Verdict.BLOCK not in verdicts
        assert verdicts


def test_denying_a_true_claim_is_reviewed_and_stating_it_is_nothing() -> None:
    true = base(record("true", "Washing hands prevents infections", rating=5))
    denied = "Washing hands does not prevent infections."
    assert [finding.verdict for finding in check(denied, knowledge=true, stance=ToldStance("debunk"))] == [
        Verdict.REVIEW
    ]
    assert check("Washing hands prevents infections.", knowledge=true) == []


def test_a_rumour_rebutted_at_once_is_allowed_and_rebutted_much_later_is_reviewed() -> None:
    rumour, rebuttal = f"My neighbour says that {CLAIM}.", f"{CLAIM}? Nonsense."
    stance = ToldStance(lambda passage: "attribute" if "neighbour" in passage.sentence else "debunk")
    near = check(f"{rumour} {rebuttal}", stance=stance)
    late = check(f"{rumour}{FAR} {rebuttal}", stance=stance)
    assert {finding.verdict for finding in near} == {Verdict.ALLOW}
    assert [finding.verdict for finding in late if finding.stance == "attribute"] == [Verdict.REVIEW]
    assert "far from it" in late[0].explanation


def test_other_figures_than_the_claims_are_never_blocked() -> None:
    knowledge = base(record("share", "Saffron tea cures 50 percent of all kidney patients"))
    (same,) = check("Saffron tea cures fifty percent of all kidney patients.", knowledge=knowledge)
    (other,) = check("Saffron tea cures 5 percent of all kidney patients.", knowledge=knowledge)
    assert (same.verdict, other.verdict) == (Verdict.BLOCK, Verdict.REVIEW)
    assert "figures" in other.explanation


def test_names_with_digits_are_no_figures() -> None:
    assert not differ_in_numbers("COVID-19 spreads through 5G masts in 2020.", ["The 9/11 attacks, and 5G."])
    assert differ_in_numbers("It rose by 1,500 people.", ["It rose by 15 people."])
    assert not differ_in_numbers("It rose by 1,500 people.", ["It rose by 1500 people."])


def test_the_answer_of_the_other_speaker_is_read_as_context() -> None:
    stance = ToldStance("debunk")
    check(dialogue(f"I read that {CLAIM}.", "That is a fairy tale.", "And now the weather."), stance=stance)
    assert stance.passages[0].after == "That is a fairy tale. And now the weather."


def test_a_promise_of_a_cure_without_a_record_is_reviewed_unless_it_is_talk() -> None:
    promise = "This herb cures diabetes for good."
    (finding,) = check(promise, stance=ToldStance("unrelated"))
    assert (finding.category, finding.verdict, finding.evidence) == ("unverified_claim", Verdict.REVIEW, ())
    assert check(promise, stance=ToldStance("unrelated"), worthy=0.1) == []


def test_neutral_text_is_encoded_once_and_never_reaches_the_stance_model() -> None:
    encoder, stance = WordEncoder(), ToldStance()
    rule = Misinformation(
        knowledge=BASE,
        encoder=encoder,
        stance=stance,
        check_worthiness=EverythingIsCheckWorthy(),
        settings=MisinformationRule(),
    )
    before = encoder.encoded
    manuscript = spoken("We went by train to the sea, and it rained all day, which nobody had expected at all. " * 200)
    assert rule.check(manuscript, build_views(manuscript)) == []
    assert encoder.encoded == before + 1
    assert stance.passages == []


def test_a_claim_in_one_clause_of_a_long_sentence_is_found() -> None:
    long = f"We drove to the sea because the children wanted ice cream, and honestly, {CLAIM}, and then it rained."
    assert [finding.verdict for finding in check(long)] != []


@pytest.mark.parametrize("text", ["", "   \n", "🙂🙃🙂", "!!! ...", "— — —"])
def test_text_without_words_is_no_claim(text: str) -> None:
    assert check(text) == []


def test_too_many_passages_are_refused_and_not_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(misinformation, "MAX_PASSAGES", 3)
    with pytest.raises(ScreeningError, match="split the script"):
        check(" ".join(f"{CLAIM} in town number {word}." for word in ("Ulm", "Bath", "Nice", "York")))


def test_a_repeated_claim_is_judged_by_the_model_a_few_times_only() -> None:
    stance = ToldStance()
    findings = check(f"{CLAIM}. " * 500, stance=stance)
    assert len(findings) == 500
    assert len(stance.passages) <= 5


def test_an_encoder_that_returns_nonsense_stops_the_screening() -> None:
    class Broken(WordEncoder):
        broken = False

        def encode(self, texts):  # type: ignore[no-untyped-def]
            return np.full((len(texts), 64), np.nan, dtype=np.float32) if self.broken else super().encode(texts)

    encoder = Broken()
    index = ClaimIndex(knowledge=BASE, encoder=encoder)
    encoder.broken = True
    with pytest.raises(ScreeningError, match="unusable vectors"):
        index.search("anything", 1)


def test_search_ranks_records_and_finds_one_by_its_title() -> None:
    knowledge = base(
        record("plain", "Copper rings cure arthritis"),
        record("titled", "A remedy was shown to work", title="No, copper bracelets do not ease joint pain"),
    )
    index = ClaimIndex(knowledge=knowledge, encoder=WordEncoder())
    assert [hit.record.id for hit in index.search("Copper rings cure arthritis", 2)] == ["plain", "titled"]
    best = index.search("copper bracelets ease joint pain", 1)[0]
    assert best.record.id == "titled"
    assert best.reach > 0.8 > best.similarity


def test_a_title_alone_is_never_enough_to_block() -> None:
    knowledge = base(record("titled", "A remedy was shown to work", title="Copper bracelets ease joint pain"))
    (finding,) = check("Copper bracelets ease joint pain.", knowledge=knowledge)
    assert finding.verdict is Verdict.REVIEW
