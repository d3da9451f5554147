"""Writes docs/reference.md from the models: `python -m forage_gen.schema.reference`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Literal

from forage_gen.read.explain_errors import toml_text
from forage_gen.schema.jsonschema import Json, as_items, as_table, json_schema

if TYPE_CHECKING:
    from collections.abc import Iterator

_Schema = dict[str, Json]

_HEAD = """\
# Reference: the keys

<!-- Written by `python -m forage_gen.schema.reference`. Change forage_gen/schema/models.py. -->

The same keys, in camelCase, in TOML, in JSON and in the NixOS options. Keys that
are not listed here are errors. `forage-gen schema` prints the same as JSON Schema.

In JSON, a project is one document, `forage.json`: the keys of forage.toml, and
`templates`, an object of templates by name. There `null` means that a key is
left out; in a template that extends another, it takes back what was inherited, as
`replaces` does in both.
"""
_DOCUMENTS: dict[Literal["forage", "template"], str] = {
    "forage": "forage.toml",
    "template": "templates/NAME.toml",
}
_TYPES: dict[Json, str] = {"integer": "whole number", "boolean": "boolean", "string": "string"}


def render() -> str:
    """Write the whole page."""
    return "\n".join([_HEAD, *(line for which in _DOCUMENTS for line in _document(which))])


def _document(which: Literal["forage", "template"]) -> Iterator[str]:
    schema = json_schema(which)
    yield f"## {_DOCUMENTS[which]}\n"
    yield from _section(schema, _definitions(schema), ())


def _definitions(schema: _Schema) -> dict[str, _Schema]:
    return {name: as_table(each) for name, each in as_table(schema.get("$defs")).items()}


def _section(table: _Schema, known: dict[str, _Schema], path: tuple[str, ...]) -> Iterator[str]:
    """Describe one table, then the tables in it."""
    if path:
        yield f"### `[{'.'.join(path)}]`\n"
    yield f"{table['description']}\n"
    yield "| key | type | default | meaning | example |"
    yield "| --- | --- | --- | --- | --- |"
    keys = {name: as_table(key) for name, key in as_table(table["properties"]).items()}
    keys.pop("templates", None)  # they have a part of the page of their own
    for name, key in keys.items():
        yield _row(name, key, known)
    yield ""
    for name, key in keys.items():
        for reference, below in _tables_below(name, key):
            yield from _section(known[reference], known, (*path, *below))


def _tables_below(name: str, key: _Schema) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Find the table that a key is, or that each of the free names below it is."""
    items = as_table(key.get("additionalProperties"))
    for schema, path in ((key, (name,)), (items, (name, "NAME"))):
        if "$ref" in schema:
            yield _reference(schema), path


def _reference(key: _Schema) -> str:
    return str(key["$ref"]).rpartition("/")[2]


def _row(name: str, key: _Schema, known: dict[str, _Schema]) -> str:
    # pydantic leaves out the description of a key that says what its table says.
    meaning = str((key if "description" in key else known[_reference(key)])["description"])
    cells = (f"`{name}`", _type(key), _default(key), meaning, _example(key))
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _type(key: _Schema) -> str:
    if choices := [as_table(each) for each in as_items(key.get("anyOf"))]:
        return " or ".join(_type(each) for each in choices if each.get("type") != "null")
    values = [key["const"]] if "const" in key else as_items(key.get("enum"))
    if values:
        return ", ".join(f"`{toml_text(value)}`" for value in values)
    if key.get("type") == "array":
        return f"list of {_type(as_table(key['items']))}s"
    if key.get("type") == "object":
        return f"table of {_type(as_table(key['additionalProperties']))}s"
    return _TYPES.get(key.get("type"), "table")


def _default(key: _Schema) -> str:
    default = key.get("default")
    return "" if default is None or default in ([], {}) else f"`{toml_text(default)}`"


def _example(key: _Schema) -> str:
    examples = as_items(key.get("examples"))
    return f"`{toml_text(examples[0])}`" if examples else ""


if __name__ == "__main__":
    sys.stdout.write(render())
