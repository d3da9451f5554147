"""Asks a dnsmasq that runs for it alone: see ask_dnsmasq.py."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from collections.abc import Sequence


class Found(TypedDict):
    """What tests/quote/ask_dnsmasq.py prints."""

    answers: list[str | None]
    ttls: list[int | None]
    ruleset: list[dict[str, dict[str, object]]]


def ask(
    servers: Sequence[str],
    server: tuple[str, int],
    names: Sequence[str],
    ruleset: str = "",
    kind: int = 1,
) -> Found:
    """Start servers with these configurations, and ask the one there for records of a kind."""
    order = {
        "servers": servers,
        "address": server[0],
        "port": server[1],
        "names": names,
        "ruleset": ruleset,
        "type": kind,
    }
    done = subprocess.run(
        ["unshare", "--net", sys.executable, Path(__file__).with_name("ask_dnsmasq.py")],
        input=json.dumps(order),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: Found = json.loads(done.stdout)
    return found
