from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from forage_gen.values.syscall_names import SYSCALL_NAMES
from forage_gen.values.syscalls import (
    SYSCALL_GROUPS,
    SYSCALL_PROFILES,
    SyscallFilter,
    syscall_filter,
)
from tests.requirements import require
from tests.values.table import check_readable, problem_of

VM = ("process_vm_readv", "process_vm_writev")
DEBUGGERS = ("ptrace", *VM)


@pytest.mark.parametrize(
    ("value", "allow", "deny"),
    [
        ([], DEBUGGERS, ()),
        (["@keyring", "bpf"], (*DEBUGGERS, "@keyring", "bpf"), ()),
        (["~@mount", "~ptrace", "@keyring"], (*VM, "@keyring"), ("@mount", "ptrace")),
        (["~ptrace", "~ptrace"], VM, ("ptrace",)),
        (["ptrace"], DEBUGGERS, ()),
        # What would go on to be allowed is denied by name.
        (["~@debug"], VM, ("@debug", "ptrace")),
        (["~@ipc"], ("ptrace",), ("@ipc", "process_vm_readv", "process_vm_writev")),
        (["~@reboot"], DEBUGGERS, ("@reboot", "reboot")),
        (["~@debug", "~ptrace"], VM, ("@debug", "ptrace")),
    ],
)
def test_syscall_filter(
    value: list[str],
    allow: tuple[str, ...],
    deny: tuple[str, ...],
) -> None:
    assert syscall_filter(value) == SyscallFilter(allow, deny)


@pytest.mark.parametrize(
    ("value", "code", "message", "hint"),
    [
        ("tight", "syscall-profile", "`tight` is not a profile", "`strict`, or a list"),
        ("~@mount", "syscall-profile", "not a profile", '`["~@mount"]`'),
        ("~@mount ~ptrace", "syscall-profile", "not a profile", '`["~@mount", "~ptrace"]`'),
        ("", "syscall-profile", "not a profile", "`default`"),
        (["@mout"], "syscall-unknown", "`@mout` is not a group", "mean `@mount`?"),
        (["~@mout"], "syscall-unknown", "`~@mout` is not a group", "mean `~@mount`?"),
        (["ptrac"], "syscall-unknown", "not a system call", "mean `ptrace`?"),
        (["clock"], "syscall-unknown", "not a system call", "mean `@clock`?"),
        (["xyzzy"], "syscall-unknown", "not a system call", "systemd-analyze syscall-filter"),
        (["@sandbox"], "syscall-too-new", "some releases of systemd", "`landlock_add_rule`"),
        (["~~ptrace"], "syscall-invalid", "more than one `~`", "`~ptrace`"),
        (["mount umount2"], "syscall-invalid", "several items", "an entry of its own"),
        (["mount\n[Exec]"], "syscall-invalid", "several items", "an entry of its own"),
        (["Mount"], "syscall-invalid", "neither a group", "such as `@mount`"),
        (["-ptrace"], "syscall-invalid", "neither a group", "with `~` before it"),
        ([""], "syscall-invalid", "neither a group", "such as `@mount`"),
        (["ptrace:EPERM"], "syscall-errno", "an error number", "`ptrace`"),
        (["~@mount:kill"], "syscall-errno", "an error number", "`~@mount`"),
        (["~@privileged"], "syscall-not-deniable", "next to nothing", "`~@raw-io`"),
        (["~@system-service"], "syscall-not-deniable", "next to nothing", "the groups"),
        (["~@basic-io"], "syscall-essential", "every program needs", "Name the calls"),
        (["ptrace", "~ptrace"], "syscall-both", "allowed and denied", "Remove one"),
        (["ptrace", "~@debug"], "syscall-both", "allowed and denied", "Remove one"),
    ],
)
def test_syscall_filter_refuses(
    value: str | list[str],
    code: str,
    message: str,
    hint: str,
) -> None:
    problem = problem_of(syscall_filter, value)
    assert problem.code == code
    assert message in problem.message
    assert hint in problem.hint
    check_readable(problem)


def test_profiles_are_lists_themselves() -> None:
    for name, items in SYSCALL_PROFILES.items():
        assert syscall_filter(name) == replace(syscall_filter(items), profile=name)


def test_the_strict_profile_adds_nothing_to_nspawns_list() -> None:
    assert syscall_filter("strict").allow == ()


def groups_of_systemd() -> dict[str, set[str]]:
    """The groups and what is in them, calls and groups, as this systemd has them."""
    printed = subprocess.run(
        ["systemd-analyze", "--no-pager", "syscall-filter"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    groups: dict[str, set[str]] = {}
    for line in printed.splitlines():
        if line.startswith("@"):
            groups[line] = members = set()
        elif line.startswith("    ") and "#" not in line:
            members.add(line.strip())
    return groups


def test_systemd_knows_every_group_and_no_other() -> None:
    require("systemd-analyze")
    known = set(groups_of_systemd())
    assert known >= SYSCALL_GROUPS
    assert known - SYSCALL_GROUPS <= {"@sandbox"}


def test_every_call_of_systemds_groups_is_known() -> None:
    require("systemd-analyze")
    calls = {
        name
        for members in groups_of_systemd().values()
        for name in members
        if not name.startswith("@")
    }
    assert len(calls) > 400
    # The other way round, a newer systemd knows more.
    assert calls <= SYSCALL_NAMES


def ptrace_in_nspawn(root: Path, *filters: str) -> str:
    """What a program in a container gets for a ptrace(2) that asks for nothing harmful."""
    program = (
        "import ctypes\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "print('allowed' if libc.ptrace(0, 0, 0, 0) == 0 else 'denied')"
    )
    # The smallest root: this machine's programs, and the Python that runs the tests.
    python = Path(sys.executable).resolve()
    binds = ["/usr", *(["/nix"] if Path("/nix").is_dir() else []), sys.base_prefix]
    for link in ("bin", "lib", "lib64", "sbin"):
        if Path("/", link).is_symlink() and not (root / link).is_symlink():
            (root / link).symlink_to(Path("/", link).readlink())
    (root / "usr").mkdir(exist_ok=True)
    done = subprocess.run(
        [
            *("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--private-network"),
            *("--as-pid2", "--machine=forage-test-filter", f"--directory={root}"),
            *(f"--bind-ro={bind}" for bind in binds),
            *(f"--system-call-filter={item}" for item in filters),
            *(str(python), "-c", program),
        ],
        capture_output=True,
        text=True,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    return done.stdout.strip()


def test_nspawn_denies_what_is_denied_here_and_less_without(tmp_path: Path) -> None:
    require("root", "systemd-nspawn")
    assert ptrace_in_nspawn(tmp_path) == "allowed"
    # The trap: the group alone leaves `ptrace` allowed.
    assert ptrace_in_nspawn(tmp_path, "~@debug") == "allowed"
    denied = [f"~{item}" for item in syscall_filter(["~@debug"]).deny]
    assert ptrace_in_nspawn(tmp_path, *denied) == "denied"
