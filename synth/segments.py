"""Spoken sentences kept on disk, so that a corrected word costs one sentence and not the programme again.

A segment's name is the SHA-256 of everything that makes its sound: voice, engine and weights, text, seed and rate. So
it is never stale, and any number of processes may share the folder:

- Written beside and renamed: a reader sees a whole segment or none. What a crash tore is recognised by the digest in
  its head, and counts as missing.
- Bounded: when a process has added a sixteenth of the limit, it removes what was used longest ago. So the folder holds
  at most the limit and a sixteenth of it per process.
- Never in the way: a full disk or a folder that cannot be written costs time, not the episode.

Segments are speech without a mark. They stay in a folder that only the service's user may read, and erasing an episode
empties it, because a name cannot be led back to an episode.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import secrets
import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from synth.audio import Samples
from synth.voice import Unspeakable, Voice

MAGIC = b"ASSAYSEG1\n"
DIGEST_BYTES = 32
SUFFIX = ".segment"
KEPT_SHARE = 0.9  # of the limit, after removing: so that not every segment costs another removal
PRIVATE = 0o700

logger = logging.getLogger(__name__)


class SegmentCache:
    """Segments below one folder; safe to use from several threads and processes."""

    def __init__(self, folder: Path, *, max_bytes: int) -> None:
        """Take the folder, which is made when it is needed, and the most bytes that it may hold."""
        self._folder = folder
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._added = max_bytes  # since the last look at the folder; the first addition looks

    def read(self, key: str) -> Samples | None:
        """Return the samples, or None if there are none that are whole."""
        path = self._path(key)
        try:
            data = path.read_bytes()
        except OSError:
            return None  # safe to ignore: the sentence is spoken again
        head = len(MAGIC) + DIGEST_BYTES
        body = data[head:]
        if (
            not data.startswith(MAGIC)
            or hashlib.sha256(body).digest() != data[len(MAGIC) : head]
            or len(body) % 4
            or not body
        ):
            logger.warning("a kept segment is damaged and is spoken again")
            path.unlink(missing_ok=True)
            return None
        with suppress(OSError):  # safe to ignore: it will be taken for one that was used longer ago
            os.utime(path)
        return np.frombuffer(body, dtype="<f4").astype(np.float32)

    def write(self, key: str, samples: Samples) -> None:
        """Keep samples; whatever stands in the way is logged and ignored, because it only costs time."""
        body = samples.astype("<f4").tobytes()
        data = MAGIC + hashlib.sha256(body).digest() + body
        path = self._path(key)
        temporary = path.with_name(f".{secrets.token_hex(8)}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._folder.chmod(PRIVATE)
            temporary.write_bytes(data)
            temporary.replace(path)
        except OSError as error:
            logger.warning("a spoken segment cannot be kept (%s); it will be spoken again", error.strerror)
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            return
        with self._lock:
            self._added += len(data)
            full = self._added > self._max_bytes // 16
            if full:
                self._added = 0
        if full:
            self._shrink()

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key[2:]}{SUFFIX}"

    def _shrink(self) -> None:
        """Remove what was used longest ago, until the folder is well below its limit, and what crashes left."""
        found = []
        total = 0
        for path in self._folder.glob("*/*"):
            with suppress(OSError):  # safe to ignore: another process was faster to remove it
                state = path.stat()
                found.append((state.st_mtime_ns, state.st_size, path))
                total += state.st_size
        if total <= self._max_bytes:
            return
        for _, size, path in sorted(found):
            with suppress(OSError):  # safe to ignore: as above
                path.unlink()
            total -= size
            if total <= KEPT_SHARE * self._max_bytes:
                return


def forget_segments(folder: Path) -> int:
    """Remove every segment below `folder`, and return how many there were; raises `OSError` if one stays."""
    count = sum(1 for _ in folder.glob(f"*/*{SUFFIX}"))
    if folder.exists():
        shutil.rmtree(folder)
    return count


def segment_key(voice: Voice, text: str, seed: int) -> str:
    """Return the name of a segment: SHA-256 in hex over all that makes its sound."""
    made_of = [voice.id, voice.version, voice.sample_rate, seed, text]
    return hashlib.sha256(json.dumps(made_of, ensure_ascii=True).encode()).hexdigest()


class RememberingVoice:
    """A voice that speaks each sentence once, and then remembers it."""

    def __init__(self, voice: Voice, cache: SegmentCache, *, heard: Callable[[bool], None] | None = None) -> None:
        """Take a voice and where to keep what it says; `heard` is told whether each sentence was remembered."""
        self._voice = voice
        self._cache = cache
        self._heard = heard

    @property
    def id(self) -> str:
        """Catalogue id."""
        return self._voice.id

    @property
    def language(self) -> str:
        """BCP 47 primary tag."""
        return self._voice.language

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self._voice.sample_rate

    @property
    def version(self) -> str:
        """That of the voice itself: remembering changes no sample."""
        return self._voice.version

    def unspeakable(self, text: str) -> Unspeakable | None:
        """Ask the voice itself."""
        return self._voice.unspeakable(text)

    def speak(self, text: str, *, seed: int) -> Samples:
        """Return what the voice said before, or have it speak; raises what it raises, and remembers no failure."""
        key = segment_key(self._voice, text, seed)
        samples = self._cache.read(key)
        if self._heard is not None:
            self._heard(samples is not None)
        if samples is None:
            samples = self._voice.speak(text, seed=seed)
            self._cache.write(key, samples)
        return samples
