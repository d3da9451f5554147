"""The module's options and the compiler's schema have the same keys, types and defaults."""

from __future__ import annotations

from typing import cast

from forage_gen.schema.jsonschema import Json, json_schema
from forage_gen.schema.nixos_options import NOT_IN_NIX, PACKAGES
from tests.nixos.nix import HERE, path
from tests.nixos.options import evaluated

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


def test_every_option_says_what_it_is_and_shows_how() -> None:
    found = evaluated(
        """
        map (option: option.name) (lib.filter
          (option:
            lib.hasPrefix "services.forage." option.name
            && option.visible && !option.internal
            && !(option ? description && (option ? example || option ? default)))
          (lib.optionAttrSetToDocList options.services.forage))
        """,
        demo=False,
    ).value

    assert found == []
