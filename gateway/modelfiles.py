"""Official model files: where they are, what they must hash to, and fetching them safely.

Nothing is fetched by itself: `assay models pull` is the only code that opens a connection to a model host. A file is
kept only if its SHA-256 is the pinned one, so a changed or replaced file is refused whatever the host says. Where
no digest is known, there is no pin: nothing uses such files before the operator pins what was fetched,
in the file of voices. Licences that are not open have to be accepted first.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from gateway.errors import InvalidRequestError, StorageError
from policies.errors import ModelUnavailableError

MAX_FILE_BYTES = 4 << 30  # no official file is nearly as large; a host that sends more is not trusted
CHUNK_BYTES = 1 << 20
CONNECT_SECONDS = 15.0
READ_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a model: its address, what it is stored as, and what it must hash to."""

    url: str
    name: str
    sha256: str  # empty where no pin is known

    def is_at(self, path: Path) -> bool:
        """True if the file is there, and is the pinned one where there is a pin."""
        return path.exists() and (not self.sha256 or sha256_of(path) == self.sha256)


@dataclass(frozen=True, slots=True)
class RemoteModel:
    """An official model that Assay can use in place of its own."""

    name: str
    purpose: str
    licence: str
    files: tuple[RemoteFile, ...]
    terms: str = ""  # address of a licence that is not open: it must be accepted before the model is fetched

    @property
    def pinned(self) -> bool:
        """True if every file has a pin."""
        return all(file.sha256 for file in self.files)


# The pins are those that independent public projects use for the same files (and Detoxify's begins its file's name); we
# had no network to compute them ourselves. A wrong pin fails closed: the file is refused.
_AUDIOSEAL = "https://huggingface.co/facebook/audioseal/resolve/3c19eba53390776cf2cc9ed5f6c9ac67ce72ecba"

_XTTS = "https://huggingface.co/coqui/XTTS-v2/resolve/v2.0.3"

CATALOGUE: tuple[RemoteModel, ...] = (
    RemoteModel(
        name="audioseal",
        purpose="AudioSeal generator and detector, 16 bits, as published by their authors",
        licence="MIT",
        files=(
            RemoteFile(
                f"{_AUDIOSEAL}/generator_base.pth",
                "generator_base.pth",
                "7a845b5fbe9364a63a3909d8ab3fe064d13a76ae4c2e983573e08c69b7b51748",
            ),
            RemoteFile(
                f"{_AUDIOSEAL}/detector_base.pth",
                "detector_base.pth",
                "8a78e8a83584113523e161fc599fcab10fd0e94c04d2eb9d2fa1e9ec91ab69d9",
            ),
        ),
    ),
    RemoteModel(
        name="detoxify-original",
        purpose="Detoxify 'original': six classes, English",
        licence="Apache-2.0",
        files=(
            RemoteFile(
                "https://github.com/unitaryai/detoxify/releases/download/v0.1-alpha/toxic_original-c1212f89.ckpt",
                "toxic_original-c1212f89.ckpt",
                "c1212f89ac23307ab33932ce29dc446a6e030fb3f384a500890bbe662b7b544a",
            ),
        ),
    ),
    RemoteModel(
        name="xtts-v2",
        purpose="Coqui XTTS v2: 17 languages, speaks like a recording; NOT for commercial use",
        licence="CPML",
        files=tuple(
            RemoteFile(f"{_XTTS}/{name}", name, sha256)
            for name, sha256 in (
                ("config.json", "ef262b1454dd2a77e1461b0b2cd53e19b8a7624cc131b837d36df67356bc75e8"),
                ("model.pth", "c7ea20001c6a0a841c77e252d8409f6a74fb423e79b3206a0771ba5989776187"),
                ("speakers_xtts.pth", "f0f6137c19a4eab0cbbe4c99b5babacf68b1746e50da90807708c10e645b943b"),
                ("vocab.json", "928260878a59da8a72a2a5b7687fea29d5106137669d90945430fe17e415304a"),
            )
        ),
        terms=f"{_XTTS}/LICENSE.txt",
    ),
)

Progress = Callable[[str, int, int | None], None]
"""Called with (file name, bytes so far, bytes in all if the host says so)."""


def find_model(name: str, catalogue: Sequence[RemoteModel] = CATALOGUE) -> RemoteModel:
    """Return the model of this name, or raise `InvalidRequestError` naming those that exist."""
    for model in catalogue:
        if model.name == name:
            return model
    known = ", ".join(model.name for model in catalogue)
    raise InvalidRequestError(f"there is no model '{name}' to pull; choose one of: {known}")


def check_terms(model: RemoteModel, accepted_licences: Sequence[str]) -> None:
    """Raise `InvalidRequestError` unless the model's licence is open, or is among the accepted ones."""
    if model.terms and model.licence not in accepted_licences:
        raise InvalidRequestError(
            f"{model.name} is under the licence {model.licence} ({model.terms}), which is not open; read it, and if it "
            f"allows your use, add {model.licence} to ASSAY_ACCEPTED_LICENCES"
        )


def pull(model: RemoteModel, folder: Path, *, progress: Progress) -> list[Path]:
    """Fetch every file of `model` that is not yet in `folder/<name>`, and return the paths of all.

    Raises `ModelUnavailableError` when a host cannot be reached or a file does not hash to its pin (it is deleted), and
    `StorageError` when it cannot be stored. Interrupted, it leaves nothing that could be taken for a model.
    """
    target = folder / model.name
    paths = []
    for file in model.files:
        path = target / file.name
        if not file.is_at(path):
            _fetch(file, path, progress)
        paths.append(path)
    return paths


def sha256_of(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file; raises `StorageError` if it cannot be read."""
    try:
        with path.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}") from error


def _fetch(file: RemoteFile, path: Path, progress: Progress) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    digest, size = hashlib.sha256(), 0
    timeout = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{path.parent} cannot be written: {error.strerror}") from error
    try:
        with (
            temporary.open("xb") as opened,
            httpx.stream("GET", file.url, follow_redirects=True, timeout=timeout) as answer,
        ):
            answer.raise_for_status()
            length = answer.headers.get("content-length", "")
            total = int(length) if length.isdigit() else None
            for chunk in answer.iter_bytes(CHUNK_BYTES):
                size += len(chunk)
                if size > MAX_FILE_BYTES:
                    raise ModelUnavailableError(f"{file.url} sends more than {MAX_FILE_BYTES} bytes; nothing was kept")
                digest.update(chunk)
                opened.write(chunk)
                progress(file.name, size, total)
            opened.flush()
            os.fsync(opened.fileno())
        if file.sha256 and digest.hexdigest() != file.sha256:
            raise ModelUnavailableError(
                f"{file.url} hashes to {digest.hexdigest()}, not to the pinned {file.sha256}; nothing was kept: "
                "the file was replaced, or the connection is not to whom it seems"
            )
        temporary.replace(path)
    except httpx.HTTPError as error:
        raise ModelUnavailableError(
            f"{file.url} cannot be fetched ({type(error).__name__}: {error}); check the network, or put the file with "
            f"SHA-256 {file.sha256 or 'as its author published it'} at {path} yourself"
        ) from error
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        temporary.unlink(missing_ok=True)
