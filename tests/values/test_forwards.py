from __future__ import annotations

import pytest

from forage_gen.values.forwards import forward
from tests.values.table import Refused, check_refused, ids


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("8080", "127.0.0.1:8080:8080"),
        ("8080:80", "127.0.0.1:8080:80"),
        ("192.168.1.5:8080", "192.168.1.5:8080:8080"),
        ("192.168.1.5:8080:80", "192.168.1.5:8080:80"),
        ("80", "127.0.0.1:80:80"),
        ("65535:1", "127.0.0.1:65535:1"),
        ("[::1]:8080", "[::1]:8080:8080"),
        ("[2001:DB8:0::5]:8080:80", "[2001:db8::5]:8080:80"),
        ("[fd12::5]:8080:80", "[fd12::5]:8080:80"),
    ],
)
def test_a_port_is_of_loopback_unless_an_address_is_named(text: str, whole: str) -> None:
    assert str(forward(text)) == whole
    assert forward(whole) == forward(text)


@pytest.mark.parametrize(
    "case",
    [
        Refused("", "forward-invalid", "not a port", "`8080:80`"),
        Refused("http", "forward-invalid", "not a port", "`8080:80`"),
        Refused("8080/tcp", "forward-invalid", "not a port", "`8080:80`"),
        Refused("::1:8080", "forward-invalid", "not a port", "`[2001:db8::5]:8080`"),
        Refused("[::1]", "forward-invalid", "not a port", "`8080:80`"),
        Refused("[127.0.0.1]:80", "forward-address", "not one address", "loopback"),
        Refused("[fe80::1%eth0]:80", "forward-invalid", "not a port", "`8080:80`"),
        Refused("localhost:8080", "forward-invalid", "not a port", "`8080:80`"),
        Refused("8080:80\n", "forward-invalid", "not a port", "`8080:80`"),
        Refused("0", "forward-port", "not the number", "from 1 to 65535"),
        Refused("65536", "forward-port", "not the number", "from 1 to 65535"),
        Refused("8080:0", "forward-port", "not the number", "from 1 to 65535"),
        Refused("0080", "forward-port", "not the number", "without zeros"),
        Refused("0.0.0.0:80", "forward-address", "not one address", "none for its loopback"),
        Refused("224.0.0.1:80", "forward-address", "not one address", "none for its loopback"),
        Refused("255.255.255.255:80", "forward-address", "not one address", "loopback"),
        Refused("1.2.3.256:80", "forward-address", "not one address", "none for its loopback"),
        Refused("[::]:80", "forward-address", "not one address", "none for its loopback"),
        Refused("[ff02::1]:80", "forward-address", "not one address", "none for its loopback"),
        Refused("[fe80::1]:80", "forward-address", "not one address", "none for its loopback"),
        Refused("[::ffff:1.2.3.4]:80", "forward-address", "not one address", "loopback"),
        Refused("[1::2::3]:80", "forward-address", "not one address", "none for its loopback"),
    ],
    ids=ids,
)
def test_forward_refuses(case: Refused) -> None:
    check_refused(forward, case)
