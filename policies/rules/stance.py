"""First stance step: does a sentence assert, deny, attribute or question the claim that it matches (pure, by cues).

Similarity cannot tell a lie from its debunk, so nothing is blocked without this step. The cues are English and
deliberately few; what they cannot decide is `UNSURE`, which leads to a person.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from policies.rules import stance_cues as cues
from policies.rules.negation import is_negated


class Stance(StrEnum):
    """What the script does with a claim."""

    ASSERT = "assert"  # says it as its own
    DEBUNK = "debunk"  # says that it is not so
    ATTRIBUTE = "attribute"  # says that somebody says it
    QUESTION = "question"  # asks whether it is so
    UNSURE = "unsure"  # the cues contradict each other


# What the entailment model tells apart, in the order of its outputs; the last one means that the match was wrong.
LABELS = ("assert", "debunk", "attribute", "question", "unrelated")


@dataclass(frozen=True, slots=True)
class Passage:
    """A sentence with the words around it, and the claim whose stance is asked."""

    claim: str
    sentence: str
    before: str  # up to two sentences heard before, in order
    after: str  # up to two sentences heard after, in order


# The model must be this sure that a passage speaks of something else before a match is dropped.
_ELSEWHERE = 0.5
# The model must be this sure of an assertion, by its own reading alone, before words that reject the claim are doubted.
_CONTRADICTS = 0.95
# Negations and distances are counted, not read: the model may doubt them where an assertion is so many times likelier.
_LIKELIER = 8.0
# How much a correction that is closer than the claim counts: a margin of 0.1 makes a debunk e times as likely.
_MARGIN_WEIGHT = 5.0
_MARGIN_LIMIT = 0.2
_MUCH_CLOSER = 0.1  # a correction this much closer than the claim is as good as a word of rejection
_CLOSER = "is closer to the correction than to the claim"
_OPPOSITE = "says the opposite of the claim"  # by counting negations, which irony and examples upset


class StanceModel(Protocol):
    """Reads claim and passage together; safe to call concurrently, deterministic, never on the network."""

    @property
    def models(self) -> tuple[tuple[str, str], ...]:
        """(model id, "sha256:<hex>") of everything it loaded."""
        ...

    def stances(self, passages: Sequence[Passage]) -> Sequence[Mapping[str, float]]:
        """Return for each passage the probability (0..1) of every name in `LABELS`."""
        ...


@dataclass(frozen=True, slots=True)
class Judgement:
    """A stance, whether it is clear enough to act on, and the cue in plain words."""

    stance: Stance
    clear: bool
    cue: str
    read: float = 0.0  # the model's own probability of this stance, before corrections are counted in


def judge(
    sentence: str,
    *,
    before: Sequence[str],
    after: Sequence[str],
    field: str,
    wordings: Sequence[str],
    margin: float,
    answered: bool,
) -> Judgement:
    """Return the stance of `sentence` to a claim.

    `field` is the wording of the claim that it matches best, `wordings` are all of them. `before` and `after` are the
    neighbouring sentences, nearest first. `margin` is how much closer the sentence is to a wording of the truth than to
    the claim (negative: closer to the claim); `answered` says that a sentence right after it states the truth.
    """
    own = _own_stance(sentence, field, wordings, margin)
    if own.stance is Stance.DEBUNK:
        return own
    if before and cues.LABEL.search(before[0]):
        return Judgement(Stance.DEBUNK, True, "stands under the label of a myth")
    announced = bool(before) and _announces(before[0])
    if any(is_rebuttal(text) for text in after[:3]) or (announced and _rejects(after)):
        return Judgement(Stance.DEBUNK, True, "is rebutted right after it")
    if answered and own.stance in (Stance.ATTRIBUTE, Stance.QUESTION):
        return Judgement(Stance.DEBUNK, True, "is answered right after it")
    if answered and own.stance is Stance.ASSERT:
        return Judgement(Stance.ASSERT, False, "states it as a fact, although the truth follows")
    if announced and own.stance is Stance.ASSERT:
        return Judgement(Stance.ATTRIBUTE, True, "is announced as a claim")
    if own.stance is Stance.ASSERT and own.clear and (_rejects(after[:3]) or _rejects(before[:1])):
        # Words of rejection stand beside it; whether they belong to this claim is for a person to say.
        return Judgement(Stance.ASSERT, False, own.cue)
    return own


def weigh(cues: Judgement, probabilities: Mapping[str, float], *, certain: float, margin: float) -> Judgement | None:
    """Return the stance by cues, model and corrections together; None where the passage speaks of something else.

    `certain` is the least probability to act on without a person. `margin` is the one of `judge`: how much closer a
    correction is, below -1 where the record has none. The model decides what clear cues do not; where a clear cue and a
    certain model contradict each other, nobody knows.
    """
    told, share = _with_corrections(probabilities, margin)
    if cues.stance is Stance.DEBUNK and (cues.cue != _CLOSER or margin >= _MUCH_CLOSER):
        counted = cues.cue in (_CLOSER, _OPPOSITE)
        doubt = _LIKELIER * probabilities["debunk"] if counted else _CONTRADICTS
        if probabilities["assert"] >= doubt:
            return Judgement(Stance.UNSURE, False, "gives cues that point both ways")
        return Judgement(Stance.DEBUNK, cues.clear or told == "debunk", cues.cue)
    if told == "unrelated":
        return None if share >= _ELSEWHERE else Judgement(Stance.UNSURE, False, "may speak of something else")
    stance = Stance(told)
    if stance is Stance.DEBUNK:
        if cues.stance is Stance.ASSERT and cues.clear and share < certain:
            return Judgement(Stance.UNSURE, False, "gives cues that point both ways")
        return Judgement(Stance.DEBUNK, share >= certain or cues.cue == _CLOSER, "says that it is not so")
    if stance is Stance.ASSERT:
        if cues.stance in (Stance.ATTRIBUTE, Stance.QUESTION):
            return cues
        clear = share >= certain and cues.stance is Stance.ASSERT and cues.clear
        cue = cues.cue if cues.stance is Stance.ASSERT else "may state it as a fact"
        return Judgement(Stance.ASSERT, clear, cue, probabilities["assert"])
    if cues.stance is Stance.ASSERT:
        return Judgement(stance, False, "may say that others say so" if told == "attribute" else "may ask for it")
    return cues


def _with_corrections(probabilities: Mapping[str, float], margin: float) -> tuple[str, float]:
    """Return the likeliest label and its probability, with the closeness of a correction counted in."""
    weights = dict(probabilities)
    if margin > -1.0:
        moved = math.exp(_MARGIN_WEIGHT * max(-_MARGIN_LIMIT, min(_MARGIN_LIMIT, margin)))
        weights["debunk"] *= moved
        weights["assert"] /= moved
    told = max(LABELS, key=lambda name: weights[name])
    return told, weights[told] / sum(weights.values())


def is_rebuttal(sentence: str) -> bool:
    """Say whether `sentence`, standing after a claim, rejects it."""
    if vouches(sentence):
        return False
    if cues.SHORT_NO.search(sentence):
        return True
    return bool(cues.REJECTION.search(sentence)) and bool(cues.REFERS_BACK.search(sentence))


def _rejects(after: Sequence[str]) -> bool:
    listed = (cues.REJECTION, cues.ENDS_IN_NO)
    return any(any(cue.search(text) for cue in listed) and not vouches(text) for text in after[:4])


def _announces(sentence: str) -> bool:
    return bool(cues.ANNOUNCEMENT.search(sentence)) and not vouches(sentence)


def vouches(sentence: str) -> bool:
    """Say whether rejection words in `sentence` belong to people whom the speaker mocks, or are denied."""
    listed = (cues.NOT_FALSE, cues.MOCKED, cues.RECLAIMED, cues.INSISTENCE)
    return any(pattern.search(sentence) for pattern in listed)


def _own_stance(sentence: str, field: str, wordings: Sequence[str], margin: float) -> Judgement:
    # A claim about a cover-up holds the words of insistence itself; repeating them is not insisting.
    insists = bool(cues.INSISTENCE.search(sentence)) and not any(map(cues.INSISTENCE.search, wordings))
    speaks_about = bool(cues.ABOUT_A_CLAIM.search(sentence))
    borrowed = 0 if speaks_about else _claim_words(sentence, wordings)
    rejections = len(cues.REJECTION.findall(sentence)) - borrowed
    if not speaks_about and is_negated(field, field):
        # "Smoking has nothing to do with cancer" states the claim that smoking does not cause it.
        rejections -= len(cues.SEPARATION.findall(sentence))
    if rejections > 0 or speaks_about:
        denied = cues.NOT_FALSE.search(sentence) and not borrowed
        if denied or cues.MOCKED.search(sentence) or cues.RECLAIMED.search(sentence):
            return Judgement(Stance.ASSERT, insists, "rejects those who call it false")
        if not insists:
            return Judgement(Stance.DEBUNK, True, "calls it false")
    if cues.COUNTERFACTUAL.search(sentence):
        return Judgement(Stance.DEBUNK, True, "supposes it only to show that it cannot be")
    if is_negated(sentence, field) != is_negated(field, field) and not insists:
        # Without corrections the margin is below -1 and says nothing.
        return Judgement(Stance.DEBUNK, margin > -0.2 or margin <= -1.0, _OPPOSITE)
    if margin >= 0.03 and not insists:
        return Judgement(Stance.DEBUNK, True, _CLOSER)
    asked = _asked(sentence)
    if asked is not None:
        return asked
    if insists:
        return Judgement(Stance.ASSERT, True, "insists on it")
    if cues.AUTHORITY.search(sentence):
        return Judgement(Stance.ASSERT, margin < -0.01, "says that it is known or proven")
    if cues.ATTRIBUTION.search(sentence):
        return Judgement(Stance.ATTRIBUTE, True, "says that others say so")
    if rejections > 0 or margin > -0.005:
        return Judgement(Stance.UNSURE, False, "gives cues that point both ways")
    return Judgement(Stance.ASSERT, not cues.HEDGE.search(sentence), "states it as a fact")


def _asked(sentence: str) -> Judgement | None:
    if sentence.rstrip("\"'”’) ").endswith("?"):
        if cues.RHETORICAL.search(sentence):
            return Judgement(Stance.ASSERT, False, "asks a leading question")
        return Judgement(Stance.QUESTION, True, "asks whether it is so")
    if cues.WONDERING.search(sentence):
        return Judgement(Stance.QUESTION, True, "asks whether it is so")
    return None


def _claim_words(sentence: str, wordings: Sequence[str]) -> int:
    """Count the rejection words of the sentence that the claim itself may be made of."""
    most = max((len(cues.CLAIM_WORDS.findall(wording)) for wording in wordings), default=0)
    shared = sum(1 for match in cues.CLAIM_WORDS.finditer(sentence) if cues.REJECTION.search(match.group()))
    return min(most, shared)
