"""Train the head that tells claims from talk, over the packaged encoder's vectors.

    python -m policies.training.checkworthy --data DATA --out policies/weights/checkworthy

Claims of CREAK, SciFact and the COVID-19 rumours, plain and as they are spoken, against own sentences that hold no
claim (`checkworthy.toml`). Claims and templates are held out for development. About two minutes on one core.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import tomllib
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from policies.adapters.minilm import MiniLmEncoder
from policies.adapters.packaged_encoder import DIGESTS, MODEL_ID, PackagedEncoder
from policies.training.exam import area
from policies.training.stance_examples import Templates, fill, held_out, read_claims, read_templates

SEED = 20261125
_HIDDEN = 32
_CLAIMS = 5000  # as many as there is talk, about
_DRAWS = 40  # sentences of each template of talk
_HELD_TEMPLATES = 0.2
_SPOKEN = ("assert", "debunk")


def talk(folder: Path, generator: random.Random) -> list[tuple[str, bool]]:
    """Return (sentence, held out) of every template of talk; a template lies on one side only."""
    document = tomllib.loads((folder / "checkworthy.toml").read_text(encoding="utf-8"))
    sentences: dict[str, bool] = {}
    for family in document["family"]:
        for template in family["templates"]:
            for _ in range(_DRAWS):
                sentences[fill(template, document["slots"], generator)] = held_out(template, _HELD_TEMPLATES)
    return list(sentences.items())


def claims(data: Path, templates: Templates, generator: random.Random) -> list[tuple[str, bool]]:
    """Return (sentence, held out) of claims; half of them in a spoken framing, so that form tells nothing."""
    chosen = generator.sample(read_claims(data, []), _CLAIMS)
    sentences = []
    for claim in chosen:
        text = f"{claim.wordings[0]}."
        if generator.random() < 0.5:
            families = templates.families[generator.choice(_SPOKEN)]
            plain = [item for _, family in families for item in family if "||" not in item and "{n}" not in item]
            text = fill(generator.choice(plain), {**templates.slots, "c": (claim.wordings[0],)}, generator)
        sentences.append((text, claim.held_out))
    return sentences


def train(vectors: Tensor, labels: Tensor) -> nn.Sequential:
    """Return a trained head; full batches, weight decay instead of early stopping."""
    torch.manual_seed(SEED)
    head = nn.Sequential(nn.Linear(vectors.shape[1], _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, 1))
    optimizer = torch.optim.AdamW(head.parameters(), lr=5e-3, weight_decay=0.05)
    weight = (labels == 0).sum() / (labels == 1).sum()
    for _ in range(300):
        loss = nn.functional.binary_cross_entropy_with_logits(head(vectors)[:, 0], labels, pos_weight=weight)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        optimizer.step()
    return head


def card(weights: Path, measured: str) -> str:
    """Return the text of `card.toml`."""
    digest = hashlib.sha256((weights / "model.safetensors").read_bytes()).hexdigest()
    return f'''# Card of the check-worthiness weights; written by policies/training/checkworthy.py.
name = "assay/checkworthiness"
made_on = "2026-11-25"
what = "Whether a sentence states something that could be checked: one hidden layer over the encoder's vector."
language = "en"
limits = """
English only, one sentence at a time. It says nothing about truth, and nothing is decided by it alone: it only keeps
talk from being reported as an unverified claim.
"""

[weights]
file = "model.safetensors"
sha256 = "{digest}"
licence = "Apache-2.0"

[base]
name = "{MODEL_ID}"
sha256 = "{DIGESTS["model.safetensors"]}"
licence = "Apache-2.0"

# On sentences whose claim, or whose template of talk, was not trained on; threshold 0.5.
[measured]
{measured}

[[data]]
name = "sentences without a claim, policies/training/checkworthy.toml"
licence = "Apache-2.0"
cite = "own"

[[data]]
name = "CREAK, SciFact and COVID-19 rumour claims"
licence = "MIT, CC-BY-4.0, MIT"
cite = "Onoe et al. 2021; Wadden et al. 2020; Cheng et al. 2021"
'''


def main() -> None:
    """Encode, train, measure, write weights and card."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with claims/")
    parser.add_argument("--out", type=Path, required=True, help="folder for model.safetensors and card.toml")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    generator = random.Random(SEED)  # noqa: S311 - reproducible sampling, not a secret

    folder = Path(__file__).parent
    templates = read_templates(folder, generator)
    positive, negative = claims(arguments.data, templates, generator), talk(folder, generator)
    examples = [(text, 1.0, held) for text, held in positive] + [(text, 0.0, held) for text, held in negative]
    vectors = torch.from_numpy(MiniLmEncoder(packaged=PackagedEncoder()).encode([text for text, _, _ in examples]))
    labels = torch.tensor([label for _, label, _ in examples])
    development = torch.tensor([held for _, _, held in examples])
    head = train(vectors[~development], labels[~development])

    with torch.no_grad():
        scores = head(vectors[development])[:, 0].sigmoid()
    truth = labels[development] == 1
    right = (scores >= 0.5) & truth
    f1 = 2 * int(right.sum()) / max(1, int((scores >= 0.5).sum()) + int(truth.sum()))
    count = len(truth)
    measured = (
        f"f1 = {{ value = {f1:.4f}, n = {count} }}\n"
        f"auc = {{ value = {area(scores.numpy(), truth.numpy()):.4f}, n = {count} }}\n"
        f"accuracy = {{ value = {float(((scores >= 0.5) == truth).float().mean()):.4f}, n = {count} }}"
    )
    print(measured)
    arguments.out.mkdir(parents=True, exist_ok=True)
    names = {"0": "inner", "2": "outer"}
    state = {f"{names[key.split('.')[0]]}.{key.split('.')[1]}": value for key, value in head.state_dict().items()}
    save_file({name: value.contiguous() for name, value in state.items()}, arguments.out / "model.safetensors")
    (arguments.out / "card.toml").write_text(card(arguments.out, measured), encoding="utf-8")


if __name__ == "__main__":
    main()
