from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from forage_gen.values.paths import protected_path
from forage_gen.values.protected import DEFAULT, GROUPS, KNOWN, Role, Step, protected, steps
from tests.values.table import Refused, check_refused, ids


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        (".github", (".github",)),
        (".github/", (".github",)),
        ("@direnv", (".envrc",)),
        ("@types/", ("@types",)),
        ("@scope/package", ("@scope/package",)),
    ],
)
def test_an_entry(text: str, paths: tuple[str, ...]) -> None:
    assert protected(text).paths == paths


@pytest.mark.parametrize(
    "case",
    [
        Refused("@gti", "protected-path-group", "`@gti`", "`@git`"),
        Refused("@", "protected-path-group", "`@`", "`@version-control`"),
        Refused("@zzz", "protected-path-group", "`@zzz`", "a `/` behind"),
        Refused("/etc", "protected-path-absolute", "is absolute", "`etc`"),
    ],
    ids=ids,
)
def test_an_entry_is_refused(case: Refused) -> None:
    check_refused(protected, case)


@pytest.mark.parametrize("name", GROUPS)
def test_a_group_has_sound_paths_with_reasons(name: str) -> None:
    group = GROUPS[name]
    assert group.about.endswith(".")
    for known in group.paths:
        assert protected_path(known.path) == known.path
        assert known.why


def test_no_known_path_is_in_another() -> None:
    for path in KNOWN:
        assert not KNOWN.keys() & {str(above) for above in PurePosixPath(path).parents}


def test_steps_go_from_the_outside_in() -> None:
    assert steps(protected(DEFAULT).paths) == [
        Step(".git", Role.ABOVE_KNOWN),
        Step(".git/commondir", Role.HERE),
        Step(".git/config", Role.FILE),
        Step(".git/config.worktree", Role.FILE),
        Step(".git/hooks", Role.DIRECTORY),
    ]


def test_what_lies_in_a_protected_directory_needs_no_step() -> None:
    assert steps([".git/hooks", ".git"]) == [Step(".git", Role.DIRECTORY)]


def test_what_is_above_a_path_of_the_project_is_made_and_stays_open() -> None:
    assert steps(["src/made/keys"]) == [
        Step("src", Role.ABOVE),
        Step("src/made", Role.ABOVE),
        Step("src/made/keys", Role.DIRECTORY),
    ]


@pytest.mark.parametrize("paths", [[".vscode/own", ".vscode/tasks.json"]])
def test_what_is_above_a_known_path_is_closed(paths: list[str]) -> None:
    for order in (paths, paths[::-1]):
        assert steps(order)[0] == Step(".vscode", Role.ABOVE_KNOWN)


def test_siblings_of_a_directory_stay_in_its_order() -> None:
    # Sorted as text, `a-b` would come between `a` and `a/c`.
    assert [step.path for step in steps(["a/c", "a-b/c"])] == ["a", "a/c", "a-b", "a-b/c"]
