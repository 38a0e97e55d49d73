"""Exports: a part of the log as a folder that a stranger can verify with nothing of ours.

| File | What it is |
|---|---|
| `events.ndjson` | one entry a line: `index`, `entry` (the exact text that was hashed) and, in some exports, `proof` |
| `checkpoint` | the signed size and root that everything is proven against, with the witnesses' cosignatures |
| `log.vkey` | the log's public key; compare it with the one that you have from elsewhere |
| `proof.json` | what connects a whole range of entries with the root |
| `verify.py` | verifies all this with Python's standard library and `cryptography` alone |
| `README.md` | says how, also without that program |
| `manifest.json` | what was asked for, and the SHA-256 of every other file; written last |

A span of time becomes a range of entries without gaps: the hashes left and right of it, with the entries, give the
signed root, so nothing in between can be missing. One subject's entries carry an inclusion proof each; that none of
them was left out, such an export cannot show. Everything is written and read as a stream: memory does not grow with
the log.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from audit import merkle
from audit.checkpoint import Checkpoint
from audit.countersignatures import cosigned
from audit.errors import ExportError, LogDivergedError, ProofError
from audit.export_check import (
    CHECKPOINT,
    EVENTS,
    FORMAT,
    MANIFEST,
    PROGRAM,
    PROOF,
    README,
    VKEY,
    Exported,
    grown,
    sha256_of,
)
from audit.log import Log
from audit.merkle import NodeReader
from audit.note import encode_base64
from audit.store import ENTRIES, StoredNodes, read_entries

REMEMBERED_NODES = 8_192  # 256 KiB of hashes: neighbours share nearly all of their paths
NODES_PER_READER = 1_024  # nodes that one reader of tiles serves before its own memory is let go


def export(
    session: Session,
    *,
    log: Log,
    folder: Path,
    at: datetime,
    since: datetime | None = None,
    until: datetime | None = None,
    subject: str | None = None,
) -> Exported:
    """Write the entries of a span of time, or of one subject in it, into a new folder, verified as it is written.

    The range goes from the first entry at or after `since` to the last one before `until`; clocks may have gone back,
    so single entries in it may lie outside the span. Raises `ExportError` if the folder is not empty or nothing is
    sealed, `LogDivergedError` if the log does not lead to its signed root, and `OSError` as the file system says.
    """
    checkpoint = log.latest_checkpoint(session)
    if checkpoint is None:
        raise ExportError("the log has signed nothing yet, so nothing in it can be proven; come back after an episode")
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise ExportError(f"{folder} is not empty; name a new folder")
    start, end = _range(session, checkpoint.size, since, until)
    nodes = _BoundedNodes(session)
    with (folder / EVENTS).open("w", encoding="utf-8", newline="\n") as file:
        if subject is None:
            entries = _write_range(session, file, start=start, end=end, checkpoint=checkpoint, nodes=nodes)
            left = merkle.frontier_at(start, nodes).hashes
            right = [nodes(level, index) for level, index in merkle.complete_subtrees(end, checkpoint.size)]
            kind = "range"
        else:
            entries = _write_subject(session, file, subject, start=start, end=end, checkpoint=checkpoint, nodes=nodes)
            left, right, kind, start, end = (), [], "inclusion", 0, checkpoint.size
    total: int = session.execute(select(func.coalesce(func.max(ENTRIES.c.idx) + 1, 0))).scalar_one()
    _write(
        folder,
        PROOF,
        _json(
            {
                "kind": kind,
                "start": start,
                "end": end,
                "size": checkpoint.size,
                "left": [encode_base64(value) for value in left],
                "right": [encode_base64(value) for value in right],
            }
        ),
    )
    _write(folder, CHECKPOINT, cosigned(session, checkpoint).note)
    _write(folder, VKEY, log.verifier.vkey + "\n")
    _write(folder, PROGRAM, Path(__file__).with_name("standalone_verifier.py").read_text())
    _write(folder, README, _readme(checkpoint, kind, entries))
    names = (EVENTS, CHECKPOINT, VKEY, PROOF, PROGRAM, README)
    manifest = {
        "format": FORMAT,
        "origin": log.origin,
        "size": checkpoint.size,
        "kind": kind,
        "entries": entries,
        "since": _text(since),
        "until": _text(until),
        "subject": subject,
        "exported_at": _text(at),
        "files": {name: sha256_of(folder / name) for name in names},
    }
    _write(folder, MANIFEST, _json(manifest))
    return Exported(log.origin, checkpoint.size, entries, start, end, subject, total - checkpoint.size)


class _BoundedNodes:
    """Reads nodes of the tree and remembers the latest few thousand; for walks along neighbouring entries."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._reader: NodeReader = StoredNodes(session)
        self._served = 0
        self._known: OrderedDict[tuple[int, int], bytes] = OrderedDict()

    def __call__(self, level: int, index: int) -> bytes:
        if (value := self._known.get((level, index))) is not None:
            self._known.move_to_end((level, index))
            return value
        if self._served == NODES_PER_READER:
            self._reader, self._served = StoredNodes(self._session), 0
        self._served += 1
        value = self._known[level, index] = self._reader(level, index)
        if len(self._known) > REMEMBERED_NODES:
            self._known.popitem(last=False)
        return value


def _range(session: Session, size: int, since: datetime | None, until: datetime | None) -> tuple[int, int]:
    """Return the range of sealed entries of a span of time; empty spans give an empty range."""
    start, end = 0, size
    if since is not None:
        first = session.execute(select(func.min(ENTRIES.c.idx)).where(ENTRIES.c.at >= since)).scalar_one()
        start = size if first is None else min(first, size)
    if until is not None:
        last = session.execute(select(func.max(ENTRIES.c.idx)).where(ENTRIES.c.at < until)).scalar_one()
        end = 0 if last is None else min(last + 1, size)
    return start, max(start, end)


def _write_range(
    session: Session, file: IO[str], *, start: int, end: int, checkpoint: Checkpoint, nodes: NodeReader
) -> int:
    derived = merkle.frontier_at(start, nodes)
    for entry in read_entries(session, start=start, end=end):
        if entry.index != derived.size:
            raise LogDivergedError(f"entry {derived.size} is missing; run fsck")
        file.write(_line({"index": entry.index, "entry": entry.leaf.decode()}))
        derived = derived.append(merkle.leaf_hash(entry.leaf))
    for level, index in merkle.complete_subtrees(end, checkpoint.size):
        derived = grown(derived, level, nodes(level, index))
    if derived.size != checkpoint.size or derived.root() != checkpoint.root:
        raise LogDivergedError(f"the entries {start} to {end} do not lead to the signed root; run fsck")
    return end - start


def _write_subject(
    session: Session,
    file: IO[str],
    subject: str,
    *,
    start: int,
    end: int,
    checkpoint: Checkpoint,
    nodes: NodeReader,
) -> int:
    chosen = (
        select(ENTRIES.c.idx, ENTRIES.c.leaf)
        .where(ENTRIES.c.subject == subject, ENTRIES.c.idx >= start, ENTRIES.c.idx < end)
        .order_by(ENTRIES.c.idx)
    )
    entries = 0
    for row in session.execute(chosen.execution_options(yield_per=500)):
        path = merkle.inclusion_proof(row.idx, checkpoint.size, nodes)
        hashed = merkle.leaf_hash(row.leaf)
        try:
            merkle.verify_inclusion(index=row.idx, size=checkpoint.size, leaf=hashed, proof=path, root=checkpoint.root)
        except ProofError as error:
            raise LogDivergedError(f"entry {row.idx} does not lead to the signed root; run fsck") from error
        proof = [encode_base64(value) for value in path]
        file.write(_line({"index": row.idx, "entry": row.leaf.decode(), "proof": proof}))
        entries += 1
    return entries


def _line(document: dict[str, object]) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n"


def _json(document: dict[str, object]) -> str:
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _write(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text, encoding="utf-8", newline="\n")


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat()


def _readme(checkpoint: Checkpoint, kind: str, entries: int) -> str:
    whole = (
        "They are a range without gaps: with the hashes in `proof.json` they give the signed root, so none is missing."
        if kind == "range"
        else "Each carries its own inclusion proof. That there are no more of this subject, an export cannot show."
    )
    text = Path(__file__).with_name("export_readme.txt").read_text(encoding="utf-8")
    return text.format(origin=checkpoint.origin, size=checkpoint.size, entries=entries, whole=whole)
