"""Where a part of the fence is missing there is no sandbox, and an administrator reads why."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.host.probes import is_no_mount

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.host.activate import Activated

FIREWALL = "forage-firewall.service"


@pytest.fixture
def stopped(forage: Activated) -> Iterator[Activated]:
    """The project with nothing running, before the test and after."""
    forage.stop_all()
    yield forage
    forage.stop_all()
    forage.mend()


@contextmanager
def away(forage: Activated, path: str) -> Iterator[None]:
    """Something of the host is not there for a while."""
    forage.host.run("mv", path, f"{path}.away")
    try:
        yield
    finally:
        forage.host.run("rm", "-rf", path)
        forage.host.run("mv", f"{path}.away", path)


def test_a_broken_rule_keeps_every_networked_sandbox_down(stopped: Activated) -> None:
    stopped.edit("nftables/sandboxes/coder.nft", "add element inet forage policies { broken }\n")
    for name in ("coder", "research", "shared"):
        stopped.refuses(name, f"needs {FIREWALL}", "nftables/sandboxes/coder.nft")
    assert "nftables/sandboxes/coder.nft" in stopped.status(FIREWALL)
    assert "forage" not in stopped.host.run("nft", "list", "tables").stdout  # all or nothing
    assert stopped.running("review").state() == "running"  # it has no network to fence


def test_a_broken_proxy_keeps_its_templates_sandboxes_down(stopped: Activated) -> None:
    stopped.edit("proxy/templates/coder.conf", "no such directive;\n")
    stopped.refuses("coder", "needs forage-proxy@coder.service", 'unknown directive "no"')
    assert stopped.running("research").state() == "running"


CONFIGURATIONS = {
    "forage-upstream.service": "resolver/upstream.conf",
    "forage-questions.service": "resolver/questions.lua",
    "forage-resolver@coder.service": "resolver/templates/coder.conf",
    "forage-proxy@coder.service": "proxy/templates/coder.conf",
    "forage-api.service": "api/nginx.conf",
}


@pytest.mark.parametrize("unit", CONFIGURATIONS)
def test_what_cannot_start_is_not_tried_again(stopped: Activated, unit: str) -> None:
    # On a slow host it would be for ever, and nobody would be told.
    stopped.host.run("systemctl", "stop", unit)
    stopped.edit(CONFIGURATIONS[unit], "no such directive;\n")
    assert stopped.host.run("systemctl", "start", unit, check=False).returncode
    shown = ("systemctl", "show", "--property=NRestarts", "--value", unit)
    assert stopped.host.run(*shown).stdout == "0\n"


def test_a_missing_file_of_rules_keeps_it_down(stopped: Activated) -> None:
    with away(stopped, "/etc/forage/tree/nftables/templates"):
        stopped.refuses("coder", f"needs {FIREWALL}", "nftables/sandboxes/coder.nft")
    assert stopped.running("coder").state() == "running"


def test_rules_that_were_removed_by_hand_keep_it_down(stopped: Activated) -> None:
    stopped.running("research")
    stopped.host.run("nft", "flush", "ruleset")
    stopped.refuses("coder", "needs forage-link@coder.service", "systemctl reload forage-firewall")
    stopped.host.run("systemctl", "reload", FIREWALL)
    assert stopped.running("coder").state() == "running"


@contextmanager
def neighbour(forage: Activated) -> Iterator[None]:
    """Put the host into a network whose addresses the sandboxes would have, with one machine."""
    forage.host.sh("""
        ip netns add near
        ip link add near0 type veth peer name here0 netns near
        ip address add 10.100.77.1/24 dev near0
        ip link set near0 up
        ip -n near address add 10.100.77.2/24 dev here0
        ip -n near link set here0 up
    """)
    try:
        yield
    finally:
        forage.host.sh("ip link delete near0; ip netns delete near")


def hears(forage: Activated) -> bool:
    """Whether the host answers that machine."""
    ask = ("ip", "netns", "exec", "near", "ping", "-c1", "-W2", "10.100.77.1")
    return not forage.host.run(*ask, check=False).returncode


def test_a_network_that_the_host_is_in_is_none_for_sandboxes(stopped: Activated) -> None:
    stopped.host.run("systemctl", "stop", FIREWALL)
    block = "10.100.0.0/16 dir in mark 0 mask 0x20000000 action block"
    with neighbour(stopped):
        stopped.refuses("coder", f"needs {FIREWALL}", "10.100.77.0/24 dev near0", "another subnet")
        assert hears(stopped)
        # The control: what the fence would have done to it.
        stopped.host.sh(f"ip xfrm policy update src {block}")
        assert not hears(stopped)
        stopped.host.sh("ip xfrm policy deleteall src 10.100.0.0/16 dir in action block")
        assert hears(stopped)
    assert stopped.running("coder").state() == "running"
    with neighbour(stopped):
        # Somebody else's network came later: rules can be loaded all the same.
        stopped.host.run("systemctl", "reload", FIREWALL)


def test_a_broken_resolver_keeps_its_templates_sandboxes_down(stopped: Activated) -> None:
    stopped.edit("resolver/templates/coder.conf", "no-such-option\n")
    stopped.refuses("coder", "needs forage-resolver@coder.service", "bad option")
    assert "bad option" in stopped.status("forage-resolver@coder.service")
    assert stopped.running("research").state() == "running"


def test_without_the_resolver_behind_it_there_is_none(stopped: Activated) -> None:
    stopped.edit("resolver/upstream.conf", "no-such-option\n")
    stopped.refuses("coder", "needs forage-upstream.service", "bad option")


def test_without_what_looks_at_its_questions_it_is_down(stopped: Activated) -> None:
    stopped.edit("resolver/questions.lua", "no_such_function()\n")
    stopped.refuses("coder", "needs forage-questions.service", "no_such_function")
    assert stopped.running("research").state() == "running"


def await_no_workspace(forage: Activated) -> None:
    """Wait until the last sandbox's is unmounted. A start at once would take that."""
    place = forage.sandbox("coder").workspace.staging
    gone = partial(is_no_mount, forage.host, place)
    forage.host.wait_for(gone, f"no {place}")


def test_a_missing_workspace_keeps_it_down(stopped: Activated) -> None:
    workspace = stopped.sandbox("coder").workspace.source
    unit = "run-forage-workspaces-coder.mount"
    await_no_workspace(stopped)
    with away(stopped, workspace):
        stopped.refuses("coder", f"needs {unit}", workspace)
        assert workspace in stopped.status(unit)
    assert stopped.running("coder").state() == "running"


def test_a_workspace_that_cannot_be_mounted_keeps_it_down(stopped: Activated) -> None:
    workspace = stopped.sandbox("coder").workspace.source
    await_no_workspace(stopped)
    with away(stopped, workspace):
        stopped.host.write(workspace, "a file\n")
        stopped.refuses("coder", "needs run-forage-workspaces-coder.mount", "mount: ")
    assert stopped.running("coder").state() == "running"


def test_a_missing_mount_keeps_it_down(stopped: Activated) -> None:
    unit = "run-forage-mounts-coder-docs.mount"
    with away(stopped, "/home/alice/docs"):
        stopped.refuses("coder", f"needs {unit}", "/home/alice/docs")
        assert "/home/alice/docs" in stopped.status(unit)


def test_a_root_that_cannot_be_mounted_keeps_it_down(stopped: Activated) -> None:
    root = stopped.sandbox("review").root
    gone = partial(is_no_mount, stopped.host, root)
    stopped.host.run("mkdir", "-p", root)
    stopped.host.wait_for(gone, f"no {root}")
    with away(stopped, root):
        stopped.host.run("ln", "-s", "/srv", root)
        stopped.refuses("review", "needs forage-prepare@review.service", "is a symbolic link")
    assert stopped.running("review").state() == "running"


def test_without_a_network_namespace_it_is_down(stopped: Activated) -> None:
    place = f"/run/netns/{stopped.sandbox('review').netns}"
    stopped.host.wait_for(partial(is_no_mount, stopped.host, place), f"no {place}")
    stopped.host.run("mkdir", "-p", place)
    stopped.refuses("review", "needs forage-netns@review.service", place)
    stopped.host.run("rmdir", place)
    assert stopped.running("review").state() == "running"


def test_without_limits_for_its_users_it_stays_down(stopped: Activated) -> None:
    stopped.edit("libexec/forage-limits", "#!/bin/sh\necho no limits >&2\nexit 1\n")
    stopped.start("coder")
    stopped.host.wait_for(lambda: not stopped.active("coder"), "it has stopped")
    assert "no limits" in stopped.host.journal("forage-limits@coder.service")


def test_the_system_inside_waits_for_the_limits(stopped: Activated) -> None:
    # One that ends well, and has done nothing.
    stopped.edit("libexec/forage-limits", "#!/bin/sh\nexit 0\n")
    unit = stopped.sandbox("coder").unit
    done = f"{stopped.sandbox('coder').workspace.source}/started-in"  # by its init commands
    stopped.host.run("rm", "-f", done)
    stopped.host.run("systemctl", "start", "--no-block", unit)
    stopped.host.wait_for(
        lambda: "Wait for the limits" in stopped.host.journal(unit), "the system inside waits"
    )
    assert not stopped.active("coder")
    assert stopped.host.run("test", "-e", done, check=False).returncode


def test_settings_that_would_win_over_the_trees_keep_it_down(stopped: Activated) -> None:
    path = "/etc/systemd/nspawn/coder.nspawn"
    stopped.host.write(path, "[Exec]\nPrivateUsers=no\n")
    stopped.refuses("coder", f"AssertPathExists=!{path}")
    stopped.host.run("rm", path)


def test_missing_settings_keep_it_down(stopped: Activated) -> None:
    with away(stopped, "/etc/forage/tree/nspawn"):
        stopped.refuses("coder", "coder.nspawn")


def test_a_missing_secret_keeps_it_down(stopped: Activated) -> None:
    (secret,) = stopped.sandbox("coder").secrets
    with away(stopped, secret.source):
        stopped.refuses("coder", f"AssertPathExists={secret.source}")
    assert stopped.running("coder").state() == "running"


def test_a_missing_guest_keeps_it_down(stopped: Activated) -> None:
    stopped.refuses("nixos", "/etc/forage/systems/nixos")


def test_without_the_firewall_running_sandboxes_stop(stopped: Activated) -> None:
    stopped.running("coder")
    stopped.running("review")
    stopped.host.run("systemctl", "stop", FIREWALL)
    assert not stopped.active("coder")
    assert stopped.active("review")
    assert "forage" not in stopped.host.run("nft", "list", "tables").stdout


def test_a_broken_reload_leaves_the_old_rules(stopped: Activated) -> None:
    stopped.running("coder")
    stopped.edit("nftables/forage.nft", "broken\n")
    reload = stopped.host.run("systemctl", "reload", FIREWALL, check=False)
    assert reload.returncode
    assert "forage" in stopped.host.run("nft", "list", "tables").stdout
    assert stopped.active("coder")
