"""Byte ranges of a file, as a client asks for them (RFC 9110, section 14; pure, no I/O)."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass

from gateway.errors import RangeNotSatisfiableError

MAX_RANGES = 8  # players ask for one or two; more is how servers are made to work for nothing (CVE-2011-3192)
MAX_HEADER_CHARACTERS = 400  # eight ranges of a file below 2**63 bytes fit in 320
_RANGE = re.compile(r"(\d{0,19})-(\d{0,19})", re.ASCII)


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Half-open range `[start, end)` of bytes."""

    start: int
    end: int

    @property
    def length(self) -> int:
        """Number of bytes."""
        return self.end - self.start


def parse_ranges(header: str, size: int) -> tuple[ByteRange, ...] | None:
    """Return the ranges of a `Range` header for a file of `size` bytes, in the order asked for.

    None means that the header is of another unit or malformed and is to be ignored, as RFC 9110 section 14.2 wants.
    Raises `RangeNotSatisfiableError` when no range touches the file, or when they are too many or overlap.
    """
    unit, separator, specifiers = header.strip().partition("=")
    if not separator or unit.strip().lower() != "bytes":
        return None
    parts = [part.strip() for part in specifiers.split(",") if part.strip()]
    if len(header) > MAX_HEADER_CHARACTERS or len(parts) > MAX_RANGES:
        raise RangeNotSatisfiableError(f"at most {MAX_RANGES} byte ranges are served at once", size=size)
    ranges = []
    for part in parts:
        match = _RANGE.fullmatch(part)
        if match is None or part == "-":
            return None
        first, last = match.groups()
        if first and last and int(first) > int(last):
            return None
        if not first:  # the last n bytes
            start, end = max(0, size - int(last)), size
        else:
            start, end = int(first), min(size, int(last) + 1) if last else size
        if start < end:
            ranges.append(ByteRange(start, end))
    if not parts:
        return None
    if not ranges:
        raise RangeNotSatisfiableError(f"the file has {size} bytes; no byte that was asked for is in it", size=size)
    ordered = sorted(ranges, key=lambda one: one.start)
    if any(before.end > after.start for before, after in itertools.pairwise(ordered)):
        raise RangeNotSatisfiableError("the byte ranges overlap", size=size)
    return tuple(ranges)
