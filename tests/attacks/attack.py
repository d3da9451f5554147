"""What the attacks share. It runs inside a sandbox, with nothing but Python's own library."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
from typing import NoReturn

MARKER = "/srv/marker-of-the-host"
"""A file of the host that no sandbox may read; `MARKER_TEXT` is in it."""

MARKER_TEXT = "only the host has this"

FACTS: dict[str, str] = {}
"""What the attacks are told. `tests/attacks/ground.py` says what that is."""

_X86, _ARM = "x86_64", "aarch64"

# asm/unistd_64.h and asm-generic/unistd.h.
_NUMBERS = {
    "add_key": {_X86: 248, _ARM: 217},
    "acct": {_X86: 163, _ARM: 89},
    "bpf": {_X86: 321, _ARM: 280},
    "clock_adjtime": {_X86: 305, _ARM: 266},
    "fanotify_init": {_X86: 300, _ARM: 262},
    "finit_module": {_X86: 313, _ARM: 273},
    "init_module": {_X86: 175, _ARM: 105},
    "io_uring_setup": {_X86: 425, _ARM: 425},
    "ioprio_set": {_X86: 251, _ARM: 30},
    "kexec_file_load": {_X86: 320, _ARM: 294},
    "kexec_load": {_X86: 246, _ARM: 104},
    "keyctl": {_X86: 250, _ARM: 219},
    "mount": {_X86: 165, _ARM: 40},
    "move_mount": {_X86: 429, _ARM: 429},
    "open_by_handle_at": {_X86: 304, _ARM: 265},
    "open_tree": {_X86: 428, _ARM: 428},
    "perf_event_open": {_X86: 298, _ARM: 241},
    "pidfd_getfd": {_X86: 438, _ARM: 438},
    "pidfd_open": {_X86: 434, _ARM: 434},
    "process_vm_readv": {_X86: 310, _ARM: 270},
    "ptrace": {_X86: 101, _ARM: 117},
    "quotactl_fd": {_X86: 443, _ARM: 443},
    "swapon": {_X86: 167, _ARM: 224},
    "syslog": {_X86: 103, _ARM: 116},
    "unshare": {_X86: 272, _ARM: 97},
    "userfaultfd": {_X86: 323, _ARM: 282},
    "vhangup": {_X86: 153, _ARM: 58},
}

_LIBC = ctypes.CDLL(None, use_errno=True)

CAP_SYS_RESOURCE = 24
MS_REMOUNT, MS_BIND, MS_MOVE = 32, 4096, 8192
CLONE_NEWTIME, CLONE_NEWNS = 0x80, 0x20000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000


def held(why: object) -> NoReturn:
    """End the attack: the fence held."""
    print(f"HELD: {why}")
    raise SystemExit


def broken(what: object) -> NoReturn:
    """End the attack: it got what it wanted."""
    print(f"BROKEN: {what}")
    raise SystemExit


def absent(what: object) -> NoReturn:
    """End the attack: what it needs is not there, or a fence makes it look so.

    Without a fence that shows that the kernel has none (`LACKS` in the attack says of what), and
    then nothing came of it behind one.
    """
    print(f"ABSENT: {what}")
    raise SystemExit


def syscall(name: str, *arguments: object) -> int:
    """Make a system call.

    Raises:
        OSError: the kernel, or a filter, refused.
    """
    result: int = _LIBC.syscall(_NUMBERS[name][platform.machine()], *arguments)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def mount(source: str, target: str, kind: str, flags: int = 0, options: str = "") -> None:
    """Mount, as mount(2) does.

    Raises:
        OSError: refused.
    """
    texts = (source.encode(), target.encode(), kind.encode())
    syscall("mount", *texts, flags, options.encode())


def attempt(name: str, *arguments: object, looked_at: tuple[int, ...] = ()) -> NoReturn:
    """Make a system call that must be refused before the kernel looks at its arguments.

    `looked_at` are the errors that show that it did look.
    """
    try:
        result = syscall(name, *arguments)
    except OSError as failure:
        if failure.errno in looked_at:
            broken(f"the kernel went on to {failure}")
        if failure.errno == errno.ENOSYS:
            absent(failure)
        held(failure)
    broken(f"{name} gave {result}")


def first_readable(paths: list[str]) -> NoReturn:
    """Read files of which none may be readable, or hold anything."""
    refused = "nothing of the kind is there"
    for path in paths:
        try:
            with open(path, "rb") as file:
                text = file.read(4096)
        except OSError as failure:
            refused = str(failure)
            continue
        if text:
            broken(f"{path} begins with {text[:40]!r}")
    _refused(refused, paths)


def first_writable(paths: list[str]) -> NoReturn:
    """Open files for writing of which none may be opened so. Nothing is written."""
    refused = "nothing of the kind is there"
    for path in paths:
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as failure:
            if failure.errno != errno.ENOENT:
                refused = str(failure)
            continue
        os.close(descriptor)
        broken(f"{path} can be opened for writing")
    _refused(refused, paths)


def _refused(why: str, paths: list[str]) -> NoReturn:
    if not any(map(os.path.lexists, paths)):
        absent(why)
    held(why)


def refused_without(capability: int, failure: Exception) -> NoReturn:
    """End the attack: it failed, and that may be because this process lacks the capability."""
    with open("/proc/self/status") as file:
        effective = next(line.split()[1] for line in file if line.startswith("CapEff:"))
    if not int(effective, 16) >> capability & 1:
        absent(f"{failure}; it has not the capability for it")
    held(failure)


def plant(path: str, text: str) -> NoReturn:
    """Put a file where none is, and take it away again."""
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "x") as file:
            file.write(text)
    except OSError as failure:
        held(failure)
    os.unlink(path)
    broken(f"{path} is there")


def find_marker(roots: list[str]) -> NoReturn:
    """Look for the host's file below each of the directories."""
    for root in roots:
        try:
            with open(f"{root}{MARKER}") as file:
                if MARKER_TEXT in file.read():
                    broken(f"{root} leads to the host")
        except OSError:
            continue
    held(f"none of {len(roots)} ways leads to the host's files")
