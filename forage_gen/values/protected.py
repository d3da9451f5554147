"""What in a workspace makes programs of the host run code: the groups of `protectedPaths`.

The one definition of these paths. The documentation is made from it, and so is what
`forage-prepare` does with each of them.

A path is here for one of two reasons: a program of the host runs what is written in it,
or looks in it for where to find such a file. What a person reads before it is run (a
Makefile, a script), and what is mere data (objects, refs, ignored files), is not here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from forage_gen.values.paths import ProtectedPath, is_at_or_below, protected_path
from forage_gen.values.problem import ValueProblem
from forage_gen.values.text import closest, shown

if TYPE_CHECKING:
    from collections.abc import Iterable


class Placeholder(StrEnum):
    """What is put at a path that does not exist, so that nothing else can be put there.

    An empty directory is what no program takes for a file of its own, and no version
    control system notices. Where it would disturb the repository itself, it is a file.
    """

    DIRECTORY = "directory"
    FILE = "file"  # an empty one
    HERE = "here"  # a file that says `.`: a pointer to where it is


@dataclass(frozen=True, slots=True)
class Known:
    """A path that is known to matter, and why."""

    path: str
    why: str
    placeholder: Placeholder = Placeholder.DIRECTORY


@dataclass(frozen=True, slots=True)
class Group:
    """Paths that go together.

    Attributes:
        about: What it keeps from the agent, in one sentence.
        paths: The paths.
        costs: What the agent can no longer do, in one sentence; empty if nothing.
    """

    about: str
    paths: tuple[Known, ...]
    costs: str = ""


_HOOKS = "Programs that run at a commit, a checkout, a merge and a push. githooks(5)"
_CONFIG = (
    "It names programs: `core.fsmonitor`, `core.hooksPath`, `core.sshCommand`, pagers, filters, "
    "aliases; and other files to read (`include.path`). git-config(1)"
)
_COMMONDIR = (
    "It names another directory, whose `config` and `hooks` then count instead. "
    "gitrepository-layout(5)"
)

_GIT = Group(
    about="The settings and hooks of the git repository, and what would lead git to others.",
    paths=(
        Known(".git/hooks", _HOOKS),
        Known(".git/config", _CONFIG, Placeholder.FILE),
        Known(
            ".git/config.worktree",
            "The same, with `extensions.worktreeConfig`. git-worktree(1)",
            Placeholder.FILE,
        ),
        Known(".git/commondir", _COMMONDIR, Placeholder.HERE),
    ),
    costs="It cannot set options, add remotes, or note what a branch tracks.",
)
_WORKTREES = Group(
    about="The git directories of linked worktrees, which lie elsewhere on the host.",
    paths=(
        Known(
            ".git/worktrees",
            "The `commondir` of a linked worktree names the repository that counts in it. "
            "gitrepository-layout(5)",
        ),
    ),
    costs="It cannot add a worktree, nor commit in one that there is.",
)
_SUBMODULES = Group(
    about="The repositories of submodules.",
    paths=(
        Known(
            ".git/modules",
            "Each is a repository with settings and hooks, and `git status` goes into it. "
            "gitsubmodules(7)",
        ),
    ),
    costs="It cannot commit in a submodule, nor update one.",
)
_JJ = Group(
    about="The settings of the jj repository, and the pointer to the git repository below it.",
    paths=(
        Known(
            ".jj/repo/config.toml",
            "It names programs (`fix.tools`, `ui.editor`, `merge-tools`). jj 0.38 and later make "
            "it the repository's settings if there are none yet.",
            Placeholder.FILE,
        ),
        Known(".jj/workspace-config.toml", "The same, of the one workspace.", Placeholder.FILE),
        Known(
            ".jj/repo/store/git_target",
            "The path of the git repository, in which jj calls git.",
            Placeholder.FILE,
        ),
        Known(".jj/repo/store/git/hooks", _HOOKS),
        Known(".jj/repo/store/git/config", _CONFIG, Placeholder.FILE),
        Known(".jj/repo/store/git/commondir", _COMMONDIR, Placeholder.HERE),
    ),
    costs="It cannot set options of the repository.",
)
_DIRENV = Group(
    about="What direnv runs when somebody enters the directory.",
    paths=(Known(".envrc", "A shell script. direnv asks again when it has changed. direnv(1)"),),
)
_EDITORS = Group(
    about="Tasks and settings of the project that editors obey when they open it.",
    paths=(
        Known(".vscode/tasks.json", "Commands, also at the opening of the folder (`runOn`)."),
        Known(".vscode/settings.json", "Paths of programs that extensions start."),
        Known(".vscode/launch.json", "What is started to be debugged, and before it."),
        Known(".vscode/mcp.json", "Servers that are started for the editor's own agent."),
        Known(".devcontainer", "`initializeCommand` runs on the host."),
        Known(".devcontainer.json", "The same."),
        Known(".idea", "Run configurations, external tools, start-up tasks."),
        Known(".zed/settings.json", "Paths of language servers."),
        Known(".zed/tasks.json", "Commands."),
        Known(".zed/debug.json", "What is started to be debugged."),
        Known(".helix", "`languages.toml` names language servers and formatters."),
        Known(".vimrc", "Commands, with `set exrc`."),
        Known(".exrc", "The same."),
        Known(".nvimrc", "The same."),
        Known(".nvim.lua", "The same."),
        Known(".dir-locals.el", "Lisp, which Emacs asks about."),
        Known(".dir-locals-2.el", "The same."),
    ),
)
_AGENTS = Group(
    about="What an agent that is started on the host obeys in the workspace.",
    paths=(
        Known(".claude/settings.json", "Hooks and permissions of Claude Code."),
        Known(".claude/settings.local.json", "The same."),
        Known(".mcp.json", "Servers that are started for the agent."),
    ),
    costs="It cannot note permissions in the project.",
)


def _together(*groups: Group, about: str) -> Group:
    return Group(
        about,
        tuple(path for group in groups for path in group.paths),
        " ".join(group.costs for group in groups if group.costs),
    )


GROUPS: dict[str, Group] = {
    "@git": _GIT,
    "@worktrees": _WORKTREES,
    "@submodules": _SUBMODULES,
    "@jj": _JJ,
    "@version-control": _together(
        *(_GIT, _WORKTREES, _SUBMODULES, _JJ),
        about="All of `@git`, `@worktrees`, `@submodules` and `@jj`.",
    ),
    "@direnv": _DIRENV,
    "@editors": _EDITORS,
    "@agents": _AGENTS,
}
"""The groups, by the name that people write."""

DEFAULT = "@git"
"""What is protected where nobody has said anything."""

KNOWN: dict[str, Known] = {known.path: known for group in GROUPS.values() for known in group.paths}


@dataclass(frozen=True, slots=True)
class Protected:
    """One entry of `protectedPaths`: the paths that it stands for."""

    text: str
    paths: tuple[ProtectedPath, ...]

    def __str__(self) -> str:
        """Return the entry as it was written."""
        return self.text


def protected(text: str) -> Protected:
    """Check an entry of `protectedPaths`: a path, or the name of a group.

    Args:
        text: A path relative to the workspace, or `@` and the name of a group.

    Returns:
        What it stands for.

    Raises:
        ValueProblem: There is no such group, or `protected_path` refuses the path.
    """
    if text in GROUPS:
        paths = tuple(ProtectedPath(known.path) for known in GROUPS[text].paths)
        return Protected(text, paths)
    if text.startswith("@") and "/" not in text:
        near = closest(text, GROUPS)
        names = ", ".join(f"`{name}`" for name in GROUPS)
        raise ValueProblem(
            code="protected-path-group",
            message=f"{shown(text)} is not the name of a group.",
            hint=f"Did you mean `{near}`?"
            if near
            else f"The groups are {names}. For a file of that name, write it with a `/` behind.",
        )
    path = protected_path(text)
    is_top_level = "/" not in path
    return Protected(f"{path}/" if path.startswith("@") and is_top_level else path, (path,))


class Role(StrEnum):
    """What is done with a path on the way to, or at, a protected one."""

    ABOVE = "above"  # cannot be renamed; what is missing is made
    ABOVE_KNOWN = "above-known"  # the same; what is missing stays closed as a whole
    DIRECTORY = "directory"
    FILE = "file"
    HERE = "here"


@dataclass(frozen=True, slots=True)
class Step:
    """One mount, in the order in which they are made: outer before inner."""

    path: str
    role: Role


def steps(paths: Iterable[str]) -> list[Step]:
    """List the mounts that protect the paths.

    What lies in a protected directory is protected with it. A directory above a protected
    path is a mount of its own: a mount point cannot be renamed or removed (EBUSY,
    rename(2)), so nobody can move `.git` away and put another in its place.
    """
    wanted = list(dict.fromkeys(paths))
    tops = [
        path
        for path in wanted
        if not any(path != other and is_at_or_below(path, other) for other in wanted)
    ]
    found: dict[str, Role] = {}
    for path in tops:
        role = Role.ABOVE_KNOWN if path in KNOWN else Role.ABOVE
        for above in list(PurePosixPath(path).parents)[-2::-1]:
            # Where a known path is in it, too, that one decides.
            if found.get(str(above)) is not Role.ABOVE_KNOWN:
                found[str(above)] = role
        found[path] = Role(KNOWN[path].placeholder if path in KNOWN else Placeholder.DIRECTORY)
    return [Step(path, found[path]) for path in sorted(found, key=lambda path: path.split("/"))]
