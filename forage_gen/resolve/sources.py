"""Checks of a source that need more than one of its keys, and its place in the plan."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from forage_gen.diagnostics import error
from forage_gen.resolve import plan as p
from forage_gen.resolve.pins import SECTION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from forage_gen.diagnostics import Diagnostic
    from forage_gen.read.load import Inputs
    from forage_gen.resolve.pins import Pin
    from forage_gen.schema.models import Source

# What both nix-prefetch-url (libarchive) and stdenv's unpackFile with unzip take
# (pkgs/stdenv/generic/setup.sh).
_ARCHIVE = re.compile(r"\.(tar\.gz|tar\.bz2|tar\.xz|tgz|tbz2?|txz|tar|zip)$")


def check_sources(inputs: Inputs) -> Iterator[Diagnostic]:
    """Yield every finding about the combination of a source's keys."""
    sources = inputs.sound_project.sources if inputs.sound_project else {}
    for name, source in sources.items():
        yield from _revision(name, source, inputs)
        yield from _address(name, source, inputs)
        yield from _program(name, source, inputs)


def plan_sources(inputs: Inputs, pins: Mapping[str, Pin]) -> tuple[p.Source, ...]:
    """Make the sources of the plan. Each has a pin that fits."""
    return tuple(
        _planned(name, source, pins[name], inputs)
        for name, source in sorted(inputs.project.sources.items())
    )


def _planned(name: str, source: Source, pin: Pin, inputs: Inputs) -> p.Source:
    archive = _ARCHIVE.search(source.url.path) if source.type == "tarball" else None
    return p.Source(
        name=name,
        type=p.SourceType(pin.type),
        url=pin.url,
        rev=pin.rev,
        hash=pin.hash,
        extension=archive[1] if archive else None,
        subpath=source.subpath,
        package=inputs.packages[source.package] if source.package else None,
    )


def _revision(name: str, source: Source, inputs: Inputs) -> Iterator[Diagnostic]:
    at = (SECTION, name)
    file = inputs.project_file
    if source.type == "git":
        if source.rev is None and source.ref is None:
            message = f"The source `{name}` has no `rev` and no `ref`."
            hint = 'Name a branch or tag: `ref = "refs/heads/main"`; or a commit, in `rev`.'
            yield error("missing-key", message, hint, file.key(at))
        elif source.rev is not None and source.ref is not None:
            message = "`rev` says which commit it is, so `ref` has no effect."
            yield error("rev-with-ref", message, "Remove one of them.", file.key((*at, "ref")))
        return
    for key, value in (("rev", source.rev), ("ref", source.ref)):
        if value is not None:
            message = (
                f'`{key}` has no effect: the source is no git repository, but a "{source.type}".'
            )
            hint = 'Remove it, or write `type = "git"` and the URL of a repository.'
            yield error("rev-without-git", message, hint, file.key((*at, key)))


def _address(name: str, source: Source, inputs: Inputs) -> Iterator[Diagnostic]:
    where = inputs.project_file.value((SECTION, name, "url"))
    if source.type == "git":
        if source.url.query:
            message = "The URL of a repository has no query."
            hint = "Remove what follows `?`; a branch or tag goes into `ref`."
            yield error("url-query", message, hint, where)
    elif source.url.scheme == "ssh":
        message = f'A source of type "{source.type}" cannot come over ssh.'
        hint = 'Write an `https://` URL, or `type = "git"` for a repository.'
        yield error("url-scheme", message, hint, where)
    elif source.type == "tarball" and not _ARCHIVE.search(source.url.path):
        message = "The path of the URL does not end as an archive's does."
        hint = (
            "Write the URL of a .tar, .tar.gz, .tar.bz2, .tar.xz or .zip; for a single file, write "
            '`type = "url"`.'
        )
        yield error("url-archive", message, hint, where)


def _program(name: str, source: Source, inputs: Inputs) -> Iterator[Diagnostic]:
    at = (SECTION, name)
    if source.type == "url":
        if source.subpath is not None:
            message = "`subpath` has no effect: the source is a single file."
            hint = 'Remove it, or write `type = "tarball"` for an archive.'
            yield error("subpath-of-file", message, hint, inputs.project_file.key((*at, "subpath")))
    elif source.subpath is None and source.package is None:
        message = f"Nothing says which file of the source `{name}` is the program."
        hint = (
            f'Name it, `subpath = "bin/{name}"`, or a Nix file that makes a package of the source, '
            f'`package = "packages/{name}.nix"`.'
        )
        yield error("missing-key", message, hint, inputs.project_file.key(at))
