"""Decides which sources to fetch, and what becomes of the pins that are there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from forage_gen.diagnostics import InvalidProjectError, error
from forage_gen.pins.prefetch import FetchError, prefetch
from forage_gen.read.load import load
from forage_gen.resolve.allocate import EMPTY, Lock, read_lock
from forage_gen.resolve.pins import SECTION
from forage_gen.resolve.sources import check_sources
from forage_gen.values.text import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from forage_gen.diagnostics import Diagnostic
    from forage_gen.read.load import Inputs
    from forage_gen.resolve.pins import Pin
    from forage_gen.schema.models import Source


@dataclass(frozen=True)
class Read:
    """What `lock` goes by: the project, and its lock as it was."""

    inputs: Inputs
    lock: Lock

    @property
    def sources(self) -> dict[str, Source]:
        """The project's sources, by name."""
        return {str(name): source for name, source in self.inputs.project.sources.items()}


@dataclass(frozen=True)
class Fetched:
    """The pins that were made, and why the others could not be."""

    pins: Mapping[str, Pin]
    failures: tuple[Diagnostic, ...]


def read(root: Path) -> Read:
    """Read the project in the directory `root`.

    Raises:
        InvalidProjectError: with every finding. What only a build needs is not looked at.
        EnvironmentFailureError: the system does not let us read a file.
    """
    inputs = load(root)
    lock, found = read_lock(inputs.lock_file) if inputs.lock_file else (EMPTY, [])
    found += [*inputs.found, *check_sources(inputs)]
    if found:
        raise InvalidProjectError(found)
    return Read(inputs, lock)


def to_fetch(given: Read, update: Collection[str]) -> list[str]:
    """Name the sources without a pin, with one that does not fit, and those to be updated."""
    pins = given.lock.sources
    return [
        name
        for name, source in sorted(given.sources.items())
        if name in update or name not in pins or not pins[name].fits(source)
    ]


def fetch(
    given: Read, names: Collection[str], seconds: float, on_start: Callable[[str], None]
) -> Fetched:
    """Fetch sources, one after the other. One that fails does not keep the next from it.

    Raises:
        EnvironmentFailureError: a tool is missing.
    """
    pins, failures = {}, []
    for name in names:
        on_start(name)
        where = given.inputs.project_file.value((SECTION, name, "url"))
        try:
            pin = prefetch(name, given.sources[name], seconds)
        except FetchError as failure:
            failures.append(error(failure.code, failure.message, failure.hint, where))
            continue
        old = given.lock.sources.get(name)
        if old is not None and old.fits(given.sources[name]) and _is_other(old, pin):
            message = (
                f"The source `{name}` is not what forage.lock says: it was {old.hash}, and now is "
                f"{pin.hash}."
            )
            hint = (
                "What a URL or a commit holds should never change: find out why it did. If you "
                f"want it all the same, delete the line of {shown(name)} in forage.lock, and run "
                "`forage-gen lock`."
            )
            failures.append(error("source-hash-changed", message, hint, where))
        pins[name] = pin
    return Fetched(pins, tuple(failures))


def _is_other(old: Pin, new: Pin) -> bool:
    """Whether what cannot change did. Only a ref may move, to another commit."""
    return old.rev == new.rev and old.hash != new.hash


def merged(root: Path, given: Read, pins: Mapping[str, Pin]) -> Lock:
    """Put pins into the lock as it is now, and drop those of sources that are gone.

    It is read again, as a build may have written it in the meantime.

    Raises:
        InvalidProjectError: it cannot be read any more.
    """
    now = read(root).lock
    known = {**now.sources, **pins}
    # Only sources: the addresses of names are as `lock --hosts` has left them.
    kept = {name: pin for name, pin in known.items() if name in given.sources}
    return replace(now, sources=kept)
