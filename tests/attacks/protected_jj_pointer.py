"""Lead jj of the host to a git repository of the agent's own."""

from tests.attacks.attack import first_writable

FENCE = "read-only mount"
SOURCE = "jj, lib/src/git_backend.rs"

first_writable(["/workspace/.jj/repo/store/git_target"])
