"""audiowmark (GPL-3, an outside program): 128 bits under a key, spread over about 52 seconds.

It is run as a command and only where the binary is found: `audiowmark` on PATH, or under var/bench/bin. Debian has no
package; it builds there from its public source repository with the packages libfftw3-dev, libsndfile1-dev,
libgcrypt20-dev, libzita-resampler-dev and libmpg123-dev.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import wave
from pathlib import Path

import numpy as np

from bench.watermark.attack import RATE, Place, Samples
from bench.watermark.systems.port import Outcome, SystemMissingError
from synth.watermark import Payload

LOCAL = Path("var/bench/bin/audiowmark")
SURE = 0.40  # quality from which a pattern is taken for real: the highest of false patterns seen is about 0.33


class AudioWmark:
    """audiowmark at its default strength.

    Reading looks for a changed speed, which takes six times as long, only where speed or pitch was changed: that it is
    told so is in its favour.
    """

    name = "audiowmark"
    rule = "all 128 bits of the known message in one of its patterns"

    def __init__(self) -> None:
        """Find the program and make a key; raise `SystemMissingError` where there is none."""
        self._program = shutil.which("audiowmark") or (str(LOCAL.resolve()) if LOCAL.exists() else None)
        if self._program is None:
            raise SystemMissingError("audiowmark is not on PATH; build it from its source, or leave it out")
        self._folder = tempfile.TemporaryDirectory(prefix="audiowmark-")
        self._key = Path(self._folder.name) / "key"
        self._key.write_text("# watermarking key for audiowmark\n\nkey 00112233445566778899aabbccddeeff\n")
        self.version = self._run("--version").split()[-1]

    def embed(self, samples: Samples, episode_id: str) -> Samples:
        """Mark with 128 bits made from the episode's code."""
        source, target = self._file("in.wav"), self._file("out.wav")
        _write(source, samples)
        self._run("-q", "add", "--key", str(self._key), str(source), str(target), _message(episode_id))
        return _read(target)

    def detect(self, samples: Samples, episode_id: str, place: Place | None = None) -> Outcome:
        """Decode and compare; bit accuracy is that of the best pattern."""
        source, answer = self._file("clip.wav"), self._file("answer.json")
        _write(source, samples)
        speed = ["--detect-speed"] if place is None or place.rate != 1.0 else []
        self._run("-q", "get", "--key", str(self._key), *speed, "--json", str(answer), str(source))
        matches = json.loads(answer.read_text())["matches"]
        if not matches:
            return Outcome(detected=False, right=False, bit_accuracy=0.5)
        truth = int(_message(episode_id), 16)
        wrong_bits = [(int(match["bits"], 16) ^ truth).bit_count() for match in matches]
        best = max(float(match["quality"]) for match in matches)
        right = min(wrong_bits) == 0 and episode_id != ""
        return Outcome(
            detected=right,
            right=right,
            wrong=not right and best >= SURE,
            bit_accuracy=1 - min(wrong_bits) / 128,
            score=best,
        )

    def _file(self, name: str) -> Path:
        return Path(self._folder.name) / name

    def _run(self, *arguments: str) -> str:
        done = subprocess.run([str(self._program), *arguments], check=True, capture_output=True, text=True)
        return done.stdout


def _message(episode_id: str) -> str:
    code = Payload(episode_id).code
    return f"{code:016x}{code ^ 0xA5A5A5A5A5A5A5A5:016x}"


def _write(path: Path, samples: Samples) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.clip(samples, -1, 1) * 32_767).astype("<i2").tobytes())


def _read(path: Path) -> Samples:
    with wave.open(str(path), "rb") as file:
        data = file.readframes(file.getnframes())
    return np.frombuffer(data, "<i2").astype(np.float32) / 32_767
