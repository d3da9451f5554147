"""Writes docs/security/attacks.md from what came of the attacks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.attacks.profiles import PROFILES, tried_in

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from tests.attacks.catalogue import Attack

PAGE = Path(__file__).parents[2] / "docs/security/attacks.md"

USERS = ("agent", "root")

_HEAD = """\
# The attacks

<!-- Written by `pytest tests/attacks --snapshot-update`; each run of the suite compares. -->

{count} attacks, each a small program in `tests/attacks`. The agent and the sandbox's root try
them in a booted sandbox of each profile. This table is what came of it.

- **held**: it failed. **open**: it got what it wanted; see [What is open](#what-is-open).
- Of two words, the first is for the agent, the second for the sandbox's root.
- **-**: root may do it by right, so only the agent tries. No word: it was not tried there.
- **not tried**: nobody can do it where the tests last ran, not even without a fence. That
  nothing came of it in a sandbox says nothing.
- **shown by**: where the same program succeeds, so that it is the fence that held. `host`: on the
  test host, outside of a sandbox. `machine`: on the machine of the tests, as the test host may not
  do it either. If it was not tried, what is missing.

The profiles: `default` and `strict` are the named filters, with a user namespace. `a list` is
`syscallFilter = ["~@debug", "~@aio"]` with two capabilities more. `shared users` is the default
filter with `privateUsers = false`. See [Profiles](profiles.md). `nixDaemon` and `storeClosure` are
`default` with these options. They change what is mounted, and so the attacks on that are tried.

"""

_NOT_TRIED = "not tried"

Outcomes = dict[tuple[str, str, str], bool]
"""Whether it held, by attack, user and sandbox."""


def page(
    attacks: Sequence[Attack],
    held: Mapping[tuple[str, str, str], bool],
    lacking: Collection[str],
) -> str:
    """Write the whole page.

    Args:
        attacks: All there are.
        held: What came of those that were tried.
        lacking: Those that could not be tried, by name.
    """
    return "".join(
        (
            _HEAD.format(count=len(attacks)),
            *_table(attacks, held, lacking),
            "\n## What is open\n\n",
            *_open(attacks, held),
        )
    )


def not_tried(written: str, attacks: Sequence[Attack]) -> set[str]:
    """Read off the page which attacks it says were not tried."""
    rows = {row.split("`")[1]: row for row in written.splitlines() if row.startswith("| `")}
    return {a.name for a in attacks if a.lacks and f"| {_NOT_TRIED} |" in rows.get(a.name, "")}


def _table(
    attacks: Sequence[Attack],
    held: Mapping[tuple[str, str, str], bool],
    lacking: Collection[str],
) -> Iterator[str]:
    columns = ("attack", "tries to", "fence", *PROFILES.values(), "shown by", "see")
    yield _row(columns)
    yield _row("---" for _ in columns)
    for attack in attacks:
        tries = attack.tries.rstrip(".")
        yield _row(
            (
                f"`{attack.name}`",
                tries[0].lower() + tries[1:],
                attack.fence,
                *(_cell(attack, sandbox, held, lacking) for sandbox in PROFILES),
                f"nothing: {attack.lacks}" if attack.name in lacking else _shown_by(attack),
                attack.public_record,
            )
        )


def _cell(
    attack: Attack,
    sandbox: str,
    held: Mapping[tuple[str, str, str], bool],
    lacking: Collection[str],
) -> str:
    if not tried_in(attack, sandbox):
        return ""
    return _NOT_TRIED if attack.name in lacking else _came_of(attack, sandbox, held)


def _came_of(attack: Attack, sandbox: str, held: Mapping[tuple[str, str, str], bool]) -> str:
    words = [
        ("held" if held[attack.name, user, sandbox] else "**open**")
        if user in attack.users
        else "-"
        for user in USERS
    ]
    return words[0] if len(set(words)) == 1 else ", ".join(words)


def _shown_by(attack: Attack) -> str:
    return "machine" if attack.needs_the_machine else "host"


def _open(attacks: Sequence[Attack], held: Mapping[tuple[str, str, str], bool]) -> Iterator[str]:
    for sandbox, profile in PROFILES.items():
        found = [
            f"- `{attack.name}`, by {_by(users)}: {attack.why_open(sandbox, users[0])}\n"
            for attack in attacks
            if (users := [u for u in attack.users if not held.get((attack.name, u, sandbox), True)])
        ]
        yield f"In `{profile}`" + (":\n\n" if found else ", nothing of these.\n")
        yield from found
        yield "\n" if sandbox != list(PROFILES)[-1] else ""


def _by(users: Sequence[str]) -> str:
    return " and ".join("the agent" if user == "agent" else user for user in users)


def _row(cells: Iterator[str] | Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |\n"
