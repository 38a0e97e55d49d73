"""Parsing uploads in other processes, each confined and used once: a broken decoder breaks nothing of ours.

The upload and its decoded samples are passed in anonymous memory (`memfd_create(2)`), so nothing touches a disk and an
hour of sound is not copied through a pipe. What comes back is checked like any input: a child that was taken over can
only lie about the sound of its own upload.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import mmap
import os
import select
import socket
import subprocess
import sys
import threading
import time
import wave
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO

import numpy as np
from pydantic import ValidationError

from gateway.errors import BusyError, ConfinementError
from gateway.verification.openerprocess import Answer, Task
from gateway.verification.opening import EXAMINED_RATE, Opened
from synth.containers import WAV, Container
from synth.decode import Decoded

MAX_ANSWER_BYTES = 1 << 20  # a manifest's facts are some kilobytes
FIXED_BYTES = 1 << 30  # of address space: interpreter, codecs and the C2PA library, most of it never touched
SAMPLE_BYTES = 4
START_SECONDS = 60.0  # until the first process has imported everything, on a busy machine
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR")  # no secret is in the environment
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """What parsing one upload may cost; whoever exceeds it is refused, and its process ended."""

    max_seconds: float  # of sound
    wall_seconds: float = 120.0  # three hours of MP3 take ten on one core
    cpu_seconds: int = 60
    rate: int = EXAMINED_RATE  # Hz of the samples that come back

    def memory_bytes(self, upload: int) -> int:
        """Bound of the address space for an upload of so many bytes.

        The upload is held three times (shared, ours, and once more by the C2PA library), its samples twice.
        """
        return FIXED_BYTES + 3 * upload + 2 * int(self.max_seconds * self.rate * SAMPLE_BYTES)


class SandboxedOpener:
    """Parses each upload in a confined process of its own; safe for several threads.

    `program` is the module that builds the reader of credentials and calls `openerprocess.serve`; `configuration` is
    what it reads as JSON from its standard input. Its first process starts with the first upload, and again after it
    ended.
    """

    def __init__(self, *, program: str, configuration: Mapping[str, str], limits: SandboxLimits) -> None:
        self._program = program
        self._configuration = json.dumps(dict(configuration)).encode()
        self._limits = limits
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._link: socket.socket | None = None

    def open(self, data: bytes, container: Container) -> Opened:
        """Decode the sound and read the credentials of a file; raises `BusyError` if no process can be started."""
        del container  # the child looks for itself
        task = Task(
            max_seconds=self._limits.max_seconds,
            wall_seconds=self._limits.wall_seconds,
            cpu_seconds=self._limits.cpu_seconds,
            memory_bytes=self._limits.memory_bytes(len(data)),
            rate=self._limits.rate,
        )
        with _memory("upload") as upload, _memory("samples") as samples:
            upload.write(data)
            upload.flush()
            reading, writing = os.pipe()
            with os.fdopen(reading, "rb", buffering=0) as pipe:
                try:
                    self._send(task, [upload.fileno(), samples.fileno(), writing])
                finally:
                    os.close(writing)
                answer = _read_answer(pipe, seconds=self._limits.wall_seconds + START_SECONDS)
            if answer is None:
                return _gave_up()
            return self._opened(answer, samples)

    def self_test(self) -> None:
        """Prove that a process starts, confines itself and decodes; raises `ConfinementError` with the reason."""
        opened = self.open(_probe(), WAV)
        if opened.sound is None:
            raise ConfinementError(f"uploads cannot be parsed in a confined process here: {opened.refusal}")

    def close(self) -> None:
        """End the processes; the next upload starts them again."""
        with self._lock:
            self._stop()

    def _opened(self, answer: Answer, samples: IO[bytes]) -> Opened:
        sound = None
        if not answer.refusal:
            size = os.fstat(samples.fileno()).st_size
            longest = int((self._limits.max_seconds + 1.0) * self._limits.rate)
            if not 0 < answer.length <= longest or size != answer.length * SAMPLE_BYTES:
                return _gave_up()
            fcntl.fcntl(samples, fcntl.F_ADD_SEALS, _SEALS)  # a file that shrinks under a map would end this process
            view = mmap.mmap(samples.fileno(), size)
            sound = Decoded(
                samples=np.frombuffer(view, dtype=np.float32),
                sample_rate=self._limits.rate,
                media_type=answer.media_type,
                channels=answer.channels,
                source_sample_rate=answer.source_sample_rate,
                damaged_packets=answer.damaged_packets,
            )
        return Opened(sound, answer.refusal, answer.credentials, answer.credentials_error)

    def _send(self, task: Task, files: list[int]) -> None:
        message = task.model_dump_json().encode()
        for _ in range(2):
            with self._lock:
                if self._link is None or self._process is None or self._process.poll() is not None:
                    self._start()
                assert self._link is not None
                try:
                    socket.send_fds(self._link, [message], files)
                except OSError:
                    self._stop()  # the process ended; it is started again
                else:
                    return
        raise BusyError("the process that parses uploads does not start; try again", retry_after=10)

    def _start(self) -> None:
        self._stop()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        environment |= {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONDONTWRITEBYTECODE": "1"}
        environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # threads would not survive a fork
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603  # our own interpreter and module
                [sys.executable, "-m", self._program, str(theirs.fileno())],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=environment,
            )
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError), self._process.stdin as stdin:  # the next send notices that it ended
            stdin.write(self._configuration)
        self._link = ours

    def _stop(self) -> None:
        if self._link is not None:
            self._link.close()
        if self._process is not None:
            try:
                self._process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = self._link = None


def _probe() -> bytes:
    """Return a WAV file with a second of silence."""
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(EXAMINED_RATE)
        file.writeframes(bytes(2 * EXAMINED_RATE))
    return target.getvalue()


def _memory(name: str) -> IO[bytes]:
    """Return an open file in memory that no path names; its pages are given back when it is closed."""
    return os.fdopen(os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING), "w+b")


def _gave_up() -> Opened:
    """What is said of a file whose process ended without an answer: killed by a limit, or by a fault in a decoder."""
    words = "the file cannot be parsed within the limits of memory and time; it is damaged or made to exhaust a reader"
    return Opened(None, words, None, words)


def _read_answer(pipe: IO[bytes], *, seconds: float) -> Answer | None:
    """Return what the child says, None if it ended without saying anything that can be read."""
    deadline, said = time.monotonic() + seconds, bytearray()
    while len(said) <= MAX_ANSWER_BYTES:
        ready, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return None
        part = pipe.read(65_536)
        if not part:
            break
        said += part
    try:
        return Answer.model_validate_json(bytes(said))
    except ValidationError:
        return None
