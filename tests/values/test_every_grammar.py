"""What holds for every grammar, whatever is written."""

from __future__ import annotations

import pickle
import re
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from forage_gen.values import (
    accounts,
    apis,
    calendar,
    commands,
    env,
    forwards,
    hosts,
    limits,
    names,
    packages,
    paths,
    protected,
    secrets,
    sources,
    sshhosts,
    sshkeys,
    subnets,
    syscalls,
)
from forage_gen.values.problem import ValueProblem
from forage_gen.values.text import shown
from tests.values.table import check_readable

if TYPE_CHECKING:
    from collections.abc import Callable


class Grammar(NamedTuple):
    """A grammar, texts near to what it takes, and how its values are written."""

    read: Callable[[str], object]
    seeds: list[str]
    write: Callable[[object], str] = str


def text_of(value: object) -> str:
    return str(value.text) if isinstance(value, _WITH_TEXT) else str(value)


_WITH_TEXT = (
    paths.HostPath,
    limits.CpuQuota,
    limits.MemorySize,
    limits.DiskSize,
    sources.SourceUrl,
    protected.Protected,
    sshhosts.SshHost,
    apis.ByteSize,
)


def path_of(value: object) -> str:
    assert isinstance(value, tuple)
    return packages.format_attribute_path(value)


def key_path(text: str) -> str:
    return secrets.secret_path(text, project="/srv/project")


KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEKDIhUq9XsgnrdApUJU8CAkpv9LUdpAv+ec93L4x+uE a@b"
GRAMMARS = [
    Grammar(names.sandbox_name, ["my-project", "host", "a--b", "My_Project"]),
    Grammar(names.template_name, ["claude", "Ü"]),
    Grammar(names.agent_name, ["claude"]),
    Grammar(names.mount_name, ["docs"]),
    Grammar(names.secret_name, ["anthropic", ".x", "a/b"]),
    Grammar(names.source_name, ["tool", "My Tool"]),
    Grammar(names.proxy_name, ["github", "My API"]),
    Grammar(
        apis.api_url,
        [
            *("https://a.example", "https://a.example:8443/api/v3", "http://a.example"),
            *("https://a:b@c.example", "https://10.0.0.1", "https://*.example/x?y#z"),
        ],
    ),
    Grammar(apis.api_header, ["x-api-key", "Authorization: Bearer", "Host", "A: b c"]),
    Grammar(apis.api_path, ["/v1/*", "/a/**", "/a.b/c:d", "/../a", "/a/**/b"]),
    Grammar(apis.method, ["GET", "post", "CONNECT", "ß"]),
    Grammar(apis.api_variable, ["{url}/v1", "a\nb"]),
    Grammar(apis.byte_size, ["32M", "1.5G", "9999G"], text_of),
    Grammar(apis.log_size, ["32M", "1.5G", "9999G", "512K"], text_of),
    Grammar(
        sources.source_url,
        [
            *("https://a.example/b.tar.gz?c=d", "ssh://git@a.example/b", "git@a.example:b"),
            *("git+https://a.example/b", "github:a/b", "https://a:b@c.example/d", "file:///a"),
        ],
        text_of,
    ),
    Grammar(sources.git_rev, ["3f786850e387550fdab836ed7e6dc881de23001b", "abcdef", "main"]),
    Grammar(sources.git_ref, ["HEAD", "refs/heads/main", "main", "refs/tags/v1..2"]),
    Grammar(sources.subpath, ["bin/tool", "../a", "/a", "a//b"]),
    Grammar(sources.package_file, ["packages/tool.nix", "tool.nix"]),
    Grammar(paths.host_path, ["/srv/data", "~/docs", "~bob/x", "/a/../b", "$HOME/x"], text_of),
    Grammar(paths.container_path, ["/workspace/docs", "/etc/x", "/nix", "/", "/var/lib"]),
    Grammar(paths.protected_path, [".git/hooks", "/workspace/.git", "a/*"]),
    Grammar(protected.protected, ["@git", "@gti", "@", "@x/", ".envrc"], text_of),
    Grammar(key_path, ["/run/secrets/a", "sk-ant-api03-abcdefgh", "/home/a/b", "/srv/project/a"]),
    Grammar(
        hosts.allowed_host,
        [
            *("a.example.org", "*.example.org:443", "203.0.113.0/24:80", "[2001:db8::1]:443"),
            *("2001:db8::/32", "https://a:b@c.example/d", "münchen.example", "a.example:0"),
        ],
    ),
    Grammar(forwards.forward, ["8080", "8080:80", "192.168.1.5:8080:80", "0.0.0.0:80", "1:0"]),
    Grammar(subnets.sandbox_subnet, ["10.100.0.0/16", "8.8.8.0/24", "10.0.0.1"]),
    Grammar(subnets.sandbox_ipv6_subnet, ["fd00::/64", "fd00::1", "2001:db8::/8", "fe80::1/64"]),
    Grammar(limits.cpu_quota, ["200%", "12.5%", "2"], text_of),
    Grammar(limits.memory_size, ["4G", "1.5G", "4GB", "0.1G", "infinity"], text_of),
    Grammar(limits.disk_size, ["2G", "1T", "1.5T"], text_of),
    Grammar(calendar.calendar_expression, ["Mon..Fri *-*-* 03:00:00 UTC", "daily", "0 3 * * *"]),
    Grammar(packages.attribute_path, ['a."@b/c".d', "pkgs.x", "a==1", "a#b"], path_of),
    Grammar(sshkeys.authorized_key, [KEY, f"from=x {KEY}", "-----BEGIN PRIVATE KEY-----"]),
    Grammar(
        sshhosts.ssh_host,
        [
            *("git@github.com", "github.com:22", "git@[2001:db8::1]:2222", "git@x.example:a/b"),
            *("ssh://a@b.example", "*.example.org", "a:b@c.example"),
        ],
        text_of,
    ),
    Grammar(
        sshhosts.known_host,
        [f"github.com,[x.example]:2222 {KEY}", f"|1|x= {KEY}", f"@revoked x.example {KEY}", KEY],
    ),
    Grammar(syscalls.syscall_filter, ["default", "@mount", "~@mount ptrace"]),
    Grammar(env.env_var_name, ["API_KEY", "PATH", "a-b"]),
    Grammar(commands.init_command, ["npm install", "a\nb"]),
    Grammar(commands.permission_rule, ["Edit(src/**)", "Bash(", r"Bash(\))"]),
    Grammar(commands.git_name, ["Forage Agent", "A <a@b>"]),
    Grammar(commands.git_email, ["agent@example.org", "A <a@b>"]),
    Grammar(accounts.reason, ["the builds need it", " "]),
]

# Hypothesis leaves lone surrogates out unless it is asked; JSON can hold them.
ANY_TEXT = st.text(st.characters(codec=None))
HOSTILE = st.text(
    "\0\t\n\r\x1b\x7f\x85\u2028\u202e\ud800ü\u0661:/.~*%$@'\"\\{}()[]<>;#-_ aZ0", max_size=12
)


@st.composite
def near(draw: st.DrawFn, seeds: list[str]) -> str:
    """A seed with a piece replaced by anything."""
    seed = draw(st.sampled_from(seeds))
    start = draw(st.integers(0, len(seed)))
    end = draw(st.integers(start, min(len(seed), start + 3)))
    return seed[:start] + draw(HOSTILE | st.sampled_from(seeds)) + seed[end:]


def name(grammar: Grammar) -> str:
    return grammar.read.__name__


EVERY = pytest.mark.parametrize("grammar", GRAMMARS, ids=name)


@EVERY
@given(data=st.data())
@settings(max_examples=200)
def test_every_text_is_taken_or_refused_readably(grammar: Grammar, data: st.DataObject) -> None:
    text = data.draw(ANY_TEXT | HOSTILE | near(grammar.seeds) | st.sampled_from(grammar.seeds))
    try:
        value = grammar.read(text)
    except ValueProblem as problem:
        check_readable(problem)
        check_suggestion(grammar, problem)
        return
    if grammar.read is syscalls.syscall_filter:
        return
    written = grammar.write(value)
    # What is written can be written to a file, and means the same again.
    assert written.encode()
    assert grammar.read(written) == value
    assert grammar.write(grammar.read(written)) == written


def check_suggestion(grammar: Grammar, problem: ValueProblem) -> None:
    """A hint that says exactly what to write says something valid."""
    suggested = re.fullmatch(r"Write `([^`…]*)`\.", problem.hint)
    # Of two things that are wrong, the hint may repair only the one that is reported.
    if suggested is None or problem.code in STEP_BY_STEP:
        return
    try:
        grammar.read(suggested[1])
    except ValueProblem as second:
        pytest.fail(f"{problem.hint} But: {second.code}: {second.message}")


# Problems whose hint takes the text as it is and repairs one thing in it.
STEP_BY_STEP = {
    *("path-empty-part", "path-trailing-space", "path-variable", "container-path-home"),
    *("protected-path-absolute", "calendar-space", "package-prefix", "syscall-errno"),
    *("memory-size-invalid", "disk-size-invalid", "cpu-quota-invalid", "subnet-host-bits"),
}


@EVERY
@given(
    text=st.text(min_size=500, max_size=700) | st.integers(1, 40).map(lambda n: "a.b/c:1," * 10 * n)
)
@settings(max_examples=10)
def test_long_texts_make_short_messages(grammar: Grammar, text: str) -> None:
    try:
        grammar.read(text)
    except ValueProblem as problem:
        check_readable(problem)


@EVERY
def test_a_problem_crosses_processes(grammar: Grammar) -> None:
    with pytest.raises(ValueProblem) as caught:
        grammar.read("\0")
    copy = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - made on the same line
    assert vars(copy) == vars(caught.value)
    assert str(copy) == caught.value.message


@given(ANY_TEXT)
@example("a`b")
def test_a_shown_value_is_one_short_line(text: str) -> None:
    line = shown(text)
    assert line.isprintable() or not text.isprintable()
    assert "\n" not in line
    assert line.encode()
    assert len(line) < 600
