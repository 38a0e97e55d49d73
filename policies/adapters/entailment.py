"""Stance by our own entailment model: upper layers over the packaged all-MiniLM-L6-v2, claim and passage read together.

The input is `[CLS] claim [SEP] sentence [SEP] before [SEP] after [SEP]`; the output one probability for each of
`LABELS`. Weights are shipped as 8-bit rows with one scale each (absolute maximum), and used in the arithmetic that this
processor is best at.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from threading import Lock

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor
from transformers import BertForSequenceClassification

from policies.adapters.arithmetic import best_arithmetic, convert_classifier
from policies.adapters.packaged_encoder import DIGESTS, MODEL_ID, PackagedEncoder
from policies.errors import ModelUnavailableError
from policies.rules.stance import LABELS, Passage

STANCE_MODEL_ID = "assay/minilm-stance"
STANCE_WEIGHTS = Path(__file__).parents[1] / "weights" / "stance"
# Tokens of each part; together with the five special tokens they stay below the 256 that the stand-in positions cover.
CLAIM_TOKENS, SENTENCE_TOKENS, CONTEXT_TOKENS = 48, 96, 40
_BATCH = 32
_CLS, _SEP = 101, 102  # ids in the packaged tokenizer's vocabulary


class EntailmentModel:
    """Judges passages; one instance may be shared, calls are serialised because the tokenizer keeps state."""

    def __init__(self, *, packaged: PackagedEncoder, weights: Path = STANCE_WEIGHTS) -> None:
        """Load the weights; raises `ModelUnavailableError` if a file is missing or not the one that its card names."""
        digest, own = _own_weights(weights)
        self._network = packaged.classifier(LABELS)
        convert_classifier(self._network, best_arithmetic())
        state = self._network.state_dict()
        unknown = sorted(name for name in own if name not in state or own[name].shape != state[name].shape)
        if unknown:
            raise ModelUnavailableError(f"{weights}: holds unknown tensors {unknown[:3]}; use weights of this version")
        self._network.load_state_dict(state | own)
        self._network.train(mode=False)
        packaged.share_with(self._network)
        self._tokenizer = packaged.tokenizer()
        self._lock = Lock()
        self.models: tuple[tuple[str, str], ...] = ((STANCE_MODEL_ID, digest), (MODEL_ID, packaged.digest))

    def stances(self, passages: Sequence[Passage]) -> list[Mapping[str, float]]:
        """Return for each passage the probability of every label; they add up to 1."""
        results: list[Mapping[str, float]] = [{} for _ in passages]
        with self._lock, torch.inference_mode():
            rows = token_rows(self._tokenizer, passages)
            order = sorted(range(len(rows)), key=lambda index: len(rows[index][0]))
            for at in range(0, len(order), _BATCH):
                group = order[at : at + _BATCH]
                ids, types, mask = padded([rows[index] for index in group])
                logits = self._network(input_ids=ids, token_type_ids=types, attention_mask=mask).logits
                for index, values in zip(group, logits.softmax(dim=1).tolist(), strict=True):
                    results[index] = dict(zip(LABELS, values, strict=True))
        return results


def token_rows(tokenizer: object, passages: Sequence[Passage]) -> list[tuple[list[int], list[int]]]:
    """Return (token ids, type ids) for each passage; of long context the part next to the sentence is kept."""
    if not passages:
        return []

    def encode(texts: Iterable[str]) -> list[list[int]]:
        ids: list[list[int]] = tokenizer(list(texts), add_special_tokens=False)["input_ids"]  # type: ignore[operator]
        return ids

    rows = []
    for claim, sentence, before, after in zip(
        encode(passage.claim for passage in passages),
        encode(passage.sentence for passage in passages),
        encode(passage.before for passage in passages),
        encode(passage.after for passage in passages),
        strict=True,
    ):
        first = [_CLS, *claim[:CLAIM_TOKENS], _SEP]
        second = [*sentence[:SENTENCE_TOKENS], _SEP]
        second += [*before[-CONTEXT_TOKENS:], _SEP, *after[:CONTEXT_TOKENS], _SEP]
        rows.append((first + second, [0] * len(first) + [1] * len(second)))
    return rows


def padded(rows: Sequence[tuple[list[int], list[int]]]) -> tuple[Tensor, Tensor, Tensor]:
    """Return (token ids, type ids, attention mask), each (rows, longest row) of int64."""
    longest = max(len(ids) for ids, _ in rows)
    fill = [longest - len(ids) for ids, _ in rows]
    return (
        torch.tensor([ids + [0] * rest for (ids, _), rest in zip(rows, fill, strict=True)]),
        torch.tensor([types + [0] * rest for (_, types), rest in zip(rows, fill, strict=True)]),
        torch.tensor([[1] * (longest - rest) + [0] * rest for rest in fill]),
    )


def packed(network: BertForSequenceClassification, names: Sequence[str]) -> dict[str, Tensor]:
    """Return the named tensors for shipping: matrices as 8-bit rows with a scale each, the rest as float16."""
    state = network.state_dict()
    shipped: dict[str, Tensor] = {}
    for name in names:
        tensor = state[name].detach().float()
        if tensor.dim() == 2 and tensor.shape[0] >= 64:
            scale = tensor.abs().amax(dim=1, keepdim=True).clamp(min=1e-8) / 127.0
            shipped[name] = (tensor / scale).round().to(torch.int8).contiguous()
            shipped[f"{name}.scale"] = scale.contiguous()
        else:
            shipped[name] = tensor.to(torch.float16).contiguous()
    return shipped


def unpacked(shipped: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """Yield (name, float32 tensor) of what `packed` made."""
    for name, tensor in shipped.items():
        if name.endswith(".scale"):
            continue
        yield name, tensor.float() * shipped[f"{name}.scale"] if tensor.dtype == torch.int8 else tensor.float()


def _own_weights(folder: Path) -> tuple[str, dict[str, Tensor]]:
    try:
        card = tomllib.loads((folder / "card.toml").read_text(encoding="utf-8"))
        content = (folder / "model.safetensors").read_bytes()
        expected, base, labels = card["weights"]["sha256"], card["base"]["sha256"], card["classes"]
    except (OSError, tomllib.TOMLDecodeError, KeyError) as error:
        raise ModelUnavailableError(f"{folder}: stance weights or their card cannot be read: {error}") from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != expected:
        raise ModelUnavailableError(f"{folder}: model.safetensors has sha256 {digest}, its card says {expected}")
    if base != DIGESTS["model.safetensors"] or tuple(labels) != LABELS:
        raise ModelUnavailableError(f"{folder}: these weights belong to another base model or other classes")
    try:
        return "sha256:" + digest, dict(unpacked(load(content)))
    except (SafetensorError, KeyError) as error:
        raise ModelUnavailableError(f"{folder}: model.safetensors cannot be parsed: {error}") from error
