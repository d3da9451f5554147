"""`nixos-rebuild switch` restarts what has changed, reloads what can be, and leaves the rest.

It is NixOS's own switch-to-configuration that runs here, between two systems whose units are
those of two states of a project. What NixOS makes around them is left out.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from forage_gen.emit.emit import emit
from tests.host.activate import PROJECT, compile_project, make_owner
from tests.host.probes import REFUSED, fetch
from tests.requirements import TEST_HOST, require, require_nixpkgs
from tests.testhost.host import TestHost
from tests.testhost.internet import Internet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forage_gen.resolve.plan import Plan

SCRIPT = "nixos/modules/system/activation/switch-to-configuration.pl"
SYSTEMS = "/srv/systems"
# What the test host has of its own, and each system with it.
DEBIAN = "/srv/debian-units"
SUBSTITUTED = {
    "coreutils": "/usr",
    "distroId": "nixos",
    "installBootLoader": "/usr/bin/true",
    "localeArchive": "",
    "perl": "/usr",
    "shell": "/bin/sh",
    "su": "/usr/bin/su",
    "systemd": "/usr",
    "utillinux": "/usr",
}
ACTIVATE = """\
#!/bin/bash
set -euo pipefail
new=$1
old=$(readlink /run/current-system || true)
if [[ -n $old ]]; then
  (cd "$old/etc/systemd/system" && find . -type f -print0) |
    (cd /etc/systemd/system && xargs -0 rm -f)
fi
cp -rT "$new/etc/systemd/system" /etc/systemd/system
find /etc/systemd/system -type d -empty -delete
mkdir -p /etc/forage
ln -sfn "$new/tree" /etc/forage/tree
ln -sfn "$new" /run/current-system
"""
# As nixos-module/default.nix writes it.
GUEST = """\
[Unit]
Description=System inside the sandboxes from template {template}
X-Restart-Triggers={system}
[Service]
ExecStart=true
RemainAfterExit=true
Type=oneshot
X-StopIfChanged=false
"""
SANDBOXES = ("coder", "neighbour", "research", "review")


class NixOS:
    """A test host that switches from one system to the next."""

    def __init__(self, host: TestHost, work: Path) -> None:
        self.host = host
        self.work = work
        self.generation = 0

    def switch(self, *edits: tuple[str, str, str], system: str = "one") -> str:
        """Switch to the project with these texts replaced; return what NixOS said."""
        self.generation += 1
        project = self.work / str(self.generation)
        shutil.copytree(PROJECT, project)
        for name, old, new in edits:
            text = (project / name).read_text()
            assert old in text, old
            (project / name).write_text(text.replace(old, new))
        top = self.install(compile_project(project), system)
        # NixOS says "status 4" when a unit fails.
        done = self.host.run(f"{top}/bin/switch-to-configuration", "test", check=False, timeout=180)
        assert done.returncode == 0, done.stdout + done.stderr
        # What a restart of a template's system entails, NixOS does not wait for.
        jobs = ("systemctl", "list-jobs", "--no-legend")
        self.host.wait_for(lambda: not self.host.run(*jobs).stdout.strip(), "no job", timeout=60)
        return done.stderr

    def install(self, plan: Plan, system: str) -> str:
        top = f"{SYSTEMS}/{self.generation}"
        units = f"{top}/etc/systemd/system"
        for artifact in emit(plan):
            mode = 0o755 if artifact.executable else 0o644
            content = artifact.content.decode()
            self.host.write(f"{top}/tree/{artifact.path}", content, mode=mode)
            if artifact.path.startswith("systemd/system/"):
                self.host.write(f"{top}/etc/{artifact.path}", content)
        for template in plan.templates:
            unit = GUEST.format(template=template.name, system=system)
            self.host.write(f"{units}/forage-guest@{template.name}.service", unit)
        self.host.write(f"{units}/sysinit-reactivation.target", "[Unit]\nDescription=Again\n")
        self.host.write(f"{top}/activate", ACTIVATE, mode=0o755)
        self.host.write(f"{top}/init-interface-version", "1")
        script = (Path(require_nixpkgs()) / SCRIPT).read_text()
        for name, value in {**SUBSTITUTED, "out": top, "toplevel": top}.items():
            script = script.replace(f"@{name}@", value)
        self.host.write(f"{top}/bin/switch-to-configuration", script, mode=0o755)
        self.host.sh(f"""
            [[ -e {DEBIAN} ]] || cp -a /etc/systemd/system {DEBIAN}
            cp -a --update=none {DEBIAN}/. {units}/
            cp /usr/lib/systemd/system/{{multi-user.target,systemd-nspawn@.service}} {units}/
            ln -s /etc/systemd/system.conf {top}/etc/systemd/system.conf
            mkdir -p {top}/sw && ln -s /usr/bin {top}/sw/bin
            # The module has it among NixOS's users.
            systemd-sysusers {top}/tree/systemd/sysusers.d/forage.conf
        """)
        return top

    def starts(self, *units: str) -> dict[str, str]:
        """Tell one start of a unit from another; empty for one that does not run."""
        names = [*(f"systemd-nspawn@{name}.service" for name in SANDBOXES), *units]
        show = ("systemctl", "show", "--property=InvocationID", "--value")
        return {name: self.host.run(*show, name).stdout.strip() for name in names}


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    """The units that have been started, or stopped, meanwhile; sandboxes by their names."""
    return {
        name.removeprefix("systemd-nspawn@").removesuffix(".service")
        for name in before
        if before[name] != after[name]
    }


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[NixOS, Internet]]:
    """A host of its own: a switch replaces all of its units."""
    require_nixpkgs()
    require(*TEST_HOST)
    with TestHost() as host, Internet(host) as internet:
        for name, address in (("allowed", "198.18.1.10"), ("other", "198.18.1.15")):
            internet.record(f"{name}.example.net", address)
            internet.serve(address, 80, address)
        host.write("/etc/NIXOS", "")
        make_owner(host, compile_project())
        host.run("nix-store", "--init")
        yield NixOS(host, tmp_path_factory.mktemp("projects")), internet


@pytest.fixture
def nixos(machine: tuple[NixOS, Internet]) -> NixOS:
    """The machine with the unchanged project, and four sandboxes that run."""
    nixos, _ = machine
    if nixos.generation == 0:
        nixos.host.run("systemctl", "daemon-reload")
        top = nixos.install(compile_project(), "one")
        nixos.host.sh(f"ln -sfn {top} /run/current-system; {top}/activate {top}")
        nixos.host.run("systemctl", "daemon-reload")
    nixos.switch()
    for name in SANDBOXES:
        nixos.host.run("systemctl", "start", f"systemd-nspawn@{name}.service")
        nixos.host.sandbox(name).await_running()
    return nixos


CODER = "templates/coder.toml"
SHARED = ("forage-firewall.service", "forage-upstream.service", "forage-questions.service")


def test_nothing_changed_nothing_happens(nixos: NixOS) -> None:
    before = nixos.starts(*SHARED, "forage-resolver@coder.service")
    said = nixos.switch()
    assert changed(before, nixos.starts(*before)) == set()
    assert "forage" not in said.replace("forage.target", "")


def test_another_list_of_hosts_is_loaded_in_place(nixos: NixOS) -> None:
    coder = nixos.host.sandbox("coder")
    assert fetch(coder, "other.example.net") == REFUSED
    assert fetch(coder, "allowed.example.net") == "198.18.1.10"
    before = nixos.starts(*SHARED)
    said = nixos.switch((CODER, '"allowed.example.net"', '"other.example.net"'))
    assert changed(before, nixos.starts(*before)) == set()
    assert "reloading the following units" in said
    nixos.host.wait_for(lambda: fetch(coder, "other.example.net") == "198.18.1.15", "it is reached")
    assert fetch(coder, "allowed.example.net") == REFUSED


def test_another_limit_restarts_the_sandboxes_of_that_template(nixos: NixOS) -> None:
    before = nixos.starts(*SHARED)
    nixos.switch((CODER, 'extends = "base"', 'extends = "base"\nresourceLimits.tasksMax = 190'))
    assert changed(before, nixos.starts(*before)) == {"coder"}
    assert nixos.host.sandbox("coder").state() == "running"


def test_so_does_a_file_inside(nixos: NixOS) -> None:
    before = nixos.starts(*SHARED)
    nixos.switch(
        ("templates/research.toml", "nixDaemon", 'agentIdentity.gitUser = "Somebody"\nnixDaemon')
    )
    assert changed(before, nixos.starts(*before)) == {"research", "neighbour"}


def test_so_does_another_system(nixos: NixOS) -> None:
    before = nixos.starts(*SHARED)
    nixos.switch(system="two")
    assert changed(before, nixos.starts(*before)) == set(SANDBOXES)
    for name in SANDBOXES:
        nixos.host.sandbox(name).await_running()


def test_a_sandbox_that_wants_to_stay_stays(nixos: NixOS) -> None:
    stays = ("forage.toml", "autoStart = true", "autoStart = true\nrestartIfChanged = false")
    nixos.switch(stays)
    before = nixos.starts(*SHARED)
    more = (CODER, 'extends = "base"', 'extends = "base"\nresourceLimits.tasksMax = 190')
    said = nixos.switch(stays, more, system="two")
    assert "coder" not in changed(before, nixos.starts(*before))
    assert "NOT restarting the following changed units: systemd-nspawn@coder.service" in said


def test_a_new_sandbox_disturbs_no_other(nixos: NixOS) -> None:
    before = nixos.starts(*SHARED)
    added = '[sandboxes.added]\ntemplate = "review"\nworkspace = "~/projects/coder"\n\n'
    nixos.switch(("forage.toml", "[sandboxes.coder]", f"{added}[sandboxes.coder]"))
    assert changed(before, nixos.starts(*before)) == set()
    nixos.host.run("systemctl", "start", "systemd-nspawn@added.service")
    nixos.host.run("systemctl", "stop", "systemd-nspawn@added.service")


def test_a_removed_sandbox_stops_and_is_not_started_without_its_fence(nixos: NixOS) -> None:
    text = (PROJECT / "forage.toml").read_text()
    start = text.index("[sandboxes.review]")
    gone = text[start : text.index("[", start + 1)]
    before = nixos.starts(*SHARED)
    nixos.switch(("forage.toml", gone, ""))
    assert changed(before, nixos.starts(*before)) == {"review"}
    unit = "systemd-nspawn@review.service"
    assert nixos.host.run("systemctl", "is-active", unit, check=False).stdout == "inactive\n"
    nixos.host.run("systemctl", "start", unit)
    assert nixos.host.run("systemctl", "is-active", unit, check=False).stdout == "inactive\n"
    assert "review" not in nixos.host.run("machinectl", "list", "--no-legend").stdout
