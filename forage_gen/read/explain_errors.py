"""Turns what pydantic finds into Forage's diagnostics."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, get_args, get_origin

from pydantic import BaseModel

from forage_gen.diagnostics import error
from forage_gen.read.source import holds_key
from forage_gen.values.text import closest, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydantic import ValidationError
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails
    from typing_extensions import TypeIs

    from forage_gen.diagnostics import Diagnostic, Location
    from forage_gen.read.locate import KeyPath

# What people call the types that pydantic names.
_TYPE_NAMES = {
    "string_type": "a string",
    "string_or_list_type": "a string or a list of strings",
    "int_type": "a whole number",
    "bool_type": "`true` or `false`",
    "list_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
}
_KINDS = {
    bool: "`true` or `false`",
    int: "a number",
    float: "a number with a fraction",
    str: "a string",
    list: "a list",
    dict: "a table",
    type(None): "null",
}
_LIMITS = {"greater_than_equal": ("ge", "at least"), "less_than_equal": ("le", "at most")}
_CONCEALED = "The value looks like a key itself, and is not shown here."


class Places(Protocol):
    """Something that knows where keys and values stand."""

    def key(self, path: KeyPath) -> Location:
        """Where the key at `path` is written."""
        ...

    def value(self, path: KeyPath) -> Location:
        """Where the value at `path` is written."""
        ...


def diagnose(
    failure: ValidationError, model: type[BaseModel], places: Places
) -> Iterator[Diagnostic]:
    """Yield one diagnostic for each error of a validation against `model`."""
    for details in failure.errors(include_url=False):
        found = _diagnose(details, model, places)
        yield conceal(found) if details.get("ctx", {}).get("sensitive") else found


def conceal(found: Diagnostic) -> Diagnostic:
    """Take the source line out of a diagnostic: it may hold a secret."""
    return replace(found, location=replace(found.location, source_line=""))


def suggest(word: str, known: Iterable[str], what: str) -> str:
    """Hint at the known name that was probably meant, or list all of them."""
    names = sorted(known)
    if close := closest(word, names):
        return f"Did you mean `{close}`?"
    return (
        f"{what} are {', '.join(map(shown, names))}." if names else f"{what}: there are none yet."
    )


def _diagnose(details: ErrorDetails, model: type[BaseModel], places: Places) -> Diagnostic:
    kind, path = details["type"], details["loc"]
    of_key = kind != "extra_forbidden" and path[-1:] == ("[key]",) and _has_free_names(model, path)
    path = path[:-1] if of_key else path
    name = next((part for part in reversed(path) if isinstance(part, str)), "")
    if kind == "extra_forbidden":
        hint = _which_key(name, model_at(model, path[:-1]))
        return error("unknown-key", f"There is no key {shown(name)} here.", hint, places.key(path))
    if kind == "missing":
        message = f"The key {shown(name)} is missing."
        return error("missing-key", message, _write(model, path), places.key(path[:-1]))
    code, message, hint = _about_value(details, name, model, path)
    return error(code, message, hint, places.key(path) if of_key else places.value(path))


def _about_value(
    details: ErrorDetails, name: str, model: type[BaseModel], path: KeyPath
) -> tuple[str, str, str]:
    """Word what is wrong with a value: code, message and hint."""
    kind, value, context = details["type"], details["input"], details.get("ctx", {})
    if kind == "literal_error":
        message = f"`{name}` is {_show(value)}, which is none of its values."
        return "bad-value", message, _which_value(value, literal_values(model, path))
    if kind in _TYPE_NAMES:
        of_list = bool(path) and isinstance(path[-1], int)
        what = f"Each item of {shown(name)}" if of_list else shown(name)
        message = f"{what} must be {_TYPE_NAMES[kind]}, not {describe(value)}."
        return "wrong-type", message, _write(model, path)
    if kind in _LIMITS:
        limit, words = _LIMITS[kind]
        message = f"`{name}` is {value}; it must be {words} {context[limit]}."
        return "out-of-range", message, _write(model, path)
    if kind == "too_short":
        return "empty-list", f"{shown(name)} needs an item.", _write(model, path)
    if isinstance(value, str) and holds_key(value) and not context.get("sensitive"):
        return kind, _CONCEALED, _write(model, path)
    return kind, details["msg"], str(context.get("hint") or _write(model, path))


def describe(value: object) -> str:
    """Name the type of a value as a person would, without the value: it may be a secret."""
    return _KINDS.get(type(value), "a date or time")


def _show(value: object) -> str:
    return shown(value) if isinstance(value, str) and not holds_key(value) else describe(value)


def model_at(model: type[BaseModel], path: KeyPath) -> type[BaseModel] | None:
    """Find the model that describes the table at `path` below `model`."""
    annotation = _annotation_at(model, path)
    return annotation if _is_model(annotation) else None


def literal_values(model: type[BaseModel], path: KeyPath) -> list[str]:
    """List the values that a key with a fixed choice accepts."""
    field = _field_at(model, path)
    return [str(value) for value in get_args(field.annotation)] if field else []


def _annotation_at(model: type[BaseModel], path: KeyPath) -> object:
    """Find the type of what is at `path` below `model`; None where nothing can be."""
    here: object = model
    for part in path:
        if _is_model(here):
            field = _field(here, str(part))
            here = field.annotation if field else None
        else:  # a list, or a table with free names: the last argument is its items' type
            here = next(iter(get_args(here)[::-1]), None)
    return here


def _has_free_names(model: type[BaseModel], path: KeyPath) -> bool:
    return get_origin(_annotation_at(model, path[:-2])) is dict


def _is_model(annotation: object) -> TypeIs[type[BaseModel]]:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _field(model: type[BaseModel], alias: str) -> FieldInfo | None:
    return next((f for f in model.model_fields.values() if f.alias == alias), None)


def _field_at(model: type[BaseModel], path: KeyPath) -> FieldInfo | None:
    """Find the field that `path` is the value of, or an item of the value of."""
    for depth in range(len(path), 0, -1):
        owner = model_at(model, path[: depth - 1])
        if owner and (field := _field(owner, str(path[depth - 1]))):
            return field
    return None


def _which_key(name: str, model: type[BaseModel] | None) -> str:
    known = [str(f.alias) for f in model.model_fields.values()] if model else []
    return suggest(name, known, "The keys here")


def _which_value(value: object, allowed: list[str]) -> str:
    close = closest(value, allowed) if isinstance(value, str) else None
    if close:
        return f"Did you mean `{close}`?"
    return "Write one of " + ", ".join(f'`"{choice}"`' for choice in allowed) + "."


def _write(model: type[BaseModel], path: KeyPath) -> str:
    """Hint at what to write for the key at `path`, by its example."""
    field = _field_at(model, path)
    if field is not None and field.examples and not _is_of_tables(field):
        return f"Write for example `{field.alias} = {toml_text(field.examples[0])}`."
    if field is not None:
        header = ".".join(str(part) for part in path)
        return f"Write its keys below a line {shown(f'[{header}]')}."
    return "Write it as docs/reference.md shows."


def _is_of_tables(field: FieldInfo) -> bool:
    """Whether the key is a table with keys of its own, or holds such tables by name."""
    if isinstance(field.default, BaseModel):
        return True
    example = field.examples[0] if field.examples else None
    return isinstance(example, dict) and any(isinstance(held, dict) for held in example.values())


def toml_text(value: object) -> str:
    """Write an example as TOML. Examples need no escapes."""
    match value:
        case bool():
            return str(value).lower()
        case list():
            return "[" + ", ".join(toml_text(item) for item in value) + "]"
        case dict():
            return "{ " + ", ".join(f"{k} = {toml_text(v)}" for k, v in value.items()) + " }"
        case str():
            return f'"{value}"'
        case _:
            return str(value)
