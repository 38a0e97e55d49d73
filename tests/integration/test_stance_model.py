"""The real stance model and the whole misinformation rule on passages in our own words, over two knowledge bases."""

from __future__ import annotations

import json
import shutil
import tomllib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from policies.adapters.entailment import STANCE_WEIGHTS, EntailmentModel
from policies.adapters.minilm import MiniLmEncoder
from policies.adapters.packaged_encoder import PackagedEncoder
from policies.checkworthiness import WEIGHTS, CheckWorthiness
from policies.decision import Finding, Verdict
from policies.errors import ModelUnavailableError
from policies.knowledge import KnowledgeBase
from policies.policy import DEFAULT_PACK, Policy
from policies.rules.misinformation import Misinformation
from policies.rules.stance import LABELS, Passage
from policies.views import build_views
from tests.manuscripts import dialogue, spoken

CASES = tomllib.loads((Path(__file__).parent / "misinformation_cases.toml").read_text(encoding="utf-8"))
NEUTRAL = Path(__file__).parents[1] / "unit" / "policies" / "neutral_sentences.txt"
CLAIM = "Vaccines cause autism."


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def packaged() -> PackagedEncoder:
    return PackagedEncoder()


@pytest.fixture(scope="module")
def stance(packaged: PackagedEncoder) -> EntailmentModel:
    return EntailmentModel(packaged=packaged)


@pytest.fixture(scope="module")
def encoder(packaged: PackagedEncoder) -> MiniLmEncoder:
    return MiniLmEncoder(packaged=packaged)


@pytest.fixture(scope="module")
def rules(stance: EntailmentModel, encoder: MiniLmEncoder) -> dict[str, Misinformation]:
    policy = Policy.load(DEFAULT_PACK)
    settings = policy.rules.misinformation
    assert settings is not None
    imported = [
        {
            "id": item["id"],
            "claimReviewed": item["claim"],
            "reviewRating": {"ratingValue": 1, "alternateName": "False"},
            "author": {"name": "A desk"},
            "url": "https://desk.example/review",
            "datePublished": "2026-01-01",
            "topic": item["topic"],
            "harm": item["harm"],
        }
        for item in CASES["imported"]
    ]
    bases = {
        "default": policy.knowledge,
        "imported": KnowledgeBase.parse(json.dumps(imported).encode(), source="imported"),
    }
    return {
        name: Misinformation(
            knowledge=knowledge,
            encoder=encoder,
            stance=stance,
            check_worthiness=CheckWorthiness(encoder=encoder.model),
            settings=settings,
        )
        for name, knowledge in bases.items()
    }


@pytest.fixture(scope="module")
def outcomes(rules: dict[str, Misinformation]) -> Counter[tuple[str, str, Verdict]]:
    """Count verdicts by (base, kind of passage)."""
    counts: Counter[tuple[str, str, Verdict]] = Counter()
    for case in CASES["case"]:
        for text in case["texts"]:
            counts[case["base"], case["kind"], verdict(found(rules[case["base"]], text))] += 1
    return counts


def found(rule: Misinformation, text: str) -> list[Finding]:
    manuscript = spoken(text)
    return rule.check(manuscript, build_views(manuscript))


def verdict(findings: list[Finding]) -> Verdict:
    return max((finding.verdict for finding in findings), key=lambda item: item.severity, default=Verdict.ALLOW)


def share(outcomes: Counter[tuple[str, str, Verdict]], base: str, kind: str, *verdicts: Verdict) -> float:
    of_kind = {item: count for (where, what, item), count in outcomes.items() if (where, what) == (base, kind)}
    return sum(of_kind.get(item, 0) for item in verdicts) / sum(of_kind.values())


@pytest.mark.parametrize("base", ["default", "imported"])
def test_a_debunk_is_never_blocked(outcomes: Counter[tuple[str, str, Verdict]], base: str) -> None:
    assert share(outcomes, base, "debunk", Verdict.BLOCK) == 0.0


@pytest.mark.parametrize(("base", "floor"), [("default", 0.9), ("imported", 0.9)])
def test_asserted_claims_are_held(outcomes: Counter[tuple[str, str, Verdict]], base: str, floor: float) -> None:
    assert share(outcomes, base, "assert", Verdict.REVIEW, Verdict.BLOCK) >= floor


@pytest.mark.parametrize(("base", "floor"), [("default", 0.7), ("imported", 0.7)])
def test_most_debunks_need_no_person(outcomes: Counter[tuple[str, str, Verdict]], base: str, floor: float) -> None:
    assert share(outcomes, base, "debunk", Verdict.ALLOW) >= floor


@pytest.mark.parametrize("base", ["default", "imported"])
def test_neutral_sentences_about_the_same_things_pass(outcomes: Counter[tuple[str, str, Verdict]], base: str) -> None:
    assert share(outcomes, base, "neutral", Verdict.ALLOW) >= 0.9
    assert share(outcomes, base, "neutral", Verdict.BLOCK) == 0.0


def test_neutral_sentences_are_almost_never_held(rules: dict[str, Misinformation]) -> None:
    sentences = NEUTRAL.read_text(encoding="utf-8").splitlines()
    manuscript = dialogue(*sentences)
    findings = rules["default"].check(manuscript, build_views(manuscript))
    held = {finding.span for finding in findings if finding.verdict is not Verdict.ALLOW}
    assert len(held) <= 0.01 * len(sentences)


def test_probabilities_do_not_depend_on_the_batch_or_the_thread(stance: EntailmentModel) -> None:
    passages = [
        Passage(CLAIM, "Vaccines do not cause autism.", "", ""),
        Passage(CLAIM, CLAIM, "", "That is false."),
        Passage(CLAIM, "The bus was late.", "Good morning." * 300, "x" * 5000),
        Passage("word " * 3000, "word " * 3000, "word " * 3000, "word " * 3000),
    ]
    together = stance.stances(passages)
    with ThreadPoolExecutor(4) as pool:
        alone = list(pool.map(lambda passage: stance.stances([passage])[0], passages * 2))
    for expected, single in zip([*together, *together], alone, strict=True):
        assert {name: pytest.approx(single[name], abs=0.03) for name in LABELS} == dict(expected)
        assert sum(single.values()) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("text", ["", " ", "🙂" * 50, "\x00\x01", "a" * 100_000])
def test_odd_text_gets_an_answer(stance: EntailmentModel, text: str) -> None:
    (told,) = stance.stances([Passage(CLAIM, text, text, text)])
    assert set(told) == set(LABELS)


def test_no_passages_give_no_answers(stance: EntailmentModel) -> None:
    assert stance.stances([]) == []


def test_changed_stance_weights_are_refused(packaged: PackagedEncoder, tmp_path: Path) -> None:
    weights = Path(shutil.copytree(STANCE_WEIGHTS, tmp_path / "weights"))
    content = bytearray((weights / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (weights / "model.safetensors").write_bytes(content)
    with pytest.raises(ModelUnavailableError, match="its card says"):
        EntailmentModel(packaged=packaged, weights=weights)
    with pytest.raises(ModelUnavailableError, match="cannot be read"):
        EntailmentModel(packaged=packaged, weights=tmp_path / "absent")


def test_check_worthiness_tells_claims_from_talk(encoder: MiniLmEncoder) -> None:
    model = CheckWorthiness(encoder=encoder.model)
    claims = ["The tower was finished in 1889.", "Vitamin C shortens colds by two days.", "Bees sleep in winter."]
    talk = ["Welcome back, everyone!", "I loved that film.", "What would you do?", "Let us take a short break."]
    scores = model.scores(encoder.encode([*claims, *talk]))
    assert scores.shape == (len(claims) + len(talk),)
    assert np.all(scores[: len(claims)] > 0.5)
    assert np.all(scores[len(claims) :] < 0.5)


def test_check_worthiness_for_another_encoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError, match="another encoder"):
        CheckWorthiness(encoder=("other", "sha256:" + "0" * 64))
    weights = Path(shutil.copytree(WEIGHTS, tmp_path / "weights"))
    (weights / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(ModelUnavailableError, match="its card says"):
        CheckWorthiness(encoder=("any", "sha256:" + "0" * 64), weights=weights)
