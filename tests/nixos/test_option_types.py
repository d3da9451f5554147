"""The module's options and the compiler's schema have the same keys, types and defaults."""

from __future__ import annotations

import json
from typing import cast

from forage_gen.schema.jsonschema import Json, json_schema
from forage_gen.schema.nixos_options import NOT_IN_NIX, PACKAGES
from tests.nixos.nix import HERE, REPOSITORY, path, text
from tests.nixos.options import evaluated
from tests.schema.forms import FORMS

Table = dict[str, Json]


class Schema:
    """A JSON Schema as names, defaults and types, as `describe.nix` says them of options."""

    def __init__(self, document: Table) -> None:
        self.document = document
        self.tables = cast("Table", document["$defs"])

    def described(self, table: Table | None = None) -> Table:
        properties = cast("dict[str, Table]", (table or self.document)["properties"])
        return {
            name: {"default": key.get("default", "none"), "type": self.type_of(key, name)}
            for name, key in properties.items()
            if name not in NOT_IN_NIX
        }

    def type_of(self, key: Table, name: str = "") -> Json:
        match key:
            case {"$ref": str(reference)}:
                table = self.tables[reference.rpartition("/")[2]]
                found: Json = self.described(cast("Table", table))
            case {"anyOf": [*choices]}:
                found = self.one_of(cast("list[Table]", choices), name)
            case {"const": value}:
                found = ["one of", [value]]
            case {"enum": values}:
                found = ["one of", values]
            case {"type": "array", "items": items}:
                found = ["list of", self.type_of(cast("Table", items), name)]
            case {"type": "object", "additionalProperties": values}:
                found = ["table of", self.type_of(cast("Table", values))]
            case {"minimum": least, "maximum": most}:
                found = ["between", least, most]
            case {"pattern": str(pattern)} if pattern.endswith("$"):
                found = ["string like", pattern]
            case {"minLength": least}:
                found = ["string of at least", least]
            case _:
                found = "package" if name in PACKAGES else key["type"]
        return found

    def one_of(self, choices: list[Table], name: str) -> Json:
        types = [self.type_of(each, name) for each in choices if each["type"] != "null"]
        joined = types[0] if len(types) == 1 else ["or", *types]
        return joined if len(types) == len(choices) else ["null or", joined]


def test_they_agree() -> None:
    expected = Schema(json_schema("forage")).described()
    names = " ".join(f'"{name}"' for name in expected)

    found = evaluated(
        f"""import {path(HERE / "describe.nix")} {{ inherit lib; }}
          (builtins.intersectAttrs (lib.genAttrs [ {names} ] (_: null)) options.services.forage)
        """,
        demo=False,
    ).value

    assert found == expected


def test_what_the_compiler_takes_nix_takes_and_mistakes_in_the_form_it_refuses() -> None:
    """The texts with which tests/schema/test_forms.py tries the grammars."""
    samples = {what: (*form.taken, *form.refused) for what, form in FORMS.items()}

    found = evaluated(
        f"""
        lib.mapAttrs
          (_: form: map
            (sample: builtins.match "${{form.pattern}}.*" sample != null)
            (builtins.fromJSON {text(json.dumps(samples))}).${{form.what}})
          (import {path(REPOSITORY / "nixos-module/options.nix")} {{
            inherit lib;
            table = _: lib.types.raw;
          }}).forms
        """,
        demo=False,
    ).value

    assert isinstance(found, dict)
    assert sorted(found.values(), key=str) == sorted(
        ([True] * len(form.taken) + [False] * len(form.refused) for form in FORMS.values()), key=str
    )


def test_a_long_text_is_no_burden() -> None:
    """Nix's regular expressions recurse, and the longest path is of 4,095 bytes."""
    long = "/" + "/".join(["a" * 200] * 20)

    found = evaluated(
        "config.services.forage.sandboxes.a.workspace",
        f"""
          user = "alice";
          sandboxes.a = {{ template = "b"; workspace = {text(long)}; }};
        """,
        demo=False,
    ).value

    assert found == long


def test_names_of_tables_have_their_form() -> None:
    names = {
        "secrets": ("API_KEY", ".key"),
        "sandboxes": ("my-project", "My_Project"),
        "templates": ("claude", "Claude"),
    }

    found = evaluated(
        f"""
        let project = options.services.forage; in lib.mapAttrs
          (option: map (name: project.${{option}}.type.check {{ ${{name}} = {{ }}; }}))
          (builtins.fromJSON {text(json.dumps(names))})
        """,
        demo=False,
    ).value

    assert found == {option: [True, False] for option in names}


def test_every_option_says_what_it_is_and_shows_how() -> None:
    found = evaluated(
        """
        map (option: option.name) (lib.filter
          (option:
            lib.hasPrefix "services.forage." option.name
            && option.visible && !option.internal
            && !(option.description or null != null && (option ? example || option.readOnly)))
          (lib.optionAttrSetToDocList options.services.forage))
        """,
        demo=False,
    ).value

    assert found == []
