"""wrk (https://github.com/wg/wrk) as the load tool: a Lua script says what to ask, and prints the figures as JSON."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

THREADS = 2
_DONE = """
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\\nFIGURES {"requests":%d,"micros":%d,"p50":%d,"p99":%d,"refused":%d,"lost":%d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    e.status, e.connect + e.read + e.write + e.timeout))
end
"""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a run measured; times in milliseconds. Refused requests (4xx, 5xx) are not counted as served."""

    per_second: float
    p50: float
    p99: float
    refused: int
    lost: int


def require_wrk() -> None:
    """Raises `SystemExit`, saying what to do, where wrk is not installed."""
    if shutil.which("wrk") is None:
        raise SystemExit("the load tool wrk is needed; install it first: apt-get install wrk")


def ask(address: str, lua: str, *, seconds: int, connections: int) -> Figures:
    """Ask for so long over so many connections what the Lua functions in `lua` say; raises `CalledProcessError`."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "ask.lua"
        script.write_text(lua + _DONE, encoding="utf-8")
        done = subprocess.run(
            [
                "wrk",
                f"-t{THREADS}",
                f"-c{connections}",
                f"-d{seconds}s",
                "--timeout",
                "30s",
                "-s",
                str(script),
                address,
            ],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    line = next(line for line in done.stdout.splitlines() if line.startswith("FIGURES "))
    found = json.loads(line.removeprefix("FIGURES "))
    served = found["requests"] - found["refused"]
    return Figures(
        per_second=served / (found["micros"] / 1e6),
        p50=found["p50"] / 1e3,
        p99=found["p99"] / 1e3,
        refused=found["refused"],
        lost=found["lost"],
    )


def lua_text(text: str) -> str:
    """Return `text` as a Lua string literal."""
    return (
        '"'
        + "".join(c if c.isalnum() or c in " -_.:/" else "".join(f"\\{b:03d}" for b in c.encode()) for c in text)
        + '"'
    )


def lua_bytes(data: bytes) -> str:
    """Return `data` as a Lua string literal."""
    return '"' + "".join(f"\\{byte:03d}" for byte in data) + '"'
