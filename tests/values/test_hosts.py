from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forage_gen.values.hosts import (
    PRIVATE_NETWORKS_IPV4,
    PRIVATE_NETWORKS_IPV6,
    AddressHost,
    ExceptedName,
    NameHost,
    allowed_host,
    is_private,
    touches_private,
)
from forage_gen.values.problem import ValueProblem
from tests.values.table import Refused, check_refused, ids, problem_of

# 253 bytes as they are written are 255 as DNS has them.
LONGEST = ".".join([*["b" * 62] * 2, *["c" * 63], "d" * 59, "org"])


@pytest.mark.parametrize(
    ("text", "name", "wildcard", "port"),
    [
        ("api.example.org", "api.example.org", False, None),
        ("API.Example.ORG", "api.example.org", False, None),
        ("api.example.org.", "api.example.org", False, None),
        ("db.example.org:5432", "db.example.org", False, 5432),
        ("db.example.org.:65535", "db.example.org", False, 65535),
        ("*.example.org", "example.org", True, None),
        ("*.example.org:443", "example.org", True, 443),
        ("_sip._tcp.example.org", "_sip._tcp.example.org", False, None),
        ("r3---sn-abc.example.org", "r3---sn-abc.example.org", False, None),
        ("1.2.3.example", "1.2.3.example", False, None),
        ("münchen.example", "xn--mnchen-3ya.example", False, None),
        ("*.MÜNCHEN.example:443", "xn--mnchen-3ya.example", True, 443),
        ("faß.example", "xn--fa-hia.example", False, None),
        ("例え。テスト", "xn--r8jz45g.xn--zckzah", False, None),
        ("\uff41\uff50\uff49.example.org", "api.example.org", False, None),
        ("xn--mnchen-3ya.example", "xn--mnchen-3ya.example", False, None),
        ("_dmarc.münchen.example", "_dmarc.xn--mnchen-3ya.example", False, None),
        ("a" * 63 + ".example", "a" * 63 + ".example", False, None),
        (LONGEST, LONGEST, False, None),
        (f"{LONGEST}.", LONGEST, False, None),
    ],
)
def test_a_name(text: str, name: str, port: int | None, *, wildcard: bool) -> None:
    host = allowed_host(text)
    assert host == NameHost(name, wildcard=wildcard, port=port, text="")
    assert host.text == text


@pytest.mark.parametrize(
    ("text", "name", "wildcard"),
    [
        ("!secret.example.org", "secret.example.org", False),
        ("!*.internal.example.org", "internal.example.org", True),
        ("!Secret.EXAMPLE.org.", "secret.example.org", False),
        ("!*.MÜNCHEN.example.", "xn--mnchen-3ya.example", True),
        ("!例え。テスト", "xn--r8jz45g.xn--zckzah", False),
        ("!_sip._tcp.example.org", "_sip._tcp.example.org", False),
        ("!" + "a" * 63 + ".example", "a" * 63 + ".example", False),
        ("!" + "a." * 125 + "org", "a." * 125 + "org", False),
    ],
)
def test_an_exception(text: str, name: str, *, wildcard: bool) -> None:
    host = allowed_host(text)
    assert host == ExceptedName(name, wildcard=wildcard, text="")
    assert host.text == text


@pytest.mark.parametrize(
    ("text", "network", "port", "canonical"),
    [
        ("203.0.113.7", "203.0.113.7/32", None, "203.0.113.7"),
        ("203.0.113.7/32", "203.0.113.7/32", None, "203.0.113.7"),
        ("203.0.113.7:5432", "203.0.113.7/32", 5432, "203.0.113.7:5432"),
        ("203.0.113.0/24", "203.0.113.0/24", None, "203.0.113.0/24"),
        ("203.0.113.0/24:443", "203.0.113.0/24", 443, "203.0.113.0/24:443"),
        ("10.0.0.0/8", "10.0.0.0/8", None, "10.0.0.0/8"),
        ("2001:db8::1", "2001:db8::1/128", None, "2001:db8::1"),
        ("2001:DB8:0:0::1", "2001:db8::1/128", None, "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1/128", None, "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1/128", 443, "[2001:db8::1]:443"),
        ("2001:db8::/32", "2001:db8::/32", None, "2001:db8::/32"),
        ("[2001:db8::/32]:443", "2001:db8::/32", 443, "[2001:db8::/32]:443"),
        ("fc00::/7", "fc00::/7", None, "fc00::/7"),
    ],
)
def test_an_address(text: str, network: str, port: int | None, canonical: str) -> None:
    host = allowed_host(text)
    assert host == AddressHost(ip_network(network), port, text="")
    assert str(host) == canonical


@pytest.mark.parametrize(
    "case",
    [
        Refused("", "host-empty", "empty", "such as `api.example.org`"),
        Refused("  ", "host-empty", "empty", "such as `api.example.org`"),
        # What is a host somewhere else.
        Refused("https://a.example/v1", "host-url", "is a URL", "`a.example`"),
        Refused("https://a.example:443", "host-url", "is a URL", "`a.example`"),
        Refused("http://a.example:8080/x", "host-url", "is a URL", "`a.example:8080`"),
        Refused("//a.example/x", "host-url", "is a URL", "`a.example`"),
        Refused("https://203.0.113.7/", "host-url", "is a URL", "`203.0.113.7`"),
        Refused("https://", "host-url", "is a URL", "such as `api.example.org`"),
        Refused("a.example/v1", "host-path", "has a path", "`a.example`"),
        Refused("a.example:443/v1", "host-path", "after the port", "`a.example:443`"),
        Refused("git@a.example", "host-user", "a user name", "`a.example`"),
        Refused(" a.example", "host-space", "white space", "`a.example`"),
        Refused("a.example, b.example", "host-space", "white space", "an entry of its own"),
        Refused("a.example\nb", "host-control-character", "a newline", "without control"),
        # Wildcards.
        Refused("*", "host-everything", "every host", '`network = "full"`'),
        Refused("*:443", "host-everything", "every host", '`network = "full"`'),
        Refused("*foo.example", "host-wildcard-place", "the whole first part", "`*.foo.example`"),
        Refused("a.*.example", "host-wildcard-place", "the whole first part", "such as"),
        Refused("*.*.a.example", "host-wildcard-place", "the whole first part", "`*.a.example`"),
        Refused(
            "*.org", "host-wildcard-wide", "that anybody registers below `org`", "*.example.org"
        ),
        Refused("*.co.uk", "host-wildcard-wide", "below `co.uk`", "`*.example.co.uk`"),
        # Names.
        Refused("a..example", "host-empty-label", "an empty part", "`a.example`"),
        Refused(".a.example", "host-empty-label", "an empty part", "`a.example`"),
        Refused("-a.example", "host-label", "`-a` has characters", "no hyphen at an end"),
        Refused("a-.example", "host-label", "`a-` has characters", "no hyphen at an end"),
        Refused("a_b.example", "host-label", "`a_b` has characters", "letters, digits and hyphens"),
        Refused("a;b.example", "host-label", "`a;b` has characters", "letters, digits and hyphens"),
        Refused("a" * 64 + ".example", "host-label-too-long", "63 bytes", "look it up"),
        Refused("abc." * 64 + "org", "host-too-long", "253 bytes", "look it up"),
        Refused(f"a{LONGEST}", "host-too-long", "253 bytes", "look it up"),
        Refused("db", "host-one-label", "no domain", "`db.example.org`"),
        Refused("localhost", "host-unreachable", "the sandbox itself", "Remove it"),
        Refused("api.localhost:80", "host-unreachable", "the sandbox itself", "Remove it"),
        Refused("a.example.1", "host-number", "ends in a number", "four numbers"),
        Refused("1.2.3.0x7f", "host-number", "ends in a number", "four numbers"),
        Refused("xn--a.example", "host-international", "no valid international name", "`xn--`"),
        Refused("☃.example", "host-international", "no valid international name", "`xn--`"),
        Refused("-ü.example", "host-international", "no valid international name", "`xn--`"),
        # Ports.
        Refused("a.example:0", "port-range", "between 1 and 65535", "`a.example:443`"),
        Refused("a.example:65536", "port-range", "between 1 and 65535", "`a.example:443`"),
        Refused("a.example:0443", "port-range", "between 1 and 65535", "without leading zeros"),
        Refused("a.example:", "port-invalid", "no port number", "leave the `:` out"),
        Refused("a.example:https", "port-invalid", "no port number", "as a number"),
        Refused("a.example:٤٤٣", "port-invalid", "no port number", "as a number"),
        # Addresses.
        Refused("203.0.113", "host-address", "not a valid address", "four numbers"),
        Refused("203.0.113.256", "host-address", "not a valid address", "from 0 to 255"),
        Refused("203.0.113.07", "host-address", "not a valid address", "without leading zeros"),
        Refused("2001:db8:::1", "host-address", "not a valid address", "`2001:db8::1`"),
        Refused("fe80::1%eth0", "host-zone", "names an interface", "without it"),
        Refused("::ffff:203.0.113.7", "host-mapped", "its packets are IPv4", "`203.0.113.7`"),
        Refused("[203.0.113.7]:80", "host-brackets", "only IPv6", "`203.0.113.7:80`"),
        Refused("[2001:db8::1", "host-brackets", "brackets", "`[2001:db8::1]:443`"),
        Refused("[2001:db8::1]443", "host-brackets", "brackets", "`[2001:db8::1]:443`"),
        Refused("127.0.0.1", "host-unreachable", "loopback", "Remove it"),
        Refused("::1", "host-unreachable", "loopback", "Remove it"),
        Refused("0.0.0.9", "host-unreachable", "unspecified", "Remove it"),
        Refused("224.0.0.1", "host-unreachable", "multicast", "Remove it"),
        # Networks.
        Refused("203.0.113.7/24", "host-bits", "not the first address", "`203.0.113.0/24`"),
        Refused("203.0.113.7/24:80", "host-bits", "not the first", "`203.0.113.7:80` for the one"),
        Refused("[2001:db8::1/32]:80", "host-bits", "not the first", "`[2001:db8::/32]:80`"),
        Refused("203.0.113.0/33", "host-prefix", "from 0 to 32", "`203.0.113.0/24`"),
        Refused("203.0.113.0/024", "host-prefix", "from 0 to 32", "`203.0.113.0/24`"),
        Refused("203.0.113.0/255.255.255.0", "host-prefix", "from 0 to 32", "`203.0.113.0/24`"),
        Refused("0.0.0.0/0", "host-everything", "every host", '`network = "full"`'),
        Refused("::/0", "host-everything", "every host", '`network = "full"`'),
        Refused("0.0.0.0/1", "host-wide", "restricts little", "/8 or smaller"),
        Refused("2000::/3", "host-wide", "restricts little", "/16 or smaller"),
        # Exceptions.
        Refused("!", "host-empty", "After its `!`", "`!secret.example.org`"),
        Refused("!!a.example", "exception-of-exception", "an exception of", "Write one `!`"),
        Refused("! a.example", "host-space", "white space", "`!a.example`"),
        Refused("!a.example, !b.example", "host-space", "white space", "an entry of its own"),
        Refused("a.!b.example", "host-label", "`!b` has characters", "letters, digits"),
        Refused("*.!a.example", "host-label", "`!a` has characters", "letters, digits"),
        Refused("!a.example:443", "exception-port", "at all ports", "`!a.example`"),
        Refused("!*.a.example:443", "exception-port", "at all ports", "`!*.a.example`"),
        Refused("!a.example:https", "port-invalid", "no port number", "leave the `:` out"),
        Refused("!203.0.113.7", "exception-address", "go by name", "smaller networks"),
        Refused("!10.0.0.0/8", "exception-address", "go by name", "smaller networks"),
        Refused("!203.0.113.7:80", "exception-address", "go by name", "smaller networks"),
        Refused("!2001:db8::1", "exception-address", "go by name", "smaller networks"),
        Refused("![2001:db8::1]:443", "exception-address", "go by name", "smaller networks"),
        Refused("!*", "exception-wide", "any wildcard may", "`!secret.example.org`"),
        Refused("!*.org", "exception-wide", "any wildcard may", "`!secret.example.org`"),
        Refused("!*.co.uk", "exception-wide", "any wildcard may", "`!secret.example.org`"),
        Refused("!https://a.example/v1", "host-url", "is a URL", "Write `!a.example`"),
        Refused("!a..example", "host-empty-label", "an empty part", "Write `!a.example`"),
        Refused("!a.example..", "host-empty-label", "an empty part", "Write `!a.example`"),
        Refused("!a_b.example", "host-label", "`a_b` has characters", "letters, digits"),
        Refused("!a.*.example", "host-wildcard-place", "the whole first part", "`!secret"),
        Refused("!" + "a" * 64 + ".example", "host-label-too-long", "63 bytes", "look it up"),
        Refused("!" + "a." * 126 + "org", "host-too-long", "253 bytes", "look it up"),
        Refused("!☃.example", "host-international", "international name", "`xn--`"),
        Refused("!db", "host-one-label", "no domain", "`db.example.org`"),
    ],
    ids=ids,
)
def test_allowed_host_refuses(case: Refused) -> None:
    check_refused(allowed_host, case)


@pytest.mark.parametrize(
    "text", ["https://bob:hunter2@a.example/", "bob:hunter2@a.example", "!bob:hunter2@a.example"]
)
def test_a_password_in_a_url_is_not_repeated(text: str) -> None:
    problem = problem_of(allowed_host, text)
    assert "hunter2" not in problem.message + problem.hint
    assert problem.sensitive


@pytest.mark.parametrize(
    "network",
    [
        *("10.1.2.3/32", "172.16.0.0/12", "172.31.255.255/32", "192.168.0.0/24"),  # RFC 1918
        *("100.64.0.0/10", "100.127.255.255/32"),  # RFC 6598
        *("127.0.0.1/32", "169.254.0.0/16", "169.254.169.254/32", "192.0.0.192/32"),
        *("224.0.0.251/32", "255.255.255.255/32", "0.0.0.0/32"),
        *("::1/128", "::/128", "fd00::/8", "fd00:ec2::254/128", "fe80::1/128", "ff02::1/128"),
        *("::ffff:10.0.0.1/128", "::10.0.0.1/128", "64:ff9b:1::/48", "fec0::1/128"),
        # What carries an address of IPv4, which may be private: NAT64, 6to4, Teredo.
        *("64:ff9b::a00:1/128", "2002:a00:1::1/128", "2001::/32", "2001:1ff::/32"),
    ],
)
def test_private(network: str) -> None:
    assert is_private(ip_network(network))
    assert touches_private(ip_network(network))


@pytest.mark.parametrize(
    "network",
    [
        *("1.1.1.1/32", "8.8.8.0/24", "100.63.0.0/16", "100.128.0.0/10", "172.15.0.0/16"),
        *("172.32.0.0/11", "192.167.0.0/16", "203.0.113.0/24"),
        # Test networks (RFC 2544), in which a private internet can be built.
        *("198.18.0.0/15", "198.17.0.0/16", "198.20.0.0/16"),
        *("2001:4860:4860::8888/128", "2a00::/12", "2001:db8::/32", "2001:200::/23", "2003::/16"),
        "2001:2::/48",  # as RFC 2544's: RFC 5180
    ],
)
def test_public(network: str) -> None:
    assert not is_private(ip_network(network))
    assert not touches_private(ip_network(network))


@pytest.mark.parametrize("network", ["8.0.0.0/5", "172.0.0.0/8", "f000::/4"])
def test_a_network_may_touch_private_space_without_being_private(network: str) -> None:
    assert not is_private(ip_network(network))
    assert touches_private(ip_network(network))


@given(st.integers(0, 2**32 - 1).map(IPv4Address))
def test_private_ipv4_agrees_with_a_second_way_to_tell(address: IPv4Address) -> None:
    inside = any(address in network for network in PRIVATE_NETWORKS_IPV4)
    assert is_private(ip_network(address)) is inside
    # Of what the IANA registry calls not global, only documentation is missing
    # (RFC 5737), networks for tests (RFC 2544) and the anycast of 6to4 (RFC 7526).
    left_out = any(
        address in ip_network(network)
        for network in (
            *("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"),
            *("198.18.0.0/15", "192.88.99.0/24"),
        )
    )
    assert inside or left_out or address.is_global


@given(st.integers(0, 2**128 - 1).map(IPv6Address))
def test_private_ipv6_agrees_with_a_second_way_to_tell(address: IPv6Address) -> None:
    inside = any(address in network for network in PRIVATE_NETWORKS_IPV6)
    assert is_private(ip_network(address)) is inside


HOST_LIKE = st.text("abü*.:/[]_-0192x@%! ", max_size=24) | st.builds(
    lambda name, port: name + port,
    st.sampled_from(["*.", "", "_", "!", "!*."]).flatmap(
        lambda start: st.from_regex(r"\A([a-z0-9ß-]{1,6}\.){1,3}[a-z]{1,3}\Z").map(start.__add__),
    ),
    st.sampled_from(["", ":1", ":65535", ":0", "/24", "/8"]),
)


@given(HOST_LIKE | st.ip_addresses().map(str))
@settings(max_examples=500)
def test_the_canonical_form_reads_back_as_itself(text: str) -> None:
    try:
        host = allowed_host(text)
    except ValueProblem:
        return
    assert allowed_host(str(host)) == host
    assert str(allowed_host(str(host))) == str(host)
    assert str(host).isascii()
