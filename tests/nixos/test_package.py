"""The Nix package says again what pyproject.toml says; here is that both say the same."""

from __future__ import annotations

import re
import tomllib

from tests.nixos.nix import REPOSITORY

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
PACKAGE = (REPOSITORY / "nix/package.nix").read_text()
SHELL = (REPOSITORY / "nix/shell.nix").read_text()


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[^\w-]", requirement, maxsplit=1)[0] for requirement in requirements}


def test_the_package_has_the_dependencies() -> None:
    listed = re.search(r" dependencies = \[(.*?)\];", PACKAGE, re.DOTALL)

    assert listed
    assert {word.split(".")[-1] for word in listed[1].split()} == names(
        PROJECT["project"]["dependencies"]
    )


def test_the_package_has_the_sources() -> None:
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {
        "pyproject.toml",
        PROJECT["project"]["readme"],
        *PROJECT["project"]["license-files"],
        *wheel["packages"],
        *wheel.get("force-include", ()),
    }

    assert set(re.findall(r"^ +\.\./(\S+)$", PACKAGE, re.MULTILINE)) == needed


def test_the_shell_has_what_the_tests_need() -> None:
    listed = re.search(r" packages = \[(.*?)\];", SHELL, re.DOTALL)

    assert listed
    assert names(PROJECT["project"]["optional-dependencies"]["dev"]) <= {
        word.removeprefix("python3Packages.") for word in listed[1].split()
    }
