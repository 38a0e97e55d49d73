"""Writes an XTTS model with random weights, which makes noise in the real way: `python untrained_xtts.py FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

from synth.adapters.coqui_import import import_coqui

SPECIAL = ("[STOP]", "[UNK]", "[SPACE]", "[en]", "[START]")
CODES = 1_024  # of sound; the real model has eight times as many


def main(folder: Path) -> None:
    import_coqui()
    import torch
    from tokenizers import Tokenizer, models
    from TTS.tts.configs.xtts_config import XttsConfig
    from TTS.tts.layers.xtts.tokenizer import VoiceBpeTokenizer
    from TTS.tts.models.xtts import Xtts

    folder.mkdir()
    symbols = {symbol: number for number, symbol in enumerate([*SPECIAL, *"abcdefghijklmnopqrstuvwxyz',.!?-"])}
    tokenizer = Tokenizer(models.BPE(vocab=symbols, merges=[], unk_token="[UNK]"))
    tokenizer.add_special_tokens(list(SPECIAL))
    tokenizer.save(str(folder / "vocab.json"))
    config = XttsConfig()
    sizes = config.model_args
    sizes.gpt_layers, sizes.gpt_n_heads, sizes.gpt_use_perceiver_resampler = 2, 4, True
    sizes.gpt_number_text_tokens, sizes.gpt_start_text_token, sizes.gpt_stop_text_token = len(symbols), 4, 0
    sizes.gpt_num_audio_tokens, sizes.gpt_start_audio_token, sizes.gpt_stop_audio_token = CODES + 2, CODES, CODES + 1
    sizes.tokenizer_file = str(folder / "vocab.json")
    torch.manual_seed(1)
    model = Xtts(config)
    model.tokenizer = VoiceBpeTokenizer(vocab_file=sizes.tokenizer_file)
    model.init_models()
    torch.save({"model": {**model.state_dict(), "mel_stats": torch.ones(80)}}, folder / "model.pth")
    sizes.tokenizer_file = ""
    config.save_json(str(folder / "config.json"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
