"""Released episodes that only the database knows: what a file is compared with, and searched among."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from gateway import app, soundindex
from gateway.db import Database
from gateway.submissions import EpisodeFingerprint, EpisodeRelease, Submission
from synth.fingerprint import HOP_SECONDS, fingerprint
from synth.training import recordings

KEYS_PER_EPISODE = 150  # landmarks of one minute


def fill(database: Database, count: int) -> None:
    """Add released episodes with landmarks of a minute each, which no file here sounds like."""
    random = np.random.default_rng(5)
    with database.writer.begin() as connection:
        for start in range(0, count, 1_000):
            entries = _release(connection, range(start, min(start + 1_000, count)))
            keys = random.integers(0, 2**28, (len(entries), KEYS_PER_EPISODE))
            words = np.sort(random.integers(0, 600, (len(entries), KEYS_PER_EPISODE)), axis=1)
            values = [
                {"key": int(key), "entry_index": entry, "word": int(word)}
                for entry, own, places in zip(entries.values(), keys, words, strict=True)
                for key, word in zip(own, places, strict=True)
            ]
            connection.execute(sa.text("INSERT INTO soundkey VALUES (:key, :entry_index, :word)"), values)


def register(database: Database, count: int, folder: Path) -> None:
    """Add released episodes of a minute each with the fingerprints and landmarks of real speech and music.

    They are stretches of the recordings that weights were trained on, and overlap where there are many.
    """
    recordings.prepare(folder)
    tracks = [track for kind in ("speech", "music") for track in recordings.load(folder, kind, "train")]
    whole = [fingerprint(track.samples, recordings.SAMPLE_RATE) for track in tracks]
    minute = round(60 / HOP_SECONDS)
    places = [(one, word) for one in whole for word in range(len(one) - minute)]
    for start in range(0, count, 1_000):
        numbers = range(start, min(start + 1_000, count))
        with database.writer.begin() as connection:
            entries = _release(connection, numbers)
        with database.write() as session:
            for number, (name, entry) in zip(numbers, entries.items(), strict=True):
                recording, word = places[number * len(places) // count]
                part = replace(recording, words=recording.words[4 * word : 4 * (word + minute)])
                session.add(EpisodeFingerprint(episode_id=name, version=str(part.version), data=part.to_bytes()))
                session.flush()
                soundindex.add(session, name, entry_index=entry)


def _release(connection: sa.Connection, numbers: range) -> dict[str, int]:
    """Add rows of released episodes, and return the entry of each in the log."""
    now = app.utc_now()
    entries = {f"ep_bench{number:06}": 10**9 + number for number in numbers}
    rows = [
        {
            "id": name, "state": "released", "version": 1, "submitter": "bench", "request_digest": "",
            "title": "T", "show": "S", "language": "en", "script": "", "script_digest": "",
            "received_at": now, "changed_at": now,
        }
        for name in entries
    ]  # fmt: skip
    connection.execute(sa.insert(Submission), rows)
    released = [{"episode_id": name, "released_at": now, "entry_index": entry} for name, entry in entries.items()]
    connection.execute(sa.insert(EpisodeRelease), released)
    return entries
