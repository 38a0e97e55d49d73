"""The highest resident memory of this process (Linux)."""

from __future__ import annotations

import re
from pathlib import Path


def peak() -> float:
    """Return the highest resident memory of this process so far, in MB.

    Not `getrusage`: its maximum is inherited from the process that started this one.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    if found is None:
        raise OSError("/proc/self/status does not tell VmHWM; memory can be measured on Linux only")
    return int(found[1]) / 1024


def forget_peak() -> None:
    """Let `peak` count from here: loading and warming up are not what is measured."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
