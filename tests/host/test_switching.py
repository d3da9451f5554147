"""`forage-ctl network` changes what one running sandbox may reach, at once."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.host.probes import REFUSED, fetch, look_up
from tests.host.project_on_host import NAMES
from tests.host.test_names import ALERT, HANDSHAKE, NOTHING, hello, is_kept, keep_tls
from tests.host.test_reload import RELOADS
from tests.testhost.internet import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.host.activate import Activated
    from tests.testhost.host import Completed, Sandbox

CTL = "/etc/forage/tree/libexec/forage-ctl"
STATE = "/run/forage/network"
ALLOWED, FOREIGN = "allowed.example.net", "198.18.1.15"
OTHER = "198.18.1.16"
RELOAD = ("systemctl", "reload", "forage-firewall.service")

# Speaks HTTP by one connection for ever, and notes each answer.
KEEP = """
import http.client, sys, time
address, port, name, note = sys.argv[1:]
connection = http.client.HTTPConnection(address, int(port), timeout=3)
connection.auto_open = 0
connection.connect()
while True:
    connection.request("GET", "/", headers={"Host": name})
    connection.getresponse().read()
    with open(note, "a") as file:
        file.write("x")
    time.sleep(0.1)
"""


def ctl(forage: Activated, *argv: str) -> Completed:
    return forage.host.run(CTL, "network", *argv, check=False)


def switch(forage: Activated, *argv: str) -> None:
    done = ctl(forage, *argv)
    assert done.returncode == 0, done.stderr


def told(forage: Activated, name: str) -> dict[str, Any]:
    done = ctl(forage, name, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture
def switched(forage: Activated) -> Iterator[Activated]:
    """The project, whose sandboxes are what the project says afterwards."""
    yield forage
    forage.host.sh(f"rm -rf {STATE} /run/forage-names/*/*")
    forage.host.run("systemctl", "start", "forage-firewall.service")
    forage.host.run(*RELOAD)


class Kept:
    """A connection that a program in the sandbox keeps and uses."""

    def __init__(self, forage: Activated, sandbox: Sandbox, unit: str, *where: str) -> None:
        self.forage, self.sandbox, self.unit = forage, sandbox, unit
        self.note = f"/tmp/{unit}"  # of the sandbox
        sandbox.run(
            *("systemd-run", "--quiet", "--collect", f"--unit={unit}", "--uid=agent"),
            *("python3", "-c", KEEP, *where, self.note),
        )
        self.await_use()

    def uses(self) -> int:
        done = self.sandbox.run("stat", "--format=%s", self.note, check=False)
        return int(done.stdout or 0)

    def await_use(self) -> None:
        """Wait until it was used again."""
        before = self.uses()
        self.forage.host.wait_for(lambda: self.uses() > before + 1, f"{self.unit} is used")

    def await_end(self) -> None:
        """Wait until the program has failed."""
        show = ("systemctl", "is-active", self.unit)
        self.forage.host.wait_for(
            lambda: self.sandbox.run(*show, check=False).stdout != "active\n",
            f"{self.unit} has ended",
        )

    def stop(self) -> None:
        self.sandbox.run("systemctl", "stop", self.unit, check=False)
        self.sandbox.run("rm", "-f", self.note)


def test_narrowing_cuts_what_it_forbids_and_nothing_else(
    switched: Activated, research: Sandbox, neighbour: Sandbox
) -> None:
    cut = Kept(switched, research, "cut", FOREIGN, "80", "x")
    kept = Kept(switched, research, "kept", OTHER, "80", "x")
    others = Kept(switched, neighbour, "others", FOREIGN, "80", "x")
    assert look_up(research, "other.example.net")
    switch(switched, "research", "restricted", "--allow", f"{OTHER}:80", "--allow=198.18.1.20/32")
    cut.await_end()
    kept.await_use()
    others.await_use()
    assert fetch(research, FOREIGN) == REFUSED
    assert fetch(research, OTHER) == f"{OTHER}:80"
    assert fetch(research, "198.18.1.20") == "198.18.1.20:80"
    assert hello(research, "x.example.org", OTHER) == NOTHING
    # No name is asked for: there is no way out by DNS.
    assert look_up(research, "other.example.net") == []
    assert look_up(research, "other.example.net", server="198.18.0.53") == []
    assert told(switched, "research") == {
        "sandbox": "research",
        "template": "research",
        "project": "full",
        "network": "restricted",
        "allow": [f"{OTHER}:80", "198.18.1.20/32"],
        "untilReset": False,
        "differs": True,
    }
    # Not that of another sandbox of the template.
    assert fetch(neighbour, FOREIGN) == f"{FOREIGN}:80"
    switch(switched, "research", "reset")
    kept.await_use()
    assert fetch(research, "other.example.net") == f"{FOREIGN}:80"
    assert not told(switched, "research")["differs"]
    for each in (kept, others):
        each.stop()


def test_none_closes_everything_at_once(
    switched: Activated, coder: Sandbox, research: Sandbox
) -> None:
    proxied = Kept(switched, coder, "proxied", NAMES[ALLOWED], "80", ALLOWED)
    direct = Kept(switched, coder, "direct", "192.168.77.20", "8080", "x")
    others = Kept(switched, research, "others", FOREIGN, "80", "x")
    switch(switched, "coder", "none")
    assert look_up(coder, ALLOWED) == []
    assert hello(coder, ALLOWED) == NOTHING
    assert fetch(coder, "192.168.77.20:8080") == REFUSED
    proxied.await_end()
    direct.await_end()
    others.await_use()
    # Neither does the host's end stay open.
    address = str(switched.sandbox("coder").address)
    assert switched.host.run("ss", "-Htn", "dst", address).stdout == ""
    switch(switched, "coder", "reset")
    assert look_up(coder, ALLOWED) == [NAMES[ALLOWED]]
    assert hello(coder, ALLOWED) == HANDSHAKE
    others.stop()


def test_full_opens_what_is_public_and_going_back_closes_it(
    switched: Activated, coder: Sandbox
) -> None:
    switch(switched, "coder", "full")
    assert fetch(coder, "other.example.net") == f"{FOREIGN}:80"
    assert fetch(coder, "192.168.77.20:8080") == "192.168.77.20:8080"
    assert fetch(coder, "192.168.77.30:80") == REFUSED
    assert look_up(coder, "rebind.example.net") == []
    assert fetch(coder, "198.18.0.2:9090") == REFUSED
    wide = Kept(switched, coder, "wide", FOREIGN, "80", "x")
    switch(switched, "coder", "restricted", "--allow", "198.18.1.20:80")
    wide.await_end()
    assert look_up(coder, "other.example.net") == []
    assert fetch(coder, "other.example.net") == REFUSED
    assert fetch(coder, "198.18.1.20") == "198.18.1.20:80"
    assert fetch(coder, ALLOWED) == f"{NAMES[ALLOWED]}:80"
    assert fetch(coder, "db.example.net:5432") == "198.18.1.14:5432"
    switch(switched, "coder", "restricted")
    assert "198.18.1.20:80" not in fetch(coder, "198.18.1.20")


@pytest.mark.parametrize("name", ["research", "coder"])
def test_full_opens_private_addresses_that_are_named(switched: Activated, name: str) -> None:
    # Of a template that is full, and of one that is restricted.
    sandbox = switched.running(name)
    assert fetch(sandbox, "192.168.77.30:80") == REFUSED
    switch(switched, name, "full", "--allow=192.168.77.30:80", "--allow=10.50.0.0/16")
    assert fetch(sandbox, "192.168.77.30:80") == "192.168.77.30:80"
    assert fetch(sandbox, "10.50.0.5:80") == "10.50.0.5:80"
    # And no other of them; what the template lists, and what is public, as before.
    assert fetch(sandbox, "192.168.77.20:8081") == REFUSED
    assert fetch(sandbox, "172.20.0.5:80") == REFUSED
    assert fetch(sandbox, "198.18.0.2:9090") == REFUSED
    assert fetch(sandbox, "192.168.77.20:8080") == "192.168.77.20:8080"
    assert fetch(sandbox, "other.example.net") == f"{FOREIGN}:80"
    said = ctl(switched, name, "--persist").stdout
    assert '  network = "full"\n  allowedHosts = ["192.168.77.30:80", "10.50.0.0/16"]' in said
    assert ("# and what is there already" in said) == (name == "research")
    switch(switched, name, "reset")
    assert fetch(sandbox, "192.168.77.30:80") == REFUSED


_WATCH = """
table inet watch
delete table inet watch
table inet watch {
    counter arrived { }
    chain prerouting {
        type filter hook prerouting priority raw;
        ip saddr 198.18.0.2 udp dport 4711 counter name arrived
    }
}
"""
_FLOOD = f"""
import socket
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("", 4712))
while True:
    try:
        udp.sendto(b"x", ("{FOREIGN}", 4711))
    except OSError:
        pass
"""


def _inside(forage: Activated, *argv: str, text: str | None = None) -> str:
    return forage.host.run("ip", "netns", "exec", NAMESPACE, *argv, input=text).stdout


def _arrived(forage: Activated) -> int:
    listed = _inside(forage, "nft", "list", "counter", "inet", "watch", "arrived")
    return int(listed.split("packets ")[1].split()[0])


def test_a_flood_meets_the_old_rules_or_the_new_ones(
    switched: Activated, research: Sandbox
) -> None:
    research.run("systemd-run", "--unit=flood", "--collect", "python3", "-c", _FLOOD)
    _inside(switched, "nft", "-f", "-", text=_WATCH)
    # The control: the same flow gets out before.
    switched.host.wait_for(lambda: _arrived(switched) > 0, "packets arrive")
    switch(switched, "research", "none")
    switched.host.write("/run/host-firewall.nft", RELOADS["all tables flushed"][0])
    # Of one flow that was there before the switch, and between modes that both forbid it.
    _inside(switched, "nft", "reset", "counter", "inet", "watch", "arrived")
    for _ in range(20):
        switch(switched, "research", "restricted", f"--allow={OTHER}")
        switch(switched, "research", "none")
        switched.host.run(*RELOAD)
        # Nor when NixOS loads all tables anew.
        switched.host.run("nft", "-f", "/run/host-firewall.nft")
    assert _arrived(switched) == 0
    switch(switched, "research", "reset")
    switched.host.wait_for(lambda: _arrived(switched) > 0, "packets arrive again")
    switched.host.run("nft", "delete", "table", "inet", "nixos-fw")
    research.run("systemctl", "stop", "flood")


def test_it_survives_reloads_and_restarts_unless_told_otherwise(switched: Activated) -> None:
    switched.running("research")
    switch(switched, "research", "none")
    switched.host.run(*RELOAD)
    research = switched.fresh("research")
    assert fetch(research, FOREIGN) == REFUSED
    switch(switched, "research", "restricted", f"--allow={OTHER}", "--until-reset")
    assert fetch(research, OTHER) == f"{OTHER}:80"
    assert told(switched, "research")["untilReset"]
    switched.stop("research")
    assert not told(switched, "research")["differs"]
    assert fetch(switched.running("research"), FOREIGN) == f"{FOREIGN}:80"
    # Neither does one to more than the project says stay.
    coder = switched.running("coder")
    switch(switched, "coder", "full", "--until-reset")
    assert fetch(coder, "other.example.net") == f"{FOREIGN}:80"
    assert fetch(switched.fresh("coder"), "other.example.net") == REFUSED


def test_a_broken_file_closes_the_fence_and_can_be_mended(switched: Activated) -> None:
    coder = switched.running("coder")
    switch(switched, "coder", "none")
    switched.host.write(f"{STATE}/coder.nft", "no such rule\n")
    # The rules that were in force stay.
    assert switched.host.run(*RELOAD, check=False).returncode
    assert fetch(coder, "192.168.77.20:8080") == REFUSED
    done = ctl(switched, "coder")
    assert (done.returncode, "is broken" in done.stderr) == (1, True)
    # From nothing it does not load, and so nothing starts.
    switched.host.run("systemctl", "stop", "forage-firewall.service")
    assert switched.start("coder").returncode
    assert ctl(switched, "coder", "reset").returncode == 0
    assert fetch(switched.running("coder"), "192.168.77.20:8080") == "192.168.77.20:8080"


def test_what_the_fence_does_not_take_changes_nothing(
    switched: Activated, research: Sandbox
) -> None:
    switch(switched, "research", "none")
    before = switched.host.run("cat", f"{STATE}/research.nft").stdout
    # A kernel that refuses: the chain that the rules lead to is not there.
    script = "libexec/ctl/network"
    text = (switched.host.root / "srv/forage/tree" / script).read_text()
    switched.edit(script, text.replace("'mode_list'", "'mode_missing'"))
    done = ctl(switched, "research", "reset")
    assert (done.returncode, "what it was before" in done.stderr) == (1, True)
    assert switched.host.run("cat", f"{STATE}/research.nft").stdout == before
    assert fetch(research, FOREIGN) == REFUSED


def test_a_name_is_added_for_one_sandbox_alone(switched: Activated, coder: Sandbox) -> None:
    twin = switched.running("twin")
    name = "other.example.net"
    assert fetch(coder, name) == ""
    switch(switched, "coder", "restricted", "--allow=Other.Example.NET.", "--allow=198.18.1.20:80")
    # At once: the resolver has begun anew when the command ends.
    assert fetch(coder, name) == f"{FOREIGN}:80"
    # Whatever address is dialled, as with every other name.
    assert hello(coder, name, OTHER) == HANDSHAKE
    assert fetch(coder, "198.18.1.20") == "198.18.1.20:80"
    assert fetch(coder, ALLOWED) == f"{NAMES[ALLOWED]}:80"
    assert look_up(coder, f"below.{name}") == []
    assert hello(coder, f"below.{name}", FOREIGN) == ALERT
    # The other sandbox may know the address, and no more.
    assert look_up(twin, name) == [FOREIGN]
    assert fetch(twin, name) == REFUSED
    assert hello(twin, name, FOREIGN) == ALERT
    assert hello(twin, f"coder {name}", FOREIGN) == ALERT
    assert told(switched, "coder")["allow"] == ["Other.Example.NET.", "198.18.1.20:80"]
    # It stays while the host runs.
    switched.host.run(*RELOAD)
    switched.host.run("systemctl", "reload", "forage-proxy@coder", "forage-resolver@coder")
    coder = switched.fresh("coder")
    assert fetch(coder, name) == f"{FOREIGN}:80"
    switch(switched, "coder", "none")
    assert switched.host.run("ls", "-A", "/run/forage-names/coder").stdout == ""
    switch(switched, "coder", "reset")
    assert fetch(coder, name) == ""
    assert hello(coder, name, FOREIGN) == ALERT
    assert fetch(coder, ALLOWED) == f"{NAMES[ALLOWED]}:80"


def test_adding_a_name_ends_no_connection_and_taking_it_away_ends_its_sandboxes_own(
    switched: Activated, coder: Sandbox
) -> None:
    twin = switched.running("twin")
    name = "other.example.net"
    for sandbox in (coder, twin):
        keep_tls(switched, sandbox, "before", ALLOWED, NAMES[ALLOWED])
    switch(switched, "coder", "restricted", f"--allow={name}")
    switched.host.wait_for(lambda: look_up(coder, name) == [FOREIGN], "it is known")
    assert hello(coder, name, FOREIGN) == HANDSHAKE
    keep_tls(switched, coder, "added", name, FOREIGN)
    # Longer than a reload for all of the template's sandboxes lets them be.
    time.sleep(6)
    assert is_kept(coder, "before")
    assert is_kept(coder, "added")
    assert is_kept(twin, "before")

    switch(switched, "coder", "reset")
    assert hello(coder, name, FOREIGN) == ALERT
    switched.host.wait_for(lambda: not is_kept(coder, "added"), "it has ended")
    time.sleep(6)
    assert is_kept(twin, "before")
    # The control: a reload that is not for one of them alone.
    switched.host.run("systemctl", "reload", "forage-proxy@coder.service")
    assert not is_kept(twin, "before")


def test_a_name_at_one_port(switched: Activated, coder: Sandbox) -> None:
    name = "other.example.net"
    switch(switched, "coder", "restricted", f"--allow={name}:443", "--until-reset")
    switched.host.wait_for(lambda: look_up(coder, name) == [FOREIGN], "it is known")
    assert hello(coder, name, FOREIGN) == HANDSHAKE
    assert fetch(coder, name) == REFUSED
    coder = switched.fresh("coder")
    switched.host.wait_for(lambda: look_up(coder, name) == [], "it is not known any more")
    assert hello(coder, name, FOREIGN) == ALERT


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (("nobody", "none"), 2, "there is no sandbox nobody"),
        (("../coder", "none"), 2, "there is no sandbox"),
        (("coder", "half"), 1, "usage"),
        (("coder", "--until-reset"), 1, "usage"),
        (("review", "full"), 1, 'write network = "full"'),
        (("research", "restricted"), 1, "lists no hosts"),
        (("research", "none", "--allow", OTHER), 1, "with restricted and full"),
        (("research", "reset", "--allow", OTHER), 1, "with restricted and full"),
        (("research", "full", "--allow", "example.org"), 1, "every public name already"),
        (("coder", "full", "--allow", "*.example.org"), 1, "every public name already"),
        (("coder", "full", "--allow", "10.0.0.1/8"), 1, "bits are not 0"),
        (("research", "restricted", "--allow", "example.org"), 1, "have no proxy to read it"),
        (("coder", "restricted", "--allow", "*.example.org"), 1, 'write "*.example.org" into'),
        (("coder", "restricted", "--allow", "!x.example.org"), 1, "--allow closes nothing"),
        (("coder", "restricted", "--allow", "example.org:5432"), 1, "at ports 443 and 80"),
        (("coder", "restricted", "--allow", "-x.example.org"), 1, "no host name"),
        (("coder", "restricted", "--allow", f"{'a' * 64}.example.org"), 1, "no host name"),
        (("coder", "restricted", "--allow", ALLOWED), 1, f'already, "{ALLOWED}:80"'),
        (("coder", "restricted", "--allow", "x.wild.example.net"), 1, '"*.wild.example.net:80"'),
        (("coder", "restricted", "--allow", "internal.wild.example.net"), 1, "says something"),
        (("coder", "restricted", "--allow", "0.0.0.0/0"), 1, "no address"),
        (("coder", "restricted", "--allow", "10.0.0.1/8"), 1, "bits are not 0"),
        (("coder", "restricted", "--allow", "10.0.0.256"), 1, "over 255"),
        (("coder", "restricted", "--allow", "10.0.0.1:70000"), 1, "over 65535"),
        (("coder", "restricted", "--allow", "1.2.3.4 accept; }"), 1, "no address"),
        (("coder", "restricted", "--allow", "1.2.3.4\naccept"), 1, "no address"),
        (("coder", "restricted", "--allow", "2001:db8::1"), 1, "write ipv6Subnet"),
        (("coder", "restricted", "--allow"), 1, "usage"),
    ],
)
def test_what_cannot_be_done_has_an_exit_code(
    switched: Activated, argv: tuple[str, ...], code: int, said: str
) -> None:
    done = ctl(switched, *argv)
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
    assert not (switched.host.root / STATE.lstrip("/")).exists()


def test_it_says_what_to_write_into_the_project(switched: Activated) -> None:
    done = ctl(switched, "coder", "restricted", "--allow=198.18.1.20:80", "--persist")
    assert "sandbox" in done.stdout
    assert '  allowedHosts = ["198.18.1.20:80"]   # and what is there already' in done.stdout
    assert told(switched, "review")["network"] == "none"
