"""The command line, run as a person runs it: arguments in; output, files and exit code out."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from forage_gen import memo
from forage_gen.project import compile_project
from forage_gen.write.tree import write
from tests.requirements import PYTHONPATH

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "examples" / "demo"

DONE, FOUND, INVALID, ENVIRONMENT = 0, 1, 2, 3


def forage_gen(*arguments: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "forage_gen", *map(str, arguments)],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": PYTHONPATH},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own."""
    path = tmp_path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(path))
    return path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the example project, not yet built."""
    copy = tmp_path / "demo"
    shutil.copytree(DEMO, copy)
    return copy


@pytest.fixture
def built(project: Path) -> Path:
    assert forage_gen("build", project).returncode == DONE
    return project


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


# --- init ------------------------------------------------------------------------------


def test_init_writes_a_project_that_builds_and_has_no_findings(tmp_path: Path) -> None:
    project = tmp_path / "new"
    assert forage_gen("init", project).returncode == DONE
    assert forage_gen("build", project).returncode == DONE
    check = forage_gen("check", project)
    assert (check.returncode, check.stdout, check.stderr) == (DONE, "", "")


def test_init_touches_no_file_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "forage.toml").write_text("mine")
    result = forage_gen("init", tmp_path)
    assert result.returncode == ENVIRONMENT
    assert "forage.toml" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["forage.toml"]
    assert (tmp_path / "forage.toml").read_text() == "mine"


# --- build -----------------------------------------------------------------------------


def test_build_writes_the_tree_and_the_lock(project: Path) -> None:
    (project / "forage.lock").unlink()
    result = forage_gen("build", project)
    assert result.returncode == DONE
    assert "was written" in result.stderr
    assert (project / "generated" / "default.nix").is_file()
    assert (project / "forage.lock").read_text() == (DEMO / "forage.lock").read_text()


def test_build_again_changes_nothing(built: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in built.rglob("*")}
    result = forage_gen("build", built)
    assert result.returncode == DONE
    assert "is up to date" in result.stderr
    assert {path: path.stat().st_mtime_ns for path in built.rglob("*")} == before


def test_a_failed_build_leaves_the_old_tree(built: Path) -> None:
    before = {p: p.read_bytes() for p in built.rglob("*") if p.is_file() and p.suffix != ".toml"}
    edit(built / "forage.toml", 'template = "review"', 'template = "reviw"')
    assert forage_gen("build", built).returncode == INVALID
    after = {p: p.read_bytes() for p in built.rglob("*") if p.is_file() and p.suffix != ".toml"}
    assert after == before


def test_build_says_which_changes_by_hand_it_undid(built: Path) -> None:
    (built / "generated" / "default.nix").write_text("{ }")
    result = forage_gen("build", built)
    assert result.returncode == DONE
    assert "undid changes by hand: default.nix" in result.stderr


def test_build_refuses_a_directory_with_other_files(built: Path) -> None:
    (built / "generated" / "notes.txt").write_text("mine")
    result = forage_gen("build", built)
    assert result.returncode == ENVIRONMENT
    assert "notes.txt" in result.stderr
    assert (built / "generated" / "notes.txt").read_text() == "mine"


def test_the_bytes_do_not_depend_on_the_surroundings(project: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "else" / "where"
    shutil.copytree(project, elsewhere)
    assert forage_gen("build", project).returncode == DONE
    environment = {"LC_ALL": "C", "TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7", "HOME": "/nowhere"}
    subprocess.run(
        ["sh", "-c", 'umask 077; exec "$0" -m forage_gen build', sys.executable],
        cwd=elsewhere,
        env=os.environ | environment | {"PYTHONPATH": PYTHONPATH},
        check=True,
        capture_output=True,
    )
    subprocess.run(["diff", "-r", project / "generated", elsewhere / "generated"], check=True)


# --- check, diff -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda tree: (tree / "default.nix").write_text("{ }"), "tree-edited"),
        (lambda tree: (tree / "default.nix").unlink(), "tree-missing"),
        (lambda tree: (tree / "extra").write_text(""), "tree-unknown"),
        (lambda tree: (tree / "libexec" / "forage-prepare").chmod(0o644), "tree-mode"),
        (shutil.rmtree, "tree-no-tree"),
        (lambda tree: edit(tree.parent / "forage.toml", "10.100.", "10.101."), "tree-stale"),
        (lambda tree: (tree.parent / "forage.lock").unlink(), "lock-stale"),
    ],
)
def test_check_finds_every_drift(built: Path, change: object, code: str) -> None:
    assert forage_gen("check", built).returncode == DONE
    change(built / "generated")  # type: ignore[operator]  # one of the functions above
    result = forage_gen("check", built)
    assert result.returncode == FOUND
    assert f"[{code}]" in result.stderr


@pytest.mark.parametrize(
    "change",
    [
        lambda tree: (tree / "default.nix").write_text("{ }"),
        lambda tree: (tree / "default.nix").unlink(),
        lambda tree: (tree / "libexec" / "forage-prepare").chmod(0o644),
        lambda tree: (tree / "libexec").chmod(0o777),
        lambda tree: edit(tree.parent / "templates" / "base.toml", '"4G"', '"5G"'),
        lambda tree: (tree.parent / "forage.lock").unlink(),
        lambda tree: (tree.parent / ".generated.forage-new").mkdir(),
        shutil.rmtree,
    ],
)
def test_a_build_that_remembers_the_last_one_still_sees_every_change(
    built: Path, change: object
) -> None:
    change(built / "generated")  # type: ignore[operator]  # one of the functions above
    assert forage_gen("build", built).returncode == DONE
    assert forage_gen("check", built).returncode == DONE
    assert not (built / ".generated.forage-new").exists()


def test_a_build_that_remembers_the_last_one_still_refuses_what_is_not_its_own(
    built: Path,
) -> None:
    (built / "generated" / "manifest.json").write_text("{}")
    assert forage_gen("build", built).returncode == ENVIRONMENT
    assert (built / "generated" / "manifest.json").read_text() == "{}"


def test_an_edit_while_a_build_runs_is_seen_by_the_next(project: Path) -> None:
    out = project / "generated"
    inputs = memo.digest(project)
    compiled = compile_project(project)
    edit(project / "templates" / "base.toml", '"4G"', '"5G"')
    write(out, compiled.artifacts, compiled.manifest)
    memo.remember(out, inputs, compiled.lock, compiled.manifest, memo.Built(4, 3))
    # The control: before the edit, it would have been believed.
    assert memo.recall(project, out, inputs) == memo.Built(4, 3)
    assert memo.recall(project, out, memo.digest(project)) is None
    assert "was written" in forage_gen("build", project).stderr
    assert forage_gen("check", project).returncode == DONE


def test_without_a_cache_a_build_does_all_of_its_work(built: Path, cache: Path) -> None:
    assert list((cache / "forage-gen").iterdir())
    shutil.rmtree(cache)
    cache.write_text("no directory")
    result = forage_gen("build", built)
    assert (result.returncode, "is up to date" in result.stderr) == (DONE, True)


def test_a_cache_that_says_anything_is_not_believed_about_the_tree(
    built: Path, cache: Path
) -> None:
    for file in (cache / "forage-gen").iterdir():
        file.write_text('{"inputs": null, "manifest": []}')
    edit(built / "templates" / "base.toml", '"4G"', '"5G"')
    assert forage_gen("build", built).returncode == DONE
    assert forage_gen("check", built).returncode == DONE


def test_check_writes_nothing(project: Path) -> None:
    before = sorted(project.rglob("*"))
    assert forage_gen("check", project).returncode == FOUND
    assert sorted(project.rglob("*")) == before


def test_diff_is_empty_after_a_build_and_applies_before(built: Path) -> None:
    assert forage_gen("diff", built).stdout == ""
    edit(built / "templates" / "base.toml", '"4G"', '"5G"')
    patch = forage_gen("diff", built)
    assert patch.returncode == DONE
    assert "+MemoryMax=5G" in patch.stdout
    subprocess.run(
        ["git", "apply", "-p1", "--directory", "", "-"],
        cwd=built / "generated",
        input=patch.stdout,
        text=True,
        check=True,
    )
    assert forage_gen("check", built).returncode == DONE


def test_findings_for_machines_are_json(built: Path) -> None:
    (built / "generated" / "default.nix").unlink()
    for form in ("json", "sarif"):
        result = forage_gen("check", built, "--format", form)
        assert result.returncode == FOUND
        assert json.loads(result.stdout)
    assert "::error file=" in forage_gen("check", built, "--format", "github").stdout


# --- mistakes --------------------------------------------------------------------------


def test_all_mistakes_are_told_at_once_with_their_places(project: Path) -> None:
    edit(project / "forage.toml", 'template = "research"', 'template = "reserch"')
    edit(project / "forage.toml", "autoStart = true", 'autoStart = "yes"')
    edit(project / "templates" / "claude.toml", "allowedHosts", "alowedHosts")
    edit(project / "templates" / "base.toml", '"4G"', '"4 gigs"')
    edit(project / "templates" / "review.toml", '"none"', '"nothing"')
    result = forage_gen("build", project)
    assert result.returncode == INVALID
    assert result.stdout == ""
    told = re.findall(
        r"^(\S+?):\d+:\d+: error\[([a-z-]+)\]: .*?^hint: (.*?)$",
        result.stderr,
        re.DOTALL | re.MULTILINE,
    )
    assert told == [
        (f"{project}/forage.toml", "wrong-type", "Write for example `autoStart = true`."),
        (f"{project}/forage.toml", "no-such-template", "Did you mean `research`?"),
        (
            f"{project}/templates/base.toml",
            "memory-size-invalid",
            "Write a number with one of the suffixes K, M, G, T, P, E, such as `4G`.",
        ),
        (f"{project}/templates/claude.toml", "unknown-key", "Did you mean `allowedHosts`?"),
        (
            f"{project}/templates/review.toml",
            "bad-value",
            'Write one of `"full"`, `"restricted"`, `"none"`.',
        ),
    ]
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("directory", [".", "demo"])
def test_files_are_named_as_they_are_reached_from_here(built: Path, directory: str) -> None:
    """GitHub shows a finding at its line only if the path begins at the repository's top."""
    here = built if directory == "." else built.parent

    def files() -> set[str]:
        report = forage_gen("check", directory, "--format", "json", cwd=here).stdout
        return {finding["file"] for finding in json.loads(report)["findings"]}

    def reached(*paths: str) -> set[str]:
        return {str(Path(directory, path)) for path in paths}

    (built / "generated" / "default.nix").write_text("{ }")
    (built / "forage.lock").unlink()
    edit(built / "templates" / "base.toml", 'diskMax = "2G"', 'diskMax = "8G"')
    assert files() >= reached("generated/default.nix", "forage.lock", "templates/base.toml")
    edit(built / "templates" / "review.toml", '"none"', '"nothing"')
    assert files() == reached("templates/review.toml")


@pytest.mark.parametrize("command", ["build", "check", "diff", "explain"])
def test_a_directory_without_a_project_is_told(tmp_path: Path, command: str) -> None:
    extra = ["x"] if command == "explain" else []
    result = forage_gen(command, tmp_path, *extra)
    assert result.returncode == INVALID
    assert "forage-gen init" in result.stderr


# --- explain, schema, version ----------------------------------------------------------


def test_explain_says_what_an_agent_may_do(project: Path) -> None:
    words = forage_gen("explain", project, "website").stdout
    for fact in (
        "/home/alice/projects/website",
        "registry.npmjs.org:443",
        "never .git/hooks, .git/config",
        "memory: 4G",
        "Bash(rm -rf *)",
        "no programs of another architecture: no option opens these",
        "no raw sockets, which no option opens in a user namespace",
    ):
        assert fact in words


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("", "daily, and if somebody is attached then, until nobody is"),
        ("resetWhileAttached = true\n", "daily, also while somebody is attached"),
    ],
)
def test_explain_says_whom_a_reset_waits_for(project: Path, written: str, said: str) -> None:
    daily = 'resetEvery = "daily"\n'
    edit(project / "templates" / "base.toml", daily, daily + written)
    assert f"starts afresh: {said}\n" in forage_gen("explain", project, "website").stdout


OPENED = {
    "isolation.privateUsers = false": ("[isolation]\nprivateUsers = false\n", "root on the host"),
    "isolation.syscallFilter": ('[isolation]\nsyscallFilter = ["@swap"]\n', "system calls: @swap"),
    "isolation.userNamespaces = true": (
        '[isolation]\nsyscallFilter = "strict"\nuserNamespaces = true\n',
        "may make user namespaces",
    ),
    "isolation.capabilities": (
        '[isolation]\ncapabilities = ["CAP_SYS_PTRACE"]\n',
        "root inside keeps CAP_SYS_PTRACE",
    ),
    "isolation.apparmor = false": ("[isolation]\napparmor = false\n", "no AppArmor profile"),
    "nixDaemon = true": ("nixDaemon = true\n", "a Nix daemon inside"),
    "protectedPaths": ("protectedPaths = []\n", "it may write .git/hooks, .git/config"),
    "workspace.mounts.more.readOnly = false": (
        (
            '[workspace.mounts.more]\ncontainerPath = "/srv/more"\nhostPath = "~/more"\n'
            "readOnly = false\n"
        ),
        "it may write /home/alice/more of the host",
    ),
    "agents.claude.hostConfigDirReadOnly = false": (
        (
            '[agents.claude]\npackage = "claude-code"\nhostConfigDir = "~/.claude"\n'
            "hostConfigDirReadOnly = false\n"
        ),
        "it may write /home/alice/.claude of the host",
    ),
    "resetWhileAttached = true": ("resetWhileAttached = true\n", "a reset waits for nobody"),
    "allowLan = true": ('network = "full"\nallowLan = true\n', "the local network"),
}
"""What opens something: what is written, and what is said of it."""

OPENS = "Its template opens, of what is closed otherwise\n"


def explained(project: Path, written: str) -> tuple[str, list[dict[str, str]]]:
    """What is said of a sandbox whose template has this, and nothing else that opens anything."""
    template = f'description = "Opened"\nextends = "base"\n{written}'
    (project / "templates" / "opened.toml").write_text(template)
    place = '[sandboxes.opened]\ntemplate = "opened"\nworkspace = "/home/alice/projects/opened"\n'
    forage = project / "forage.toml"
    forage.write_text(f"{forage.read_text()}\n{place}")
    words = forage_gen("explain", project, "opened")
    assert words.returncode == 0, words.stderr
    facts = json.loads(forage_gen("explain", project, "opened", "--json").stdout)
    return words.stdout, facts["opened"]


def test_explain_names_no_option_where_nothing_is_opened(project: Path) -> None:
    words, opened = explained(project, "")
    assert words.endswith(f"{OPENS}  - nothing\n")
    assert opened == []


@pytest.mark.parametrize("option", OPENED)
def test_explain_names_each_option_that_opens_something(project: Path, option: str) -> None:
    written, effect = OPENED[option]
    words, opened = explained(project, written)
    assert [each["option"] for each in opened] == [option]
    assert effect in opened[0]["effect"]
    assert f"(`{option}`)" in words.partition(OPENS)[2]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("", "was ever built on the host (`storeClosure = true` narrows that)"),
        ("[isolation]\nstoreClosure = true\n", "no other path of it (`storeClosure`)"),
        ("readOnlyWorkspace = true\n", "nothing in /workspace (`readOnlyWorkspace`)"),
    ],
)
def test_explain_names_the_options_that_close_something(
    project: Path, written: str, said: str
) -> None:
    assert said in explained(project, written)[0]


def test_explain_json_says_where_each_value_came_from(project: Path) -> None:
    facts = json.loads(forage_gen("explain", project, "website", "--json").stdout)
    values = {value["key"]: value for value in facts["values"]}
    assert values["network"]["file"] == "templates/claude.toml"
    memory = values["resourceLimits.memoryMax"]
    line = (project / memory["file"]).read_text().splitlines()[memory["line"] - 1]
    assert (memory["template"], line) == ("base", 'memoryMax = "4G"')
    assert values["extraPackages[0]"]["template"] == "base"
    assert values["extraPackages[2]"]["template"] == "claude"


def test_explain_of_an_unknown_sandbox_suggests_one(project: Path) -> None:
    result = forage_gen("explain", project, "websit")
    assert result.returncode == INVALID
    assert "Did you mean `website`?" in result.stderr


@pytest.mark.parametrize("file", ["forage", "template"])
def test_schema_prints_a_json_schema(file: str) -> None:
    assert json.loads(forage_gen("schema", file).stdout)["additionalProperties"] is False


def test_version() -> None:
    assert forage_gen("--version").stdout.startswith("forage-gen 0.")
