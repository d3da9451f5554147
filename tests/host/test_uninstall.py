"""What docs/uninstalling.md says is done on a host, and then nothing is left."""

from __future__ import annotations
