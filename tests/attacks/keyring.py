"""Put a key into a keyring that is shared with other sandboxes."""

from tests.attacks.attack import attempt

FENCE = "system call filter"
SOURCE = "keyrings(7)"

KEY_SPEC_USER_KEYRING = -4
attempt("add_key", b"user", b"forage", b"x", 1, KEY_SPEC_USER_KEYRING)
