"""Debian root file systems for the test host and its guests, made once and kept."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Protocol, Self

    class Kept(Protocol):
        """What is made once and kept in the cache."""

        @property
        def name(self) -> str: ...

        @property
        def directory(self) -> str:
            """The name below the cache: what is made in another way has another name."""

        def make(self, root: Path) -> None:
            """Make it, there."""

        def others(self, cache: Path) -> list[Path]:
            """Trees of this name in the cache that were made in another way."""


HERE = Path(__file__).parent
DEFAULT_CACHE = Path("/var/cache/forage")

# Nobody reads manuals in there, and what is not in the tree need not be copied
# for every host. Copyright files stay: they are small, and licences ask for it.
_MMDEBSTRAP = (
    "mmdebstrap",
    "--quiet",
    "--mode=root",
    "--format=directory",
    "--aptopt=Acquire::Languages { none; }",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/info/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
)


# Debian 13 has nginx 1.26, which looks names up once. That of the next release takes these
# libraries along, and nothing else of it.
_NEXT_NGINX = """--setup-hook=
cat >"$1/etc/apt/sources.list.d/forky.list" <<EOF
$(sed -n '/ trixie main/ { s/trixie/forky/p; q }' "$1/etc/apt/sources.list")
EOF
cat >"$1/etc/apt/preferences.d/forky" <<EOF
Package: *
Pin: release n=forky
Pin-Priority: -1

Package: nginx nginx-common nginx-dev nginx-light libnginx-mod-* libpcre2-8-0
Pin: release n=forky
Pin-Priority: 990
EOF
"""
# With that, what modules are built by. Its dependencies would be a compiler and much else.
_NGINX_SOURCE = """--customize-hook=
cd "$1/opt"
APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" apt-get -o APT::Sandbox::User=root download --quiet nginx-dev
dpkg-deb --extract nginx-dev_*.deb nginx-dev
rm nginx-dev_*.deb
"""
NGINX_MODULE = HERE.parents[1] / "nixos-module/nginx-usage"
# A mirror that was frozen for good has the state of that day.
_FROZEN = '--aptopt=Acquire::Check-Valid-Until "false"'


@dataclass(frozen=True)
class Recipe:
    """How to make one root file system."""

    name: str
    packages: tuple[str, ...]
    suite: str = "trixie"
    job: str | None = None
    options: tuple[str, ...] = ("--variant=minbase",)
    sources: Path | None = None

    @property
    def finish(self) -> Path:
        """The script that makes a bare installation fit for its job, which is its name's."""
        return HERE / f"finish-{self.job or self.name}.sh"

    @property
    def command(self) -> tuple[str, ...]:
        """The mmdebstrap call, short of the target directory.

        No mirror is named, so that apt takes the one this machine is set up for.
        """
        return (*_MMDEBSTRAP, *self.options, f"--include={','.join(self.packages)}", self.suite)

    @property
    def directory(self) -> str:
        """The name below the cache: another recipe has another name."""
        digest = hashlib.sha256("\0".join(self.command).encode())
        digest.update(self.finish.read_bytes())
        for source in sorted(self.sources.iterdir()) if self.sources else ():
            digest.update(source.read_bytes())
        return f"{self._prefix}{digest.hexdigest()[:16]}"

    @property
    def _prefix(self) -> str:
        return f"rootfs-{self.name}-"

    def others(self, cache: Path) -> list[Path]:
        """Trees that an older recipe of this name left in the cache."""
        return [p for p in cache.glob(f"{self._prefix}*") if p.name != self.directory]

    def make(self, root: Path) -> None:
        """Install it."""
        call(*self.command, str(root))
        call("bash", str(self.finish), str(root), *([str(self.sources)] if self.sources else []))


HOST = Recipe(
    "host",
    (
        "acl",
        "age",
        "apparmor",
        "attr",
        "bash",
        "bind9-dnsutils",
        "ca-certificates",
        "conntrack",
        "curl",
        "dbus",
        "dnsdist",
        "dnsmasq-base",
        "git",
        "iproute2",
        "iptables",
        "iputils-ping",
        "jq",
        "libcap2-bin",
        "libconfig-inifiles-perl",  # with the next and perl: what NixOS's switch is written in
        "libfile-slurp-perl",
        "libnginx-mod-stream",
        "libnss-systemd",
        "logrotate",
        "nftables",
        "nginx-light",
        "nix-bin",
        "nix-setup-systemd",
        "openssh-client",
        "openssh-server",
        "openssl",
        "perl",
        "procps",
        "psmisc",
        "python3",
        "socat",
        "sqlite3",
        "sudo",
        "systemd",
        "systemd-container",
        "systemd-sysv",
        "tmux",
        "util-linux",
    ),
    options=("--variant=minbase", _FROZEN, _NEXT_NGINX, _NGINX_SOURCE),
    sources=NGINX_MODULE,
)

GUEST = Recipe(
    "guest",
    (
        "bash",
        "bind9-dnsutils",
        "ca-certificates",
        "curl",
        "dbus",
        "git",
        "iproute2",
        "iputils-ping",
        "libcap2-bin",
        "nix-bin",
        "openssh-client",
        "procps",
        "python3",
        "systemd",
        "systemd-sysv",
        "tmux",
    ),
)

# Debian 13 has no jj. That of the next release comes with the libraries it takes.
JJ = Recipe(
    "jj",
    ("jujutsu",),
    suite="forky",
    options=("--variant=extract", _FROZEN),
)


class Tree:
    """A finished root file system, kept from removal while this is open.

    The hold is a shared lock on the directory itself. A child process that inherits
    the descriptor `fd` shares the hold, and keeps it for as long as it lives.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(self.fd, fcntl.LOCK_SH)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)


def cache_directory() -> Path:
    """Where root file systems are kept between runs."""
    return Path(os.environ.get("FORAGE_CACHE") or DEFAULT_CACHE)


def obtain(recipe: Kept) -> Tree:
    """The recipe's tree, made now if this machine does not have it yet."""
    cache = cache_directory()
    cache.mkdir(parents=True, exist_ok=True)
    with _locked(cache / f"{recipe.name}.lock"):
        path = cache / recipe.directory
        if not path.exists():
            _make(recipe, path)
        tree = Tree(path)
        _remove_unused(recipe.others(cache))
    return tree


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the one lock for making and removing trees of a name."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make(recipe: Kept, path: Path) -> None:
    """Build beside the final place and rename: a half-made tree has no valid name."""
    for dead in path.parent.glob(f"making-{recipe.name}-*"):
        shutil.rmtree(dead)  # we hold the lock, so its maker is gone
    work = Path(tempfile.mkdtemp(prefix=f"making-{recipe.name}-", dir=path.parent))
    try:
        root = work / "root"
        recipe.make(root)
        root.rename(path)
    finally:
        shutil.rmtree(work)


def call(*argv: str) -> None:
    """Run a command of this machine, whose output is of interest if it fails."""
    done = subprocess.run(
        argv,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        tail = "\n".join(done.stdout.splitlines()[-40:])
        message = f"{argv[0]} failed with status {done.returncode}:\n{tail}"
        raise RuntimeError(message)


def _remove_unused(trees: list[Path]) -> None:
    for path in trees:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue  # a running host has its guests from there; the next run looks again
        finally:
            os.close(fd)
        # The name goes first and at once, so that nothing can begin to use half a tree.
        doomed = path.with_name(f"removing-{path.name}")
        path.rename(doomed)
        shutil.rmtree(doomed)
