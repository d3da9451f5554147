"""How SSH inside reaches the hosts that the key on the host is for: ssh_config(5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from forage_gen.artifact import Artifact
from forage_gen.emit.render import render
from forage_gen.quote import sshconfig as q
from forage_gen.resolve import plan as p
from forage_gen.values.sshhosts import SSH_PORT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forage_gen.quote.sshconfig import SshConfigToken

PATH = "etc/ssh/ssh_config.d/forage.conf"


@dataclass(frozen=True, slots=True)
class _Host:
    name: SshConfigToken
    port: SshConfigToken | None


@dataclass(frozen=True, slots=True)
class _KnownHost:
    names: SshConfigToken
    type: SshConfigToken
    key: SshConfigToken


def artifacts(plan: p.Plan) -> Iterator[Artifact]:
    """Yield the configuration and the host keys of each guest whose template has a key."""
    for template in plan.templates:
        if template.ssh is not None:
            text = render(
                q.SshConfigToken,
                "ssh/config.j2",
                hosts=list(_hosts(template.ssh)),
                socket=q.word(p.SSH_AUTH_SOCK),
                known_hosts=q.word(p.SSH_KNOWN_HOSTS),
            )
            yield Artifact(f"{template.guest_root}/{PATH}", text.encode())
            known = render(q.SshConfigToken, "ssh/known_hosts.j2", keys=_known_hosts(template.ssh))
            yield Artifact(template.known_hosts_file, known.encode())


def _hosts(ssh: p.Ssh) -> Iterator[_Host]:
    ports: dict[str, set[int]] = {}
    for host in ssh.hosts:
        ports.setdefault(host.place.host, set()).add(host.place.port)
    for name, used in sorted(ports.items()):
        # `git@host:repository` has no room for a port.
        only = q.integer(*used) if len(used) == 1 and used != {SSH_PORT} else None
        yield _Host(q.word(name), only)


def _known_hosts(ssh: p.Ssh) -> list[_KnownHost]:
    return [
        _KnownHost(
            q.SshConfigToken.joined(",", (q.word(str(place)) for place in each.places)),
            q.word(each.key.type),
            q.word(each.key.key),
        )
        for each in ssh.known_hosts
    ]
