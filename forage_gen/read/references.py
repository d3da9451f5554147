"""Checks that what names something else in a project names something that exists.

It works on the tables as they were written: a mistake elsewhere in a file does not
keep a wrong name in it from being reported in the same run.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from forage_gen.diagnostics import error
from forage_gen.read.explain_errors import conceal, suggest
from forage_gen.read.source import holds_key
from forage_gen.values.packages import attribute_path, source_of
from forage_gen.values.problem import ValueProblem
from forage_gen.values.text import closest, shown

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from forage_gen.diagnostics import Diagnostic
    from forage_gen.read.explain_errors import Places
    from forage_gen.read.load import TemplateSource
    from forage_gen.read.locate import KeyPath
    from forage_gen.read.source import SourceFile, Table, Value

_MISSING = frozenset({"no-such-proxy", "no-such-secret", "no-such-source"})


def check_references(
    project: SourceFile | None, templates: Mapping[str, TemplateSource], known: Collection[str]
) -> Iterator[Diagnostic]:
    """Yield a finding for each name that leads nowhere, and each circle of `extends`.

    `known` are the templates that exist, among them those that cannot be read.
    """
    # A template of forage.json may stand in what cannot be read of it.
    are_known = project is None or project.is_whole or project.is_toml
    if are_known:
        yield from _parents(templates, known)
    yield from _cycles(templates)
    if project is not None:
        if are_known:
            yield from _templates_of_sandboxes(project, known)
        secrets = _tables(project.data, "secrets")
        sources = _tables(project.data, "sources")
        proxies = _tables(project.data, "proxies")
        found = [
            _secrets(project, _users(project.data, "proxies"), secrets),
            *(
                _proxies(project, ("sandboxes", name), sandbox, proxies)
                for name, sandbox in _tables(project.data, "sandboxes").items()
            ),
        ]
        for template in templates.values():
            found += [
                _secrets(template, _named_secrets(template.table), secrets),
                _proxies(template, (), template.table, proxies),
                _sources_of_packages(template, sources),
            ]
        # What is not there may stand in a statement that cannot be read.
        yield from (
            each
            for each in chain.from_iterable(found)
            if project.is_whole or each.code not in _MISSING
        )


def _templates_of_sandboxes(file: SourceFile, known: Collection[str]) -> Iterator[Diagnostic]:
    for name, sandbox in _tables(file.data, "sandboxes").items():
        template = sandbox.get("template") if isinstance(sandbox, dict) else None
        if isinstance(template, str) and template not in known:
            where = file.value(("sandboxes", name, "template"))
            hint = suggest(template, known, "The templates")
            message = f"There is no template {shown(template)}."
            yield error("no-such-template", message, hint, where)


def _parents(
    templates: Mapping[str, TemplateSource], known: Collection[str]
) -> Iterator[Diagnostic]:
    for source in templates.values():
        parent = source.parent
        if parent is not None and parent not in known:
            hint = suggest(parent, set(known) - {source.name}, "The other templates")
            message = f"There is no template {shown(parent)} to extend."
            yield error("no-such-parent", message, hint, source.value(("extends",)))


def _cycles(templates: Mapping[str, TemplateSource]) -> Iterator[Diagnostic]:
    """Report each circle once, at the template whose name sorts first."""
    for name in sorted(templates):
        circle = [name]
        while (parent := _parent(templates, circle[-1])) is not None and parent not in circle:
            circle.append(parent)
        if parent == name and name == min(circle):
            line = " → ".join(map(shown, [*circle, name]))
            message = f"The template {shown(name)} inherits from itself: {line}."
            hint = "Remove `extends` from one of them." if circle[1:] else "Remove `extends`."
            where = templates[name].value(("extends",))
            yield error("inheritance-cycle", message, hint, where)


def _parent(templates: Mapping[str, TemplateSource], name: str) -> str | None:
    return templates[name].parent if name in templates else None


def _proxies(places: Places, at: KeyPath, table: Value, known: Table) -> Iterator[Diagnostic]:
    """Check the APIs that a template or a sandbox uses."""
    used = table.get("proxies") if isinstance(table, dict) else None
    for index, name in enumerate(used if isinstance(used, list) else []):
        if isinstance(name, str) and name not in known:
            hint = suggest(name, known, "The proxies")
            if not known:
                hint = f"Describe the API in forage.toml, below {shown(f'[proxies.{name}]')}."
            where = places.value((*at, "proxies", index))
            yield error("no-such-proxy", f"There is no proxy {shown(name)}.", hint, where)


def _users(table: Table, key: str) -> Iterator[tuple[KeyPath, object]]:
    """Yield the secret that each table below a key names, with the place of its name."""
    for name, user in _tables(table, key).items():
        if isinstance(user, dict):
            yield (key, name, "secretName"), user.get("secretName")


def _named_secrets(template: Table) -> Iterator[tuple[KeyPath, object]]:
    """Yield every secret that a template names, with the place of its name."""
    yield from _users(template, "agents")
    key = "sshSecretName"
    yield ("agentIdentity", key), _tables(template, "agentIdentity").get(key)


def _secrets(
    places: Places, named: Iterable[tuple[KeyPath, object]], known: Table
) -> Iterator[Diagnostic]:
    for path, secret in named:
        if not isinstance(secret, str) or secret in known:
            continue
        where = places.value(path)
        if holds_key(secret):
            message = "This looks like a key itself; the value is not shown here."
            hint = (
                "Put the key into a file on the host, name the file in forage.toml below "
                "`[secrets]`, and write that name here."
            )
            yield conceal(error("secret-is-key", message, hint, where))
            continue
        close = closest(secret, sorted(known))
        line = shown(f'{secret} = "/run/secrets/{secret}"')
        hint = f"Did you mean {shown(close)}?" if close else f"Add it below `[secrets]`: {line}."
        yield error("no-such-secret", f"There is no secret {shown(secret)}.", hint, where)


def _sources_of_packages(source: TemplateSource, known: Table) -> Iterator[Diagnostic]:
    for path, text in _packages(source.table):
        name = _source_of(text)
        if name is not None and name not in known:
            message = f"There is no source {shown(name)}."
            hint = suggest(name, known, "The sources")
            if not known:
                hint = f"Add it to forage.toml, below {shown(f'[sources.{name}]')}."
            yield error("no-such-source", message, hint, source.value(path))


def _packages(template: Table) -> Iterator[tuple[KeyPath, str]]:
    """Yield every package that a template names, with the place of its name."""
    for name, agent in _tables(template, "agents").items():
        package = agent.get("package") if isinstance(agent, dict) else None
        if isinstance(package, str):
            yield ("agents", name, "package"), package
    extra = template.get("extraPackages")
    for index, package in enumerate(extra if isinstance(extra, list) else []):
        if isinstance(package, str):
            yield ("extraPackages", index), package


def _source_of(text: str) -> str | None:
    try:
        return source_of(attribute_path(text))
    except ValueProblem:
        return None  # that is found where values are checked


def _tables(table: Table, key: str) -> Table:
    below = table.get(key)
    return below if isinstance(below, dict) else {}
