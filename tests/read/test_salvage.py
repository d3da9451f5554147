"""One syntax mistake does not hide the others of its file, and makes up none."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from forage_gen.diagnostics import InvalidProjectError
from forage_gen.read.load import load
from forage_gen.resolve.resolve import resolve

if TYPE_CHECKING:
    from collections.abc import Callable

    from forage_gen.diagnostics import Diagnostic

DEMO = Path(__file__).parents[2] / "examples" / "demo"
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


def test_the_others_of_the_file_are_found(tmp_path: Path) -> None:
    shutil.copytree(DEMO, tmp_path / "demo")
    template = tmp_path / "demo/templates/claude.toml"
    text = template.read_text()
    text = text.replace('network = "restricted"', 'network = restricted"')
    text = text.replace("nixDaemon = false", "nixDeamon = false")
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

    assert places(found(tmp_path)) == [("template-ignored", "templates/claude.toml", 1)]
