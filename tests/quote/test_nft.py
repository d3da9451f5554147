"""nft loads what was quoted for it, and lists it as it was."""

from __future__ import annotations

import itertools
import json
import subprocess
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import strategies as st

from forage_gen.quote import nft
from forage_gen.quote.nft import NftToken
from forage_gen.quote.token import Unquotable
from tests.quote.asking import run_apart
from tests.quote.expectations import (
    assert_read_back,
    assert_refused,
    is_refused,
    quotable,
)
from tests.quote.samples import COMMENTS, SOME, TEXTS, UNENCODABLE, in_batches
from tests.requirements import require

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


# nft's JSON is objects in objects; what is looked at in the end is cast.
class Json(dict[str, "Json"]):
    """An object of nft's JSON."""


INTERFACES = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=15)
IDENTIFIERS = st.from_regex(r"[A-Za-z][A-Za-z0-9_.-]{0,19}", fullmatch=True)
PREFIXES = st.builds(
    lambda address, length: IPv4Network((address, length), strict=False),
    st.ip_addresses(v=4),
    st.integers(0, 31),
) | st.builds(
    lambda address, length: IPv6Network((address, length), strict=False),
    st.ip_addresses(v=6),
    st.integers(0, 127),
)


@pytest.fixture(scope="module", autouse=True)
def reader() -> None:
    require("root", "nft", "unshare")


def load(ruleset: str) -> subprocess.CompletedProcess[bytes]:
    """Load a ruleset into a network namespace of its own, and list it."""
    return subprocess.run(
        ["unshare", "--net", "sh", "-c", "nft --file - && nft --json list ruleset"],
        input=ruleset.encode(),
        capture_output=True,
        check=False,
    )


def listed(ruleset: str, kind: str) -> list[Json]:
    """The objects of one kind, as nft lists them."""
    done = load(ruleset)
    assert done.returncode == 0, done.stderr.decode()
    entries: list[Json] = json.loads(done.stdout)["nftables"]
    return [entry[kind] for entry in entries if kind in entry]


def table(*lines: str) -> str:
    return "\n".join(["table inet t {", *lines, "}", ""])


def chain(*rules: str) -> str:
    return table("chain c {", *rules, "}")


def matched(rules: Iterable[str]) -> list[object]:
    """What the first match of each rule compares with."""
    return [
        cast("list[Json]", rule["expr"])[0]["match"]["right"]
        for rule in listed(chain(*rules), "rule")
    ]


@in_batches(TEXTS)
def test_comments_of_rules(texts: list[str]) -> None:
    texts = quotable(nft.comment, texts)
    rules = [f"accept comment {nft.comment(text)}" for text in texts]
    assert_read_back([rule.get("comment") for rule in listed(chain(*rules), "rule")], texts)


@in_batches(TEXTS.map(lambda text: text.replace("$", "") or "x"), SOME)
def test_prefixes_of_log_lines(texts: list[str]) -> None:
    texts = quotable(nft.log_prefix, texts)
    rules = listed(chain(*(f"log prefix {nft.log_prefix(text)}" for text in texts)), "rule")
    prefixes = [cast("list[Json]", rule["expr"])[0]["log"]["prefix"] for rule in rules]
    assert_read_back(prefixes, texts)


@in_batches(INTERFACES)
def test_interfaces_in_rules(names: list[str]) -> None:
    names = quotable(nft.interface, names)
    assert_read_back(matched(f"iifname {nft.interface(name)} accept" for name in names), names)


@in_batches(INTERFACES, SOME)
def test_the_kernel_has_interfaces_of_those_names(names: list[str]) -> None:
    names = sorted(set(quotable(nft.interface, names)) - {"lo"})  # a namespace is born with lo
    assert_read_back(cast("list[str]", run_apart("make_interfaces.py", names)), names)


@in_batches(IDENTIFIERS.filter(lambda name: not is_refused(nft.identifier, name)))
def test_identifiers(names: list[str]) -> None:
    names = sorted(set(names))
    tokens = list(map(nft.identifier, names))
    tables = [f"table inet {token} {{\n}}\n" for token in tokens]
    assert_read_back([found["name"] for found in listed("".join(tables), "table")], names)
    sets = [f"set {token} {{\ntype ipv4_addr\n}}" for token in tokens]
    chains = [f"chain {token} {{\nip saddr @{token} jump the-last\n}}" for token in tokens]
    verdicts = ", ".join(f'"i{n}" : goto {token}' for n, token in enumerate(tokens))
    vmap = f"map the-map {{\ntype ifname : verdict\nelements = {{ {verdicts} }}\n}}"
    ruleset = table(*sets, "chain the-last {\n}", *chains, vmap)
    assert_read_back([found["name"] for found in listed(ruleset, "set")], names)
    assert_read_back([found["name"] for found in listed(ruleset, "chain")][1:], names)


@pytest.mark.parametrize("keyword", sorted(nft.KEYWORDS))
def test_a_keyword_is_refused(keyword: str) -> None:
    assert_refused(nft.identifier, keyword)


@pytest.mark.parametrize(
    "keyword", ["fwd", "accept", "log", "counter", "flow", "gc-interval", "ip6"]
)
def test_nft_takes_no_keyword_for_a_name(keyword: str) -> None:
    done = load(table(f"set {keyword} {{\ntype ipv4_addr\n}}", f"chain {keyword} {{\n}}"))
    assert b"syntax error" in done.stderr


@in_batches(st.ip_addresses(v=4), SOME)
def test_ipv4_addresses(addresses: list[IPv4Address]) -> None:
    rules = [f"ip saddr {nft.ipv4(address)} accept" for address in addresses]
    assert_read_back([IPv4Address(text) for text in matched(rules)], addresses)


@in_batches(st.ip_addresses(v=6), SOME)
def test_ipv6_addresses(addresses: list[IPv6Address]) -> None:
    rules = [f"ip6 saddr {nft.ipv6(address)} accept" for address in addresses]
    assert_read_back([IPv6Address(text) for text in matched(rules)], addresses)


@in_batches(st.binary(min_size=6, max_size=6), SOME)
def test_hardware_addresses(addresses: list[bytes]) -> None:
    rules = [f"ether saddr {nft.mac(address.hex(':'))} accept" for address in addresses]
    read = [bytes.fromhex(str(text).replace(":", "")) for text in matched(rules)]
    assert_read_back(read, addresses)


@pytest.mark.parametrize("text", ["", "02:66:0A:64:00:02", "02:66:0a:64:00", "02-66-0a-64-00-02"])
def test_what_is_no_hardware_address_is_refused(text: str) -> None:
    assert_refused(nft.mac, text)


@in_batches(PREFIXES, SOME)
def test_prefixes(networks: list[IPv4Network | IPv6Network]) -> None:
    protocols = {4: "ip", 6: "ip6"}
    rules = [f"{protocols[n.version]} saddr {nft.prefix(n)} accept" for n in networks]
    prefixes = [cast("Json", right)["prefix"] for right in matched(rules)]
    assert_read_back([ip_network(f"{p['addr']}/{p['len']}") for p in prefixes], networks)


@in_batches(st.integers(1, 65535), SOME)
def test_ports(ports: list[int]) -> None:
    assert_read_back(matched(f"tcp dport {nft.port(port)} accept" for port in ports), ports)


@in_batches(st.integers(0, 2**32 - 1), SOME)
def test_integers(numbers: list[int]) -> None:
    assert_read_back(matched(f"meta mark {nft.integer(n)} accept" for n in numbers), numbers)


@in_batches(st.sets(st.ip_addresses(v=4), min_size=1, max_size=10), SOME)
def test_elements(sets: list[set[IPv4Address]]) -> None:
    definitions = [
        f"set s{n} {{\ntype ipv4_addr\nelements = {nft.elements(map(nft.ipv4, addresses))}\n}}"
        for n, addresses in enumerate(sets)
    ]
    found = [cast("list[str]", entry["elem"]) for entry in listed(table(*definitions), "set")]
    assert_read_back([{IPv4Address(text) for text in texts} for texts in found], sets)


@in_batches(COMMENTS, SOME)
def test_comments_of_lines(texts: list[str]) -> None:
    rules = [f"{nft.line_comment(text)}\nmeta mark {n} accept" for n, text in enumerate(texts)]
    assert_read_back(matched(rules), list(range(len(texts))))


@in_batches(UNENCODABLE, SOME)
def test_text_that_is_no_utf_8_is_refused(texts: list[str]) -> None:
    functions: list[Callable[[str], object]] = [
        nft.string,
        nft.comment,
        nft.log_prefix,
        nft.line_comment,
    ]
    for quote, text in itertools.product(functions, texts):
        assert_refused(quote, text)


@in_batches(TEXTS, SOME)
def test_only_a_double_quote_or_its_length_bars_a_comment(texts: list[str]) -> None:
    for text in texts:
        assert is_refused(nft.comment, text) == ('"' in text or len(text.encode()) > 128)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a b",
        "a\tb",
        "a/b",
        "a:b",
        "a%d",
        'a"b',
        "a*",
        "*",
        "a\\b",
        ".",
        "..",
        "all",
        "default",
        "é",
        "x" * 16,
    ],
)
def test_what_is_no_interface_is_refused(name: str) -> None:
    assert_refused(nft.interface, name)


@pytest.mark.parametrize("name", ["", "1a", "-a", ".a", "_a", "a b", "a/b", "a;b", "é", "a" * 256])
def test_what_is_no_identifier_is_refused(name: str) -> None:
    assert_refused(nft.identifier, name)


def test_the_longest_names_load() -> None:
    name = nft.identifier("a" * 255)
    ruleset = table(f"set {name} {{\ntype ipv4_addr\n}}", f"chain {name} {{\n}}")
    assert load(ruleset).returncode == 0


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_what_is_no_port_is_refused(port: int) -> None:
    with pytest.raises(Unquotable):
        nft.port(port)


@pytest.mark.parametrize("number", [-1, 2**32])
def test_a_number_that_does_not_fit_is_refused(number: int) -> None:
    with pytest.raises(Unquotable):
        nft.integer(number)


def test_an_address_with_a_zone_is_refused() -> None:
    with pytest.raises(Unquotable, match="zone"):
        nft.ipv6(IPv6Address("fe80::1%eth0"))


def test_a_dollar_sign_starts_a_variable_in_the_prefix_of_log_lines_only() -> None:
    assert_refused(nft.log_prefix, "a$b")
    assert b"unknown identifier" in load(chain('log prefix "a$b"')).stderr
    assert matched(['iifname "a$b" accept']) == ["a$b"]


def test_elements_on_one_line_where_they_fit() -> None:
    assert nft.elements([nft.port(1), nft.port(2)]) == "{ 1, 2 }"


def test_elements_one_a_line_where_they_do_not() -> None:
    items = [NftToken("x" * 50), NftToken("y" * 50)]
    assert nft.elements(items, indent=4) == (
        f"{{\n        {'x' * 50},\n        {'y' * 50},\n    }}"
    )


def test_no_elements_are_refused() -> None:
    with pytest.raises(Unquotable, match="at least one"):
        nft.elements([])
    assert load(table("set s {", "type ipv4_addr", "elements = { }", "}")).returncode != 0
