from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.check.projects import CLAUDE, PROJECT, codes, edited, findings, stretch

if TYPE_CHECKING:
    from pathlib import Path

    from forage_gen.diagnostics import Diagnostic

DAEMON = "nix-daemon-without-cache"


def daemon(tmp_path: Path, lines: str) -> list[Diagnostic]:
    """Lint a project in which these lines are in place of the `nixDaemon` line."""
    return findings(tmp_path, edited((CLAUDE, "nixDaemon = false", lines)))


@pytest.mark.parametrize(
    "lines",
    [
        f"nixDaemon = true # forage: allow({DAEMON}): it builds",
        f"nixDaemon = true #forage:allow( {DAEMON} ) : it builds",
        f"nixDaemon = true # forage: allow({DAEMON}): because (see above): it builds",
        f"# forage: allow({DAEMON}): it builds\nnixDaemon = true",
        f"  # forage: allow({DAEMON}): it builds\n  nixDaemon = true",
        f"# One.\n# forage: allow({DAEMON}): it builds\n# Two.\nnixDaemon = true # Three.",
    ],
)
def test_what_allows(tmp_path: Path, lines: str) -> None:
    assert daemon(tmp_path, lines) == []


def test_carriage_returns_change_nothing(tmp_path: Path) -> None:
    allowed = f"nixDaemon = true # forage: allow({DAEMON}): it builds"
    files = edited((CLAUDE, "nixDaemon = false", allowed))
    files[CLAUDE] = files[CLAUDE].replace("\n", "\r\n")
    assert findings(tmp_path, files) == []
    files[CLAUDE] = files[CLAUDE].replace(": it builds", "")
    (found,) = findings(tmp_path, files)
    assert stretch(found.location) == f"forage: allow({DAEMON})"


@pytest.mark.parametrize(
    "lines",
    [
        f"# forage: allow({DAEMON}): it builds\n\nnixDaemon = true",
        f"nixDaemon = true\n# forage: allow({DAEMON}): it builds",
        f'initCommands = ["true"] # forage: allow({DAEMON}): it builds\nnixDaemon = true',
    ],
    ids=["empty line between", "below", "beside another value"],
)
def test_what_does_not_allow(tmp_path: Path, lines: str) -> None:
    assert codes(daemon(tmp_path, lines)) == {DAEMON, "unused-allow"}


def test_text_in_a_string_is_no_comment(tmp_path: Path) -> None:
    lines = f'initCommands = ["echo # forage: allow({DAEMON}): no"]\nnixDaemon = true'
    assert codes(daemon(tmp_path, lines)) == {DAEMON}


def test_one_comment_allows_several(tmp_path: Path) -> None:
    files = edited(
        (CLAUDE, '["ripgrep", "fd"]', '["curl"]'), (CLAUDE, 'resetEvery = "daily"\n', "")
    )
    tools = files[CLAUDE].partition("\n")[2]  # its first line has both findings now
    files[CLAUDE] = f"# forage: allow(download-tool, no-reset): it is a test\n{tools}"
    assert findings(tmp_path, files) == []


def test_each_code_of_a_comment_counts(tmp_path: Path) -> None:
    (found,) = daemon(tmp_path, f"nixDaemon = true # forage: allow({DAEMON}, no-limits): it builds")
    assert (found.code, stretch(found.location)) == ("unused-allow", "no-limits")


@pytest.mark.parametrize("end", ["", ":", ":   "])
def test_without_a_reason(tmp_path: Path, end: str) -> None:
    (found,) = daemon(tmp_path, f"nixDaemon = true # forage: allow({DAEMON}){end}")
    assert found.code == "allow-without-reason"
    assert f"`# forage: allow({DAEMON}): the reason" in found.hint


def test_an_unknown_code(tmp_path: Path) -> None:
    (found,) = daemon(tmp_path, "nixDaemon = false # forage: allow(nolimits): no")
    assert (found.code, stretch(found.location)) == ("unknown-code", "nolimits")
    assert found.hint == "Did you mean `no-limits`?"


@pytest.mark.parametrize("code", ["unused-allow", "unknown-key", "tree-stale", "\t\u202eéß"])
def test_a_code_that_cannot_be_allowed(tmp_path: Path, code: str) -> None:
    (found,) = daemon(tmp_path, f"nixDaemon = false # forage: allow({code}): no")
    assert found.code == "unknown-code"
    assert found.message.isprintable()


@pytest.mark.parametrize("comment", ["allow no-limits", "allow()", "allow( , ): x", "allow(a) b"])
def test_a_malformed_comment(tmp_path: Path, comment: str) -> None:
    (found,) = daemon(tmp_path, f"nixDaemon = false #  forage: {comment} ")
    assert (found.code, stretch(found.location)) == ("malformed-allow", f"forage: {comment}")


def test_columns_count_characters(tmp_path: Path) -> None:
    line = '"e\u0301 ネ 🙂" # forage: allow(no-limits): nothing'
    (found,) = findings(tmp_path, edited((CLAUDE, '"Claude Code"', line)))
    assert (found.code, stretch(found.location)) == ("unused-allow", "no-limits")


def test_comments_of_the_project_file_count(tmp_path: Path) -> None:
    line = 'workspace = "/etc" # forage: allow(workspace-too-wide): it is a test'
    assert findings(tmp_path, edited((PROJECT, 'workspace = "~/projects/app"', line))) == []


def test_a_warning_of_the_planner_can_be_allowed(tmp_path: Path) -> None:
    first = 'template = "claude"\nworkspace = "~/projects/app"\n'
    second = f"[sandboxes.two]\n{first}".replace(
        "workspace", "# forage: allow(workspace-shared): they take turns\nworkspace"
    )
    assert findings(tmp_path, edited((PROJECT, first, first + second))) == []
