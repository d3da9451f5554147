"""One syntax mistake does not hide the others of its file, and makes up none."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forage_gen.diagnostics import InvalidProjectError
from forage_gen.read.load import load
from forage_gen.resolve.resolve import resolve
from tests.read.projects import as_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from forage_gen.diagnostics import Diagnostic

DEMO = Path(__file__).parents[2] / "examples" / "demo"
EXAMPLES = int(os.environ.get("FORAGE_EXAMPLES", "1000"))
FILES = ("forage.toml", *(f"templates/{path.name}" for path in (DEMO / "templates").iterdir()))


def found(root: Path) -> list[Diagnostic]:
    with pytest.raises(InvalidProjectError) as refused:
        resolve(load(root))
    return list(refused.value.diagnostics)


def places(findings: list[Diagnostic]) -> list[tuple[str, str, int]]:
    return [(each.code, each.location.file, each.location.line) for each in findings]


BREAK: dict[str, Callable[[str], str]] = {
    "no value": lambda line: re.sub(r"= .*", "= ", line, count=1),
    "no string": lambda line: line.replace('"', "", 1),
    "unclosed": lambda line: line + ' "',
    "two equals": lambda line: line.replace("=", "= =", 1),
    "no bracket": lambda line: line.replace("]", "", 1),
    "no opening": lambda line: line.replace("[", "", 1),
    "no equals": lambda line: line.replace("=", "", 1),
    "junk": lambda _: "%%%",
}


@pytest.mark.parametrize("how", BREAK)
@pytest.mark.parametrize("name", FILES)
def test_a_broken_line_is_one_finding(tmp_path: Path, name: str, how: str) -> None:
    lines = (DEMO / name).read_text().splitlines()
    shutil.copytree(DEMO, tmp_path / "demo")
    for number, line in enumerate(lines):
        broken = BREAK[how](line)
        if broken == line or not line.strip():
            continue
        text = "\n".join([*lines[:number], broken, *lines[number + 1 :]])
        (tmp_path / "demo" / name).write_text(text + "\n")
        try:
            resolve(load(tmp_path / "demo"))
        except InvalidProjectError as refused:
            found = list(refused.diagnostics)
        else:
            continue  # it was a comment, or means something else now
        if any(each.code in {"toml-syntax", "duplicate-key"} for each in found):
            assert len(found) == 1, (broken, places(found))


# What a person may write, with all that makes the end of a statement hard to see.
LAYOUT = {
    "forage.toml": """\
user = "alice"
authorizedKeys = [
  # The laptop's.
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEKDIhUq9XsgnrdApUJU8CAkpv9LUdpAv+ec93L4x+uE a@b",
]

[secrets]
a = "/run/secrets/a"
b = "/run/secrets/b"

[sandboxes.one]
template = "web"
workspace = '/srv/it''s' # [not.a.header]

[sandboxes.two]
template = "base"
workspace = "/srv/two"

[sandboxes]
three = { template = "web", workspace = "/srv/three" }
""".replace("it''s", "its"),
    "templates/base.toml": """\
description = "Don't = be [fooled]"
network = "restricted"
allowedHosts = [
  "a.org",
  "b.org:80",

  "*.c.org", # all of it
]
initCommands = [
  "PORT=1 ./start", "x = 1",
  "[ -e a ] && echo '{'",
]
nixDaemon = false
isolation = { privateUsers = true, syscallFilter = ["@mount", "~ptrace"] }

[agents.a]
package = "claude-code"
secretName = "a"

[agents.a.permissions]
allow = ["Read", "Edit(src/**)"]

[agents.b]
package = "hello"

[resourceLimits]
memoryMax = "4G"
tasksMax = 512
""",
    "templates/web.toml": """\
extends = "base"
replaces = ["allowedHosts"]
allowedHosts = ["d.org"]
agents.a.secretName = "b"

[workspace.mounts.docs]
containerPath = "/docs"
hostPath = "~/docs"
""",
}
SYNTAX = {"toml-syntax", "json-syntax", "duplicate-key"}


def findings(files: Mapping[str, str]) -> list[Diagnostic]:
    with TemporaryDirectory() as directory:
        root = Path(directory)
        (root / "templates").mkdir()
        for name, text in files.items():
            (root / name).write_text(text)
        try:
            resolve(load(root))
        except InvalidProjectError as refused:
            return list(refused.diagnostics)
        return []


def test_the_layout_is_a_valid_project() -> None:
    assert findings(LAYOUT) == []


@settings(max_examples=EXAMPLES)
@given(st.data())
def test_a_slip_of_the_hand_is_one_finding(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(LAYOUT)))
    text = LAYOUT[name]
    at = data.draw(st.integers(0, len(text) - 1))
    length = data.draw(st.integers(0, 1))
    # What replaces a line break is two slips: one in each line. So is one in a value.
    written = (
        ""
        if text[at : at + length] == "\n"
        else data.draw(st.sampled_from(["", *"\"'[]{}=,.:# ab1"]))
    )
    found = findings({**LAYOUT, name: text[:at] + written + text[at + length :]})
    if any(each.code in SYNTAX for each in found):
        assert len(found) == 1, places(found)


@settings(max_examples=EXAMPLES)
@given(st.data())
def test_so_it_is_in_json(data: st.DataObject) -> None:
    text = as_json(LAYOUT)["forage.json"]
    at = data.draw(st.integers(0, len(text) - 1))
    length = data.draw(st.integers(0, 1))
    written = data.draw(st.sampled_from(["", *"\"'[]{}=,.:# \nab1"]))
    found = findings({"forage.json": text[:at] + written + text[at + length :]})
    if any(each.code in SYNTAX for each in found):
        assert len(found) == 1, places(found)


JSON = """\
{
  "user": "alice",
  "secrets": { "a": "/run/secrets/a" },
  "templates": {
    "web": {
      "network": "none",
      "nixDaemon": false
    }
  },
  "sandboxes": {
    "one": { "template": "web", "workspace": "/srv/one" }
  }
}
"""


@pytest.mark.parametrize(
    ("right", "wrong", "code"),
    [
        ('nixDaemon": false', 'nixDaemon": false,', "json-syntax"),
        ('/srv/one" }', '/srv/one", }', "json-syntax"),
        ('"none",', '"none"', "json-syntax"),
        ('"/run/secrets/a" },', '"/run/secrets/a" }', "json-syntax"),
        ('"web", "work', '"web" "work', "json-syntax"),
        ('"alice",', '"alice", "user": "bob",', "duplicate-key"),
        ('"/srv/one"', '"/srv/one", "template": "no"', "duplicate-key"),
        ('  "sandboxes"', '  "templates": { "x": {} },\n  "sandboxes"', "duplicate-key"),
    ],
)
def test_a_slip_in_json_does_not_hide_what_else_is_wrong(right: str, wrong: str, code: str) -> None:
    assert findings({"forage.json": JSON}) == []
    text = JSON.replace(right, wrong)
    assert [each for each, _, _ in places(findings({"forage.json": text}))] == [code]
    others = text.replace('"user": "alice"', '"user": "root"').replace("/srv/one", "srv/one")
    found = {each for each, _, _ in places(findings({"forage.json": others}))}
    assert found == {code, "user-is-root", "path-relative"}


def test_several_slips_in_json() -> None:
    text = (
        JSON.replace("false", "false,").replace('"none",', '"none"').replace('one" }', 'one", },')
    )
    found = places(findings({"forage.json": text}))
    assert [line for _, _, line in found] == [7, 8, 11, 12]


def test_what_is_twice_in_json_may_hold_what_seems_to_be_missing() -> None:
    text = JSON.replace('"web", "work', '"x", "work')
    twice = text.replace('  "sandboxes"', '  "templates": { "x": {} },\n  "sandboxes"')
    assert [code for code, _, _ in places(findings({"forage.json": text}))] == ["no-such-template"]
    assert [code for code, _, _ in places(findings({"forage.json": twice}))] == ["duplicate-key"]


def test_a_string_over_two_lines_is_one_finding() -> None:
    # What is left of the string looks like a statement.
    text = LAYOUT["templates/base.toml"].replace('"PORT=1', '"\nPORT=1')
    text = text.replace("Don't = be", "Don't\nbe = ")
    found = findings({**LAYOUT, "templates/base.toml": text})
    assert places(found) == [("toml-syntax", "templates/base.toml", 1)]


def test_a_list_of_several_lines_is_one_statement() -> None:
    text = LAYOUT["templates/base.toml"].replace('"b.org:80",', '"b.org:80"')
    text = text.replace("nixDaemon = false", "nixDeamon = false").replace("512", '"512"')
    found = findings({**LAYOUT, "templates/base.toml": text})
    assert places(found) == [
        ("toml-syntax", "templates/base.toml", 7),
        ("unknown-key", "templates/base.toml", 13),
        ("wrong-type", "templates/base.toml", 28),
    ]


def test_a_list_without_an_end_does_not_hide_what_follows() -> None:
    text = LAYOUT["templates/base.toml"].replace("all of it\n]", "all of it").replace("512", "-1")
    found = findings({**LAYOUT, "templates/base.toml": text})
    assert [code for code, _, _ in places(found)] == ["toml-syntax", "tasks-max-small"]


def test_a_colon_for_an_equals_sign_hides_nothing_of_its_table() -> None:
    text = LAYOUT["forage.toml"].replace('template = "web"\nwork', 'template: "web"\nwrok')
    found = findings({**LAYOUT, "forage.toml": text})
    assert [code for code, _, _ in places(found)] == ["toml-syntax", "unknown-key"]


def test_a_table_twice_is_one_finding_with_the_tables_in_it() -> None:
    text = LAYOUT["templates/base.toml"]
    twice = "[agents.a]\npackage = 'x'\n[agents.a.permissions]\nallow = []\n"
    found = findings({**LAYOUT, "templates/base.toml": text + twice})
    assert [code for code, _, _ in places(found)] == ["duplicate-key"]


def test_the_others_of_the_file_are_found(tmp_path: Path) -> None:
    shutil.copytree(DEMO, tmp_path / "demo")
    template = tmp_path / "demo/templates/claude.toml"
    text = template.read_text()
    text = text.replace('network = "restricted"', 'network = restricted"')
    text = text.replace("initCommands", "initComands")
    text = text.replace("[agents.claude.permissions]", "[agents.claude.permissions")
    template.write_text(text.replace("readOnly = true", 'readOnly = "yes"'))

    assert [code for code, _, _ in places(found(tmp_path / "demo"))] == [
        "toml-syntax",
        "unknown-key",
        "toml-syntax",
        "wrong-type",
    ]


def test_files_beside_it_are_read_as_well(tmp_path: Path) -> None:
    shutil.copytree(DEMO, tmp_path / "demo")
    project = tmp_path / "demo/forage.toml"
    project.write_text(project.read_text().replace('anthropic = "', "anthropic = "))
    review = tmp_path / "demo/templates/review.toml"
    review.write_text(review.read_text().replace('"none"', '"some"'))

    # The secret's statement cannot be read; that it is missing is no finding.
    assert [code for code, _, _ in places(found(tmp_path / "demo"))] == [
        "toml-syntax",
        "bad-value",
    ]


def test_what_is_no_toml_at_all_is_one_finding(tmp_path: Path) -> None:
    (tmp_path / "forage.toml").write_text("<html>\n<body>\n</body>\n")

    assert places(found(tmp_path)) == [("toml-syntax", "forage.toml", 1)]


def test_templates_beside_a_json_project_are_named(tmp_path: Path) -> None:
    (tmp_path / "forage.json").write_text('{"user": "alice"}')
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/claude.toml").write_text('network = "none"\n')

    ignored = ("template-ignored", "templates/claude.toml", 1)
    assert places(found(tmp_path)) == [ignored]

    (tmp_path / "forage.json").write_text('{"user" "alice"}')
    assert places(found(tmp_path)) == [("json-syntax", "forage.json", 1), ignored]
