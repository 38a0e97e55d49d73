"""Toxicity through Detoxify: our own checkpoint on the packaged encoder, or an official one that the operator supplies.

Detoxify unpickles what it is given, so it is only ever given a buffer that was built here from checked tensors. It is
also given every file by local path, so that nothing is ever looked up on the network.
"""

from __future__ import annotations

import hashlib
import io
import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import torch
from detoxify import Detoxify
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor
from transformers.utils import logging as transformers_logging

from policies.adapters.arithmetic import best_arithmetic, convert_classifier
from policies.adapters.packaged_encoder import DIGESTS, MODEL_ID, PackagedEncoder
from policies.errors import ModelUnavailableError

CLASSES = ("toxicity", "severe_toxicity", "obscene", "identity_attack", "insult", "threat", "sexual_explicit")
OWN_MODEL_ID = "assay/minilm-detoxify"
OWN_WEIGHTS = Path(__file__).parents[1] / "weights" / "toxicity"
# Detoxify cuts silently at 512 tokens; 480 characters have at most 482, so pieces of this size are scored whole.
_PIECE_CHARACTERS = 480
_BATCH = 64


class DetoxifyModel:
    """A loaded Detoxify; one instance may be shared, calls are serialised because its tokenizer keeps state."""

    def __init__(self, *, detoxify: Detoxify, models: tuple[tuple[str, str], ...]) -> None:
        """Use `packaged` or `official`; this takes an instance that they built."""
        convert_classifier(detoxify.model, best_arithmetic())
        self._detoxify = detoxify
        self._lock = Lock()
        self.models = models
        self.classes = tuple(str(name) for name in detoxify.class_names)

    @classmethod
    def packaged(cls, *, packaged: PackagedEncoder, scratch: Path, weights: Path = OWN_WEIGHTS) -> DetoxifyModel:
        """Load our own weights over the packaged encoder; `scratch` is a private folder for small configuration files.

        Raises `ModelUnavailableError` if a file is missing, damaged or not the one that `card.toml` names.
        """
        digest, own = _own_weights(weights)
        base = {f"bert.{name}": tensor for name, tensor in packaged.loaded().state_dict().items()}
        unknown = sorted(set(own) - set(base) - {"classifier.weight", "classifier.bias"})
        if unknown:
            raise ModelUnavailableError(f"{weights}: holds unknown tensors {unknown[:3]}; use weights of this version")
        labels = dict(enumerate(CLASSES))
        config = {
            **packaged.config(),
            "architectures": ["BertForSequenceClassification"],
            "id2label": labels,
            "label2id": {name: number for number, name in labels.items()},
            "problem_type": "multi_label_classification",
        }
        folder = scratch / "toxicity"
        _write(folder, "config.json", json.dumps(config).encode())
        _write(folder, "tokenizer.json", packaged.read("tokenizer.json"))
        _write(folder, "tokenizer_config.json", _tokenizer_config(packaged))
        _write(folder, "special_tokens_map.json", packaged.read("special_tokens_map.json"))
        # In the arithmetic of the encoder, which halves what is held while loading; the head is put back unrounded.
        arithmetic = next(iter(base.values())).dtype
        state = base | {name: tensor.to(arithmetic) for name, tensor in own.items()}
        detoxify = _build(folder, state, CLASSES, "BertForSequenceClassification")
        head = {
            name.removeprefix("classifier."): own[name].float() for name in ("classifier.weight", "classifier.bias")
        }
        detoxify.model.classifier.float().load_state_dict(head)
        packaged.share_with(detoxify.model)
        return cls(
            detoxify=detoxify,
            models=((OWN_MODEL_ID, digest), (MODEL_ID, "sha256:" + DIGESTS["model.safetensors"])),
        )

    @classmethod
    def official(cls, *, checkpoint: Path, sha256: str, configuration: Path, name: str) -> DetoxifyModel:
        """Load an official Detoxify checkpoint (`*.ckpt`) whose SHA-256 (hex) the operator pinned.

        `configuration` is a local folder with the base model's `config.json` (with `id2label` for every class) and
        tokenizer files. The pickle is read with `weights_only=True`, so it cannot run code, and is then rebuilt.
        """
        digest = _file_digest(checkpoint)
        if digest != sha256.removeprefix("sha256:").lower():
            raise ModelUnavailableError(f"{checkpoint}: sha256 is {digest}, expected {sha256}; fetch the file again")
        try:
            loaded: dict[str, Any] = torch.load(checkpoint, map_location="cpu", weights_only=True)
            arguments = loaded["config"]["arch"]["args"]
            classes = tuple(str(label) for label in loaded["config"]["dataset"]["args"]["classes"])
            architecture = str(arguments["model_name"])
            state: dict[str, Tensor] = {name: tensor.float() for name, tensor in loaded["state_dict"].items()}
        except Exception as error:
            raise ModelUnavailableError(
                f"{checkpoint}: is not a Detoxify checkpoint ({type(error).__name__})"
            ) from error
        return cls(detoxify=_build(configuration, state, classes, architecture), models=((name, "sha256:" + digest),))

    def score(self, texts: Sequence[str]) -> list[Mapping[str, float]]:
        """Return one score 0..1 per class for each text; a text too long for the model is the maximum of its pieces."""
        pieces = [(index, piece) for index, text in enumerate(texts) for piece in _pieces(text)]
        best: list[dict[str, float]] = [dict.fromkeys(self.classes, 0.0) for _ in texts]
        pieces.sort(key=lambda pair: len(pair[1]))
        with self._lock, torch.inference_mode():
            for at in range(0, len(pieces), _BATCH):
                group = pieces[at : at + _BATCH]
                # Detoxify returns bare numbers for a single text, so a batch never has fewer than two.
                batch = [text for _, text in group]
                result = self._detoxify.predict(batch if len(batch) > 1 else batch * 2)
                for name in self.classes:
                    for (index, _), value in zip(group, result[name], strict=False):
                        best[index][name] = max(best[index][name], float(value))
        return list(best)


def _pieces(text: str) -> list[str]:
    """Cut a text that is too long, at white space where there is any in the second half of a piece."""
    pieces = []
    while len(text) > _PIECE_CHARACTERS:
        space = text.rfind(" ", _PIECE_CHARACTERS // 2, _PIECE_CHARACTERS)
        cut = space + 1 if space > 0 else _PIECE_CHARACTERS
        pieces.append(text[:cut])
        text = text[cut:]
    return [*pieces, text]


def _own_weights(folder: Path) -> tuple[str, dict[str, Tensor]]:
    try:
        card = tomllib.loads((folder / "card.toml").read_text(encoding="utf-8"))
        content = (folder / "model.safetensors").read_bytes()
        expected = card["weights"]["sha256"]
        base = card["base"]["sha256"]
    except (OSError, tomllib.TOMLDecodeError, KeyError) as error:
        raise ModelUnavailableError(f"{folder}: toxicity weights or their card cannot be read: {error}") from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != expected:
        raise ModelUnavailableError(f"{folder}: model.safetensors has sha256 {digest}, its card says {expected}")
    if base != DIGESTS["model.safetensors"]:
        raise ModelUnavailableError(f"{folder}: these weights belong to another base model ({base})")
    try:
        return "sha256:" + digest, load(content)
    except SafetensorError as error:
        raise ModelUnavailableError(f"{folder}: model.safetensors cannot be parsed: {error}") from error


def _build(folder: Path, state: dict[str, Tensor], classes: Sequence[str], architecture: str) -> Detoxify:
    where = str(folder.resolve())
    arguments = {
        "model_type": where,
        "model_name": architecture,
        "tokenizer_name": "AutoTokenizer",
        "num_classes": len(classes),
    }
    checkpoint = {
        "config": {"arch": {"args": arguments}, "dataset": {"args": {"classes": list(classes)}}},
        "state_dict": state,
    }
    buffer = io.BytesIO()
    torch.save(checkpoint, buffer)
    buffer.seek(0)
    # A bar per load does not belong into a service's log; transformers leaves this function untyped.
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        return Detoxify(checkpoint=buffer, huggingface_config_path=where)
    except Exception as error:
        raise ModelUnavailableError(f"Detoxify cannot load the model from {folder}: {error}") from error


def _tokenizer_config(packaged: PackagedEncoder) -> bytes:
    settings = json.loads(packaged.read("tokenizer_config.json"))
    settings["tokenizer_class"] = "PreTrainedTokenizerFast"
    settings.pop("name_or_path", None)  # a hub name: nothing here may look like something to fetch
    return json.dumps(settings).encode()


def _write(folder: Path, name: str, content: bytes) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    except OSError as error:
        raise ModelUnavailableError(
            f"{folder / name}: cannot be written ({error.strerror}); give a writable folder"
        ) from error


def _file_digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelUnavailableError(f"{path}: cannot be read ({error.strerror}); name a local checkpoint") from error
