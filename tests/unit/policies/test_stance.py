"""What a sentence does with a claim: assert, debunk, attribute, ask."""

from __future__ import annotations

import pytest

from policies.rules.negation import is_negated
from policies.rules.stance import Stance, is_rebuttal, judge, weigh

CLAIM = "Vaccines cause autism."
HOAX = "The Moon landing was a hoax."


def stance(sentence: str, *, after: tuple[str, ...] = (), before: tuple[str, ...] = (), claim: str = CLAIM) -> Stance:
    return judge(
        sentence, before=before, after=after, field=claim, wordings=(claim,), margin=-0.1, answered=False
    ).stance


@pytest.mark.parametrize(
    "sentence",
    [
        "Vaccines cause autism.",
        "There is no doubt that vaccines cause autism.",
        "They do not want you to know that vaccines cause autism.",
        "It is not a myth that vaccines cause autism.",
        "Nobody can deny that vaccines cause autism.",
        "Do not vaccinate your child, because vaccines cause autism.",
        "Vaccines do not just cost money, they cause autism.",
        "The media will tell you it is a myth that vaccines cause autism.",
        "Doctors have finally admitted that vaccines cause autism.",
        "Did you know that vaccines cause autism?",
    ],
)
def test_assertion_is_recognised_behind_its_turns_of_phrase(sentence: str) -> None:
    assert stance(sentence) is Stance.ASSERT


@pytest.mark.parametrize(
    "sentence",
    [
        "Vaccines do not cause autism.",
        "Vaccines don't cause autism.",
        "It is a myth that vaccines cause autism.",
        "There is not a shred of evidence that vaccines cause autism.",
        "The claim that vaccines cause autism has been debunked.",
        "Contrary to what you hear, vaccines have no connection to autism.",
        "Nobody should believe posts which say that vaccines cause autism.",
        "Some say that vaccines cause autism, but they are wrong.",
        "If vaccines caused autism, we would see it in the numbers.",
    ],
)
def test_debunk_is_recognised(sentence: str) -> None:
    assert stance(sentence) is Stance.DEBUNK


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("The Moon landing was a hoax.", Stance.ASSERT),
        ("The Moon landing was not a hoax.", Stance.DEBUNK),
        ("It is nonsense that the Moon landing was a hoax.", Stance.DEBUNK),
        ("Some people believe that the Moon landing was a hoax.", Stance.ATTRIBUTE),
    ],
)
def test_rejecting_words_that_belong_to_the_claim_reject_nothing(sentence: str, expected: Stance) -> None:
    assert stance(sentence, claim=HOAX) is expected


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (("That is false.",), Stance.DEBUNK),
        (("No, they don't.",), Stance.DEBUNK),
        (("The story was made up, and it has been refuted.",), Stance.DEBUNK),
        (("They will say that this is false. Do not believe them.",), Stance.ASSERT),
        (("The weather will be fine tomorrow.",), Stance.ASSERT),
    ],
)
def test_a_rebuttal_counts_unless_it_is_mocked(after: tuple[str, ...], expected: Stance) -> None:
    assert stance(CLAIM, after=after) is expected


def test_a_claim_under_the_label_of_a_myth_is_debunked() -> None:
    assert stance(CLAIM, before=("Myth number three.",)) is Stance.DEBUNK


def test_question_and_attribution_are_neither() -> None:
    assert stance("Do vaccines cause autism?") is Stance.QUESTION
    assert stance("My neighbour says that vaccines cause autism.") is Stance.ATTRIBUTE


def test_being_closer_to_the_truth_is_a_debunk_and_a_late_truth_takes_the_certainty() -> None:
    close = judge(CLAIM, before=(), after=(), field=CLAIM, wordings=(CLAIM,), margin=0.1, answered=False)
    answered = judge(CLAIM, before=(), after=(), field=CLAIM, wordings=(CLAIM,), margin=-0.1, answered=True)
    assert close.stance is Stance.DEBUNK
    assert (answered.stance, answered.clear) == (Stance.ASSERT, False)


@pytest.mark.parametrize(
    ("text", "negated"),
    [
        ("Vaccines never cause autism.", True),
        ("Vaccines cause autism, and the government does not care.", False),
        ("They won't tell you that vaccines cause autism.", False),
        ("Vaccines cause autism, no question.", False),
        ("Vaccines are anything but a cause of autism.", True),
        ("Vaccines are far from causing autism.", True),
        ("", False),
    ],
)
def test_only_a_negation_of_the_claim_counts(text: str, negated: bool) -> None:
    assert is_negated(text, CLAIM) is negated


def test_a_reply_that_vouches_for_the_claim_is_no_rebuttal() -> None:
    assert not is_rebuttal("They call it a myth, but it turned out to be true.")
    assert is_rebuttal("That's simply wrong.")


def test_a_reply_that_ends_in_a_denial_takes_the_certainty() -> None:
    reply = ("Recounts, an audit and the minister all say they do not.",)
    rebutted = judge(CLAIM, before=(), after=reply, field=CLAIM, wordings=(CLAIM,), margin=-0.1, answered=False)
    alone = judge(CLAIM, before=(), after=(), field=CLAIM, wordings=(CLAIM,), margin=-0.1, answered=False)
    assert (rebutted.stance, rebutted.clear) == (Stance.ASSERT, False)
    assert alone.clear


def test_counted_negations_yield_to_a_model_that_reads_an_assertion() -> None:
    negated = judge(
        "Vaccines never cause autism.", before=(), after=(), field=CLAIM, wordings=(CLAIM,), margin=-0.1, answered=False
    )
    called = judge(
        "It is a myth that " + CLAIM, before=(), after=(), field=CLAIM, wordings=(CLAIM,), margin=-0.1, answered=False
    )
    told = {"assert": 0.8, "debunk": 0.05, "attribute": 0.05, "question": 0.05, "unrelated": 0.05}
    weighed = [weigh(cues, told, certain=0.8, margin=-0.1) for cues in (negated, called)]
    assert [one.stance for one in weighed if one is not None] == [Stance.UNSURE, Stance.DEBUNK]
