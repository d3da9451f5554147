"""Templates as firefly-forage's NixOS module writes them, and what stands in each key."""

from __future__ import annotations

from typing import TypeAlias

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | bool | None"

# The module writes every key of an agent, `null` for what is not set, and resolves `~`.
PLAIN: dict[str, Json] = {
    "name": "claude",
    "description": "Claude Code",
    "network": "restricted",
    "allowedHosts": ["registry.npmjs.org", "*.example.org", "db.example.org:5432"],
    "readOnlyWorkspace": False,
    "agents": {
        "claude": {
            "packagePath": "claude-code",
            "secretName": "anthropic",
            "authEnvVar": "ANTHROPIC_API_KEY",
            "hostConfigDir": None,
            "containerConfigDir": None,
            "hostConfigDirReadOnly": False,
            "permissions": {"skipAll": False, "allow": ["Read"], "deny": ["Bash(rm -rf *)"]},
        },
        "aider": {
            "packagePath": "pkgs.aider-chat",
            "secretName": "openai",
            "authEnvVar": "OPENAI_API_KEY",
            "hostConfigDir": "/home/alice/.aider",
            "containerConfigDir": "/home/agent/.aider",
            "hostConfigDirReadOnly": False,
            "permissions": None,
        },
    },
    "extraPackages": ["pkgs.ripgrep", "fd"],
    "resourceLimits": {"cpuQuota": "200%", "memoryMax": "4G", "tasksMax": 512},
    "initCommands": ["npm install", "printf '%s\\n' \"$HOME\" >notes.txt"],
    "workspaceMounts": {
        "docs": {"containerPath": "/workspace/docs", "readOnly": True, "hostPath": "/srv/docs"},
        "cache": {"containerPath": "/workspace/.cache", "hostPath": "/srv/cache"},
    },
    "agentIdentity": {"gitUser": 'The "Agent"', "gitEmail": "agent@example.org"},
}

LEFT_BEHIND: dict[str, Json] = {
    "useProxy": True,
    "multiplexer": "wezterm",
    "tmuxWindows": [{"name": "claude", "command": "claude"}],
    "agentIdentity": {"gitUser": "Agent", "sshKeyPath": "/run/secrets/agent-key"},
    "workspaceMounts": {
        "beads": {
            "name": "beads",
            "containerPath": "/workspace/.beads",
            "repo": "/srv/repo",
            "mode": "jj",
            "branch": "sync",
        },
    },
}

# A value for each key of a template. A test compares with the importer's table.
VALUES: dict[tuple[str, ...], Json] = {
    ("name",): "other",
    ("description",): "One line",
    ("network",): "restricted",
    ("allowedHosts",): ["a.example.org"],
    ("readOnlyWorkspace",): True,
    ("extraPackages",): ["fd"],
    ("initCommands",): ["true"],
    ("agents", "NAME", "packagePath"): "claude-code",
    ("agents", "NAME", "secretName"): "anthropic",
    ("agents", "NAME", "authEnvVar"): "KEY",
    ("agents", "NAME", "hostConfigDir"): "/home/alice/.claude",
    ("agents", "NAME", "containerConfigDir"): "/home/agent/.claude",
    ("agents", "NAME", "hostConfigDirReadOnly"): True,
    ("agents", "NAME", "permissions", "skipAll"): True,
    ("agents", "NAME", "permissions", "allow"): ["Read"],
    ("agents", "NAME", "permissions", "deny"): ["Write"],
    ("resourceLimits", "cpuQuota"): "100%",
    ("resourceLimits", "memoryMax"): "1G",
    ("resourceLimits", "tasksMax"): 64,
    ("workspaceMounts", "NAME", "name"): "docs",
    ("workspaceMounts", "NAME", "containerPath"): "/workspace/docs",
    ("workspaceMounts", "NAME", "hostPath"): "/srv/docs",
    ("workspaceMounts", "NAME", "readOnly"): True,
    ("workspaceMounts", "NAME", "repo"): "/srv/repo",
    ("workspaceMounts", "NAME", "mode"): "jj",
    ("workspaceMounts", "NAME", "branch"): "main",
    ("agentIdentity", "gitUser"): "Agent",
    ("agentIdentity", "gitEmail"): "agent@example.org",
    ("agentIdentity", "sshKeyPath"): "/run/secrets/key",
    ("useProxy",): True,
    ("tmuxWindows",): [{"name": "x", "command": "y"}],
    ("multiplexer",): "tmux",
}

# What has to stand beside a key for it to mean anything.
COMPANY: dict[tuple[str, ...], tuple[str, ...]] = {
    ("allowedHosts",): ("network",),
    ("network",): ("allowedHosts",),
    ("agents", "NAME", "authEnvVar"): ("agents", "NAME", "secretName"),
    ("agents", "NAME", "containerConfigDir"): ("agents", "NAME", "hostConfigDir"),
    ("agents", "NAME", "hostConfigDirReadOnly"): ("agents", "NAME", "hostConfigDir"),
    ("workspaceMounts", "NAME", "containerPath"): ("workspaceMounts", "NAME", "hostPath"),
    ("workspaceMounts", "NAME", "readOnly"): ("workspaceMounts", "NAME", "hostPath"),
    ("workspaceMounts", "NAME", "name"): ("workspaceMounts", "NAME", "hostPath"),
}
