"""The command `lock`: the only one that uses the network."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from forage_gen.cli.main import Exit
from forage_gen.cli.output import show_findings
from forage_gen.diagnostics import EnvironmentFailureError
from forage_gen.layout import LOCK
from forage_gen.pins import hosts
from forage_gen.pins import lock as pinning
from forage_gen.read.explain_errors import suggest
from forage_gen.values.text import shown
from forage_gen.write.errors import WriteError
from forage_gen.write.locking import hold
from forage_gen.write.tree import replace_files

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from pathlib import Path

    from forage_gen.resolve.allocate import Lock
    from forage_gen.resolve.pins import Pin


def lock(options: argparse.Namespace) -> int:
    """Fetch the sources that have no pin, and write down what they hold."""
    root: Path = options.directory
    given = pinning.read(root)
    if options.hosts:
        return _lock_hosts(root, given)
    unknown = [name for name in options.update if name not in given.sources]
    if unknown:
        return _no_such_sources(unknown, given)
    wanted = pinning.to_fetch(given, options.update)
    fetched = pinning.fetch(given, wanted, options.timeout, lambda name: _say_start(name, given))
    if fetched.failures:
        show_findings(fetched.failures, "text")
        sys.stderr.write(f"forage-gen: {LOCK} is as it was.\n")
        return Exit.ENVIRONMENT
    done = _replace(root, given, lambda: pinning.merged(root, given, fetched.pins))
    sys.stderr.write(f"{root / LOCK} {done}: {_count(len(given.sources), 'source')}.\n")
    for name, pin in fetched.pins.items():
        _say_pin(name, given.lock.sources.get(name), pin)
    for name in sorted(given.lock.sources.keys() - given.sources.keys()):
        sys.stderr.write(f"{name}: dropped, as the project has no such source any more\n")
    return Exit.DONE


def _lock_hosts(root: Path, given: pinning.Read) -> int:
    """Look names up, and write down where they lead."""
    found = hosts.look_up_all(given)
    if found.failures:
        show_findings(found.failures, "text")
        sys.stderr.write(f"forage-gen: {LOCK} is as it was.\n")
        return Exit.ENVIRONMENT
    done = _replace(root, given, lambda: hosts.with_hosts(root, found.hosts))
    sys.stderr.write(f"{root / LOCK} {done}: {_count(len(found.hosts), 'name')}.\n")
    for name, addresses in found.hosts.items():
        old = given.lock.hosts.get(name)
        said = "unchanged" if old == addresses else ", ".join(map(str, addresses))
        sys.stderr.write(f"{name}: {said}\n")
    return Exit.DONE


def _replace(root: Path, given: pinning.Read, make: Callable[[], Lock]) -> str:
    """Write what is made of the lock as it is then; tell whether that changed it."""
    try:
        # A build that runs meanwhile may be writing forage.lock.
        with hold([root]) as held:
            new = make()
            needless = not (new.sources or new.hosts) and given.inputs.lock_file is None
            files = {} if needless else {root / LOCK: new.render().encode()}
            written = replace_files(files, held)
    except WriteError as failure:
        raise EnvironmentFailureError(failure.message, failure.hint) from failure
    return "was written" if written else "is up to date"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


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
