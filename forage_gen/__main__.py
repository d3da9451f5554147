"""The entry point: `forage-gen`, and `python -m forage_gen`."""

from __future__ import annotations

import gc
import os
import sys

from forage_gen import __version__


def main() -> int:
    """Run the command line.

    Returns:
        The exit code: 0 done, 1 `check` found something, 2 the project is invalid,
        3 the environment failed.
    """
    # The version is asked by scripts and prompts: answer before anything is imported.
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"forage-gen {__version__}\n")
        return 0
    # A short process that makes few cycles: looking for them costs more than they do.
    gc.disable()
    # Nobody else's plugins have a say in what a project is; looking for them takes time, too.
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"
    from forage_gen.cli.main import run  # noqa: PLC0415  see above

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
