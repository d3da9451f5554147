"""What is said of IPv4 is said of IPv6, and nothing of IPv6 without `ipv6Subnet`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from forage_gen.emit.emit import emit
from tests.read.projects import findings, resolved

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = """\
user = "alice"
externalInterface = "eth0"
{subnet}
[sandboxes.web]
template = "web"
workspace = "/srv/web"
[sandboxes.wide]
template = "wide"
workspace = "/srv/wide"
[sandboxes.office]
template = "office"
workspace = "/srv/office"
"""
LOCAL, GLOBAL = "fd5c:3a1e:77b0::/64", "2a01:4f8:1:2::/64"
LISTED = ["x.example.org", "db.example.org:5432", "203.0.113.7", "203.0.113.8:80"]
LISTED_IPV6 = ["2a00::7", "[2a00::8]:80"]

# Of IPv4 alone: what only its header has, and the resolver, which listens there.
ONLY_IPV4 = (
    "ip hdrlength",
    "ip frag-off",
    "th dport 53",
    "proto-dst 53",
    "th dport 24599",
    "127.0.0.1",
)
SIX = re.compile(r"ip6|icmpv6|ipv6-icmp")
# In the other family's words.
IN_IPV6 = (
    (r"\bip6\b", "ip"),
    (r"\b(sources|private)6\b", r"\1"),
    (r"_v6\b", ""),
    (r"\bwellformed6\b", "wellformed"),
    (r"\bhoplimit\b", "ttl"),
    (r"\bicmpv6\b", "icmp"),
    (r"\bipv6-icmp\b", "icmp"),
    (r"packet-too-big, ", ""),
    (r"fd5c:3a1e:77b0::1\b", "10.100.0.1"),
    (r"fd5c:3a1e:77b0::/64", "10.100.0.0/16"),
    (r"fc00::/7", "10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16"),
)


def files(root: Path, subnet: str | None, listed: list[str]) -> dict[str, str]:
    line = f'ipv6Subnet = "{subnet}"' if subnet else ""
    web = f'network = "restricted"\nallowedHosts = {listed}\n'
    project = {"forage.toml": PROJECT.format(subnet=line), "templates/web.toml": web}
    project["templates/wide.toml"] = 'network = "full"\n'
    project["templates/office.toml"] = 'network = "full"\nallowLan = true\n'
    made = emit(resolved(root, project).plan)
    return {each.path: each.content.decode() for each in made}


def rules(text: str) -> list[tuple[str, str]]:
    """The rules of each chain, each with the chain's name."""
    found, chain = [], ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith(("chain ", "set ", "map ")):
            chain = line
        elif chain.startswith("chain ") and line and line not in {"}", "{"} and line[0] != "#":
            found.append((chain, line))
    return found


def said_in_ipv4(text: str) -> str:
    for pattern, instead in IN_IPV6:
        text = re.sub(pattern, instead, text)
    return text


def test_each_rule_of_ipv4_has_one_of_ipv6(tmp_path: Path) -> None:
    made = files(tmp_path, LOCAL, [*LISTED, *LISTED_IPV6])
    checked = 0
    for path in ("forage.nft", *(f"templates/{name}.nft" for name in ("office", "web", "wide"))):
        found = rules(made[f"nftables/{path}"].partition("table arp")[0])
        sayings = [said_in_ipv4(f"{chain} {rule}") for chain, rule in found if SIX.search(rule)]
        for chain, rule in found:
            if not re.search(r"\b(ip|icmp) ", rule) or any(only in rule for only in ONLY_IPV4):
                continue
            checked += 1
            assert said_in_ipv4(f"{chain} {rule}") in sayings, (chain, rule)
    assert checked > 30


def test_nothing_is_said_of_ipv6_without_a_prefix(tmp_path: Path) -> None:
    made = files(tmp_path, None, LISTED)
    for path, text in made.items():
        if path.startswith(("nftables/", "resolver/", "sandboxes/")):
            left = text.replace("refused_ipv6", "").replace("refuse_ipv6", "")
            assert not re.search(r"ip6|icmpv6|_v6|private6|fd5c", left), path
    assert "AAAA" in made["resolver/templates/web.conf"]
    assert "[::]" not in made["proxy/templates/web.conf"]
    assert "libexec/forage-forward-ipv6" not in made


@pytest.mark.parametrize("subnet", [LOCAL, GLOBAL])
def test_a_global_prefix_is_not_translated(tmp_path: Path, subnet: str) -> None:
    fence = files(tmp_path, subnet, LISTED)["nftables/forage.nft"]
    assert (f'ip6 saddr {subnet} oifname "eth0" masquerade' in fence) is (subnet == LOCAL)
    assert f"ip6 daddr {subnet} goto refuse_sandbox" in fence


def test_a_host_in_the_sandboxes_own_prefix_is_an_error(tmp_path: Path) -> None:
    listed = 'network = "restricted"\nallowedHosts = ["fd5c:3a1e:77b0::9"]\n'
    (found,) = findings(tmp_path, project_with(web=listed))
    assert found.code == "subnet-collision"
    assert "`ipv6Subnet`" in found.hint


def project_with(**templates: str) -> dict[str, str]:
    """The project with IPv6, and templates in place of those that are `full`."""
    full = dict.fromkeys(("web", "wide", "office"), 'network = "full"\n') | templates
    files = {f"templates/{name}.toml": text for name, text in full.items()}
    return files | {"forage.toml": PROJECT.format(subnet=f'ipv6Subnet = "{LOCAL}"')}


LISTED_IN_FULL = """\
network = "full"
allowedHosts = ["[fd12::5]:22", "fd12:3456::/32", "2a00::7", "2a00:1::/48"]
"""


def test_full_takes_addresses_that_may_be_of_the_hosts_own_network(tmp_path: Path) -> None:
    plan = resolved(tmp_path, project_with(wide=LISTED_IN_FULL)).plan
    made = {each.path: each.content.decode() for each in emit(plan)}
    rules_of = made["nftables/templates/wide.nft"]
    assert "t_wide_hosts_v6 { 2a00::7/128, 2a00:1::/48, fd12:3456::/32 }" in rules_of
    assert "t_wide_services_v6 { fd12::5/128 . 22 }" in rules_of


@pytest.mark.parametrize(
    ("host", "code"),
    [
        ("2a00::7", "public-host-in-full"),
        ("[fd12::5]:22", "local-host-with-lan"),
        ("fd12:3456::/32", "local-host-with-lan"),
        ("fd00:ec2::254", None),  # metadata, which stays closed
        ("64:ff9b::/96", None),
        ("fd00::/16", None),  # has that in it
    ],
)
def test_what_allow_lan_opens_is_not_listed(tmp_path: Path, host: str, code: str | None) -> None:
    office = f'network = "full"\nallowLan = true\nallowedHosts = ["{host}"]\n'
    found = findings(tmp_path, project_with(office=office))
    assert [each.code for each in found] == ([code] if code else [])
