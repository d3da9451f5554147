"""Small real projects, read, resolved and linted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forage_gen.check.lint import lint
from forage_gen.read.load import load
from forage_gen.resolve.resolve import resolve

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from forage_gen.diagnostics import Diagnostic, Location

PROJECT = "forage.toml"
CLAUDE = "templates/claude.toml"

# A project in which no rule finds anything.
CLEAN: Mapping[str, str] = {
    PROJECT: """\
user = "alice"

[secrets]
anthropic = "/run/secrets/anthropic"

[sandboxes.app]
template = "claude"
workspace = "~/projects/app"
""",
    CLAUDE: """\
description = "Claude Code"
extraPackages = ["ripgrep", "fd"]
network = "restricted"
allowedHosts = ["docs.example.org"]
nixDaemon = false
protectedPaths = ["@git"]
resetEvery = "daily"

[agents.claude]
package = "claude-code"
secretName = "anthropic"

[agents.claude.permissions]
allow = ["Read"]

[resourceLimits]
cpuQuota = "200%"
memoryMax = "4G"
tasksMax = 512
diskMax = "2G"

[isolation]
privateUsers = true

[workspace.mounts.docs]
containerPath = "/workspace/docs"
hostPath = "/pool/docs"
readOnly = true
""",
}

Edit = tuple[str, str, str]


def edited(*edits: Edit) -> dict[str, str]:
    """The clean project with texts replaced: each is a file, what is there, and what is to be."""
    files = dict(CLEAN)
    for file, old, new in edits:
        before = files.get(file, "")
        assert before.count(old) == 1 or not before, f"{old!r} is not once in {file}"
        files[file] = before.replace(old, new) if before else new
    return files


def findings(root: Path, files: Mapping[str, str]) -> list[Diagnostic]:
    """Lint a project of these files."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
    return lint(resolve(load(root)))


def codes(found: Iterable[Diagnostic]) -> set[str]:
    return {diagnostic.code for diagnostic in found}


def stretch(where: Location) -> str:
    """What the carets stand under."""
    return where.source_line[where.column - 1 : where.end_column - 1]


def with_comment(files: Mapping[str, str], where: Location, comment: str) -> dict[str, str]:
    """Put a comment on a line of its own above a place."""
    lines = files[where.file].splitlines()
    lines.insert(where.line - 1, comment)
    return {**files, where.file: "\n".join(lines) + "\n"}
