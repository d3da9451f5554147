"""The project's sources: fixed-output fetchers, and the packages that are made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from forage_gen.artifact import Artifact
from forage_gen.emit.render import render
from forage_gen.quote import nix as q
from forage_gen.resolve.plan import SourceType
from forage_gen.values.sources import store_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forage_gen.quote.nix import NixToken
    from forage_gen.resolve import plan as p

PATH = "sources.nix"

# Fetchers of nixpkgs whose hash is what the prefetch scripts print: that of the file for
# `fetchurl`, that of the unpacked directory for the others (nixpkgs manual, "Fetchers").
_FETCHERS = {
    SourceType.URL: "fetchurl",
    SourceType.TARBALL: "fetchzip",
    SourceType.GIT: "fetchgit",
}


@dataclass(frozen=True, slots=True)
class _Argument:
    name: NixToken
    value: NixToken


@dataclass(frozen=True, slots=True)
class _Source:
    """One source: `file` is what is used of it, `package` the Nix file that takes it."""

    name: NixToken
    text: NixToken
    fetcher: NixToken
    arguments: tuple[_Argument, ...]
    file: NixToken
    package: NixToken | None


def artifacts(plan: p.Plan) -> Iterator[Artifact]:
    """Yield `sources.nix`, and the Nix files that it calls. Without a source, nothing."""
    if not plan.sources:
        return
    sources = [_source(source) for source in plan.sources]
    text = render(
        q.NixToken,
        "nix/sources.nix.j2",
        sources=sources,
        programs=[source for source in sources if source.package is None],
        packages=[source for source in sources if source.package is not None],
    )
    yield Artifact(PATH, text.encode())
    for source in plan.sources:
        if source.package is not None:
            yield Artifact(source.package_file, source.package.encode())


def _source(source: p.Source) -> _Source:
    return _Source(
        name=q.attr_name(source.name),
        text=q.string(source.name),
        fetcher=q.attr_name(_FETCHERS[source.type]),
        arguments=tuple(_arguments(source)),
        file=_file(source),
        package=None if source.package is None else q.path_literal(f"./{source.package_file}"),
    )


def _arguments(source: p.Source) -> Iterator[_Argument]:
    yield _argument("name", q.string(store_name(source.name)))
    yield _argument("url", q.string(source.url))
    if source.rev is not None:
        yield _argument("rev", q.string(source.rev))
        # nix-prefetch-git leaves them out unless asked, fetchgit does not.
        yield _argument("fetchSubmodules", q.boolean(value=False))
    if source.extension is not None:
        # fetchzip goes by the last part of the URL, which may be a query.
        yield _argument("extension", q.string(source.extension))
    yield _argument("hash", q.string(source.hash))


def _argument(name: str, value: NixToken) -> _Argument:
    return _Argument(q.attr_name(name), value)


def _file(source: p.Source) -> NixToken:
    fetched = q.attr_path(("fetched", source.name))
    return fetched if source.subpath is None else q.below(fetched, source.subpath)
