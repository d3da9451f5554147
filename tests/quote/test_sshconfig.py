"""OpenSSH's client reads back what was quoted for it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from forage_gen.quote import sshconfig
from tests.quote.expectations import assert_refused, quotable
from tests.quote.samples import COMMENTS, SOME, TEXTS, UNENCODABLE, in_batches
from tests.requirements import require

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require("ssh")
    return tmp_path_factory.mktemp("ssh") / "config"


def read(config: Path, host: str, lines: Iterable[str]) -> list[str]:
    """The files of host keys that ssh takes for a host, from a configuration of these lines."""
    config.write_text("".join(f"{line}\n" for line in lines))
    argv = ["ssh", "-G", "-F", str(config), "--", host]
    done = subprocess.run(argv, capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr
    found = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    return found["globalknownhostsfile"].split(" ")


@in_batches(TEXTS, SOME)
def test_words(config: Path, texts: list[str]) -> None:
    words = quotable(sshconfig.word, ["a:b=c@d", "[x.org]:2222", *texts])
    for word in words:
        line = f"GlobalKnownHostsFile /{sshconfig.word(word)}"
        assert read(config, "host", [line]) == [f"/{word}"]


@pytest.mark.parametrize("host", ["github.com", "192.0.2.7", "2001:db8::1"])
def test_a_host_stands_for_itself(config: Path, host: str) -> None:
    lines = [f"Host {sshconfig.word(host)}", "GlobalKnownHostsFile /here"]
    assert read(config, host, lines) == ["/here"]
    assert read(config, f"x{host}", lines) != ["/here"]


@pytest.mark.parametrize("text", ["", "a b", "*", "a?", "!a", "a,b", 'a"', "a'", "%h", "#", "a\\"])
def test_what_would_mean_something_is_refused(text: str) -> None:
    assert_refused(sshconfig.word, text)


@in_batches(COMMENTS, SOME)
def test_comments(config: Path, texts: list[str]) -> None:
    lines = [*map(sshconfig.comment, texts), f"GlobalKnownHostsFile /{sshconfig.integer(5)}"]
    assert read(config, "host", lines) == ["/5"]


@in_batches(UNENCODABLE, SOME)
def test_text_that_is_no_utf_8_is_refused(texts: list[str]) -> None:
    for text in texts:
        assert_refused(sshconfig.word, text)
        assert_refused(sshconfig.comment, text)
