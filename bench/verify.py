"""`make bench-verify`: what a question to the public verifier costs, in seconds and memory.

Episodes of three minutes and an hour are made and released by the real gate (voices, marks, credentials, log), among
many others that only the database knows. Then the verifier is asked as the public would ask it, with its confined
processes: about the released MP3, about a copy without credentials in another bit rate, and about speech of the same
voice that nobody marked. Beside it: reading the C2PA credentials alone.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from bench.conditions import conditions
from gateway import app
from gateway.cli.embedded import prepare
from gateway.db import Database
from gateway.intake import submit
from gateway.pipeline import Pipeline
from gateway.settings import Settings, load_settings
from gateway.submissions import Clip, EpisodeRelease, State, Submission
from gateway.toolchain import Toolchain
from gateway.verification.report import Report
from gateway.verify import Verifier
from synth.decode import decode
from synth.encode import encode_mp3
from synth.formats import parse_script
from synth.speak import speak

SCRIPT = Path("examples/morning-briefing.md")
OTHER = Path("examples/audiobook-passage.md")
KEYS_PER_EPISODE = 150  # landmarks of one minute
SHORT, LONG_TIMES = 10.0, 22  # seconds of the short episode; how often the briefing is read for an hour
COPY_BIT_RATE = 64_000
MB = 1024.0  # kB


class Memory:
    """The highest memory of this process and of the one that parses, together, while it is watched."""

    def __init__(self) -> None:
        self.highest = 0.0

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look every 20 ms."""
        self.highest, done = 0.0, threading.Event()

        def look() -> None:
            while not done.wait(0.02):
                self.highest = max(self.highest, _resident())

        thread = threading.Thread(target=look)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


def _resident() -> float:
    """MB of this process and all processes below it; what they share with it is counted once."""
    total, waiting, first = 0.0, ["self"], True
    while waiting:
        process = Path("/proc") / waiting.pop()
        try:
            lines = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
            waiting += (process / "task" / lines["Pid"].strip() / "children").read_text().split()
        except OSError:
            continue  # it ended meanwhile
        if "VmRSS" not in lines:
            continue  # ended, and not yet waited for
        shared = 0 if first else int(lines["RssShmem"].split()[0]) + int(lines["RssFile"].split()[0])
        total += (int(lines["VmRSS"].split()[0]) - shared) / MB
        first = False
    return total


def main() -> None:
    """Run the benchmark and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=10_000, help="released episodes beside the measured ones")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="a thousand episodes, no file of an hour")
    options = parser.parse_args()
    count = 1_000 if options.quick else options.episodes
    with tempfile.TemporaryDirectory() as home:
        settings = load_settings(home=Path(home), spoken_check=False)
        prepare(settings)
        tools = replace(app.build_toolchain(settings), hear=None, hearing_required=False)
        files = make_files(tools, hour=not options.quick)
        fill(tools.database, count)
        measure(settings, tools, files, count=count, runs=options.runs)
        tools.close()


def make_files(tools: Toolchain, *, hour: bool) -> dict[tuple[str, str], bytes]:
    """Return the files that are asked about, by length and kind."""
    briefing, other = SCRIPT.read_text(), OTHER.read_text()
    head, _, body = briefing.rpartition("---\n")
    released = {"3 min": episode(tools, briefing)}
    if hour:
        released["60 min"] = episode(tools, head + "---\n" + "\n".join([body] * LONG_TIMES))
    unrelated = speak(parse_script(other), tools.voices, disclosure=None)
    files: dict[tuple[str, str], bytes] = {}
    for length, data in released.items():
        sound = decode(data)
        files[length, "released"] = data
        files[length, "stripped copy"] = encode_mp3(sound.samples, sound.sample_rate, COPY_BIT_RATE)
        times = len(sound.samples) / sound.sample_rate * unrelated.sample_rate / len(unrelated.samples)
        tiled = np.tile(unrelated.samples, int(times) + 1)[: int(times * len(unrelated.samples))]
        files[length, "unrelated"] = encode_mp3(tiled, unrelated.sample_rate)
    sound = decode(files["3 min", "stripped copy"])
    cut = sound.samples[: int(SHORT * sound.sample_rate)]
    files["10 s", "cut from a copy"] = encode_mp3(cut, sound.sample_rate, COPY_BIT_RATE)
    files["10 s", "unrelated"] = encode_mp3(
        unrelated.samples[: int(SHORT * unrelated.sample_rate)], unrelated.sample_rate
    )
    return files


def episode(tools: Toolchain, script: str) -> bytes:
    """Take a script through the gate, approving it where that is asked for; returns the released MP3."""
    with tools.database.write() as session:
        row, _ = submit(session, toolchain=tools, api_key_id="bench", text=script)
    allowed = replace(tools, screener=_Allowing(tools.screener))
    state = Pipeline(toolchain=allowed).advance(row.id, _plainly)
    if state != State.RELEASED:
        raise SystemExit(f"the episode was not released: {state}")
    with tools.database.read() as session:
        (clip,) = session.exec(  # type: ignore[call-overload]
            sa.select(Clip).where(Clip.episode_id == row.id, Clip.media_type == "audio/mpeg")
        ).one()
    return tools.blobs.read(clip.sha256)


def _plainly(name: str, step: Callable[[], str], *, patient: bool) -> str:
    del name, patient
    return step()


class _Allowing:
    """Judges nothing: screening is not what is measured here."""

    def __init__(self, screener: object) -> None:
        self._screener = screener

    def __getattr__(self, name: str) -> object:
        return getattr(self._screener, name)

    def screen(self, manuscript: object) -> object:
        """Return the real decision on an empty text: allowed."""
        from dataclasses import replace as changed

        from policies.text import Manuscript

        decision = self._screener.screen(Manuscript("Good morning.", "en", ()))  # type: ignore[attr-defined]
        return changed(decision, script_digest=manuscript.digest)  # type: ignore[attr-defined]


def fill(database: Database, count: int) -> None:
    """Add released episodes with landmarks of a minute each, which no file here sounds like."""
    random = np.random.default_rng(5)
    with database.writer.begin() as connection:
        now = app.utc_now()
        for start in range(0, count, 1_000):
            numbers = range(start, min(start + 1_000, count))
            names = [f"ep_bench{number:06}" for number in numbers]
            rows = [
                {
                    "id": name, "state": "released", "version": 1, "submitter": "bench", "request_digest": "",
                    "title": "T", "show": "S", "language": "en", "script": "", "script_digest": "",
                    "received_at": now, "changed_at": now,
                }
                for name in names
            ]  # fmt: skip
            connection.execute(sa.insert(Submission), rows)
            entries = [10**9 + number for number in numbers]
            connection.execute(
                sa.insert(EpisodeRelease),
                [
                    {"episode_id": name, "released_at": now, "entry_index": entry}
                    for name, entry in zip(names, entries, strict=True)
                ],
            )
            keys = random.integers(0, 2**28, (len(names), KEYS_PER_EPISODE))
            words = np.sort(random.integers(0, 600, (len(names), KEYS_PER_EPISODE)), axis=1)
            values = [
                {"key": int(key), "entry_index": entry, "word": int(word)}
                for entry, own, places in zip(entries, keys, words, strict=True)
                for key, word in zip(own, places, strict=True)
            ]
            connection.execute(sa.text("INSERT INTO soundkey VALUES (:key, :entry_index, :word)"), values)


def measure(
    settings: Settings, tools: Toolchain, files: dict[tuple[str, str], bytes], *, count: int, runs: int
) -> None:
    """Ask about every file, and print what it cost."""
    verifier = app.build_verifier(settings, database=tools.database, log=tools.log, marks=tools.marks, public=True)
    reader = app.build_credentials_reader(settings)
    memory = Memory()
    print(conditions("torch", "av", "c2pa-python") + f"; {count:,} other released episodes\n", flush=True)
    print("| length | file | conclusion | seconds | memory, MB | C2PA alone, seconds |")
    print("|---|---|---|---|---|---|")
    verifier.verify(files["10 s", "unrelated"])  # registry, models, first process
    for (length, kind), data in sorted(files.items(), key=lambda one: len(one[1])):
        repeated = 1 if length == "60 min" else runs
        with memory.watched():
            seconds, report = timed(verifier, data, repeated)
        plain = statistics.median(_clock(lambda data=data: reader.read(data, "audio/mpeg")) for _ in range(5))
        print(
            f"| {length} | {kind} | {report.conclusion.value} | {seconds:.2f} | {memory.highest:.0f} | {plain:.3f} |",
            flush=True,
        )
    print(f"\nShort clips, two at a time: {rate(verifier, files['10 s', 'cut from a copy']):.1f} a second.")
    verifier.close()


def timed(verifier: Verifier, data: bytes, times: int) -> tuple[float, Report]:
    """Return the median seconds, and the report."""
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        report = verifier.verify(data)
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds), report


def rate(verifier: Verifier, data: bytes, *, requests: int = 20) -> float:
    """Return how many short files are answered in a second by two threads."""
    began = time.perf_counter()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(verifier.verify, [data] * requests))
    return requests / (time.perf_counter() - began)


def _clock(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
