"""What Forage knows of the world. An agent that joins is a row here, not an `if`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class SettingsFormat(StrEnum):
    """The kinds of permission file that Forage can write, one function each in the emitter."""

    CLAUDE_CODE = "claude-code"


@dataclass(frozen=True, slots=True)
class Request:
    """What may be asked of an API. `path` may have the wildcards of `values.apis.api_path`."""

    methods: tuple[str, ...]
    path: str


@dataclass(frozen=True, slots=True)
class Api:
    """An API that agents ask, and how the proxy on the host asks it for them.

    `requests` is what an agent needs: the endpoints of its models, and none of those that manage
    keys, files or an organisation. `header` holds the key.
    """

    host: str
    header: str
    requests: tuple[Request, ...]


@dataclass(frozen=True, slots=True)
class ProxiedAgent:
    """How an agent is told to ask its API by way of the proxy.

    `base_url` is the variable for the proxy's address, `placeholder` the one that the program
    wants a key in; the proxy takes no notice of what is in that.
    """

    api: Api
    base_url: str
    placeholder: str


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
    proxied: ProxiedAgent


# https://docs.claude.com/en/api/overview (the header), /en/api/messages, /messages-count-tokens
# and /models-list (the endpoints).
ANTHROPIC = Api(
    host="api.anthropic.com",
    header="x-api-key",
    requests=(
        Request(("POST",), "/v1/messages"),
        Request(("POST",), "/v1/messages/count_tokens"),
        Request(("GET",), "/v1/models"),
        Request(("GET",), "/v1/models/*"),
    ),
)

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
        # https://code.claude.com/docs/en/llm-gateway. A key in `ANTHROPIC_API_KEY` it would ask
        # its user about.
        proxied=ProxiedAgent(ANTHROPIC, "ANTHROPIC_BASE_URL", "ANTHROPIC_AUTH_TOKEN"),
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
