"""Lead the git of a linked worktree, elsewhere on the host, to another repository."""

from tests.attacks.attack import plant

FENCE = "read-only mount"
SOURCE = "gitrepository-layout(5), worktrees"

plant("/workspace/.git/worktrees/linked/commondir", "/workspace/evil\n")
