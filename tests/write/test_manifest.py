from __future__ import annotations

import hashlib
import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from forage_gen.artifact import Artifact
from forage_gen.write.manifest import HEAD, Fault, Json, Manifest, ManifestError, render
from tests.requirements import require

if TYPE_CHECKING:
    from pathlib import Path

FILES = [Artifact("b/x", b"run\n", executable=True), Artifact("a", b"\xff\0")]
INPUTS = {"forage.toml": "1" * 64, "é.toml": "2" * 64}
FACTS: dict[str, Json] = {
    "templates": {},
    "sandboxes": {"z": {"slot": 2, "x": None}, "a": {"slot": 1, "names": ["ü", '"']}},
}


def text(files: list[Artifact] = FILES, **facts: Json) -> bytes:
    return render(files, version="0.1.0", inputs=INPUTS, facts=facts or FACTS)


def fault(content: bytes) -> Fault:
    with pytest.raises(ManifestError) as caught:
        Manifest.parse(content)
    return caught.value.fault


def test_is_the_json_that_was_promised() -> None:
    data = json.loads(text())
    assert list(data) == [
        "schemaVersion",
        "generator",
        "inputs",
        "files",
        "sandboxes",
        "templates",
    ]
    assert data["schemaVersion"] == 1
    assert data["generator"] == {"name": "forage-gen", "version": "0.1.0"}
    assert data["inputs"] == INPUTS
    assert data["files"] == {
        "a": {"executable": False, "sha256": hashlib.sha256(b"\xff\0").hexdigest()},
        "b/x": {"executable": True, "sha256": hashlib.sha256(b"run\n").hexdigest()},
    }
    assert {key: data[key] for key in FACTS} == FACTS


def test_is_one_line_for_each_file_and_sandbox() -> None:
    lines = text().decode().split("\n")
    assert '    "a": {"names": ["ü", "\\""], "slot": 1},' in lines
    assert '  "templates": {}' in lines
    assert lines[-2:] == ["}", ""]


def test_order_of_arguments_does_not_matter() -> None:
    turned: dict[str, Json] = dict(reversed(FACTS.items()))
    inputs = dict(reversed(INPUTS.items()))
    assert render(FILES[::-1], version="0.1.0", inputs=inputs, facts=turned) == text()


def test_reads_what_it_writes() -> None:
    parsed = Manifest.parse(text())
    assert parsed.version == "0.1.0"
    assert parsed.inputs == INPUTS
    assert parsed.facts == FACTS
    assert parsed.files["b/x"].executable
    assert parsed.files["a"].sha256 == hashlib.sha256(b"\xff\0").hexdigest()
    assert text().startswith(HEAD)


def test_facts_cannot_replace_its_own_keys() -> None:
    with pytest.raises(ValueError, match="its own inputs"):
        text(inputs={})


def test_no_floats_that_json_does_not_have() -> None:
    with pytest.raises(ValueError, match="Out of range float"):
        text(x=float("nan"))  # type: ignore[arg-type]


def test_cut_off_ones_are_damaged() -> None:
    whole = text()
    for length in range(len(whole) - 1):
        assert fault(whole[:length]) is Fault.DAMAGED


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe",
        b"hello",
        b"[]",
        b"null",
        b"{}",
        b"[" * 100_000,
        b'{"schemaVersion": 1, "generator": "forage-gen"}',
        b'{"schemaVersion": 9, "generator": {"name": "other"}}',
        b'{"name": "app", "icons": []}',
    ],
)
def test_those_of_other_programs_are_foreign(content: bytes) -> None:
    assert fault(content) is Fault.FOREIGN


def test_those_of_later_versions_are_newer() -> None:
    assert fault(b'{"schemaVersion": 2, "generator": {"name": "forage-gen"}}') is Fault.NEWER


def changed(**change: object) -> bytes:
    return json.dumps(json.loads(text()) | change).encode()


@pytest.mark.parametrize(
    "change",
    [
        {"schemaVersion": True},
        {"schemaVersion": 0},
        {"schemaVersion": "1"},
        {"files": []},
        {"files": {"a": None}},
        {"files": {"a": {"sha256": "0" * 63, "executable": False}}},
        {"files": {"a": {"sha256": "0" * 64, "executable": 1}}},
        {"files": {"a": {"sha256": "0" * 64}}},
        {"files": {"../a": {"sha256": "0" * 64, "executable": False}}},
        {"files": {"/a": {"sha256": "0" * 64, "executable": False}}},
        {"files": {"manifest.json": {"sha256": "0" * 64, "executable": False}}},
        {"inputs": {"a": "no"}},
        {"inputs": None},
        {"generator": {"name": "forage-gen"}},
    ],
)
def test_wrong_values_are_damage(change: dict[str, object]) -> None:
    Manifest.parse(changed())
    assert fault(changed(**change)) is Fault.DAMAGED


def test_a_merge_conflict_still_tells_the_files_of_both_sides(tmp_path: Path) -> None:
    require("git")
    base = [Artifact(f"s/{name}", name.encode()) for name in "cgm"]
    ours = [Artifact("s/c", b"changed"), Artifact("s/d", b"d"), *base[1:]]
    theirs = [Artifact("s/c", b"other"), Artifact("s/e", b"e"), base[1]]
    paths = []
    for name, files in (("ours", ours), ("base", base), ("theirs", theirs)):
        paths.append(tmp_path / name)
        paths[-1].write_bytes(text(files))
    merged = subprocess.run(
        ["git", "merge-file", "-p", "--diff3", *map(str, paths)], capture_output=True, check=False
    )
    assert merged.returncode == 1
    with pytest.raises(ManifestError, match="conflict marks") as caught:
        Manifest.parse(merged.stdout)
    assert caught.value.fault is Fault.DAMAGED
    assert caught.value.files == {"s/c", "s/d", "s/e", "s/g", "s/m"}
