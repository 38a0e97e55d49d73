"""Vectors of a knowledge base on disk, so that a process with ten thousand claims starts in a second, not in minutes.

Format 1: a safetensors file with `digests`, uint8 (n, 16), the first half of the SHA-256 of each wording in UTF-8, and
`vectors`, float16 (n, dimensions). Its metadata hold the format, the digest of the encoder and the SHA-256 of both
arrays. A row belongs to a wording, not to a place, so after an import only new wordings are encoded.

The file is never needed and never trusted over the encoder: a file that is damaged, of another format or of another
encoder is rebuilt, and some rows are encoded again on every load. Vectors are rounded to float16 when they are built as
well, so that a decision does not depend on whether a file was there. (Pure but for the one file.)
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from policies.errors import ScreeningError

FORMAT = "1"
MAX_ROWS = 500_000  # rows kept for wordings that other packs of the same encoder may use; about 400 MB
_DIGEST = 16  # bytes: two wordings with one digest would have to be made on purpose
_CHUNK = 4096  # wordings encoded between two writes of the file, so that a stopped start loses at most a minute
_PROBES = 4  # rows that are encoded again on every load
_SAME = 0.999  # least cosine between a row and the same wording encoded again; float16 costs less than 0.0001

log = logging.getLogger(__name__)


class Encoder(Protocol):
    """What is needed of `claim_matching.SentenceEncoder`."""

    @property
    def model(self) -> tuple[str, str]:
        """(model id, "sha256:<hex>") of the weights."""
        ...

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return an array (len(texts), dimensions) of unit vectors."""
        ...


class VectorCache:
    """Vectors by wording, kept in the folder `folder`, one file per encoder; several processes may share it.

    Without a folder, or with one that cannot be written, vectors are made anew in each process, and a log line says so.
    """

    def __init__(self, *, folder: Path | None, progress: Callable[[int, int], None] | None = None) -> None:
        """`progress` is told (done, all) while wordings are encoded."""
        self._folder = folder
        self._progress = progress

    def load_or_build(self, texts: Sequence[str], *, encoder: Encoder) -> NDArray[np.float32]:
        """Return an array (len(texts), dimensions), row by row the vector of the text, float16 precision.

        Raises `ScreeningError` when the encoder returns anything but finite vectors of one length.
        """
        digests = [_digest(text) for text in texts]
        known = self._load(dict(zip(digests, texts, strict=True)), encoder)
        missing = {digest: text for digest, text in zip(digests, texts, strict=True) if digest not in known}
        if missing:
            _forget(known, keep=set(digests))
            self._encode(missing, known, encoder)
        if not texts:
            return np.zeros((0, 0), dtype=np.float32)
        return np.stack([known[digest] for digest in digests]).astype(np.float32)

    def _encode(self, missing: dict[bytes, str], known: dict[bytes, NDArray[np.float16]], encoder: Encoder) -> None:
        waiting = list(missing.items())
        stored = True  # until it fails once: then it fails for the other chunks too
        if len(waiting) >= _CHUNK:
            log.info("encoding %d wordings of the knowledge base; this is done once", len(waiting))
        for at in range(0, len(waiting), _CHUNK):
            chunk = waiting[at : at + _CHUNK]
            vectors = encoder.encode([text for _, text in chunk])
            if vectors.ndim != 2 or len(vectors) != len(chunk) or not np.isfinite(vectors).all():
                raise ScreeningError("the sentence encoder returned unusable vectors; check the model")
            known.update(zip((digest for digest, _ in chunk), vectors.astype(np.float16), strict=True))
            stored = stored and self._store(known, encoder)
            if self._progress is not None:
                self._progress(min(at + _CHUNK, len(waiting)), len(waiting))

    def _file(self, encoder: Encoder) -> Path | None:
        name = hashlib.sha256("\x00".join(encoder.model).encode()).hexdigest()[:16]
        return None if self._folder is None else self._folder / f"claims-{name}.safetensors"

    def _load(self, texts: dict[bytes, str], encoder: Encoder) -> dict[bytes, NDArray[np.float16]]:
        """Return every row of the file, or nothing where the file is absent or cannot be relied on."""
        file = self._file(encoder)
        if file is None or not file.exists():
            return {}
        try:
            with safe_open(file, framework="numpy") as stored:
                metadata = stored.metadata() or {}
                digests, vectors = stored.get_tensor("digests"), stored.get_tensor("vectors")
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            log.warning("the stored vectors %s cannot be read (%s) and are made anew", file, error)
            return {}
        problem = _problem(metadata, digests, vectors, encoder)
        rows = {} if problem else dict(zip(_split(digests), vectors, strict=True))
        problem = problem or _differs(rows, texts, encoder)
        if problem:
            log.warning("the stored vectors %s %s and are made anew", file, problem)
            return {}
        return rows

    def _store(self, rows: dict[bytes, NDArray[np.float16]], encoder: Encoder) -> bool:
        """Write all rows atomically; failing to is safe to ignore, because the file only saves time."""
        file = self._file(encoder)
        if file is None:
            return False
        digests = np.frombuffer(b"".join(rows), dtype=np.uint8).reshape(-1, _DIGEST)
        vectors = np.stack(list(rows.values()))
        metadata = {"format": FORMAT, "encoder": encoder.model[1], "sha256": _checksum(digests, vectors)}
        content = save({"digests": digests, "vectors": vectors}, metadata=metadata)
        temporary = None
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            descriptor, temporary = tempfile.mkstemp(dir=file.parent, prefix=file.name + ".")
            with os.fdopen(descriptor, "wb") as written:
                written.write(content)
                written.flush()
                os.fsync(written.fileno())
            Path(temporary).replace(file)
        except OSError as error:
            if temporary is not None:
                Path(temporary).unlink(missing_ok=True)
            log.warning("vectors cannot be kept in %s (%s); each process makes them anew", file.parent, error.strerror)
            return False
        return True


def _forget(rows: dict[bytes, NDArray[np.float16]], *, keep: set[bytes]) -> None:
    """Drop rows of other knowledge bases where the file would grow without limit."""
    others = [digest for digest in rows if digest not in keep]
    for digest in others[max(0, MAX_ROWS - len(keep)) :]:
        del rows[digest]


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:_DIGEST]


def _split(digests: NDArray[np.uint8]) -> list[bytes]:
    joined = digests.tobytes()
    return [joined[at : at + _DIGEST] for at in range(0, len(joined), _DIGEST)]


def _checksum(digests: NDArray[np.uint8], vectors: NDArray[np.float16]) -> str:
    summed = hashlib.sha256(np.ascontiguousarray(digests).data)
    summed.update(np.ascontiguousarray(vectors).data)
    return summed.hexdigest()


def _problem(
    metadata: dict[str, str], digests: NDArray[np.uint8], vectors: NDArray[np.float16], encoder: Encoder
) -> str | None:
    if metadata.get("format") != FORMAT:
        return "have another format"
    if metadata.get("encoder") != encoder.model[1]:
        return "come from another encoder"
    if digests.dtype != np.uint8 or digests.ndim != 2 or digests.shape[1] != _DIGEST:
        return "are damaged"
    if vectors.dtype != np.float16 or vectors.ndim != 2 or len(vectors) != len(digests):
        return "are damaged"
    if metadata.get("sha256") != _checksum(digests, vectors) or not np.isfinite(vectors).all():
        return "are damaged"
    return None


def _differs(rows: dict[bytes, NDArray[np.float16]], texts: dict[bytes, str], encoder: Encoder) -> str | None:
    """Encode some wordings again, spread over the base, and compare: a checksum does not show a wrong encoder."""
    shared = [digest for digest in texts if digest in rows]
    probes = shared[:: max(1, len(shared) // _PROBES)][:_PROBES]
    if not probes:
        return None
    again = encoder.encode([texts[digest] for digest in probes])
    stored = np.stack([rows[digest] for digest in probes]).astype(np.float32)
    if again.shape != stored.shape or not np.isfinite(again).all():
        return "have another length than those of the encoder"
    return "differ from what the encoder says" if float((again * stored).sum(axis=1).min()) < _SAME else None
