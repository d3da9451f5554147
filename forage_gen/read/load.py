"""Reads a whole project: its files, checked value by value, and their references."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from forage_gen.diagnostics import (
    EnvironmentFailureError,
    InvalidProjectError,
    Location,
    error,
)
from forage_gen.layout import LOCK, PROJECT_JSON, PROJECT_TOML, TEMPLATES
from forage_gen.read.explain_errors import conceal, describe, diagnose
from forage_gen.read.references import check_references
from forage_gen.read.source import SourceFile, UnreadableError, read_source, read_text
from forage_gen.schema.fields import PROJECT_DIRECTORY
from forage_gen.schema.models import Project, Template
from forage_gen.values.names import template_name
from forage_gen.values.problem import ValueProblem
from forage_gen.values.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from forage_gen.diagnostics import Diagnostic
    from forage_gen.read.explain_errors import Places
    from forage_gen.read.locate import KeyPath
    from forage_gen.read.source import Table, Value

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class TemplateSource:
    """One template as written: its table, and the file and path where that stands.

    `sound` says whether its values are all valid.
    """

    name: str
    file: SourceFile
    above: KeyPath
    table: Table
    sound: bool = True

    @property
    def parent(self) -> str | None:
        """The template that it extends."""
        parent = self.table.get("extends")
        return parent if isinstance(parent, str) else None

    def key(self, path: KeyPath) -> Location:
        """Where the key at `path` of this template is written."""
        return self.file.key((*self.above, *path))

    def value(self, path: KeyPath) -> Location:
        """Where the value at `path` of this template is written."""
        return self.file.value((*self.above, *path))


@dataclass(frozen=True)
class Inputs:
    """Everything that was read. `root` is the project's directory.

    `found` are the mistakes so far. They travel with the inputs, as `resolve` can
    find more in what is sound, and people want to read all of them in one run.
    `sound_project` is None if forage.toml is not valid, `lock_file` if there is none
    that can be read. `packages` are the texts of the Nix files that `[sources]` names, by
    their path in the project.
    """

    root: Path
    project_file: SourceFile
    sound_project: Project | None
    templates: dict[str, TemplateSource]
    files: tuple[SourceFile, ...]
    lock_file: SourceFile | None = None
    packages: Mapping[str, str] = field(default_factory=dict)
    found: tuple[Diagnostic, ...] = ()

    @property
    def digests(self) -> dict[str, str]:
        """SHA-256 of every file that the tree is made from, in hexadecimal, by its path."""
        packages = {
            name: hashlib.sha256(text.encode()).hexdigest() for name, text in self.packages.items()
        }
        return {file.name: file.digest for file in self.files} | packages

    @property
    def project(self) -> Project:
        """The keys of forage.toml.

        Raises:
            InvalidProjectError: they are not valid.
        """
        if self.sound_project is None:
            raise InvalidProjectError(self.found)
        return self.sound_project


def load(root: Path) -> Inputs:
    """Read the project in the directory `root`.

    Mistakes in the files are in `found` of the result; `resolve` raises them.

    Raises:
        InvalidProjectError: there is no such directory.
        EnvironmentFailureError: the system does not let us read a file.
    """
    _require_directory(root)
    return _Reader(root).read()


def _require_directory(root: Path) -> None:
    try:
        if stat.S_ISDIR(root.stat().st_mode):
            return
        message = f"{shown(str(root))} is not a directory."
    except (FileNotFoundError, NotADirectoryError):
        message = f"There is no directory {shown(str(root))}."
    except OSError as failure:
        raise _cannot_read(str(root), failure) from failure
    hint = "Name the directory that holds forage.toml; `forage-gen init` makes one."
    location = Location(PROJECT_TOML, 1, 1, 2, "")
    raise InvalidProjectError([error("file-not-found", message, hint, location)])


def _cannot_read(directory: str, failure: OSError) -> EnvironmentFailureError:
    message = f"Cannot read the directory {shown(directory)}: {failure.strerror}."
    return EnvironmentFailureError(message, "Check the permissions of the directory.")


@dataclass
class _Reader:
    """Collects findings while reading, so that one bad file does not hide another.

    `names` are the templates that exist, among them those that cannot be read.
    """

    root: Path
    found: list[Diagnostic] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    def read(self) -> Inputs:
        name = self._project_name()
        file = self._source(self.root / name, name)
        embedded = name == PROJECT_JSON
        if embedded:
            self._refuse_template_files()
            sources = self._embedded_templates(file) if file else iter(())
        else:
            sources = self._template_files()
        templates = {source.name: self._checked(source) for source in sources}
        project = self._project(file, TEMPLATES if embedded else None) if file else None
        lock_file = self._lock_file()
        packages = dict(self._packages(file, project)) if file and project else {}
        self.found += check_references(file, templates, self.names)
        used = [*([file] if file else []), *(template.file for template in templates.values())]
        return Inputs(
            root=self.root,
            project_file=file or SourceFile(name, "", {}),
            sound_project=project,
            templates=templates,
            files=tuple({source.name: source for source in used}.values()),
            lock_file=lock_file,
            packages=packages,
            found=tuple(_without_secrets(self.found)),
        )

    def _lock_file(self) -> SourceFile | None:
        lock = self.root / LOCK
        file = self._source(lock, LOCK) if os.path.lexists(lock) else None
        return file if file is not None and file.is_whole else None

    def _project_name(self) -> str:
        has_toml, has_json = (
            os.path.lexists(self.root / name) for name in (PROJECT_TOML, PROJECT_JSON)
        )
        if has_toml and has_json:
            message = f"There is a `{PROJECT_TOML}` and a `{PROJECT_JSON}`."
            location = Location(PROJECT_JSON, 1, 1, 2, "")
            self.found.append(error("two-projects", message, "Keep one of them.", location))
        return PROJECT_JSON if has_json and not has_toml else PROJECT_TOML

    def _project(self, file: SourceFile, without: str | None) -> Project | None:
        table = {key: value for key, value in file.data.items() if key != without}
        return self._validated(Project, table, file, file)

    def _checked(self, source: TemplateSource) -> TemplateSource:
        sound = self._validated(Template, source.table, source, source.file) is not None
        return source if sound else replace(source, sound=False)

    def _template_files(self) -> Iterator[TemplateSource]:
        for path in self._template_paths():
            shown_name = f"{TEMPLATES}/{_printable(path.name)}"
            self.names.add(path.stem)
            named = self._named(path.stem, Location(shown_name, 1, 1, 2, ""))
            file = self._source(path, shown_name)
            if file is not None and named:
                yield TemplateSource(path.stem, file, (), file.data)

    def _template_paths(self) -> list[Path]:
        """List the templates' files. Hidden ones are left to the editors that make them."""
        folder = self.root / TEMPLATES
        try:
            names = sorted(path.name for path in folder.iterdir())
        except FileNotFoundError:
            return []
        except NotADirectoryError:
            message = f"`{TEMPLATES}` is not a directory."
            hint = f"Make a directory `{TEMPLATES}`, and put each template into a file of its own."
            location = Location(TEMPLATES, 1, 1, 2, "")
            self.found.append(error("not-a-directory", message, hint, location))
            return []
        except OSError as failure:
            raise _cannot_read(TEMPLATES, failure) from failure
        return [folder / n for n in names if n.endswith(".toml") and not n.startswith(".")]

    def _refuse_template_files(self) -> None:
        for path in self._template_paths():
            shown_name = f"{TEMPLATES}/{_printable(path.name)}"
            message = f"`{shown_name}` is not read: `{PROJECT_JSON}` holds the templates itself."
            hint = (
                f"Move it into `{TEMPLATES}` of {PROJECT_JSON}, or write the project as "
                f"{PROJECT_TOML}."
            )
            location = Location(shown_name, 1, 1, 2, "")
            self.found.append(error("template-ignored", message, hint, location))

    def _embedded_templates(self, file: SourceFile) -> Iterator[TemplateSource]:
        for name, value in self._table(file.data.get(TEMPLATES, {}), file, (TEMPLATES,)).items():
            path = (TEMPLATES, name)
            self.names.add(name)
            named = self._named(name, file.key(path))
            if isinstance(value, dict) and named:
                yield TemplateSource(name, file, path, value)
            else:
                self._table(value, file, path)

    def _packages(self, file: SourceFile, project: Project) -> Iterator[tuple[str, str]]:
        for name, source in project.sources.items():
            if source.package is None:
                continue
            path = self.root / source.package
            if os.path.lexists(path):
                try:
                    yield source.package, read_text(path, source.package)
                except UnreadableError as failure:
                    self.found.append(failure.diagnostic)
                continue
            message = f"There is no file `{source.package}`."
            hint = "Write it: a function for `pkgs.callPackage` that also takes `src`."
            where = file.value(("sources", name, "package"))
            self.found.append(error("file-not-found", message, hint, where))

    def _table(self, value: Value, file: SourceFile, path: KeyPath) -> Table:
        if isinstance(value, dict):
            return value
        message = f"{shown(str(path[-1]))} must be a table, not {describe(value)}."
        hint = 'Write `"templates": { "claude": { "network": "none" } }`.'
        self.found.append(error("wrong-type", message, hint, file.value(path)))
        return {}

    def _named(self, name: str, location: Location) -> bool:
        try:
            template_name(name)
        except ValueProblem as problem:
            self.found.append(error(problem.code, problem.message, problem.hint, location))
            return False
        return True

    def _source(self, path: Path, name: str) -> SourceFile | None:
        try:
            return read_source(path, name)
        except UnreadableError as failure:
            self.found += failure.diagnostics
            return failure.rest

    def _validated(
        self, model: type[Model], table: Table, places: Places, file: SourceFile
    ) -> Model | None:
        context = {PROJECT_DIRECTORY: str(self.root.resolve())}
        try:
            sound = model.model_validate(table, context=context)
        except ValidationError as failure:
            found = diagnose(failure, model, places)
            # What is missing may stand in a statement that cannot be read.
            self.found += [each for each in found if file.is_whole or each.code != "missing-key"]
            return None
        return sound if file.is_whole else None


def _printable(name: str) -> str:
    """Write a file's name so that it can stand in a message, whatever bytes it has."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in name)


def _without_secrets(found: list[Diagnostic]) -> Iterator[Diagnostic]:
    """Show no line that holds a secret, whichever finding it belongs to."""
    hidden = {
        (each.location.file, each.location.line) for each in found if not each.location.source_line
    }
    for each in found:
        is_hidden = (each.location.file, each.location.line) in hidden
        yield conceal(each) if is_hidden else each
