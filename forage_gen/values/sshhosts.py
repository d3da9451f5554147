"""Hosts that an SSH key may log in to, and their host keys.

    git@github.com         gitlab.example.org         git@code.example.org:2222
    github.com ssh-ed25519 AAAA…          [code.example.org]:2222 ssh-ed25519 AAAA…

The first are places to log in to: a user, or any, at a host, and a port if it is not
22. The second are lines of known_hosts (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT") in their
plain form: ssh-add(1) finds the keys of a host by its name there. Hashed names, patterns
and markers are not taken, as nobody who reviews a project can read what they stand for.
"""

import re
from dataclasses import dataclass, field

from forage_gen.values.hosts import AddressHost, NameHost, allowed_host
from forage_gen.values.problem import ValueProblem
from forage_gen.values.sshkeys import AuthorizedKey, authorized_key
from forage_gen.values.text import refuse_unsafe, shown

SSH_PORT = 22

_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,63}")
_BRACKETS = re.compile(r"\[([^][]+)\]:([0-9]+)")
_REPOSITORY = re.compile(r"[^/:\s]+:(?![0-9]+$)[^\s]*/[^\s]*")
_EXAMPLE = "Write a user and a host, such as `git@github.com`."
_KNOWN_EXAMPLE = (
    "Write a line as `ssh-keyscan github.com` prints it, once you have compared it with what the"
    " owner of the host publishes."
)


@dataclass(frozen=True, slots=True)
class SshPlace:
    """A host and a port at which an SSH server listens. Its `str()` is as in known_hosts."""

    host: str
    port: int

    def __str__(self) -> str:
        return self.host if self.port == SSH_PORT else f"[{self.host}]:{self.port}"


@dataclass(frozen=True, slots=True)
class SshHost:
    """Where a key may log in. `user` None is any user there. Its `str()` is for `ssh-add -h`."""

    user: str | None
    place: SshPlace
    text: str = field(compare=False)

    def __str__(self) -> str:
        return f"{self.user}@{self.place}" if self.user else str(self.place)


@dataclass(frozen=True, slots=True)
class KnownHost:
    """A host key, and where it is met. Its `str()` is its line of known_hosts."""

    places: tuple[SshPlace, ...]
    key: AuthorizedKey

    def __str__(self) -> str:
        return f"{','.join(map(str, self.places))} {self.key.type} {self.key.key}"


def ssh_host(text: str) -> SshHost:
    """Read one place that a key may log in to.

    Args:
        text: `HOST`, with `USER@` before it and `:PORT` after it or not.

    Returns:
        The place, in lower case.

    Raises:
        ValueProblem: It is no single host, or its user has characters that SSH's own
            patterns give a meaning.
    """
    refuse_unsafe(text, "ssh-host-control-character", "a host")
    if text.strip() == "":
        raise ValueProblem(
            code="ssh-host-empty",
            message="The host is empty.",
            hint=_EXAMPLE,
        )
    user, at, rest = text.rpartition("@")
    if _REPOSITORY.fullmatch(rest) and "://" not in text:
        raise ValueProblem(
            code="ssh-host-repository",
            message=f"{shown(text)} is a repository; a key logs in to whole hosts.",
            hint=_EXAMPLE,
        )
    if at and not _USER.fullmatch(user) and "://" not in user:
        raise ValueProblem(
            code="ssh-host-user",
            message="What is before `@` is no user name: letters, digits, `_`, `.`, `+` and `-`.",
            hint=_EXAMPLE,
            sensitive=":" in user,  # it may be a password
        )
    if "://" in text:
        raise ValueProblem(
            code="ssh-host-url",
            message="This is a URL; a key logs in to whole hosts.",
            hint=_EXAMPLE,
            sensitive=True,
        )
    return SshHost(user or None, _place(rest, text), text)


def known_host(text: str) -> KnownHost:
    """Read one line of known_hosts.

    Args:
        text: Names with commas between them, as `ssh-keyscan` prints them, a key, and a
            comment or none.

    Returns:
        The host key.

    Raises:
        ValueProblem: The names are hashed, patterns or none, or the key is no public key
            of OpenSSH, weak, or damaged.
    """
    line = text.strip()
    refuse_unsafe(line, "known-host-control-character", "a line of known_hosts", allow="\t")
    names, _, key = line.replace("\t", " ").partition(" ")
    if names.startswith(("@", "|")) or not set("*?!").isdisjoint(names):
        raise ValueProblem(
            code="known-host-form",
            message="The host's name is hashed or a pattern, or there is a marker before it:"
            " nobody can read whose key this is.",
            hint=_KNOWN_EXAMPLE,
            sensitive=True,
        )
    if not key.strip():
        raise ValueProblem(
            code="known-host-invalid",
            message="This is no line of known_hosts: a host, a space and its key.",
            hint=_KNOWN_EXAMPLE,
            sensitive=True,
        )
    # A key without a name, or a private one, is refused as what it is.
    whole = line if names.startswith(("ssh-", "ecdsa-", "sk-", "-----")) else key
    try:
        read = authorized_key(whole)
    except ValueProblem as problem:
        raise ValueProblem(
            problem.code, problem.message, _KNOWN_EXAMPLE, sensitive=problem.sensitive
        ) from None
    if whole is line:
        raise ValueProblem(
            code="known-host-invalid",
            message="The key has no host before it.",
            hint=_KNOWN_EXAMPLE,
        )
    places = tuple(_place(_unbracketed(name), text) for name in names.split(","))
    return KnownHost(places, AuthorizedKey(read.type, read.key, comment=""))


def _unbracketed(name: str) -> str:
    """Write a name of known_hosts as hosts are written elsewhere: `[x]:2222` as `x:2222`."""
    match = _BRACKETS.fullmatch(name)
    if not match:
        return name
    return name if ":" in match[1] else f"{match[1]}:{match[2]}"


def _place(host: str, text: str) -> SshPlace:
    # Wildcards, exceptions and networks are for the lists of hosts that a network reaches.
    read = allowed_host(host) if set("*!/").isdisjoint(host) else None
    if isinstance(read, NameHost):
        return SshPlace(read.name, read.port or SSH_PORT)
    if isinstance(read, AddressHost):
        return SshPlace(str(read.network.network_address), read.port or SSH_PORT)
    raise ValueProblem(
        code="ssh-host-several",
        message=f"{shown(text)} is not one host, and a host key is of one.",
        hint="Write each host as an entry of its own, such as `git@github.com`.",
    )
