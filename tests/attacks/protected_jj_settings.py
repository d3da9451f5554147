"""Leave settings that jj of the host takes over as its own."""

from tests.attacks.attack import plant

FENCE = "no file can be made where they would be"
SOURCE = "jj, docs/design/secure-config.md"

plant("/workspace/.jj/workspace-config.toml", "")
