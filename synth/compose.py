"""`python -m synth.compose FOLDER`: composes the music that this package brings along, out of sines and nothing else.

Two beds and a stinger, so that a first programme can have music without anybody's licence: calculated here, by rules
that are all in this file, and given away under CC0 1.0. No recording and no model had a part in it. Notes ring on over
the end into the beginning, so that a bed repeats without a seam. Little lies above 2 kHz, where words are told apart.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from synth.audio import Samples
from synth.encode import encode_opus

RATE = 48_000  # Hz
CHORD_SECONDS = 8.0
MORNING = ((48, 55, 64, 71), (45, 52, 60, 67), (41, 53, 60, 69), (43, 55, 62, 64))  # MIDI: C, A minor, F, G
EVENING = ((45, 52, 60, 64), (41, 53, 57, 64), (48, 52, 60, 67), (40, 52, 59, 67))  # A minor, F, C, E minor
PEAK = 0.5


def bed(chords: Sequence[Sequence[int]], *, beat: float, seed: int) -> Samples:
    """Return a loop of one slow chord after another, with single notes above it every `beat` seconds or so."""
    random = np.random.default_rng(seed)
    loop = np.zeros(round(len(chords) * CHORD_SECONDS * RATE))
    for number, chord in enumerate(chords):
        begin = number * CHORD_SECONDS
        for note in chord:
            _add(loop, begin - 1.5, _pad(note, CHORD_SECONDS + 3.0, random))
        for step in range(round(CHORD_SECONDS / beat)):
            if random.random() < 0.6:
                note = int(random.choice(chord[1:])) + 12
                _add(loop, begin + step * beat, 0.35 * _pluck(note, 2.5))
    samples: Samples = (loop * (PEAK / np.abs(loop).max())).astype(np.float32)
    return samples


def stinger() -> Samples:
    """Return three rising notes, two and a half seconds."""
    sound = np.zeros(round(2.5 * RATE))
    for number, note in enumerate((64, 67, 72)):
        _add(sound, 0.22 * number, _pluck(note, 2.5 - 0.22 * number), wrap=False)
    samples: Samples = (sound * (PEAK / np.abs(sound).max())).astype(np.float32)
    return samples


def _pad(note: int, seconds: float, random: np.random.Generator) -> np.ndarray:
    """Return a note that swells and fades, of two voices a little apart."""
    time = np.arange(round(seconds * RATE)) / RATE
    sound = np.zeros(len(time))
    for detune in (-0.0015, 0.0015):
        pitch = 440.0 * 2.0 ** ((note - 69) / 12.0) * (1.0 + detune)
        for harmonic in range(1, 7):
            if pitch * harmonic < 2_000.0:
                sound += np.sin(2 * np.pi * (pitch * harmonic * time + random.random())) / harmonic**1.8
    envelope = np.sin(np.pi * time / seconds) ** 2
    tremble = 1.0 + 0.08 * np.sin(2 * np.pi * (0.21 * time + random.random()))
    shaped: np.ndarray = sound * envelope * tremble
    return shaped


def _pluck(note: int, seconds: float) -> np.ndarray:
    """Return a note that is struck and dies away, higher harmonics first."""
    time = np.arange(round(seconds * RATE)) / RATE
    pitch = 440.0 * 2.0 ** ((note - 69) / 12.0)
    sound = np.zeros(len(time))
    for harmonic, level in ((1, 1.0), (2, 0.35), (3, 0.12), (4, 0.05)):
        sound += level * np.sin(2 * np.pi * pitch * harmonic * time) * np.exp(-time * (1.6 + 1.4 * harmonic))
    attack = np.minimum(time / 0.008, 1.0)
    release = np.minimum((seconds - time) / 0.15, 1.0)
    shaped: np.ndarray = sound * attack * release
    return shaped


def _add(loop: np.ndarray, begin: float, sound: np.ndarray, *, wrap: bool = True) -> None:
    """Add a sound to a loop, its end going on at the beginning; or cut it off."""
    place = round(begin * RATE)
    if wrap:
        np.add.at(loop, (place + np.arange(len(sound))) % len(loop), sound)
    else:
        loop[place : place + len(sound)] += sound[: len(loop) - place]


PIECES = {
    "morning-light": lambda: bed(MORNING, beat=0.75, seed=1),
    "evening-harbour": lambda: bed(EVENING, beat=1.5, seed=2),
    "three-notes": stinger,
}
"""What is composed, by the name of its asset."""


def main() -> None:
    """Write every piece into the folder that the command line names."""
    folder = Path(sys.argv[1])
    for name, compose in PIECES.items():
        (folder / f"{name}.opus").write_bytes(encode_opus(compose(), RATE))


if __name__ == "__main__":
    main()
