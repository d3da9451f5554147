"""Runs a command, and turns what can go wrong into messages and exit codes."""

from __future__ import annotations

import os
import sys
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING

from forage_gen import __version__
from forage_gen.cli.arguments import parser
from forage_gen.diagnostics import EnvironmentFailureError, InvalidProjectError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence


class Exit(IntEnum):
    """Exit codes. They are part of the interface."""

    DONE = 0
    FOUND = 1
    INVALID = 2
    ENVIRONMENT = 3


def run(arguments: Sequence[str]) -> int:
    """Run one command line.

    Returns:
        The exit code.
    """
    top = parser()
    options = top.parse_args(arguments)
    if options.version:
        sys.stdout.write(f"forage-gen {__version__}\n")
    elif options.command is None:
        top.print_help()
    else:
        return _run(_command(options.command), options)
    return Exit.DONE


def _run(command: Callable[[argparse.Namespace], int], options: argparse.Namespace) -> int:
    try:
        return command(options)
    except InvalidProjectError as failure:
        return _report_invalid(failure, options)
    except EnvironmentFailureError as failure:
        return _fail(failure.message, failure.hint)
    except BrokenPipeError:
        # Whoever read the output has enough of it, such as `head`.
        sys.stderr.close()
        return Exit.DONE
    except KeyboardInterrupt:
        return _fail("Interrupted.", "Nothing was changed; run the command again.")
    except Exception as bug:  # no traceback reaches a user who did not ask
        if "FORAGE_TRACEBACK" in os.environ:
            raise
        return _fail(
            f"This is a bug in forage-gen {__version__}: {type(bug).__name__}: {bug}",
            "Please report it, with what FORAGE_TRACEBACK=1 prints.",
        )


def _command(name: str) -> Callable[[argparse.Namespace], int]:
    # Imported here: a command pays only for what it uses.
    if name == "build":
        from forage_gen.cli.build import build  # noqa: PLC0415

        return build
    if name == "import":
        from forage_gen.cli.import_command import import_  # noqa: PLC0415

        return import_
    if name == "lock":
        from forage_gen.cli.lock import lock  # noqa: PLC0415

        return lock
    from forage_gen.cli import commands  # noqa: PLC0415

    return commands.COMMANDS[name]


def _report_invalid(failure: InvalidProjectError, options: argparse.Namespace) -> int:
    from forage_gen.cli.output import from_here, show_findings  # noqa: PLC0415

    found = from_here(failure.diagnostics, getattr(options, "directory", Path()))
    show_findings(found, getattr(options, "format", "text"))
    return Exit.INVALID


def _fail(message: str, hint: str) -> int:
    sys.stderr.write(f"forage-gen: {message}\n{hint}\n")
    return Exit.ENVIRONMENT
