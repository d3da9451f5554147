"""The key `allowFindings`, in TOML and in JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from forage_gen.layout import LOCK
from tests.check.projects import CLAUDE, CLEAN, PROJECT, codes, edited, findings, stretch
from tests.check.test_rules import CASES, names
from tests.read.projects import as_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from forage_gen.diagnostics import Diagnostic
    from tests.check.test_rules import Found

DAEMON = "nix-daemon-without-cache"
OPEN = (CLAUDE, "nixDaemon = false", "nixDaemon = true")
REASON = "a test needs it"


def allowing(files: Mapping[str, str], owner: tuple[str, ...], code: str) -> dict[str, str]:
    """The project as JSON, with a code allowed in the table at `owner`."""
    document = json.loads(as_json(files)["forage.json"])
    table = document
    for key in owner:
        table = table[key]
    table.setdefault("allowFindings", {})[code] = REASON
    locks = {name: text for name, text in files.items() if name == LOCK}
    return {**locks, "forage.json": json.dumps(document, indent=2)}


def owner_of(found: Diagnostic, files: Mapping[str, str]) -> tuple[str, ...]:
    """The table that a finding in a TOML project is in."""
    if found.location.file != PROJECT:
        return "templates", found.location.file.removeprefix("templates/").removesuffix(".toml")
    lines = files[PROJECT].splitlines()[: found.location.line]
    header = [line for line in lines if line.startswith("[")][-1].strip("[]").split(".")
    return tuple(header[:2]) if header[0] == "sandboxes" else ()


@names
def test_every_finding_can_be_allowed_in_json(tmp_path: Path, case: Found) -> None:
    files = edited(*case.edits)
    (its,) = [each for each in findings(tmp_path / "toml", files) if each.code == case.code]
    owner = owner_of(its, files)
    silenced = findings(tmp_path / "json", allowing(files, owner, case.code))
    assert codes(silenced) == case.also


def test_every_kind_of_table_has_a_finding_in_the_tests_above(tmp_path: Path) -> None:
    owners = set()
    for number, case in enumerate(CASES):
        files = edited(*case.edits)
        for found in findings(tmp_path / str(number), files):
            owners.add((*owner_of(found, files), "")[0])
    assert owners == {"", "sandboxes", "templates"}


def test_it_works_in_toml_as_well(tmp_path: Path) -> None:
    template = edited(
        OPEN, (CLAUDE, "[isolation]", f"[allowFindings]\n{DAEMON} = 'x'\n[isolation]")
    )
    assert findings(tmp_path / "template", template) == []
    sandbox = edited(
        (PROJECT, '"~/projects/app"', "'/etc'\nallowFindings = { workspace-too-wide = 'x' }")
    )
    assert findings(tmp_path / "sandbox", sandbox) == []
    project = edited(
        (PROJECT, "/run/secrets/anthropic", "/srv/key"),
        (PROJECT, "[secrets]", "allowFindings.secret-outside-manager = 'x'\n[secrets]"),
    )
    assert findings(tmp_path / "project", project) == []


@pytest.mark.parametrize(
    "owner", [(), ("sandboxes", "app"), ("templates", "other")], ids=["project", "sandbox", "other"]
)
def test_it_speaks_for_its_own_table_only(tmp_path: Path, owner: tuple[str, ...]) -> None:
    files = edited(OPEN, ("templates/other.toml", "", f'extends = "claude"\n{CLEAN[CLAUDE][:27]}'))
    found = findings(tmp_path, allowing(files, owner, DAEMON))
    assert {DAEMON, "unused-allow"} <= codes(found)


def test_what_is_inherited_is_allowed_where_it_is_written(tmp_path: Path) -> None:
    base = CLEAN[CLAUDE].replace("nixDaemon = false", "nixDaemon = true")
    files = {PROJECT: CLEAN[PROJECT], CLAUDE: 'extends = "base"\n', "templates/base.toml": base}
    assert findings(tmp_path / "base", allowing(files, ("templates", "base"), DAEMON)) == []
    child = findings(tmp_path / "child", allowing(files, ("templates", "claude"), DAEMON))
    assert codes(child) == {DAEMON, "unused-allow"}


def test_what_is_missing_is_allowed_too(tmp_path: Path) -> None:
    files = edited((CLAUDE, 'resetEvery = "daily"\n', ""))
    assert findings(tmp_path, allowing(files, ("templates", "claude"), "no-reset")) == []


def test_an_unused_code(tmp_path: Path) -> None:
    (found,) = findings(tmp_path, allowing(CLEAN, ("templates", "claude"), "no-limits"))
    assert (found.code, stretch(found.location)) == ("unused-allow", '"no-limits"')
    assert "`templates.claude`" in found.message


def test_an_unused_code_of_the_project(tmp_path: Path) -> None:
    (found,) = findings(tmp_path, edited((PROJECT, "[sec", "allowFindings.no-limits = 'x'\n[sec")))
    assert (found.code, stretch(found.location)) == ("unused-allow", "no-limits")
    assert "outside of sandboxes and templates" in found.message


def test_an_unknown_code(tmp_path: Path) -> None:
    (found,) = findings(tmp_path, allowing(CLEAN, ("sandboxes", "app"), "nolimits"))
    assert (found.code, stretch(found.location)) == ("unknown-code", '"nolimits"')
    assert found.hint == "Did you mean `no-limits`?"


@pytest.mark.parametrize("code", ["unused-allow", "unknown-key", "path-in-writable", "\u202e", ""])
def test_a_code_that_cannot_be_allowed(tmp_path: Path, code: str) -> None:
    (found,) = findings(tmp_path, allowing(CLEAN, (), code))
    assert found.code == "unknown-code"
    assert found.message.isprintable()


def test_a_comment_and_a_key_for_one_finding_are_both_of_use(tmp_path: Path) -> None:
    comment = f"nixDaemon = true # forage: allow({DAEMON}): {REASON}"
    key = f"[allowFindings]\n{DAEMON} = '{REASON}'\n[isolation]"
    files = edited((CLAUDE, "nixDaemon = false", comment), (CLAUDE, "[isolation]", key))
    assert findings(tmp_path, files) == []


def test_a_project_on_one_line(tmp_path: Path) -> None:
    # As programs write it. The names before the finding have characters of several bytes.
    project = {
        "user": "alice",
        "templates": {
            "a": {"description": "日本 😀", "allowFindings": {"no-reset": "ネ"}},
            "b": {"resetEvery": "daily", "allowFindings": {"no-limits": REASON}},
        },
        "sandboxes": {"x": {"template": "a", "workspace": "/srv/x"}},
    }
    text = json.dumps(project, ensure_ascii=False)
    found = findings(tmp_path, {"forage.json": text})
    places = {(each.code, stretch(each.location)) for each in found}
    assert places == {
        ("no-limits", '"a"'),
        ("unused-template", '"b"'),
    }
