from __future__ import annotations

import os
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forage_gen.values.commands import (
    PermissionRule,
    git_email,
    git_name,
    init_command,
    permission_rule,
)
from forage_gen.values.problem import ValueProblem
from tests.requirements import require
from tests.values.table import Refused, check_refused, ids


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("npm install", "npm install"),
        ("if x; then\n\ty\nfi\n", "if x; then\n\ty\nfi"),
        ("echo 'ü' \"$HOME\" `a` %n \\", "echo 'ü' \"$HOME\" `a` %n \\"),
    ],
)
def test_init_command(text: str, command: str) -> None:
    assert init_command(text) == command


@pytest.mark.parametrize(
    "case",
    [
        Refused("", "command-empty", "is empty", "such as `npm install`"),
        Refused(" \n\t", "command-empty", "is empty", "such as `npm install`"),
        Refused("a\0b", "command-control-character", "a NUL byte", "without control"),
        Refused("a\rb", "command-control-character", "a carriage return", "without control"),
        Refused("a\x1b[2J", "command-control-character", "an escape character", "without"),
        Refused("a \u202e b", "command-control-character", "U+202E", "invisible"),
        Refused("x" * 65_537, "command-too-long", "65536 bytes", "a script in the workspace"),
    ],
    ids=ids,
)
def test_init_command_refuses(case: Refused) -> None:
    check_refused(init_command, case)


@pytest.mark.parametrize(
    ("text", "tool", "specifier"),
    [
        ("Read", "Read", None),
        ("Edit(src/**)", "Edit", "src/**"),
        ("Bash(rm -rf *)", "Bash", "rm -rf *"),
        ("Bash(f(x) && g(y))", "Bash", "f(x) && g(y)"),
        (r"Bash(echo \()", "Bash", r"echo \("),
        ("WebFetch(domain:example.org)", "WebFetch", "domain:example.org"),
        ("mcp__github", "mcp__github", None),
        ("mcp__github__get-issue", "mcp__github__get-issue", None),
        ("mcp__github__*", "mcp__github__*", None),
    ],
)
def test_permission_rule(text: str, tool: str, specifier: str | None) -> None:
    assert permission_rule(text) == PermissionRule(tool, specifier)
    assert str(permission_rule(text)) == text


@pytest.mark.parametrize(
    "case",
    [
        Refused("", "permission-empty", "is empty", "such as `Read`"),
        Refused("*", "permission-tool", "the name of a tool", "`skipAll = true`"),
        Refused("(x)", "permission-tool", "the name of a tool", "such as `Read`"),
        Refused("rm -rf", "permission-tool", "the name of a tool", "such as `Read`"),
        Refused("Bash (ls)", "permission-tool", "the name of a tool", "such as `Read`"),
        Refused("Bash(", "permission-parentheses", "do not pair", "`Bash(rm -rf *)`"),
        Refused("Bash(ls", "permission-parentheses", "do not pair", "`Bash(rm -rf *)`"),
        Refused("Bash(ls))", "permission-parentheses", "do not pair", "`Bash(rm -rf *)`"),
        Refused("Bash(l)s(", "permission-parentheses", "do not pair", "`Bash(rm -rf *)`"),
        Refused("Bash(a)(b)", "permission-parentheses", "do not pair", "`Bash(rm -rf *)`"),
        Refused("Bash()", "permission-specifier", "nothing between", "`Bash` for the whole"),
        Refused("Bash(\n)", "permission-control-character", "a newline", "without control"),
        Refused("B" * 1025, "permission-too-long", "1024 bytes", "shorter"),
    ],
    ids=ids,
)
def test_permission_rule_refuses(case: Refused) -> None:
    check_refused(permission_rule, case)


@pytest.mark.parametrize("name", ["Forage Agent", "Zoë", "O'Neill, Jr.", "日本"])
def test_git_name(name: str) -> None:
    assert git_name(name) == name


@pytest.mark.parametrize(
    "case",
    [
        Refused("", "git-name-empty", "nothing in it", "`Forage Agent`"),
        Refused("...", "git-name-empty", "nothing in it", "`Forage Agent`"),
        Refused("A <a@b.example>", "git-name-brackets", "begin and end", "`gitEmail`"),
        Refused(" A", "git-name-invalid", "white space", "`Forage Agent`"),
        Refused("A\nB", "git-name-control-character", "a newline", "without control"),
    ],
    ids=ids,
)
def test_git_name_refuses(case: Refused) -> None:
    check_refused(git_name, case)


@pytest.mark.parametrize("email", ["agent@example.org", "a+b@localhost", "zoë@münchen.example"])
def test_git_email(email: str) -> None:
    assert git_email(email) == email


@pytest.mark.parametrize(
    "case",
    [
        Refused("", "git-email-invalid", "not a mail address", "`agent@example.org`"),
        Refused("agent", "git-email-invalid", "not a mail address", "with one `@`"),
        Refused("a@b@c", "git-email-invalid", "not a mail address", "with one `@`"),
        Refused("@example.org", "git-email-invalid", "not a mail address", "with one `@`"),
        Refused("a b@example.org", "git-email-invalid", "not a mail address", "with one `@`"),
        Refused("A <a@b.example>", "git-email-invalid", "not a mail address", "`a@b.example`"),
        Refused("a@b\n", "git-email-control-character", "a newline", "without control"),
    ],
    ids=ids,
)
def test_git_email_refuses(case: Refused) -> None:
    check_refused(git_email, case)


@given(st.text(max_size=12), st.text(max_size=12))
@settings(max_examples=40)
def test_git_keeps_an_identity_that_is_taken(name: str, local: str) -> None:
    require("git")
    try:
        taken = git_name(f"{name}x"), git_email(f"{local}a@example.org")
    except ValueProblem:
        return
    done = subprocess.run(
        [
            "git",
            "-c",
            f"user.name={taken[0]}",
            "-c",
            f"user.email={taken[1]}",
            "var",
            "GIT_AUTHOR_IDENT",
        ],
        capture_output=True,
        check=True,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"},
    )
    printed = done.stdout.decode().rsplit(" ", 2)[0]
    # git drops punctuation at the ends of both; nothing else may change.
    crud = " .,:;<>\"\\'"
    assert printed.endswith(f" <{taken[1].strip(crud)}>")
    assert printed.startswith(taken[0].strip(crud))
