"""The keys of firefly-forage, and what each becomes here. The one definition of both.

The importer goes by these tables, and docs/migrating.md is written from them.

Source: firefly-forage, `packages/forage-ctl/internal/config/config.go` (`Template`,
`HostConfig`), and `modules/host.nix`, which writes `/etc/firefly-forage/templates/*.json`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from forage_gen.read.locate import KeyPath

NAME = "NAME"
"""Stands in a path for any name that people choose."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key of theirs.

    `path` is where it stands, `becomes` where it goes: None if it is not carried over.
    `note` says what differs under the new name, or why there is none. `default` is what
    they take where the key is left out, if we would take something else. With
    `zero_is_unset` a 0 means that the key is left out. `told` says whether leaving it
    behind is worth a word.
    """

    path: tuple[str, ...]
    becomes: tuple[str, ...] | None
    note: str = ""
    default: bool | str | None = None
    zero_is_unset: bool = False
    told: bool = True

    @property
    def dotted(self) -> str:
        """The path as people write it."""
        return ".".join(self.path)

    def target(self, path: KeyPath) -> tuple[str, ...]:
        """Where the key at `path`, which this row describes, goes.

        A target has as many names in it as the path that it comes from, or none at all.
        """
        names = [str(part) for part, known in zip(path, self.path, strict=True) if known == NAME]
        return tuple(names.pop(0) if part == NAME else part for part in self.becomes or ())


def _same(*path: str, note: str = "") -> Key:
    return Key(path, path, note)


_AGENT = ("agents", NAME)
_MOUNT = ("workspaceMounts", NAME)
_MOUNT_HERE = ("workspace", "mounts", NAME)
_MAKES_NO_WORKTREES = (
    "Forage mounts what is there, and makes no worktrees. Make one, and mount it by `hostPath`."
)
_NO_PRIVATE_KEY = (
    "It stays on the host: name it in `[secrets]`, and write `sshSecretName` and `sshHosts`."
)
_AUTH_OF_EACH = "Where a key is, is said for each agent, by `auth`. The proxy is the default here."
_TERMINALS = "Forage sets up no terminal. Start tmux inside by hand."

TEMPLATE_KEYS: Sequence[Key] = (
    Key(("name",), None, "The name of the file, `templates/NAME.toml`.", told=False),
    _same("description"),
    Key(
        ("network",),
        ("network",),
        "Left out, it is `full` there and `none` here; the importer writes what it was. Here "
        "`full` keeps private addresses closed.",
        default="full",
    ),
    _same(
        "allowedHosts",
        note="A host without a port is open at 80 and 443 only. Outside of `restricted` they had "
        "no effect, and are not carried over.",
    ),
    _same("readOnlyWorkspace"),
    _same(
        "extraPackages",
        note="Here nixpkgs attribute paths. Their module writes the names of the packages, which "
        "are mostly the same.",
    ),
    _same(
        "initCommands",
        note="Here they run at every start. The first that fails ends them, and the unit "
        "`forage-init` inside has failed.",
    ),
    Key(
        (*_AGENT, "packagePath"),
        (*_AGENT, "package"),
        "A nixpkgs attribute path, without `pkgs.`.",
    ),
    _same(
        *_AGENT,
        "secretName",
        note="There the key is inside. Here it stays on the host, where the proxy adds it, if "
        'Forage knows the agent; for any other the importer writes `auth = "wrapper"`, which puts '
        "it inside.",
    ),
    _same(
        *_AGENT,
        "authEnvVar",
        note="That of an agent that Forage knows is not written: it holds no key.",
    ),
    _same(*_AGENT, "hostConfigDir"),
    _same(*_AGENT, "containerConfigDir", note="The agent's home is /home/agent here."),
    Key(
        (*_AGENT, "hostConfigDirReadOnly"),
        (*_AGENT, "hostConfigDirReadOnly"),
        "Left out, it is `false` there and `true` here; the importer writes what it was.",
        default=False,
    ),
    _same(*_AGENT, "permissions", "skipAll"),
    _same(*_AGENT, "permissions", "allow"),
    _same(*_AGENT, "permissions", "deny"),
    _same("resourceLimits", "cpuQuota"),
    _same("resourceLimits", "memoryMax"),
    Key(("resourceLimits", "tasksMax"), ("resourceLimits", "tasksMax"), zero_is_unset=True),
    Key((*_MOUNT, "name"), None, "The name of the table.", told=False),
    Key((*_MOUNT, "containerPath"), (*_MOUNT_HERE, "containerPath")),
    Key(
        (*_MOUNT, "hostPath"),
        (*_MOUNT_HERE, "hostPath"),
        "A mount without one, of a repository, is not carried over.",
    ),
    Key(
        (*_MOUNT, "readOnly"),
        (*_MOUNT_HERE, "readOnly"),
        "Left out, it is `false` there and `true` here; the importer writes what it was.",
        default=False,
    ),
    Key((*_MOUNT, "repo"), None, _MAKES_NO_WORKTREES),
    Key((*_MOUNT, "mode"), None, _MAKES_NO_WORKTREES),
    Key((*_MOUNT, "branch"), None, _MAKES_NO_WORKTREES),
    _same("agentIdentity", "gitUser"),
    _same("agentIdentity", "gitEmail"),
    Key(("agentIdentity", "sshKeyPath"), None, _NO_PRIVATE_KEY),
    Key(("useProxy",), None, _AUTH_OF_EACH),
    Key(("tmuxWindows",), None, _TERMINALS),
    Key(("multiplexer",), None, _TERMINALS),
)
"""The keys of a template's JSON, in the order in which they are written here."""

_SAME_IN_PROJECT = ("user", "authorizedKeys", "secrets", "externalInterface")
_NIX_DECIDES = "The sandboxes use the nixpkgs of the host. There is nothing to say."
_EACH_TEMPLATE = "Of each template: `[agentIdentity]`, in one that the others extend."

HOST_KEYS: Sequence[Key] = (
    Key(("enable",), None, "Importing the generated tree turns it on.", told=False),
    *(_same(key) for key in _SAME_IN_PROJECT),
    Key(("uid",), ("uid",), "In their `config.json` only. Left out, it is 1000."),
    Key(("gid",), ("gid",), "In their `config.json` only. Left out, it is 100."),
    Key(("templates",), None, "One file each: `templates/NAME.toml`.", told=False),
    Key(("stateDir",), None, "There is no state but the workspaces and forage.lock."),
    Key(("containerUsername",), None, "It is always `agent`."),
    Key(("workspacePath",), None, "It is always /workspace."),
    Key(("agentIdentity", "gitUser"), None, _EACH_TEMPLATE),
    Key(("agentIdentity", "gitEmail"), None, _EACH_TEMPLATE),
    Key(("agentIdentity", "sshKeyPath"), None, _NO_PRIVATE_KEY),
    Key(("monitor",), None, "systemd has the state: `systemctl list-units 'systemd-nspawn@*'`."),
    Key(("portRange",), None, "Sandboxes have addresses of their own, so no ports are shared out."),
    Key(("nixpkgsPath",), None, _NIX_DECIDES),
    Key(("nixpkgsRev",), None, _NIX_DECIDES),
    Key(("extraContainerPath",), None, "The stock systemd-nspawn unit runs the sandboxes."),
    Key(("proxyUrl",), None, _AUTH_OF_EACH),
    Key(("stateVersion",), None, "The sandboxes keep no state that a version could matter to."),
)
"""The options below `services.firefly-forage`, and the keys of `config.json`."""


def key_at(path: KeyPath) -> Key | None:
    """Find the row that describes the key of a template at `path`."""
    return next((key for key in TEMPLATE_KEYS if _matches(key.path, path)), None)


def keys_below(path: KeyPath) -> list[str]:
    """List the keys that the table at `path` may have: NAME alone if any, nothing if it is none."""
    depth = len(path)
    below = [key.path for key in TEMPLATE_KEYS if len(key.path) > depth]
    return list(dict.fromkeys(each[depth] for each in below if _matches(each[:depth], path)))


def _matches(known: tuple[str, ...], path: KeyPath) -> bool:
    return len(known) == len(path) and all(
        one in (NAME, other) for one, other in zip(known, path, strict=True)
    )
