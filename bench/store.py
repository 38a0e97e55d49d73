"""Results on disk, one JSON line per measurement, so that a run of many minutes can be continued."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Key = tuple[str, ...]


class Store:
    """Measurements by key: (part, system and version, what was measured ...); appended as they come.

    A line that was cut off by a crash is dropped when the file is read again: its measurement is made once more.
    """

    def __init__(self, path: Path, *, resume: bool) -> None:
        """Open `path`; without `resume` what it held is moved to `<name>.old`, so that numbers are never mixed."""
        self.path = path
        self._values: dict[Key, Any] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not resume:
            path.replace(path.with_suffix(".old"))
        if path.exists():
            text = path.read_text(encoding="utf-8")
            if text and not text.endswith("\n"):
                with path.open("a", encoding="utf-8") as file:
                    file.write("\n")  # or the next measurement would be lost with the torn one
            for line in text.splitlines():
                try:
                    key, value = json.loads(line)
                except ValueError:
                    continue  # safe to ignore because the measurement is repeated
                self._values[tuple(key)] = value

    def __contains__(self, key: Key) -> bool:
        return key in self._values

    def put(self, key: Key, value: Any) -> None:
        """Keep `value` (anything JSON holds) under `key`."""
        self._values[key] = value
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([list(key), value]) + "\n")

    def find(self, *start: str) -> Iterator[tuple[Key, Any]]:
        """Yield what is kept under keys that begin with `start`, in the order it was measured."""
        for key, value in self._values.items():
            if key[: len(start)] == start:
                yield key[len(start) :], value

    def get(self, *key: str) -> Any:
        """Return what is kept under exactly `key`, or None."""
        return self._values.get(key)
