"""What a program inside a sandbox tries, and the fence taken away for the control."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.testhost.host import Sandbox, TestHost

REFUSED = ""

# Ways by which root inside could make what is mounted read-only at "$1" writable. At the end
# of each, "$1" is where to write.
WAYS = (
    "true",
    'mount -o remount,bind,rw "$1"',
    'mount -o remount,rw "$1"',
    'umount "$1"',
    'mkdir -p /tmp/x; mount --bind "$1" /tmp/x && set -- /tmp/x; mount -o remount,bind,rw "$1"',
)

# What a proxy answers where it does not let pass.
_REFUSAL = "forage: this sandbox may not reach "

# The filtering chains without their rules, and no proxy: everything passes. NAT stays.
_NO_FENCE = "flush map inet forage redirects\n" + "".join(
    f"flush chain {chain}\n"
    for chain in (
        *("inet forage antispoof", "inet forage from_sandbox", "inet forage to_sandbox"),
        *("inet forage to_host", "inet forage still_local", "inet forage still_forwarded"),
        "arp forage from_sandbox",
    )
)


@contextmanager
def fence_down(host: TestHost) -> Iterator[None]:
    """Let everything through, to show that it is the fence that holds a probe back."""
    host.run("nft", "-f", "-", input=_NO_FENCE)
    host.run("ip", "xfrm", "policy", "flush")
    try:
        yield
    finally:
        host.run("systemctl", "reload", "forage-firewall.service")


def fetch(sandbox: Sandbox, place: str, user: str = "agent") -> str:
    """What the HTTP server at the place answers a user; empty if it is not reached."""
    argv = ("curl", "--silent", "--max-time", "5", f"http://{place}/")
    got = sandbox.run(*argv, user=user, check=False).stdout
    return REFUSED if got.startswith(_REFUSAL) else got


def look_up(sandbox: Sandbox, name: str, *, server: str | None = None) -> list[str]:
    """The addresses that a name has for the agent."""
    at = [f"@{server}"] if server else []
    argv = ("dig", "+short", "+tries=1", "+time=2", *at, name, "A")
    done = sandbox.run(*argv, user="agent", check=False)
    return [] if done.returncode else done.stdout.split()


def rcode(sandbox: Sandbox, name: str) -> str:
    """What the resolver says of a name: NOERROR, NXDOMAIN, REFUSED."""
    argv = ("dig", "+tries=1", "+time=2", name, "A")
    text = sandbox.run(*argv, user="agent", check=False).stdout
    return text.partition("status: ")[2].partition(",")[0]


def leave_marker(sandbox: Sandbox) -> None:
    """Write to the sandbox's own root, in several places."""
    sandbox.sh("echo x >/srv/marker && echo x >/home/agent/marker && echo x >/etc/marker")


def has_marker(sandbox: Sandbox) -> bool:
    """Whether anything is left of `leave_marker`."""
    found = sandbox.sh("ls /srv/marker /home/agent/marker /etc/marker", check=False)
    return found.stdout != ""


def processes_with(sandbox: Sandbox, pattern: str, wrapper: str) -> tuple[list[str], str]:
    """Where root inside or the agent finds a pattern while an agent, a Python, runs by its wrapper.

    Files of /proc, in environments and command lines; and the file of the agent's own
    environment, which is the control.
    """
    # Root may not look into the agent's processes, nor the agent into root's.
    as_agent = "setpriv --reuid=agent --regid=users --clear-groups --"
    look = f"grep -lsa {pattern} /proc/[0-9]*/environ /proc/[0-9]*/cmdline"
    script = f"""
        {as_agent} {wrapper} -c 'import time; time.sleep(30)' & agent=$!
        sleep 0.5
        {{ {look} || true; {as_agent} {look} || true; }} | sort --unique
        echo /proc/$agent/environ
        kill $agent
    """
    *found, agent = sandbox.sh(script).stdout.splitlines()
    return found, agent


def files_with(host: TestHost, pattern: str) -> list[str]:
    """The files of the host that have a pattern (PCRE) in them: all but the kernel's, and /usr.

    The generated tree, the Nix store with its derivations and its database, units, journals,
    core dumps, the roots of sandboxes that run, and what is mounted in them are among these.
    """
    look = (
        "LC_ALL=C find / -regex '/\\(proc\\|sys\\|dev\\|usr\\|var/lib/forage/guests\\)' -prune"
        ' -o -type f -print0 | LC_ALL=C xargs -0 grep -lsaP -- "$1" || true'
    )
    return sorted(host.sh(look, pattern).stdout.splitlines())


def is_no_mount(host: TestHost, place: str) -> bool:
    """Whether nothing is mounted there. systemd unmounts just after a sandbox has stopped."""
    return host.run("findmnt", place, check=False).returncode != 0
