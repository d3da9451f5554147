from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forage_gen.values.problem import ValueProblem
from forage_gen.values.secrets import is_runtime_secret_dir, looks_like_key, secret_path
from tests.values.table import Refused, check_readable, check_refused, ids, problem_of


@pytest.mark.parametrize(
    "path",
    [
        "/run/secrets/anthropic-api-key",
        "/run/agenix/openai",
        "/etc/credstore/github",
        "/var/lib/keys/sk-ant-name",
        "/run/secrets/4f8a9c3b2e1d7f60a5b4c3d2e1f0a9b8",
        "/homework/key",
        "/nix/stores/key",
    ],
)
def test_secret_path_is_taken_as_it_is(path: str) -> None:
    assert secret_path(path) == path


# None of these is a real key; each has the form of one.
KEYS = [
    "sk-ant-api03-abcdefghijklmnop",
    "sk-proj-abcdefghijklmnop",
    "sk_live_abcdefghijklmnop",
    "ghp_abcdefghijklmnop0123456789",
    "gho_abcdefghijklmnop0123456789",
    "github_pat_11ABCDEFG",
    "glpat-abcdefghij0123456789",
    "AIzaSyA-abcdefghijklmnop",
    "xoxb-123-456-abc",
    "AKIAABCDEFGHIJKLMNOP",
    "hf_abcdefghijklmnop",
    "npm_abcdefghijklmnop",
    "AGE-SECRET-KEY-1ABCDEF",
    "Bearer abcdef",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n",
    "-----BEGIN RSA PRIVATE KEY-----",
    "4f8a9c3b2e1d7f60a5b4c3d2e1f0a9b8",
    "4f8a9c3b-2e1d-7f60-a5b4-c3d2e1f0a9b8",
    "q7GvX2mPz9LkR4tYw8Bn1Js6",
    " sk-ant-api03-abcdefghijklmnop\n",
    '"sk-ant-api03-abcdefghijklmnop"',
    "/q7GvX2mPz9LkR4tYw8Bn1Js6",
]


@pytest.mark.parametrize("key", KEYS)
def test_a_key_in_place_of_its_path_is_refused_and_not_repeated(key: str) -> None:
    problem = problem_of(secret_path, key)
    assert problem.code == "secret-is-key"
    assert problem.sensitive
    check_readable(problem)
    for part in key.split():
        assert part not in problem.message + problem.hint


@pytest.mark.parametrize(
    "text", ["anthropic", "secrets/anthropic", "my-very-long-key-file.txt", ""]
)
def test_words_do_not_look_like_keys(text: str) -> None:
    assert not looks_like_key(text)


@given(st.text())
def test_what_is_no_path_is_never_repeated(text: str) -> None:
    value = "q!" + text + "!q"
    problem = problem_of(secret_path, value)
    assert problem.sensitive
    assert value not in problem.message + problem.hint


def project_secret(text: str) -> str:
    return secret_path(text, project="/home/alice/project")


@pytest.mark.parametrize(
    "case",
    [
        Refused("secrets/key", "secret-not-absolute", "absolute path", "`/run/secrets/"),
        Refused("", "secret-not-absolute", "absolute path", "`/run/secrets/"),
        Refused("/run/secrets/", "secret-directory", "is a directory", "one file"),
        Refused("/", "secret-directory", "is a directory", "one file"),
        Refused("/nix/store/abc-key", "secret-in-store", "every user and sandbox", "sops-nix"),
        Refused("/home/alice/.key", "secret-in-home", "a home directory", "`/run/secrets`"),
        Refused("/home", "secret-in-home", "a home directory", "`/run/secrets`"),
        Refused("/root/.key", "secret-in-home", "a home directory", "`/run/secrets`"),
        Refused("~/.key", "secret-in-home", "a home directory", "`/run/secrets`"),
        Refused("~bob/.key", "secret-in-home", "a home directory", "`/run/secrets`"),
        Refused("/home/alice/project/key", "secret-in-project", "copied, committed", "agenix"),
        Refused("/run/secrets/../../home/x", "path-dots", "`..`", "without"),
        Refused("/run/a\nb", "path-control-character", "a newline", "without"),
        Refused("/run/a:b", "path-colon", "`:`", "Rename"),
    ],
    ids=ids,
)
def test_secret_path_refuses(case: Refused) -> None:
    check_refused(project_secret, case)


def test_a_directory_that_begins_like_the_project_is_not_in_it() -> None:
    assert secret_path("/srv/project-keys/a", project="/srv/project") == "/srv/project-keys/a"


@pytest.mark.parametrize(
    ("path", "managed"),
    [
        ("/run/secrets/a", True),
        ("/run/secrets.d/1/a", True),
        ("/run/agenix/a", True),
        ("/run/agenix.d/1/a", True),
        ("/run/keys/a", True),
        ("/run/credentials/x.service/a", True),
        ("/etc/credstore/a", True),
        ("/etc/credstore.encrypted/a", True),
        ("/run/credstore/a", True),
        ("/run/secrets", False),
        ("/run/secrets-old/a", False),
        ("/run/a", False),
        ("/etc/credstores/a", False),
        ("/var/run/secrets/a", False),
    ],
)
def test_is_runtime_secret_dir(path: str, *, managed: bool) -> None:
    assert is_runtime_secret_dir(path) is managed


@given(st.text())
def test_no_secret_is_in_the_store_or_a_home(text: str) -> None:
    for start in ("/nix/store/", "/home/", "/root/", "~/"):
        with pytest.raises(ValueProblem):
            secret_path(start + text)
