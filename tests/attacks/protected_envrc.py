"""Leave a script that direnv of the host offers to run."""

from tests.attacks.attack import plant

FENCE = "no file can be made where it would be"
SOURCE = "direnv(1)"

plant("/workspace/.envrc", "evil\n")
