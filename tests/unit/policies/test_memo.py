"""What models said is remembered: the same answers, fewer questions, a bounded memory, no texts kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from policies.memo import RememberedScores, RememberedVectors


class CountingModel:
    """Scores a text by its length and notes what it was asked."""

    models = (("counting", "sha256:" + "0" * 64),)
    classes = ("insult", "threat")

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def score(self, texts: Sequence[str]) -> list[Mapping[str, float]]:
        self.asked.append(list(texts))
        return [{"insult": 1.0 / len(text), "threat": len(text) / 100} for text in texts]


class CountingEncoder:
    """Turns a text into a vector of its length."""

    model = ("counting", "sha256:" + "0" * 64)

    def __init__(self) -> None:
        self.asked = 0

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked += len(texts)
        return np.array([[len(text), 1.0] for text in texts], dtype=np.float32).reshape(len(texts), 2)


def test_a_text_is_scored_once_and_answers_stay_in_order() -> None:
    model = CountingModel()
    remembered = RememberedScores(model)
    texts = ["one", "three", "one", "seven times"]
    assert remembered.score(texts) == model.score(texts)
    model.asked.clear()
    assert remembered.score(["seven times", "new", "one", "new"]) == [
        {"insult": 1.0 / len(text), "threat": len(text) / 100} for text in ("seven times", "new", "one", "new")
    ]
    assert model.asked == [["new"]]


def test_nothing_is_asked_when_everything_is_known() -> None:
    model = CountingModel()
    remembered = RememberedScores(model)
    remembered.score(["known"])
    remembered.score(["known"])
    assert remembered.score([]) == []
    assert model.asked == [["known"]]


def test_the_longest_unused_text_is_forgotten_first() -> None:
    model = CountingModel()
    remembered = RememberedScores(model, limit=2)
    for text in ("a", "b", "a", "c"):  # "b" is the longest unused when "c" comes
        remembered.score([text])
    model.asked.clear()
    remembered.score(["a", "c"])
    assert model.asked == []
    remembered.score(["b"])
    assert model.asked == [["b"]]


def test_a_batch_larger_than_the_memory_is_still_answered_whole() -> None:
    remembered = RememberedScores(CountingModel(), limit=2)
    texts = [f"sentence {number}" for number in range(50)]
    assert [scores["threat"] for scores in remembered.score(texts)] == [len(text) / 100 for text in texts]


def test_a_failure_of_the_model_is_not_remembered() -> None:
    class Failing(CountingModel):
        broken = True

        def score(self, texts: Sequence[str]) -> list[Mapping[str, float]]:
            if self.broken:
                raise MemoryError
            return super().score(texts)

    model = Failing()
    remembered = RememberedScores(model)
    with pytest.raises(MemoryError):
        remembered.score(["text"])
    model.broken = False
    assert remembered.score(["text"]) == [{"insult": 0.25, "threat": 0.04}]


def test_a_model_that_answers_too_little_is_an_error() -> None:
    class Short(CountingModel):
        def score(self, texts: Sequence[str]) -> list[Mapping[str, float]]:
            return super().score(texts)[:-1]

    with pytest.raises(ValueError, match="shorter"):
        RememberedScores(Short()).score(["one", "two"])


def test_a_caller_cannot_change_what_is_remembered() -> None:
    remembered = RememberedScores(CountingModel())
    first = remembered.score(["text"])[0]
    first["insult"] = 0.0  # type: ignore[index]
    assert remembered.score(["text"])[0]["insult"] == 0.25
    vectors = RememberedVectors(CountingEncoder())
    vectors.encode(["text"])[0] = 0.0
    assert vectors.encode(["text"]).tolist() == [[4.0, 1.0]]


def test_vectors_come_from_memory_too_and_none_has_the_right_shape() -> None:
    encoder = CountingEncoder()
    remembered = RememberedVectors(encoder)
    assert remembered.encode(["ab", "a", "ab"]).tolist() == [[2.0, 1.0], [1.0, 1.0], [2.0, 1.0]]
    assert encoder.asked == 2
    assert remembered.encode([]).shape == (0, 2)


def test_no_text_is_kept() -> None:
    remembered = RememberedScores(CountingModel())
    remembered.score(["a secret script"])
    assert "secret" not in repr(vars(remembered._memory))


def test_many_threads_get_the_answers_of_one() -> None:
    remembered = RememberedScores(CountingModel(), limit=20)
    texts = [f"{'x' * (number % 30)} {number % 30}" for number in range(300)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda text: remembered.score([text])[0], texts))
    assert answers == CountingModel().score(texts)


def test_a_memory_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        RememberedScores(CountingModel(), limit=0)
