"""What a stranger would do with a released file: check it, and three things that are not it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.cli.embedded import EmbeddedGate, Outcome

if TYPE_CHECKING:
    from rich.console import Console

    from gateway.verification.report import Report

COPY_BIT_RATE = 64_000  # half of what was released: a usual messenger's choice
UNRELATED = (
    "This is a different programme, read by the same voice. Nobody screened it, nobody marked it, and nobody "
    "signed it. It talks about the tide tables for the coming week, about the new timetable of the ferry, and about "
    "the repair of the clock on the customs house, which has shown ten past four since the spring"
)


@dataclass(frozen=True, slots=True)
class CopyCheck:
    """One file, what was done to it, and what verification says."""

    episode: str
    path: Path
    what: str
    expected: tuple[str, ...]
    report: Report

    @property
    def as_expected(self) -> bool:
        """True if the report says what it should."""
        return self.report.conclusion.value in self.expected

    def to_dict(self) -> dict[str, object]:
        """Return the check as JSON values, without the whole report."""
        return {
            "episode": self.episode,
            "file": str(self.path),
            "what": self.what,
            "expected": list(self.expected),
            "conclusion": self.report.conclusion.value,
            "as_expected": self.as_expected,
        }


def check_copies(
    gate: EmbeddedGate, episodes: list[tuple[str, Outcome]], folder: Path, screen: Console
) -> list[CopyCheck]:
    """Verify every released MP3 as it is, re-encoded, with changed bytes, and unrelated speech."""
    from gateway.app import build_verifier

    tools = gate.toolchain
    verifier = build_verifier(gate.settings, database=tools.database, log=tools.log, marks=tools.marks, public=True)
    results: list[CopyCheck] = []
    with closing(verifier), screen.status("checking the released files") as status:

        def check(episode: str, path: Path, what: str, *expected: str) -> None:
            status.update(f"checking {path.name}: {what}")
            results.append(CopyCheck(episode, path, what, expected, verifier.verify(path.read_bytes())))

        for name, _ in episodes:
            released = folder / f"{name}.mp3"
            check(name, released, "(a) nothing", "genuine")
            check(name, _reencoded(released), "(b) encoded again at 64 kbit/s, metadata gone", "recovered_copy")
            check(name, _changed(released), "(c) sixteen bytes changed", "altered")
        check("none", _unrelated(gate, folder), "(d) other speech by the same voice, unmarked", "unknown")
    return results


def _reencoded(path: Path) -> Path:
    from synth.decode import decode
    from synth.encode import encode_mp3

    sound = decode(path.read_bytes())
    copy = path.with_name(f"{path.stem}-copy.mp3")
    copy.write_bytes(encode_mp3(sound.samples, sound.sample_rate, COPY_BIT_RATE))
    return copy


def _changed(path: Path) -> Path:
    data = bytearray(path.read_bytes())
    middle = 2 * len(data) // 3  # within the sound, far behind tags and credentials
    for offset in range(16):
        data[middle + 97 * offset] ^= 0x55
    copy = path.with_name(f"{path.stem}-changed.mp3")
    copy.write_bytes(bytes(data))
    return copy


def _unrelated(gate: EmbeddedGate, folder: Path) -> Path:
    from synth.encode import encode_mp3

    voice = gate.toolchain.voices.get("hibari-heart")
    import numpy as np
    import soxr

    spoken = np.concatenate([voice.speak(sentence + ".", seed=7) for sentence in UNRELATED.split(". ") if sentence])
    samples = soxr.resample(spoken, voice.sample_rate, 44_100).astype(np.float32)
    path = folder / "unrelated.mp3"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_mp3(samples, 44_100))
    return path
