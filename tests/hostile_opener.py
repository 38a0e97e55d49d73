"""A program like `gateway.app.openerprocess` whose reader of credentials was taken over, in a named way."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path

from gateway.verification.openerprocess import serve
from synth.credentials import CredentialsReport


class Hostile:
    """Does what `act` says instead of reading credentials; what it could do, it tells as the reason of an error."""

    def __init__(self, act: str, argument: str) -> None:
        self._act, self._argument = act, argument

    def read(self, data: bytes, media_type: str, *, manifest_store: bytes | None = None) -> CredentialsReport:
        getattr(self, self._act)()
        raise SystemExit("done")  # ends the child without an answer: whatever `act` tried, it must not have worked

    def connect(self) -> None:
        self._succeed(lambda: socket.create_connection(("127.0.0.1", int(self._argument)), timeout=5))

    def write_a_file(self) -> None:
        self._succeed(lambda: Path(self._argument).write_text("escaped"))

    def run_a_program(self) -> None:
        self._succeed(lambda: os.execv("/bin/touch", ["touch", self._argument]))

    def remove_a_file(self) -> None:
        self._succeed(lambda: Path(self._argument).unlink())

    def signal_its_parent(self) -> None:
        self._succeed(lambda: os.kill(os.getppid(), signal.SIGKILL))

    def take_memory(self) -> None:
        taken = [bytearray(1 << 28) for _ in range(64)]
        raise SystemExit(len(taken))

    def compute(self) -> None:
        while True:
            pass

    def sleep(self) -> None:
        time.sleep(600)

    def crash(self) -> None:
        ctypes.string_at(0)

    @staticmethod
    def _succeed(attempt: object) -> None:
        try:
            attempt()  # type: ignore[operator]
        except PermissionError:
            return


def main() -> None:
    configuration = json.load(sys.stdin)
    with socket.socket(fileno=int(sys.argv[1])) as link:
        serve(link, lambda: Hostile(configuration["act"], configuration["argument"]))


if __name__ == "__main__":
    main()
