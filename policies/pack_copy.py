"""Copy a pack into a folder of the operator's own, as a draft with its own name."""

from __future__ import annotations

import re
import shutil
import tempfile
from datetime import date
from pathlib import Path

from policies.errors import InvalidPolicyError
from policies.policy import PACK_FILE, Policy

_TABLE = re.compile(r"^\s*\[", re.MULTILINE)
_NOT_IN_AN_ID = re.compile(r"[^a-z0-9-]+")


def copy_pack(source: Path, destination: Path, *, name: str | None = None, today: date) -> Policy:
    """Copy the pack in folder `source` to the new folder `destination`, and return the copy as loaded.

    The copy is a draft of version `today`; its id is `name`, or follows from the folder's name. Comments stay. The
    folder appears whole or not at all. Raises `InvalidPolicyError` when the source is not usable or the destination
    exists.
    """
    Policy.load(source)
    if destination.exists():
        raise InvalidPolicyError(f"{destination} exists already; name a new folder, nothing is ever overwritten")
    pack_id = name or _NOT_IN_AN_ID.sub("-", destination.resolve().name.lower()).strip("-") or "own"
    destination.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{destination.name}-", dir=destination.parent))
    try:
        copy = scratch / "pack"
        shutil.copytree(source, copy)
        file = copy / PACK_FILE
        text = file.read_text(encoding="utf-8")
        for key, value in (("id", pack_id), ("version", today.isoformat()), ("status", "draft")):
            text = _with_value(text, key, value)
        file.write_text(text, encoding="utf-8")
        Policy.load(copy)
        copy.rename(destination)
    finally:
        shutil.rmtree(scratch)
    return Policy.load(destination)


def _with_value(text: str, key: str, value: str) -> str:
    """Return a policy's text with another value of a key of the file's head, comments kept."""
    first_table = _TABLE.search(text)
    head = text[: first_table.start()] if first_table else text
    changed, count = re.subn(rf"""(?m)^({key}\s*=\s*)(["']).*?\2""", rf'\g<1>"{value}"', head, count=1)
    if count != 1:
        raise InvalidPolicyError(f"{key} is not on a line of its own at the head of {PACK_FILE}; put it there")
    return changed + text[len(head) :]
