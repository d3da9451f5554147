from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forage_gen.values.hosts import is_private
from forage_gen.values.subnets import (
    is_translated,
    sandbox_ipv6_subnet,
    sandbox_subnet,
    subnet_capacity,
)
from tests.values.table import Refused, check_refused, ids


@pytest.mark.parametrize(
    ("text", "sandboxes"),
    [
        ("10.100.0.0/16", 65_533),
        ("10.0.0.0/8", 16_777_213),
        ("172.16.0.0/12", 1_048_573),
        ("192.168.7.0/24", 253),
        ("100.64.0.0/10", 4_194_301),
        ("10.100.0.8/29", 5),
    ],
)
def test_a_subnet_and_how_many_sandboxes_it_holds(text: str, sandboxes: int) -> None:
    assert sandbox_subnet(text) == IPv4Network(text)
    assert subnet_capacity(sandbox_subnet(text)) == sandboxes


@pytest.mark.parametrize(
    "case",
    [
        Refused("", "subnet-invalid", "not an IPv4 network", "such as `10.100.0.0/16`"),
        Refused("10.0.0.256/24", "subnet-invalid", "not an IPv4 network", "such as"),
        Refused("10.0.0.0/33", "subnet-small", "too small", "/8 to /29"),
        Refused("10.0.0.0/024", "subnet-invalid", "not an IPv4 network", "such as"),
        Refused("10.0.0.0/255.0.0.0", "subnet-invalid", "not an IPv4 network", "such as"),
        Refused("fd00::/64", "subnet-invalid", "not an IPv4 network", "such as"),
        Refused("10.0.0.5", "subnet-no-prefix", "one address", "`10.0.0.0/24`"),
        Refused("10.100.0.1/16", "subnet-host-bits", "not the first address", "`10.100.0.0/16`"),
        Refused("10.0.0.0/30", "subnet-small", "too small", "/8 to /29"),
        Refused("0.0.0.0/0", "subnet-large", "too large", "/8 to /29"),
        Refused("8.8.8.0/24", "subnet-public", "hide hosts of the internet", "`10.0.0.0/8`"),
        Refused("172.0.0.0/8", "subnet-public", "hide hosts of the internet", "`172.16.0.0/12`"),
        Refused("198.18.0.0/16", "subnet-public", "hide hosts of the internet", "`10.0.0.0/8`"),
        Refused("169.254.0.0/16", "subnet-public", "not in a private network", "`10.0.0.0/8`"),
    ],
    ids=ids,
)
def test_sandbox_subnet_refuses(case: Refused) -> None:
    check_refused(sandbox_subnet, case)


@given(st.integers(0, 2**32 - 1), st.integers(0, 32))
def test_every_subnet_is_private_and_has_room(address: int, prefix: int) -> None:
    network = IPv4Network((address, prefix), strict=False)
    try:
        taken = sandbox_subnet(str(network))
    except ValueError:
        return
    assert is_private(taken)
    assert subnet_capacity(taken) == len(range(taken.num_addresses)[2:-1])


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("fd5c:3a1e:77b0::/64", "translated"),
        ("fd00::/48", "translated"),
        ("FD12:3456:789a:1:0:0:0:0/112", "translated"),
        ("2a01:4f8:1:2::/64", "routed"),
        ("2001:67c::/48", "routed"),
    ],
)
def test_an_ipv6_prefix_is_translated_or_routed(text: str, kind: str) -> None:
    assert sandbox_ipv6_subnet(text) == IPv6Network(text)
    assert is_translated(sandbox_ipv6_subnet(text)) is (kind == "translated")


_KINDS = (
    *("fe80::/64", "fc00::/64", "ff02::/64", "::/64", "2001:db8::/64", "3fff:1::/64"),
    *("2002:a00:1::/64", "64:ff9b::/96", "2001::/64", "::ffff:0:0/96"),
)


@pytest.mark.parametrize(
    "case",
    [
        Refused("", "ipv6-subnet-invalid", "not an IPv6 prefix", "`fd5c:3a1e:77b0::/64`"),
        Refused("10.0.0.0/16", "ipv6-subnet-invalid", "not an IPv6 prefix", "such as"),
        Refused("fd00::%eth0/64", "ipv6-subnet-invalid", "not an IPv6 prefix", "such as"),
        Refused("::ffff:10.0.0.0/112", "ipv6-subnet-invalid", "not an IPv6 prefix", "such as"),
        Refused("fd00::/064", "ipv6-subnet-invalid", "not an IPv6 prefix", "such as"),
        Refused("fd00::1", "ipv6-subnet-no-prefix", "one address", "`fd00::/64`"),
        Refused("fd00::/8", "ipv6-subnet-large", "too large", "/48 to /112"),
        Refused("fd00::/113", "ipv6-subnet-small", "too small", "/48 to /112"),
        Refused("fd00::1/64", "ipv6-subnet-host-bits", "not the first", "`fd00::/64`"),
        *(Refused(text, "ipv6-subnet-kind", "neither", "random digits") for text in _KINDS),
    ],
    ids=str,
)
def test_sandbox_ipv6_subnet_refuses(case: Refused) -> None:
    check_refused(sandbox_ipv6_subnet, case)
