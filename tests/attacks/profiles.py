"""The isolation profiles that are attacked: the sandboxes of the test project that have them."""

from __future__ import annotations

PROFILES = {
    "coder": "default",
    "strict": "strict",
    "listed": "a list",
    "shared": "shared users",
}
"""Name of the sandbox, and what the table calls its profile."""

DEFAULT = "coder"
"""The one whose template says nothing of isolation."""
