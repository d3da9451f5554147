"""Numbers for sandboxes and templates, kept in `forage.lock`.

A sandbox has one number, its slot. Its address, interface and uid range follow
from it. A new name takes the slot it hashes to, or the next free one: two
branches that add a sandbox each seldom choose the same, and nobody else moves.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from forage_gen.diagnostics import Diagnostic, error

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from forage_gen.read.locate import KeyPath
    from forage_gen.read.source import SourceFile

LOCK_NAME = "forage.lock"
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

_HEADER = """\
# Written by forage-gen. Which number each sandbox and template has: keep this
# file in version control. After a merge, keep the lines of both sides.
"""


@dataclass(frozen=True, slots=True)
class Lock:
    """The numbers in force: slots by sandbox name, resolver slots by template name."""

    sandboxes: Mapping[str, int]
    templates: Mapping[str, int]

    def render(self) -> str:
        """Write the lock as TOML, one line a name, sorted. Names need no quoting."""
        return (
            f"{_HEADER}version = {LOCK_VERSION}\n"
            f"\n[sandboxes]\n{_lines(self.sandboxes)}"
            f"\n[templates]\n{_lines(self.templates)}"
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
    found: list[Diagnostic] = []
    version = file.data.get("version")
    if version != LOCK_VERSION:
        message = f"`{LOCK_NAME}` has version {version}; this forage-gen reads version 1."
        hint = "Use the forage-gen that wrote it, or a newer one."
        found.append(error("lock-version", message, hint, file.value(("version",))))
        return EMPTY, found
    sandboxes = _read_numbers(file, "sandboxes", found)
    templates = _read_numbers(file, "templates", found)
    return Lock(sandboxes, templates), found


def _read_numbers(file: SourceFile, key: str, found: list[Diagnostic]) -> dict[str, int]:
    table = file.data.get(key, {})
    if not isinstance(table, dict):
        found.append(_damaged(file, (key,)))
        return {}
    numbers: dict[str, int] = {}
    owners: dict[int, str] = {}
    for name, number in table.items():
        if type(number) is not int or number < 0:
            found.append(_damaged(file, (key, name)))
        elif number in owners:
            found.append(_twice(file, key, owners[number], name, number))
        else:
            owners[number] = name
            numbers[name] = number
    return numbers


def _damaged(file: SourceFile, path: KeyPath) -> Diagnostic:
    message = f"`{path[-1]}` has no number that forage-gen wrote."
    hint = "Delete the line; `forage-gen build` chooses a new number."
    return error("lock-damaged", message, hint, file.value(path))


def _twice(file: SourceFile, key: str, first: str, second: str, number: int) -> Diagnostic:
    kind = "sandboxes" if key == "sandboxes" else "templates"
    message = f"The {kind} `{first}` and `{second}` both have the number {number}."
    hint = (
        f"Two branches chose it. Delete the line of the one that was added last, such as "
        f"`{second}`; `forage-gen build` gives it another number."
    )
    return error("lock-duplicate", message, hint, file.value((key, second)))
