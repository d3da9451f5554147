"""`manifest.json`: what is in a tree, what it was made from, what each sandbox got."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from forage_gen.artifact import Artifact, path_problem

NAME: Final = "manifest.json"
SCHEMA_VERSION: Final = 1
GENERATOR: Final = "forage-gen"

Json: TypeAlias = "str | int | bool | Sequence[Json] | Mapping[str, Json] | None"
"""What a fact can be. No floats: their text differs between languages."""

HEAD: Final = (
    f'{{\n  "schemaVersion": {SCHEMA_VERSION},\n  "generator": {{\n    "name": "{GENERATOR}",\n'
).encode()
"""How every manifest of this version begins, so that a cut-off one is known for ours."""

_OWN_KEYS: Final = frozenset({"schemaVersion", "generator", "inputs", "files"})
_CONFLICT_MARK: Final = re.compile(rb"(?:([<|>])\1{6} |(=)={6}$)")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class Fault(StrEnum):
    """Why a manifest cannot be used."""

    DAMAGED = "damaged"
    FOREIGN = "foreign"
    NEWER = "newer"


class ManifestError(Exception):
    """A manifest cannot be used.

    Attributes:
        fault: Whether it was ours and is damaged, is another program's, or is of a newer
            version of this one.
        reason: A phrase that completes "manifest.json ...".
        files: The files that it can still be seen to name: those of either side of a merge.
    """

    def __init__(self, fault: Fault, reason: str, files: Iterable[str] = ()) -> None:
        super().__init__(f"{NAME} {reason}")
        self.fault = fault
        self.reason = reason
        self.files = frozenset(files)


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a manifest says of one file."""

    sha256: str
    executable: bool


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest that was read from a tree.

    Attributes:
        version: The version of the generator that made the tree.
        inputs: Each input's name and its SHA-256.
        files: Each file of the tree but the manifest itself.
        facts: Everything else, as its maker gave it to `render`.
    """

    version: str
    inputs: Mapping[str, str]
    files: Mapping[str, FileFacts]
    facts: Mapping[str, Json]

    @classmethod
    def parse(cls, content: bytes) -> "Manifest":
        """Reads the bytes of a manifest.

        Raises:
            ManifestError: They are not a manifest of this version.
        """
        data = _load(content)
        # Before all else: a newer version may have changed all else.
        version = data.get("schemaVersion")
        generator = data.get("generator")
        if not isinstance(generator, dict) or generator.get("name") != GENERATOR:
            raise ManifestError(Fault.FOREIGN, f"was not made by {GENERATOR}")
        if isinstance(version, int) and version > SCHEMA_VERSION:
            raise ManifestError(Fault.NEWER, f"has the schema version {version}")
        if version != SCHEMA_VERSION or isinstance(version, bool):
            raise ManifestError(Fault.DAMAGED, "has no valid schema version")
        files = _section(data, "files")
        return cls(
            version=_text(generator.get("version"), "generator.version"),
            inputs={
                name: _sha256(value, f"inputs.{name}")
                for name, value in _section(data, "inputs").items()
            },
            files={path: _file(path, value) for path, value in files.items()},
            facts={key: value for key, value in data.items() if key not in _OWN_KEYS},
        )


def _load(content: bytes) -> dict[str, Json]:
    try:
        data: Json = json.loads(content)
    # RecursionError: brackets nested by the thousand.
    except (ValueError, RecursionError):
        raise _not_json(content) from None
    if not isinstance(data, dict):
        raise ManifestError(Fault.FOREIGN, "is not a JSON object")
    return data


def _not_json(content: bytes) -> ManifestError:
    sides = _merge_sides(content)
    files: set[str] = set()
    for side in sides:
        with suppress(ManifestError):
            files |= Manifest.parse(side).files.keys()
    # Ours too: one that was cut off, or is empty after a power loss.
    ours = files or content.startswith(HEAD) or HEAD.startswith(content)
    return ManifestError(
        Fault.DAMAGED if ours else Fault.FOREIGN,
        "has the conflict marks of a merge" if sides else "is not valid JSON",
        files,
    )


def _merge_sides(content: bytes) -> tuple[bytes, ...]:
    """The two files that a merge left in one, or nothing for a file without conflict marks.

    A tree under version control conflicts here first, whenever two branches are merged
    that changed it. The build is what resolves it, and must know the files for its own.
    """
    if not re.search(rb"^<{7} ", content, re.MULTILINE):
        return ()
    ours: list[bytes] = []
    theirs: list[bytes] = []
    sides = [ours, theirs]
    for line in content.splitlines(keepends=True):
        mark = _CONFLICT_MARK.match(line)
        if mark is None:
            for side in sides:
                side.append(line)
        else:
            sides = {b"<": [ours], b"|": [], b"=": [theirs], b">": [ours, theirs]}[
                mark[1] or mark[2]
            ]
    return b"".join(ours), b"".join(theirs)


def _section(data: Mapping[str, Json], key: str) -> Mapping[str, Json]:
    value = data.get(key)
    if not isinstance(value, dict):
        raise ManifestError(Fault.DAMAGED, f"has no object {key!r}")
    return value


def _text(value: Json, where: str) -> str:
    if not isinstance(value, str):
        raise ManifestError(Fault.DAMAGED, f"has no text at {where!r}")
    return value


def _sha256(value: Json, where: str) -> str:
    text = _text(value, where)
    if not _SHA256.fullmatch(text):
        raise ManifestError(Fault.DAMAGED, f"has no SHA-256 at {where!r}")
    return text


def _file(path: str, value: Json) -> FileFacts:
    if path_problem(path) is not None or path == NAME:
        raise ManifestError(Fault.DAMAGED, f"names {path!r}, which cannot be a generated file")
    if not isinstance(value, dict):
        raise ManifestError(Fault.DAMAGED, f"has no object for {path!r}")
    executable = value.get("executable")
    if not isinstance(executable, bool):
        raise ManifestError(Fault.DAMAGED, f"does not say whether {path!r} is executable")
    return FileFacts(_sha256(value.get("sha256"), path), executable)


def render(
    artifacts: Sequence[Artifact],
    *,
    version: str,
    inputs: Mapping[str, str],
    facts: Mapping[str, Json],
) -> bytes:
    """Writes a manifest.

    The same arguments give the same bytes, in whatever order mappings and artifacts come.
    One file or sandbox is one line: that keeps a diff of two manifests short, lets two
    branches that add a sandbox each be merged, and is many times faster than
    `json.dumps(indent=2)`, which is not done in C.

    Args:
        artifacts: The files of the tree, without the manifest.
        version: The version of the generator.
        inputs: Each input's name and its SHA-256.
        facts: What else belongs in it. None of its keys is one the manifest has itself.

    Raises:
        ValueError: `facts` has a key that the manifest has itself.
    """
    taken = _OWN_KEYS & facts.keys()
    if taken:
        message = f"the manifest has its own {', '.join(sorted(taken))}"
        raise ValueError(message)
    files: dict[str, Json] = {
        artifact.path: {
            "sha256": hashlib.sha256(artifact.content).hexdigest(),
            "executable": artifact.executable,
        }
        for artifact in artifacts
    }
    sections: dict[str, Json] = {"inputs": inputs, "files": files}
    sections |= sorted(facts.items())
    body = ",\n".join(f"  {_json(key)}: {_lines(value)}" for key, value in sections.items())
    return HEAD + f'    "version": {_json(version)}\n  }},\n{body}\n}}\n'.encode()


_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True)


def _json(value: Json) -> str:
    return _ENCODER.encode(value)


def _lines(value: Json) -> str:
    """One member of an object a line; everything else on one line."""
    if not isinstance(value, Mapping) or not value:
        return _json(value)
    return "{\n" + ",\n".join(_members(value)) + "\n  }"


def _members(value: Mapping[str, Json]) -> Iterator[str]:
    for key, member in sorted(value.items()):
        yield f"    {_json(key)}: {_json(member)}"
