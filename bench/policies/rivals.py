"""Rivals that run offline on the same texts: what anyone could have without our training and rules."""

from __future__ import annotations

import importlib.util
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from bench.policies import public_sets
from bench.policies.measures import Floats
from bench.policies.subject import Subject
from policies.decision import Verdict
from policies.text import Manuscript, Turn

TRAINING_ROWS = 14_800  # of the frozen encoder's regression, as in its first measurement
SEED = 20261125


@dataclass(frozen=True, slots=True)
class Rival:
    """Something that gives every text a score 0..1; 0.5 and above counts as harmful."""

    name: str
    score: Callable[[Sequence[str]], Floats]


def model(subject: Subject) -> Rival:
    """Return our toxicity model by itself: the highest of its classes on the whole text, no rules, no views."""

    def score(texts: Sequence[str]) -> Floats:
        return np.array([max(scores.values()) for scores in subject.toxicity.score(list(texts))])

    return Rival("our toxicity model, alone", score)


def lexicon(subject: Subject) -> Rival:
    """Return our list of words by itself."""
    screener = subject.only("lexicon")

    def score(texts: Sequence[str]) -> Floats:
        listed = [Manuscript(text, "en", (Turn("", 0, len(text)),)) for text in texts]
        return np.array([float(screener.screen(one).verdict is not Verdict.ALLOW) for one in listed])

    return Rival("our lexicon, alone", score)


def are_installed() -> bool:
    """Say whether the packages of the bench extra are there."""
    return all(importlib.util.find_spec(name) for name in ("profanity_check", "sklearn"))


def support_vectors() -> Rival:
    """Return alt-profanity-check, a linear support vector machine on word counts with calibrated output."""
    from profanity_check import predict_prob

    def score(texts: Sequence[str]) -> Floats:
        return np.asarray(predict_prob(list(texts)), dtype=np.float64)

    return Rival(f"alt-profanity-check {version('alt-profanity-check')}", score)


def frozen_encoder(subject: Subject, data: Path, *, rows: int = TRAINING_ROWS) -> Rival:
    """Return the untrained sentence encoder with a logistic regression on the public training rows."""
    from sklearn.linear_model import LogisticRegression

    texts = [(one.text, one.shares["toxicity"] >= 0.5) for one in public_sets.rated_posts(data, test=False)]
    texts += [(one.text, one.positive) for one in public_sets.sexism(data, "train")]
    texts += [(one.text, one.positive) for one in public_sets.abuse_of_bots(data, "train")]
    texts += [(one.text, one.positive) for one in public_sets.small_mix(data)]
    chosen = random.Random(SEED).sample(texts, min(rows, len(texts)))
    regression = LogisticRegression(max_iter=1_000)
    regression.fit(subject.encode([text for text, _ in chosen]), [label for _, label in chosen])

    def score(texts: Sequence[str]) -> Floats:
        return np.asarray(regression.predict_proba(subject.encode(texts))[:, 1])

    return Rival(f"frozen MiniLM + logistic regression on {len(chosen)} public rows", score)
