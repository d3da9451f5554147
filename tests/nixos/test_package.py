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

    assert set(paths("sources")) == needed


def paths(name: str) -> list[str]:
    listed = re.search(rf" {name} = \[(.*?)\];", PACKAGE, re.DOTALL)
    assert listed
    return [word.removeprefix("../") for word in listed[1].split()]


def test_the_check_has_the_tests_and_what_they_need() -> None:
    needs = {word.removeprefix("python3Packages.") for word in paths("nativeCheckInputs")}
    sources = paths("testSources")

    assert needs - {"git", "gnupatch", "jq", "openssh"} <= names(
        PROJECT["project"]["optional-dependencies"]["dev"]
    )
    assert all((REPOSITORY / source).exists() for source in sources)
    for directory in paths("testDirectories"):
        name = directory.strip('"')
        assert list((REPOSITORY / "tests" / name).glob("test_*.py")), name


def test_the_shell_has_what_the_tests_need() -> None:
    listed = re.search(r" packages = \[(.*?)\];", SHELL, re.DOTALL)

    assert listed
    assert names(PROJECT["project"]["optional-dependencies"]["dev"]) <= {
        word.removeprefix("python3Packages.") for word in listed[1].split()
    }
