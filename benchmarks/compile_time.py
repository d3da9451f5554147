"""How long `forage-gen build` takes, and how much memory, for projects of several sizes.

    python -m benchmarks.compile_time

Each figure is the best of a few whole processes, started as a person would.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import resource

ROUNDS = 5
TEMPLATES = 20
SIZES = (100, 1_000, 10_000)

_TEMPLATE = """\
description = "Template {n}"
network = "{mode}"
{hosts}
extraPackages = ["ripgrep", "fd", "python3Packages.requests"]
initCommands = ["npm install"]
nixDaemon = false
resetEvery = "daily"
[agents.claude]
package = "claude-code"
secretName = "anthropic"
[agents.claude.permissions]
allow = ["Read", "Edit(src/**)"]
deny = ["Bash(rm -rf *)"]
[resourceLimits]
cpuQuota = "200%"
memoryMax = "4G"
tasksMax = 512
"""

_MODES = {
    "full": "",
    "restricted": 'allowedHosts = ["registry.npmjs.org", "*.example.org", "db.example.net:5432"]',
    "none": "",
}


def write_project(root: Path, sandboxes: int) -> None:
    """Write a project of `sandboxes` sandboxes on 20 templates, a third of each network mode."""
    (root / "templates").mkdir(parents=True)
    modes = list(_MODES.items())
    for n in range(TEMPLATES):
        mode, hosts = modes[n % len(modes)]
        text = _TEMPLATE.format(n=n, mode=mode, hosts=hosts)
        (root / "templates" / f"t{n}.toml").write_text(text, encoding="utf-8")
    lines = ['user = "alice"', "[secrets]", 'anthropic = "/run/secrets/anthropic"']
    for n in range(sandboxes):
        lines += [
            f"[sandboxes.box-{n}]",
            f'template = "t{n % TEMPLATES}"',
            f'workspace = "/home/alice/projects/box-{n}"',
        ]
    (root / "forage.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def run(*arguments: str) -> tuple[float, float]:
    """Run forage-gen once.

    Returns:
        Seconds of wall time, and the largest resident set in MiB.
    """
    began = time.perf_counter()
    child = os.posix_spawn(
        sys.executable,
        [sys.executable, "-m", "forage_gen", *arguments],
        os.environ,
        file_actions=[(os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)],
    )
    _, status, usage = os.wait4(child, 0)
    took = time.perf_counter() - began
    if status:
        sys.exit(f"forage-gen {' '.join(arguments)} failed")
    return took, _mebibytes(usage)


def _mebibytes(usage: resource.struct_rusage) -> float:
    return usage.ru_maxrss / 1024  # KiB on Linux: getrusage(2)


def measure(directory: Path, sandboxes: int) -> None:
    """Print one row: a first build, a build with nothing changed."""
    rounds = ROUNDS if sandboxes < SIZES[-1] else 2
    first, again, memory = [], [], 0.0
    for n in range(rounds):
        root = directory / f"{sandboxes}-{n}"
        write_project(root, sandboxes)
        took, used = run("build", str(root))
        first.append(took)
        memory = max(memory, used)
        again.append(run("build", str(root))[0])
    print(f"| {sandboxes:,} | {min(first):.2f} s | {min(again):.2f} s | {memory:.0f} MiB |")


def main() -> None:
    """Print the table of benchmarks/README.md."""
    version = min(run("--version")[0] for _ in range(20))
    print(f"\n`forage-gen --version`: {version * 1000:.0f} ms\n")
    print("| sandboxes | first build | nothing changed | memory |")
    print("| --- | --- | --- | --- |")
    # Nothing is deleted before the end. A file system may not use the inodes of deleted files
    # again for minutes, and looks at each of them for every file that is made.
    with tempfile.TemporaryDirectory(prefix="forage-bench-") as directory:
        for sandboxes in SIZES:
            measure(Path(directory), sandboxes)


if __name__ == "__main__":
    main()
