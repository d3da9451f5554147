"""What each network mode opens, and that nothing else is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from forage_gen.emit.emit import emit
from tests.host.probes import REFUSED, fence_down, fetch, look_up, rcode
from tests.host.project_on_host import NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.host.activate import Activated
    from tests.testhost.host import Sandbox
    from tests.testhost.internet import Internet

PUBLIC = "198.18.1.15:80"
LAN = ("192.168.77.30:80", "192.168.77.20:8081", "10.50.0.5:80")
NOT_LAN = (
    "100.64.0.5:80",  # of the provider
    "169.254.169.254:80",  # cloud metadata
    "192.0.0.192:80",  # and Oracle's
    "10.100.200.200:80",  # the sandboxes' own subnet
)
USERS = ("agent", "root")
ALLOWED_PRIVATE = "192.168.77.20:8080"
FOREIGN_RESOLVER = "198.18.0.53"


@pytest.fixture
def host_service(forage: Activated) -> Iterator[str]:
    """A service of the host that listens on every address; its port."""
    unit, port = "host-service.service", "9090"
    serve = ("python3", "-m", "http.server", port, "--directory", "/etc/keys")
    forage.host.run("systemd-run", "--quiet", "--collect", f"--unit={unit}", *serve)
    url = f"http://127.0.0.1:{port}/"
    forage.host.wait_for(
        lambda: forage.host.run("curl", "-s", url, check=False).stdout, "the service answers"
    )
    yield port
    forage.host.run("systemctl", "stop", unit)


# -- none ----------------------------------------------------------------------


def test_none_has_nothing_but_loopback(review: Sandbox) -> None:
    assert review.run("ls", "/sys/class/net").stdout == "lo\n"
    assert review.run("ip", "route").stdout == ""


def test_none_reaches_nothing(forage: Activated, review: Sandbox) -> None:
    for user in USERS:
        assert fetch(review, PUBLIC, user) == REFUSED
    # The control: it is there.
    assert forage.host.run("curl", "--silent", f"http://{PUBLIC}/").stdout == PUBLIC
    assert look_up(review, "allowed.example.net") == []
    assert look_up(review, "allowed.example.net", server=FOREIGN_RESOLVER) == []


# -- full ----------------------------------------------------------------------


def test_full_reaches_the_internet(research: Sandbox) -> None:
    assert fetch(research, PUBLIC) == PUBLIC
    assert fetch(research, "other.example.net") == PUBLIC


@pytest.mark.parametrize("place", [*LAN, *NOT_LAN])
def test_full_does_not_reach_private_addresses(
    forage: Activated, research: Sandbox, place: str
) -> None:
    for user in USERS:
        assert fetch(research, place, user) == REFUSED
    with fence_down(forage.host):
        for user in USERS:
            assert fetch(research, place, user) == place


@pytest.mark.parametrize("place", [*LAN, "172.20.0.5:80"])
def test_the_local_network_is_reached_where_it_is_allowed(office: Sandbox, place: str) -> None:
    assert fetch(office, place) == place
    assert fetch(office, PUBLIC) == PUBLIC


@pytest.mark.parametrize("place", NOT_LAN)
def test_the_local_network_is_no_other_private_address(
    forage: Activated, office: Sandbox, place: str
) -> None:
    assert fetch(office, place) == REFUSED
    with fence_down(forage.host):
        assert fetch(office, place) == place


def test_an_allowed_private_address_and_port_is_open(research: Sandbox) -> None:
    assert fetch(research, ALLOWED_PRIVATE) == ALLOWED_PRIVATE


def test_a_public_name_cannot_lead_to_a_private_address(
    forage: Activated, research: Sandbox, internet: Internet
) -> None:
    assert look_up(research, "rebind.example.net") == []
    assert "rebind.example.net" in internet.queries()
    answer = forage.host.run("dig", "+short", "rebind.example.net").stdout
    assert answer.split() == [NAMES["rebind.example.net"]]


# -- the host and the neighbours -----------------------------------------------


@pytest.fixture
def host_in_lan(forage: Activated) -> Iterator[None]:
    """Give the host an address of the local network."""
    forage.host.run("ip", "address", "add", "192.168.77.1/32", "dev", "wan0")
    yield
    forage.host.run("ip", "address", "delete", "192.168.77.1/32", "dev", "wan0")


@pytest.mark.usefixtures("host_in_lan")
@pytest.mark.parametrize("name", ["coder", "research", "shared", "office"])
@pytest.mark.parametrize("address", ["10.100.0.1", "198.18.0.2", "192.168.77.1"])
def test_the_host_is_closed(forage: Activated, host_service: str, name: str, address: str) -> None:
    sandbox, place = forage.running(name), f"{address}:{host_service}"
    assert fetch(sandbox, place) == REFUSED
    with fence_down(forage.host):
        assert "probe" in fetch(sandbox, place)


def test_another_sandbox_is_closed(
    forage: Activated, research: Sandbox, office: Sandbox, neighbour: Sandbox
) -> None:
    serve = ("python3", "-m", "http.server", "8000", "--directory", "/workspace")
    neighbour.run("systemd-run", "--quiet", "--collect", "--unit=web", *serve)
    place = f"{forage.sandbox('neighbour').address}:8000"
    reach = ("curl", "--silent", "--retry", "5", "--retry-connrefused", f"http://{place}/")
    assert "Directory listing" in forage.host.run(*reach).stdout
    for sandbox in (research, office):
        assert fetch(sandbox, place) == REFUSED
        with fence_down(forage.host):
            assert "Directory listing" in fetch(sandbox, place)
    neighbour.run("systemctl", "stop", "web")


def test_the_internet_does_not_reach_a_sandbox(forage: Activated, research: Sandbox) -> None:
    serve = ("python3", "-m", "http.server", "8000", "--directory", "/workspace")
    research.run("systemd-run", "--quiet", "--collect", "--unit=web", *serve)
    place = f"{forage.sandbox('research').address}:8000"
    outside = ("ip", "netns", "exec", "internet")
    reach = ("curl", "--silent", "--max-time", "2", f"http://{place}/")
    forage.host.run(*outside, "ip", "route", "add", "10.100.0.0/16", "via", "198.18.0.2")
    assert forage.host.run(*outside, *reach, check=False).stdout == ""
    with fence_down(forage.host):
        assert "Directory listing" in forage.host.run(*outside, *reach).stdout
    forage.host.run(*outside, "ip", "route", "delete", "10.100.0.0/16")
    research.run("systemctl", "stop", "web")


# -- restricted ----------------------------------------------------------------


def test_an_allowed_name_is_reached(coder: Sandbox) -> None:
    assert fetch(coder, "allowed.example.net") == f"{NAMES['allowed.example.net']}:80"


def test_a_name_below_a_wildcard_is_reached(coder: Sandbox) -> None:
    assert fetch(coder, "api.wild.example.net") == f"{NAMES['api.wild.example.net']}:80"


def test_a_name_with_a_port_is_reached_at_that_port_alone(
    forage: Activated, coder: Sandbox
) -> None:
    place = f"{NAMES['db.example.net']}:5432"
    assert fetch(coder, "db.example.net:5432") == place
    assert fetch(coder, "db.example.net:80") == REFUSED
    with fence_down(forage.host):
        assert fetch(coder, "db.example.net:80") == f"{NAMES['db.example.net']}:80"


@pytest.mark.parametrize(
    "name",
    [
        "other.example.net",
        "sub.allowed.example.net",  # an exact name is not those below it
        "wild.example.net",  # a wildcard is not its apex
        "example.net",
        "secret-of-the-agent.other.example.net",
    ],
)
def test_a_name_that_is_not_allowed_is_not_even_asked_for(
    coder: Sandbox, internet: Internet, name: str
) -> None:
    asked = internet.queries().count(name)
    assert look_up(coder, name) == []
    assert rcode(coder, name) in {"REFUSED", "NXDOMAIN"}
    assert internet.queries().count(name) == asked


def test_without_the_list_these_names_have_addresses(forage: Activated) -> None:
    # The control: the internet's resolver knows them.
    for name in ("other.example.net", "sub.allowed.example.net", "wild.example.net"):
        assert forage.host.run("dig", "+short", name).stdout.split() == [NAMES[name]]


def test_an_address_that_no_name_gave_is_refused(forage: Activated, coder: Sandbox) -> None:
    for user in USERS:
        assert fetch(coder, PUBLIC, user) == REFUSED
    with fence_down(forage.host):
        for user in USERS:
            assert fetch(coder, PUBLIC, user) == PUBLIC


def test_so_is_dns_over_tls(forage: Activated, coder: Sandbox, internet: Internet) -> None:
    address = PUBLIC.partition(":")[0]
    internet.serve(address, 853, "dns")
    for user in USERS:
        assert fetch(coder, f"{address}:853", user) == REFUSED
    with fence_down(forage.host):
        assert fetch(coder, f"{address}:853") == "dns"


def test_a_refusal_is_told_at_once(coder: Sandbox) -> None:
    done = coder.run("curl", "--silent", f"http://{PUBLIC}81/", check=False)
    assert done.returncode == 7  # curl: failed to connect, not a timeout


@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
def test_other_resolvers_are_not_reached(
    forage: Activated, coder: Sandbox, internet: Internet, transport: str
) -> None:
    name = f"leak-{transport.strip('+')}.example.net"
    argv = ("dig", "+short", transport, "+tries=1", "+time=1", f"@{FOREIGN_RESOLVER}", name)
    coder.run(*argv, user="agent", check=False)
    assert name not in internet.queries()
    with fence_down(forage.host):
        coder.run("dig", transport, f"@{FOREIGN_RESOLVER}", name, user="agent", check=False)
    assert name in internet.queries()


def test_ping_is_refused(forage: Activated, coder: Sandbox) -> None:
    # Sent by the host's root in the sandbox's place: nobody inside may open such a socket.
    netns = ("ip", "netns", "exec", forage.sandbox(coder.name).netns)
    ping = (*netns, "ping", "-q", "-c", "1", "-W", "2", NAMES["other.example.net"])
    assert forage.host.run(*ping, check=False).returncode
    with fence_down(forage.host):
        assert forage.host.run(*ping).returncode == 0


def test_an_allowed_private_address_is_open_at_its_port_alone(
    forage: Activated, coder: Sandbox
) -> None:
    assert fetch(coder, ALLOWED_PRIVATE) == ALLOWED_PRIVATE
    assert fetch(coder, "192.168.77.20:8081") == REFUSED
    with fence_down(forage.host):
        assert fetch(coder, "192.168.77.20:8081") == "192.168.77.20:8081"


def test_a_name_whose_address_changes_is_reached_at_the_new_one(
    coder: Sandbox, internet: Internet
) -> None:
    name, moved = "db.example.net", NAMES["rotating.example.net"]
    assert fetch(coder, f"{name}:5432") == f"{NAMES[name]}:5432"
    internet.record(name, moved)
    assert fetch(coder, f"{name}:5432") == f"{moved}:5432"
    internet.record(name, NAMES[name])


def test_an_address_stays_open_while_it_is_given_out(forage: Activated, coder: Sandbox) -> None:
    name, address = "db.example.net", NAMES["db.example.net"]
    place = f"{address}:5432"
    sets = ("t_coder_p5432", "t_coder_p5432_longer")

    def end(name_of_set: str) -> None:  # as its time does
        forage.host.run("nft", f"delete element inet forage {name_of_set} {{ {address} }}")

    assert look_up(coder, name) == [address]
    for name_of_set in sets:
        end(name_of_set)
        # For who has kept the answer.
        assert fetch(coder, place) == place
        assert look_up(coder, name) == [address]
        forage.host.run("nft", f"get element inet forage {name_of_set} {{ {address} }}")
    # The control: in none of them.
    for name_of_set in sets:
        end(name_of_set)
    assert fetch(coder, place) == REFUSED
    assert fetch(coder, f"{name}:5432") == place


def test_nobody_keeps_an_answer_for_long(
    forage: Activated, coder: Sandbox, internet: Internet
) -> None:
    argv = ("dig", "+noall", "+answer", "db.example.net", "A")
    with internet.answers_that_last(3600):
        assert coder.run(*argv, user="agent").stdout.split()[1] == "60"
        # The control: what the host is told.
        assert forage.host.run(*argv).stdout.split()[1] == "3600"


def test_names_of_other_templates_open_nothing(coder: Sandbox, research: Sandbox) -> None:
    # What one template's resolver hands out is allowed to that template alone.
    assert look_up(research, "other.example.net") == [NAMES["other.example.net"]]
    assert fetch(coder, PUBLIC) == REFUSED


# -- names that were looked up before the build --------------------------------

LOCKED = ["198.18.1.10", "198.18.1.11"]


def test_a_name_leads_where_the_lock_says_and_nobody_is_asked(
    forage: Activated, pinned: Sandbox, internet: Internet
) -> None:
    name = "pinned.example.net"
    asked = internet.queries().count(name)
    assert sorted(look_up(pinned, name)) == LOCKED
    assert fetch(pinned, name).removesuffix(":80") in LOCKED
    tls = ("curl", "--silent", "--insecure", f"https://{name}/")
    assert pinned.run(*tls, user="agent").stdout.removesuffix(":443") in LOCKED
    assert internet.queries().count(name) == asked
    assert forage.host.run("dig", "+short", name).stdout.split() == [NAMES[name]]


@pytest.mark.parametrize("name", ["allowed.example.net", "sub.pinned.example.net"])
def test_a_name_that_is_not_locked_is_not_even_asked_for(
    pinned: Sandbox, internet: Internet, name: str
) -> None:
    asked = internet.queries().count(name)
    assert look_up(pinned, name) == []
    assert internet.queries().count(name) == asked


@pytest.mark.parametrize(
    "place",
    ["198.18.1.14:80", "198.18.1.17:5432", PUBLIC, "192.168.77.20:8080"],
)
def test_what_the_lock_does_not_have_is_refused(
    forage: Activated, pinned: Sandbox, place: str
) -> None:
    assert fetch(pinned, "198.18.1.14:5432") == "198.18.1.14:5432"
    assert fetch(pinned, place) == REFUSED
    with fence_down(forage.host):
        assert fetch(pinned, place) == place


# -- who may change it ---------------------------------------------------------


@pytest.mark.parametrize(
    "argv",
    [
        ("ip", "address", "add", "10.100.9.9/32", "dev", "host0"),
        ("ip", "link", "set", "host0", "down"),
        ("ip", "route", "replace", "default", "dev", "host0"),
        ("ip", "link", "add", "type", "dummy"),
    ],
)
def test_root_inside_cannot_change_the_network(coder: Sandbox, argv: tuple[str, ...]) -> None:
    assert "Operation not permitted" in coder.run(*argv, check=False).stderr


def test_a_forged_source_address_is_dropped(
    forage: Activated, research: Sandbox, internet: Internet
) -> None:
    netns = ("ip", "netns", "exec", forage.sandbox(research.name).netns)
    forage.host.run(*netns, "ip", "address", "add", "10.100.9.9/32", "dev", "host0")
    ask = ("dig", "+tries=1", "+time=1", f"@{FOREIGN_RESOLVER}")
    forage.host.run(*netns, *ask, "-b", "10.100.9.9", "forged.example.net", check=False)
    forage.host.run(*netns, *ask, "honest.example.net", check=False)
    with fence_down(forage.host):
        forage.host.run(*netns, *ask, "-b", "10.100.9.9", "control.example.net", check=False)
    forage.host.run(*netns, "ip", "address", "delete", "10.100.9.9/32", "dev", "host0")
    asked = internet.queries()
    assert "forged.example.net" not in asked
    assert "honest.example.net" in asked
    assert "control.example.net" in asked


def test_there_is_no_ipv6(coder: Sandbox) -> None:
    assert coder.run("ip", "-6", "route").stdout == ""


def test_a_resolver_that_dies_comes_back_without_the_sandbox(
    forage: Activated, coder: Sandbox
) -> None:
    before = forage.host.run("machinectl", "show", coder.name, "--property=Leader").stdout
    kill = ("systemctl", "kill", "--signal=KILL", "forage-resolver@coder.service")
    forage.host.run(*kill)
    forage.host.wait_for(lambda: look_up(coder, "allowed.example.net"), "names are back")
    after = forage.host.run("machinectl", "show", coder.name, "--property=Leader").stdout
    assert before == after


def test_a_reload_keeps_what_names_have_opened(forage: Activated, coder: Sandbox) -> None:
    place = f"{NAMES['db.example.net']}:5432"
    assert fetch(coder, "db.example.net:5432") == place
    forage.host.run("systemctl", "reload", "forage-firewall.service")
    assert fetch(coder, place) == place


def test_a_reload_takes_out_what_is_listed_no_more(forage: Activated, coder: Sandbox) -> None:
    assert fetch(coder, ALLOWED_PRIVATE) == ALLOWED_PRIVATE
    policy = forage.host.run("cat", "/etc/forage/tree/nftables/templates/coder.nft").stdout
    without = "\n".join(line for line in policy.splitlines() if "add element" not in line)
    forage.edit("nftables/templates/coder.nft", without + "\n")
    forage.host.run("systemctl", "reload", "forage-firewall.service")
    assert fetch(coder, ALLOWED_PRIVATE) == REFUSED
    forage.mend()
    forage.host.run("systemctl", "reload", "forage-firewall.service")
    assert fetch(coder, ALLOWED_PRIVATE) == ALLOWED_PRIVATE


# -- other hosts ---------------------------------------------------------------


def test_the_hosts_own_nat_will_do(forage: Activated, research: Sandbox) -> None:
    fence = "nftables/forage.nft"
    without = replace(forage.plan, external_interface=None)
    text = next(each for each in emit(without) if each.path == fence).content.decode()
    load = ("systemctl", "reload", "forage-firewall.service")
    nat = """
        table ip own-nat {
            chain postrouting {
                type nat hook postrouting priority srcnat
                oifname "wan0" masquerade
            }
        }
    """
    forage.edit(fence, text)
    forage.host.run(*load)
    try:
        # What leaves with a private address gets no answer.
        assert fetch(research, PUBLIC) == REFUSED
        forage.host.run("nft", "-f", "-", input=nat)
        assert fetch(research, PUBLIC) == PUBLIC
        assert fetch(research, "192.168.77.30") == REFUSED
    finally:
        forage.host.run("nft", "delete table ip own-nat", check=False)
        forage.mend()
        forage.host.run(*load)


def test_networkd_leaves_the_links_alone(forage: Activated) -> None:
    networkd = "systemd-networkd.service"
    units = (networkd, "systemd-networkd.socket")
    forage.host.run("systemctl", "unmask", *units)
    forage.host.run("systemctl", "start", networkd)
    try:
        research = forage.fresh("research")
        interface = forage.sandbox("research").interface
        state = forage.host.run("networkctl", "--no-legend", "list", interface).stdout.split()
        assert state[-1] == "unmanaged"
        assert fetch(research, PUBLIC) == PUBLIC
        assert fetch(research, "192.168.77.30") == REFUSED
    finally:
        forage.host.run("systemctl", "stop", *units)
        forage.host.run("systemctl", "mask", *units)
