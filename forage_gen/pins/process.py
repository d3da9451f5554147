"""Runs one of Nix's prefetch tools, for a limited time."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from plumbum import CommandNotFound, local

from forage_gen.diagnostics import EnvironmentFailureError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# How long a tool that is told to stop may take to remove its temporary files.
_GRACE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that has to be there. `source` says how to get it, as a sentence."""

    name: str
    source: str


@dataclass(frozen=True, slots=True)
class Finished:
    """How a tool ended: its exit code and its output."""

    code: int
    output: str
    said: str


class TookTooLongError(Exception):
    """The tool had not ended in the time that it was given, and was stopped."""


def run(
    tool: Tool, arguments: Sequence[str], environment: Mapping[str, str], seconds: float
) -> Finished:
    """Run a tool without a terminal, so that it asks for nothing.

    Args:
        tool: The program.
        arguments: Its arguments, each passed as it is: there is no shell.
        environment: Variables besides, and instead of, our own.
        seconds: How long it may take.

    Raises:
        EnvironmentFailureError: There is no such program.
        TookTooLongError: It took longer.
    """
    try:
        command = local[tool.name]
    except CommandNotFound:
        message = f"`{tool.name}` is not on the PATH."
        raise EnvironmentFailureError(message, tool.source) from None
    # A session of its own makes a process group: git and ssh, too, can be stopped.
    started = command.popen(
        list(arguments), env=dict(environment), stdin=subprocess.DEVNULL, new_session=True
    )
    # That is what it is; plumbum's own type for it knows no time limit.
    process = cast("subprocess.Popen[bytes]", started)
    try:
        output, said = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        _stop(process)
        raise TookTooLongError from None
    except BaseException:  # an interrupt above all
        _stop(process)
        raise
    return Finished(process.returncode, _text(output), _text(said))


def _text(output: bytes) -> str:
    return output.decode(errors="replace")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End what is left of the process and of those that it started."""
    for wanted in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, wanted)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_SECONDS)
