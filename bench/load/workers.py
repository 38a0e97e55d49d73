"""Episodes per hour with one, two and four workers on PostgreSQL, and what the queue costs each episode.

Twice: with an embedded voice, where every stage wants a processor, and with a voice behind a network, where synthesis
waits (`bench.load.speech_server`). The work is the whole gate both times: screening, both marks, MP3 and WAV, signing,
listening, log and release.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
from sqlmodel import col, select

from bench.load.service import Installation, installation
from bench.load.speech_server import CATALOGUE, VOICE_ID, speech_server
from gateway.db import open_database
from gateway.submissions import Timeline
from synth.adapters.hibari import HibariEngine, hibari_catalogue

COUNTS = (1, 2, 4)
EMBEDDED = "hibari-heart"
WAIT_SECONDS = 2.0  # for one sentence of the voice behind a network
PATIENCE_SECONDS = 1_800
RESTING = {"released", "blocked", "failed", "awaiting_review", "rejected"}
SENTENCES = (
    "The harbour is calm this morning, and the ferry leaves at nine.",
    "The market on the square opens at ten, with apples from the hills.",
    "The library lends garden tools until the end of the month.",
    "The choir looks for two more voices and meets on Tuesday evening.",
)


@dataclass(frozen=True, slots=True)
class Run:
    """What one number of workers did; seconds."""

    workers: int
    episodes: int
    released: int
    wall: float
    processor: float  # of all workers
    stages: float  # median of what an episode's stages took together

    @property
    def per_hour(self) -> float:
        """Episodes in an hour."""
        return self.episodes / self.wall * 3_600


def report(*, episodes: int) -> None:
    """Measure and print both tables."""
    print(f"Workers: PostgreSQL, {episodes} episodes of four sentences, all submitted at once.\n")
    print("| voice | workers | episodes/h | against one | processor seconds per episode | cores in use | released |")
    print("|---|---|---|---|---|---|---|")
    for voice in (EMBEDDED, VOICE_ID):
        runs = _measure(voice, episodes)
        for run in runs:
            print(
                f"| {voice} | {run.workers} | {run.per_hour:.0f} | {run.per_hour / runs[0].per_hour:.2f} "
                f"| {run.processor / run.episodes:.1f} | {run.processor / run.wall:.1f} "
                f"| {run.released} of {run.episodes} |",
                flush=True,
            )
        alone = runs[0]
        between = alone.wall / alone.episodes - alone.stages
        print(f"\n{voice}: {alone.stages:.2f} s in stages, {between:.2f} s for an episode between them (one worker).\n")


def _measure(voice: str, episodes: int) -> list[Run]:
    speaker = hibari_catalogue(HibariEngine()).get(EMBEDDED)
    with tempfile.TemporaryDirectory() as folder, speech_server(speaker, seconds=WAIT_SECONDS) as (url, prepare):
        settings = {"OMP_NUM_THREADS": "1", "ASSAY_TORCH_THREADS": "1"}
        if voice == VOICE_ID:
            catalogue = Path(folder) / "voices.toml"
            catalogue.write_text(CATALOGUE, encoding="utf-8")
            settings |= {
                "ASSAY_VOICES": str(catalogue),
                "ASSAY_SPEECH_URL": url,
                "ASSAY_SPEECH_MODEL": "stand-in",
                "ASSAY_SPEECH_CACHE_BYTES": "0",
            }
            for sentence in SENTENCES:
                prepare(sentence)
        with installation("postgresql", **settings) as home:
            key = home.assay("apikey", "create", "--role", "submitter", "--name", "load")
            with home.serving() as client:
                client.headers["Authorization"] = f"Bearer {key}"
                return [_run(home, client, voice, count, episodes) for count in COUNTS]


def _run(home: Installation, client: httpx.Client, voice: str, count: int, episodes: int) -> Run:
    with home.working(count) as processes:
        _finish(client, [_submit(client, voice, f"Warm-up {count}-{number}", number) for number in range(count)])
        before = sum(_processor(process.pid) for process in processes)
        began = time.perf_counter()
        ids = [_submit(client, voice, f"Episode {count}-{number}", number) for number in range(episodes)]
        states = _finish(client, ids)
        wall = time.perf_counter() - began
        processor = sum(_processor(process.pid) for process in processes) - before
    return Run(count, episodes, states.count("released"), wall, processor, _stage_seconds(home, ids))


def _submit(client: httpx.Client, voice: str, title: str, number: int) -> str:
    turned = [SENTENCES[(number + place) % len(SENTENCES)] for place in range(len(SENTENCES))]
    spoken = "\n\n".join(f"READER: {sentence}" for sentence in turned)
    script = f"---\ntitle: {title}\nshow: Load\nlanguage: en\nvoices:\n  READER: {voice}\n---\n\n{spoken}\n"
    accepted = client.post("/v1/submissions", content=script, headers={"Content-Type": "text/markdown"})
    accepted.raise_for_status()
    return str(accepted.json()["id"])


def _finish(client: httpx.Client, ids: Sequence[str]) -> list[str]:
    """Return the states in which the episodes rest."""
    deadline, states = time.monotonic() + PATIENCE_SECONDS, dict.fromkeys(ids, "")
    while waiting := [episode for episode, state in states.items() if state not in RESTING]:
        if time.monotonic() > deadline:
            raise SystemExit(f"{len(waiting)} episodes did not come to rest in {PATIENCE_SECONDS} s")
        for episode in waiting:
            states[episode] = client.get(f"/v1/submissions/{episode}").json()["state"]
            if states[episode] not in RESTING:
                break  # they are made in order; the rest need not be asked yet
        time.sleep(0.1)
    return list(states.values())


def _stage_seconds(home: Installation, ids: Sequence[str]) -> float:
    database = open_database(home.environment["ASSAY_DATABASE_URL"])
    try:
        with database.read() as session:
            rows = session.exec(select(Timeline).where(col(Timeline.episode_id).in_(ids))).all()
        return statistics.median(sum(float(str(seconds)) for _, seconds in row.timings) for row in rows)
    finally:
        database.dispose()


def _processor(pid: int) -> float:
    """Return the seconds of processor time of a process so far, in user and kernel mode (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
