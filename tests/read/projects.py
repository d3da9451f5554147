"""How these tests write projects, and mark the place where a finding is due."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING, NamedTuple

from forage_gen.diagnostics import InvalidProjectError
from forage_gen.read.load import load
from forage_gen.resolve.resolve import resolve

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from forage_gen.diagnostics import Diagnostic
    from forage_gen.resolve.resolve import Resolved

FORAGE = """\
user = "alice"

[secrets]
anthropic = "/run/secrets/anthropic"

[sandboxes.web]
template = "web"
workspace = "/srv/web"
"""
TEMPLATE = 'network = "none"\n'
GOOD = {"forage.toml": FORAGE, "templates/web.toml": TEMPLATE}


class Place(NamedTuple):
    """A stretch of a line, counted as diagnostics count."""

    line: int
    column: int
    end_column: int


def marked(text: str) -> tuple[str, Place]:
    """Take the markers out of a text in which «this» is marked, and say where it is."""
    before, _, rest = text.partition("«")
    inside, _, after = rest.partition("»")
    column = len(before) - (before.rfind("\n") + 1) + 1
    place = Place(before.count("\n") + 1, column, column + len(inside))
    return before + inside + after, place


def place_of(found: Diagnostic) -> Place:
    where = found.location
    return Place(where.line, where.column, where.end_column)


def text_at(found: Diagnostic) -> str:
    """What the caret of a diagnostic is under."""
    where = found.location
    return where.source_line[where.column - 1 : where.end_column - 1]


def write(root: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def resolved(root: Path, files: Mapping[str, str | bytes]) -> Resolved:
    """Write a project, and make its plan."""
    inputs = load(write(root, files))
    return resolve(inputs)


def findings(root: Path, files: Mapping[str, str | bytes]) -> list[Diagnostic]:
    """Write a project, and collect what is wrong with it; nothing if it is valid."""
    try:
        resolved(root, files)
    except InvalidProjectError as failure:
        for found in failure.diagnostics:
            check_sentences(found)
        return failure.diagnostics
    return []


def finding(root: Path, files: Mapping[str, str | bytes]) -> Diagnostic:
    """The one thing that is wrong with a project."""
    (only,) = findings(root, files)
    return only


def check_sentences(found: Diagnostic) -> None:
    """What every diagnostic owes its reader: a stable code, whole sentences, one line each."""
    assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", found.code)
    for sentence, ends in ((found.message, "."), (found.hint, ".?")):
        assert sentence[0].isupper() or sentence[0] == "`", sentence
        assert sentence[-1] in ends, sentence
        assert not re.search(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", sentence)


def as_json(files: Mapping[str, str]) -> dict[str, str]:
    """The same project as one JSON document."""
    document: dict[str, object] = tomllib.loads(files["forage.toml"])
    document["templates"] = {
        name.removeprefix("templates/").removesuffix(".toml"): tomllib.loads(text)
        for name, text in files.items()
        if name.startswith("templates/")
    }
    return {"forage.json": json.dumps(document, indent=2, ensure_ascii=False)}
