"""Commands, permission rules and identities: text that passes through to a program."""

import re
from dataclasses import dataclass
from typing import NewType

from forage_gen.values.problem import ValueProblem
from forage_gen.values.text import refuse_unsafe, shown

InitCommand = NewType("InitCommand", str)
GitName = NewType("GitName", str)
GitEmail = NewType("GitEmail", str)

INIT_COMMAND_MAX = 65_536
"""The most bytes of a command; execve(2) takes 128 KiB in one argument."""

TEXT_MAX = 1_024
"""The most bytes of a rule, a name and an address."""

_TOOL = re.compile(r"[A-Za-z][A-Za-z0-9_-]*(?:__\*)?")
_RULE = re.compile(r"([^()]*)\((.*)\)", re.DOTALL)
_ESCAPED = re.compile(r"\\.")
# git drops these at the ends of a name, and refuses one with nothing left
# (git-commit-tree(1), "Commit information"; `ident.c` calls them crud).
_CRUD = " .,:;<>\"\\'"
_EMAIL = re.compile(r"[^\s@<>]+@[^\s@<>]+")


@dataclass(frozen=True, slots=True)
class PermissionRule:
    """A rule of what an agent may do.

    Attributes:
        tool: The tool, such as `Bash`.
        specifier: What stands between the parentheses, or None for the whole tool.
    """

    tool: str
    specifier: str | None

    def __str__(self) -> str:
        return self.tool if self.specifier is None else f"{self.tool}({self.specifier})"


def init_command(text: str) -> InitCommand:
    """Check a command that a sandbox runs in its shell when it starts.

    It may have several lines and tabs, as a short script does. No other
    control characters: no shell needs them, and a NUL ends an argument.

    Args:
        text: The command.

    Returns:
        The command without the newlines around it.

    Raises:
        ValueProblem: It is empty, too long, or holds a control character.
    """
    command = text.strip("\n")
    if command.strip() == "":
        raise ValueProblem(
            code="command-empty",
            message="The command is empty.",
            hint="Write a shell command, such as `npm install`, or remove the entry.",
        )
    refuse_unsafe(command, "command-control-character", "a command", allow="\n\t")
    if len(command.encode()) > INIT_COMMAND_MAX:
        raise ValueProblem(
            code="command-too-long",
            message=f"The command is longer than {INIT_COMMAND_MAX} bytes.",
            hint="Put it into a script in the workspace, and write the script's path.",
        )
    return InitCommand(command)


def permission_rule(text: str) -> PermissionRule:
    r"""Read a permission rule: `Tool` or `Tool(specifier)`, as Claude Code writes them.

    The specifier ends at the last parenthesis and has its parentheses in
    pairs; `\(` and `\)` count as text. An MCP server's tools are
    `mcp__server__tool`, all of them `mcp__server` or `mcp__server__*`.

    Args:
        text: Such as `Edit(src/**)`.

    Returns:
        The rule. Its `str()` is what was written.

    Raises:
        ValueProblem: It is no such rule.
    """
    if text.strip() == "":
        raise ValueProblem(
            code="permission-empty",
            message="The permission rule is empty.",
            hint="Write a rule such as `Read` or `Edit(src/**)`.",
        )
    refuse_unsafe(text, "permission-control-character", "a permission rule")
    if len(text.encode()) > TEXT_MAX:
        raise ValueProblem(
            code="permission-too-long",
            message=f"{shown(text)} is longer than {TEXT_MAX} bytes.",
            hint="Write shorter rules.",
        )
    if _TOOL.fullmatch(text):
        return PermissionRule(text, None)
    match = _RULE.fullmatch(text)
    tool = match[1] if match else text.partition("(")[0]
    if not _TOOL.fullmatch(tool):
        raise ValueProblem(
            code="permission-tool",
            message=f"{shown(text)} does not begin with the name of a tool.",
            hint="Write `skipAll = true` to allow every tool, or a rule such as `Read`."
            if tool.strip() == "*"
            else "Write a rule such as `Read` or `Edit(src/**)`.",
        )
    if match is None or not _balanced(match[2]):
        raise ValueProblem(
            code="permission-parentheses",
            message=f"{shown(text)} has parentheses that do not pair.",
            hint="Write a rule such as `Bash(rm -rf *)`, with `\\(` for a parenthesis in it that"
            " has no partner.",
        )
    if match[2].strip() == "":
        raise ValueProblem(
            code="permission-specifier",
            message=f"{shown(text)} has nothing between its parentheses.",
            hint=f"Write `{tool}` for the whole tool.",
        )
    return PermissionRule(tool, match[2])


def git_name(text: str) -> GitName:
    """Check a name for git's commits (git-commit-tree(1), "Commit information").

    Args:
        text: Such as `Forage Agent`.

    Returns:
        The name, unchanged.

    Raises:
        ValueProblem: git would refuse or change it.
    """
    refuse_unsafe(text, "git-name-control-character", "a name")
    if text.strip(_CRUD) == "":
        raise ValueProblem(
            code="git-name-empty",
            message=f"{shown(text)} has nothing in it that git takes for a name.",
            hint="Write a name such as `Forage Agent`.",
        )
    if "<" in text or ">" in text:
        raise ValueProblem(
            code="git-name-brackets",
            message=f"{shown(text)} contains `<` or `>`, which begin and end the address.",
            hint="Write the address as `gitEmail`, and the name without it.",
        )
    if text != text.strip() or len(text.encode()) > TEXT_MAX:
        raise ValueProblem(
            code="git-name-invalid",
            message=f"{shown(text)} has white space around it, or is longer than {TEXT_MAX} bytes.",
            hint="Write a name such as `Forage Agent`.",
        )
    return GitName(text)


def git_email(text: str) -> GitEmail:
    """Check a mail address for git's commits.

    git itself takes any text without `<`, `>` and newline; the services that
    read commits want an address. So there has to be one `@` with something on
    both sides. Addresses with quotes around an `@` (RFC 5321) are not taken.

    Args:
        text: Such as `agent@example.org`.

    Returns:
        The address, unchanged.

    Raises:
        ValueProblem: It is no address.
    """
    refuse_unsafe(text, "git-email-control-character", "an address")
    if not _EMAIL.fullmatch(text) or len(text.encode()) > TEXT_MAX:
        inner = text.rpartition("<")[2].partition(">")[0].strip()
        raise ValueProblem(
            code="git-email-invalid",
            message=f"{shown(text)} is not a mail address.",
            hint=f"Write `{inner}`."
            if inner != text and _EMAIL.fullmatch(inner)
            else "Write an address such as `agent@example.org`, with one `@`.",
        )
    return GitEmail(text)


def _balanced(text: str) -> bool:
    depth = 0
    for char in _ESCAPED.sub("", text):
        depth += (char == "(") - (char == ")")
        if depth < 0:
            return False
    return depth == 0
