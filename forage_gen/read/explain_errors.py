"""Turns what pydantic finds into Forage's diagnostics."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, Protocol, get_args

from pydantic import BaseModel

from forage_gen.diagnostics import Diagnostic, error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import ValidationError
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

    from forage_gen.diagnostics import Location
    from forage_gen.read.locate import KeyPath
    from forage_gen.read.source import Value

# What people call the types that pydantic names.
_TYPE_NAMES = {
    "string_type": "a string",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "`true` or `false`",
    "list_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
}


class Places(Protocol):
    """Something that knows where keys and values stand."""

    def key(self, path: KeyPath) -> Location:
        """Where the key at `path` is written."""
        ...

    def value(self, path: KeyPath) -> Location:
        """Where the value at `path` is written."""
        ...


def diagnose(
    failure: ValidationError, model: type[BaseModel], places: Places, *, above: KeyPath = ()
) -> Iterator[Diagnostic]:
    """Yield one diagnostic for each error of a validation against `model`.

    `above` is the path of the validated table in its file, where that is not the root.
    """
    for details in failure.errors(include_url=False):
        path = tuple(part for part in details["loc"] if part != "[key]")
        yield _diagnose(details, path, model, places, (*above, *path))


def _diagnose(
    details: ErrorDetails,
    path: KeyPath,
    model: type[BaseModel],
    places: Places,
    place: KeyPath,
) -> Diagnostic:
    kind = details["type"]
    context: dict[str, Any] = details.get("ctx", {})
    name = str(path[-1]) if path else ""
    if kind == "extra_forbidden":
        hint = _which_key(name, model_at(model, path[:-1]))
        return error("unknown-key", f"unknown key `{name}`", hint, places.key(place))
    if kind == "missing":
        message = f"the key `{name}` is missing"
        return error("missing-key", message, _write(name, model, path), places.key(place[:-1]))
    if kind == "literal_error":
        allowed = literal_values(model, path)
        message = f"`{name}` is {show(details['input'])}, which is none of its values"
        return error(
            "bad-value", message, _which_value(details["input"], allowed), places.value(place)
        )
    if kind in _TYPE_NAMES:
        message = f"`{name}` must be {_TYPE_NAMES[kind]}, not {describe(details['input'])}"
        return error("wrong-type", message, _write(name, model, path), places.value(place))
    if kind in {"greater_than_equal", "less_than_equal"}:
        limit = f"at least {context['ge']}" if "ge" in context else f"at most {context['le']}"
        message = f"`{name}` is {details['input']}; it must be {limit}"
        return error("out-of-range", message, _write(name, model, path), places.value(place))
    where = places.key if details["loc"][-1:] == ("[key]",) else places.value
    hint = str(context.get("hint") or _write(name, model, path))
    return error(kind, details["msg"], hint, where(place))


def describe(value: Value) -> str:
    """Name the type of a value as a person would, without the value: it may be a secret."""
    match value:
        case bool():
            return "a true or false"
        case int():
            return "a number"
        case float():
            return "a number with a fraction"
        case str():
            return "a string"
        case list():
            return "a list"
        case dict():
            return "a table"
        case None:
            return "null"
        case _:
            return "a date or time"


def show(value: Value) -> str:
    """Show a short value, or only its type."""
    if isinstance(value, str) and len(value) <= 40 and value.isprintable():  # noqa: PLR2004
        return f"`{value}`"
    return describe(value)


def model_at(model: type[BaseModel], path: KeyPath) -> type[BaseModel] | None:
    """Find the model that describes the table at `path` below `model`."""
    here: type[BaseModel] | None = model
    annotation: object = model
    for part in path:
        if here is not None:
            field = _field(here, str(part))
            annotation = field.annotation if field else None
        else:  # a table with free names: its values are described by the last type argument
            annotation = next(iter(get_args(annotation)[::-1]), None)
        here = annotation if _is_model(annotation) else None
    return here


def _is_model(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _field(model: type[BaseModel], alias: str) -> FieldInfo | None:
    return next((f for f in model.model_fields.values() if f.alias == alias), None)


def _field_at(model: type[BaseModel], path: KeyPath) -> FieldInfo | None:
    names = [part for part in path if isinstance(part, str)]
    while names:
        owner = model_at(model, tuple(names[:-1]))
        if owner and (field := _field(owner, names[-1])):
            return field
        names.pop()
    return None


def literal_values(model: type[BaseModel], path: KeyPath) -> list[str]:
    """List the values that a key with a fixed choice accepts."""
    field = _field_at(model, path)
    return [str(value) for value in get_args(field.annotation)] if field else []


def _which_key(name: str, model: type[BaseModel] | None) -> str:
    known = sorted(str(f.alias) for f in model.model_fields.values()) if model else []
    if close := closest(name, known):
        return f"did you mean `{close}`?"
    return "the keys here are " + ", ".join(f"`{key}`" for key in known)


def _which_value(value: object, allowed: list[str]) -> str:
    if close := closest(str(value), allowed):
        return f"did you mean `{close}`?"
    return "write one of " + ", ".join(f'`"{choice}"`' for choice in allowed)


def closest(name: str, known: list[str]) -> str | None:
    """Find the known name that `name` is most likely a misspelling of."""
    lowered = {candidate.lower().replace("_", "").replace("-", ""): candidate for candidate in known}
    plain = name.lower().replace("_", "").replace("-", "")
    close = difflib.get_close_matches(plain, lowered, n=1, cutoff=0.7)
    return lowered[close[0]] if close else None


def _write(name: str, model: type[BaseModel], path: KeyPath) -> str:
    field = _field_at(model, path)
    if field is None or not field.examples:
        return f"write `{name}` as docs/reference.md shows it"
    return f"write for example `{field.alias} = {_toml(field.examples[0])}`"


def _toml(value: Value) -> str:
    match value:
        case bool():
            return str(value).lower()
        case list():
            return "[" + ", ".join(_toml(item) for item in value) + "]"
        case dict():
            return "{ " + ", ".join(f"{k} = {_toml(v)}" for k, v in value.items()) + " }"
        case str():
            return f'"{value}"'
        case _:
            return str(value)
