"""Every fenced example of every page is run, or read by what reads it in life."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest
import yaml
from pydantic import BaseModel, ValidationError

from forage_gen.cli.arguments import parser
from forage_gen.cli.main import Exit
from forage_gen.diagnostics import InvalidProjectError
from forage_gen.project import compile_project
from forage_gen.read.load import load
from forage_gen.schema.models import Project, Template
from forage_gen.write.review import Kind
from tests.docs.pages import BOOK, OTHERS, PAGES, ROOT, Block, blocks, calls, commands
from tests.requirements import PYTHONPATH, require

if TYPE_CHECKING:
    from pathlib import Path

BLOCKS = [block for page in [*PAGES, *OTHERS] for block in blocks(page)]
LANGUAGES = {"console", "json", "nix", "sh", "toml", "yaml"}
HOST = ROOT / "examples" / "nixos-host" / "sops-nix"
COPIED = (
    ROOT / "examples" / "ci" / ".github" / "workflows" / "forage.yml",
    ROOT / "examples" / "ci" / ".pre-commit-config.yaml",
)


def of(language: str) -> list[Block]:
    return [block for block in BLOCKS if block.language == language]


def test_every_example_has_a_language_with_a_test() -> None:
    assert [str(block) for block in BLOCKS if block.language not in LANGUAGES] == []


# --- TOML, JSON, YAML --------------------------------------------------------------------


@pytest.mark.parametrize("block", of("toml"), ids=str)
def test_toml_is_of_a_template_or_of_forage_toml(block: Block) -> None:
    table = tomllib.loads(block.text)
    if block.file is None:
        assert [] in (mistakes(Template, table), mistakes(Project, table)), table
    else:
        model = Project if block.file == "forage.toml" else Template
        model.model_validate(table)


def mistakes(model: type[BaseModel], table: dict[str, object]) -> list[str]:
    """What is wrong with a few lines of a file, which need not have what a whole file must."""
    try:
        model.model_validate(table)
    except ValidationError as failure:
        return [error["msg"] for error in failure.errors() if error["type"] != "missing"]
    return []


def files(page: Path) -> dict[str, str]:
    """The files that a page shows, as they are at its end."""
    return {block.file: block.text for block in blocks(page) if block.file}


def write(project: Path, shown: dict[str, str]) -> None:
    for name, text in shown.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)


@pytest.mark.parametrize(
    "page", [page for page in PAGES if files(page)], ids=lambda page: str(page.name)
)
def test_the_files_that_a_page_shows_make_a_project(page: Path, tmp_path: Path) -> None:
    """Those that it does not show are the starter project's; nothing is fetched."""
    assert forage_gen(["init", "."], tmp_path) == Exit.DONE
    shown = files(page)
    if "[sources." in shown.get("forage.toml", ""):
        shutil.rmtree(tmp_path / "templates")  # they need a secret that this page does without
        write(tmp_path, shown)
        with pytest.raises(InvalidProjectError) as refused:
            compile_project(tmp_path)
        assert {found.code for found in refused.value.diagnostics} == {"source-not-locked"}
        return
    write(tmp_path, shown)
    assert compile_project(tmp_path).resolved.plan.sandboxes


@pytest.mark.parametrize("block", of("json"), ids=str)
def test_json_is_a_project(block: Block, tmp_path: Path) -> None:
    json.loads(block.text)
    (tmp_path / "forage.json").write_text(block.text)
    assert load(tmp_path).found == ()


def test_yaml_is_what_users_copy() -> None:
    shown = [block.text for block in of("yaml")]
    assert shown == [path.read_text() for path in COPIED]
    assert all(isinstance(yaml.safe_load(text), dict) for text in shown)


# --- Nix, shell --------------------------------------------------------------------------


@pytest.mark.parametrize("block", of("nix"), ids=str)
def test_nix_parses(block: Block) -> None:
    require("nix-instantiate")
    # A few lines of a module are no expression until there are braces around them.
    texts = (block.text, f"{{ inputs, ... }}: {{\n{block.text}\n}}")
    results = [
        subprocess.run(
            ["nix-instantiate", "--parse", "-"],
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        for text in texts
    ]
    assert 0 in [result.returncode for result in results], results[0].stderr


@pytest.mark.parametrize("block", of("sh"), ids=str)
def test_shell_is_clean(block: Block) -> None:
    require("shellcheck")
    subprocess.run(
        # What a page's `cd` does if it fails is for the reader to see.
        ["shellcheck", "--shell=bash", "--exclude=SC2164", "-"],
        input=block.text,
        text=True,
        check=True,
    )


@pytest.mark.parametrize("page", [*PAGES, *OTHERS], ids=lambda page: str(page.relative_to(ROOT)))
def test_each_command_of_forage_gen_is_one(page: Path) -> None:
    for words in commands(page):
        parser().parse_args(words)


@pytest.mark.parametrize("block", of("console"), ids=str)
def test_a_session_shows_commands(block: Block) -> None:
    assert all(line.startswith("$ ") for line in block.text.splitlines())


# --- whole pages -------------------------------------------------------------------------


def forage_gen(words: list[str], directory: Path) -> int:
    return subprocess.run(
        [sys.executable, "-m", "forage_gen", *words],
        cwd=directory,
        env=os.environ | {"PYTHONPATH": PYTHONPATH},
        capture_output=True,
        text=True,
        check=False,
    ).returncode


def follow(page: str, directory: Path, project: Path) -> int:
    """Do what a page says, in its order; the result is how many commands that were."""
    done = 0
    for block in blocks(BOOK / page):
        if block.file:
            write(project, {block.file: block.text})
        if block.language == "console":
            for words in calls(block.text):
                assert forage_gen(words, directory) == Exit.DONE, f"{block}: {words}"
                done += 1
    return done


def test_the_first_sandbox(tmp_path: Path) -> None:
    assert follow("first-sandbox.md", tmp_path, tmp_path / "forage") == 6


def test_the_page_about_templates(tmp_path: Path) -> None:
    assert follow("templates.md", tmp_path, tmp_path) == 3


@pytest.mark.parametrize(("page", "number"), [("ci.md", 4), ("upgrading.md", 2)])
def test_pages_about_a_repository(page: str, number: int, tmp_path: Path) -> None:
    shutil.copytree(HOST, tmp_path / "host")
    assert follow(page, tmp_path / "host", tmp_path) == number


def test_the_page_about_errors(tmp_path: Path) -> None:
    shutil.copytree(HOST / "forage", tmp_path / "project")
    assert follow("errors.md", tmp_path / "project", tmp_path) == 3


# --- what the page about errors says -----------------------------------------------------

ERRORS = (BOOK / "errors.md").read_text()


def test_it_lists_every_exit_code() -> None:
    assert all(f"\n| {code.value} | " in ERRORS for code in Exit)


def test_it_lists_everything_that_a_tree_can_be() -> None:
    listed = {line.split("`")[1] for line in ERRORS.splitlines() if line.startswith("| `tree-")}
    assert listed == {f"tree-{kind.value}" for kind in Kind}


def test_its_finding_is_a_real_one(tmp_path: Path) -> None:
    lines = ['description = "Claude Code"', 'network = "restricted"', "alowedHosts = "]
    write(
        tmp_path,
        {
            "forage.toml": 'user = "alice"\n',
            "templates/claude.toml": "\n".join(lines) + '["registry.npmjs.org"]\n',
        },
    )
    told = subprocess.run(
        [sys.executable, "-m", "forage_gen", "check"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": PYTHONPATH},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == Exit.INVALID
    shown = "".join(f"    {line}\n" for line in told.stderr.splitlines()[:4])
    assert shown in ERRORS
