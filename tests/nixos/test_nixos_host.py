"""The example repositories of a host evaluate, as flakes, with each secret manager.

The secret managers are stand-ins that declare their options and do nothing. To evaluate
with the real ones, name their checkouts: FORAGE_SOPS_NIX=/path FORAGE_AGENIX=/path. The
encrypted files, which the examples cannot have, are empty files here. No host is built.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.nixos.nix import HERE, JSON, REPOSITORY
from tests.nixos.test_flake import NIX, OURS, SOURCES
from tests.requirements import require, require_nixpkgs

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLES = REPOSITORY / "examples" / "nixos-host"


@dataclass(frozen=True)
class Manager:
    """A secret manager: its input, what names a checkout of it, its file, and its key's path."""

    name: str
    variable: str
    encrypted: str
    key: str

    @property
    def source(self) -> str:
        return os.environ.get(self.variable, str(HERE / "standins" / self.name))


MANAGERS = (
    Manager(
        "sops-nix", "FORAGE_SOPS_NIX", "secrets/secrets.yaml", "/run/secrets/anthropic-api-key"
    ),
    Manager(
        "agenix", "FORAGE_AGENIX", "secrets/anthropic-api-key.age", "/run/agenix/anthropic-api-key"
    ),
)


@pytest.fixture(params=MANAGERS, ids=lambda manager: manager.name)
def manager(request: pytest.FixtureRequest) -> Manager:
    found: Manager = request.param
    return found


@pytest.fixture(scope="module")
def forage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forage's flake without the repository's history, which Nix would copy as well."""
    require("nix")
    require_nixpkgs()
    target = tmp_path_factory.mktemp("forage")
    for name in (*OURS, *SOURCES):
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    return target


@pytest.fixture
def host(manager: Manager, tmp_path: Path) -> Path:
    """The example as its user has it, with the encrypted file."""
    copy = tmp_path / "host"
    shutil.copytree(EXAMPLES / manager.name, copy)
    (copy / manager.encrypted).parent.mkdir()
    (copy / manager.encrypted).touch()
    return copy


def overrides(manager: Manager, forage: Path) -> list[str]:
    inputs = {"nixpkgs": require_nixpkgs(), "forage": str(forage), manager.name: manager.source}
    return [
        word for name, path in inputs.items() for word in ("--override-input", name, f"path:{path}")
    ]


def evaluated(host: Path, manager: Manager, forage: Path, function: str) -> JSON:
    """What a function makes of the host's `config`."""
    finished = subprocess.run(
        [
            *(*NIX, "eval", "--json", "--no-write-lock-file"),
            *("--option", "allow-import-from-derivation", "false"),
            *overrides(manager, forage),
            f"path:{host}#nixosConfigurations.laptop.config",
            *("--apply", function),
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert finished.returncode == 0, finished.stderr
    found: JSON = json.loads(finished.stdout)
    return found


def test_the_host_evaluates_without_a_warning_and_has_its_sandboxes(
    manager: Manager, host: Path, forage: Path
) -> None:
    found = evaluated(
        host,
        manager,
        forage,
        """config: {
          inherit (config) warnings;
          failed = map (a: a.message) (builtins.filter (a: !a.assertion) config.assertions);
          sandboxes = config.services.forage.sandboxNames;
          guests = builtins.attrNames config.services.forage.guests;
          system = builtins.substring 0 11 config.system.build.toplevel.drvPath;
        }""",
    )
    assert found == {
        "warnings": [],
        "failed": [],
        "sandboxes": ["website", "website-review"],
        "guests": ["claude", "review"],
        "system": "/nix/store/",
    }


def test_the_key_is_read_where_the_manager_puts_it(
    manager: Manager, host: Path, forage: Path
) -> None:
    secrets = "age" if manager.name == "agenix" else "sops"
    found = evaluated(
        host, manager, forage, f"config: config.{secrets}.secrets.anthropic-api-key.path"
    )
    # The API proxy has it, and the sandbox never.
    unit = "forage/generated/systemd/system/forage-api-key@anthropic.service.d/forage.conf"
    assert found == manager.key
    assert f"LoadCredential=anthropic:{found}\n" in (host / unit).read_text()


def test_a_key_elsewhere_fails_the_evaluation_with_what_to_write(
    manager: Manager, host: Path, forage: Path
) -> None:
    project = host / "forage" / "forage.toml"
    project.write_text(project.read_text().replace(manager.key, "/run/secrets/other"))
    failed = evaluated(
        host,
        manager,
        forage,
        "config: map (a: a.message) (builtins.filter (a: !a.assertion) config.assertions)",
    )
    assert isinstance(failed, list)
    assert len(failed) == 1
    assert f'Write anthropic = "{manager.key}"' in str(failed[0])


def test_the_example_checks_as_a_flake(manager: Manager, host: Path, forage: Path) -> None:
    finished = subprocess.run(
        [
            *(*NIX, "flake", "check", "--no-write-lock-file"),
            *overrides(manager, forage),
            f"path:{host}",
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert finished.returncode == 0, finished.stderr
