"""`forage.lock`: numbers for sandboxes and templates, pins of sources, addresses of names.

A sandbox has one number, its slot. Its address, interface and uid range follow
from it. A new name takes the slot it hashes to, or the next free one: two
branches that add a sandbox each seldom choose the same, and nobody else moves.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from forage_gen.diagnostics import error
from forage_gen.read.explain_errors import describe
from forage_gen.resolve import hosts, pins
from forage_gen.values.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from forage_gen.diagnostics import Diagnostic
    from forage_gen.read.source import SourceFile

LOCK_VERSION = 1

# nspawn's own range for containers: 0x00080000 to 0x6FFFFFFF
# (https://systemd.io/UIDS-GIDS). Each sandbox has 65,536 of them.
UID_FIRST = 0x80000
UID_RANGES = (0x70000000 - UID_FIRST) // 65536

# Ports for the resolvers, in a part of the registered ports that IANA has
# assigned to nobody. They are bound to the gateway's address only.
RESOLVER_PORT_FIRST = 24600
RESOLVER_PORTS = 512
UPSTREAM_PORT = RESOLVER_PORT_FIRST - 1
QUESTIONS_PORT = UPSTREAM_PORT - 1

# Three more for each template, for its proxy of names and for the API proxy. The fence closes them
# to all but sandboxes.
TLS_PORT_FIRST = RESOLVER_PORT_FIRST + RESOLVER_PORTS
HTTP_PORT_FIRST = TLS_PORT_FIRST + RESOLVER_PORTS
API_PORT_FIRST = HTTP_PORT_FIRST + RESOLVER_PORTS

_SECTIONS = ("sandboxes", "templates")
_TWICE = (
    "Delete the line of the one that was added last; `forage-gen build` gives it another number."
)
_DELETE = "Delete the line; `forage-gen build` writes what is missing."

_HEADER = """\
# Written by forage-gen. Which number each sandbox and template has: keep this
# file in version control. After a merge, keep the lines of both sides.
"""


@dataclass(frozen=True, slots=True)
class Lock:
    """The numbers in force: slots by sandbox name, resolver slots by template name.

    `sources` are the pins, by the name of the source; `hosts` the addresses of names.
    """

    sandboxes: Mapping[str, int]
    templates: Mapping[str, int]
    sources: Mapping[str, pins.Pin] = field(default_factory=dict)
    hosts: Mapping[str, hosts.Addresses] = field(default_factory=dict)

    def render(self) -> str:
        """Write the lock as TOML, one line a name, sorted. Names need no quoting."""
        return (
            f"{_HEADER}version = {LOCK_VERSION}\n"
            f"\n[sandboxes]\n{_lines(self.sandboxes)}"
            f"\n[templates]\n{_lines(self.templates)}"
            f"{pins.render_pins(self.sources)}"
            f"{hosts.render_hosts(self.hosts)}"
        )


EMPTY = Lock({}, {})


def _lines(numbers: Mapping[str, int]) -> str:
    return "".join(f"{name} = {number}\n" for name, number in sorted(numbers.items()))


def allocate(known: Mapping[str, int], wanted: Iterable[str], capacity: int) -> dict[str, int]:
    """Give every wanted name a number below `capacity`.

    Names that have one keep it. Those no longer wanted lose theirs.

    Raises:
        OverflowError: there are more names than numbers.
    """
    names = sorted(set(wanted))
    if len(names) > capacity:
        raise OverflowError
    numbers = {name: known[name] for name in names if known.get(name, capacity) < capacity}
    taken = set(numbers.values())
    for name in names:
        if name not in numbers:
            numbers[name] = slot = _free(name, taken, capacity)
            taken.add(slot)
    return numbers


def _free(name: str, taken: set[int], capacity: int) -> int:
    slot = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) % capacity
    while slot in taken:
        slot = (slot + 1) % capacity
    return slot


def read_lock(file: SourceFile) -> tuple[Lock, list[Diagnostic]]:
    """Read a lock file, and find what is wrong with it."""
    if found := _check_version(file):
        return EMPTY, [found]
    known = {"version", *_SECTIONS, pins.SECTION, hosts.SECTION}
    problems = [
        error("lock-damaged", f"{shown(key)} is nothing that forage-gen wrote.", _DELETE, place)
        for key, place in ((key, file.key((key,))) for key in file.data if key not in known)
    ]
    sandboxes = _read_numbers(file, "sandboxes", problems)
    templates = _read_numbers(file, "templates", problems)
    sources = pins.read_pins(file, problems)
    return Lock(sandboxes, templates, sources, hosts.read_hosts(file, problems)), problems


def _check_version(file: SourceFile) -> Diagnostic | None:
    version = file.data.get("version")
    if type(version) is not int or version < 1:
        message = f"`{file.name}` does not say its version."
        hint = f"Write `version = {LOCK_VERSION}`, or restore the file from version control."
        return error("lock-damaged", message, hint, file.value(("version",)))
    if version > LOCK_VERSION:
        message = (
            f"`{file.name}` has version {version}; this forage-gen reads up to version "
            f"{LOCK_VERSION}."
        )
        hint = "Use the forage-gen that wrote it, or a newer one."
        return error("lock-version", message, hint, file.value(("version",)))
    return None


def _read_numbers(file: SourceFile, section: str, found: list[Diagnostic]) -> dict[str, int]:
    table = file.data.get(section, {})
    if not isinstance(table, dict):
        message = f"`{section}` must be a table, not {describe(table)}."
        found.append(error("lock-damaged", message, _DELETE, file.value((section,))))
        return {}
    numbers: dict[str, int] = {}
    owners: dict[int, str] = {}
    for name, number in table.items():
        if type(number) is not int or number < 0:
            message = f"{shown(name)} has no number that forage-gen wrote."
            where = file.value((section, name))
            found.append(error("lock-damaged", message, _DELETE, where))
        elif number in owners:
            message = (
                f"The {section} {shown(owners[number])} and {shown(name)} both have the number "
                f"{number}."
            )
            found.append(error("lock-duplicate", message, _TWICE, file.value((section, name))))
        else:
            owners[number] = name
            numbers[name] = number
    return numbers
