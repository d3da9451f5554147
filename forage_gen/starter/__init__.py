"""The starter project that `forage-gen init` writes."""

from __future__ import annotations

from pathlib import Path

from forage_gen.diagnostics import EnvironmentFailureError

_HERE = Path(__file__).parent
# In a wheel the shipped templates lie beside this file; in a checkout, at its top.
_SHIPPED = next(
    path for path in (_HERE / "templates", _HERE.parents[1] / "templates") if path.is_dir()
)


def starter_files() -> dict[str, str]:
    """List the files of the starter project: path → text."""
    templates = {
        f"templates/{path.name}": path.read_text(encoding="utf-8")
        for path in sorted(_SHIPPED.glob("*.toml"))
    }
    return {"forage.toml": (_HERE / "forage.toml").read_text(encoding="utf-8"), **templates}


def write_starter(directory: Path) -> list[Path]:
    """Write the starter project. No file that is there is touched.

    Returns:
        The files that were written.

    Raises:
        EnvironmentFailureError: one of the files is there already, or cannot be written.
    """
    files = {directory / name: text for name, text in starter_files().items()}
    there = [str(path) for path in files if path.exists() or path.is_symlink()]
    if there:
        message = f"There is a project already: {', '.join(there)}."
        raise EnvironmentFailureError(message, "Name a new directory: `forage-gen init DIR`.")
    try:
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as failure:
        message = f"Cannot write {failure.filename}: {failure.strerror}."
        hint = "Choose a directory that you may write to."
        raise EnvironmentFailureError(message, hint) from None
    return list(files)
