"""Publish, killed with SIGKILL at one system call after another; run by test_publication_crash.py in its own process.

Forks a child for every call that publishing makes. The child gets that far and dies, before or right after the call.
Then this process looks at what is left, publishes again, and looks once more. Prints how many deaths there were.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from audit_log import ORIGIN, create_log_tables, sqlite_engine
from log_files import audit, grow, latest, publication_of, publish, reading
from sqlalchemy.orm import Session

from audit.checkpoint import LogKey
from audit.log import Log

CALLS = ("fsync", "link", "rename", "mkdir", "unlink", "rmdir")
OLD, NEW = 300, 900


def main(home: Path) -> None:
    log = Log(origin=ORIGIN, key=LogKey.from_seed(b"\x01" * 32))
    engine = sqlite_engine(home / "assay.db", synchronous="OFF")
    create_log_tables(engine)
    grow(engine, log, OLD)
    old = publish(engine, log, home / "old")
    grow(engine, log, NEW)
    engine.dispose()
    deaths = 0
    for after in (False, True):
        number = 0
        while True:
            folder = home / f"log-{after}-{number}"
            shutil.copytree(home / "old", folder)
            child = os.fork()
            if not child:
                die_at(number, after=after)
                publish(sqlite_engine(home / "assay.db", synchronous="OFF"), log, folder)
                os._exit(0)
            _, status = os.waitpid(child, 0)
            if os.WIFEXITED(status):
                require(os.WEXITSTATUS(status) == 0, "the child failed")
                break
            require(os.WTERMSIG(status) == signal.SIGKILL, "the child died of something else")
            deaths += 1
            look(home, folder, log, old.size)
            shutil.rmtree(folder)
            number += 1
    print(deaths)  # noqa: T201 - read by the test


def die_at(number: int, *, after: bool) -> None:
    """Kill this process at the call with this number, counted over all calls that change the disk."""
    made = 0

    def watched(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            nonlocal made
            made += 1
            if made - 1 == number:
                if after:
                    original(*arguments, **named)
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*arguments, **named)

        return call

    for name in CALLS:
        setattr(os, name, watched(getattr(os, name)))


def look(home: Path, folder: Path, log: Log, old: int) -> None:
    """Whatever stands is whole and true, the database agrees with it, and the next try completes."""
    left = audit(folder, log)
    require(left.divergence is None, f"after the death: {left.divergence}")
    require(left.entries in (old, NEW), f"{left.entries} entries are shown")
    engine = sqlite_engine(home / "assay.db", synchronous="OFF")
    publication = publication_of(log, folder)
    with Session(engine) as session:
        publication.check_unshown(session)
    publication.show(publication.write(reading(engine), latest(engine, log)))
    done = audit(folder, log)
    require(done.divergence is None and done.entries == NEW, f"after the next try: {done.divergence}")
    require(list((folder / ".staging").iterdir()) == [], "something is left in .staging")
    engine.dispose()


def require(condition: bool, message: str) -> None:
    if not condition:
        raise SystemExit(message)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
