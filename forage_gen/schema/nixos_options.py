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
    from collections.abc import Iterator, Sequence

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

  # Text of a form. What has it, the compiler may refuse still, and the build says why.
  like =
    form: example:
    types.strMatching form.pattern // { description = "${form.what} like ${example}"; };

  # A table whose names have a form.
  named =
    form: type:
    types.addCheck (types.attrsOf type) (
      set: lib.all (name: builtins.match form.pattern name != null) (lib.attrNames set)
    )
    // {
      description = "${(types.attrsOf type).description}, by names that match ${form.pattern}";
      # NixOS makes the type anew with this, and would lose the check.
      substSubModules = modules: named form (type.substSubModules modules);
    };
"""

_TAIL = """\
in
{
  inherit forms;
  inherit isolation project template;
}
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
    sets = "".join(
        f"\n  {_variable(n)} = {{\n{_options(t, tables)}  }};\n" for n, t in tables.items()
    )
    return f"{_HEAD}{_forms({**tables})}{sets}{_TAIL}"


def _forms(schema: Json) -> str:
    """Write the forms of texts, by names made of what they are."""
    found = dict(sorted(_named_patterns(schema)))
    forms = "".join(
        f"    {_camel(what)} = {{\n"
        f"      what = {q.string(what)};\n      pattern = {q.string(pattern)};\n    }};\n"
        for what, pattern in found.items()
    )
    return f"\n  forms = {{\n{forms}  }};\n"


def _named_patterns(schema: Json) -> Iterator[tuple[str, str]]:
    match schema:
        case {"title": str(what), "pattern": str(pattern)}:
            yield what, pattern
        case dict():
            for below in schema.values():
                yield from _named_patterns(below)
        case list():
            for below in schema:
                yield from _named_patterns(below)


def _camel(what: str) -> str:
    first, *rest = what.split()
    return first.lower() + "".join(word[0].upper() + word[1:] for word in rest)


def _variable(table: str) -> str:
    return table[0].lower() + table[1:]


def _options(table: _Schema, tables: dict[str, _Schema]) -> str:
    required = table.get("required")
    names = required if isinstance(required, list) else []
    options = (
        _option(name, as_table(key), tables, required=name in names)
        for name, key in as_table(table["properties"]).items()
    )
    return "\n".join(options)


def _option(name: str, key: _Schema, tables: dict[str, _Schema], *, required: bool) -> str:
    type_ = _type(key, examples=as_items(key.get("examples")), package=name in PACKAGES)
    lines = [f"    {q.attr_name(name)} = mkOption {{"]
    lines += [f"      type = {type_};"]
    if not required:
        lines += [f"      default = {_value(key.get('default'), 6)};"]
    lines += [f"      example = {example};" for example in _examples(name, key)]
    # pydantic leaves out the description of a key that says what its table says.
    described = key if "description" in key else tables[_reference(key)]
    lines += [f"      description = {q.string(str(described['description']))};"]
    return "\n".join([*lines, "    };\n"])


def _reference(key: _Schema) -> str:
    return str(key["$ref"]).rpartition("/")[2]


def _type(key: _Schema, *, examples: Sequence[Json] = (), package: bool = False) -> str:
    match key:
        case {"anyOf": [*choices]}:
            return _one_of([as_table(each) for each in choices], examples=examples, package=package)
        case {"$ref": _}:
            return f"table {_variable(_reference(key))}"
        case {"const": value}:
            return f"types.enum {_value([value], 6)}"
        case {"enum": values}:
            return f"types.enum {_value(values, 6)}"
    return _of_json_type(key, examples=examples, package=package)


def _one_of(choices: list[_Schema], *, examples: Sequence[Json], package: bool) -> str:
    types = [
        _type(each, examples=examples, package=package)
        for each in choices
        if each.get("type") != "null"
    ]
    joined = types[0] if len(types) == 1 else _either(*types)
    return joined if len(types) == len(choices) else f"types.nullOr {_inner(joined)}"


def _either(first: str, second: str) -> str:
    # nixfmt breaks what is longer than a line at its last parenthesis.
    return f"types.either {_inner(first)} (\n        {second}\n      )"


def _of_json_type(key: _Schema, *, examples: Sequence[Json], package: bool) -> str:
    match key:
        case {"type": "array", "items": items}:
            of_items = [item for example in examples for item in as_items(example)]
            type_ = _type(as_table(items), examples=of_items, package=package)
            written = f"types.listOf {_inner(type_)}"
        case {"additionalProperties": values, "propertyNames": {"title": str(what)}}:
            written = f"named forms.{_camel(what)} {_inner(_type(as_table(values)))}"
        case {"type": "object", "additionalProperties": values}:
            written = f"types.attrsOf {_inner(_type(as_table(values)))}"
        case {"minimum": least, "maximum": most}:
            written = f"types.ints.between {least} {most}"
        # One that has no end is of what no message may show: the module asserts it.
        case {"title": str(what), "pattern": str(pattern)} if pattern.endswith("$"):
            example = next(text for text in examples if isinstance(text, str))
            written = f"like forms.{_camel(what)} {q.string(example)}"
        case {"minLength": 1}:
            written = "types.nonEmptyStr"
        case _:
            written = "types.package" if package else _SIMPLE[str(key["type"])]
    return written


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
            written = _set({key: _value(held, indent + 2) for key, held in value.items()}, indent)
        case _:
            written = str(q.string(str(value)))
    return written


def _set(written: dict[str, str], indent: int) -> str:
    pairs = [f"{q.attr_name(key)} = {value};" for key, value in written.items()]
    if len(pairs) > 1 or "{" in "".join(pairs):
        inner = "".join(f"{' ' * (indent + 2)}{pair}\n" for pair in pairs)
        return f"{{\n{inner}{' ' * indent}}}"
    return f"{{ {pairs[0]} }}" if pairs else "{ }"


def _examples(name: str, key: _Schema) -> Iterator[str]:
    """Write the first example; one with packages as Nix code, which no value could be."""
    for example in as_items(key.get("examples"))[:1]:
        code = _code(name, example)
        written = _value(example, 6)
        yield f"lib.literalExpression {q.string(code)}" if "pkgs" in code else written


def _code(name: str, value: Json) -> str:
    """Write a value on one line, in which packages are packages."""
    match value:
        case dict():
            pairs = (f"{q.attr_name(key)} = {_code(key, held)};" for key, held in value.items())
            return f"{{ {' '.join(pairs)} }}"
        case list() if name in PACKAGES:
            return f"with pkgs; [ {' '.join(map(str, value))} ]"
        case _ if name in PACKAGES:
            return f"pkgs.{value}"
    return _value(value, 0)


if __name__ == "__main__":
    sys.stdout.write(render())
