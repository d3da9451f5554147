"""Give a submodule settings that `git status` obeys on its way through."""

from tests.attacks.attack import plant

FENCE = "read-only mount"
SOURCE = "CVE-2024-32002"

plant("/workspace/.git/modules/sub/config", "[core]\n\tfsmonitor = evil\n")
