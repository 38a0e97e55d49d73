"""What a question costs: seconds on the clock and of the processor, and memory."""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.conditions import conditions
from gateway import app
from gateway.settings import Settings
from gateway.toolchain import Toolchain
from gateway.verification.report import Report
from gateway.verify import Verifier

MB = 1024.0  # kB
TICKS = os.sysconf("SC_CLK_TCK")  # a second, in which Linux counts
SETTLED = 0.25  # seconds after which the parsing process has waited for its child, whose time counts only then


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


@dataclass(frozen=True, slots=True)
class Cost:
    """What one question cost."""

    seconds: float  # on the clock
    processor: float  # seconds of this process and of the ones that parse


def processor_seconds() -> float:
    """Return the processor time of this process, of those below it, and of those below that have ended."""
    total, waiting = time.process_time(), [str(os.getpid())]
    while waiting:
        name = waiting.pop()
        try:
            children = Path(f"/proc/{name}/task/{name}/children").read_text().split()
            if name != str(os.getpid()):
                fields = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
                total += sum(map(int, fields[11:15])) / TICKS  # its own, and of its children that were waited for
        except OSError:
            continue  # it ended meanwhile, and was waited for or will be
        waiting += children
    return total


def measure(
    settings: Settings, tools: Toolchain, files: dict[tuple[str, str], bytes], *, count: int, runs: int
) -> None:
    """Ask about every file, and print what it cost."""
    verifier = app.build_verifier(settings, database=tools.database, log=tools.log, marks=tools.marks, public=True)
    reader = app.build_credentials_reader(settings)
    memory = Memory()
    print(conditions("torch", "av", "c2pa-python") + f"; {count:,} other released episodes\n", flush=True)
    print("| length | file | conclusion | seconds | of processor | memory, MB | C2PA alone, seconds |")
    print("|---|---|---|---|---|---|---|")
    verifier.verify(files["10 s", "unrelated"])  # registry, models, first process
    for (length, kind), data in sorted(files.items(), key=lambda one: len(one[1])):
        repeated = 1 if length == "60 min" else runs
        with memory.watched():
            cost, report = asked(verifier, data, repeated)
        plain = statistics.median(_clock(lambda data=data: reader.read(data, "audio/mpeg")) for _ in range(5))
        print(
            f"| {length} | {kind} | {report.conclusion.value} | {cost.seconds:.2f} | {cost.processor:.2f} "
            f"| {memory.highest:.0f} | {plain:.3f} |",
            flush=True,
        )
    short = files["10 s", "cut from a copy"], files["10 s", "unrelated"]
    copies, unrelated = (rate(verifier, data) for data in short)
    print(f"\nShort clips, two at a time: {copies:.1f} copies or {unrelated:.1f} unrelated ones a second.")
    print(f"Load at the end: {os.getloadavg()[0]:.1f}.")
    verifier.close()


def asked(verifier: Verifier, data: bytes, times: int) -> tuple[Cost, Report]:
    """Return the quickest of several answers, which other work on the machine disturbed least, and the report."""
    costs = []
    for _ in range(times):
        began, used = time.perf_counter(), processor_seconds()
        report = verifier.verify(data)
        seconds = time.perf_counter() - began
        time.sleep(SETTLED)
        costs.append(Cost(seconds, processor_seconds() - used))
    return min(costs, key=lambda one: one.seconds), report


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
