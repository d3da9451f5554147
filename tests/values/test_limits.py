from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forage_gen.values.limits import (
    SIZE_MAX,
    SIZE_MIN,
    TASKS_MAX,
    TASKS_MIN,
    cpu_quota,
    disk_size,
    memory_size,
    tasks_max,
)
from forage_gen.values.problem import ValueProblem
from tests.requirements import require
from tests.values.table import Refused, check_readable, check_refused, ids, problem_of

if TYPE_CHECKING:
    from pathlib import Path

M, G = 1024**2, 1024**3


@pytest.mark.parametrize(
    ("text", "canonical", "permyriad"),
    [
        ("200%", "200%", 20_000),
        ("1%", "1%", 100),
        ("12.5%", "12.5%", 1_250),
        ("12.50%", "12.5%", 1_250),
        ("33.33%", "33.33%", 3_333),
        ("100.00%", "100%", 10_000),
        ("1000000%", "1000000%", 100_000_000),
    ],
)
def test_cpu_quota(text: str, canonical: str, permyriad: int) -> None:
    assert (cpu_quota(text).text, cpu_quota(text).permyriad) == (canonical, permyriad)


@pytest.mark.parametrize(
    "case",
    [
        Refused("2", "cpu-quota-invalid", "not a percentage", "`200%` for 2 CPUs"),
        Refused("1.5", "cpu-quota-invalid", "not a percentage", "`150%` for 1.5 CPUs"),
        Refused("200", "cpu-quota-invalid", "not a percentage", "`200%`"),
        Refused("200 %", "cpu-quota-invalid", "not a percentage", "`200%`"),
        Refused("", "cpu-quota-invalid", "not a percentage", "such as `200%`"),
        Refused("-5%", "cpu-quota-invalid", "not a percentage", "such as `200%`"),
        Refused("12.345%", "cpu-quota-invalid", "not a percentage", "such as `200%`"),
        Refused("50‰", "cpu-quota-invalid", "not a percentage", "such as `200%`"),
        Refused("٢٠٠%", "cpu-quota-invalid", "not a percentage", "such as `200%`"),
        Refused("99999999%", "cpu-quota-invalid", "not a percentage", "such as `200%`"),
        Refused("0%", "cpu-quota-small", "too little", "at least `1%`"),
        Refused("0.5%", "cpu-quota-small", "too little", "at least `1%`"),
        Refused("9999999%", "cpu-quota-large", "more than any machine", "`200%` for two"),
    ],
    ids=ids,
)
def test_cpu_quota_refuses(case: Refused) -> None:
    check_refused(cpu_quota, case)


@pytest.mark.parametrize(
    ("text", "canonical", "size"),
    [
        ("4G", "4G", 4 * G),
        ("512M", "512M", 512 * M),
        ("4096M", "4G", 4 * G),
        ("1.5G", "1536M", 1536 * M),
        ("4294967296", "4G", 4 * G),
        ("67108865", "67108865", 64 * M + 1),
        ("65536K", "64M", 64 * M),
        ("1P", "1P", SIZE_MAX),
        ("0.5T", "512G", 512 * G),
    ],
)
def test_memory_size(text: str, canonical: str, size: int) -> None:
    assert (memory_size(text).text, memory_size(text).size) == (canonical, size)


@pytest.mark.parametrize(
    "case",
    [
        Refused("4g", "memory-size-invalid", "`4g` is not a size", "`4G`"),
        Refused("4GB", "memory-size-invalid", "`4GB` is not a size", "`4G`"),
        Refused("4 GiB", "memory-size-invalid", "`4 GiB` is not a size", "`4G`"),
        Refused("", "memory-size-invalid", "not a size", "K, M, G, T, P, E"),
        Refused("-4G", "memory-size-invalid", "not a size", "such as `4G`"),
        Refused("1G 500M", "memory-size-invalid", "not a size", "such as `4G`"),
        Refused(".5G", "memory-size-invalid", "not a size", "such as `4G`"),
        Refused("50%", "memory-size-invalid", "not a size", "depends on the machine"),
        Refused("infinity", "memory-size-invalid", "not a size", "Leave `memoryMax` out"),
        Refused("0.1G", "memory-size-fraction", "whole number of bytes", "`102M`"),
        Refused("63M", "memory-size-small", "too little memory", "at least `64M`"),
        Refused("0", "memory-size-small", "too little memory", "at least `64M`"),
        Refused("4", "memory-size-small", "too little memory", "forget the suffix"),
        Refused("2P", "memory-size-large", "than any machine has", "such as `4G`"),
        Refused("16E", "memory-size-large", "than any machine has", "such as `4G`"),
    ],
    ids=ids,
)
def test_memory_size_refuses(case: Refused) -> None:
    check_refused(memory_size, case)


@pytest.mark.parametrize(
    ("text", "size"),
    [("2G", 2 * G), ("512M", 512 * M), ("65536K", 64 * M), ("67108864", 64 * M)],
)
def test_disk_size_is_written_in_bytes(text: str, size: int) -> None:
    assert (disk_size(text).text, disk_size(text).size) == (str(size), size)


@pytest.mark.parametrize(
    "case",
    [
        Refused("1T", "disk-size-invalid", "not a size of a tmpfs", "`1024G`"),
        Refused("1.5G", "disk-size-invalid", "not a size of a tmpfs", "`1536M`"),
        Refused("2g", "disk-size-invalid", "not a size of a tmpfs", "`2G`"),
        Refused("50%", "disk-size-invalid", "not a size of a tmpfs", "depends on the machine"),
        Refused("2G,mode=0777", "disk-size-invalid", "not a size of a tmpfs", "K, M, G"),
        Refused("none", "disk-size-invalid", "not a size of a tmpfs", "Leave `diskMax` out"),
        Refused("1M", "disk-size-small", "too little space", "at least `64M`"),
        Refused("9999999999G", "disk-size-large", "than any machine has", "such as `4G`"),
    ],
    ids=ids,
)
def test_disk_size_refuses(case: Refused) -> None:
    check_refused(disk_size, case)


@pytest.mark.parametrize("count", [TASKS_MIN, 512, TASKS_MAX])
def test_tasks_max(count: int) -> None:
    assert (tasks_max(count).text, tasks_max(count).count) == (str(count), count)


@pytest.mark.parametrize(
    ("count", "code", "hint"),
    [
        (0, "tasks-max-small", "at least `16`"),
        (-1, "tasks-max-small", "at least `16`"),
        (15, "tasks-max-small", "at least `16`"),
        (TASKS_MAX + 1, "tasks-max-large", "at most `4194304`"),
        (True, "tasks-max-invalid", "such as `512`"),
    ],
)
def test_tasks_max_refuses(count: int, code: str, hint: str) -> None:
    problem = problem_of(tasks_max, count)
    assert problem.code == code
    assert hint in problem.hint
    check_readable(problem)


def rejected_by_systemd(tmp_path: Path, settings_: list[str]) -> set[int]:
    """Which of some settings, by their index, systemd ignores as invalid."""
    unit = tmp_path / "limits.service"
    head = ["[Service]", "ExecStart=/bin/true"]
    unit.write_text("\n".join([*head, *settings_]) + "\n")
    done = subprocess.run(
        ["systemd-analyze", "verify", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = re.findall(
        r"limits\.service:([0-9]+): .*(?:ignoring|Invalid|out of range)", done.stderr
    )
    return {int(line) - len(head) - 1 for line in lines}


NUMBER = st.sampled_from(
    ["0", "1", "4", "64", "100", "200", "512", "4096", "4294967296", "00", "9" * 20]
)
SIZES = st.builds(
    lambda number, fraction, suffix: number + fraction + suffix,
    NUMBER,
    st.sampled_from(["", "", "", ".5", ".25", ".1", ".", ".555555555"]),
    st.sampled_from(["", "K", "M", "G", "T", "P", "E", "g", "GB", " G", "%", "Z"]),
)
QUOTAS = st.builds(
    lambda number, fraction, suffix: number + fraction + suffix,
    NUMBER,
    st.sampled_from(["", "", ".5", ".25", ".001", "."]),
    st.sampled_from(["%", "%", "%", "", " %", "‰", "%%"]),
)


@given(st.lists(SIZES, min_size=50, max_size=80), st.lists(QUOTAS, min_size=20, max_size=40))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_systemd_takes_what_is_taken_here(
    tmp_path: Path,
    sizes: list[str],
    quotas: list[str],
) -> None:
    require("systemd-analyze")
    written: list[str] = ["MemoryMax=nonsense", "CPUQuota=nonsense", "TasksMax=0"]
    for text in sizes:
        try:
            size = memory_size(text)
        except ValueProblem:
            continue
        written += [f"MemoryMax={text}", f"MemoryMax={size.text}"]
    for text in quotas:
        try:
            quota = cpu_quota(text)
        except ValueProblem:
            continue
        written += [f"CPUQuota={text}", f"CPUQuota={quota.text}"]
    written += [f"TasksMax={TASKS_MIN}", f"TasksMax={TASKS_MAX}"]
    # The three at the start are the control: systemd's complaints are seen.
    assert rejected_by_systemd(tmp_path, written) == {0, 1, 2}


@given(st.integers(SIZE_MIN, SIZE_MAX))
def test_a_size_reads_back_as_itself(size: int) -> None:
    memory = memory_size(str(size))
    assert memory.size == size
    assert memory_size(memory.text) == memory
    assert disk_size(disk_size(str(size)).text).size == size


@given(st.integers(100, 10**8))
def test_a_quota_reads_back_as_itself(permyriad: int) -> None:
    quota = cpu_quota(f"{permyriad // 100}.{permyriad % 100:02d}%")
    assert quota.permyriad == permyriad
    assert cpu_quota(quota.text) == quota


def test_the_kernel_gives_a_tmpfs_the_size_that_was_asked_for(tmp_path: Path) -> None:
    require("root", "mount", "umount", "unshare")
    size = disk_size("96M")
    script = f'mount -t tmpfs -o size={size.text} none "$0" && stat -f -c "%b %S" "$0"'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    blocks, block = map(int, done.stdout.split())
    assert blocks * block == size.size
