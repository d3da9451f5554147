"""Hosts that a sandbox may reach: names, wildcards, addresses, networks, each with a port or not.

    api.example.org        *.example.org          db.example.org:5432
    !secret.example.org    !*.internal.example.org
    203.0.113.7            203.0.113.0/24:443
    2001:db8::1            [2001:db8::1]:443      2001:db8::/32

Names are DNS names in their preferred form (RFC 1123, section 2.1), and may
have labels that begin with an underscore (RFC 8552), as services do.
International names are converted by UTS #46, non-transitional, to IDNA 2008
(RFC 5891), as browsers do; what was written is kept to be shown.

A port belongs to the name or network. An IPv6 address with a port needs
brackets (RFC 3986, section 3.2.2), as `::1:443` is an address itself.
"""

import re
from dataclasses import dataclass, field
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_network,
)
from typing import TypeAlias

from forage_gen.values.problem import ValueProblem
from forage_gen.values.text import refuse_unsafe, shown

Network: TypeAlias = IPv4Network | IPv6Network

NAME_MAX = 253
"""The most bytes of a name in text form (RFC 1035, section 2.3.4)."""

LAN_NETWORKS_IPV4: tuple[IPv4Network, ...] = tuple(
    map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
)
"""IPv4 networks for local use (RFC 1918): hosts that a person means by `the local network`."""

LAN_NETWORKS_IPV6: tuple[IPv6Network, ...] = (IPv6Network("fc00::/7"),)
"""The same of IPv6 (RFC 4193). Others have global addresses, which only their host knows."""

METADATA_NETWORKS_IPV6: tuple[IPv6Network, ...] = tuple(
    map(
        IPv6Network,
        (
            "fd00:42::/48",  # Scaleway, fd00:42::42: cloud-init, DataSourceScaleway
            "fd00:c1::/48",  # Oracle, fd00:c1::a9fe:a9fe: its SDK, instance_principals
            "fd00:100::/48",  # Alibaba, fd00:100::100:200: its guide to instance metadata
            "fd00:ec2::/32",  # AWS, fd00:ec2::254: Amazon EC2 User Guide, instance metadata
            "fd00:a9fe:a9fe::/48",  # Akamai, fd00:a9fe:a9fe::1: cloud-init, DataSourceAkamai
            "fd20:ce::/48",  # Google, fd20:ce::254: Compute Engine, metadata server
        ),
    )
)
"""Of these, what clouds have chosen for metadata services and others of their own.

Of IPv4 these are link-local, and no part of a local network.
"""

_NOT_PUBLIC_IPV4 = (
    "0.0.0.0/8",  # this network: RFC 791, section 3.2
    "100.64.0.0/10",  # shared with the provider, carrier-grade NAT: RFC 6598
    "127.0.0.0/8",  # loopback: RFC 1122, section 3.2.1.3
    "169.254.0.0/16",  # link-local, with the metadata services of clouds: RFC 3927
    "192.0.0.0/24",  # protocol assignments, with Oracle's metadata: RFC 6890, section 2.1
    "224.0.0.0/4",  # multicast: RFC 5771
    "240.0.0.0/4",  # reserved, with the limited broadcast: RFC 1112, section 4; RFC 919
)
PRIVATE_NETWORKS_IPV4: tuple[IPv4Network, ...] = tuple(
    sorted((*LAN_NETWORKS_IPV4, *map(IPv4Network, _NOT_PUBLIC_IPV4)))
)
"""IPv4 networks that are no part of the public internet.

The benchmarking networks of RFC 2544, 198.18.0.0/15, are left out on purpose: no
host or cloud uses them, and they are the one range in which a private internet
can be built to test the fence.
"""

_NOT_PUBLIC_IPV6 = tuple(
    IPv6Network(network)
    for network in (
        "::/96",  # unspecified, loopback and IPv4-compatible: RFC 4291, section 2.5
        "::ffff:0:0/96",  # IPv4-mapped, by which a socket reaches IPv4: RFC 4291, section 2.5.5.2
        "64:ff9b::/96",  # NAT64, which leads to IPv4, private or not: RFC 6052
        "64:ff9b:1::/48",  # local NAT64: RFC 8215
        "100::/64",  # discarded: RFC 6666
        "2002::/16",  # 6to4, which leads to IPv4 as well: RFC 3056
        "fc00::/7",  # unique local, with AWS's metadata fd00:ec2::254: RFC 4193
        "fe80::/10",  # link-local: RFC 4291, section 2.5.6
        "fec0::/10",  # site-local, deprecated but routed by some: RFC 3879
        "ff00::/8",  # multicast: RFC 4291, section 2.7
    )
)
_PROTOCOLS_IPV6 = IPv6Network("2001::/23")  # assignments, with Teredo: RFC 2928
# Of this the first /48 is for benchmarks (RFC 5180), and the rest is not assigned.
_BENCHMARKS_IPV6 = IPv6Network("2001:2::/32")
PRIVATE_NETWORKS_IPV6: tuple[IPv6Network, ...] = tuple(
    sorted((*_NOT_PUBLIC_IPV6, *_PROTOCOLS_IPV6.address_exclude(_BENCHMARKS_IPV6)))
)
"""IPv6 networks that are no part of the public internet.

The benchmarking network is left out, as that of IPv4 is. Documentation addresses
(RFC 3849, RFC 5737) are not listed: they lead nowhere, but not into a private
network either.
"""

# Networks that a sandbox cannot reach as a host of the network: its own
# loopback, no address, and everybody.
_NO_HOST_IPV4 = tuple(map(IPv4Network, ("0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3")))
_NO_HOST_IPV6 = tuple(map(IPv6Network, ("::/127", "ff00::/8")))

# Shorter prefixes hold so much of the internet that a list of them is no
# restriction any more. No registry gives out larger networks.
_PREFIX_MIN_IPV4 = 8
_PREFIX_MIN_IPV6 = 16

_LABEL = r"_?[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# The common case: a lower-case ASCII name of two or more labels without `xn--`.
_PLAIN_NAME = re.compile(rf"(?!.*xn--)(?:{_LABEL}\.)+[a-z][a-z0-9-]{{0,61}}[a-z0-9]")
_LABEL_ONLY = re.compile(_LABEL)
_LABEL_MAX = 63
# A last label that readers of addresses take for a number, so that the name
# is an IPv4 address in disguise (`127.1`, `1.2.3.0x7f`): WHATWG URL, section
# 3.5, "ends in a number".
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_PORT_MAX = 65535
_PREFIX = re.compile(r"0|[1-9][0-9]{0,2}")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_AUTHORITY = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//(?:[^/?#@]*@)?([^/?#]*)")
_DEFAULT_PORTS = re.compile(r"(?<=[^:]):(?:80|443)$")
_IPV4_CHARACTERS = re.compile(r"[0-9.]+")
_IPV6_CHARACTERS = re.compile(r"[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")

# What may stand in a hint: not all names that are valid, but none that is not.
_SUGGESTED = re.compile(
    rf"(?!.*(?:xn--|localhost))(?=.{{1,70}}$)"
    rf"(?:\*\.)?(?P<name>(?:{_LABEL}\.)+[a-z]{{2,}})(?::[1-9][0-9]{{0,3}})?",
)
_SUGGESTED_ADDRESS = re.compile(r"([0-9]+(?:\.[0-9]+){3})(?::[1-9][0-9]{0,3})?")

# Registries that sell names one label further down. There are thousands
# (publicsuffix.org), and the list changes weekly; these follow a pattern and
# are written by habit.
_REGISTRY = re.compile(
    r"(?:ac|co|com|edu|gov|net|org)\.[a-z]{2}|(?:ad|ed|go|gr|lg|ne|or)\.jp|(?:go|ne|or|re)\.kr"
    r"|(?:ltd|me|nhs|plc|sch)\.uk",
)


@dataclass(frozen=True, slots=True)
class NameHost:
    """A host, or with `wildcard` all hosts below a name.

    Attributes:
        name: The name in lower-case ASCII, without `*.` and trailing dot.
        wildcard: `*.` stood before the name. The name itself is not meant.
        port: The port, or None for those that the template's policy opens.
        text: What was written, to be shown.
    """

    name: str
    wildcard: bool
    port: int | None
    text: str = field(compare=False)

    def __str__(self) -> str:
        name = f"*.{self.name}" if self.wildcard else self.name
        return name if self.port is None else f"{name}:{self.port}"


@dataclass(frozen=True, slots=True)
class AddressHost:
    """An address or a network.

    Attributes:
        network: The network; of a single address, the one of the full prefix.
        port: The port, or None for those that the template's policy opens.
        text: What was written, to be shown.
    """

    network: Network
    port: int | None
    text: str = field(compare=False)

    def __str__(self) -> str:
        network = self.network
        single = network.prefixlen == network.max_prefixlen
        address = str(network.network_address) if single else str(network)
        if self.port is None:
            return address
        return f"[{address}]:{self.port}" if network.version == 6 else f"{address}:{self.port}"  # noqa: PLR2004


@dataclass(frozen=True, slots=True)
class ExceptedName:
    """A host, or with `wildcard` all hosts below a name, that a wildcard shall not allow.

    It is no kind of `NameHost`: who forgets the difference would allow it.

    Attributes:
        name: The name in lower-case ASCII, without `!`, `*.` and trailing dot.
        wildcard: `*.` stood before the name. The name itself is not meant.
        text: What was written, to be shown.
    """

    name: str
    wildcard: bool
    text: str = field(compare=False)

    def __str__(self) -> str:
        return f"!*.{self.name}" if self.wildcard else f"!{self.name}"


AllowedHost: TypeAlias = NameHost | AddressHost | ExceptedName


def allowed_host(text: str) -> AllowedHost:
    """Read one entry of `allowedHosts`.

    Args:
        text: A name, `*.` and a name, an address or a network; then `:PORT` or nothing. Or `!`
            and one of the first two.

    Returns:
        The host. Its `str()` is its canonical form, which reads back as itself.

    Raises:
        ValueProblem: It is none of these, or so wide that it restricts nothing.
    """
    if len(text) <= NAME_MAX and _PLAIN_NAME.fullmatch(text):
        return NameHost(text, wildcard=False, port=None, text=text)
    if text.startswith("!"):
        return _excepted(text)
    _refuse_other_notations(text)
    if text.startswith("["):
        return _bracketed(text)
    if _is_ipv6(text):
        return _address_host(text, None, text)
    host, colon, port = text.partition(":")
    number = _port(port, text) if colon else None
    address, slash, _ = host.partition("/")
    if _is_ipv4(host):
        return _address_host(host, number, text)
    if slash:
        raise ValueProblem(
            code="host-path",
            message=f"{shown(text)} has a path; only whole hosts can be allowed.",
            hint=_hint(address if number is None else f"{address}:{number}"),
        )
    return _name_host(host, number, text)


def is_private(network: Network) -> bool:
    """Return whether a network lies wholly in one that is no part of the public internet.

    The lists are Forage's own: what `ipaddress` calls private changed between
    Python's versions (gh-113171).
    """
    if isinstance(network, IPv4Network):
        return any(network.subnet_of(private) for private in PRIVATE_NETWORKS_IPV4)
    return any(network.subnet_of(private) for private in PRIVATE_NETWORKS_IPV6)


def is_local(network: Network) -> bool:
    """Return whether a network lies wholly in one for local use."""
    if isinstance(network, IPv4Network):
        return any(network.subnet_of(local) for local in LAN_NETWORKS_IPV4)
    return any(network.subnet_of(local) for local in LAN_NETWORKS_IPV6) and not any(
        network.overlaps(metadata) for metadata in METADATA_NETWORKS_IPV6
    )


def touches_private(network: Network) -> bool:
    """Return whether any address of a network is no part of the public internet."""
    if isinstance(network, IPv4Network):
        return any(network.overlaps(private) for private in PRIVATE_NETWORKS_IPV4)
    return any(network.overlaps(private) for private in PRIVATE_NETWORKS_IPV6)


def _is_ipv6(text: str) -> bool:
    """Whether a text is meant as an IPv6 address or network."""
    address = text.partition("/")[0].partition("%")[0]
    return _IPV6_CHARACTERS.fullmatch(address) is not None and text.count(":") > 1


def _is_ipv4(host: str) -> bool:
    """Whether a text without a port is meant as an IPv4 address or network."""
    address, slash, _ = host.partition("/")
    return _IPV4_CHARACTERS.fullmatch(address) is not None and bool(slash or "." in address)


def _excepted(text: str) -> ExceptedName:
    rest = text[1:]
    if rest.startswith("!"):
        raise ValueProblem(
            code="exception-of-exception",
            message=f"{shown(text)} is an exception of an exception.",
            hint="Write one `!`, or none if the host is to be allowed.",
        )
    if rest.startswith("[") or _is_ipv6(rest) or _is_ipv4(rest.partition(":")[0]):
        raise ValueProblem(
            code="exception-address",
            message=f"{shown(text)} excepts an address, and exceptions go by name.",
            hint="Remove it; list smaller networks instead of the one that it is in.",
        )
    try:
        host = allowed_host(rest)
    except ValueProblem as problem:
        raise _in_exception(problem, text) from None
    if not isinstance(host, NameHost) or host.port is not None:
        raise ValueProblem(
            code="exception-port",
            message=f"{shown(text)} has a port; an exception closes a name at all ports.",
            hint=f"Write {shown('!' + rest.partition(':')[0])}.",
        )
    return ExceptedName(host.name, wildcard=host.wildcard, text=text)


# What is too wide to be allowed, and wider than any wildcard that may be.
_WIDE = frozenset({"host-everything", "host-wildcard-wide"})


def _in_exception(problem: ValueProblem, text: str) -> ValueProblem:
    """Say of an exception what is wrong with the host behind its `!`."""
    example = "Write a name or a wildcard after the `!`, such as `!secret.example.org`."
    if problem.code in _WIDE:
        message = f"{shown(text)} excepts more than any wildcard may allow."
        return ValueProblem("exception-wide", message, example)
    message = f"After its `!`, an exception is a host: {problem.message}"
    if problem.hint.startswith("Write a host name or an address"):
        hint = example
    else:
        # What it tells to write, with the `!` that stands before it.
        hint = problem.hint.replace("Write `", "Write `!", 1)
    return ValueProblem(problem.code, message, hint, sensitive=problem.sensitive)


def _hint(corrected: str) -> str:
    """Suggest a text if it is surely a valid host."""
    name, address = _SUGGESTED.fullmatch(corrected), _SUGGESTED_ADDRESS.fullmatch(corrected)
    if (name and not _REGISTRY.fullmatch(name["name"])) or (address and _is_host(address[1])):
        return f"Write `{corrected}`."
    return "Write a host name or an address, such as `api.example.org`."


def _is_host(address: str) -> bool:
    try:
        network = IPv4Network(address)
    except ValueError:
        return False
    return not any(network.subnet_of(other) for other in _NO_HOST_IPV4)


def _refuse_other_notations(text: str) -> None:
    """Refuse what is valid somewhere else: URLs, mail addresses, lists."""
    stripped = text.strip()
    if stripped == "":
        raise ValueProblem(
            code="host-empty",
            message="The host is empty.",
            hint="Write a host name or an address, such as `api.example.org`.",
        )
    refuse_unsafe(text, "host-control-character", "a host")
    if _URL.match(stripped) or stripped.startswith("//"):
        authority = _AUTHORITY.match(stripped)
        host = _DEFAULT_PORTS.sub("", authority[1]) if authority else ""
        raise ValueProblem(
            code="host-url",
            message=f"{shown(_without_user(text))} is a URL; only whole hosts can be allowed.",
            hint=_hint(host),
            sensitive="@" in text,
        )
    if "@" in text:
        raise ValueProblem(
            code="host-user",
            message="The host has a user name before `@`, which is no part of a host.",
            hint=_hint(stripped.rpartition("@")[2]),
            # It may be followed by a password.
            sensitive=True,
        )
    if any(char.isspace() for char in text):
        several = len(stripped.split()) > 1 or "," in stripped
        raise ValueProblem(
            code="host-space",
            message=f"{shown(text)} contains white space.",
            hint="Write each host as an entry of its own." if several else _hint(stripped),
        )
    if text in ("*", "*.", "*.*") or text.startswith(("*:", "*.:")):
        raise ValueProblem(
            code="host-everything",
            message=f"{shown(text)} would allow every host.",
            hint='Write `network = "full"` if that is meant, or name the hosts.',
        )


def _without_user(text: str) -> str:
    """Take a user name and password out of a URL, so that no message shows them."""
    scheme, slashes, rest = text.partition("//")
    authority, slash, path = rest.partition("/")
    return scheme + slashes + authority.rpartition("@")[2] + slash + path


def _port(port: str, text: str) -> int:
    if _PORT.fullmatch(port) and int(port) <= _PORT_MAX:
        return int(port)
    host = text.rpartition(":")[0]
    if port.isascii() and port.isdigit():
        raise ValueProblem(
            code="port-range",
            message=f"{shown(text)} has a port that is not between 1 and {_PORT_MAX}.",
            hint=f"Write a port without leading zeros, such as {shown(host + ':443')}.",
        )
    if "/" in port and _PORT.fullmatch(port.partition("/")[0]):
        raise ValueProblem(
            code="host-path",
            message=f"{shown(text)} has something after the port.",
            hint=_hint(text.partition("/")[0]),
        )
    raise ValueProblem(
        code="port-invalid",
        message=f"{shown(text)} has no port number after the `:`.",
        hint=f"Write a port as a number, such as {shown(host + ':443')}, or leave the `:` out.",
    )


def _bracketed(text: str) -> AddressHost:
    inside, bracket, rest = text[1:].partition("]")
    if not bracket or (rest and not rest.startswith(":")):
        raise ValueProblem(
            code="host-brackets",
            message=f"{shown(text)} is no address in brackets.",
            hint="Write brackets as in `[2001:db8::1]:443`.",
        )
    if ":" not in inside:
        raise ValueProblem(
            code="host-brackets",
            message=f"{shown(text)} has brackets, which only IPv6 addresses take.",
            hint=_hint(inside + rest),
        )
    number = _port(rest[1:], text) if rest else None
    return _address_host(inside, number, text)


def _address_host(host: str, port: int | None, text: str) -> AddressHost:
    address_text, slash, prefix = host.partition("/")
    address = _address(address_text, text)
    if slash and not (_PREFIX.fullmatch(prefix) and int(prefix) <= address.max_prefixlen):
        raise ValueProblem(
            code="host-prefix",
            message=f"{shown(text)} has no prefix length from 0 to {address.max_prefixlen} after"
            " the `/`.",
            hint="Write a network such as `203.0.113.0/24` or `2001:db8::/32`.",
        )
    length = int(prefix) if slash else address.max_prefixlen
    network = ip_network((address, length), strict=False)
    if network.network_address != address:
        corrected = AddressHost(network, port, text)
        raise ValueProblem(
            code="host-bits",
            message=f"{shown(text)} is not the first address of its network.",
            hint=f"Write {shown(str(corrected))} for the network, or"
            f" `{AddressHost(ip_network(address), port, text)}` for the one host.",
        )
    _refuse_width(network, text)
    _refuse_no_host(network, text)
    return AddressHost(network, port, text)


def _address(address: str, text: str) -> IPv4Address | IPv6Address:
    if "%" in address:
        raise ValueProblem(
            code="host-zone",
            message=f"{shown(text)} names an interface after `%`, which a sandbox does not have.",
            hint="Write the address without it.",
        )
    try:
        parsed = IPv6Address(address) if ":" in address else IPv4Address(address)
    except ValueError:
        raise ValueProblem(
            code="host-address",
            message=f"{shown(text)} is not a valid address.",
            hint="Write four numbers from 0 to 255 without leading zeros, as in `203.0.113.7`, or"
            " an IPv6 address, as in `2001:db8::1`.",
        ) from None
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        raise ValueProblem(
            code="host-mapped",
            message=f"{shown(text)} is an IPv4 address in IPv6 notation; its packets are IPv4.",
            hint=f"Write `{parsed.ipv4_mapped}`.",
        )
    return parsed


def _refuse_width(network: Network, text: str) -> None:
    shortest = _PREFIX_MIN_IPV4 if isinstance(network, IPv4Network) else _PREFIX_MIN_IPV6
    if network.prefixlen == 0:
        raise ValueProblem(
            code="host-everything",
            message=f"{shown(text)} would allow every host.",
            hint='Write `network = "full"` if that is meant, or a smaller network.',
        )
    if network.prefixlen < shortest and not is_private(network):
        raise ValueProblem(
            code="host-wide",
            message=f"{shown(text)} is so large a part of the internet that it restricts little.",
            hint=f'Write networks of /{shortest} or smaller, or `network = "full"`.',
        )


def _refuse_no_host(network: Network, text: str) -> None:
    if isinstance(network, IPv4Network):
        inside = any(network.subnet_of(other) for other in _NO_HOST_IPV4)
    else:
        inside = any(network.subnet_of(other) for other in _NO_HOST_IPV6)
    if inside:
        raise ValueProblem(
            code="host-unreachable",
            message=f"{shown(text)} is no host on the network: it is loopback, unspecified,"
            " multicast or reserved.",
            hint="Remove it; a sandbox always reaches its own loopback.",
        )


def _name_host(host: str, port: int | None, text: str) -> NameHost:
    name, wildcard = host, False
    if host.startswith("*."):
        name, wildcard = host[2:], True
    name = _ascii_name(name.removesuffix("."), text)
    if "*" in name:
        raise ValueProblem(
            code="host-wildcard-place",
            message=f"{shown(text)} has a `*` that is not the whole first part.",
            hint=_hint(f"*.{name.rpartition('*')[2].lstrip('.-')}"),
        )
    labels = name.split(".")
    for label in labels:
        _check_label(label, text)
    if len(name) > NAME_MAX:
        raise ValueProblem(
            code="host-too-long",
            message=f"{shown(text)} is longer than the {NAME_MAX} bytes of a name.",
            hint="Check the name; nobody can look it up.",
        )
    if _NUMBER.fullmatch(labels[-1]):
        raise ValueProblem(
            code="host-number",
            message=f"{shown(text)} ends in a number, so it is read as an address, and not a valid"
            " one.",
            hint="Write an address with four numbers, as in `203.0.113.7`, or the host's name.",
        )
    _refuse_wide_name(name, labels, text, wildcard=wildcard)
    return NameHost(name, wildcard=wildcard, port=port, text=text)


def _refuse_wide_name(name: str, labels: list[str], text: str, *, wildcard: bool) -> None:
    if labels[-1] == "localhost":
        raise ValueProblem(
            code="host-unreachable",
            message=f"{shown(text)} is the sandbox itself.",
            hint="Remove it; a sandbox always reaches its own loopback.",
        )
    if wildcard and (len(labels) == 1 or _REGISTRY.fullmatch(name)):
        raise ValueProblem(
            code="host-wildcard-wide",
            message=f"{shown(text)} would allow every name that anybody registers below"
            f" {shown(name)}.",
            hint=f"Name the hosts, or write a wildcard such as `*.example.{name}`.",
        )
    if len(labels) == 1:
        raise ValueProblem(
            code="host-one-label",
            message=f"{shown(text)} has no domain, and a sandbox has none to add.",
            hint=f"Write the full name, such as `{name}.example.org`.",
        )


def _check_label(label: str, text: str) -> None:
    if _LABEL_ONLY.fullmatch(label):
        if label.startswith("xn--"):
            _check_a_label(label, text)
        if len(label) <= _LABEL_MAX:
            return
    if label == "":
        parts = [part for part in text.split(".") if part]
        raise ValueProblem(
            code="host-empty-label",
            message=f"{shown(text)} has an empty part between its dots.",
            hint=_hint(".".join(parts)),
        )
    if len(label) > _LABEL_MAX:
        raise ValueProblem(
            code="host-label-too-long",
            message=f"{shown(text)} has a part that is longer than {_LABEL_MAX} bytes.",
            hint="Check the name; nobody can look it up.",
        )
    raise ValueProblem(
        code="host-label",
        message=f"{shown(text)} is no host name: {shown(label)} has characters that a name cannot"
        " have there.",
        hint="Use letters, digits and hyphens between the dots, and no hyphen at an end.",
    )


def _ascii_name(name: str, text: str) -> str:
    """Lower the case of a name, and convert an international one (UTS #46)."""
    if name.isascii():
        return name.lower()
    # Its tables are large, and most projects have no such name.
    import idna  # noqa: PLC0415

    try:
        # The dots of other scripts become `.` first, so labels come out right.
        mapped = idna.uts46_remap(name, std3_rules=False, transitional=False).removesuffix(".")
        labels = [
            label if label.isascii() else idna.alabel(label).decode("ascii")
            for label in mapped.split(".")
        ]
    except ValueError:
        raise _international(text) from None
    return ".".join(labels)


def _check_a_label(label: str, text: str) -> None:
    """Refuse an `xn--` label that stands for no international one (RFC 5891, section 5.4)."""
    import idna  # noqa: PLC0415 - as above

    try:
        idna.ulabel(label)
    except ValueError:
        raise _international(text) from None


def _international(text: str) -> ValueProblem:
    return ValueProblem(
        code="host-international",
        message=f"{shown(text)} is no valid international name (IDNA 2008).",
        hint="Check the name for characters that look like others, or write its `xn--` form.",
    )
