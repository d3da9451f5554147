"""Packages: attribute paths below nixpkgs, and `sources.NAME` for what the project pins.

The grammar is that of Nix's own attribute paths (Nix manual, "Language",
"Identifiers" and "Attribute selection"), without what is computed: names, and
strings without `${`.

    ripgrep        python3Packages.requests        nodePackages."@angular/cli"
"""

import re
from typing import TypeAlias

from forage_gen.values.problem import ValueProblem
from forage_gen.values.text import refuse_unsafe, shown

AttributePath: TypeAlias = tuple[str, ...]

SOURCES = "sources"
"""The first component of a path that leads to a source. nixpkgs has no such attribute."""

ATTRIBUTE_PATH_MAX = 255
"""The most characters of a path. Nothing in nixpkgs comes near."""

_IDENTIFIER = r"[A-Za-z_][A-Za-z0-9_'-]*"
_PLAIN = re.compile(rf"{_IDENTIFIER}(?:\.{_IDENTIFIER})*")
# A component: a bare name, or a string in which `\` escapes `"`, `\` and `$`.
_COMPONENT = re.compile(rf'({_IDENTIFIER})|"((?:[^"\\]|\\["\\$])+)"')
_ESCAPE = re.compile(r'\\(["\\$])')
_VERSION = re.compile(r"([A-Za-z0-9_.'-]*[A-Za-z0-9_])\s*(?:[=<>~!]=?|@|\^)[^\"]*")
_FLAKE = re.compile(r"[^\s\"#]+#([^#]*)")
_PACKAGES_OF = re.compile(r"[^a-z]*with\s+pkgs\s*;")

# Nix's keywords, and the words that name a value where a name is expected.
# `or` is a keyword after an attribute path only, and read oddly there.
_KEYWORDS = frozenset({"assert", "else", "if", "in", "inherit", "let", "or", "rec", "then", "with"})


def attribute_path(text: str) -> AttributePath:
    """Read the attribute path of a package.

    Args:
        text: The path below nixpkgs, without `pkgs.`.

    Returns:
        Its components, without quotes and escapes.

    Raises:
        ValueProblem: It is no attribute path, or one that nixpkgs cannot have.
    """
    if _PLAIN.fullmatch(text) and len(text) <= ATTRIBUTE_PATH_MAX:
        path = tuple(text.split("."))
    else:
        _refuse_other_notations(text)
        path = _components(text)
    if path[0] in ("pkgs", "nixpkgs") and len(path) > 1:
        raise ValueProblem(
            code="package-prefix",
            message=f"{shown(text)} begins with `{path[0]}`, which is implied.",
            hint=f"Write {shown(text.partition('.')[2])}.",
        )
    keyword = next((part for part in _bare(text) if part in _KEYWORDS), None)
    if keyword is not None:
        raise ValueProblem(
            code="package-keyword",
            message=f"{shown(text)} contains `{keyword}`, which is a word of the Nix language.",
            hint=f'Write the name in quotes, `"{keyword}"`, if a package is really called that.',
        )
    if path[0] == SOURCES:
        _check_source(path, text)
    return path


def source_of(path: AttributePath) -> str | None:
    """The name of the source that a path leads to; None for a package of nixpkgs."""
    return path[1] if path[0] == SOURCES else None


def _check_source(path: AttributePath, text: str) -> None:
    whole = len(path) == 2  # noqa: PLR2004  `sources` and the name
    if not whole:
        name = path[1] if path[1:] else "NAME"
        raise ValueProblem(
            code="package-source",
            message=f"{shown(text)} is no source: a source's package is `{SOURCES}.NAME`.",
            hint=f"Write {shown(f'{SOURCES}.{name}')}.",
        )


def format_attribute_path(path: AttributePath) -> str:
    """Write an attribute path as Nix reads it, with quotes where they are needed."""
    return ".".join(map(_formatted, path))


def _formatted(part: str) -> str:
    if re.fullmatch(_IDENTIFIER, part) and part not in _KEYWORDS:
        return part
    escaped = part.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    return f'"{escaped}"'


def _refuse_other_notations(text: str) -> None:
    """Refuse how packages are named elsewhere, with the name in it as a hint."""
    if text.strip() == "":
        raise ValueProblem(
            code="package-empty",
            message="The package has no name.",
            hint="Write an attribute path of nixpkgs, such as `ripgrep`.",
        )
    refuse_unsafe(text, "package-control-character", "a package")
    if len(text) > ATTRIBUTE_PATH_MAX:
        raise ValueProblem(
            code="package-too-long",
            message=f"{shown(text)} is longer than {ATTRIBUTE_PATH_MAX} characters.",
            hint="Write one package in each entry of the list.",
        )
    flake = _FLAKE.fullmatch(text)
    if flake:
        raise ValueProblem(
            code="package-flake",
            message=f"{shown(text)} is a reference to a flake; packages come from the nixpkgs that"
            " the host pins.",
            hint=_hint(flake[1]),
        )
    version = _VERSION.fullmatch(text)
    if version:
        raise ValueProblem(
            code="package-version",
            message=f"{shown(text)} asks for a version; nixpkgs has one version under each name.",
            hint=_hint(version[1]),
        )
    if _PACKAGES_OF.match(text) or ("${" in text):
        raise ValueProblem(
            code="package-expression",
            message=f"{shown(text)} is a Nix expression, not the name of a package.",
            hint="Write an attribute path of nixpkgs, such as `ripgrep`.",
        )
    if " " in text and '"' not in text:
        raise ValueProblem(
            code="package-space",
            message=f"{shown(text)} contains a space.",
            hint="Write one package in each entry of the list."
            if len(text.split()) > 1
            else _hint(text.strip()),
        )


def _hint(name: str) -> str:
    if _PLAIN.fullmatch(name) and _KEYWORDS.isdisjoint(name.split(".")) and "pkgs." not in name:
        return f"Write {shown(name)}."
    return "Write an attribute path of nixpkgs, such as `ripgrep`."


def _components(text: str) -> AttributePath:
    parts: list[str] = []
    position = 0
    while True:
        match = _COMPONENT.match(text, position)
        if match is None:
            raise _invalid(text)
        parts.append(match[1] or _ESCAPE.sub(r"\1", match[2]))
        position = match.end()
        if position == len(text):
            return tuple(parts)
        if text[position] != ".":
            raise _invalid(text)
        position += 1


def _bare(text: str) -> list[str]:
    """The components that are written without quotes."""
    return text.split(".") if '"' not in text else [m[1] for m in _COMPONENT.finditer(text) if m[1]]


def _invalid(text: str) -> ValueProblem:
    return ValueProblem(
        code="package-invalid",
        message=f"{shown(text)} is not an attribute path of nixpkgs.",
        hint="Write names with dots between them, such as `python3Packages.requests`; other"
        ' characters need quotes, as in `nodePackages."@angular/cli"`.',
    )
