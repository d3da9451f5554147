"""A git repository that a web server can serve as plain files."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_WHO = {
    f"GIT_{role}_{what}": text
    for role in ("AUTHOR", "COMMITTER")
    for what, text in (
        ("NAME", "A"),
        ("EMAIL", "a@example.org"),
        ("DATE", "2024-01-01T00:00:00Z"),
    )
}


class Repository:
    """A work tree at `tree`, published at `bare`."""

    def __init__(self, tree: Path, bare: Path) -> None:
        self.tree = tree
        self.bare = bare
        self.git("init", "--quiet", "--initial-branch=main", str(tree), at=tree.parent)

    def git(self, *arguments: str, at: Path | None = None) -> str:
        environment = {**os.environ, **_WHO, "GIT_CONFIG_GLOBAL": "/dev/null"}
        finished = subprocess.run(
            ["git", *arguments],
            cwd=at or self.tree,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
        return finished.stdout.strip()

    def commit(self, files: dict[str, str]) -> str:
        """Commit files, executable ones, publish, and return the commit."""
        for name, content in files.items():
            path = self.tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
            path.chmod(0o755)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message=change")
        self.publish()
        return self.git("rev-parse", "HEAD")

    def publish(self) -> None:
        if not self.bare.exists():
            self.git("clone", "--quiet", "--bare", str(self.tree), str(self.bare))
        self.git("push", "--quiet", "--force", "--all", str(self.bare))
        self.git("push", "--quiet", "--force", "--tags", str(self.bare))
        self.git("update-server-info", at=self.bare)
