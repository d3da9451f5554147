"""The SSH key of a template's agents: where it may log in, and whether that can be reached."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from forage_gen.diagnostics import error
from forage_gen.resolve.names import decisions
from forage_gen.resolve.plan import PROXIED, Ssh
from forage_gen.values.hosts import AddressHost, is_local, is_private
from forage_gen.values.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forage_gen.diagnostics import Diagnostic
    from forage_gen.resolve.inherit import Merged
    from forage_gen.schema.models import AgentIdentity, Template
    from forage_gen.values.hosts import Network
    from forage_gen.values.sshhosts import SshHost, SshPlace

_KEY = ("agentIdentity", "sshSecretName")


def plan_ssh(model: Template) -> Ssh | None:
    """Decide about the key, in a template without findings."""
    identity = model.agent_identity
    if identity.ssh_secret_name is None:
        return None
    return Ssh(
        secret=identity.ssh_secret_name,
        hosts=tuple(dict.fromkeys(identity.ssh_hosts)),
        known_hosts=tuple(dict.fromkeys(identity.known_hosts)),
    )


def check_ssh(merged: Merged) -> Iterator[Diagnostic]:
    """Yield what keeps the key from being used, and what would give it away."""
    identity = merged.model.agent_identity
    if identity.ssh_secret_name is None:
        yield from _without_key(merged)
        return
    if not identity.ssh_hosts:
        message = f"The SSH key {shown(identity.ssh_secret_name)} may log in nowhere."
        hint = 'Say where: `sshHosts = ["git@github.com"]`, or remove `sshSecretName`.'
        yield error("ssh-key-without-hosts", message, hint, merged.value(_KEY))
    yield from _readable(merged)
    yield from _known_hosts(merged, identity)
    for index, host in enumerate(identity.ssh_hosts):
        if wrong := _unreachable(host, merged):
            yield error(*wrong, merged.value(("agentIdentity", "sshHosts", index)))


def _without_key(merged: Merged) -> Iterator[Diagnostic]:
    identity = merged.model.agent_identity
    for key, written in (("sshHosts", identity.ssh_hosts), ("knownHosts", identity.known_hosts)):
        if written:
            message = f"`{key}` has no effect without `sshSecretName`."
            hint = f'Name the key: `sshSecretName = "deploy-key"`, or remove `{key}`.'
            yield error("ssh-without-key", message, hint, merged.key(("agentIdentity", key)))


def _readable(merged: Merged) -> Iterator[Diagnostic]:
    """Refuse a key that an agent is given as well: it would be a file inside."""
    secret = merged.model.agent_identity.ssh_secret_name
    for name, agent in merged.model.agents.items():
        if agent.secret_name == secret:
            message = f"The agent `{name}` is given the secret `{secret}`, which is an SSH key."
            hint = "Name another secret in one of the two places."
            where = merged.value(("agents", name, "secretName"))
            yield error("ssh-key-given", message, hint, where)


def _known_hosts(merged: Merged, identity: AgentIdentity) -> Iterator[Diagnostic]:
    wanted = {host.place for host in identity.ssh_hosts}
    known = {place for each in identity.known_hosts for place in each.places}
    for index, host in enumerate(identity.ssh_hosts):
        if host.place not in known:
            message = f"There is no host key of {shown(host.text)}: anybody could pose as it."
            hint = (
                f"Add to `knownHosts` the line that `{_keyscan(host.place)}` prints, once you have"
                " compared it with what the owner of the host publishes."
            )
            where = merged.value(("agentIdentity", "sshHosts", index))
            yield error("ssh-host-key-missing", message, hint, where)
    for index, each in enumerate(identity.known_hosts):
        if other := [place for place in each.places if place not in wanted]:
            message = f"`{other[0]}` is none of `sshHosts`, so its host key has no effect."
            hint = "Remove it, or add the host to `sshHosts`."
            where = merged.value(("agentIdentity", "knownHosts", index))
            yield error("known-host-unused", message, hint, where)


def _keyscan(place: SshPlace) -> str:
    port = "" if str(place) == place.host else f" -p {place.port}"
    return f"ssh-keyscan{port} {place.host}"


def _unreachable(host: SshHost, merged: Merged) -> tuple[str, str, str] | None:
    """Return the code, the message and the hint of why a host cannot be reached."""
    model = merged.model
    place = host.place
    listed = _listed(place)
    if model.network == "none":
        message = f"{shown(host.text)} cannot be reached: the network of `{merged.name}` is `none`."
        hint = f'Write `network = "restricted"` and `allowedHosts = ["{listed}"]`.'
        return ("ssh-without-network", message, hint)
    address = _address(place)
    if model.network == "full":
        if address is None or not _is_closed(address, place.port, model):
            return None
    elif address is not None:
        if _is_listed(address, place.port, model):
            return None
    elif place.port in PROXIED and model.resolve == "run":
        message = (
            f"{shown(host.text)} cannot be reached: at port {place.port} a proxy reads names from"
            " TLS or HTTP, and SSH has none."
        )
        hint = "Take another port, such as 22, or the host's address."
        return ("ssh-host-proxied", message, hint)
    elif decisions(model).allows(place.host, place.port):
        return None
    message = f"{shown(host.text)} cannot be reached: `allowedHosts` does not have `{listed}`."
    hint = f'Add `"{listed}"` to `allowedHosts`.'
    return ("ssh-host-closed", message, hint)


def _listed(place: SshPlace) -> str:
    """Write the place as `allowedHosts` has it."""
    host = f"[{place.host}]" if ":" in place.host else place.host
    return f"{host}:{place.port}"


def _address(place: SshPlace) -> Network | None:
    try:
        return ip_network(ip_address(place.host))
    except ValueError:
        return None


def _is_closed(address: Network, port: int, model: Template) -> bool:
    """Whether `full` leaves it closed. Of an IPv6 network of the host's own nobody knows here."""
    if not is_private(address) or (model.allow_lan and is_local(address)):
        return False
    return not _is_listed(address, port, model)


def _is_listed(address: Network, port: int, model: Template) -> bool:
    return any(
        address.network_address in host.network and host.port in {None, port}
        for host in model.allowed_hosts
        if isinstance(host, AddressHost)
    )
