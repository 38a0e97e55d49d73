"""The other side of `gateway.verification.sandbox`: a process that forks once per upload, and the child that parses it.

The parent process sends one message per upload over a socket: a `Task` as JSON, and three files: the upload, the
result's samples, and a pipe for the answer. In this order:

1. The first process imports everything once and parses nothing itself, so that a fork costs milliseconds.
2. Each child confines itself for good, before it looks at a byte of the upload.
3. It parses, writes the samples, then the answer, and ends.
4. A child that is not done in time is killed here; its pipe closes without an answer.

When the parent process goes away, the socket ends, and so do this process and its children.
"""

from __future__ import annotations

import io
import mmap
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from gateway.errors import ConfinementError
from gateway.verification.confinement import confine
from gateway.verification.opening import EXAMINED_RATE, DirectOpener
from synth.containers import sniff
from synth.credentials import CredentialsReader, CredentialsReport
from synth.decode import DecodeLimits

MAX_TASK_BYTES = 4096
LOOK_SECONDS = 0.1  # between two looks at running children
_FILES = 3  # that come with a task


class Task(BaseModel):
    """What one upload may cost."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_seconds: float  # of sound
    wall_seconds: float
    cpu_seconds: int
    memory_bytes: int
    rate: int = EXAMINED_RATE  # Hz of the samples


class Answer(BaseModel):
    """What a child found; the samples are in their own file."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_bytes="hex", val_json_bytes="hex")

    length: int = 0  # samples
    media_type: str = ""
    channels: int = 0
    source_sample_rate: int = 0
    damaged_packets: int = 0
    refusal: str = ""  # why there is no sound
    credentials: CredentialsReport | None = None
    credentials_error: str = ""
    filtered: bool = False  # whether system calls were filtered


def serve(link: socket.socket, build_reader: Callable[[], CredentialsReader]) -> None:
    """Fork a child for every task until the parent process goes away."""
    reader = build_reader()
    selector = selectors.DefaultSelector()
    selector.register(link, selectors.EVENT_READ)
    children: dict[int, float] = {}  # process id → when it must be done
    while True:
        ready = selector.select(timeout=LOOK_SECONDS if children else None)
        _reap(children)
        if not ready:
            continue
        message, files, _, _ = socket.recv_fds(link, MAX_TASK_BYTES, _FILES)
        if not message:
            break
        task = Task.model_validate_json(message)
        child = os.fork()
        if child == 0:
            link.close()
            _work(task, files, reader)
        children[child] = time.monotonic() + task.wall_seconds
        for file in files:
            os.close(file)
    for child in children:
        _kill(child)


def _reap(children: dict[int, float]) -> None:
    """Forget children that ended, and kill those whose time is over."""
    for child, deadline in list(children.items()):
        ended, _ = os.waitpid(child, os.WNOHANG)
        if not ended and time.monotonic() > deadline:
            _kill(child)
            ended, _ = os.waitpid(child, 0)
        if ended:
            del children[child]


def _kill(child: int) -> None:
    os.kill(child, signal.SIGKILL)


def _work(task: Task, files: list[int], reader: CredentialsReader) -> None:
    """Parse one upload in this process, and end it; whatever goes wrong, the parent sees a pipe without an answer."""
    status = 1
    try:
        upload, samples, pipe = files
        file_bytes = int(task.max_seconds * task.rate * 4) + (1 << 20)
        try:
            filtered = confine(memory_bytes=task.memory_bytes, cpu_seconds=task.cpu_seconds, file_bytes=file_bytes)
        except ConfinementError as error:
            answer = Answer(refusal=str(error), credentials_error=str(error))
        else:
            answer = _answer(task, upload, samples, reader, filtered=filtered)
        with os.fdopen(pipe, "wb") as file:
            file.write(answer.model_dump_json().encode())
        status = 0
    finally:
        os._exit(status)  # no handlers and no buffers of the process that was forked


def _answer(task: Task, upload: int, samples: int, reader: CredentialsReader, *, filtered: bool) -> Answer:
    with mmap.mmap(upload, 0, access=mmap.ACCESS_READ) as view:
        data = bytes(view)
    container = sniff(data)
    if container is None:  # the parent has looked before, so this cannot be
        return Answer(refusal="the file does not begin like audio", filtered=filtered)
    opener = DirectOpener(credentials=reader, limits=DecodeLimits(max_seconds=task.max_seconds), rate=task.rate)
    try:
        opened = opener.open(data, container)
    except MemoryError:
        return Answer(refusal="the file needs more memory than one may take", filtered=filtered)
    found: dict[str, Any] = {}
    if opened.sound is not None:
        with io.FileIO(samples, "wb", closefd=False) as file:
            written = opened.sound.samples.view(np.uint8).data
            while written:
                written = written[file.write(written) :]
        found = {
            "length": len(opened.sound.samples),
            "media_type": opened.sound.media_type,
            "channels": opened.sound.channels,
            "source_sample_rate": opened.sound.source_sample_rate,
            "damaged_packets": opened.sound.damaged_packets,
        }
    return Answer(
        refusal=opened.refusal,
        credentials=opened.credentials,
        credentials_error=opened.credentials_error,
        filtered=filtered,
        **found,
    )
