"""The command `import`: a template of firefly-forage's in; one of Forage's out."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

from forage_gen.cli.main import Exit
from forage_gen.cli.output import show_findings
from forage_gen.diagnostics import EnvironmentFailureError
from forage_gen.importer.convert import import_template
from forage_gen.layout import TEMPLATES
from forage_gen.values.text import shown

if TYPE_CHECKING:
    import argparse


def import_(options: argparse.Namespace) -> int:
    """Convert a template, and print it or write it into a project."""
    imported = import_template(options.file)
    if options.project is None:
        # TOML is UTF-8, whatever the terminal's language.
        sys.stdout.buffer.write(imported.text.encode())
    else:
        path: Path = options.project / TEMPLATES / f"{imported.name}.toml"
        done = _write(path, imported.text, force=options.force)
        sys.stderr.write(f"{path} {done}.\n")
    show_findings(imported.left_behind, "text")
    return Exit.DONE


def _write(path: Path, text: str, *, force: bool) -> str:
    """Write the file, or leave it if it has that text already, and say which."""
    try:
        if path.is_file() and path.read_bytes() == text.encode():
            return "is as it would be written"
        with suppress(FileExistsError):
            path.parent.mkdir()
        if not force:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
            return "was written"
        there = os.path.lexists(path)
        _replace(path, text)
    except FileExistsError:
        message = f"{shown(str(path))} is there already, and differs. Nothing was written."
        hint = "Write `--force` to replace it, or leave out `-o` to see the text first."
        raise EnvironmentFailureError(message, hint) from None
    except OSError as failure:
        message = f"Cannot write {shown(str(path))}: {failure.strerror}."
        hint = "Name a project's directory that you may write to."
        raise EnvironmentFailureError(message, hint) from None
    return "was replaced" if there else "was written"


def _replace(path: Path, text: str) -> None:
    with NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as file:
        new = Path(file.name)
        try:
            file.write(text)
            file.flush()
            new.chmod(0o644)
            new.replace(path)
        except OSError:
            new.unlink()
            raise
