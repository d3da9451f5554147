"""Puts a project onto the test host, as an administrator of a plain distribution would."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from forage_gen.emit.emit import emit
from forage_gen.emit.facts import manifest_facts
from forage_gen.read.load import load
from forage_gen.resolve.resolve import resolve
from forage_gen.values.secrets import is_encrypted
from forage_gen.write import manifest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from forage_gen.artifact import Artifact
    from forage_gen.resolve import plan as p
    from forage_gen.resolve.plan import Plan
    from tests.testhost.host import Completed, Sandbox, TestHost

PROJECT = Path(__file__).parent / "project"

# Where the tree was put; /etc/forage/tree is a link to it, so that it can be exchanged whole.
TREE = "/srv/forage/tree"

MEND_TIMER = "forage-mend.timer"
_NEVER = f"/run/systemd/system/{MEND_TIMER}.d/never.conf"

# Copies, not links: systemd reads no unit through a directory that may be gone at boot.
_INSTALL = """
mkdir -p /etc/forage
ln -sfn "$1" /etc/forage/tree
cp -rT --no-preserve=mode /etc/forage/tree/systemd/system /etc/systemd/system
systemd-sysusers /etc/forage/tree/systemd/sysusers.d/forage.conf
systemctl daemon-reload
"""


def compile_project(project: Path = PROJECT) -> Plan:
    """Read and resolve a project: what the generator knows before it writes."""
    return resolve(load(project)).plan


def activate(host: TestHost, plan: Plan) -> None:
    """Write the plan's tree to the host and make its units known to systemd."""
    made = emit(plan)
    write_tree(host, made)
    facts = manifest.render(made, version="0", inputs={}, facts=manifest_facts(plan))
    host.write(f"{TREE}/{manifest.NAME}", facts.decode())
    install(host, TREE)


def install(host: TestHost, tree: str) -> None:
    """Link a tree that is on the host where its units look for it, and load these."""
    host.sh(_INSTALL, tree)


def write_tree(host: TestHost, artifacts: Iterable[Artifact]) -> None:
    """Write files as the generator does: no mode but whether one may be executed."""
    for artifact in artifacts:
        mode = 0o755 if artifact.executable else 0o644
        host.write(f"{TREE}/{artifact.path}", artifact.content.decode(), mode=mode)


def make_owner(host: TestHost, plan: Plan) -> None:
    """Make the user who owns the workspaces, the workspaces, mounts and key files."""
    owner = plan.owner
    host.run("useradd", f"--uid={owner.uid}", f"--gid={owner.gid}", "--create-home", owner.name)
    binds = [bind for s in plan.sandboxes for bind in (s.workspace, *s.mounts)]
    for source in sorted({bind.source for bind in binds}):
        host.run("runuser", "-u", owner.name, "--", "mkdir", "-p", source)
    secrets = {secret for sandbox in plan.sandboxes for secret in sandbox.secrets}
    for name, source in sorted((s.name, s.source) for s in secrets.union(plan.api_secrets)):
        write_secret(host, name, source, f"key-of-{name}\n")
    for source in sorted({box.ssh_key.source for box in plan.sandboxes if box.ssh_key}):
        make_ssh_key(host, source)


def write_secret(host: TestHost, name: str, source: str, content: str) -> None:
    """Write the file of a secret, encrypted where systemd decrypts it."""
    if not is_encrypted(source):
        host.write(source, content, mode=0o600)
        return
    host.run("mkdir", "-p", source.rpartition("/")[0])
    encrypt = ("systemd-creds", "encrypt", "--with-key=host", f"--name={name}", "-", source)
    host.run(*encrypt, input=content)


def make_ssh_key(host: TestHost, source: str) -> None:
    """Make a private key, and its public one beside it."""
    host.run("mkdir", "-p", source.rpartition("/")[0])
    host.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "deploy", "-f", source)


@dataclass(frozen=True)
class Activated:
    """An activated project."""

    host: TestHost
    plan: Plan
    edited: list[str] = field(default_factory=list)

    def sandbox(self, name: str) -> p.Sandbox:
        """What the plan decided about a sandbox."""
        return next(sandbox for sandbox in self.plan.sandboxes if sandbox.name == name)

    def start(self, name: str) -> Completed:
        """Try to start a sandbox by its stock unit."""
        return self.host.run("systemctl", "start", self.sandbox(name).unit, check=False)

    def refuses(self, name: str, *reasons: str) -> None:
        """Check that the sandbox does not start, and that its own status says why."""
        assert self.start(name).returncode
        assert not self.active(name)
        assert self.host.run("machinectl", "status", name, check=False).returncode

        def told() -> bool:
            status = self.status(self.sandbox(name).unit)
            return all(reason in status for reason in reasons)

        # What keeps it down may be in the unit of another part. It is told just after that.
        self.host.wait_for(told, f"{name} says {', '.join(reasons)}")
        # What is being told already is not told of the next start.
        teller = ("systemctl", "show", "--property=ActiveState", f"forage-reason@{name}.service")
        self.host.wait_for(
            lambda: "=activating" not in self.host.run(*teller).stdout, "all is told", timeout=30
        )

    def stop(self, name: str) -> None:
        """Stop a sandbox."""
        self.host.run("systemctl", "stop", self.sandbox(name).unit)

    def property(self, name: str, key: str) -> str:
        """What systemd says of a property of the sandbox's unit."""
        show = ("systemctl", "show", self.sandbox(name).unit, f"--property={key}", "--value")
        return self.host.run(*show).stdout.removesuffix("\n")

    def stop_all(self) -> None:
        """Stop every sandbox and what they share."""
        self.host.run("systemctl", "stop", *(s.unit for s in self.plan.sandboxes))
        self.host.run("systemctl", "stop", "forage-firewall.service", "forage-upstream.service")

    def running(self, name: str) -> Sandbox:
        """Start the sandbox unless it runs, and wait for the system inside."""
        self.host.run("systemctl", "start", self.sandbox(name).unit)
        sandbox = self.host.sandbox(name)
        sandbox.await_running()
        return sandbox

    def fresh(self, name: str) -> Sandbox:
        """Start the sandbox afresh."""
        self.stop(name)
        return self.running(name)

    def status(self, unit: str) -> str:
        """What an administrator reads who asks why a unit does not run."""
        argv = ("systemctl", "--no-pager", "--full", "status", unit)
        return self.host.run(*argv, check=False).stdout

    def active(self, name: str) -> bool:
        """Whether the sandbox's unit is active."""
        argv = ("systemctl", "is-active", self.sandbox(name).unit)
        return self.host.run(*argv, check=False).stdout.strip() == "active"

    def edit(self, path: str, text: str) -> None:
        """Replace a file of the tree until the end of the test."""
        self.edited.append(path)
        mode = 0o755 if text.startswith("#!") else 0o644
        self.host.write(f"{TREE}/{path}", text, mode=mode)

    def mend_by_itself(self, *, on: bool) -> None:
        """Have the fence loaded again by itself, or not.

        A file in /etc counts more than a mask of this boot, and a drop-in more than both.
        """
        if on:
            self.host.run("rm", "--recursive", _NEVER.rpartition("/")[0])
        else:
            self.host.write(_NEVER, "[Unit]\nConditionPathExists=/never\n")
        self.host.run("systemctl", "daemon-reload")
        self.host.run("systemctl", "start" if on else "stop", MEND_TIMER)

    def mend(self) -> None:
        """Bring the tree back to what was generated, and forget failures."""
        if self.edited:
            write_tree(self.host, (a for a in emit(self.plan) if a.path in self.edited))
            self.edited.clear()
        self.host.run("systemctl", "reset-failed")
