"""JSON Schemas of the two kinds of file, for editors.

They say what the models say, by way of pydantic: types, names, defaults, meaning
and examples. The grammars of single values are too rich for JSON Schema; there it
is coarser than forage-gen, but never refuses what forage-gen accepts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from forage_gen.schema.models import Project, Template

if TYPE_CHECKING:
    from pydantic_core import core_schema

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_DOCUMENTS: dict[str, tuple[type[BaseModel], str]] = {
    "forage": (Project, "Forage: forage.toml"),
    "template": (Template, "Forage: templates/*.toml"),
}


TEMPLATES_MEANING = (
    "The templates, by name. In forage.json only: beside forage.toml, each is a file of its own, "
    "templates/NAME.toml."
)


class _Generator(GenerateJsonSchema):
    """Leaves out what pydantic makes up: titles from keys, and defaults from models."""

    def field_title_should_be_set(self, _schema: object) -> bool:
        return False

    def encode_default(self, dft: object) -> Json:
        # A table that is left out means the same as one without keys.
        return {} if isinstance(dft, BaseModel) else super().encode_default(dft)

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        # Pydantic lets a name of another form have any value at all.
        described = super().dict_schema(schema)
        if described.pop("patternProperties", None):
            described["additionalProperties"] = self.generate_inner(schema["values_schema"])
            described["propertyNames"] = self.generate_inner(schema["keys_schema"])
        return described


def json_schema(which: Literal["forage", "template"]) -> dict[str, Json]:
    """Describe `forage.toml` or a template in JSON Schema, draft 2020-12."""
    model, title = _DOCUMENTS[which]
    described = model.model_json_schema(schema_generator=_Generator)
    if model is Project:
        described = _with_templates(described)
    return {"$schema": DIALECT, **described, "title": title}


def _with_templates(project: dict[str, Json]) -> dict[str, Json]:
    """Add the key that only forage.json has: there, templates have no files of their own."""
    template = Template.model_json_schema(schema_generator=_Generator)
    tables = {**as_table(project["$defs"]), **as_table(template.pop("$defs")), "Template": template}
    name = as_table(as_table(as_table(tables["Sandbox"])["properties"])["template"])
    templates: Json = {
        "type": "object",
        "additionalProperties": {"$ref": "#/$defs/Template"},
        "propertyNames": {key: name[key] for key in ("type", "title", "pattern")},
        "default": {},
        "examples": [{"claude": {"extends": "base", "network": "restricted"}}],
        "description": TEMPLATES_MEANING,
    }
    return {
        **project,
        "$defs": tables,
        "properties": {**as_table(project["properties"]), "templates": templates},
    }


def as_table(value: Json) -> dict[str, Json]:
    """Take a part of a schema for the table that it is; an empty one if it is none."""
    return value if isinstance(value, dict) else {}


def as_items(value: Json) -> list[Json]:
    """Take a part of a schema for the list that it is; an empty one if it is none."""
    return value if isinstance(value, list) else []
