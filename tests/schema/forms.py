"""Texts of each form that the schema tells others of, and the grammars behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from forage_gen.schema.jsonschema import json_schema
from forage_gen.values import (
    accounts,
    apis,
    calendar,
    capabilities,
    commands,
    env,
    forwards,
    hosts,
    limits,
    names,
    paths,
    protected,
    secrets,
    sshkeys,
    subnets,
    syscalls,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from forage_gen.schema.jsonschema import Json


class Form(NamedTuple):
    """Grammars that have a form, and texts.

    `taken` are texts that the grammars take. `refused` are mistakes that the form shows already.
    """

    grammars: tuple[Callable[[str], object], ...]
    taken: tuple[str, ...]
    refused: tuple[str, ...]


ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEKDIhUq9XsgnrdApUJU8CAkpv9LUdpAv+ec93L4x+uE a@b"

FORMS = {
    "name": Form(
        (
            *(names.sandbox_name, names.template_name, names.agent_name),
            *(names.mount_name, names.proxy_name, names.source_name),
        ),
        ("claude", "my-project", "a", "a1-b2-c3", "x" * 63),
        ("My-Project", "my_project", "a--b", "-a", "a-", "1a", "a b", "", "münchen", "a\n"),
    ),
    "name of a secret": Form(
        (names.secret_name,),
        ("anthropic", "API_KEY", "a.b", "-a", "0"),
        (".a", "a/b", "a b", "a:b", ""),
    ),
    "user name": Form(
        (accounts.user_name,),
        ("alice", "_alice", "a-b_c9", "a" * 31),
        ("Alice", "alice smith", "9a", "a" * 32, ""),
    ),
    "interface name": Form(
        (accounts.interface_name,),
        ("eth0", "enp0s31f6", "wlan0.100", "br-lan", "a" * 15),
        ("eth0,eth1", "eth 0", "eth+", "a" * 16, "-a", ""),
    ),
    "variable name": Form(
        (env.env_var_name,),
        ("ANTHROPIC_API_KEY", "_x", "a1"),
        ("API-KEY", "1A", "A=B", "$A", ""),
    ),
    "one line": Form(
        (accounts.one_line,), ("Claude Code", "", "größer: 'so'", "ü" * 200), ("two\nlines",)
    ),
    "path of the host": Form(
        (paths.host_path,),
        (
            *("/srv/data", "/srv/data/", "~", "~/", "~/docs", "~/a b/c", "/a/b.c/$d/%e/\\f"),
            *("/ü/é", "/srv/x///", "~//", "/" + "a" * 255),
        ),
        ("srv/data", "./a", "/", "//", "/a:b", "/a//b", "~bob/x", "$HOME/x", "", "/a\n"),
    ),
    "path inside": Form(
        (paths.container_path,),
        ("/workspace/docs", "/home/agent/.claude", "/srv/", "/data/a b"),
        ("workspace", "~/docs", "/", "/a:b", "/a//b", ""),
    ),
    "path in the workspace": Form(
        (protected.protected,),
        (".git/hooks", "@git", "@version-control", "deploy.sh", "a/", "@x/", "ä b"),
        ("/workspace/.git", "~/x", "*.sh", "a/?", "a:b", ""),
    ),
    "host": Form(
        (hosts.allowed_host,),
        (
            *("api.anthropic.com", "*.example.org", "db.example.org:5432", "example.org."),
            *("!secret.example.org", "!*.internal.example.org", "EXAMPLE.org", "münchen.example"),
            *("例え.テスト", "_srv.example.org", "203.0.113.7", "203.0.113.7:80"),
            *("203.0.113.0/24", "203.0.113.0/24:443", "2001:db8::1", "[2001:db8::1]:443"),
            *("2001:db8::/32", "[2001:db8::/32]:443", "[2001:db8::1]", "64:ff9b::192.0.2.33"),
            "a" * 63 + "." + "b" * 63 + ".org",
        ),
        (
            *("https://example.org", "example.org/path", "a.example.org b.example.org", "*", ""),
            *("user@example.org", "a.*.org", "example.org:", "example.org:https", " example.org"),
        ),
    ),
    "port": Form(
        (forwards.forward,),
        ("8080", "8443:443", "192.168.1.5:3000", "[2001:db8::5]:3000", "[::1]:8080:80"),
        ("8080-8090", "localhost:80", "::1:80", "80:", "80/udp", ""),
    ),
    "IPv4 network": Form(
        (subnets.sandbox_subnet,),
        ("10.100.0.0/16", "192.168.5.0/29", "10.0.0.0/8"),
        ("10.100.0.1", "10.100/16", "fd00::/64", "10.100.0.0/255.255.0.0", ""),
    ),
    "IPv6 prefix": Form(
        (subnets.sandbox_ipv6_subnet,),
        ("fd5c:3a1e:77b0::/64", "FD00:1::/48", "2a01:4f8::/112"),
        ("fd00::1", "10.0.0.0/8", "fd00::/8", "fd00::%eth0/64", ""),
    ),
    "percentage": Form(
        (limits.cpu_quota,),
        ("200%", "1%", "12.5%", "33.33%", "1000000%"),
        ("2", "200", "200 %", "-5%", "12.345%", "50‰", "%", ""),
    ),
    "size": Form(
        (limits.memory_size,),
        ("4G", "1.5G", "512M", "67108864", "1P", "0.5E" if limits.SIZE_MAX > 2**58 else "0.5P"),
        ("4GB", "4 G", "4g", "50%", "infinity", "4 elephants", ".5G", "-1G", ""),
    ),
    "size of a tmpfs": Form(
        (limits.disk_size,), ("2G", "64M", "67108864", "1048576K"), ("1.5G", "1T", "2 G", "50%", "")
    ),
    "calendar expression": Form(
        (calendar.calendar_expression,),
        (
            *("daily", "Weekly", "Mon..Fri 03:00", "*-*-* 03:00:00 UTC", "Wed, 17:48"),
            *("*-*~01 04:00 Europe/Berlin", "Sat,Sun *:0/15", "2030-1/2-5 12:34:56.789"),
        ),
        ("every (day)", "@daily", "0 3 * * ?", " daily", "daily ", "daily\n", "", "täglich"),
    ),
    "capability": Form(
        (capabilities.capability,), tuple(capabilities.OFFERED), ("sys_ptrace", "SYS_PTRACE", "")
    ),
    "profile": Form((syscalls.syscall_filter,), ("default", "strict"), ("stricct", "@debug", "")),
    "system call": Form(
        (lambda item: syscalls.syscall_filter([item]),),
        ("~@debug", "~@aio", "ptrace", "~io_uring_setup", "@mount", "~@raw-io"),
        ("@debug @aio", "~~ptrace", "ptrace:EPERM", "Ptrace", ""),
    ),
    "rule": Form(
        (commands.permission_rule,),
        ("Read", "Edit(src/**)", "Bash(rm -rf *)", "mcp__a__*", r"Bash(\))", "Bash(ü)"),
        ("*", "", "(Read)", " Read", "Bash(a\nb)"),
    ),
    "name of an author": Form(
        (commands.git_name,), ("Forage Agent", "Ägent", "a.b"), ("A <a@b>", "", "a\nb")
    ),
    "mail address": Form(
        (commands.git_email,),
        ("agent@example.org", "a+b@c", "ü@example.org"),
        ("agent", "A <a@b>", "a@b@c", "a b@c", "@c", ""),
    ),
    "address of an API": Form(
        (apis.api_url,),
        ("https://api.example.org", "https://api.example.org:8443/v3", "https://API.example.org/"),
        ("api.example.org", "http://api.example.org", "https://a@b.example.org", ""),
    ),
    "header": Form(
        (apis.api_header,),
        ("x-api-key", "Authorization: Bearer", "Authorization:token"),
        ("x api key", "Authorization Bearer", "a:b:c", ""),
    ),
    "pattern of paths": Form(
        (apis.api_path,),
        ("/v1/messages", "/repos/a/b/**", "/v1/models/*:generate", "/", "/**"),
        ("v1/messages", "/a?b=c", "/a b", "/a#b", ""),
    ),
    "method": Form((apis.method,), ("GET", "POST", "PROPFIND"), ("get", "G", "GET POST", "")),
    "size of data": Form(
        (apis.byte_size,), ("32M", "1G", "1K", "200M"), ("32", "1.5M", "32 M", "32MB", "0M", "")
    ),
    "size of a log": Form((apis.log_size,), ("32M", "1G", "200M"), ("32", "1K", "1.5M", "0M", "")),
    "path of a secret": Form(
        (secrets.secret_path,),
        ("/run/secrets/anthropic", "/etc/credstore/a"),
        ("run/secrets/a", "~/.key", "sk-ant-api03-abcdefghijkl", ""),
    ),
    "public key": Form(
        (sshkeys.authorized_key,),
        (ED25519, f" {ED25519}\n", ED25519.replace(" ", "\t")),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl", f"from=x {ED25519}", "ssh-dss AAAA", "a.pub"),
    ),
}


def patterns() -> dict[str, str]:
    """The patterns of the schema, by what they are of."""
    return dict(_titled(json_schema("forage")))


def _titled(schema: Json) -> Iterator[tuple[str, str]]:
    match schema:
        case {"title": str(what), "pattern": str(pattern)}:
            yield what, pattern
        case dict():
            for below in schema.values():
                yield from _titled(below)
        case list():
            for below in schema:
                yield from _titled(below)
