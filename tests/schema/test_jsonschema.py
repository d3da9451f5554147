"""The JSON Schemas say what the models say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest
from jsonschema import Draft202012Validator

from forage_gen.schema.jsonschema import json_schema
from tests.read.projects import as_json

if TYPE_CHECKING:
    from forage_gen.schema.jsonschema import Json

DEMO = Path(__file__).parents[2] / "examples" / "demo"
Which = Literal["forage", "template"]
BOTH: tuple[Which, ...] = ("forage", "template")


def validator(which: Which) -> Draft202012Validator:
    return Draft202012Validator(json_schema(which))


@pytest.mark.parametrize("which", BOTH)
def test_it_is_a_schema(which: Which) -> None:
    schema = json_schema(which)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert str(schema["title"]).startswith("Forage")


def test_the_example_is_valid() -> None:
    validator("forage").validate(tomllib.loads((DEMO / "forage.toml").read_text()))
    templates = sorted(DEMO.glob("templates/*.toml"))
    assert len(templates) > 1
    for path in templates:
        validator("template").validate(tomllib.loads(path.read_text()))


def test_the_example_as_one_json_document_is_valid() -> None:
    files = [DEMO / "forage.toml", *DEMO.glob("templates/*.toml")]
    written = as_json({str(path.relative_to(DEMO)): path.read_text() for path in files})
    document = json.loads(written["forage.json"])
    validator("forage").validate(document)
    document["templates"]["claude"]["netwrok"] = "none"
    assert not validator("forage").is_valid(document)


@pytest.mark.parametrize(
    ("which", "document"),
    [
        ("forage", {"user": "a", "usr": "a"}),
        ("forage", {}),
        ("forage", {"user": 5}),
        ("forage", {"user": "a", "sandboxes": {"x": {"template": "t"}}}),
        ("forage", {"user": "a", "allowFindings": {"no-limits": 5}}),
        ("forage", {"user": "a", "templates": {"x": {"netwrok": "none"}}}),
        ("template", {"netwrok": "none"}),
        ("template", {"network": "restrictd"}),
        ("template", {"nix_daemon": True}),
        ("template", {"agents": {"x": {"pakage": "hello"}}}),
        ("template", {"resourceLimits": {"tasksMax": "512"}}),
        ("template", {"isolation": {"syscallFilter": [5]}}),
        ("template", {"workspace": {"mounts": {"x": {"readonly": True}}}}),
    ],
)
def test_what_is_no_project_is_not_valid(which: Which, document: object) -> None:
    assert not validator(which).is_valid(document)


def tables(schema: Json) -> list[dict[str, Json]]:
    """Every table with fixed keys, however deep."""
    if not isinstance(schema, dict):
        return []
    own = [schema] if isinstance(schema.get("properties"), dict) else []
    return [*own, *(table for below in schema.values() for table in tables(below))]


@pytest.mark.parametrize("which", BOTH)
def test_no_table_takes_unknown_keys(which: Which) -> None:
    assert all(table["additionalProperties"] is False for table in tables(json_schema(which)))


@pytest.mark.parametrize("which", BOTH)
def test_every_key_has_a_meaning_and_every_value_an_example_that_is_valid(which: Which) -> None:
    schema = json_schema(which)
    for table in tables(schema):
        keys = table["properties"]
        assert isinstance(keys, dict)
        for key in keys.values():
            assert isinstance(key, dict)
            # What a key shares with its table is said there.
            assert "description" in key or "$ref" in key
            examples = key.get("examples", [])
            assert isinstance(examples, list)
            is_table = "$ref" in key or key.get("type") == "object"
            assert examples or is_table
            for example in examples:
                Draft202012Validator({"$defs": schema["$defs"], **key}).validate(example)


def test_keys_are_in_camel_case() -> None:
    every = [table["properties"] for which in BOTH for table in tables(json_schema(which))]
    names = [name for keys in every if isinstance(keys, dict) for name in keys]
    assert len(names) > 40
    assert all(name.isalnum() and name[0].islower() for name in names)


def test_every_run_prints_the_same_bytes() -> None:
    program = (
        "import json; from forage_gen.schema.jsonschema import json_schema as schema;"
        "print(json.dumps([schema('forage'), schema('template')]))"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(printed) == 1
    assert json.loads(printed.pop()) == [json_schema("forage"), json_schema("template")]
