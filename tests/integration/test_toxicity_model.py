"""The real models: loaded through Detoxify without network, checked by digest."""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from policies.adapters.detoxify import CLASSES, OWN_WEIGHTS, DetoxifyModel
from policies.adapters.packaged_encoder import PackagedEncoder, packaged_archive
from policies.assemble import build_screener
from policies.decision import Verdict
from policies.errors import ModelUnavailableError
from policies.policy import DEFAULT_PACK, Policy
from policies.screen import Screener
from tests.manuscripts import dialogue, spoken
from tests.models import real_models

NEUTRAL = Path(__file__).parents[1] / "unit" / "policies" / "neutral_sentences.txt"


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
def toxicity(packaged: PackagedEncoder, tmp_path_factory: pytest.TempPathFactory) -> DetoxifyModel:
    return DetoxifyModel.packaged(packaged=packaged, scratch=tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def screener(packaged: PackagedEncoder, toxicity: DetoxifyModel) -> Screener:
    return build_screener(Policy.load(DEFAULT_PACK), models=real_models(packaged, toxicity))


def test_neutral_sentences_are_almost_never_held_and_never_blocked(screener: Screener) -> None:
    sentences = NEUTRAL.read_text(encoding="utf-8").splitlines()
    decision = screener.screen(dialogue(*sentences))
    assert len(sentences) >= 300
    held = {finding.span for finding in decision.findings if finding.verdict is not Verdict.ALLOW}
    assert decision.verdict is not Verdict.BLOCK
    assert len(held) <= 0.03 * len(sentences)


def test_an_attack_deep_in_a_long_script_is_found_at_its_place(screener: Screener) -> None:
    calm = " ".join(NEUTRAL.read_text(encoding="utf-8").splitlines()[:40])
    text = f"{calm} I will find you and break your legs. {calm}"
    decision = screener.screen(spoken(text))
    threats = [finding for finding in decision.findings if finding.category == "threat"]
    assert "I will find you and break your legs." in {text[f.span.start : f.span.end] for f in threats}


def test_a_claim_and_its_rebuttal_by_the_other_speaker_are_heard_together(screener: Screener) -> None:
    decision = screener.screen(dialogue("I read that vaccines cause autism.", "That is a myth, and a harmful one."))
    assert decision.verdict is Verdict.ALLOW
    (note,) = [finding for finding in decision.findings if finding.rule == "misinformation"]
    assert note.evidence[0].url.startswith("https://")
    assert note.evidence[0].published_on


def test_the_decision_names_every_model_by_digest(screener: Screener) -> None:
    decision = screener.screen(spoken("Good morning."))
    assert {name for name, _ in decision.models} == {
        "assay/checkworthiness",
        "assay/minilm-detoxify",
        "assay/minilm-stance",
        "assay/topic-heads",
        "misaki US English dictionary",
        "py3langid-0.4.0",
        "sentence-transformers/all-MiniLM-L6-v2",
    }
    assert all(digest.startswith("sha256:") and len(digest) == 71 for _, digest in decision.models)


def test_scores_do_not_depend_on_the_batch_or_the_thread(toxicity: DetoxifyModel) -> None:
    texts = ["Good morning, everyone.", "You are a stupid idiot.", "x" * 3000, "The ferry is late again today."]
    together = toxicity.score(texts)
    with ThreadPoolExecutor(4) as pool:
        alone = list(pool.map(lambda text: toxicity.score([text])[0], texts * 2))
    for text_scores, single in zip([*together, *together], alone, strict=True):
        assert {name: pytest.approx(single[name], abs=1e-3) for name in CLASSES} == dict(text_scores)


def test_models_load_without_touching_the_network(
    packaged: PackagedEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    assert DetoxifyModel.packaged(packaged=packaged, scratch=tmp_path).classes == CLASSES


def test_changed_weights_are_refused(packaged: PackagedEncoder, tmp_path: Path) -> None:
    weights = Path(shutil.copytree(OWN_WEIGHTS, tmp_path / "weights"))
    content = bytearray((weights / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (weights / "model.safetensors").write_bytes(content)
    with pytest.raises(ModelUnavailableError, match="its card says"):
        DetoxifyModel.packaged(packaged=packaged, scratch=tmp_path, weights=weights)


def test_missing_weights_are_refused(packaged: PackagedEncoder, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError, match="cannot be read"):
        DetoxifyModel.packaged(packaged=packaged, scratch=tmp_path, weights=tmp_path / "absent")


def test_an_unwritable_scratch_folder_is_refused(packaged: PackagedEncoder, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(ModelUnavailableError, match="cannot be written"):
        DetoxifyModel.packaged(packaged=packaged, scratch=tmp_path / "file")


def test_a_damaged_or_missing_wheel_is_refused(tmp_path: Path) -> None:
    damaged = tmp_path / "model.zip"
    damaged.write_bytes(packaged_archive().read_bytes()[:100_000])
    with pytest.raises(ModelUnavailableError, match="reinstall the wheel"):
        PackagedEncoder(archive=damaged).state()
    with pytest.raises(ModelUnavailableError, match="cannot read"):
        PackagedEncoder(archive=tmp_path / "absent.zip").state()


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path: Path) -> None:
    import hashlib
    import pickle

    class Payload:
        def __reduce__(self) -> tuple[object, tuple[str, str]]:
            return (Path.write_text, (tmp_path / "ran", "x"))  # type: ignore[return-value]

    checkpoint = tmp_path / "evil.ckpt"
    checkpoint.write_bytes(pickle.dumps(Payload()))
    digest = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    with pytest.raises(ModelUnavailableError, match="not a Detoxify checkpoint"):
        DetoxifyModel.official(checkpoint=checkpoint, sha256=digest, configuration=tmp_path, name="evil")
    assert not (tmp_path / "ran").exists()


def test_a_checkpoint_with_another_digest_is_not_even_opened(tmp_path: Path) -> None:
    checkpoint = tmp_path / "some.ckpt"
    checkpoint.write_bytes(b"anything")
    with pytest.raises(ModelUnavailableError, match="expected"):
        DetoxifyModel.official(checkpoint=checkpoint, sha256="0" * 64, configuration=tmp_path, name="some")


def test_an_official_checkpoint_gives_the_scores_of_its_weights(
    packaged: PackagedEncoder, toxicity: DetoxifyModel, tmp_path: Path
) -> None:
    """Detoxify's published layout, with a hub name inside that must not be looked up."""
    import hashlib

    DetoxifyModel.packaged(packaged=packaged, scratch=tmp_path)
    checkpoint = tmp_path / "toxic.ckpt"
    arguments = {
        "model_type": "bert-base-uncased",
        "model_name": "BertForSequenceClassification",
        "tokenizer_name": "BertTokenizer",
        "num_classes": len(CLASSES),
    }
    torch.save(
        {
            "config": {"arch": {"args": arguments}, "dataset": {"args": {"classes": list(CLASSES)}}},
            "state_dict": toxicity._detoxify.model.state_dict(),
        },
        checkpoint,
    )
    official = DetoxifyModel.official(
        checkpoint=checkpoint,
        sha256=hashlib.sha256(checkpoint.read_bytes()).hexdigest(),
        configuration=tmp_path / "toxicity",
        name="official",
    )
    text = ["You are a stupid idiot."]
    assert official.score(text)[0] == pytest.approx(dict(toxicity.score(text)[0]), abs=1e-5)


def test_a_long_script_is_screened_in_time_that_grows_with_its_length(screener: Screener) -> None:
    decision_began = time.perf_counter()
    screener.screen(spoken("word " * 40_000))
    assert time.perf_counter() - decision_began < 60.0  # repeated windows are scored once
