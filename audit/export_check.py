"""Checking an export offline, with our own code; `standalone_verifier` does the same with none of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit import merkle
from audit.checkpoint import Checkpoint, Verifier, parse_and_verify
from audit.errors import CheckpointError, EventError, ExportError, ProofError, QuorumError
from audit.event import parse_event
from audit.merkle import Frontier, node_hash
from audit.note import decode_base64
from audit.tlog_policy import WitnessPolicy

FORMAT = "assay-log-export/1"
EVENTS, CHECKPOINT, VKEY, PROOF, PROGRAM, README, MANIFEST = (
    "events.ndjson",
    "checkpoint",
    "log.vkey",
    "proof.json",
    "verify.py",
    "README.md",
    "manifest.json",
)
MAX_LINE_CHARACTERS = 1_000_000  # of an event line: the longest entry, every character escaped, and its proof
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export holds."""

    origin: str
    size: int  # of the checkpoint
    entries: int
    start: int  # first index of the range; of one subject's entries, 0
    end: int  # index after the last of the range; of one subject's entries, the checkpoint's size
    subject: str | None
    unsealed: int  # newer entries that no checkpoint covers yet, which are left out


def verify_export(folder: Path, *, verifier: Verifier | None = None, policy: WitnessPolicy | None = None) -> Exported:
    """Check an export offline; without a verifier, against the key that lies in it.

    1. Every file has the digest that the manifest says.
    2. The checkpoint is signed by the log's key and, if a policy is given, by its quorum of witnesses.
    3. The entries lead to the signed root, and are events of the subject that was asked for.

    Raises `ExportError` with the first thing that is wrong.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        if manifest["format"] != FORMAT or set(manifest["files"]) != {EVENTS, CHECKPOINT, VKEY, PROOF, PROGRAM, README}:
            raise ExportError(f"{folder} is no export of the form {FORMAT}")
        for name, expected in manifest["files"].items():  # 1.
            if sha256_of(folder / name) != expected:
                raise ExportError(f"{name} is not the file that was exported")
        key = verifier or Verifier.parse((folder / VKEY).read_text().strip())
        checkpoint = parse_and_verify((folder / CHECKPOINT).read_text(), origin=key.name, verifiers=(key,))  # 2.
        if policy is not None:
            policy.require(checkpoint.note)
        proof = json.loads((folder / PROOF).read_bytes())
        check = _check_range if proof["kind"] == "range" else _check_each
        entries = check(folder / EVENTS, proof, checkpoint, manifest["subject"])  # 3.
        if entries != manifest["entries"]:
            raise ExportError(f"there are {entries} entries, but the manifest says {manifest['entries']}")
        return Exported(
            checkpoint.origin, checkpoint.size, entries, proof["start"], proof["end"], manifest["subject"], 0
        )
    except (CheckpointError, QuorumError, ProofError, EventError) as error:
        raise ExportError(str(error)) from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ExportError(f"the export is malformed: {type(error).__name__} ({error})") from error
    except OSError as error:
        raise ExportError(f"the export cannot be read: {error.filename}: {error.strerror}") from error


def grown(frontier: Frontier, level: int, subtree: bytes) -> Frontier:
    """Return the frontier after a complete subtree of 2**level entries, which begins at a multiple of that."""
    hashes, count, carried = list(frontier.hashes), frontier.size >> level, subtree
    while count & 1:
        carried, count = node_hash(hashes.pop(), carried), count >> 1
    return Frontier(frontier.size + (1 << level), (*hashes, carried))


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits; raises `OSError`."""
    seen = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            seen.update(chunk)
    return seen.hexdigest()


def _check_range(path: Path, proof: dict[str, Any], checkpoint: Checkpoint, subject: str | None) -> int:
    derived = Frontier.decode(proof["start"], b"".join(_hash(value) for value in proof["left"]))
    entries = 0
    for index, leaf, _ in _events(path, subject):
        if index != derived.size:
            raise ExportError(f"entry {derived.size} is missing; the next one is {index}")
        derived = derived.append(merkle.leaf_hash(leaf))
        entries += 1
    if derived.size != proof["end"]:
        raise ExportError(f"the entries end at {derived.size}, but the proof at {proof['end']}")
    right = [_hash(value) for value in proof["right"]]
    missing = merkle.complete_subtrees(derived.size, checkpoint.size)
    if len(right) != len(missing):
        raise ExportError("the proof does not reach from the entries to the checkpoint's size")
    for (level, _), value in zip(missing, right, strict=True):
        derived = grown(derived, level, value)
    if derived.size != checkpoint.size or derived.root() != checkpoint.root:
        raise ExportError("the entries do not lead to the signed root: something was changed, left out or put in")
    return entries


def _check_each(path: Path, proof: dict[str, Any], checkpoint: Checkpoint, subject: str | None) -> int:
    entries, before = 0, -1
    for index, leaf, hashes in _events(path, subject):
        if index <= before:
            raise ExportError(f"entry {index} stands after entry {before}")
        merkle.verify_inclusion(
            index=index,
            size=checkpoint.size,
            leaf=merkle.leaf_hash(leaf),
            proof=[_hash(value) for value in hashes],
            root=checkpoint.root,
        )
        entries, before = entries + 1, index
    if proof["left"] or proof["right"]:
        raise ExportError("the proof is of a range, but the entries carry their own")
    return entries


def _events(path: Path, subject: str | None) -> Iterator[tuple[int, bytes, list[str]]]:
    """Yield index, exact bytes and own proof of every line, having read the event."""
    with path.open(encoding="utf-8", newline="\n") as lines:
        while line := lines.readline(MAX_LINE_CHARACTERS):
            document = json.loads(line)
            leaf = document["entry"].encode()
            event = parse_event(leaf)
            if subject is not None and event.subject != subject:
                raise ExportError(f"entry {document['index']} is of another subject than was asked for")
            yield int(document["index"]), leaf, document.get("proof", [])


def _hash(value: str) -> bytes:
    return decode_base64(value, "a hash in the export")
