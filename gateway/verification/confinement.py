"""What a process may still do before it parses a stranger's bytes: little memory, little time, no network, no files.

Linux alone. Resource limits (`setrlimit(2)`) bound memory and CPU. A seccomp filter (`seccomp(2)`, mode filter, on
x86-64 and aarch64) refuses sockets, programs, signals to others, and every way to change or create a file. It is a
list of what is refused, not of what is allowed, because an interpreter and two libraries need much; it stops the usual
ways out of a broken decoder, not every one. On other processors the limits alone hold, and `confine` says so.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import struct
from dataclasses import dataclass

from gateway.errors import ConfinementError

OPEN_FILES = 64  # of one process
STACK_BYTES = 8 << 20

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # BPF instructions
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in `struct seccomp_data`
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_OTHER_ABI = 0x40000000  # x32 calls on x86-64 begin here


@dataclass(frozen=True, slots=True)
class _Machine:
    """One processor's numbers: its audit architecture, refused calls, and calls whose flags say whether they write."""

    architecture: int
    refused: tuple[int, ...]
    opening: tuple[tuple[int, int], ...]  # call, index of the argument with the flags


_EVERYWHERE = (425, 434, 437, 438)  # io_uring_setup, pidfd_open, openat2, pidfd_getfd
_MACHINES = {
    "x86_64": _Machine(
        0xC000003E,
        (
            *(41, 42, 43, 44, 46, 49, 50, 53, 288),  # socket, connect, accept, sendto, sendmsg, bind, listen, ...
            *(57, 58, 59, 322, 101, 62, 310, 311),  # fork, vfork, execve, execveat, ptrace, kill, process_vm_*
            *(76, 82, 83, 84, 85, 86, 87, 88, 90, 92),  # truncate, rename, mkdir, rmdir, creat, link, unlink, ...
            *(258, 263, 264, 265, 266, 268, 316),  # mkdirat, unlinkat, renameat, linkat, symlinkat, fchmodat, ...
            *(165, 248, 249, 250, 272, 308, 321, 323),  # mount, keys, unshare, setns, bpf, userfaultfd
            *_EVERYWHERE,
        ),
        ((2, 1), (257, 2)),  # open, openat
    ),
    "aarch64": _Machine(
        0xC00000B7,
        (
            *(198, 199, 200, 201, 202, 203, 206, 211, 242),  # socket, socketpair, bind, listen, accept, connect, ...
            *(221, 281, 117, 129, 270, 271),  # execve, execveat, ptrace, kill, process_vm_*
            *(34, 35, 36, 37, 38, 45, 53, 276),  # mkdirat, unlinkat, symlinkat, linkat, renameat, truncate, ...
            *(40, 217, 218, 219, 97, 268, 280, 282),  # mount, keys, unshare, setns, bpf, userfaultfd
            *_EVERYWHERE,
        ),
        ((56, 2),),  # openat
    ),
}


def confine(*, memory_bytes: int, cpu_seconds: int, file_bytes: int) -> bool:
    """Confine this process for good; returns whether system calls are filtered too.

    `memory_bytes` bounds its address space, `file_bytes` what it may write to one open file, such as its result.
    Raises `ConfinementError` if a limit or the filter is refused.
    """
    limits = {
        resource.RLIMIT_AS: memory_bytes,
        resource.RLIMIT_CPU: cpu_seconds,
        resource.RLIMIT_FSIZE: file_bytes,
        resource.RLIMIT_NOFILE: OPEN_FILES,
        resource.RLIMIT_STACK: STACK_BYTES,
        resource.RLIMIT_CORE: 0,  # a core file would be a copy of the upload
    }
    try:
        for kind, limit in limits.items():
            hard = resource.getrlimit(kind)[1]
            bound = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
            resource.setrlimit(kind, (bound, bound))
    except (OSError, ValueError) as error:
        raise ConfinementError(f"a resource limit is refused: {error}; uploads cannot be parsed here") from error
    machine = _MACHINES.get(platform.machine())
    if machine is None:
        return False
    _filter_calls(machine)
    return True


def _filter_calls(machine: _Machine) -> None:
    program = _program(machine)
    instructions = b"".join(struct.pack("=HBBI", *one) for one in program)
    code = ctypes.create_string_buffer(instructions, len(instructions))
    filter_ = ctypes.create_string_buffer(struct.pack("@HP", len(program), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, filter_, 0, 0):
        reason = os.strerror(ctypes.get_errno())
        raise ConfinementError(f"the kernel refuses the filter of system calls: {reason}; allow seccomp(2) here")


def _program(machine: _Machine) -> list[tuple[int, int, int, int]]:
    """Return classic BPF: (operation, jump if true, jump if false, value); every test falls through to the next."""
    tests: list[tuple[int, int, int, int]] = [(_LOAD, 0, 0, _NUMBER), (_AT_LEAST, 0, 1, _OTHER_ABI)]
    tests.append((_RETURN, 0, 0, _REFUSE))
    for call in machine.refused:
        tests += [(_EQUAL, 0, 1, call), (_RETURN, 0, 0, _REFUSE)]
    for call, flags in machine.opening:
        tests += [
            (_EQUAL, 0, 4, call),
            (_LOAD, 0, 0, _ARGUMENTS + 8 * flags),  # the lower half, both processors are little-endian
            (_ANY_BIT, 0, 1, _WRITING),
            (_RETURN, 0, 0, _REFUSE),
            (_RETURN, 0, 0, _ALLOW),
        ]
    head = [(_LOAD, 0, 0, _ARCHITECTURE), (_EQUAL, 1, 0, machine.architecture), (_RETURN, 0, 0, _REFUSE)]
    return [*head, *tests, (_RETURN, 0, 0, _ALLOW)]
