"""Who the agent is in version control."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.testhost.host import Sandbox

COMMIT = """
cd "$(mktemp -d)"
git init --quiet
git commit --quiet --allow-empty --message=text
git log --format='%an <%ae>, %cn <%ce>'
"""


def test_commits_are_the_agents(coder: Sandbox) -> None:
    done = coder.sh(COMMIT, user="agent")
    assert done.stdout == "Probe <probe@example.net>, Probe <probe@example.net>\n"


def test_without_an_identity_git_asks_for_one(coder: Sandbox) -> None:
    done = coder.sh(f"export GIT_CONFIG_NOSYSTEM=1\n{COMMIT}", user="agent", check=False)
    assert done.returncode
    assert "tell me who you are" in done.stderr
