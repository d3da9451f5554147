"""dnsmasq answers by what was quoted for it."""

from __future__ import annotations

import itertools
import subprocess
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import strategies as st

from forage_gen.quote import dnsmasq
from forage_gen.quote.token import Unquotable
from tests.quote import asking
from tests.quote.expectations import assert_read_back, assert_refused, quotable
from tests.quote.samples import COMMENTS, SOME, TEXTS, UNENCODABLE, in_batches, one_line
from tests.requirements import require

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.quote.asking import Found

UPSTREAM, FORWARDER = 5301, 5302
COMMON = "no-resolv\nno-hosts\ncache-size=0\npid-file=\nlisten-address=127.0.0.1\nbind-interfaces\n"
LABELS = st.from_regex(r"(?!-)[a-z0-9_-]{1,20}(?<!-)", fullmatch=True)
DOMAINS = st.lists(LABELS, min_size=1, max_size=4).map(".".join)
SET_NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_.-]{0,9}", fullmatch=True)
FILE_NAMES = one_line(TEXTS).map(lambda text: text.replace("/", "")[:60])


@pytest.fixture(scope="module", autouse=True)
def reader() -> None:
    require("root", "dnsmasq", "nft", "ip", "unshare")


def ask(servers: Sequence[str], port: int, names: Sequence[str], ruleset: str = "") -> Found:
    return asking.ask(servers, ("127.0.0.1", port), names, ruleset)


def server(port: int, *lines: str) -> str:
    return "".join([COMMON, f"port={port}\n", *(f"{line}\n" for line in lines)])


def accepts(*lines: str) -> bool:
    """Whether dnsmasq takes a configuration of these lines."""
    done = subprocess.run(
        ["dnsmasq", "--test", "--conf-file=-"],
        input="".join(f"{line}\n" for line in lines).encode(),
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


@in_batches(st.tuples(DOMAINS, SET_NAMES, st.ip_addresses(v=4, network="198.18.0.0/15")))
def test_sets_get_the_addresses_of_domains(
    samples: list[tuple[str, str, IPv4Address]],
) -> None:
    # The number makes domains and sets differ.
    names = [f"{domain}.x{n}.test" for n, (domain, _, _) in enumerate(samples)]
    sets = [f"{name}{n}" for n, (_, name, _) in enumerate(samples)]
    addresses = [address for _, _, address in samples]
    upstream = server(
        UPSTREAM,
        *(
            f"address=/{dnsmasq.domain(name)}/{dnsmasq.address(address)}"
            for name, address in zip(names, addresses, strict=True)
        ),
    )
    forwarder = server(
        FORWARDER,
        f"server={dnsmasq.address(IPv4Address('127.0.0.1'))}#{dnsmasq.port(UPSTREAM)}",
        *(
            f"nftset={dnsmasq.nftset(name, 'forage', [(4, set_name)])}"
            for name, set_name in zip(names, sets, strict=True)
        ),
    )
    definitions = "".join(f"set {name} {{\ntype ipv4_addr\n}}\n" for name in sets)
    found = ask([upstream, forwarder], FORWARDER, names, f"table inet forage {{\n{definitions}}}\n")
    assert_read_back(found["answers"], [str(address) for address in addresses])
    filled = [entry["set"].get("elem") for entry in found["ruleset"] if "set" in entry]
    assert_read_back(filled, [[str(address)] for address in addresses])


@in_batches(FILE_NAMES)
def test_paths(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    here = tmp_path_factory.mktemp("hosts")
    paths = [f"{here}/{n}-{name}" for n, name in enumerate(names)]
    paths = quotable(dnsmasq.path, paths)
    for n, path in enumerate(paths):
        Path(path).write_text(f"198.18.0.{n} host{n}.test\n")
    hosts = [f"addn-hosts={dnsmasq.path(path)}" for path in paths]
    questions = [f"host{n}.test" for n in range(len(paths))]
    found = ask([server(FORWARDER, *hosts)], FORWARDER, questions)
    assert_read_back(found["answers"], [f"198.18.0.{n}" for n in range(len(paths))])


@in_batches(DOMAINS, SOME)
def test_below_a_domain_is_not_the_domain_itself(domains: list[str]) -> None:
    names = [f"{domain}.x{n}.test" for n, domain in enumerate(domains)]
    lines = [f"address=/{dnsmasq.below(name)}/198.18.0.1" for name in names]
    inside = [f"a.{name}" for name in names]
    beside = [f"a{name}" for name in names]
    found = ask([server(FORWARDER, *lines)], FORWARDER, [*names, *inside, *beside])
    none = [None] * len(names)
    assert_read_back(found["answers"], [*none, *["198.18.0.1"] * len(names), *none])


def test_a_domain_is_also_all_names_below_it() -> None:
    line = f"address=/{dnsmasq.domain('a.test')}/198.18.0.1"
    found = ask([server(FORWARDER, line)], FORWARDER, ["a.test", "b.a.test", "ba.test"])
    assert found["answers"] == ["198.18.0.1", "198.18.0.1", None]


@in_batches(st.ip_addresses(), SOME)
def test_addresses(addresses: list[IPv4Address | IPv6Address]) -> None:
    for address in addresses:
        assert ip_address(str(dnsmasq.address(address))) == address
    assert accepts(*(f"server={dnsmasq.address(address)}" for address in addresses))


@in_batches(st.integers(1, 65535), SOME)
def test_ports(ports: list[int]) -> None:
    assert accepts(*(f"server=127.0.0.1#{dnsmasq.port(port)}" for port in ports))


@in_batches(st.integers(1, 2**31 - 1), SOME)
def test_integers(numbers: list[int]) -> None:
    names = [f"x{n}.test" for n in range(len(numbers))]
    lines = [
        f"host-record={name},198.18.0.1,{dnsmasq.integer(number)}"
        for name, number in zip(names, numbers, strict=True)
    ]
    assert_read_back(ask([server(FORWARDER, *lines)], FORWARDER, names)["ttls"], numbers)


@in_batches(COMMENTS, SOME)
def test_comments(texts: list[str]) -> None:
    lines = [
        f"{dnsmasq.comment(text)}\naddress=/x{n}.test/198.18.0.{n}" for n, text in enumerate(texts)
    ]
    questions = [f"x{n}.test" for n in range(len(texts))]
    found = ask([server(FORWARDER, *lines)], FORWARDER, questions)
    assert_read_back(found["answers"], [f"198.18.0.{n}" for n in range(len(texts))])


@in_batches(UNENCODABLE, SOME)
def test_text_that_is_no_utf_8_is_refused(texts: list[str]) -> None:
    functions: list[Callable[[str], object]] = [
        lambda text: dnsmasq.path(f"/{text}"),
        dnsmasq.domain,
        dnsmasq.comment,
    ]
    for quote, text in itertools.product(functions, texts):
        assert_refused(quote, text)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "a.",
        ".a",
        "a..b",
        "a b",
        "A",
        "é",
        "-a",
        "a-",
        "a/b",
        "a#b",
        "*",
        "*.a",
        "#",
        "x" * 64,
        ".".join(["x" * 63] * 4),
        "a\n",
    ],
)
def test_what_is_no_domain_is_refused(name: str) -> None:
    assert_refused(dnsmasq.domain, name)
    assert_refused(dnsmasq.below, name)


@pytest.mark.parametrize("path", ["", "a", "./a", "/a\nb", "/a\rb", "/a\tb", "/\x01", "/\x7f"])
def test_a_path_that_dnsmasq_would_change_is_refused(path: str) -> None:
    assert_refused(dnsmasq.path, path)


@pytest.mark.parametrize("name", ["", "a#b", "a,b", "a/b", "a b", "1a", "é"])
def test_what_is_no_set_is_refused(name: str) -> None:
    with pytest.raises(Unquotable):
        dnsmasq.nftset("a.test", "forage", [(4, name)])
    with pytest.raises(Unquotable):
        dnsmasq.nftset("a.test", name, [(4, "set")])


@pytest.mark.parametrize("port", [0, 65536])
def test_what_is_no_port_is_refused(port: int) -> None:
    with pytest.raises(Unquotable):
        dnsmasq.port(port)


@pytest.mark.parametrize("number", [-1, 2**31])
def test_a_number_that_does_not_fit_is_refused(number: int) -> None:
    with pytest.raises(Unquotable):
        dnsmasq.integer(number)


def test_an_address_with_a_zone_is_refused() -> None:
    with pytest.raises(Unquotable, match="zone"):
        dnsmasq.address(IPv6Address("fe80::1%eth0"))


def test_dnsmasq_takes_the_end_of_a_long_line_for_a_line_of_its_own() -> None:
    assert accepts(dnsmasq.comment("x" * 998))
    assert not accepts("# " + "x" * 2000)
    assert_refused(dnsmasq.comment, "x" * 999)
    assert_refused(dnsmasq.path, "/" + "x" * 1000)
    assert_refused(dnsmasq.path, "/" + '"' * 500)
