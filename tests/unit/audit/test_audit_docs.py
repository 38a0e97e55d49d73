"""The page about the log says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from audit.checkpoint import Verifier, parse_and_verify
from audit.countersignatures import COSIGNATURES, TIMESTAMPS
from audit.event import EventKind
from audit.store import CHECKPOINTS, ENTRIES, HEAD, OUTBOX, TILES

PAGE = (Path(__file__).parents[3] / "docs" / "audit-log.md").read_text()


def test_every_kind_of_event_is_explained() -> None:
    assert re.findall(r"^\| `([a-z]+\.[a-z_]+)` \|", PAGE, re.MULTILINE) == [kind.value for kind in EventKind]


def test_every_table_is_explained() -> None:
    tables = [table.name for table in (OUTBOX, ENTRIES, TILES, HEAD, CHECKPOINTS, COSIGNATURES, TIMESTAMPS)]
    assert re.findall(r"^\| `(audit_[a-z]+)` \|", PAGE, re.MULTILINE) == tables


def test_checkpoint_on_the_page_is_signed_by_the_key_on_the_page() -> None:
    note = re.search(r"```\n(gateway\.example/audit\n.*?)```", PAGE, re.DOTALL)
    vkey = re.search(r"`(gateway\.example/audit\+[^`]+)`", PAGE)
    assert note is not None
    assert vkey is not None
    checkpoint = parse_and_verify(
        note.group(1), origin="gateway.example/audit", verifiers=[Verifier.parse(vkey.group(1))]
    )
    assert checkpoint.size == 8
