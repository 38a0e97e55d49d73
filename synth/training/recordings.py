"""Real speech and music for training and measuring, from Debian packages: `python -m synth.training.recordings`.

The packages are fetched by name with `apt-get download`, unpacked with `dpkg-deb -x` (never installed) and decoded to
16 kHz mono.  The split is by speaker and by piece of music, and part of this file: what is held out is never trained
on.  The recordings are used here only; nothing that ships contains them.  `manifest.json` names every package with its
version, licence and author.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import av
import numpy as np
import soxr
from numpy.typing import NDArray

Kind = Literal["speech", "music"]
Split = Literal["train", "held_out"]

SAMPLE_RATE: Final = 16_000
TRACK_RMS: Final = 0.1
"""Loudness every track is brought to (-20 dBFS); less where peaks would pass `TRACK_PEAK`."""
TRACK_PEAK: Final = 0.95
PAUSE_SECONDS: Final = (0.2, 0.7)
"""Pause between two prompts, uniform; a prompt is a word to a few sentences long."""
NO_SPEECH: Final = re.compile(r"(^|/)(silence/|beep|\w*-?2tone|confbridge-(join|leave)|tt-monkeys|\w*monkeys)")
"""Prompts that hold no voice."""


@dataclass(frozen=True, slots=True)
class Source:
    """One package, or some of its files, that become one track."""

    name: str
    package: str
    kind: Kind
    split: Split
    licence: str
    credit: str
    files: str = r".*"
    """Regular expression on the path inside the package."""
    bandwidth: int = SAMPLE_RATE // 2
    """Hertz; what the recording holds."""


_ASTERISK: Final = r"\.(g722|wav)$"
SOURCES: Final = (
    Source("allison-en", "asterisk-core-sounds-en-g722", "speech", "train", "CC-BY-SA-3.0", "Allison Smith", _ASTERISK),
    Source("allison-es", "asterisk-core-sounds-es-g722", "speech", "train", "CC-BY-SA-3.0", "Allison Smith", _ASTERISK),
    Source("maxim-ru", "asterisk-core-sounds-ru-g722", "speech", "train", "CC-BY-3.0", "Maxim Topal", _ASTERISK),
    Source("june-fr", "asterisk-core-sounds-fr-g722", "speech", "held_out", "CC-BY-SA-3.0", "June Wallack", _ASTERISK),
    Source("carlo-it", "asterisk-core-sounds-it-g722", "speech", "held_out", "CC-BY-SA-3.0", "Carlo Flora", _ASTERISK),
    Source(
        "menardi-it", "asterisk-prompt-it-menardi-wav", "speech", "held_out", "CC-BY-SA-3.0",
        "Marco Menardi and Paola Dal Zot", _ASTERISK, 4_000,
    ),
    Source(
        "macroform", "asterisk-moh-opsound-g722", "music", "train", "CC-BY-SA-3.0", "Paul Shuler (Macroform)",
        r"/macroform.*\.g722$",
    ),
    Source(
        "camp-reno", "asterisk-moh-opsound-g722", "music", "held_out", "CC-BY-SA-3.0", "Manolo Camp; Reno Project",
        r"/(manolo|reno).*\.g722$",
    ),
    Source(
        "singularity", "singularity-music", "music", "held_out", "CC-BY-SA-3.0", "Max McCracken", r"\.ogg$"
    ),
)  # fmt: skip
"""Five speakers, three of them held out, is few; the model card says so."""


@dataclass(frozen=True, slots=True)
class Track:
    """A decoded source: mono float32 samples of shape (T,) at 16 kHz, and where they come from."""

    source: Source
    samples: NDArray[np.float32] = field(repr=False)


def fetch(package: str, folder: Path) -> tuple[Path, str]:
    """Download `package` into `folder`, unless it is there, and unpack it; returns its root and its version.

    Raises `RuntimeError` where there is no apt-get, or where it cannot reach a Debian mirror.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = sorted(folder.glob(f"{package}_*.deb"))
    if not found:
        _run("apt-get", "download", package, cwd=folder)
        found = sorted(folder.glob(f"{package}_*.deb"))
    version = found[-1].name.split("_")[1].replace("%3a", ":")
    root = folder / package
    if not root.exists():
        _run("dpkg-deb", "-x", str(found[-1].resolve()), str(root.resolve()), cwd=folder)
    return root, version


def decode(file: Path) -> NDArray[np.float32]:
    """Decode any file that PyAV reads to mono float32 at 16 kHz, shape (T,); raw G.722 is known by its suffix."""
    layout = "g722" if file.suffix == ".g722" else None
    with av.open(str(file), "r", format=layout) as container:
        stream: Any = container.streams.audio[0]
        rate = int(stream.rate)
        resampler = av.AudioResampler(format="fltp", layout="mono")
        parts = [part.to_ndarray()[0] for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    samples = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    resampled: NDArray[np.float32] = soxr.resample(samples, rate, SAMPLE_RATE).astype(np.float32)
    return resampled


def join(pieces: list[NDArray[np.float32]], kind: Kind, seed: int) -> NDArray[np.float32]:
    """Make one track of `pieces`: speech in a random order with silent pauses, music piece after piece."""
    rng = np.random.default_rng(seed)
    out: list[NDArray[np.float32]] = []
    for index in rng.permutation(len(pieces)) if kind == "speech" else range(len(pieces)):
        out.append(pieces[index])
        if kind == "speech":
            out.append(np.zeros(int(SAMPLE_RATE * rng.uniform(*PAUSE_SECONDS)), np.float32))
    track = np.concatenate(out)
    sound = track[np.abs(track) > 0]
    gain = min(TRACK_RMS / float(np.sqrt(np.mean(sound**2))), TRACK_PEAK / float(np.abs(sound).max()))
    return (track * gain).astype(np.float32)


def prepare(out: Path) -> list[dict[str, Any]]:
    """Fetch and decode every source into `out/<name>.npy` (int16), unless it is there; returns the manifest."""
    manifest = []
    for number, source in enumerate(SOURCES):
        root, version = fetch(source.package, out / "packages")
        target = out / f"{source.name}.npy"
        if not target.exists():
            files = sorted(path for path in root.rglob("*") if re.search(source.files, str(path)))
            spoken = [path for path in files if not NO_SPEECH.search(str(path.relative_to(root)))]
            track = join([decode(path) for path in spoken], source.kind, seed=number)
            np.save(target, np.rint(track * 32_767).astype(np.int16))
        seconds = np.load(target, mmap_mode="r").size / SAMPLE_RATE
        manifest.append(asdict(source) | {"version": version, "seconds": round(seconds, 1)})
    (out / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return manifest


def load(out: Path, kind: Kind, split: Split) -> list[Track]:
    """Tracks of `kind` and `split` that `prepare` wrote to `out`; `FileNotFoundError` says how to make them."""
    tracks = []
    for source in SOURCES:
        if (source.kind, source.split) != (kind, split):
            continue
        file = out / f"{source.name}.npy"
        if not file.exists():
            raise FileNotFoundError(f"{file} is missing: run `python -m synth.training.recordings --out {out}` first")
        tracks.append(Track(source, np.load(file).astype(np.float32) / 32_767))
    return tracks


def _run(*command: str, cwd: Path) -> None:
    try:
        subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True)  # noqa: S603 # fixed program names
    except (OSError, subprocess.CalledProcessError) as error:
        detail = getattr(error, "stderr", None) or error
        raise RuntimeError(
            f"`{' '.join(command)}` failed: {detail}. The recordings come from Debian packages and need apt-get, "
            "dpkg-deb and a mirror; run `apt-get update` once, or put the .deb files into the folder yourself."
        ) from error


def main() -> None:
    """Fetch everything and print the manifest."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("var/recordings"))
    for row in prepare(parser.parse_args().out):
        print("{kind:7} {split:9} {name:12} {seconds:7.0f} s  {package} {version}  {licence}  {credit}".format(**row))


if __name__ == "__main__":
    main()
