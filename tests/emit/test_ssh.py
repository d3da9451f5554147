"""An SSH key that stays on the host, and how units read secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from forage_gen.check.lint import lint
from forage_gen.emit.emit import emit
from forage_gen.explain import in_words
from tests.read.projects import resolved

if TYPE_CHECKING:
    from pathlib import Path

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEKDIhUq9XsgnrdApUJU8CAkpv9LUdpAv+ec93L4x+uE"
PROJECT = """\
user = "alice"
[secrets]
deploy = "/run/secrets/deploy"
anthropic = "/etc/credstore.encrypted/anthropic"
[sandboxes.app]
template = "claude"
workspace = "~/app"
"""
TEMPLATE = f"""\
network = "restricted"
allowedHosts = ["github.com:22", "code.example.org:2222"]
[agents.claude]
package = "claude-code"
secretName = "anthropic"
auth = "wrapper"
[agentIdentity]
sshSecretName = "deploy"
sshHosts = ["git@github.com", "git@code.example.org:2222"]
knownHosts = ["github.com {KEY}", "[code.example.org]:2222 {KEY}"]
"""
DROP_IN = "systemd/system/systemd-nspawn@app.service.d/forage.conf"
AGENT = "systemd/system/forage-ssh-agent@app.service.d/forage.conf"


def emitted(root: Path, project: str = PROJECT) -> tuple[dict[str, str], str]:
    """The files of the project, and how it is explained."""
    made = resolved(root, {"forage.toml": project, "templates/claude.toml": TEMPLATE})
    files = {each.path: each.content.decode() for each in emit(made.plan)}
    return files, in_words(made.plan.sandboxes[0], made)


def test_the_key_is_read_by_its_own_unit_alone(tmp_path: Path) -> None:
    files, words = emitted(tmp_path)
    assert "LoadCredential=deploy:/run/secrets/deploy\n" in files[AGENT]
    named = [path for path, text in files.items() if "/run/secrets/deploy" in text]
    assert named == [AGENT]
    assert "\nsecrets=(anthropic)\n" in files["sandboxes/app.conf"]
    assert "Requires=forage-ssh-agent@app.service\nAfter=" in files[DROP_IN]
    assert "logs in to git@github.com, git@code.example.org:2222 and nowhere else" in words
    assert "which stays there" in words


def test_hosts_at_another_port_need_none_to_be_written(tmp_path: Path) -> None:
    files, _ = emitted(tmp_path)
    config = files["guests/claude/root/etc/ssh/ssh_config.d/forage.conf"]
    blocks = dict(block.split("\n", 1) for block in config.split("Host ")[1:])
    assert "Port 2222" in blocks["code.example.org"]
    assert "Port" not in blocks["github.com"]
    known = files["guests/claude/root/etc/ssh/forage_known_hosts"]
    assert known.splitlines()[1:] == [f"github.com {KEY}", f"[code.example.org]:2222 {KEY}"]
    facts = files["sandboxes/app.conf"]
    assert "git@github.com" in facts
    assert "git@[code.example.org]:2222" in facts


def test_another_place_of_the_key_restarts_its_sandbox(tmp_path: Path) -> None:
    def digest(project: str) -> str:
        text = emitted(tmp_path / str(len(project)), project)[0][DROP_IN]
        return text.partition("X-Restart-Triggers=")[2].partition("\n")[0]

    assert digest(PROJECT) != digest(PROJECT.replace("secrets/deploy", "secrets/deploy-2"))


@pytest.mark.parametrize(
    ("path", "setting"),
    [
        ("/etc/credstore.encrypted/anthropic", "LoadCredentialEncrypted"),
        ("/run/credstore.encrypted/a/b.cred", "LoadCredentialEncrypted"),
        ("/etc/credstore/anthropic", "LoadCredential"),
        ("/etc/credstore.encrypted2/anthropic", "LoadCredential"),
    ],
)
def test_what_systemd_encrypted_is_decrypted(tmp_path: Path, path: str, setting: str) -> None:
    files, _ = emitted(tmp_path, PROJECT.replace("/etc/credstore.encrypted/anthropic", path))
    assert f"\n{setting}=anthropic:{path}\n" in files[DROP_IN]


def test_the_key_is_not_unused(tmp_path: Path) -> None:
    made = resolved(tmp_path, {"forage.toml": PROJECT, "templates/claude.toml": TEMPLATE})
    assert "unused-secret" not in {found.code for found in lint(made)}
