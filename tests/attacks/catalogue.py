"""The attacks in this directory, as the test and the page of the docs list them."""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

HERE = Path(__file__).parent
_KNOWN = {
    *("FENCE", "SOURCE", "USERS", "OPEN", "ONLY"),
    *("CONTROL", "CONTROL_USER", "PREPARE", "LACKS"),
}
NO_ATTACKS = {
    *("__init__", "attack", "catalogue", "conftest", "control", "document", "ground"),
    *("profiles", "staging", "tries", "vm"),
}
FAILED = ("HELD: ", "ABSENT: ")
"""How the verdict of an attack begins that did not get what it wanted."""
VERDICTS = (*FAILED, "BROKEN: ")

# Runs an attack from standard input, where none of these modules can be imported.
_LOADER = """
import sys, types
for name in ("tests", "tests.attacks"):
    sys.modules[name] = types.ModuleType(name)
module = sys.modules["tests.attacks.attack"] = types.ModuleType("tests.attacks.attack")
exec(compile({library!r}, "attack.py", "exec"), module.__dict__)
module.FACTS.update({facts})
exec(compile({attack!r}, {name!r}, "exec"), {{"__name__": "__main__"}})
"""


@dataclass(frozen=True)
class Attack:
    """One attack.

    Attributes:
        name: The name of its file.
        source: The text of its file.
    """

    name: str
    source: str

    @cached_property
    def _constants(self) -> dict[str, object]:
        tree = ast.parse(self.source)
        return {
            statement.targets[0].id: ast.literal_eval(statement.value)
            for statement in tree.body
            if isinstance(statement, ast.Assign)
            and isinstance(statement.targets[0], ast.Name)
            and statement.targets[0].id in _KNOWN
        }

    def _text(self, name: str) -> str:
        return str(self._constants.get(name, ""))

    @property
    def tries(self) -> str:
        """What it tries, in one sentence."""
        return ast.get_docstring(ast.parse(self.source)) or ""

    @property
    def fence(self) -> str:
        """What has to stop it."""
        return self._text("FENCE")

    @property
    def public_record(self) -> str:
        """Where it is described: a CVE or a manual page; empty if it needs no telling."""
        return self._text("SOURCE")

    @property
    def users(self) -> tuple[str, ...]:
        """Who tries it inside; the sandbox's root may do some things by right."""
        users = self._constants.get("USERS", ("agent", "root"))
        assert isinstance(users, tuple)
        return users

    @property
    def only(self) -> tuple[str, ...]:
        """The only sandboxes that have what it is about; empty if all have."""
        only = self._constants.get("ONLY", ())
        assert isinstance(only, tuple)
        return only

    @property
    def open(self) -> dict[str, str]:
        """Where it does get what it wants: who tries it in which sandbox, and why that is so.

        A key is `sandbox` or `sandbox/user`.
        """
        given = self._constants.get("OPEN", {})
        assert isinstance(given, dict)
        return given

    def why_open(self, sandbox: str, user: str) -> str | None:
        """Why it succeeds there; None if it has to fail."""
        return self.open.get(sandbox, self.open.get(f"{sandbox}/{user}"))

    def is_expected(self, said: str, sandbox: str, user: str) -> bool:
        """Whether it had to end there as it says.

        One that finds nothing there was kept from it: without a fence it is there.
        """
        return said.startswith(("BROKEN: ",) if self.why_open(sandbox, user) else FAILED)

    @property
    def control_user(self) -> str:
        """Who tries it on the host, where it has to work."""
        return self._text("CONTROL_USER") or "root"

    @property
    def needs_the_machine(self) -> bool:
        """Whether it has to work on the machine itself, as a test host may not do it either."""
        return self._text("CONTROL") == "machine"

    @property
    def preparation(self) -> str:
        """What the host has to do first for it to work there; a shell script."""
        return self._text("PREPARE")

    @property
    def lacks(self) -> str:
        """What is told of a kernel or machine where nobody could do it; empty if all can."""
        return self._text("LACKS")

    def program(self, facts: Mapping[str, str]) -> str:
        """Write it as one program that needs no file."""
        library = (HERE / "attack.py").read_text()
        given = json.dumps(dict(facts))
        return _LOADER.format(library=library, facts=given, attack=self.source, name=self.name)


def verdict(said: str) -> str:
    """The last line that an attack printed: a crash must not pass for a fence."""
    lines = [line for line in said.splitlines() if line.startswith(VERDICTS)]
    return lines[-1] if lines else f"no verdict: {said}"


def attacks() -> list[Attack]:
    """List the attacks, by name."""
    return [
        Attack(file.stem, file.read_text())
        for file in sorted(HERE.glob("*.py"))
        if file.stem not in NO_ATTACKS and not file.stem.startswith("test_")
    ]
