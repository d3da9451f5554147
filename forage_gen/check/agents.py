"""Rules about what agents may do without asking."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forage_gen.check.rule import Finding, RuleBook
from forage_gen.diagnostics import Severity
from forage_gen.values.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forage_gen.diagnostics import Location
    from forage_gen.resolve.inherit import Merged

rules = RuleBook()

_GRANULAR = """\
[agents.claude.permissions]
allow = ["Read", "Glob", "Grep", "Edit(src/**)"]
deny = ["Bash(rm -rf *)"]
"""


@rules.template(
    "skip-all",
    Severity.WARNING,
    summary="An agent does everything without asking.",
    why="Whatever text the agent reads can make it run any command, and nobody sees it first.",
    instead=_GRANULAR,
)
def _skip_all(merged: Merged) -> Iterator[Finding]:
    if merged.model.network == "full":
        return  # the next rule says more
    for name, where in _skipping(merged):
        message = f"`skipAll` lets the agent `{name}` do everything without asking."
        hint = 'Write what it needs: `allow = ["Read", "Glob", "Grep", "Edit(src/**)"]`.'
        yield Finding(message, hint, where)


@rules.template(
    "skip-all-with-full-network",
    Severity.WARNING,
    summary="An agent does everything without asking, and reaches the whole internet.",
    why="One page that it reads can make it send the workspace and its key to anybody, unseen.",
    instead=f'network = "restricted"\nallowedHosts = ["docs.example.org"]\n\n{_GRANULAR}',
)
def _skip_all_with_full_network(merged: Merged) -> Iterator[Finding]:
    if merged.model.network != "full":
        return
    for name, where in _skipping(merged):
        message = (
            f"The agent `{name}` may do everything without asking, and the network is `full`:"
            " the worst combination there is."
        )
        hint = (
            'Write `network = "restricted"` and, in place of `skipAll`, what the agent needs:'
            ' `allow = ["Read", "Glob", "Grep", "Edit(src/**)"]`.'
        )
        yield Finding(message, hint, where)


def _skipping(merged: Merged) -> Iterator[tuple[str, Location]]:
    for name, agent in merged.model.agents.items():
        if agent.permissions.skip_all:
            yield name, merged.key(("agents", name, "permissions", "skipAll"))


@rules.template(
    "host-config-readable",
    Severity.INFO,
    summary="An agent has its configuration directory of the host, and a login in it.",
    why="It can send a login there to whatever it reaches, and it then acts as you wherever that"
    " is used, also after the sandbox is gone; and it reads what else is there, such as the"
    " history of other projects.",
    instead='[agents.claude]\nsecretName = "anthropic"\n',
)
def _host_config_readable(merged: Merged) -> Iterator[Finding]:
    for name, agent in merged.model.agents.items():
        if agent.host_config_dir is not None and agent.host_config_dir_read_only:
            message = (
                f"The agent `{name}` reads all of {shown(agent.host_config_dir.text)} of the host:"
                " with a login there it can act as you, and send it to whatever it reaches."
            )
            hint = (
                "Give it a key of its own, which can be revoked alone: `secretName`; or a directory"
                " of its own, with a login of its own, and allow this finding."
            )
            where = merged.value(("agents", name, "hostConfigDir"))
            yield Finding(message, hint, where)


@rules.template(
    "host-config-writable",
    Severity.WARNING,
    summary="An agent may write to its configuration directory on the host.",
    why="What it writes there, such as a hook or a permission, also holds for the same agent when"
    " it runs on the host, outside every sandbox.",
    instead='[agents.claude]\nhostConfigDir = "~/.claude"\nhostConfigDirReadOnly = true\n',
)
def _host_config_writable(merged: Merged) -> Iterator[Finding]:
    for name, agent in merged.model.agents.items():
        if agent.host_config_dir is not None and not agent.host_config_dir_read_only:
            message = (
                f"The agent `{name}` may change {shown(agent.host_config_dir.text)} on the host,"
                " which also configures it outside the sandbox; and it reads all of it: with a"
                " login there it can act as you, and send it to whatever it reaches."
            )
            where = merged.value(("agents", name, "hostConfigDirReadOnly"))
            yield Finding(message, "Write `hostConfigDirReadOnly = true`.", where)
