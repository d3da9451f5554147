"""The command `lock`: the only one that uses the network."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from forage_gen.cli.main import Exit
from forage_gen.cli.output import show_findings
from forage_gen.diagnostics import EnvironmentFailureError
from forage_gen.layout import LOCK
from forage_gen.pins import lock as pinning
from forage_gen.read.explain_errors import suggest
from forage_gen.values.text import shown
from forage_gen.write.errors import WriteError
from forage_gen.write.locking import hold
from forage_gen.write.tree import replace_files

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from forage_gen.resolve.pins import Pin


def lock(options: argparse.Namespace) -> int:
    """Fetch the sources that have no pin, and write down what they hold."""
    root: Path = options.directory
    given = pinning.read(root)
    unknown = [name for name in options.update if name not in given.sources]
    if unknown:
        return _no_such_sources(unknown, given)
    wanted = pinning.to_fetch(given, options.update)
    fetched = pinning.fetch(given, wanted, options.timeout, lambda name: _say_start(name, given))
    if fetched.failures:
        show_findings(fetched.failures, "text")
        sys.stderr.write(f"forage-gen: {LOCK} is as it was.\n")
        return Exit.ENVIRONMENT
    _write(root, given, fetched)
    for name, pin in fetched.pins.items():
        _say_pin(name, given.lock.sources.get(name), pin)
    for name in sorted(given.lock.sources.keys() - given.sources.keys()):
        sys.stderr.write(f"{name}: dropped, as the project has no such source any more\n")
    return Exit.DONE


def _write(root: Path, given: pinning.Read, fetched: pinning.Fetched) -> None:
    try:
        # A build that runs meanwhile may be writing forage.lock.
        with hold([root]) as held:
            new = pinning.merged(root, given, fetched.pins)
            needless = not new.sources and given.inputs.lock_file is None
            files = {} if needless else {root / LOCK: new.render().encode()}
            written = replace_files(files, held)
    except WriteError as failure:
        raise EnvironmentFailureError(failure.message, failure.hint) from failure
    done = "was written" if written else "is up to date"
    sys.stderr.write(f"{root / LOCK} {done}: {_count(len(new.sources))}.\n")


def _count(sources: int) -> str:
    return f"{sources:,} source{'' if sources == 1 else 's'}"


def _say_start(name: str, given: pinning.Read) -> None:
    sys.stderr.write(f"forage-gen: fetching {name} from {given.sources[name].url.text}\n")


def _say_pin(name: str, old: Pin | None, new: Pin) -> None:
    if old == new:
        sys.stderr.write(f"{name}: unchanged\n")
        return
    before = f"{_content(old)} → " if old else ""
    sys.stderr.write(f"{name}: {before}{_content(new)}\n")


def _content(pin: Pin) -> str:
    return f"{pin.rev} {pin.hash}" if pin.rev else pin.hash


def _no_such_sources(names: list[str], given: pinning.Read) -> int:
    for name in names:
        hint = suggest(name, given.sources, "The sources")
        sys.stderr.write(f"forage-gen: There is no source {shown(name)}.\n{hint}\n")
    return Exit.INVALID
