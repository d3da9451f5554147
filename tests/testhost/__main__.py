"""python -m tests.testhost: a test host by hand. Usually called as scripts/testhost."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from tests.testhost.host import HostError, TestHost
from tests.testhost.internet import Internet

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    """Do what the command line asks for; the result is the exit status."""
    args = _parser().parse_args(argv)
    commands = {"up": _up, "run": _run, "shell": _shell, "status": _status, "down": _down}
    try:
        return commands[args.command](args)
    except HostError as error:
        sys.stderr.write(f"testhost: {error}\n")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="testhost", description="A systemd host to try things on."
    )
    parser.add_argument("--name", default="byhand", help="which one (default: %(default)s)")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="make it and boot it")
    up.add_argument("--internet", action="store_true", help="connect it to an empty internet")
    run = commands.add_parser("run", help="run a command on it as root")
    run.add_argument("argv", nargs=argparse.REMAINDER, metavar="CMD")
    commands.add_parser("shell", help="a shell on it")
    commands.add_parser("status", help="whether it runs, and which units failed")
    commands.add_parser("down", help="remove it")
    return parser


def _up(args: argparse.Namespace) -> int:
    host = TestHost(args.name)
    try:
        host.prepare()
        host.boot(detach=True)
        if args.internet:
            Internet(host).__enter__()
    except BaseException:
        host.down()
        raise
    sys.stdout.write(f"up; its root is {host.root}\n")
    return 0


def _run(args: argparse.Namespace) -> int:
    if not args.argv:
        sys.stderr.write("testhost: run what?\n")
        return 2
    return _become(args.name, *args.argv)


def _shell(args: argparse.Namespace) -> int:
    return _become(args.name, "bash", "--login")


def _become(name: str, *argv: str) -> int:
    """Turn into the command, which so has the terminal to itself."""
    terminal = {"TERM": os.environ.get("TERM", "dumb")}
    command = TestHost.attach(name).command(*argv, env=terminal)
    os.execvp(command[0], command)  # noqa: S606  # no shell is wanted


def _status(args: argparse.Namespace) -> int:
    host = TestHost.attach(args.name)
    sys.stdout.write(host.run("systemctl", "--no-pager", "status", "--lines=0").stdout)
    sys.stdout.write(host.run("systemctl", "--no-pager", "list-units", "--failed").stdout)
    return 0


def _down(args: argparse.Namespace) -> int:
    TestHost.attach(args.name).down()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
