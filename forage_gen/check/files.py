"""Rules about what of the host a sandbox sees and changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forage_gen.check.rule import Finding, RuleBook
from forage_gen.diagnostics import Severity
from forage_gen.resolve.combinations import protected_paths
from forage_gen.values.paths import is_at_or_below
from forage_gen.values.protected import DEFAULT, protected
from forage_gen.values.secrets import is_runtime_secret_dir
from forage_gen.values.text import shown
from forage_gen.values.wide import wide

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forage_gen.resolve.inherit import Merged
    from forage_gen.resolve.resolve import Resolved

rules = RuleBook()


@rules.project(
    "workspace-too-wide",
    Severity.WARNING,
    summary="A workspace is a home or system directory.",
    why="The agent reads and changes everything in it: keys, shell profiles, other projects, or"
    " the system itself.",
    instead='[sandboxes.myproject]\nworkspace = "/home/alice/projects/myproject"\n',
)
def _workspace_too_wide(resolved: Resolved) -> Iterator[Finding]:
    home = resolved.plan.owner.home
    for name, sandbox in resolved.inputs.project.sandboxes.items():
        kind = wide(sandbox.workspace.expand(home), home)
        if kind:
            message = (
                f"{shown(sandbox.workspace.text)} is {kind}, all of which the agent would see."
            )
            hint = f'Write the one directory to work on, such as `workspace = "~/projects/{name}"`.'
            where = resolved.inputs.project_file.value(("sandboxes", name, "workspace"))
            yield Finding(message, hint, where)


@rules.template(
    "protected-paths-off",
    Severity.WARNING,
    summary="`protectedPaths` is empty.",
    why="An agent that can write a git hook has its code run on the host by the next `git commit`"
    " there.",
    instead='protectedPaths = ["@git"]\n',
)
def _protected_paths_off(merged: Merged) -> Iterator[Finding]:
    if merged.model.protected_paths == [] and not merged.model.read_only_workspace:
        message = "Nothing in the workspace is protected, not even what git runs on the host."
        hint = 'Write `protectedPaths = ["@git"]`, or remove the line.'
        yield Finding(message, hint, merged.value(("protectedPaths",)))


@rules.template(
    "protected-paths-part",
    Severity.WARNING,
    summary="`protectedPaths` leaves a way round git's settings open.",
    why="Each of these paths alone says what git on the host runs, so one that the agent can write"
    " undoes what is done for the others.",
    instead='protectedPaths = ["@git", "deploy.sh"]\n',
)
def _protected_paths_part(merged: Merged) -> Iterator[Finding]:
    if not merged.model.protected_paths or merged.model.read_only_workspace:
        return
    held = protected_paths(merged.model)
    missing = [
        path
        for path in protected(DEFAULT).paths
        if not any(is_at_or_below(path, each) for each in held)
    ]
    if missing:
        names = ", ".join(f"`{path}`" for path in missing)
        message = f"The agent can write what git on the host obeys: {names}."
        hint = f'Add `"{DEFAULT}"` to the list.'
        yield Finding(message, hint, merged.value(("protectedPaths",)))


@rules.template(
    "writable-mount",
    Severity.INFO,
    summary="A directory of the host besides the workspace is writable.",
    why="What the agent writes there stays when the sandbox is reset, and others may trust it.",
    instead='[workspace.mounts.docs]\ncontainerPath = "/workspace/docs"\nhostPath = "~/docs"\n'
    "readOnly = true\n",
)
def _writable_mount(merged: Merged) -> Iterator[Finding]:
    for name, mount in merged.model.workspace.mounts.items():
        if not mount.read_only:
            source = mount.host_path.text if mount.host_path else name
            message = f"The agent may change {shown(source)} on the host."
            where = merged.value(("workspace", "mounts", name, "readOnly"))
            yield Finding(message, "Write `readOnly = true`.", where)


@rules.project(
    "secret-outside-manager",
    Severity.WARNING,
    summary="A secret is not where a secret manager puts one at run time.",
    why="A file that somebody wrote by hand is in backups and snapshots, and is not rotated; what"
    " sops-nix or agenix places in `/run` is in memory and closed to others.",
    instead='[secrets]\nanthropic = "/run/secrets/anthropic-api-key"\n',
)
def _secret_outside_manager(resolved: Resolved) -> Iterator[Finding]:
    for name, path in resolved.inputs.project.secrets.items():
        if not is_runtime_secret_dir(path):
            message = f"{shown(path)} is not in the run-time directory of a secret manager."
            hint = f'Let sops-nix or agenix place it, and write `{name} = "/run/secrets/{name}"`.'
            where = resolved.inputs.project_file.value(("secrets", name))
            yield Finding(message, hint, where)


@rules.project(
    "workspace-shared",
    Severity.WARNING,
    summary="Two sandboxes share a workspace, or part of one, and either can write.",
    why="What the agent in one of them writes, the agent in the other reads and may obey.",
    instead='[sandboxes.one]\nworkspace = "~/projects/app"\n\n'
    '[sandboxes.two]\nworkspace = "~/projects/app-clone"\n',
)
def _workspace_shared(resolved: Resolved) -> Iterator[Finding]:
    # Found while planning, which has all workspaces in order.
    for found in resolved.warnings:
        if found.code == "workspace-shared":
            yield Finding(found.message, found.hint, found.location)
