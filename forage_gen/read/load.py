"""Reads a whole project: its files, checked value by value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from forage_gen.diagnostics import (
    Diagnostic,
    EnvironmentFailureError,
    InvalidProjectError,
    Location,
    error,
)
from forage_gen.read.explain_errors import describe, diagnose
from forage_gen.read.source import SourceFile, UnreadableError, read_source
from forage_gen.schema.fields import PROJECT_DIRECTORY
from forage_gen.schema.models import Project, Template
from forage_gen.values.names import template_name
from forage_gen.values.problem import ValueProblem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from forage_gen.read.explain_errors import Places
    from forage_gen.read.locate import KeyPath
    from forage_gen.read.source import Table, Value

PROJECT_TOML = "forage.toml"
PROJECT_JSON = "forage.json"
TEMPLATES = "templates"

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class TemplateSource:
    """One template as written: its table, and the file and path where that stands."""

    name: str
    file: SourceFile
    above: KeyPath
    table: Table

    def key(self, path: KeyPath) -> Location:
        """Where the key at `path` of this template is written."""
        return self.file.key((*self.above, *path))

    def value(self, path: KeyPath) -> Location:
        """Where the value at `path` of this template is written."""
        return self.file.value((*self.above, *path))


@dataclass(frozen=True)
class Inputs:
    """Everything that was read. `root` is the project's directory."""

    root: Path
    project_file: SourceFile
    project: Project
    templates: dict[str, TemplateSource]
    files: tuple[SourceFile, ...]


def load(root: Path) -> Inputs:
    """Read the project in the directory `root`.

    Raises:
        InvalidProjectError: with every finding in every file.
        EnvironmentFailureError: the system does not let us read a file.
    """
    reader = _Reader(root)
    inputs = reader.read()
    if inputs is None or reader.found:
        raise InvalidProjectError(reader.found)
    return inputs


@dataclass
class _Reader:
    """Collects findings while reading, so that one bad file does not hide another."""

    root: Path
    found: list[Diagnostic] = field(default_factory=list)

    def read(self) -> Inputs | None:
        if not self.root.is_dir():
            message = f"there is no directory `{self.root}`"
            self._report("file-not-found", message, "name the directory that holds forage.toml")
            return None
        name = self._project_name()
        file = self._source(name)
        if file is None:
            templates = list(self._template_files())
        elif name == PROJECT_JSON:
            templates = list(self._embedded_templates(file))
        else:
            templates = list(self._template_files())
        for template in templates:
            self._validate(Template, template.table, template)
        if file is None:
            return None
        table = {key: value for key, value in file.data.items() if self._is_own_key(name, key)}
        project = self._validate(Project, table, file)
        if project is None:
            return None
        files = {used.name: used for used in (file, *(t.file for t in templates))}
        by_name = {template.name: template for template in templates}
        return Inputs(self.root, file, project, by_name, tuple(files.values()))

    def _project_name(self) -> str:
        if not (self.root / PROJECT_JSON).exists():
            return PROJECT_TOML
        if (self.root / PROJECT_TOML).exists():
            message = f"there is a `{PROJECT_TOML}` and a `{PROJECT_JSON}`"
            self._report("two-projects", message, "keep one of them", PROJECT_TOML)
            return PROJECT_TOML
        return PROJECT_JSON

    @staticmethod
    def _is_own_key(name: str, key: str) -> bool:
        return not (name == PROJECT_JSON and key == TEMPLATES)

    def _template_files(self) -> Iterator[TemplateSource]:
        folder = self.root / TEMPLATES
        if not folder.exists():
            return
        try:
            paths = sorted(path for path in folder.iterdir() if path.suffix == ".toml")
        except OSError as failure:
            message = f"cannot list `{TEMPLATES}`: {failure.strerror}"
            raise EnvironmentFailureError(message, "it must be a readable directory") from failure
        for path in paths:
            shown = f"{TEMPLATES}/{path.name}"
            file = self._source(shown)
            if file is not None and self._named(path.stem, file.start()):
                yield TemplateSource(path.stem, file, (), file.data)

    def _embedded_templates(self, file: SourceFile) -> Iterator[TemplateSource]:
        tables = file.data.get(TEMPLATES, {})
        if not self._is_table(tables, file, (TEMPLATES,)):
            return
        assert isinstance(tables, dict)  # noqa: S101  narrows what _is_table has checked
        for name, table in tables.items():
            path = (TEMPLATES, name)
            if self._named(name, file.key(path)) and self._is_table(table, file, path):
                assert isinstance(table, dict)  # noqa: S101  as above
                yield TemplateSource(name, file, path, table)

    def _is_table(self, value: Value, file: SourceFile, path: KeyPath) -> bool:
        if isinstance(value, dict):
            return True
        message = f"`{path[-1]}` must be a table, not {describe(value)}"
        hint = 'write `"templates": { "claude": { "network": "none" } }`'
        self.found.append(error("wrong-type", message, hint, file.value(path)))
        return False

    def _named(self, name: str, location: Location) -> bool:
        try:
            template_name(name)
        except ValueProblem as problem:
            self.found.append(error(problem.code, problem.message, problem.hint, location))
            return False
        return True

    def _source(self, name: str) -> SourceFile | None:
        try:
            return read_source(self.root / name, name)
        except UnreadableError as failure:
            self.found.append(failure.diagnostic)
            return None

    def _validate(self, model: type[Model], table: Table, places: Places) -> Model | None:
        try:
            return model.model_validate(
                table, context={PROJECT_DIRECTORY: str(self.root.absolute())}
            )
        except ValidationError as failure:
            self.found.extend(diagnose(failure, model, places))
            return None

    def _report(self, code: str, message: str, hint: str, name: str = PROJECT_TOML) -> None:
        self.found.append(error(code, message, hint, Location(name, 1, 1, 2, "")))
