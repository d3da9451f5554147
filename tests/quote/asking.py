"""Runs programs in a network of their own, and asks a dnsmasq there: see ask_dnsmasq.py."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, cast

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
    return cast("Found", run_apart("ask_dnsmasq.py", order))


def run_apart(program: str, given: object) -> object:
    """Run a program of this directory in a network namespace of its own, from JSON to JSON."""
    done = subprocess.run(
        ["unshare", "--net", sys.executable, Path(__file__).with_name(program)],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: object = json.loads(done.stdout)
    return found
