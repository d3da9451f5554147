"""The command line's grammar."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # What add_subparsers returns has no public name, and is generic for checkers only.
    from argparse import _SubParsersAction

    _Commands = _SubParsersAction[argparse.ArgumentParser]

FORMATS = ("text", "json", "sarif", "github")
LEVELS = ("info", "warning")
_DAY = 86400.0


def parser() -> argparse.ArgumentParser:
    """Make the parser. Each command's name is in `command`."""
    top = argparse.ArgumentParser(
        prog="forage-gen",
        description="Compiles sandbox templates for AI agents into NixOS configuration.",
    )
    top.add_argument("--version", action="store_true", help="print the version and stop")
    commands = top.add_subparsers(dest="command", metavar="COMMAND")

    init = _command(commands, "init", "write a starter project that builds as it is")
    _directory(init)

    build = _command(commands, "build", "compile the project, all or nothing")
    _directory(build)
    _out(build)
    _format(build)

    check = _command(
        commands, "check", "validate, lint, and say whether the tree is what a build would write"
    )
    _directory(check)
    _out(check)
    _format(check)
    check.add_argument(
        "--level",
        choices=LEVELS,
        default="warning",
        help="the lowest level of finding that makes the exit code 1 (default: %(default)s)",
    )
    check.add_argument(
        "--no-tree", action="store_true", help="do not compare the tree: validate and lint only"
    )

    diff = _command(commands, "diff", "show what a build would change, as a unified diff")
    _directory(diff)
    _out(diff)

    explain = _command(
        commands, "explain", "say what a sandbox's agent can read, write, reach and spend"
    )
    explain.add_argument("directory", nargs="?", type=Path, default=Path(), metavar="DIR")
    explain.add_argument("sandbox", metavar="SANDBOX")
    explain.add_argument("--json", action="store_true", help="everything, with its origin, as JSON")

    importing = _command(commands, "import", "convert a template of firefly-forage's")
    importing.add_argument("file", type=Path, metavar="FILE.json", help="the template's JSON")
    importing.add_argument(
        "-o",
        "--out",
        dest="project",
        type=Path,
        metavar="DIR",
        help="write DIR/templates/NAME.toml (default: print it)",
    )
    importing.add_argument(
        "--force", action="store_true", help="replace the file if it is there already"
    )
    lock = _command(
        commands, "lock", "fetch the sources that are new or changed, and pin them in forage.lock"
    )
    _directory(lock)
    what = lock.add_mutually_exclusive_group()
    what.add_argument(
        "--hosts",
        action="store_true",
        help='instead, look up the names of templates with `resolve = "build"`',
    )
    what.add_argument(
        "--update",
        action="append",
        default=[],
        metavar="NAME",
        help="fetch this source again: a git ref moves on, anything else must be as it was",
    )
    lock.add_argument(
        "--timeout",
        type=_seconds,
        default=600.0,
        metavar="SECONDS",
        help="how long each source may take (default: 600)",
    )

    schema = _command(commands, "schema", "print the JSON Schema of a file, for editors")
    schema.add_argument("file", nargs="?", choices=("forage", "template"), default="forage")
    return top


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _DAY:
        message = f"{text!r} is no number of seconds from 0 to {_DAY:g}"
        raise argparse.ArgumentTypeError(message)
    return seconds


def _command(commands: _Commands, name: str, summary: str) -> argparse.ArgumentParser:
    return commands.add_parser(name, help=summary, description=f"{summary.capitalize()}.")


def _directory(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "directory",
        nargs="?",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="the project's directory (default: the current one)",
    )


def _out(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "-o", "--out", type=Path, metavar="OUT", help="the tree (default: DIR/generated)"
    )


def _format(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--format", choices=FORMATS, default="text", help="of the findings (default: %(default)s)"
    )


def tree_of(options: argparse.Namespace) -> Path:
    """Where the tree is: OUT, or `generated` in the project."""
    out: Path | None = options.out
    directory: Path = options.directory
    return directory / "generated" if out is None else out
