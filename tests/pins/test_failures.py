"""What can go wrong while fetching: a message and exit code 3, and forage.lock as it was."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.pins.test_lock import sri
from tests.pins.tools import prefetch_git
from tests.requirements import PYTHONPATH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.pins.conftest import ForageGen
    from tests.pins.project import Project
    from tests.pins.repository import Repository
    from tests.pins.site import Site

DONE, ENVIRONMENT = 0, 3


@pytest.fixture
def locked(forage_gen: ForageGen, project: Project, site: Site) -> Iterator[Project]:
    """A project with a pin. Whatever fails afterwards leaves its lock alone."""
    site.pages["/good"] = b"good"
    project.source("good", type="url", url=f"{site.url}/good")
    assert forage_gen("lock", project.root).returncode == DONE
    before = project.lock_file.read_bytes()
    yield project
    assert project.lock_file.read_bytes() == before
    assert not [path for path in project.root.iterdir() if path.name.startswith(".")]


def failed(result: subprocess.CompletedProcess[str], code: str, *words: str) -> None:
    assert result.returncode == ENVIRONMENT, result.stderr
    assert f"error[{code}]" in result.stderr
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in result.stderr


def test_nothing_there(forage_gen: ForageGen, locked: Project, site: Site) -> None:
    locked.source("tool", type="url", url=f"{site.url}/missing")
    result = forage_gen("lock", locked.root)
    failed(result, "fetch-failed", "forage.toml:7:7:", "404", "check the URL", "is as it was")


def test_one_that_fails_hides_no_other(forage_gen: ForageGen, locked: Project, site: Site) -> None:
    site.pages["/b"] = b"b"
    locked.source("a", type="url", url=f"{site.url}/a")
    locked.source("b", type="url", url=f"{site.url}/b")
    locked.source("c", type="tarball", url=f"{site.url}/c.zip", subpath="x")
    failed(forage_gen("lock", locked.root), "fetch-failed", "source `a`", "source `c`")


def test_a_truncated_page(forage_gen: ForageGen, locked: Project, site: Site) -> None:
    site.pages["/tool"] = b"#" * 100_000
    site.truncated.add("/tool")
    locked.source("tool", type="url", url=f"{site.url}/tool")
    failed(forage_gen("lock", locked.root), "fetch-failed", "partial file", "Run it again")


def test_what_is_no_archive(forage_gen: ForageGen, locked: Project, site: Site) -> None:
    site.pages["/tool.tar.gz"] = b"<html>Please log in</html>"
    locked.source("tool", type="tarball", url=f"{site.url}/tool.tar.gz", subpath="tool")
    failed(forage_gen("lock", locked.root), "fetch-failed", "archive")


def test_no_server(forage_gen: ForageGen, locked: Project) -> None:
    locked.source("tool", type="url", url="https://127.0.0.1:1/tool")
    failed(forage_gen("lock", locked.root), "fetch-failed", "Check the network")


def test_no_network(forage_gen: ForageGen, locked: Project) -> None:
    locked.source("tool", type="url", url="https://nowhere.invalid/tool")
    failed(forage_gen("lock", locked.root), "fetch-failed", "Check the network")


def test_a_server_that_never_answers(forage_gen: ForageGen, locked: Project, site: Site) -> None:
    site.silent.add("/tool")
    locked.source("tool", type="url", url=f"{site.url}/tool")
    start = time.monotonic()
    result = forage_gen("lock", locked.root, "--timeout", "1.5")
    assert time.monotonic() - start < 15
    failed(result, "fetch-timeout", "after 1.5 seconds", "--timeout")


def test_a_repository_that_never_answers(
    forage_gen: ForageGen, locked: Project, site: Site, tmp_path: Path
) -> None:
    site.silent.add("/tool.git/info/refs")
    url = f"{site.url}/tool.git"
    locked.source("tool", type="git", url=url, ref="HEAD", subpath="tool")
    start = time.monotonic()
    result = forage_gen("lock", locked.root, "--timeout", "2")
    assert time.monotonic() - start < 15
    failed(result, "fetch-timeout", "after 2 seconds")
    # git, which the tool had started, is gone as well, and so are the temporary files.
    assert url not in running_commands()
    assert not list((tmp_path / "tmp").iterdir())


def running_commands() -> str:
    commands = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            commands.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue  # it has ended
    return "\n".join(commands)


def test_an_interrupt(forage_gen: ForageGen, locked: Project, site: Site, tmp_path: Path) -> None:
    del forage_gen
    site.silent.add("/tool")
    locked.source("tool", type="url", url=f"{site.url}/tool")
    with subprocess.Popen(
        [sys.executable, "-m", "forage_gen", "lock", str(locked.root)],
        env=os.environ | {"PYTHONPATH": PYTHONPATH, "TMPDIR": str(tmp_path / "tmp")},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        wait_for("/tool", site)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == ENVIRONMENT
    assert "Interrupted." in said
    assert f"{site.url}/tool" not in running_commands()
    assert not list((tmp_path / "tmp").iterdir())


def test_what_another_run_writes_meanwhile_is_kept(
    forage_gen: ForageGen, project: Project, site: Site
) -> None:
    site.pages["/tool"] = b"tool"
    site.gates["/tool"] = threading.Event()
    project.source("tool", type="url", url=f"{site.url}/tool")
    results = []
    running = threading.Thread(target=lambda: results.append(forage_gen("lock", project.root)))
    running.start()
    wait_for("/tool", site)
    project.lock_file.write_text("version = 1\n\n[sandboxes]\nweb = 7\n\n[templates]\nweb = 3\n")
    site.gates["/tool"].set()
    running.join()
    assert results[0].returncode == DONE, results[0].stderr
    assert "web = 7\n" in project.lock_file.read_text()
    assert project.pins["tool"]["hash"] == sri(b"tool")


def test_a_lock_that_cannot_be_written(
    forage_gen: ForageGen, project: Project, site: Site, tmp_path: Path
) -> None:
    site.pages["/tool"] = b"tool"
    project.source("tool", type="url", url=f"{site.url}/tool")
    elsewhere = tmp_path / "elsewhere.lock"
    elsewhere.write_text("version = 1\n")
    project.lock_file.symlink_to(elsewhere)
    result = forage_gen("lock", project.root)
    assert result.returncode == ENVIRONMENT
    assert "is a symbolic link" in result.stderr
    assert elsewhere.read_text() == "version = 1\n"


def wait_for(path: str, site: Site) -> None:
    end = time.monotonic() + 30
    while path not in site.requests:
        assert time.monotonic() < end, "nobody asked"
        time.sleep(0.05)


def test_another_content_under_a_pinned_url(
    forage_gen: ForageGen, locked: Project, site: Site
) -> None:
    site.pages["/good"] = b"evil"
    result = forage_gen("lock", locked.root, "--update", "good")
    failed(result, "source-hash-changed", sri(b"good"), sri(b"evil"), "delete the line of `good`")
    # Without being asked to look, `lock` trusts what is pinned, and so does a build.
    assert forage_gen("lock", locked.root).returncode == DONE


def test_the_way_to_accept_another_content(
    forage_gen: ForageGen, project: Project, site: Site
) -> None:
    site.pages["/tool"] = b"one"
    project.source("tool", type="url", url=f"{site.url}/tool")
    assert forage_gen("lock", project.root).returncode == DONE
    site.pages["/tool"] = b"two"
    lines = project.lock_file.read_text().splitlines(keepends=True)
    project.lock_file.write_text("".join(line for line in lines if not line.startswith("tool =")))
    assert forage_gen("lock", project.root).returncode == DONE
    assert project.pins["tool"]["hash"] == sri(b"two")


@pytest.mark.parametrize("tool", ["nix-prefetch-url", "nix-prefetch-git"])
def test_a_tool_that_is_missing(
    forage_gen: ForageGen, locked: Project, site: Site, tmp_path: Path, tool: str
) -> None:
    kind = {"nix-prefetch-url": {"type": "url"}}.get(
        tool, {"type": "git", "ref": "HEAD", "subpath": "x"}
    )
    locked.source("tool", url=f"{site.url}/tool", **kind)
    result = forage_gen("lock", locked.root, PATH=str(tmp_path))
    assert result.returncode == ENVIRONMENT
    assert f"`{tool}` is not on the PATH." in result.stderr
    assert "nix-shell -p nix-prefetch-git" in result.stderr or "nix-bin" in result.stderr


def test_a_tool_that_lacks_another(
    forage_gen: ForageGen, locked: Project, site: Site, tmp_path: Path
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("bash", "basename", "env", "ln", "mkdir", "mktemp", "rm", "sed", "cut"):
        found = shutil.which(name)
        assert found
        (tools / name).symlink_to(found)
    (tools / "nix-prefetch-git").symlink_to(prefetch_git())
    url = f"{site.url}/tool.git"
    locked.source("tool", type="git", url=url, ref="HEAD", subpath="tool")
    result = forage_gen("lock", locked.root, PATH=str(tools))
    failed(result, "fetch-failed", "git: command not found", "Install that program")


def test_a_tool_that_prints_nonsense(
    forage_gen: ForageGen, locked: Project, site: Site, tmp_path: Path
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "nix-prefetch-url").write_text("#!/bin/sh\necho nonsense\n")
    (tools / "nix-prefetch-url").chmod(0o755)
    locked.source("tool", type="url", url=f"{site.url}/tool")
    result = forage_gen("lock", locked.root, PATH=f"{tools}:{os.environ['PATH']}")
    failed(result, "fetch-failed", "`nix-prefetch-url` did not print what it should")


def test_a_server_cannot_draw_on_the_terminal(
    forage_gen: ForageGen, locked: Project, site: Site
) -> None:
    site.redirects["/tool"] = "ftp://127.0.0.1/\x1b]0;owned\x07"
    locked.source("tool", type="url", url=f"{site.url}/tool")
    result = forage_gen("lock", locked.root)
    assert result.returncode == ENVIRONMENT
    assert "\x1b" not in result.stderr


# --- redirects -------------------------------------------------------------------------


def test_a_redirect_to_the_same_scheme_is_followed(
    forage_gen: ForageGen, project: Project, site: Site
) -> None:
    site.redirects["/latest"] = "/tool"
    site.pages["/tool"] = b"tool"
    project.source("tool", type="url", url=f"{site.url}/latest")
    assert forage_gen("lock", project.root).returncode == DONE
    assert project.pins["tool"]["hash"] == sri(b"tool")


@pytest.mark.parametrize("target", ["file:///etc/hostname", "ftp://127.0.0.1/tool"])
def test_a_redirect_from_http_to_another_scheme(
    forage_gen: ForageGen, locked: Project, site: Site, target: str
) -> None:
    site.redirects["/tool"] = target
    locked.source("tool", type="url", url=f"{site.url}/tool")
    failed(forage_gen("lock", locked.root), "fetch-redirect", f"redirected to `{target}`")


def test_a_page_over_tls_is_fetched(
    forage_gen: ForageGen, project: Project, secure_site: Site, certificate: Path
) -> None:
    """The control: what the next tests refuse is the redirect, not the certificate."""
    secure_site.pages["/tool"] = b"tool"
    project.source("tool", type="url", url=f"{secure_site.url}/tool")
    result = forage_gen("lock", project.root, NIX_SSL_CERT_FILE=str(certificate))
    assert result.returncode == DONE, result.stderr


def test_a_redirect_from_https_to_http(
    forage_gen: ForageGen, locked: Project, site: Site, secure_site: Site, certificate: Path
) -> None:
    site.pages["/tool"] = b"anybody's"
    secure_site.redirects["/tool"] = f"{site.url}/tool"
    locked.source("tool", type="url", url=f"{secure_site.url}/tool")
    result = forage_gen(
        "lock", locked.root, NIX_SSL_CERT_FILE=str(certificate), no_proxy="127.0.0.1"
    )
    failed(result, "fetch-redirect", f"redirected to `{site.url}/tool`")
    assert "/tool" not in site.requests


@pytest.fixture
def published(repository: Repository) -> Repository:
    repository.commit({"tool": "one"})
    return repository


@pytest.mark.usefixtures("published")
def test_a_repository_redirected_from_https_to_http(
    forage_gen: ForageGen, locked: Project, site: Site, secure_site: Site, certificate: Path
) -> None:
    secure_site.redirects["/tool.git/info/refs"] = f"{site.url}/tool.git/info/refs"
    url = f"{secure_site.url}/tool.git"
    locked.source("tool", type="git", url=url, ref="HEAD", subpath="tool")
    variables = {"NIX_SSL_CERT_FILE": str(certificate), "GIT_SSL_CAINFO": str(certificate)}
    result = forage_gen("lock", locked.root, **variables)
    failed(result, "fetch-redirect", f"redirected to `{site.url}/tool.git/info/refs")
    assert not [path for path in site.requests if path.startswith("/tool.git")]


def test_a_certificate_that_nobody_vouches_for(
    forage_gen: ForageGen, locked: Project, secure_site: Site
) -> None:
    secure_site.pages["/tool"] = b"tool"
    locked.source("tool", type="url", url=f"{secure_site.url}/tool")
    failed(forage_gen("lock", locked.root), "fetch-failed")


# --- repositories ----------------------------------------------------------------------


def test_no_repository(forage_gen: ForageGen, locked: Project, site: Site) -> None:
    url = f"{site.url}/missing.git"
    locked.source("tool", type="git", url=url, ref="HEAD", subpath="tool")
    failed(forage_gen("lock", locked.root), "fetch-failed", "not found", "check the URL")


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("wanted", [{"ref": "refs/heads/nowhere"}, {"rev": "0" * 40}])
def test_no_such_revision(
    forage_gen: ForageGen, locked: Project, site: Site, wanted: dict[str, str]
) -> None:
    url = f"{site.url}/tool.git"
    locked.source("tool", type="git", url=url, subpath="tool", **wanted)
    failed(forage_gen("lock", locked.root), "fetch-failed", "`tool`")


def test_a_hook_in_the_environment_is_not_run(
    forage_gen: ForageGen, project: Project, site: Site, repository: Repository, tmp_path: Path
) -> None:
    repository.commit({"tool": "one"})
    url = f"{site.url}/tool.git"
    project.source("tool", type="git", url=url, ref="HEAD", subpath="tool")
    mark = tmp_path / "mark"
    hook = {"NIX_PREFETCH_GIT_CHECKOUT_HOOK": f"touch {mark}", "NIX_HASH_ALGO": "sha1"}
    result = forage_gen("lock", project.root, **hook)
    assert result.returncode == DONE, result.stderr
    assert not mark.exists()
