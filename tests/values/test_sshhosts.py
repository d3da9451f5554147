from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from forage_gen.values.sshhosts import known_host, ssh_host
from tests.requirements import require
from tests.values.table import Refused, check_refused, ids

if TYPE_CHECKING:
    from pathlib import Path

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEKDIhUq9XsgnrdApUJU8CAkpv9LUdpAv+ec93L4x+uE"


@pytest.mark.parametrize(
    ("text", "constraint"),
    [
        ("git@github.com", "git@github.com"),
        ("GitHub.com", "github.com"),
        ("git@code.example.org:2222", "git@[code.example.org]:2222"),
        ("code.example.org:22", "code.example.org"),
        ("git@192.0.2.7", "git@192.0.2.7"),
        ("git@[2001:db8::1]:2222", "git@[2001:db8::1]:2222"),
        ("git@2001:db8::1", "git@2001:db8::1"),
        ("org-12_3.x+y@github.com", "org-12_3.x+y@github.com"),
    ],
)
def test_where_a_key_may_log_in(text: str, constraint: str) -> None:
    assert str(ssh_host(text)) == constraint


@pytest.mark.parametrize(
    "case",
    [
        Refused("", "ssh-host-empty", "is empty", "`git@github.com`"),
        Refused(
            "git@github.com:a/b.git", "ssh-host-repository", "a repository", "`git@github.com`"
        ),
        Refused("ssh://git@github.com/a", "ssh-host-url", "a URL", "`git@github.com`"),
        Refused("*.github.com", "ssh-host-several", "is not one host", "of its own"),
        Refused("!github.com", "ssh-host-several", "is not one host", "of its own"),
        Refused("git@192.0.2.0/24", "ssh-host-several", "is not one host", "of its own"),
        Refused("*@github.com", "ssh-host-user", "no user name", "`git@github.com`"),
        Refused("a>b@github.com", "ssh-host-user", "no user name", "`git@github.com`"),
        Refused("git@forge", "host-one-label", "no domain", "`forge.example.org`"),
        Refused("git@github.com:0", "port-range", "between 1 and 65535", "leading zeros"),
        Refused("git@git\0hub.com", "ssh-host-control-character", "a NUL byte", "without"),
    ],
    ids=ids,
)
def test_what_is_no_single_host(case: Refused) -> None:
    check_refused(ssh_host, case)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"github.com {KEY}", f"github.com {KEY}"),
        (f" GitHub.com,192.0.2.7\t{KEY}  a comment", f"github.com,192.0.2.7 {KEY}"),
        (f"[code.example.org]:2222 {KEY}", f"[code.example.org]:2222 {KEY}"),
        (f"[2001:db8::1]:2222,2001:db8::1 {KEY}", f"[2001:db8::1]:2222,2001:db8::1 {KEY}"),
    ],
)
def test_host_keys(text: str, line: str) -> None:
    assert str(known_host(text)) == line


@pytest.mark.parametrize(
    "case",
    [
        Refused("github.com", "known-host-invalid", "no line of known_hosts", "ssh-keyscan"),
        Refused(KEY, "known-host-invalid", "no host before it", "ssh-keyscan"),
        Refused(f"|1|aaa=|bbb= {KEY}", "known-host-form", "hashed", "ssh-keyscan"),
        Refused(f"*.example.org {KEY}", "known-host-form", "a pattern", "ssh-keyscan"),
        Refused(f"@cert-authority x.org {KEY}", "known-host-form", "a marker", "ssh-keyscan"),
        Refused(f"x.org {KEY[:-8]}", "ssh-key-damaged", "damaged", "ssh-keyscan"),
        Refused("x.org ssh-dss AAAA", "ssh-key-weak", "too weak", "ssh-keyscan"),
        Refused("-----BEGIN OPENSSH PRIVATE KEY-----", "ssh-key-private", "private", "keyscan"),
        Refused(f"x.org {KEY}\nx", "known-host-control-character", "a newline", "without"),
        Refused(f"x.org,, {KEY}", "host-empty", "is empty", "a host name"),
    ],
    ids=ids,
)
def test_what_is_no_host_key(case: Refused) -> None:
    check_refused(known_host, case)


def test_ssh_keygen_finds_each_place_by_its_name(tmp_path: Path) -> None:
    require("ssh-keygen")
    file = tmp_path / "known_hosts"
    texts = ["github.com", "[code.example.org]:2222", "[2001:db8::1]:2222", "2001:db8::1"]
    names = ",".join(texts)
    file.write_text(f"{known_host(f'{names} {KEY}')}\n")
    for written in ("github.com", "code.example.org:2222", "[2001:db8::1]:2222", "2001:db8::1"):
        argv = ["ssh-keygen", "-F", str(ssh_host(written)), "-f", str(file)]
        found = subprocess.run(argv, capture_output=True, check=False)
        assert found.returncode == 0
