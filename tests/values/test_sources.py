from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forage_gen.values.problem import ValueProblem
from forage_gen.values.sources import (
    SourceUrl,
    git_ref,
    git_rev,
    package_file,
    source_url,
    subpath,
)
from tests.requirements import require
from tests.values.table import Refused, check_refused, ids, problem_of

SHA1 = "3f786850e387550fdab836ed7e6dc881de23001b"
SHA256 = SHA1 + "0" * 24


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://example.org/tool", ("https", "/tool", "")),
        ("http://127.0.0.1:8080/a/b.tar.gz", ("http", "/a/b.tar.gz", "")),
        ("https://git.example.org/~user/a+b@1%20c", ("https", "/~user/a+b@1%20c", "")),
        ("https://example.org/t.zip?raw=1&x=%2F", ("https", "/t.zip", "raw=1&x=%2F")),
        ("ssh://git@example.org:2222/a/b.git", ("ssh", "/a/b.git", "")),
        ("ssh://example.org/srv/b", ("ssh", "/srv/b", "")),
    ],
)
def test_source_url(text: str, url: tuple[str, str, str]) -> None:
    assert source_url(text) == SourceUrl(text, *url)


@pytest.mark.parametrize(
    "case",
    [
        Refused("", "url-empty", "is empty", "`https://`"),
        Refused("https://a.org/x\ny", "url-control-character", "a newline", "without"),
        Refused("https://a.org/" + "x" * 2048, "url-too-long", "2,062", "shorter"),
        Refused("git@github.com:a/b.git", "url-scp", "how ssh", "`ssh://git@github.com/a/b.git`"),
        Refused("github:a/b", "url-flake", "a flake", "`https://github.com/a/b`"),
        Refused("git+https://a.org/b", "url-scheme", "`git+https`", "`https://a.org/b`"),
        Refused("git+ssh://git@a.org/b", "url-scheme", "`git+ssh`", "`ssh://git@a.org/b`"),
        Refused("HTTPS://a.org/b", "url-scheme", "`HTTPS`", "`https://a.org/b`"),
        Refused("file:///srv/tool", "url-scheme", "`file`", "`https://`"),
        Refused("git://a.org/b", "url-scheme", "`git`", "`ssh://`"),
        Refused("ftp://a.org/b", "url-scheme", "`ftp`", "`https://`"),
        Refused("ext::sh -c id", "url-scheme", "no scheme", "`https://`"),
        Refused("--upload-pack=id", "url-scheme", "no scheme", "`https://`"),
        Refused("/srv/tool", "url-scheme", "no scheme", "`https://`"),
        Refused("example.org/tool", "url-scheme", "no scheme", "`https://`"),
        Refused("https://example.org", "url-invalid", "no URL", "a path"),
        Refused("https://example.org/", "url-invalid", "no URL", "a path"),
        Refused("https://-oProxyCommand=id/x", "url-invalid", "no URL", "a host"),
        Refused("ssh://-oProxyCommand=id/x", "url-invalid", "no URL", "a host"),
        Refused("ssh://-lroot@a.org/x", "url-invalid", "no URL", "a host"),
        Refused("https://a.org/x#y", "url-invalid", "no URL", "percent-encoding"),
        Refused("https://a.org/x y", "url-invalid", "no URL", "percent-encoding"),
        Refused("https://a.org/x;id", "url-invalid", "no URL", "percent-encoding"),
        Refused("https://a.org/$(id)", "url-invalid", "no URL", "percent-encoding"),
        Refused("https://a.org/`id`", "url-invalid", "no URL", "percent-encoding"),
        Refused("https://a.org/x'", "url-invalid", "no URL", "percent-encoding"),
        Refused('https://a.org/x"', "url-invalid", "no URL", "percent-encoding"),
        Refused("https://a.org/x&id", "url-invalid", "no URL", "percent-encoding"),
        Refused("https://a.org/${x}", "url-invalid", "no URL", "percent-encoding"),
        Refused("https://a.org/%zz", "url-invalid", "no URL", "percent-encoding"),
        Refused("https://ä.org/x", "url-invalid", "no URL", "a host"),
    ],
    ids=ids,
)
def test_source_url_refuses(case: Refused) -> None:
    check_refused(source_url, case)


@pytest.mark.parametrize(
    "text",
    [
        "https://alice:hunter2@example.org/tool",
        "https://ghp_0123456789abcdefghij@github.com/a/b",
        "http://alice@example.org/tool",
        "ssh://git:hunter2@example.org/tool",
        "git+https://alice:hunter2@example.org/tool",
        "git+ssh://alice:hunter2@example.org/tool",
        "https:/alice:hunter2@example.org/tool",
        "https://alice:hunter2@example.org/\x1b",
        "ftp://alice:hunter2@example.org/tool",
    ],
)
def test_credentials_are_refused_and_not_repeated(text: str) -> None:
    problem = problem_of(source_url, text)
    assert problem.code == "url-credentials"
    assert problem.sensitive
    assert "hunter2" not in problem.message + problem.hint
    assert "ghp_" not in problem.message + problem.hint


@pytest.mark.parametrize("text", [SHA1, SHA256])
def test_git_rev(text: str) -> None:
    assert git_rev(text) == text


@pytest.mark.parametrize(
    "case",
    [
        Refused("main", "rev-invalid", "no full hash", "`ref`"),
        Refused("", "rev-invalid", "no full hash", "`ref`"),
        Refused(SHA1[:10], "rev-invalid", "no full hash", f"`git rev-parse {SHA1[:10]}`"),
        Refused(SHA1.upper(), "rev-invalid", "no full hash", SHA1),
        Refused(SHA1 + "\n", "rev-invalid", "no full hash", "40"),
        Refused("--help", "rev-invalid", "no full hash", "40"),
    ],
    ids=ids,
)
def test_git_rev_refuses(case: Refused) -> None:
    check_refused(git_rev, case)


@pytest.mark.parametrize(
    "text",
    ["HEAD", "refs/heads/main", "refs/tags/v1.0", "refs/heads/a/b-c_d+e@f", "refs/pull/1/head"],
)
def test_git_ref(text: str) -> None:
    assert git_ref(text) == text


@pytest.mark.parametrize(
    "case",
    [
        Refused("main", "ref-invalid", "no full name", "`refs/heads/main` for a branch"),
        Refused("v1.0", "ref-invalid", "no full name", "`refs/tags/v1.0` for a tag"),
        Refused("", "ref-invalid", "no full name", "such as"),
        Refused(SHA1, "ref-invalid", "no full name", "`rev`"),
        Refused("refs", "ref-invalid", "no full name", "refs/heads/refs"),
        Refused("refs/", "ref-invalid", "no full name", "such as"),
        Refused("refs/heads//a", "ref-invalid", "no full name", "such as"),
        Refused("refs/heads/.a", "ref-invalid", "no full name", "such as"),
        Refused("refs/heads/a..b", "ref-invalid", "no full name", "such as"),
        Refused("refs/heads/a.lock", "ref-invalid", "no full name", "such as"),
        Refused("refs/heads/a.", "ref-invalid", "no full name", "such as"),
        Refused("refs/heads/a@{1}", "ref-invalid", "no full name", "such as"),
        Refused("refs/heads/a:b", "ref-invalid", "no full name", "such as"),
        Refused("refs/heads/a, e id", "ref-invalid", "no full name", "such as"),
        Refused("refs/heads/$(id)", "ref-invalid", "no full name", "such as"),
        Refused("-main", "ref-invalid", "no full name", "such as"),
        Refused("refs/heads/a\nb", "ref-invalid", "no full name", "such as"),
    ],
    ids=ids,
)
def test_git_ref_refuses(case: Refused) -> None:
    check_refused(git_ref, case)


@pytest.mark.parametrize("text", ["tool", "bin/tool", "a b/ä", "..a/b..", '"$(id)"'])
def test_subpath(text: str) -> None:
    assert subpath(text) == text


@pytest.mark.parametrize(
    "case",
    [
        Refused("../tool", "subpath-invalid", "leads out", "`tool`"),
        Refused("a/../../tool", "subpath-invalid", "leads out", "`a/tool`"),
        Refused("..", "subpath-invalid", "leads out", "`bin/tool`"),
        Refused("/bin/tool", "subpath-invalid", "absolute", "`bin/tool`"),
        Refused("./tool", "subpath-invalid", "empty or `.`", "`tool`"),
        Refused("a//b", "subpath-invalid", "empty or `.`", "`a/b`"),
        Refused("a/", "subpath-invalid", "empty or `.`", "`a`"),
        Refused("", "subpath-invalid", "empty or `.`", "`bin/tool`"),
        Refused("a\nb", "subpath-control-character", "a newline", "without"),
    ],
    ids=ids,
)
def test_subpath_refuses(case: Refused) -> None:
    check_refused(subpath, case)


def test_package_file() -> None:
    assert package_file("packages/tool.nix") == "packages/tool.nix"


@pytest.mark.parametrize(
    "case",
    [
        Refused("tool.nix", "package-file-invalid", "no Nix file", "`packages/tool.nix`"),
        Refused("packages/tool", "package-file-invalid", "no Nix file", "`packages/tool.nix`"),
        Refused("../x/tool.nix", "package-file-invalid", "no Nix file", "`packages/tool.nix`"),
        Refused("packages/../tool.nix", "package-file-invalid", "no Nix", "`packages/tool.nix`"),
        Refused("packages/a/b.nix", "package-file-invalid", "no Nix file", "`packages/b.nix`"),
        Refused("/etc/passwd", "package-file-invalid", "no Nix file", "`packages/passwd.nix`"),
        Refused("packages/.nix", "package-file-invalid", "no Nix file", "`packages/tool.nix`"),
        Refused("", "package-file-invalid", "no Nix file", "`packages/tool.nix`"),
    ],
    ids=ids,
)
def test_package_file_refuses(case: Refused) -> None:
    check_refused(package_file, case)


# What old versions of nix-prefetch-git did with each argument.
EVAL = 'arg=$1; eval x=$arg; printf %s "$x"'
# What all of them do with a ref, given what `git ls-remote` printed.
SED = r"""printf '1234\t%s\n' "$1" | sed -n "\\,\t$1, { s,\(.*\)\t\(.*\),\1,; p; q}" """


def taken(texts: list[str]) -> list[str]:
    """Those that a grammar takes."""
    found = []
    for text in texts:
        for grammar in (source_url, git_ref):
            try:
                grammar(text)
            except ValueProblem:
                continue
            found.append(text)
    return found


PIECES = st.lists(
    st.sampled_from(
        [*"az09._~/:@+,=-%&;$(){}[]'\"`*?!#<>|\\ \t", "%20", "..", "$(id)", "~root", "/", "a"]
    ),
    max_size=12,
).map("".join)
TEXTS = st.one_of(
    st.builds("https://example.org/{}".format, PIECES),
    st.builds("refs/heads/{}".format, PIECES),
)


@settings(max_examples=30)
@given(st.lists(TEXTS, min_size=20, max_size=20))
def test_nothing_that_is_taken_means_anything_to_a_shell(texts: list[str]) -> None:
    require("bash", "sed")
    for text in taken(texts):
        # A query is refused for git, whose tool is a shell script; curl's are none.
        if "?" not in text:
            assert answer(EVAL, text) == text
        if text.startswith("refs/"):
            assert answer(SED, text) == "1234\n"


def answer(script: str, text: str) -> str:
    finished = subprocess.run(
        ["bash", "-c", script, "bash", text],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": "/root"},
    )
    assert finished.stderr == ""
    return finished.stdout
