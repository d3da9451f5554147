from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forage_gen.values.names import (
    agent_name,
    mount_name,
    proxy_name,
    sandbox_name,
    secret_name,
    template_name,
)
from tests.requirements import require
from tests.values.table import Refused, check_refused, ids, problem_of

LABELS = (sandbox_name, template_name, agent_name, mount_name, proxy_name)


@pytest.mark.parametrize("read", LABELS)
@pytest.mark.parametrize("name", ["a", "claude", "my-project", "web2", "a-1-b", "x" * 63])
def test_label_is_taken_as_it_is(read: type, name: str) -> None:
    assert read(name) == name


@pytest.mark.parametrize(
    "case",
    [
        Refused("My_Project", "name-invalid", "`My_Project`", "`my-project`"),
        Refused("MyProject", "name-invalid", "lower-case letters", "`my-project`"),
        Refused("Café", "name-invalid", "at most 63 characters", "`cafe`"),
        Refused("my project", "name-invalid", "digits and single hyphens", "`my-project`"),
        Refused("a--b", "name-invalid", "single hyphens", "`a-b`"),
        Refused("-a-", "name-invalid", "begin with a letter", "`a`"),
        Refused("1st", "name-invalid", "begin with a letter", "`sandbox-1st`"),
        Refused("a.b", "name-invalid", "`a.b`", "`a-b`"),
        Refused(".host", "name-invalid", "`.host`", "`host-sandbox`"),
        Refused("a/../b", "name-invalid", "`a/../b`", "`a-b`"),
        Refused("a\nb", "name-invalid", r"`a\x0ab`", "`a-b`"),
        Refused("", "name-invalid", '`""`', "such as `my-sandbox`"),
        Refused("日本", "name-invalid", "`日本`", "such as `my-sandbox`"),
        Refused("x" * 64, "name-too-long", "64 characters long", f"`{'x' * 63}`"),
        Refused("host", "name-reserved", "the host itself", "`host-sandbox`"),
        Refused("localhost", "name-reserved", "the host itself", "`localhost-sandbox`"),
    ],
    ids=ids,
)
def test_sandbox_name_refuses(case: Refused) -> None:
    check_refused(sandbox_name, case)


@pytest.mark.parametrize(
    ("read", "what"),
    [
        (template_name, "a template"),
        (agent_name, "an agent"),
        (mount_name, "a mount"),
        (proxy_name, "a proxy"),
    ],
)
def test_a_problem_says_what_it_is_the_name_of(read: type, what: str) -> None:
    assert what in problem_of(read, "No Name").message


@pytest.mark.parametrize("name", ["anthropic", "OpenAI_key", "a.b", "_x", "-", "x" * 200])
def test_secret_name_is_taken_as_it_is(name: str) -> None:
    assert secret_name(name) == name


@pytest.mark.parametrize(
    "case",
    [
        Refused(".hidden", "secret-name-invalid", "no `.` at the start", "`hidden`"),
        Refused("..", "secret-name-invalid", "`..`", "such as `anthropic`"),
        Refused("a/b", "secret-name-invalid", "`a/b`", "`a-b`"),
        Refused("a:b", "secret-name-invalid", "`a:b`", "`a-b`"),
        Refused("clé api", "secret-name-invalid", "`clé api`", "`cle-api`"),
        Refused("", "secret-name-invalid", '`""`', "such as `anthropic`"),
        Refused("x" * 256, "secret-name-too-long", "256 characters", "such as `anthropic`"),
    ],
    ids=ids,
)
def test_secret_name_refuses(case: Refused) -> None:
    check_refused(secret_name, case)


LABEL = st.from_regex(r"\A[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,2}){0,18}\Z").filter(
    lambda name: len(name) <= 63 and name not in ("host", "localhost"),
)


@given(LABEL)
@settings(max_examples=300)
def test_every_sandbox_name_fits_the_unit_names_it_is_part_of(name: str) -> None:
    sandbox_name(name)
    # systemd-escape --path writes each `-` as four characters; systemd.unit(5)
    # allows 255 in a unit's name.
    escaped = name.replace("-", r"\x2d")
    assert len(f"run-forage-workspaces-{escaped}.mount") <= 255


def test_the_name_with_the_most_hyphens_is_a_unit_and_an_nft_chain() -> None:
    require("systemd-escape", "nft", "root")
    name = sandbox_name("-".join("a" * 32))
    path = f"/run/forage/workspaces/{name}"
    unit = subprocess.run(
        ["systemd-escape", "--path", "--suffix=mount", path],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert len(unit) <= 255
    rules = f"table inet t {{\nchain sandbox-{name} {{\n}}\nset {name}-out {{\ntype mark\n}}\n}}\n"
    subprocess.run(["nft", "-c", "-f", "-"], input=rules, text=True, check=True)
