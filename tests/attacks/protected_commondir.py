"""Lead the git of the host to another repository, with settings of its own."""

from tests.attacks.attack import plant

FENCE = "no file can be made where the pointer would be"
SOURCE = "gitrepository-layout(5), commondir"

plant("/workspace/.git/commondir", "../evil\n")
