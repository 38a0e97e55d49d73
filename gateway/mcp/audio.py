"""The audio that an agent wants examined: bytes in base64, or a file below the one folder that it may read."""

from __future__ import annotations

import base64
import binascii
import os
import stat
from pathlib import Path

from gateway.mcp.client import ToolError

MOST_FILE_BYTES = 256 << 20  # read into memory; the gate has its own, usually smaller limit


def decoded(audio: str) -> bytes:
    """Return the bytes of strict base64; raises `ToolError`."""
    try:
        return base64.b64decode(audio, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ToolError("audio_base64 is not base64; send the file's bytes in the standard alphabet") from error


def read_below(folder: Path | None, path: str) -> bytes:
    """Return a regular file's bytes if it really lies below `folder`, links followed; raises `ToolError`.

    Without a folder nothing is read: a server on the network must not read its own disk for a caller.
    """
    if folder is None:
        raise ToolError(
            "files cannot be read here; send audio_base64, or have the user run `assay mcp --audio-folder FOLDER` "
            "where the file is"
        )
    outside = ToolError(
        "the path is not a readable file below the folder that is allowed; ask the user to put it there"
    )
    root = folder.resolve()
    try:
        real = (root / path).resolve(strict=True)
        if not real.is_relative_to(root):
            raise outside
        # The last name is opened without following a link that was put there since.
        handle = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (OSError, ValueError, RuntimeError) as error:
        raise outside from error
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        raise outside
    with os.fdopen(handle, "rb") as file:
        if status.st_size > MOST_FILE_BYTES:
            raise ToolError(f"the file has {status.st_size} bytes, more than {MOST_FILE_BYTES}; send a shorter one")
        return file.read(MOST_FILE_BYTES)
