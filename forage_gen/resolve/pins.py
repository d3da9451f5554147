"""Pins: what `forage.lock` says of the project's sources, and whether it still fits them.

A pin repeats the definition that it was made from. So a build can tell that a source
was changed since, and whoever reviews a lock sees where its contents come from.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from forage_gen.diagnostics import error
from forage_gen.read.explain_errors import describe
from forage_gen.schema.models import SourceType
from forage_gen.values.problem import ValueProblem
from forage_gen.values.sources import git_ref, git_rev, source_url
from forage_gen.values.text import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from forage_gen.diagnostics import Diagnostic
    from forage_gen.read.load import Inputs
    from forage_gen.read.source import SourceFile, Value
    from forage_gen.schema.models import Source

SECTION = "sources"

# Subresource Integrity, https://www.w3.org/TR/SRI/: the form that Nix calls SRI.
SRI = re.compile(r"sha256-[A-Za-z0-9+/]{43}=")

_DELETE = "Delete the line; `forage-gen lock` fetches the source anew."
_LOCK = "Run `forage-gen lock`, and commit forage.lock."


@dataclass(frozen=True, slots=True)
class Pin:
    """One source at one content.

    Attributes:
        type, url, ref: As in the definition; `ref` is None where a `rev` was written.
        rev: Of a git repository: the full hash of the commit.
        hash: SHA-256 in SRI form: of the file (`url`), else of the unpacked directory as a
            Nix archive.
    """

    type: SourceType
    url: str
    ref: str | None
    rev: str | None
    hash: str

    def fits(self, source: Source) -> bool:
        """Whether it was made from this definition."""
        moved = source.rev is not None and source.rev != self.rev
        same = (self.type, self.url, self.ref) == (source.type, source.url.text, source.ref)
        return same and not moved

    def render(self) -> str:
        """Write it as an inline table. A JSON string of ASCII is a TOML string as well."""
        known = {"type": self.type, "url": self.url, "ref": self.ref, "rev": self.rev}
        fields = {name: text for name, text in known.items() if text is not None}
        fields["hash"] = self.hash
        return f"{{ {', '.join(f'{key} = {json.dumps(text)}' for key, text in fields.items())} }}"


def render_pins(pins: Mapping[str, Pin]) -> str:
    """Write the lock's section, one line a source, sorted. Without a pin there is none."""
    lines = "".join(f"{name} = {pin.render()}\n" for name, pin in sorted(pins.items()))
    return f"\n[{SECTION}]\n{lines}" if lines else ""


def _type(text: str) -> SourceType:
    kinds: tuple[SourceType, ...] = get_args(SourceType)
    found = next((kind for kind in kinds if kind == text), None)
    if found is None:
        raise ValueProblem(
            code="lock-damaged", message=f"{shown(text)} is no type of source.", hint=_DELETE
        )
    return found


def _hash(text: str) -> str:
    if not SRI.fullmatch(text):
        raise ValueProblem(
            code="lock-damaged", message=f"{shown(text)} is no SHA-256 hash.", hint=_DELETE
        )
    return text


_READERS: Mapping[str, Callable[[str], object]] = {
    "type": _type,
    "url": source_url,
    "ref": git_ref,
    "rev": git_rev,
    "hash": _hash,
}


def read_pins(file: SourceFile, found: list[Diagnostic]) -> dict[str, Pin]:
    """Read the lock's section. What is wrong with it is added to `found`."""
    table = file.data.get(SECTION, {})
    if not isinstance(table, dict):
        message = f"`{SECTION}` must be a table, not {describe(table)}."
        found.append(error("lock-damaged", message, _DELETE, file.value((SECTION,))))
        return {}
    pins = {}
    for name, value in table.items():
        try:
            pins[name] = _pin(value)
        except ValueProblem as problem:
            message = f"{shown(name)} is nothing that forage-gen wrote: {problem.message}"
            found.append(error("lock-damaged", message, _DELETE, file.value((SECTION, name))))
    return pins


def _pin(value: Value) -> Pin:
    table = value if isinstance(value, dict) else {}
    given = {key: text for key, text in table.items() if isinstance(text, str) and key in _READERS}
    if len(given) < len(table) or not {"type", "url", "hash"} <= given.keys():
        raise ValueProblem(
            code="lock-damaged", message="Its keys are not those of a pin.", hint=_DELETE
        )
    for key, text in given.items():
        _READERS[key](text)
    kind = _type(given["type"])
    if (kind == "git") != ("rev" in given) or ("ref" in given and kind != "git"):
        raise ValueProblem(
            code="lock-damaged", message="A commit belongs to a git repository.", hint=_DELETE
        )
    return Pin(kind, given["url"], given.get("ref"), given.get("rev"), given["hash"])


def check_pins(inputs: Inputs, pins: Mapping[str, Pin]) -> Iterator[Diagnostic]:
    """Yield a finding for each source that is not pinned, or was changed since."""
    sources = inputs.sound_project.sources if inputs.sound_project else {}
    for name, source in sources.items():
        where = inputs.project_file.key((SECTION, name))
        pin = pins.get(name)
        if pin is None:
            message = f"The source `{name}` is not in forage.lock: nobody has said what it holds."
            yield error("source-not-locked", message, _LOCK, where)
        elif not pin.fits(source):
            message = f"The source `{name}` was changed since forage.lock was written."
            yield error("source-changed", message, _LOCK, where)
