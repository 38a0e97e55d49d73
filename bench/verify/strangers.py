"""Files that the installation which is asked has not released, and some that another one has."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench.verify.files import episode
from bench.watermark.sources import Programme, held_out_speech, material, programmes
from gateway import app
from gateway.cli.embedded import prepare
from gateway.settings import load_settings
from synth.adapters.keyed import KeyedMark
from synth.audio import Samples
from synth.encode import encode_aac, encode_flac, encode_mp3, encode_opus, encode_wav
from synth.training import recordings
from synth.watermark import Payload, Watermark

RATE = recordings.SAMPLE_RATE
SECONDS = 12  # of a file: little more than the shortest in which a mark is looked for
HUMAN, MUSIC, PROGRAMMES, PER_PROGRAMME = 60, 40, 10, 4
INSTALLATIONS = 2  # others that publish
SCRIPTS = (
    "The night train to the coast leaves an hour later from Monday on. Passengers with bicycles should book ahead.",
    "Our choir is looking for basses. Rehearsals are on Thursdays at seven, in the hall beside the library.",
    "The harvest was late this year, and the cellars are still half empty. The growers hope for a dry October.",
    "A new bridge for walkers crosses the river below the mill. It opens on Sunday with a brass band and soup.",
)
HEAD = """---
title: Number {number}
show: Elsewhere
language: en
voices:
  ANNA: hibari-heart
---

ANNA: """
Encoder = Callable[[Samples], bytes]
ENCODERS: tuple[Encoder, ...] = (
    lambda samples: encode_mp3(samples, RATE, 64_000),
    lambda samples: encode_wav(samples, RATE),
    lambda samples: encode_aac(samples, RATE),
    lambda samples: encode_flac(samples, RATE),
    lambda samples: encode_opus(samples, RATE, 24_000),
    lambda samples: encode_mp3(samples, RATE, 96_000),
)


@dataclass(frozen=True, slots=True)
class Stranger:
    """A file that the installation did not release."""

    kind: str
    data: bytes


def strangers(folder: Path, audioseal: Watermark) -> list[Stranger]:
    """Return all of them, the kinds one after another."""
    published = list(_published())
    random = np.random.default_rng(20_261_125)
    sound = material(folder)
    speech = [samples for _, samples in held_out_speech(folder)]
    spoken = programmes("tts", PROGRAMMES, folder, sound)
    people = programmes("human", PROGRAMMES, folder, sound)
    marked = [_marked(one, audioseal, random) for one in [*spoken, *people][::2]]
    kinds: dict[str, list[Samples]] = {
        "human": list(_cuts(speech, HUMAN, random)),
        "music": list(_cuts(list(sound.music), MUSIC, random)),
        "spoken": list(_cuts([one.samples for one in spoken], PROGRAMMES * PER_PROGRAMME, random)),
        "marked elsewhere": list(_cuts(marked, PROGRAMMES * PER_PROGRAMME, random)),
    }
    files = [
        Stranger(kind, ENCODERS[number % len(ENCODERS)](clip))
        for kind, clips in kinds.items()
        for number, clip in enumerate(clips)
    ]
    return [*files, *published]


def _cuts(tracks: list[Samples], count: int, random: np.random.Generator) -> Iterator[Samples]:
    """Yield stretches from random places, from each track in turn."""
    for number in range(count):
        track = tracks[number % len(tracks)]
        start = int(random.integers(len(track) - SECONDS * RATE))
        yield track[start : start + SECONDS * RATE]


def _marked(programme: Programme, audioseal: Watermark, random: np.random.Generator) -> Samples:
    """Return a programme with both marks of an installation that nobody asks here."""
    payload = Payload(f"ep_elsewhere_{programme.kind}_{programme.number}")
    samples = audioseal.embed(programme.samples, RATE, payload)
    return KeyedMark(key=random.bytes(32)).embed(samples, RATE, payload)


def _published() -> Iterator[Stranger]:
    """Yield what other installations released: marked, signed and tagged."""
    for _ in range(INSTALLATIONS):
        with tempfile.TemporaryDirectory() as home:
            settings = load_settings(home=Path(home), spoken_check=False)
            prepare(settings)
            tools = replace(app.build_toolchain(settings), hear=None, hearing_required=False)
            for number, text in enumerate(SCRIPTS):
                yield Stranger("released elsewhere", episode(tools, HEAD.format(number=number) + text))
            tools.close()
