from __future__ import annotations

import re
import subprocess

import pytest

from forage_gen.values.capabilities import OFFERED, capability
from tests.requirements import require
from tests.values.table import check_readable, problem_of


@pytest.mark.parametrize("name", OFFERED)
def test_capability(name: str) -> None:
    assert capability(name) == name


@pytest.mark.parametrize(
    ("text", "code", "message", "hint"),
    [
        ("CAP_SYS_PTRAC", "capability-unknown", "no capability", "mean `CAP_SYS_PTRACE`?"),
        ("sys_ptrace", "capability-unknown", "no capability", "mean `CAP_SYS_PTRACE`?"),
        ("CAP_SYS_ADMIN", "capability-needed", "has `CAP_SYS_ADMIN`", "Remove it"),
        ("chown", "capability-needed", "has `CAP_CHOWN`", "Remove it"),
        ("CAP_SYS_MODULE", "capability-unknown", "no capability", "CAP_"),
        ("", "capability-unknown", "no capability", "CAP_"),
        ("all", "capability-unknown", "no capability", "CAP_"),
    ],
)
def test_capability_refuses(text: str, code: str, message: str, hint: str) -> None:
    problem = problem_of(capability, text)
    assert problem.code == code
    assert message in problem.message
    assert hint in problem.hint
    check_readable(problem)


def test_the_kernel_knows_each() -> None:
    require("capsh")
    known = subprocess.run(
        ["capsh", "--decode=ffffffffffffffff"], capture_output=True, text=True, check=True
    ).stdout
    assert {name.lower() for name in OFFERED} <= set(re.findall(r"cap_\w+", known))
