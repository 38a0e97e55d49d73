"""The process that speaks with coqui-tts: `python -m synth.adapters.coqui_worker FOLDER THREADS`.

The engine runs apart from the service because it may hang, die or eat memory, because it logs what it speaks, and
because it must not reach the network. It says on its standard output, in frames of `coqui_frames`:

1. once, when the model is loaded: {"ready": true, "sample_rate": .., "speakers": [..], "languages": [..]},
2. for each request on its standard input, samples as they come and {"done": true} at the end.

Where something fails, {"error": "..."} stands instead. It ends when its standard input is closed.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from synth.adapters.coqui_frames import write_frame
from synth.adapters.coqui_import import import_coqui, refuse_network
from synth.audio import Samples

KINDS = ("vits", "xtts")  # loaded without running code from the file; bark, for one, is not
CHECKPOINTS = ("model.pth", "model_file.pth")  # as XTTS and as the older archives name it


class Model:
    """One loaded model."""

    def __init__(self, folder: Path, threads: int) -> None:
        """Load it (seconds); raises whatever the engine raises, and `ValueError` for a kind that is not spoken here."""
        import torch

        torch.set_num_threads(threads)
        self._torch = torch
        configuration = json.loads((folder / "config.json").read_text())
        self.kind = str(configuration.get("model"))
        if self.kind not in KINDS:
            raise ValueError(f"models of the kind '{self.kind}' are not spoken here, only {' and '.join(KINDS)}")
        speakers = folder / "speaker_ids.json"
        checkpoint = next(folder / name for name in CHECKPOINTS if (folder / name).exists())
        self._api: Any = import_coqui()(
            model_path=str(folder if self.kind == "xtts" else checkpoint),
            config_path=str(folder / "config.json"),
            speakers_file_path=str(speakers) if speakers.exists() and self.kind == "vits" else None,
            progress_bar=False,
        )
        self._voices: dict[str, tuple[Any, Any]] = {}
        self.sample_rate = int(self._api.synthesizer.output_sample_rate)
        self.speakers = [str(name) for name in self._api.speakers or ()]
        self.languages = [str(name) for name in self._api.languages or ()]

    def speak(self, request: dict[str, Any]) -> Iterator[Samples]:
        """Yield samples; the same request gives the same ones."""
        torch = self._torch
        text, speaker, language = str(request["text"]), request.get("speaker"), request.get("language")
        torch.manual_seed(request["seed"] & 0xFFFF_FFFF)
        np.random.seed(request["seed"] & 0xFFFF_FFFF)  # the engine draws from this one
        with torch.inference_mode():
            if self.kind == "xtts":
                yield from self._stream(text, speaker, language, request.get("speaker_wav"))
                return
            self._refuse_unknown(text)
            spoken = self._api.tts(text, speaker=speaker, language=language, split_sentences=False)
            yield np.asarray(spoken, dtype=np.float32)

    def _stream(self, text: str, speaker: str | None, language: str | None, wav: str | None) -> Iterator[Samples]:
        latent, embedding = self._voice_of(speaker, wav)
        model = self._api.synthesizer.tts_model
        for chunk in model.inference_stream(text, language, latent, embedding, enable_text_splitting=False):
            yield chunk.cpu().numpy().reshape(-1).astype(np.float32)

    def _voice_of(self, speaker: str | None, wav: str | None) -> tuple[Any, Any]:
        """Return what XTTS knows of a voice: of a recording, listened to once, or of one of its own speakers."""
        model = self._api.synthesizer.tts_model
        key = wav or speaker or ""
        if key not in self._voices:
            if wav is not None:
                _read_recordings_ourselves()
                self._voices[key] = model.get_conditioning_latents(audio_path=[wav])
            else:
                one = model.speaker_manager.speakers[speaker]
                self._voices[key] = (one["gpt_cond_latent"], one["speaker_embedding"])
        return self._voices[key]

    def _refuse_unknown(self, text: str) -> None:
        """Raise `ValueError` for a symbol without a sound, which the engine would leave out silently."""
        tokenizer = self._api.synthesizer.tts_model.tokenizer
        cleaned = tokenizer.text_cleaner(text) if tokenizer.text_cleaner else text
        symbols = tokenizer.phonemizer.phonemize(cleaned, separator="") if tokenizer.use_phonemes else cleaned
        if unknown := sorted(set(symbols) - set(tokenizer.characters.vocab)):
            raise ValueError(f"the model has no sound for {unknown}")


def _read_recordings_ourselves() -> None:
    """Let XTTS hear recordings through our own decoder: torchaudio reads files only with libraries of the system."""
    import torch
    from TTS.tts.models import xtts

    from synth.decode import decode

    def load(path: str, sampling_rate: int) -> Any:
        sound = decode(Path(path).read_bytes(), target_rate=sampling_rate)
        return torch.from_numpy(sound.samples).clamp(-1.0, 1.0).unsqueeze(0)

    xtts.load_audio = load


def serve(folder: Path, threads: int, requests: BinaryIO, replies: BinaryIO) -> None:
    """Load the model and answer requests, one JSON object a line, until there are no more."""
    try:
        model = Model(folder, threads)
    except Exception as error:  # noqa: BLE001  # whatever it is, the service must be told
        write_frame(replies, {"error": f"{type(error).__name__}: {error}"[:500]})
        return
    ready = {"sample_rate": model.sample_rate, "speakers": model.speakers, "languages": model.languages}
    write_frame(replies, {"ready": True, **ready})
    for line in requests:
        try:
            for samples in model.speak(json.loads(line)):
                write_frame(replies, {}, samples)
            write_frame(replies, {"done": True})
        except Exception as error:  # noqa: BLE001  # as above
            # ValueErrors are our own words; others may quote the script, which no message may hold.
            said = f": {error}" if type(error) is ValueError else ""
            write_frame(replies, {"error": f"{type(error).__name__}{said}"[:500]})


def main() -> None:
    """Keep the standard output for frames: whatever the engine prints goes where nobody reads it."""
    refuse_network()
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    serve(Path(sys.argv[1]), int(sys.argv[2]), sys.stdin.buffer, replies)


if __name__ == "__main__":
    main()
