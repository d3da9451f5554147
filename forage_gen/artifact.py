"""What an emitter makes: one file of the generated tree."""

import re
from dataclasses import dataclass
from typing import Final

MAX_NAME_BYTES: Final = 255
"""NAME_MAX of every file system Linux offers; limits.h(0p)."""

_NORMALISED: Final = re.compile(r"(?!\.{1,2}(?:/|\Z))[^/]+(?:/(?!\.{1,2}(?:/|\Z))[^/]+)*")


def path_problem(path: str) -> str | None:
    """Tells why `path` cannot name a file inside a tree.

    Returns:
        A phrase that completes "the path ...", or None for a good path.
    """
    if not _NORMALISED.fullmatch(path):
        return "is not relative and normalised"
    if not path.isprintable():
        return "has a character that cannot be printed"
    if len(path) * 4 > MAX_NAME_BYTES and any(
        len(name.encode()) > MAX_NAME_BYTES for name in path.split("/")
    ):
        return f"has a name longer than {MAX_NAME_BYTES} bytes"
    return None


@dataclass(frozen=True, slots=True)
class Artifact:
    """A generated file: where it goes in the tree, what is in it, whether it can be run.

    Attributes:
        path: POSIX, relative to the tree, normalised: no `.`, no `..`, no empty name.
        content: The bytes of the file.
        executable: Whether it is made with mode 0755 rather than 0644.

    Raises:
        ValueError: `path` is not such a path.
    """

    path: str
    content: bytes
    executable: bool = False

    def __post_init__(self) -> None:
        problem = path_problem(self.path)
        if problem is not None:
            message = f"the path {self.path!r} {problem}"
            raise ValueError(message)
