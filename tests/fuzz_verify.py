"""Broken, forged and glued-together files for the public verifier: `make fuzz-verify`, and a small part in every run.

Every file that was released is mutated, half of the time where its manifest lies, and goes through the whole verifier
with its confined processes. What must hold of each:

1. The answer is a report of seven checks or a refusal that names a reason; nothing else is raised, and no process that
   parses dies.
2. `genuine` is said of the released bytes alone.
3. Credentials are called trusted only where all that a person hears and reads is what was signed: C2PA leaves bytes
   of padding free, so that a changed byte need not be a changed file.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gateway.verification.report import Report
from gateway.verification.sandbox import SandboxedOpener, SandboxLimits
from gateway.verify import Verifier
from synth.adapters.contentcredentials import ContentCredentialsReader
from synth.containers import sniff
from synth.encode import MEDIA_TYPES
from synth.errors import AudioError
from tests.api_gate import PUBLIC_URL, ChipMark, Gate, a_script, build_gate
from tests.production_samples import gate as signing_gate
from tests.production_samples import producer

HEADERS = 600  # bytes: the pages of an Ogg file before its sound
LABELS = (
    *(b"moov", b"trak", b"mdhd", b"stsd", b"esds", b"stts", b"stsc", b"stsz", b"stco", b"mdat", b"uuid", b"free"),
    *(
        b"OggS",
        b"OpusHead",
        b"OpusTags",
        b"fLaC",
        b"RIFF",
        b"fmt ",
        b"data",
        b"C2PA",
        b"ID3",
        b"GEOB",
        b"jumb",
        b"jumd",
    ),
)
"""Beside each of them lies a length, a count or an offset."""
DIED = "cannot be parsed within the limits"
EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFF0)


@dataclass(frozen=True)
class Seed:
    """A released file, where its manifest lies in it, and what it says."""

    name: str
    data: bytes
    manifest: tuple[int, int]


class Subject:
    """A gateway with one short released episode, verified as the public would."""

    def __init__(self, home: Path) -> None:
        maker = producer(marks=[ChipMark()], renditions=MEDIA_TYPES)
        self.gate: Gate = build_gate(home, maker=maker, disclosure="")  # short sound, many files
        episode_id = self.gate.make(a_script(sentences=2))
        tools = self.gate.chain.tools
        clips = self.gate.client("auditor").get(f"/v1/submissions/{episode_id}").json()["clips"]
        self.seeds = []
        for clip in clips:
            data = tools.blobs.read(clip["sha256"])
            place = data.find(clip["manifest_label"].encode())
            # A file that cannot hold its manifest has another beside it: then its headers are what is mutated more.
            manifest = (max(0, place - 200), place + 14_000) if place >= 0 else (0, HEADERS)
            self.seeds.append(Seed(clip["media_type"], data, manifest))
        signer = signing_gate()
        reader = getattr(signer, "reader", signer)
        assert isinstance(reader, ContentCredentialsReader)
        self.opener = SandboxedOpener(
            program="gateway.app.openerprocess",
            configuration={
                "trust_anchors": reader.trust_anchors_pem.decode(),
                "time_stamp_anchors": reader.time_stamp_anchors_pem.decode(),
            },
            limits=SandboxLimits(max_seconds=120, wall_seconds=20, cpu_seconds=10),
        )
        self.opener.self_test()
        self.verifier = Verifier(
            database=tools.database,
            log=tools.log,
            opener=self.opener,
            marks=tools.marks,
            public_url=PUBLIC_URL,
            clock=tools.clock,
            jitter_key=b"jitter key of tests",
            detached=lambda data, digest: reader.read(data, "audio/ogg", manifest_store=tools.blobs.read(digest)),
        )
        self._original = {seed.name: self.opener.open(seed.data, _container(seed.data)) for seed in self.seeds}

    def close(self) -> None:
        self.opener.close()
        self.gate.chain.database.dispose()

    def judge(self, data: bytes, seed: Seed) -> tuple[str, str]:
        """Return (conclusion, what is wrong or nothing)."""
        try:
            report = self.verifier.verify(data)
        except AudioError as error:
            return "refused", f"a process died: {error}" if DIED in str(error) else ""
        return report.conclusion.value, self._wrong(report, data, seed)

    def _wrong(self, report: Report, data: bytes, seed: Seed) -> str:
        if [check.number for check in report.checks] != [1, 2, 3, 4, 5, 6, 7]:
            return "the report does not have its seven checks"
        if not report.complete:
            return "a check could not run"
        if DIED in report.check("readable").explanation:
            return "a process died"
        if report.conclusion.value == "genuine" and data not in [one.data for one in self.seeds]:
            return "genuine, but not the bytes that were released"
        if report.check("credentials").details.get("state") == "trusted" and data != seed.data:
            return self._changed(data, seed)
        return ""

    def _changed(self, data: bytes, seed: Seed) -> str:
        """Say what a person would hear or read that was not signed, in a file whose credentials are trusted."""
        candidates = [self._original[one.name] for one in self.seeds]
        opened = self.opener.open(data, _container(data))
        for original in candidates:
            if opened.sound is None or original.sound is None or opened.credentials is None:
                continue
            same_sound = np.array_equal(opened.sound.samples, original.sound.samples)
            if same_sound and replace(opened.credentials) == original.credentials:
                return ""
        return "trusted, but the sound or the claims were changed"


def _container(data: bytes) -> object:
    found = sniff(data)
    assert found is not None
    return found


def mutate(seed: Seed, others: Sequence[Seed], chance: random.Random) -> bytes:
    """Return the seed's file, changed in one to three ways."""
    data = bytearray(seed.data)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        data = bytearray(chance.choice(MUTATIONS)(data, seed, others, chance))
    return bytes(data)


def _place(data: bytearray, seed: Seed, chance: random.Random) -> int:
    if not data:
        return 0
    if chance.random() < 0.5:
        start, end = seed.manifest
        return min(chance.randrange(start, end), len(data) - 1)
    return chance.choice((chance.randrange(len(data)), chance.randrange(min(len(data), 256))))


def _flip(data: bytearray, seed: Seed, others: Sequence[Seed], chance: random.Random) -> bytearray:
    for _ in range(chance.choice((1, 1, 4, 32))):
        if data:
            data[_place(data, seed, chance)] ^= 1 << chance.randrange(8)
    return data


def _noise(data: bytearray, seed: Seed, others: Sequence[Seed], chance: random.Random) -> bytearray:
    place = _place(data, seed, chance)
    length = chance.choice((1, 16, 300, 5_000))
    data[place : place + length] = chance.randbytes(min(length, len(data) - place))
    return data


def _extreme(data: bytearray, seed: Seed, others: Sequence[Seed], chance: random.Random) -> bytearray:
    place = _place(data, seed, chance)
    data[place : place + 4] = chance.choice(EXTREMES).to_bytes(4, chance.choice(("big", "little")))
    return data


def _cut(data: bytearray, seed: Seed, others: Sequence[Seed], chance: random.Random) -> bytearray:
    place = _place(data, seed, chance)
    del data[place : place + chance.choice((1, 7, 512, 20_000))]
    return data


def _truncate(data: bytearray, seed: Seed, others: Sequence[Seed], chance: random.Random) -> bytearray:
    return data[: _place(data, seed, chance)]


def _repeat(data: bytearray, seed: Seed, others: Sequence[Seed], chance: random.Random) -> bytearray:
    start, length = _place(data, seed, chance), chance.choice((8, 600, 16_000))
    place = _place(data, seed, chance)
    data[place:place] = data[start : start + length]
    return data


def _append(data: bytearray, seed: Seed, others: Sequence[Seed], chance: random.Random) -> bytearray:
    return data + chance.choice(([chance.randbytes(chance.choice((1, 128, 10_000)))], [one.data for one in others]))[0]


def _graft(data: bytearray, seed: Seed, others: Sequence[Seed], chance: random.Random) -> bytearray:
    """Put another file's manifest, or its sound, where this file's is."""
    other = chance.choice(others)
    start, end = other.manifest
    place = seed.manifest[0]
    data[place : place + end - start] = other.data[start:end]
    return data


def _polyglot(data: bytearray, seed: Seed, others: Sequence[Seed], chance: random.Random) -> bytearray:
    heads = (
        b"%PDF-1.7\n",
        b"PK\x03\x04",
        b"RIFF\xff\xff\xff\xffWAVE",
        b"ID3\x04\0\0\x7f\x7f\x7f\x7f",
        b"fLaC",
        b"OggS",
    )
    return bytearray(chance.choice(heads)) + data


def _length(data: bytearray, seed: Seed, others: Sequence[Seed], chance: random.Random) -> bytearray:
    """Let a box, chunk or page say something else about how long it is, or how much it holds."""
    label = chance.choice(LABELS)
    places = [found.start() for found in re.finditer(re.escape(label), data)]
    if not places:
        return _extreme(data, seed, others, chance)
    place = max(0, chance.choice(places) + chance.choice((-4, len(label), len(label) + 4, len(label) + 8)))
    old = int.from_bytes(data[place : place + 4], "big")
    new = chance.choice((*EXTREMES, old + 1, old - 1, old * 2, old ^ 0x01000000)) % (1 << 32)
    data[place : place + 4] = new.to_bytes(4, chance.choice(("big", "big", "little")))
    return data


def _drop(data: bytearray, seed: Seed, others: Sequence[Seed], chance: random.Random) -> bytearray:
    """Leave out, or say twice, what lies between two labels: a box, a chunk, some pages."""
    places = sorted(found.start() for label in LABELS for found in re.finditer(re.escape(label), data))
    if len(places) < 2:
        return data
    first = chance.randrange(len(places) - 1)
    start, end = places[first], places[min(len(places) - 1, first + chance.choice((1, 1, 2, 5)))]
    if chance.random() < 0.5:
        del data[start:end]
    else:
        data[end:end] = data[start:end]
    return data


MUTATIONS: tuple[Callable[[bytearray, Seed, Sequence[Seed], random.Random], bytearray], ...] = (
    *(_flip, _flip, _flip, _noise, _noise, _extreme, _extreme),
    *(_cut, _truncate, _repeat, _append, _graft, _polyglot, _length, _length, _drop),
)


def fuzz(subject: Subject, *, count: int, seed: int, keep: Path | None = None) -> Iterator[tuple[str, str]]:
    """Yield (conclusion, what is wrong or nothing) for `count` mutated files; the bad ones are kept in `keep`."""
    chance = random.Random(seed)
    for number in range(count):
        chosen = subject.seeds[number % len(subject.seeds)]
        data = mutate(chosen, subject.seeds, chance)
        conclusion, wrong = subject.judge(data, chosen)
        if wrong and keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            (keep / f"{seed}-{number}").write_bytes(data)
        yield conclusion, wrong


def main() -> int:
    """Fuzz as the command line says; 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path("var/fuzz"), help="where files that break something are kept")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        subject = Subject(Path(home))
        kinds = [one.name for one in subject.seeds]
        seen: Counter[tuple[str, str]] = Counter()
        bad: Counter[str] = Counter()
        started = time.monotonic()
        outcomes = fuzz(subject, count=options.count, seed=options.seed, keep=options.keep)
        for number, (conclusion, wrong) in enumerate(outcomes):
            seen[conclusion, kinds[number % len(kinds)]] += 1
            if wrong:
                bad[wrong] += 1
        subject.close()
    seconds = time.monotonic() - started
    print(f"{options.count} mutated files, seed {options.seed}, {seconds:.0f} s\n")  # noqa: T201
    print(f"| answer | {' | '.join(kinds)} | all |\n|{'---|' * (len(kinds) + 2)}")  # noqa: T201
    for what in sorted({conclusion for conclusion, _ in seen}):
        row = [seen[what, kind] for kind in kinds]
        print(f"| `{what}` | {' | '.join(map(str, row))} | {sum(row)} |")  # noqa: T201
    for what, times in bad.most_common():
        print(f"  WRONG {times:6} {what}; see {options.keep}")  # noqa: T201
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
