"""A folder of write-once files: whole or absent, durable, never replaced, links never followed (I/O).

A file is written beside its place, flushed, and then given its name by `link()`, which fails where the name is taken:
then the bytes must be the same. A crash leaves at most a stray file in `.staging`, which the next writer sweeps.

Trust: the folder itself may be reached through links, because its owner chose it; nothing below it may be a link.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from audit.errors import LogDivergedError, PublicationError

MAX_SETTLED = 1_000  # names; forgetting them costs a few more flushes
STAGING = ".staging"  # on the same file system as everything below the folder, or `link()` could not work
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class FileTree:
    """Write-once files below `folder`, named by relative paths such as `tile/0/001`; safe across processes.

    Names come from this program, never from outside. Writing is for the holder of the lock. Every method raises
    `PublicationError` where the file system does not do what is asked.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._unsynced: set[str] = set()  # folders whose entries may not have reached the disk yet
        self._settled: set[str] = set()  # folders that we know to have their own place on the disk

    def read(self, name: str, *, max_bytes: int) -> bytes | None:
        """Return the content of a file, or None if there is none; a link, or more than `max_bytes`, is an error."""
        try:
            with self._opened(_parent(name)) as folder:
                # Without O_NONBLOCK a planted pipe would hold us for ever.
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
                with os.fdopen(os.open(_last(name), flags, dir_fd=folder), "rb") as opened:
                    if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
                        raise PublicationError(f"{self.folder / name} is not a plain file; remove it")
                    content = opened.read(max_bytes + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._failure("read", name, error) from error
        if len(content) > max_bytes:
            raise PublicationError(f"{self.folder / name} is longer than {max_bytes} bytes; it is not ours")
        return content

    def create(self, name: str, content: bytes) -> bool:
        """Write a file, unless it is there with the same bytes; returns whether it was new. Durable after `sync`.

        Raises `LogDivergedError` if the name is taken by other bytes: what was published can never be changed.
        """
        if self._is_there(name, content):
            return False
        try:
            with self._opened(_parent(name), make=True) as folder, self._opened(STAGING, make=True) as staging:
                temporary = secrets.token_hex(16)
                try:
                    _write(temporary, content, staging)
                    # If we crash here, the file does not exist, and a stray one is swept later.
                    os.link(temporary, _last(name), src_dir_fd=staging, dst_dir_fd=folder, follow_symlinks=False)
                finally:
                    with suppress(OSError):  # safe to ignore: the sweep removes what stays behind
                        os.unlink(temporary, dir_fd=staging)
        except FileExistsError:  # another writer was faster
            return not self._is_there(name, content)
        except OSError as error:
            raise self._failure("write", name, error) from error
        self._remember(name)
        return True

    def replace(self, name: str, content: bytes) -> None:
        """Write a file that may change, whole or not at all; durable when this returns."""
        try:
            with self._opened(_parent(name), make=True) as folder, self._opened(STAGING, make=True) as staging:
                temporary = secrets.token_hex(16)
                try:
                    _write(temporary, content, staging)
                    # If we crash before the rename, the old file stands.
                    os.rename(temporary, _last(name), src_dir_fd=staging, dst_dir_fd=folder)
                except OSError:
                    with suppress(OSError):  # safe to ignore: the sweep removes what stays behind
                        os.unlink(temporary, dir_fd=staging)
                    raise
                os.fsync(folder)
        except OSError as error:
            raise self._failure("write", name, error) from error

    def sync(self) -> None:
        """Flush the folders of everything that `create` wrote or found; call it before relying on those files."""
        for name in sorted(self._unsynced, key=lambda name: (-name.count("/"), name)):
            try:
                with self._opened(name) as folder:
                    os.fsync(folder)
            except OSError as error:
                raise self._failure("flush", name, error) from error
        self._settled = self._unsynced | (self._settled if len(self._settled) < MAX_SETTLED else set())
        self._unsynced = set()

    def names(self, name: str) -> list[str]:
        """Return what a folder holds, in order; nothing if it does not exist."""
        try:
            with self._opened(name) as folder:
                return sorted(_list(folder))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._failure("read", name, error) from error

    def remove_folder(self, name: str) -> None:
        """Remove a folder and the files in it, if it exists; it must not hold folders."""
        self._settled.discard(name)
        try:
            with self._opened(_parent(name)) as parent:
                with self._opened(name) as folder:
                    for one in _list(folder):
                        os.unlink(one, dir_fd=folder)
                os.rmdir(_last(name), dir_fd=parent)
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._failure("remove", name, error) from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold other writers of this folder off, make the folder if needed, and sweep what a crash left behind."""
        with ExitStack() as held:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                folder = held.enter_context(self._opened(""))
                fcntl.flock(folder, fcntl.LOCK_EX)  # held until the descriptor is closed
                if STAGING in _list(folder):
                    with self._opened(STAGING) as staging:
                        for stray in _list(staging):
                            os.unlink(stray, dir_fd=staging)
            except OSError as error:
                raise self._failure("write", "", error) from error
            yield

    def _is_there(self, name: str, content: bytes) -> bool:
        found = self.read(name, max_bytes=max(len(content), 1 << 25))
        if found is None:
            return False
        if found != content:
            raise LogDivergedError(
                f"{self.folder / name} holds other bytes than the log gives: the file was damaged, or the log has "
                "forked; run fsck, and remove the file only if the log is sound"
            )
        self._remember(name)  # whoever wrote it may have crashed before its folders were flushed
        return True

    def _remember(self, name: str) -> None:
        """Note what must be flushed before this file is relied upon; each flush costs a turn of the disk."""
        folder = _parent(name)
        self._unsynced.add(folder)
        while folder and folder not in self._settled:
            folder = _parent(folder)
            self._unsynced.add(folder)

    @contextmanager
    def _opened(self, name: str, *, make: bool = False) -> Iterator[int]:
        """Open the folder called `name`, step by step so that no link is followed."""
        opened = os.open(self.folder, _DIRECTORY)
        try:
            for part in filter(None, name.split("/")):
                made = make and _make_folder(part, opened)
                inner = os.open(part, _DIRECTORY | os.O_NOFOLLOW, dir_fd=opened)
                os.close(opened)
                opened = inner
                if made:
                    os.fchmod(opened, 0o755)  # public, whatever the process's mask says
            yield opened
        finally:
            os.close(opened)

    def _failure(self, doing: str, name: str, error: OSError) -> PublicationError:
        where = self.folder / name if name else self.folder
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            return PublicationError(f"cannot {doing} {where}: there is a link or a file where a folder or file must be")
        return PublicationError(f"cannot {doing} {where}: {error.strerror}")


def _write(name: str, content: bytes, folder: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(name, flags, 0o644, dir_fd=folder), "wb", buffering=0) as written:
        left = memoryview(content)
        while left:
            left = left[written.write(left) :]
        os.fchmod(written.fileno(), 0o644)  # public, whatever the process's mask says
        os.fsync(written.fileno())


def _make_folder(name: str, parent: int) -> bool:
    try:
        os.mkdir(name, 0o755, dir_fd=parent)
    except FileExistsError:
        return False
    return True


def _list(folder: int) -> list[str]:
    return os.listdir(folder)


def _parent(name: str) -> str:
    return name.rpartition("/")[0]


def _last(name: str) -> str:
    return name.rpartition("/")[2]
