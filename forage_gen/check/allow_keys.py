"""The key `allowFindings`, which allows findings with a reason where comments cannot.

    "allowFindings": { "no-limits": "this host has nothing else to do" }

It speaks for the table that it is in, without the tables in there that can have one of
their own: a project, a sandbox or a template.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from forage_gen.check.allowance import Allowance, unknown
from forage_gen.layout import TEMPLATES
from forage_gen.values.text import shown

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from forage_gen.check.allowance import Place
    from forage_gen.diagnostics import Diagnostic, Location
    from forage_gen.read.load import Inputs
    from forage_gen.read.locate import KeyPath
    from forage_gen.read.source import SourceFile, Table

KEY = "allowFindings"
_SANDBOXES = "sandboxes"


def of_keys(
    inputs: Inputs, codes: Collection[str], problems: list[Diagnostic]
) -> Iterator[Allowance]:
    """Yield what each `allowFindings` allows; collect what is wrong with them.

    Args:
        inputs: A project without mistakes.
        codes: What can be allowed.
        problems: Gets the findings.
    """
    for file, owner, table in _owners(inputs):
        for code in _below(table, KEY):
            where = file.key((*owner, KEY, code))
            if code in codes:
                yield Allowance(code, ((file.name, owner),), where, _unused(owner, code))
            else:
                problems.append(unknown(code, codes, where))


class Tables:
    """Finds the table that a finding is in."""

    def __init__(self, inputs: Inputs) -> None:
        self._files = {file.name: file for file, _, table in _owners(inputs) if KEY in table}
        self._by_place: dict[str, dict[tuple[int, int], KeyPath]] = {}

    def places(self, where: Location) -> Iterator[Place]:
        """Yield the line of a finding, and its table if something can be allowed in its file."""
        yield where.file, where.line
        if where.file in self._files:
            yield where.file, self._owner(self._files[where.file], where)

    def _owner(self, file: SourceFile, where: Location) -> KeyPath:
        # By bytes, as the index counts: to count characters takes long where all is one line.
        if file.name not in self._by_place:
            self._by_place[file.name] = {
                (span.row, span.column): path
                for path, entry in file.index.spans.items()
                for span in (entry.key, entry.value)
            }
        before = file.lines[where.line - 1][: where.column - 1]
        path = self._by_place[file.name].get((where.line - 1, len(before.encode())), ())
        return path[:2] if path[1:] and path[0] in (_SANDBOXES, TEMPLATES) else ()


def _owners(inputs: Inputs) -> Iterator[tuple[SourceFile, KeyPath, Table]]:
    """Yield each table that can have the key, with its file and its path there."""
    project = inputs.project_file
    yield project, (), project.data
    for name, sandbox in _below(project.data, _SANDBOXES).items():
        if isinstance(sandbox, dict):
            yield project, (_SANDBOXES, name), sandbox
    for template in inputs.templates.values():
        yield template.file, template.above, template.table


def _below(table: Table, key: str) -> Table:
    below = table.get(key)
    return below if isinstance(below, dict) else {}


def _unused(owner: KeyPath, code: str) -> tuple[str, str]:
    what = f"`{owner[0]}.{owner[1]}`" if owner else "this file, outside of sandboxes and templates,"
    message = f"Nothing in {what} is {shown(code)}."
    return message, "Delete the line, or move it to the table that it is meant for."
