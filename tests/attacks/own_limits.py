"""Raise the sandbox's own limits."""

from tests.attacks.attack import first_writable

FENCE = "cgroup namespace, user namespace"

first_writable(
    [
        f"/sys/fs/cgroup/{group}{name}"
        for group in ("", "memory/", "pids/", "cpu/", "cpu,cpuacct/")
        for name in (
            "memory.max",
            "memory.limit_in_bytes",
            "pids.max",
            "cpu.max",
            "cpu.cfs_quota_us",
        )
    ]
)
