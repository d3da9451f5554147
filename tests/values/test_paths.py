from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forage_gen.values.paths import (
    container_path,
    host_path,
    is_at_or_below,
    overlaps,
    protected_path,
)
from tests.values.table import Refused, check_refused, ids


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("/srv/data", "/srv/data"),
        ("/srv/data/", "/srv/data"),
        ("/srv/data///", "/srv/data"),
        ("~", "~"),
        ("~/", "~"),
        ("~/docs/", "~/docs"),
        ("/home/alice/My Projects/ö", "/home/alice/My Projects/ö"),
        ("/a/.hidden/..x/...", "/a/.hidden/..x/..."),
        ("/a/100%/$x/\\y/'\";#", "/a/100%/$x/\\y/'\";#"),
        ("/a/~b", "/a/~b"),
        ("/" + "x" * 255, "/" + "x" * 255),
    ],
)
def test_host_path(text: str, canonical: str) -> None:
    assert host_path(text).text == canonical


@pytest.mark.parametrize(
    ("text", "home", "absolute"),
    [
        ("~/docs", "/home/alice", "/home/alice/docs"),
        ("~", "/home/alice/", "/home/alice"),
        ("/srv", "/home/alice", "/srv"),
    ],
)
def test_a_host_path_is_expanded_with_the_home_that_the_caller_names(
    text: str,
    home: str,
    absolute: str,
) -> None:
    assert host_path(text).expand(home) == absolute


@pytest.mark.parametrize(
    "case",
    [
        Refused("", "path-empty", "empty", "absolute path"),
        Refused("docs", "path-relative", "`docs` is not an absolute path", "begins with `/`"),
        Refused("./docs", "path-relative", "`./docs`", "begins with `/`"),
        Refused("$HOME/docs", "path-variable", "does not expand variables", "`~/docs`"),
        Refused("${HOME}/docs", "path-variable", "does not expand variables", "`~/docs`"),
        Refused("$XDG_DATA/x", "path-variable", "does not expand variables", "absolute path"),
        Refused("~bob/docs", "path-other-user", "a named user", "`/home/bob/docs`"),
        Refused("/", "path-root", "the whole host", "`/home/alice/projects/app`"),
        Refused("//", "path-root", "the whole host", "Name the directory"),
        Refused("/a//b", "path-empty-part", "`/a//b`", "`/a/b`"),
        Refused("~//b", "path-empty-part", "`~//b`", "`~/b`"),
        Refused("/a/../b", "path-dots", "contains `..`", "without `.` and `..`"),
        Refused("~/..", "path-dots", "contains `..`", "without `.` and `..`"),
        Refused("/a/./b", "path-dots", "contains `.`", "without `.` and `..`"),
        Refused("/a:b", "path-colon", "`:`, which separates paths", "Rename"),
        Refused(
            "/a\nb", "path-control-character", r"`/a\x0ab` contains a newline", "without control"
        ),
        Refused("/a\0b", "path-control-character", "a NUL byte", "without control"),
        Refused("/a\x85b", "path-control-character", "U+0085", "without control"),
        Refused("/a\u202eb", "path-control-character", "invisible character U+202E", "without"),
        Refused("/a\ud800b", "path-control-character", "U+D800", "without"),
        Refused("a\nb", "path-control-character", "a newline", "without"),
        Refused("/a /b", "path-trailing-space", "systemd drops", "`/a/b`"),
        Refused("/a/b ", "path-trailing-space", "systemd drops", "`/a/b`"),
        Refused("/" + "ö" * 128, "path-part-too-long", "255 bytes", "shorter"),
        Refused("/abc" * 1100, "path-too-long", "4095 bytes", "shorter"),
    ],
    ids=ids,
)
def test_host_path_refuses(case: Refused) -> None:
    check_refused(host_path, case)


@pytest.mark.parametrize(
    "path",
    [
        "/workspace",
        "/workspace/docs",
        "/workspace/etc",
        "/home/agent",
        "/home/agent/.claude",
        "/srv",
        "/opt/tools",
        "/mnt",
        "/data",
        "/library",
        "/etcetera",
        "/var/lib/postgresql",
        "/var/cache/npm",
    ],
)
def test_container_path_is_free(path: str) -> None:
    assert container_path(path) == path
    assert container_path(path + "/") == path


@pytest.mark.parametrize(
    "path",
    [
        *("/bin", "/boot", "/dev", "/etc", "/init", "/lib", "/lib32", "/lib64", "/libexec"),
        *("/nix", "/proc", "/run", "/sbin", "/sys", "/tmp", "/usr", "/var/run", "/var/log"),
        *("/nix/store", "/proc/sys/kernel", "/etc/passwd", "/run/secrets", "/usr/local/bin"),
        *("/etc/claude-code", "/var/lib/systemd/x", "/dev/shm", "/tmp/x", "/nix/", "/etc/ssl/"),
    ],
)
def test_nothing_is_mounted_into_the_sandboxs_system(path: str) -> None:
    check_refused(
        container_path,
        Refused(path, "container-path-system", "at or below", "`/workspace`"),
    )


@pytest.mark.parametrize(
    "case",
    [
        Refused("/", "container-path-hides", "`/` would hide", "`/workspace/docs`"),
        Refused("/home", "container-path-hides", "`/home` would hide", "`/home/docs`"),
        Refused("/var", "container-path-hides", "`/var` would hide", "`/var/docs`"),
        Refused("/var/lib/", "container-path-hides", "`/var/lib` would hide", "`/var/lib/docs`"),
        Refused("~/.claude", "container-path-home", "not expanded", "`/home/agent/.claude`"),
        Refused("docs", "path-relative", "`docs`", "begins with `/`"),
        Refused("/workspace/../etc", "path-dots", "`..`", "without"),
        Refused("//etc", "path-empty-part", "`//etc`", "`/etc`"),
        Refused("/./etc", "path-dots", "`.`", "without"),
        Refused("/workspace/a:b", "path-colon", "`:`", "Rename"),
    ],
    ids=ids,
)
def test_container_path_refuses(case: Refused) -> None:
    check_refused(container_path, case)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        (".git/hooks", ".git/hooks"),
        (".git/hooks/", ".git/hooks"),
        ("pages/[id].ts", "pages/[id].ts"),
        ("..hidden", "..hidden"),
        ("a b", "a b"),
    ],
)
def test_protected_path(text: str, canonical: str) -> None:
    assert protected_path(text) == canonical


@pytest.mark.parametrize(
    "case",
    [
        Refused("", "protected-path-whole", "the whole workspace", "`readOnlyWorkspace = true`"),
        Refused(".", "protected-path-whole", "the whole workspace", "`readOnlyWorkspace = true`"),
        Refused("/workspace/.git", "protected-path-absolute", "is absolute", "`.git`"),
        Refused("/etc", "protected-path-absolute", "is absolute", "`etc`"),
        Refused("/", "protected-path-absolute", "is absolute", "such as `.git/hooks`"),
        Refused("~/x", "protected-path-home", "`~`", "such as `.git/hooks`"),
        Refused("*.env", "protected-path-pattern", "looks like a pattern", "itself"),
        Refused("..", "path-dots", "`..`", "without"),
        Refused("a/../../b", "path-dots", "`a/../../b`", "without"),
        Refused("./a", "path-dots", "`./a`", "without"),
        Refused("a//b", "path-empty-part", "`a//b`", "`a/b`"),
        Refused("a:b", "path-colon", "`a:b`", "Rename"),
        Refused("a\tb", "path-control-character", "a tab", "without"),
    ],
    ids=ids,
)
def test_protected_path_refuses(case: Refused) -> None:
    check_refused(protected_path, case)


@pytest.mark.parametrize(
    ("a", "b", "overlapping"),
    [
        ("/data", "/data", True),
        ("/data", "/data/a", True),
        ("/data/a", "/data/ab", False),
        ("/data/a", "/data/b", False),
        ("/", "/data", True),
        (".git", ".git/hooks", True),
        (".git", ".github", False),
    ],
)
def test_overlaps(a: str, b: str, *, overlapping: bool) -> None:
    assert overlaps(a, b) is overlapping
    assert overlaps(b, a) is overlapping


def test_is_at_or_below_has_a_direction() -> None:
    assert is_at_or_below("/data/a", "/data")
    assert not is_at_or_below("/data", "/data/a")


@given(
    st.lists(
        st.sampled_from(["a", "b", ".", "..", "", "nix", "etc", "run", "~", "x "]), max_size=6
    ),
)
def test_no_spelling_leads_into_a_sealed_tree(parts: list[str]) -> None:
    text = "/" + "/".join(parts)
    try:
        path = container_path(text)
    except ValueError:
        return
    # What is left has no part that a kernel or systemd would resolve otherwise.
    assert not {"", ".", ".."} & set(path[1:].split("/"))
    assert path.split("/")[1] not in {"nix", "etc", "run"}
