"""The sound that is marked: programmes of about a minute, of voices that no weights of ours were trained on but TTS.

- `tts`: the gate's own voices read the example scripts. AudioSeal's weights know these voices, not these sentences.
- `human`: people who recorded telephone prompts, from Debian packages; only speakers that `synth.training.recordings`
  holds out of all training.
- `music`: either of them over held-out music 12 dB below, mixed before it is marked, as in a produced episode.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soxr

from bench.watermark.attack import RATE, Material, Samples, level, mixed
from synth.adapters.hibari import hibari_catalogue
from synth.errors import SynthError
from synth.formats import parse_script
from synth.sentences import split_sentences
from synth.training import recordings

KINDS = ("tts", "human", "music")
SECONDS = 64  # of a programme
LOUDNESS = 0.1  # root mean square of a programme where it is not silent
SCRIPTS = Path("examples")
PAUSE = 0.35  # seconds between two sentences
MUSIC_BELOW = 12.0  # dB


@dataclass(frozen=True, slots=True)
class Programme:
    """One minute of sound to be marked as one episode; float32 mono at 16 kHz."""

    kind: str
    number: int
    voice: str
    samples: Samples = field(repr=False)

    @property
    def episode_id(self) -> str:
        """The episode it is marked as."""
        return f"bench-{self.kind}-{self.number}"


def material(folder: Path) -> Material:
    """Return held-out music, and speech of a man who is in no programme; fetches them once (Debian packages)."""
    recordings.prepare(folder)
    music = [track.samples for track in recordings.load(folder, "music", "held_out")]
    strangers = [
        track.samples for track in recordings.load(folder, "speech", "train") if track.source.name.startswith("maxim")
    ]
    return Material(music=tuple(music), speech=tuple(strangers))


def programmes(kind: str, count: int, folder: Path, sound: Material) -> list[Programme]:
    """Return `count` programmes of one kind; the first ones do not depend on `count`."""
    made: list[Programme] = []
    tts, human = _tts(), _human(folder)
    for number in range(count):
        if kind == "tts":
            voice, samples = next(tts)
        elif kind == "human":
            voice, samples = next(human)
        else:
            voice, samples = next((tts, human)[number % 2])
            rng = np.random.default_rng([12, number])
            bed = sound.a_piece_of(sound.music, len(samples), rng)
            voice, samples = f"{voice} over music", _levelled(mixed(samples, bed, MUSIC_BELOW))
        made.append(Programme(kind, number, voice, samples))
    return made


def held_out_speech(folder: Path) -> list[tuple[str, Samples]]:
    """Return all human speech that no training has seen: name of the speaker's track, samples."""
    recordings.prepare(folder)
    return [(track.source.name, track.samples) for track in recordings.load(folder, "speech", "held_out")]


def _human(folder: Path) -> Iterator[tuple[str, Samples]]:
    """Speakers take turns; every turn is another minute."""
    tracks = held_out_speech(folder)
    for turn in range(1_000):
        for name, samples in tracks:
            start = (turn * 3 + 1) * SECONDS * RATE % (len(samples) - SECONDS * RATE)
            yield name, _levelled(samples[start : start + SECONDS * RATE])


def _tts() -> Iterator[tuple[str, Samples]]:
    """Voices take turns; every programme begins at another sentence."""
    sentences = [
        sentence
        for path in sorted(SCRIPTS.glob("*.md"))
        for utterance in parse_script(path.read_text(encoding="utf-8")).utterances
        for sentence in split_sentences(utterance.text)
    ]
    voices = list(hibari_catalogue().voices.values())
    for turn in range(1_000):
        voice = voices[turn % len(voices)]
        parts: list[Samples] = []
        place = turn * 7
        while sum(map(len, parts)) < SECONDS * RATE:
            text = sentences[place % len(sentences)]
            place += 1
            try:
                spoken = voice.speak(text, seed=turn)
            except SynthError:
                continue  # a sentence that this voice refuses; the next one will do
            parts.append(soxr.resample(spoken, voice.sample_rate, RATE).astype(np.float32))
            parts.append(np.zeros(round(PAUSE * RATE), np.float32))
        yield voice.id, _levelled(np.concatenate(parts)[: SECONDS * RATE])


def _levelled(samples: Samples) -> Samples:
    """Bring to `LOUDNESS`, or less where peaks would pass full scale."""
    loudness = level(samples[np.abs(samples) > 1e-4])
    gain = min(LOUDNESS / loudness, 0.95 / float(np.abs(samples).max()))
    return (samples * np.float32(gain)).astype(np.float32)
