"""Why the fence refuses a packet: the reasons that it counts and logs, one by one.

nftables counts each in a set of its own, and begins its log lines with `LOG_PREFIX` and the
reason's key; `forage-ctl monitor` reads both. They must agree, so the reasons are made here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from forage_gen.resolve.policy import LABEL_MAX, NAMES_A_MINUTE

LOG_PREFIX = "forage refuses "
SENT = "sent"
RECEIVED = "received"
"""The sets that count what is accepted, from a sandbox and to it."""


class How(StrEnum):
    """What becomes of the packet."""

    TOLD = "told"
    """Who sent it is told at once: a reset, or an ICMP error."""
    DROPPED = "dropped"
    COUNTED = "counted"
    """The resolver refuses and logs it, and the fence counts its answers."""
    LOGGED = "logged"
    """The proxy refuses and logs it."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason. `text` says to a person what was refused.

    `remedy` says what opens it, or that nothing does; None where `allowedHosts` does.
    `inward` is for packets to a sandbox.
    """

    key: str
    text: str
    how: How
    remedy: str | None
    inward: bool = False

    @property
    def counter(self) -> str:
        """The set that counts it by interface, if the fence does."""
        return f"refused_{self.key}"

    @property
    def chain(self) -> str:
        """The chain that refuses for this reason."""
        return f"refuse_{self.key}"


SPOOFED = Reason(
    "source",
    "a source address that is not its own",
    How.DROPPED,
    "Nothing opens this: a sandbox speaks for itself alone.",
)
REASONS = (
    SPOOFED,
    Reason(
        "packet",
        "a packet that no honest program sends",
        How.DROPPED,
        "Nothing opens this: it has IP options or headers, ends here, or belongs to no connection.",
    ),
    Reason(
        "ipv6",
        "IPv6 that it has not been given",
        How.DROPPED,
        "Nothing opens this: without `ipv6Subnet` sandboxes have none, and programs use IPv4; "
        "with it, routers and neighbours are not looked for.",
    ),
    Reason(
        "sandbox",
        "another sandbox",
        How.TOLD,
        "Nothing opens this: sandboxes do not reach each other.",
    ),
    Reason(
        "host",
        "a service of this host",
        How.TOLD,
        "Nothing opens this: of this host, sandboxes reach the resolver alone.",
    ),
    Reason("private", "a private address", How.TOLD, None),
    Reason(
        "dns",
        "DNS at another server",
        How.TOLD,
        "Use the resolver in /etc/resolv.conf of the sandbox, which answers the listed names.",
    ),
    Reason(
        "questions",
        "more questions, answers or connections below a wildcard than it may have",
        How.DROPPED,
        "Nothing opens this: a name that is asked for can carry data out. Ask less often.",
    ),
    Reason(
        "api",
        "more connections to the API proxy than it may have at once",
        How.TOLD,
        "Nothing opens this: no program needs as many. End those that are idle.",
    ),
    Reason(
        "icmp",
        "more or larger ICMP than it may send or get",
        How.DROPPED,
        "Nothing opens this: a ping can carry data. It may have 5 a second, of 576 bytes.",
    ),
    Reason(
        "quic",
        "QUIC",
        How.TOLD,
        "Nothing to do about QUIC: no name can be read from it, so programs go on with TLS.",
    ),
    Reason("unlisted", "an address that the template does not list", How.TOLD, None),
    Reason(
        "network",
        "what the network switch has closed",
        How.TOLD,
        "`forage-ctl network NAME` says what it was switched to, and how it goes back.",
    ),
    Reason(
        "unasked",
        "a connection from outside",
        How.DROPPED,
        "Only the host connects to a sandbox. forwardPorts lets others in by way of the host.",
        inward=True,
    ),
    Reason(
        "name",
        "a name that the resolver does not answer",
        How.COUNTED,
        None,
        inward=True,
    ),
    Reason(
        "tunnel",
        "a question that carries more than a name",
        How.LOGGED,
        f"Below a wildcard a sandbox may ask for {NAMES_A_MINUTE} names a minute, with labels of "
        f"{LABEL_MAX} bytes, and for addresses alone. Write names that it needs into allowedHosts.",
    ),
    Reason("proxy", "a name that the template does not list", How.LOGGED, None),
    Reason(
        "nameless",
        "a connection that names no host",
        How.LOGGED,
        "At ports 443 and 80 a name has to be read (TLS: SNI). List the address itself instead.",
    ),
)

COUNTED = tuple(reason for reason in REASONS if reason.how is not How.LOGGED)
"""The reasons that the fence counts."""

COUNTERS = (SENT, RECEIVED, *(reason.counter for reason in COUNTED))
"""Every set that counts."""
