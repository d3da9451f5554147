"""A key that was written into a project must not be repeated by its diagnostics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.read.projects import FORAGE, GOOD, TEMPLATE, as_json, findings

if TYPE_CHECKING:
    from pathlib import Path

KEY = "sk-ant-api03-abcdefghijklmnopqrstuvwxyz0123456789"
AGENT = '[agents.claude]\npackage = "claude-code"\n'

LEAKS = {
    "a key for its path": ("forage.toml", f'user = "a"\nsecrets.x = "{KEY}"', "secret-is-key"),
    "a key of no known maker": (
        "forage.toml",
        f'user = "a"\nsecrets.x = "{KEY[13:]}"',
        "secret-is-key",
    ),
    "a relative path, which may be one": (
        "forage.toml",
        f'user = "a"\nsecrets.x = "hunter2/{KEY}"',
        "secret-not-absolute",
    ),
    "a key in a list": ("forage.toml", f'user = "a"\nsecrets.x = ["{KEY}"]', "wrong-type"),
    "a key in a table": ("forage.toml", f'user = "a"\nsecrets.x.key = "{KEY}"', "wrong-type"),
    "a key that is the table": ("forage.toml", f'user = "a"\nsecrets = "{KEY}"', "wrong-type"),
    "a private key of several lines": (
        "forage.toml",
        f'user = "a"\nsecrets.x = """\n-----BEGIN PRIVATE KEY-----\n{KEY}\n"""',
        "secret-is-key",
    ),
    "a key beside another mistake": (
        "forage.toml",
        f'user = "a"\nsecrets = {{ x = "{KEY}", y = 5 }}',
        "secret-is-key",
    ),
    "a password beside another mistake": (
        "forage.toml",
        'user = "a"\nsecrets = { x = "hunter2", y = "~/k" }',
        "secret-not-absolute",
    ),
    "a key without quotes": ("forage.toml", f'user = "a"\nsecrets.x = {KEY}', "toml-syntax"),
    "a key under an unknown key": (
        "templates/web.toml",
        f'{AGENT}apiKey = "{KEY}"',
        "unknown-key",
    ),
    "a key for the name of a secret": (
        "templates/web.toml",
        f'{AGENT}secretName = "{KEY}"',
        "secret-is-key",
    ),
    "a key for a variable": (
        "templates/web.toml",
        f'{AGENT}secretName = "anthropic"\nauthEnvVar = "{KEY}"',
        "env-var-invalid",
    ),
    "a key for a choice": ("templates/web.toml", f'network = "{KEY}"', "bad-value"),
    "a private key for a public one": (
        "forage.toml",
        f'user = "a"\nauthorizedKeys = ["-----BEGIN OPENSSH PRIVATE KEY----- {KEY}"]',
        "ssh-key-private",
    ),
    "a password in a URL": (
        "templates/web.toml",
        'allowedHosts = ["https://me:hunter2@x.org"]',
        "host-url",
    ),
}


def words(text: str) -> list[str]:
    """What must not be repeated."""
    return [word for word in (KEY, KEY[13:], "hunter2") if word in text]


@pytest.mark.parametrize(("file", "text", "code"), LEAKS.values(), ids=LEAKS)
@pytest.mark.parametrize("form", ["toml", "json"])
def test_no_diagnostic_repeats_it(
    tmp_path: Path, file: str, text: str, code: str, form: str
) -> None:
    files = {"forage.toml": FORAGE.partition("[sandboxes")[0], "templates/web.toml": TEMPLATE}
    files[file] = text
    if form == "json" and code != "toml-syntax":
        files = as_json(files)
    found = findings(tmp_path, files)
    assert code in [each.code for each in found]
    for each in found:
        for word in words(text):
            assert word not in repr(each)
    assert all(each.location.source_line == "" for each in found if each.code == code)


@pytest.mark.parametrize("where", ["/nix/store/abc-key", "~/key", "/home/alice/key", "/root/key"])
def test_a_path_is_no_secret(tmp_path: Path, where: str) -> None:
    (found,) = findings(tmp_path, {**GOOD, "forage.toml": f'user = "a"\nsecrets.x = "{where}"\n'})[
        :1
    ]
    assert where in found.message
    assert found.location.source_line == f'secrets.x = "{where}"'


def test_a_secret_in_the_project(tmp_path: Path) -> None:
    path = tmp_path / "keys/anthropic"
    files = {"forage.toml": f'user = "a"\nsecrets.x = "{path}"\n'}
    assert [found.code for found in findings(tmp_path, files)] == ["secret-in-project"]
