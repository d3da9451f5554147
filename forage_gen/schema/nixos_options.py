"""Writes nixos-module/options.nix: `python -m forage_gen.schema.nixos_options`.

The options are those of the models, by way of their JSON Schema: names, types,
defaults, examples and meaning. Only packages differ: in Nix they are packages.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from forage_gen.quote import nix as q
from forage_gen.schema.jsonschema import as_items, as_table, json_schema

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forage_gen.schema.jsonschema import Json

_Schema = dict[str, "Json"]

_HEAD = """\
# The keys of a project as NixOS options: one set of options for each kind of table.
# Written by `python -m forage_gen.schema.nixos_options`. Change forage_gen/schema/models.py.
{
  lib,
  # Makes the type of a table from its options.
  table,
}:

let
  inherit (lib) mkOption types;
"""

PACKAGES = frozenset({"package", "extraPackages"})
"""The keys that hold attribute paths of nixpkgs, for which Nix has the packages themselves."""

NOT_IN_NIX = frozenset({"sources"})
"""The keys of a project for which Nix has means of its own: there, a package is pinned as such."""

_SIMPLE = {"string": "types.str", "boolean": "types.bool", "integer": "types.int"}


def render() -> str:
    """Write the whole file."""
    project = json_schema("forage")
    keys = as_table(project["properties"]).items()
    tables = {name: as_table(each) for name, each in as_table(project["$defs"]).items()}
    del tables["Source"]
    tables["project"] = {
        **project,
        "properties": {name: key for name, key in keys if name not in NOT_IN_NIX},
    }
    sets = "".join(f"\n  {_variable(n)} = {{\n{_options(t)}  }};\n" for n, t in tables.items())
    return f"{_HEAD}{sets}in\n{{\n  inherit isolation project template;\n}}\n"


def _variable(table: str) -> str:
    return table[0].lower() + table[1:]


def _options(table: _Schema) -> str:
    required = table.get("required")
    names = required if isinstance(required, list) else []
    options = (
        _option(name, as_table(key), required=name in names)
        for name, key in as_table(table["properties"]).items()
    )
    return "\n".join(options)


def _option(name: str, key: _Schema, *, required: bool) -> str:
    lines = [f"    {q.attr_name(name)} = mkOption {{"]
    lines += [f"      type = {_type(key, package=name in PACKAGES)};"]
    if not required:
        lines += [f"      default = {_value(key.get('default'), 6)};"]
    lines += [f"      example = {example};" for example in _examples(name, key)]
    if "description" in key:
        lines += [f"      description = {q.string(str(key['description']))};"]
    return "\n".join([*lines, "    };\n"])


def _type(key: _Schema, *, package: bool = False) -> str:
    match key:
        case {"anyOf": [*choices]}:
            return _one_of([as_table(each) for each in choices], package=package)
        case {"$ref": str(reference)}:
            return f"table {_variable(reference.rpartition('/')[2])}"
        case {"const": value}:
            return f"types.enum {_value([value], 6)}"
        case {"enum": values}:
            return f"types.enum {_value(values, 6)}"
    return _of_json_type(key, package=package)


def _one_of(choices: list[_Schema], *, package: bool) -> str:
    types = [_type(each, package=package) for each in choices if each.get("type") != "null"]
    joined = types[0] if len(types) == 1 else f"types.either {' '.join(map(_inner, types))}"
    return joined if len(types) == len(choices) else f"types.nullOr {_inner(joined)}"


def _of_json_type(key: _Schema, *, package: bool) -> str:
    match key:
        case {"type": "array", "items": items}:
            return f"types.listOf {_inner(_type(as_table(items), package=package))}"
        case {"type": "object", "additionalProperties": values}:
            return f"types.attrsOf {_inner(_type(as_table(values)))}"
        case {"minimum": least, "maximum": most}:
            return f"types.ints.between {least} {most}"
    return "types.package" if package else _SIMPLE[str(key["type"])]


def _inner(type_: str) -> str:
    return f"({type_})" if " " in type_ else type_


def _value(value: Json, indent: int) -> str:
    match value:
        case None:
            written = "null"
        case bool():
            written = str(q.boolean(value))
        case int():
            written = str(q.integer(value))
        case [*items]:
            written = str(q.list_of((q.string(str(item)) for item in items), indent))
        case dict():
            pairs = (f"{q.attr_name(key)} = {_value(held, indent)};" for key, held in value.items())
            written = f"{{ {' '.join(pairs)} }}" if value else "{ }"
        case _:
            written = str(q.string(str(value)))
    return written


def _examples(name: str, key: _Schema) -> Iterator[str]:
    """Write the first example; that of a package as Nix code, which no value could be."""
    for example in as_items(key.get("examples"))[:1]:
        if name not in PACKAGES:
            yield _value(example, 6)
        elif isinstance(example, list):
            names = " ".join(str(item) for item in example)
            yield f"lib.literalExpression {q.string(f'with pkgs; [ {names} ]')}"
        else:
            yield f"lib.literalExpression {q.string(f'pkgs.{example}')}"


if __name__ == "__main__":
    sys.stdout.write(render())
