"""From the JSON of a firefly-forage template to the TOML of one of Forage's."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import TYPE_CHECKING

from forage_gen import catalogue
from forage_gen.diagnostics import Diagnostic, InvalidProjectError, Location, Severity, error
from forage_gen.importer.keys import NAME, TEMPLATE_KEYS, Key, key_at, keys_below
from forage_gen.importer.render import Leaf, Note, template_text
from forage_gen.layout import PROJECT_TOML
from forage_gen.read.explain_errors import describe, suggest
from forage_gen.read.load import TemplateSource
from forage_gen.read.references import check_references
from forage_gen.read.source import SourceFile, UnreadableError, holds_key, read_source
from forage_gen.resolve.combinations import check_template
from forage_gen.resolve.inherit import merge_templates
from forage_gen.values.names import template_name
from forage_gen.values.problem import ValueProblem
from forage_gen.values.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from forage_gen.read.locate import KeyPath
    from forage_gen.read.source import Table, Value

# What to do about a file that cannot be read, where the reader's own hint is about projects.
_HINTS = {
    "file-not-found": "Name the JSON file of a template, such as "
    "/etc/firefly-forage/templates/claude.json.",
    "file-empty": "Name the JSON file of a template that firefly-forage's module wrote.",
    "wrong-type": 'A template is an object: `{ "name": "claude", "agents": ... }`.',
}
_WRITE_NAME = 'Write a name into the file: `"name": "claude"`.'


@dataclass(frozen=True, slots=True)
class Imported:
    """A template of Forage's: its name, its text, and what was left behind on the way."""

    name: str
    text: str
    left_behind: list[Diagnostic]


def import_template(path: Path) -> Imported:
    """Convert the template in the JSON file at `path`.

    Raises:
        InvalidProjectError: the file cannot be read, has keys that firefly-forage does not
            know, or makes no template that builds.
        EnvironmentFailureError: the system does not let us read it.
    """
    file = _read(path)
    conversion = _Conversion(file)
    conversion.run()
    name = _name(file)
    found = [*conversion.found, *_check(name, file, conversion)]
    if found:
        raise InvalidProjectError(found)
    left = conversion.left_behind
    return Imported(
        name,
        template_text(name, conversion.ordered(), left),
        [_warning(note, file) for note in left],
    )


def _read(path: Path) -> SourceFile:
    name = str(path)
    if path.suffix != ".json":
        message = f"{shown(name)} does not end in `.json`."
        hint = "Name the JSON file of a template; TOML templates need no import."
        raise InvalidProjectError([error("not-json", message, hint, Location(name, 1, 1, 2, ""))])
    try:
        return read_source(path, name)
    except UnreadableError as failure:
        found = failure.diagnostic
        raise UnreadableError(replace(found, hint=_HINTS.get(found.code, found.hint))) from failure


def _name(file: SourceFile) -> str:
    """Find the template's name: as written, or the file's own, as firefly-forage does."""
    written = file.data.get("name")
    name = PurePath(file.name).stem if written in (None, "") else written
    where = file.value(("name",))
    if not isinstance(name, str):
        message = f"`name` must be a string, not {describe(name)}."
        raise InvalidProjectError([error("wrong-type", message, _WRITE_NAME, where)])
    try:
        return template_name(name)
    except ValueProblem as problem:
        raise InvalidProjectError(
            [error(problem.code, problem.message, problem.hint, where)]
        ) from None


@dataclass
class _Conversion:
    """Goes through a file, and collects the values that Forage has a key for."""

    file: SourceFile
    leaves: dict[tuple[str, ...], Leaf] = field(default_factory=dict)
    found: list[Diagnostic] = field(default_factory=list)
    left_behind: list[Note] = field(default_factory=list)

    def run(self) -> None:
        """Convert everything."""
        self._walk(self.file.data, ())
        self._leave_mounts_of_repositories()
        self._leave_hosts_without_effect()
        self._write_defaults()
        self._write_auth()

    def ordered(self) -> list[Leaf]:
        """List the values in the order in which they are written."""
        return sorted(self.leaves.values(), key=lambda leaf: TEMPLATE_KEYS.index(leaf.key))

    def table(self) -> Table:
        """Lay the values out as a template's table."""
        table: Table = {}
        for agent in self._names("agents"):
            _put(table, ("agents", agent), {})
        for leaf in self.ordered():
            _put(table, leaf.target, leaf.value)
        return table

    def _walk(self, table: Table, at: KeyPath) -> None:
        for name, value in table.items():
            path = (*at, name)
            key = key_at(path)
            if key is not None:
                self._take(key, path, value)
            elif not keys_below(path):
                self._refuse_unknown(name, path)
            elif isinstance(value, dict):
                self._walk(value, path)
            elif value is not None:
                message = f"{shown(name)} must be an object, not {describe(value)}."
                hint = f"Its keys are {', '.join(map(shown, keys_below(path)))}."
                self.found.append(error("wrong-type", message, hint, self.file.value(path)))

    def _take(self, key: Key, path: KeyPath, value: Value) -> None:
        if value in (None, "") or (key.zero_is_unset and value == 0 and value is not False):
            return
        if key.becomes is None:
            if key.told and value not in (False, [], {}):
                self._leave(path, key.note)
            return
        target = key.target(path)
        is_package = target[-1] in {"package", "extraPackages"}
        self.leaves[target] = Leaf(key, target, path, _package(value) if is_package else value)

    def _leave(self, path: KeyPath, why: str) -> None:
        self.left_behind.append(Note(path, why))

    def _refuse_unknown(self, name: str, path: KeyPath) -> None:
        message = f"firefly-forage has no key {shown(name)} here."
        hint = suggest(name, keys_below(path[:-1]), "The keys here")
        self.found.append(error("unknown-key", message, hint, self.file.key(path)))

    def _names(self, key: str) -> list[str]:
        table = self.file.data.get(key)
        return list(table) if isinstance(table, dict) else []

    def _leave_mounts_of_repositories(self) -> None:
        for name in self._names("workspaceMounts"):
            at = ("workspace", "mounts", name)
            if (*at, "hostPath") in self.leaves:
                continue
            self.leaves = {path: leaf for path, leaf in self.leaves.items() if path[:3] != at}
            self._leave(("workspaceMounts", name), "It has no `hostPath`, the path to mount.")

    def _leave_hosts_without_effect(self) -> None:
        network = self.leaves.get(("network",))
        hosts = self.leaves.get(("allowedHosts",))
        if hosts is None or (network is not None and network.value == "restricted"):
            return
        del self.leaves["allowedHosts",]
        if hosts.value != []:
            self._leave(("allowedHosts",), "It has an effect in `restricted` only, there as here.")

    def _write_defaults(self) -> None:
        """Write down what they take for granted, where we take something else."""
        for key in (key for key in TEMPLATE_KEYS if key.default is not None):
            for above in self._tables_with(key):
                path = (*above, key.path[-1])
                target = key.target(path)
                self.leaves.setdefault(target, Leaf(key, target, path, key.default))
        with_directory = {path[:2] for path in self.leaves if path[2:] == ("hostConfigDir",)}
        for path in [path for path in self.leaves if path[2:] == ("hostConfigDirReadOnly",)]:
            if path[:2] not in with_directory:
                del self.leaves[path]

    def _write_auth(self) -> None:
        """Keep a key inside if its agent is unknown: the proxy cannot add it to what it asks."""
        for secret in [leaf for leaf in self.leaves.values() if leaf.target[2:] == ("secretName",)]:
            agent = secret.target[:2]
            package = self.leaves.get((*agent, "package"))
            kind = catalogue.BY_PACKAGE.get(str(package.value)) if package else None
            if kind is None:
                target = (*agent, "auth")
                self.leaves[target] = Leaf(secret.key, target, secret.source, "wrapper")
                continue
            # It is what they all write, and would have the program ask about the key that is not.
            variable = (*agent, "authEnvVar")
            if variable in self.leaves and self.leaves[variable].value == kind.auth_env_var:
                del self.leaves[variable]

    def _tables_with(self, key: Key) -> set[KeyPath]:
        """List the tables of the file that a default applies to: those that are carried over."""
        if NAME not in key.path:
            return {()}
        return {
            leaf.source[:-1] for leaf in self.leaves.values() if leaf.key.path[:-1] == key.path[:-1]
        }


@dataclass(frozen=True)
class _Places(TemplateSource):
    """A template that knows its values' places in the file that it was imported from."""

    sources: Mapping[KeyPath, KeyPath] = field(default_factory=dict)

    def key(self, path: KeyPath) -> Location:
        return self.file.key(self._source(path))

    def value(self, path: KeyPath) -> Location:
        return self.file.value(self._source(path))

    def _source(self, path: KeyPath) -> KeyPath:
        for depth in range(len(path), 0, -1):
            if path[:depth] in self.sources:
                return (*self.sources[path[:depth]], *path[depth:])
        return path


def _check(name: str, file: SourceFile, conversion: _Conversion) -> Iterator[Diagnostic]:
    """Yield what would be wrong with the template, at the places of the file."""
    sources: dict[KeyPath, KeyPath] = {}
    for leaf in conversion.leaves.values():
        for depth in range(1, len(leaf.target) + 1):
            above = leaf.source[: len(leaf.source) - len(leaf.target) + depth]
            sources.setdefault(leaf.target[:depth], above)
    source = _Places(name, file, (), conversion.table(), sources=sources)
    # forage.toml is yet to be written, so every secret counts as there that may be one's name.
    secrets = {
        str(leaf.value): ""
        for leaf in conversion.leaves.values()
        if leaf.target[-1] == "secretName" and not holds_key(str(leaf.value))
    }
    project = SourceFile(PROJECT_TOML, "", {"secrets": {**secrets}})
    yield from check_references(project, {name: source}, {name})
    merged, found = merge_templates({name: source})
    yield from found
    for template in merged.values():
        yield from check_template(template, None)


def _warning(note: Note, file: SourceFile) -> Diagnostic:
    message = f"{note.what} is not carried over."
    where = file.key(note.path)
    return Diagnostic(Severity.WARNING, "not-carried", message, note.why, where)


def _put(table: Table, path: tuple[str, ...], value: Value) -> None:
    for part in path[:-1]:
        below = table.setdefault(part, {})
        if isinstance(below, dict):
            table = below
    table[path[-1]] = value


def _package(value: Value) -> Value:
    if isinstance(value, list):
        return [_package(item) for item in value]
    return value.removeprefix("pkgs.") if isinstance(value, str) else value
