"""Writes docs/protected-paths.md: `python -m forage_gen.schema.protected`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from forage_gen.values.protected import DEFAULT, GROUPS

if TYPE_CHECKING:
    from collections.abc import Iterator

# It has no table of its own.
_UNION = "@version-control"

_HEAD = f"""\
# Protected paths

<!-- Written by `python -m forage_gen.schema.protected`. Change forage_gen/values/protected.py. -->

The agent may write its workspace, and you run programs there on the host. Some of them run
what they find: git runs hooks, an editor runs tasks. Such files the agent can neither change
nor create, rename or replace, not even as root inside:

```toml
# templates/claude.toml
protectedPaths = ["@version-control", "@direnv", "@editors", "deploy.sh"]
```

An entry is a path below the workspace, or the name of a group. Without the key, it is
`["{DEFAULT}"]`. A list replaces that, so name `{DEFAULT}` in it, too; the lint
`protected-paths-part` reminds you. Lists append along `extends`. A file whose name begins
with `@` is written with a `/` behind.

## The groups
"""

_TAIL = """\
## How it is done

- **Each path is mounted over itself, read-only.** Each directory above it is a mount point,
  too, so that it cannot be moved away. A link cannot cross a mount.
- **What does not exist gets a placeholder**, as nothing can be mounted over nothing. Of a
  program that has no directory here (`.git`, `.vscode`), that is one empty directory, closed as
  a whole. Where only a file is missing, it is an empty directory in the file's place: programs
  do not take that for their file, and git does not see it. In a repository it is an empty file,
  and for `commondir` one that says `.`, where it is. All of them go at the stop.
- **On the host the paths are mount points, too, while the sandbox runs.** Were `.git/config`
  replaced there, as `git config` and `git push -u` do, the mount in the sandbox would be gone.
  So they say "Device or resource busy" instead. Stop the sandbox, or write into the file as it
  is. What git does otherwise (commit, fetch, switch, gc) works.
- **What is mounted over a workspace while its sandbox runs** hides these mounts from the stop.
  They are kept in mind, and go at the next start or stop that finds them.
- **A start is refused** where one of these paths is a symbolic link, or a file with another
  name (a hard link), by which the agent could write it; and where it is neither a file nor a
  directory, but a named pipe, a socket or a device. Where somebody else who has the workspace
  puts a pipe in the place of a file just between the look and the mount, the start waits for
  it until it is out of time, and fails.
- **A build is refused** where another sandbox has the same directory and can write what this
  one protects.
- **A `.git` that is a file**, of a linked worktree or a submodule, stays what it is. The
  repository is elsewhere on the host, so git works inside only if you mount it there:

```toml
[workspace.mounts.repository]
containerPath = "/home/alice/projects/main/.git"
hostPath = "~/projects/main/.git"
readOnly = true
```

  Read-only, git inside can show and compare, but not commit. Where the file names a repository
  in the workspace itself, its `hooks`, `config`, `config.worktree` and `commondir` have to be
  in the list, or the sandbox does not start.

A repository has to be there when the sandbox starts. Without one, nobody inside can make one
at the top of the workspace: its settings would be the agent's.

## What it does not close

These paths are where the host's programs look by themselves. It is not all that can be done
with a repository that somebody else writes:

- **Repositories in directories below.** The agent can make one, and add it to the index as a
  submodule. `git status` in the workspace goes into it, and obeys its settings
  (`core.fsmonitor`). `git status --ignore-submodules=all` does not. Nor does a shell prompt
  that only asks for the branch.
- **A rebase that the agent has begun.** `git rebase --continue` runs the `exec` lines that are
  left.
- **Links in `.git`.** git writes through them: `.git/logs/HEAD` may be a link to a file of
  yours, to which a commit then adds a line.
- **What a protected file names.** A hook that is a link to a file of the workspace, a
  `core.hooksPath` such as `.husky`, an `include.path`: add these to the list.
- **Build files, scripts, tests.** You run them, so read them.

So the safe way is to run nothing on the host in an agent's workspace, and to fetch from it
into a clone of your own:

```sh
git -C ~/projects/website fetch ~/agents/website main
git -C ~/projects/website log -p FETCH_HEAD
```

git means that to be safe with a repository that is not trusted: git(1), "SECURITY".

## What is not in the groups, and why

- `.git/info/attributes`, `.gitattributes`: they choose among the filters that the settings
  have, and add none.
- `.git/objects/info/alternates`, refs, the index: data.
- `.gitmodules`: tracked, so its changes are seen; git takes no command from it.
- `.jj/repo/config-id` of jj 0.38 and later: it names settings in your home directory.
- `.GIT` and its like: on a file system that does not tell them apart, they are the same
  directory and the same mount; on another, git does not read them.

jj works with these paths protected: the tests commit, rebase, fetch and push with version 0.46.
But a jj of 0.38 or later wants to make settings of its own out of the old ones, and takes the
placeholders for those. If the repository has none of its own yet, its first two commands in the
sandbox say "Device or resource busy", and the third works. Two commands on the host prevent it:

```sh
jj config path --repo
jj config path --workspace
```
"""


def render() -> str:
    """Write the whole page."""
    return "\n".join([_HEAD, *_groups(), _TAIL])


def _groups() -> Iterator[str]:
    for name, group in GROUPS.items():
        yield f"### `{name}`\n"
        yield " ".join(text for text in (group.about, group.costs) if text) + "\n"
        if name != _UNION:
            yield "| path | why |"
            yield "| --- | --- |"
            yield from (f"| `{known.path}` | {known.why} |" for known in group.paths)
            yield ""


if __name__ == "__main__":
    sys.stdout.write(render())
