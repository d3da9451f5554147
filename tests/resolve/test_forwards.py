"""A port of the host leads into one sandbox, and none that Forage or nobody could listen at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from forage_gen.diagnostics import InvalidProjectError
from forage_gen.read.load import load
from forage_gen.resolve.resolve import resolve

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = """\
user = "alice"
[sandboxes.app]
template = "open"
workspace = "~/app"
forwardPorts = {app}
[sandboxes.other]
template = "{template}"
workspace = "~/other"
forwardPorts = {other}
"""


def found(root: Path, app: str, other: str, template: str = "open") -> list[tuple[str, int, str]]:
    """What is wrong: the code, the line and what stands there."""
    (root / "templates").mkdir()
    text = PROJECT.format(app=app, other=other, template=template)
    (root / "forage.toml").write_text(text)
    (root / "templates/open.toml").write_text('network = "full"\n')
    (root / "templates/closed.toml").write_text('network = "none"\n')
    try:
        resolve(load(root))
    except InvalidProjectError as refused:
        places = [(d.code, d.location) for d in refused.diagnostics]
        return [
            (code, at.line, at.source_line[at.column - 1 : at.end_column - 1])
            for code, at in places
        ]
    return []


@pytest.mark.parametrize(
    ("app", "other"),
    [
        ('["8080"]', "[]"),
        ('["8080", "8081:8080"]', '["8082:8080"]'),
        ('["8080"]', '["192.168.1.5:8080"]'),
        ('["127.0.0.1:8080"]', '["127.0.0.2:8080"]'),
        ('["8080"]', '["[::1]:8080"]'),
        ('["[2001:db8::5]:8080"]', '["[2001:db8::6]:8080"]'),
        ('["80", "24597", "26136"]', "[]"),
    ],
)
def test_ports_that_differ_or_are_of_different_addresses(
    tmp_path: Path, app: str, other: str
) -> None:
    assert found(tmp_path, app, other) == []


@pytest.mark.parametrize(
    ("app", "other", "line", "where"),
    [
        ('["8080"]', '["8081", "8080:80"]', 9, '"8080:80"'),
        ('["8080"]', '["127.0.0.1:8080"]', 9, '"127.0.0.1:8080"'),
        ('["8080", "8080:80"]', "[]", 5, '"8080:80"'),
        ('["[::1]:8080"]', '["[0::1]:8080:80"]', 9, '"[0::1]:8080:80"'),
        ('["24598"]', "[]", 5, '"24598"'),
        ('["192.168.1.5:26135:1"]', "[]", 5, '"192.168.1.5:26135:1"'),
    ],
)
def test_a_port_that_is_taken_is_an_error_where_it_is_written(
    tmp_path: Path, app: str, other: str, line: int, where: str
) -> None:
    assert found(tmp_path, app, other) == [("forward-port-taken", line, where)]


def test_a_sandbox_without_network_has_no_port(tmp_path: Path) -> None:
    assert found(tmp_path, "[]", '["8080"]', "closed") == [("forward-without-network", 9, '"8080"')]
