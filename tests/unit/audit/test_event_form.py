"""What may enter the log, and in which bytes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from audit_log import an_event

from audit.errors import EventError
from audit.event import CHECKED, FREE, MAX_ENTRY_BYTES, Event, EventKind, parse_event

EXACT = (
    b'{"actor":"system","at":"2026-03-01T12:00:00.000000+00:00","facts":{"script":"sha256:'
    + b"0" * 64
    + b'","words":0},"kind":"submission.received","subject":"episode-0","v":1}'
)


CHECKED_EXACT = (
    b'{"actor":"system","at":"2026-03-01T12:00:00.000000+00:00","facts":{"bytes":0,"language":"en","plan_commitment":'
    b'"hmac-sha256:' + b"0" * 64 + b'","script_commitment":"hmac-sha256:' + b"0" * 64 + b'","voices":[]},'
    b'"kind":"submission.received","subject":"episode-0","v":2}'
)


def free(**changes: Any) -> Event:
    """An event as logs held it before there were forms."""
    return an_event(**{"facts": {"script": f"sha256:{0:064x}", "words": 0}, "version": FREE, **changes})


def test_canonical_bytes_are_fixed_for_ever() -> None:
    assert an_event().canonical() == CHECKED_EXACT
    assert parse_event(CHECKED_EXACT).version == CHECKED


def test_entry_from_before_there_were_forms_is_read_for_ever() -> None:
    assert free().canonical() == EXACT
    assert parse_event(EXACT) == free()


def test_same_moment_in_another_time_zone_gives_the_same_bytes() -> None:
    tokyo = timezone(timedelta(hours=9))
    assert an_event(at=datetime(2026, 3, 1, 21, tzinfo=tokyo)).canonical() == CHECKED_EXACT


@pytest.mark.parametrize("kind", list(EventKind))
def test_every_kind_is_read_back(kind: EventKind) -> None:
    event = free(kind=kind, facts={"a": [1, 2.5, None, True, {"b": "ü€😀"}]})
    assert parse_event(event.canonical()) == event


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"at": datetime(2026, 3, 1)}, "no time zone"),  # noqa: DTZ001 - the naive time is the point
        ({"subject": ""}, "subject must be an id"),
        ({"subject": "x" * 256}, "subject must be an id"),
        ({"subject": "nul\x00"}, "subject must be an id"),
        ({"subject": "\ud800"}, "subject must be an id"),
        ({"actor": "line\nbreak"}, "actor must be an id"),
        ({"facts": {"score": float("nan")}}, "JSON cannot carry"),
        ({"facts": {"size": 2**53}}, "JSON cannot carry"),
        ({"facts": {"audio": b"bytes"}}, "JSON cannot carry"),
        ({"facts": {1: "key"}}, "JSON cannot carry"),
        ({"facts": {"half": "\ud800"}}, "JSON cannot carry"),
        ({"facts": {"text": "x" * MAX_ENTRY_BYTES}}, "log digests"),
    ],
)
def test_event_that_cannot_be_logged_is_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(EventError, match=reason):
        free(**changes).canonical()


def test_bottomless_facts_are_refused() -> None:
    facts: dict[str, Any] = {}
    for _ in range(100_000):
        facts = {"deeper": facts}
    with pytest.raises(EventError, match="JSON cannot carry"):
        free(facts=facts).canonical()


@pytest.mark.parametrize(
    "leaf",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff",
        b"[" * 100_000,
        EXACT + b"\n",
        b" " + EXACT,
        EXACT.replace(b'"v":1', b'"v":2'),
        EXACT.replace(b'"v":1', b'"v":3'),
        EXACT.replace(b'"v":1', b'"v":0'),
        EXACT.replace(b'"v":1', b'"v":true'),
        EXACT.replace(b'"v":1', b'"v":[1]'),
        CHECKED_EXACT.replace(b'"bytes":0,', b""),
        CHECKED_EXACT.replace(b'"bytes":0', b'"bytes":0,"extra":0'),
        CHECKED_EXACT.replace(b'"bytes":0', b'"bytes":0,"bytes":0'),
        EXACT.replace(b',"v":1', b""),
        EXACT.replace(b'"v":1', b'"v":1,"w":1'),
        EXACT.replace(b'"v":1', b'"v":1,"v":1'),
        EXACT.replace(b"submission.received", b"submission.invented"),
        EXACT.replace(b'"system"', b"7"),
        EXACT.replace(b'"system"', b'"syst\\u0065m"'),
        EXACT.replace(b".000000+00:00", b"Z"),
        EXACT.replace(b"+00:00", b""),
        EXACT.replace(b"+00:00", b"+01:00"),
        EXACT.replace(b'"words":0', b'"words":0.0'),
        EXACT.replace(b'"words":0', b'"words":-0'),
        EXACT.replace(b'"words":0', b'"words":NaN'),
        EXACT.replace(b'{"script"', b'[{"script"').replace(b"0},", b"0}],"),
    ],
)
def test_bytes_that_no_event_would_have_written_are_refused(leaf: bytes) -> None:
    with pytest.raises(EventError):
        parse_event(leaf)


def test_time_is_kept_to_the_microsecond() -> None:
    moment = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
    assert parse_event(an_event(at=moment).canonical()).at == moment
