"""Change the knowledge base of an operator's pack: one writer at a time, wholly or not at all (reads and writes files).

In order: 1. lock the folder, 2. load the pack, so that a broken one is never built upon, 3. make the new content and
parse it as a reader would, 4. write it beside the old file and flush it, 5. rename. A crash before 5 leaves the old
knowledge base and a temporary file; a crash after it leaves the new one.
"""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from policies.errors import KnowledgeBaseError
from policies.knowledge import ClaimRecord, KnowledgeBase
from policies.policy import Policy, knowledge_file

_SHIPPED = Path(__file__).parent.resolve()


@dataclass(frozen=True, slots=True)
class OpenedPack:
    """A pack whose folder is locked for this process."""

    folder: Path
    file: Path  # the knowledge base
    policy: Policy

    def replace(self, records: Iterable[ClaimRecord]) -> Policy:
        """Store `records` as the knowledge base and return the pack as it is now.

        Durable when it returns. Raises `KnowledgeBaseError` or `InvalidPolicyError`; the old file is then still there.
        """
        content = to_bytes(records)
        KnowledgeBase.parse(content, source=self.file.name)
        try:
            _replace(self.file, content)
        except OSError as error:
            raise KnowledgeBaseError(
                f"{self.file}: cannot be written: {error.strerror}; nothing was changed"
            ) from error
        return Policy.load(self.folder)


@contextmanager
def opened_for_change(pack: Path) -> Iterator[OpenedPack]:
    """Lock and load the pack in folder `pack`.

    Raises `KnowledgeBaseError` when it is a pack that ships with the software, or another process is changing it.
    """
    folder = pack.parent if pack.suffix == ".toml" else pack
    if folder.resolve().is_relative_to(_SHIPPED):
        raise KnowledgeBaseError(
            f"{folder.name}: ships with the software and is never changed; copy it with `assay policy copy DEST`, "
            "change the copy, and set ASSAY_POLICY to it"
        )
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise KnowledgeBaseError(f"{folder}: is not a folder that can be opened ({error.strerror})") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise KnowledgeBaseError(f"{folder}: another process is changing this pack; wait for it") from error
        yield OpenedPack(folder, knowledge_file(folder), Policy.load(folder))
    finally:
        os.close(descriptor)  # gives the lock back


def to_bytes(records: Iterable[ClaimRecord]) -> bytes:
    """Return the records as they stand in a knowledge base: JSON, absent fields left out, ratings complete."""
    documents = []
    for record in records:
        document = record.model_dump(mode="json", exclude_defaults=True)
        document["reviewRating"] = record.reviewRating.model_dump(mode="json", exclude_none=True)
        documents.append(document)
    return (json.dumps(documents, ensure_ascii=False, indent=1) + "\n").encode()


def _replace(file: Path, content: bytes) -> None:
    mode = file.stat().st_mode & 0o777
    descriptor, temporary = tempfile.mkstemp(dir=file.parent, prefix=file.name + ".")
    try:
        with os.fdopen(descriptor, "wb") as written:
            written.write(content)
            written.flush()
            os.fchmod(written.fileno(), mode)
            os.fsync(written.fileno())
        Path(temporary).replace(file)  # if we crash before this line, nothing has changed
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)  # the new name survives a power loss
    finally:
        os.close(folder)
