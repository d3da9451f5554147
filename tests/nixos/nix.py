"""Evaluate and build what a NixOS host makes of a generated tree."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile

from tests.requirements import require, require_nixpkgs

HERE = Path(__file__).parent
REPOSITORY = HERE.parent.parent
FIXTURE = HERE / "fixture"

JSON = dict[str, "JSON"] | list["JSON"] | str | int | float | bool | None

# An evaluation that had to build something first would be slow, and could not be made for
# another platform; so none may.
OPTIONS = ("--option", "allow-import-from-derivation", "false")
BUILD_OPTIONS = (
    *("--option", "sandbox", "false"),  # not possible in the containers that CI runs in
    *("--option", "build-users-group", ""),
    *("--option", "substitute", "false"),  # nothing that is built here is anywhere else
)


class NixError(Exception):
    """Nix refused; the text is what it said."""


@dataclass(frozen=True)
class Evaluation:
    """A value, and what Nix said while it was found."""

    value: JSON
    said: tuple[str, ...]

    @property
    def warnings(self) -> list[str]:
        return [line for line in self.said if "evaluation warning" in line]


def text(value: str | Path) -> str:
    """A string of the Nix language."""
    return json.dumps(str(value)).replace("${", r"\${")


def path(value: Path) -> str:
    """A path of the Nix language, which may hold any byte."""
    return f"(/. + {text(value)})"


def evaluate(tree: Path, attr: str, extra_nix: str = "") -> JSON:
    """The value of `attr` on a host that imports the module and `tree`.

    `attr` is an expression in which `config`, `options`, `pkgs`, `lib` and `utils` stand for
    the host's. `extra_nix` is one more NixOS module of the host.
    """
    return evaluation(tree, attr, extra_nix).value


def evaluation(tree: Path | None, attr: str, extra_nix: str = "") -> Evaluation:
    """The same with what Nix said; without a tree, on a host that has no Forage at all."""
    return _evaluate(expression(tree, attr, extra_nix))


def expression(tree: Path | None, attr: str, extra_nix: str = "") -> str:
    """A Nix expression for `attr` of that host."""
    forage = () if tree is None else (path(REPOSITORY / "nixos-module"), path(tree))
    modules = (*forage, path(HERE / "host.nix"), f"({extra_nix or '{ }'})")
    return f"""
        let
          host = import ({path(Path(require_nixpkgs()))} + "/nixos/lib/eval-config.nix") {{
            system = builtins.currentSystem;
            modules = [ {" ".join(modules)} ];
          }};
          inherit (host) config lib options pkgs;
          inherit (host._module.args) utils;
        in
        {attr}
    """


def build(tree: Path | None, attr: str, extra_nix: str = "") -> Path:
    """Build the derivation that `attr` is on that host. Its output is text, so this is quick."""
    require("nix-build")
    finished = _run(
        "nix-build", "--no-out-link", *BUILD_OPTIONS, "-E", expression(tree, attr, extra_nix)
    )
    return Path(finished.stdout.strip())


def function_calls(expr: str) -> int:
    """How many function calls an evaluation takes: a measure that no load of the machine moves."""
    require("nix-instantiate")
    with NamedTemporaryFile() as stats:
        _run(
            *("nix-instantiate", *_EVALUATE, expr),
            NIX_SHOW_STATS="1",
            NIX_SHOW_STATS_PATH=stats.name,
        )
        calls = json.load(stats)["nrFunctionCalls"]
    assert isinstance(calls, int)
    return calls


_EVALUATE = ("--eval", "--strict", "--json", "--readonly-mode", *OPTIONS, "-E")


@cache
def _evaluate(expr: str) -> Evaluation:
    require("nix-instantiate")
    finished = _run("nix-instantiate", *_EVALUATE, expr)
    return Evaluation(json.loads(finished.stdout), tuple(finished.stderr.splitlines()))


def _run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    finished = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | environment,
        timeout=600,
    )
    if finished.returncode != 0:
        raise NixError(finished.stderr)
    return finished
