"""How an agent whose key is inside gets it: from a command that it asks, or in a variable."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from forage_gen.emit.emit import emit
from forage_gen.explain import in_words
from tests.read.projects import resolved

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = """\
user = "alice"
[secrets]
anthropic = "/run/secrets/key"
[sandboxes.app]
template = "claude"
workspace = "~/app"
"""
AGENT = """\
[agents.claude]
package = "claude-code"
secretName = "anthropic"
auth = "wrapper"
"""
ROOT = "guests/claude/root"
HELPER = "/opt/forage/key-helpers/claude"


def emitted(root: Path, more: str) -> tuple[dict[str, str], str]:
    """The files of a project with these settings of the agent, and how it is explained."""
    made = resolved(root, {"forage.toml": PROJECT, "templates/claude.toml": AGENT + more})
    files = {each.path: each.content.decode() for each in emit(made.plan)}
    return files, in_words(made.plan.sandboxes[0], made)


@pytest.mark.parametrize("more", ["", "keyHelper = true\n"])
def test_what_can_ask_for_its_key_has_it_in_no_variable(tmp_path: Path, more: str) -> None:
    files, words = emitted(tmp_path, more)
    settings = json.loads(files[f"{ROOT}/etc/claude-code/managed-settings.json"])
    assert settings["apiKeyHelper"] == HELPER
    assert "/run/secrets/anthropic" in files[ROOT + HELPER]
    wrapper = files[f"{ROOT}/opt/forage/bin/claude"]
    assert "/run/secrets/anthropic" in wrapper
    assert "ANTHROPIC_API_KEY" not in wrapper
    assert "which is in no variable" in words


@pytest.mark.parametrize(
    ("more", "variable"),
    [("keyHelper = false\n", "ANTHROPIC_API_KEY"), ('authEnvVar = "OTHER"\n', "OTHER")],
)
def test_or_else_it_is_in_the_variable(tmp_path: Path, more: str, variable: str) -> None:
    files, words = emitted(tmp_path, more)
    settings = json.loads(files[f"{ROOT}/etc/claude-code/managed-settings.json"])
    assert "apiKeyHelper" not in settings
    assert ROOT + HELPER not in files
    assert f'export {variable}="$key"\n' in files[f"{ROOT}/opt/forage/bin/claude"]
    assert f"key in {variable} for its process alone" in words


def test_without_a_key_there_is_nothing_to_ask(tmp_path: Path) -> None:
    files, _ = emitted(tmp_path, "")
    assert ROOT + HELPER in files
    without = AGENT.partition("secretName")[0]
    made = resolved(tmp_path, {"templates/claude.toml": without})
    files = {each.path: each.content.decode() for each in emit(made.plan)}
    assert ROOT + HELPER not in files
    assert "apiKeyHelper" not in files[f"{ROOT}/etc/claude-code/managed-settings.json"]
