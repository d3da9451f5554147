from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from forage_gen.values.capabilities import OFFERED
from tests.read.projects import FORAGE, finding, resolved

if TYPE_CHECKING:
    from pathlib import Path

    from forage_gen.resolve import plan as p


def template(tmp_path: Path, isolation: str) -> p.Template:
    files = {"forage.toml": FORAGE, "templates/web.toml": f"[isolation]\n{isolation}\n"}
    return next(t for t in resolved(tmp_path, files).plan.templates if t.name == "web")


def test_what_a_booted_system_does_without_is_dropped(tmp_path: Path) -> None:
    assert set(template(tmp_path, "").capabilities_dropped) == OFFERED.keys()


def test_what_is_named_is_kept(tmp_path: Path) -> None:
    held = template(tmp_path, 'capabilities = ["CAP_SYS_PTRACE"]')
    assert set(held.capabilities_dropped) == OFFERED.keys() - {"CAP_SYS_PTRACE"}


@pytest.mark.parametrize(
    ("isolation", "allowed"),
    [
        ("", True),
        ('syscallFilter = "strict"', False),
        ('syscallFilter = "strict"\nuserNamespaces = true', True),
        ("userNamespaces = false", False),
        ('syscallFilter = ["~ptrace"]', True),
        ("privateUsers = false", True),
    ],
)
def test_user_namespaces(tmp_path: Path, isolation: str, allowed: object) -> None:
    held = template(tmp_path, isolation)
    assert held.user_namespaces is allowed


@pytest.mark.parametrize(
    ("isolation", "key"),
    [("userNamespaces = false", "false"), ('syscallFilter = "strict"', '"strict"')],
)
def test_a_nix_daemon_takes_user_namespaces(tmp_path: Path, isolation: str, key: str) -> None:
    text = f"nixDaemon = true\n[isolation]\n{isolation}\n"
    found = finding(tmp_path, {"forage.toml": FORAGE, "templates/web.toml": text})
    assert found.code == "nix-daemon-without-namespaces"
    assert found.location.line == 3
    assert key in isolation
    assert "`nixDaemon = false`" in (found.hint or "")


@pytest.mark.parametrize(
    ("isolation", "key"),
    [
        ('syscallFilter = "strict"\nprivateUsers = false', '"strict"'),
        ("userNamespaces = false\nprivateUsers = false", "false"),
    ],
)
def test_the_limit_of_namespaces_is_not_the_hosts(tmp_path: Path, isolation: str, key: str) -> None:
    files = {"forage.toml": FORAGE, "templates/web.toml": f"[isolation]\n{isolation}\n"}
    found = finding(tmp_path, files)
    assert found.code == "namespaces-of-host"
    assert found.location.line == 2
    assert key in isolation.splitlines()[0]
    assert "`privateUsers = true`" in (found.hint or "")


def test_a_capability_without_effect_is_refused(tmp_path: Path) -> None:
    text = '[isolation]\ncapabilities = ["CAP_SETFCAP", "CAP_NET_RAW"]\n'
    found = finding(tmp_path, {"forage.toml": FORAGE, "templates/web.toml": text})
    assert found.code == "capability-without-effect"
    assert "`CAP_NET_RAW`" in found.message


def test_without_a_user_namespace_every_capability_has_an_effect(tmp_path: Path) -> None:
    held = template(tmp_path, 'privateUsers = false\ncapabilities = ["CAP_NET_RAW"]')
    assert "CAP_NET_RAW" not in held.capabilities_dropped
