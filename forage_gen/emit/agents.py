"""The settings of agent programs, in each program's own format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forage_gen.artifact import Artifact
from forage_gen.catalogue import SettingsFormat
from forage_gen.quote import json_text as q

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from forage_gen.quote.json_text import JsonValue
    from forage_gen.resolve import plan as p

# Where each program reads settings that its user cannot override.
# Claude Code: https://code.claude.com/docs/en/settings, "Managed settings".
PATHS: Mapping[SettingsFormat, str] = {
    SettingsFormat.CLAUDE_CODE: "etc/claude-code/managed-settings.json",
}


def artifacts(plan: p.Plan) -> Iterator[Artifact]:
    """Yield one file for each agent of each template whose format is known."""
    for template in plan.templates:
        for agent in template.agents:
            if agent.settings is not None:
                content = _FORMATS[agent.settings](agent)
                path = f"{template.guest_root}/{PATHS[agent.settings]}"
                yield Artifact(path, q.document(content).encode())


def _claude_code(agent: p.Agent) -> JsonValue:
    """Write Claude Code's managed settings.

    What the workspace or the agent's own directory allows does not count
    (`allowManagedPermissionRulesOnly`): both are written by whoever wrote the code.
    `apiKeyHelper` is run by a shell, and what it prints is the key.
    """
    permissions = agent.permissions
    key: dict[str, JsonValue] = {"apiKeyHelper": agent.key_helper_path} if agent.key_helper else {}
    rules: dict[str, JsonValue] = {
        "allow": list(permissions.allow),
        "deny": list(permissions.deny),
    }
    if permissions.skip_all:
        rules["defaultMode"] = "bypassPermissions"
        return {**key, "permissions": rules, "skipDangerousModePermissionPrompt": True}
    rules["disableBypassPermissionsMode"] = "disable"
    return {**key, "allowManagedPermissionRulesOnly": True, "permissions": rules}


_FORMATS = {SettingsFormat.CLAUDE_CODE: _claude_code}
