"""What Forage knows of the world. An agent that joins is a row here, not an `if`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class SettingsFormat(StrEnum):
    """The kinds of permission file that Forage can write, one function each in the emitter."""

    CLAUDE_CODE = "claude-code"


@dataclass(frozen=True, slots=True)
class AgentKind:
    """One agent program.

    `package` is its nixpkgs attribute path, `program` the name of its executable,
    `hosts` the names it cannot work without, `config_dir` where it keeps its state,
    relative to the agent user's home. `key_helper` says whether its settings can name a command
    that prints its key.
    """

    package: str
    program: str
    auth_env_var: str
    hosts: tuple[str, ...]
    config_dir: str
    settings: SettingsFormat
    key_helper: bool


_KINDS = (
    # https://code.claude.com/docs/en/settings (variables, directory, `apiKeyHelper`) and
    # https://code.claude.com/docs/en/network-config (hosts).
    AgentKind(
        package="claude-code",
        program="claude",
        auth_env_var="ANTHROPIC_API_KEY",
        hosts=("api.anthropic.com",),
        config_dir=".claude",
        settings=SettingsFormat.CLAUDE_CODE,
        key_helper=True,
    ),
)

# https://nixos.org/manual/nix/stable/command-ref/conf-file (substituters, trusted-public-keys).
NIX_CACHE = "cache.nixos.org"
NIX_CACHE_PORT = 443
NIX_CACHE_KEY = "cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="

BY_PACKAGE = {kind.package: kind for kind in _KINDS}


def known_packages() -> str:
    """List the packages in the catalogue, for messages."""
    return ", ".join(f"`{package}`" for package in sorted(BY_PACKAGE))
