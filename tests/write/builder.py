"""A program that builds once. Run as `python -m tests.write.builder OUT TREE [WAY]`.

It ends with 3 for a `WriteError`, whose code it prints.
"""

from __future__ import annotations

import sys
from pathlib import Path

from forage_gen.write.errors import WriteError
from forage_gen.write.locking import hold
from forage_gen.write.tree import write
from tests.write.support import Build

TREES = {
    "old": Build({"a": "old\n", "kept": "kept\n", "run/x*": "#!/bin/sh\n", "gone/b": "b\n"}),
    "new": Build({"a": "new\n", "kept": "kept\n", "run/x*": "#!/bin/dash\n", "more/c": "c\n"}),
}


def numbered(number: int) -> Build:
    """One of many trees: 60 files, all of which tell which tree they belong to."""
    return Build({f"d{i % 7}/f{i}": f"{number}\n" for i in range(60)})


def main(out: Path, tree: str, way: str = "plain") -> int:
    """Builds.

    Args:
        out: Where to.
        tree: A name of `TREES`, or the number of a `numbered` one.
        way: "plain"; "lock": with `forage.lock` beside it; "count": adds one to
            `forage.lock`, which it reads and writes under the lock.
    """
    build = TREES.get(tree) or numbered(int(tree))
    lock = out.with_name("forage.lock")
    try:
        with hold([out.parent], lambda path: print(f"waiting for {path}", flush=True)) as held:  # noqa: T201
            companions = {lock: f"{tree}\n".encode()}
            if way == "count":
                count = int(lock.read_bytes()) if lock.exists() else 0
                companions = {lock: b"%d" % (count + 1)}
            write(
                out,
                build.artifacts,
                build.manifest,
                companions=companions if way != "plain" else {},
                held=held,
            )
    except WriteError as error:
        print(error.code)  # noqa: T201
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
