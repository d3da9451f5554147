"""`forage-gen lock` with the real nix-prefetch-url, and servers on loopback."""

from __future__ import annotations

import base64
import hashlib
import io
import subprocess
import tarfile
import zipfile
from typing import TYPE_CHECKING

from forage_gen.pins.hashes import to_sri

if TYPE_CHECKING:
    from pathlib import Path

    from tests.pins.conftest import ForageGen
    from tests.pins.project import Project
    from tests.pins.repository import Repository
    from tests.pins.site import Site

DONE, INVALID = 0, 2
PROGRAM = b"#!/bin/sh\necho one\n"


def sri(content: bytes) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(content).digest()).decode()}"


def of_directory(path: Path) -> str:
    """The hash of a directory as a Nix archive."""
    finished = subprocess.run(
        ["nix-hash", "--type", "sha256", path], check=True, capture_output=True, text=True
    )
    return to_sri(finished.stdout.strip())


def tar_of(directory: Path) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        archive.add(directory, directory.name)
    return content.getvalue()


def zip_of(directory: Path) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path in sorted(directory.rglob("*")):
            archive.write(path, path.relative_to(directory.parent))
    return content.getvalue()


def unpacked(tmp_path: Path) -> Path:
    """A directory to make archives of."""
    root = tmp_path / "tool-1.0"
    (root / "bin").mkdir(parents=True)
    (root / "bin/tool").write_bytes(PROGRAM)
    (root / "bin/tool").chmod(0o755)
    (root / "README").write_text("read me\n")
    return root


def test_a_file_is_pinned_at_its_hash(forage_gen: ForageGen, project: Project, site: Site) -> None:
    site.pages["/tool"] = PROGRAM
    project.source("tool", type="url", url=f"{site.url}/tool")
    result = forage_gen("lock", project.root)
    assert result.returncode == DONE, result.stderr
    pin = {"type": "url", "url": f"{site.url}/tool", "hash": sri(PROGRAM)}
    assert project.pins == {"tool": pin}
    assert f"tool: {sri(PROGRAM)}" in result.stderr


def test_an_archive_is_pinned_at_what_is_in_it(
    forage_gen: ForageGen, project: Project, site: Site, tmp_path: Path
) -> None:
    directory = unpacked(tmp_path)
    site.pages |= {"/a.tar.gz": tar_of(directory), "/a.zip": zip_of(directory)}
    keys = {"type": "tarball", "subpath": "bin/tool"}
    project.source("tar", url=f"{site.url}/a.tar.gz?raw=1", **keys)
    project.source("zip", url=f"{site.url}/a.zip", **keys)
    result = forage_gen("lock", project.root)
    assert result.returncode == DONE, result.stderr
    expected = of_directory(directory)
    assert {name: pin["hash"] for name, pin in project.pins.items()} == {
        "tar": expected,
        "zip": expected,
    }


def test_a_repository_is_pinned_at_a_commit(
    forage_gen: ForageGen, project: Project, site: Site, repository: Repository, tmp_path: Path
) -> None:
    first = repository.commit({"bin/tool": "echo one\n"})
    repository.git("tag", "v1")
    second = repository.commit({"bin/tool": "echo two\n"})
    keys = {"type": "git", "url": f"{site.url}/tool.git", "subpath": "bin/tool"}
    project.source("branch", ref="refs/heads/main", **keys)
    project.source("commit", rev=first, **keys)
    project.source("head", ref="HEAD", **keys)
    project.source("tag", ref="refs/tags/v1", **keys)
    result = forage_gen("lock", project.root)
    assert result.returncode == DONE, result.stderr
    pins = project.pins
    assert {name: pin["rev"] for name, pin in pins.items()} == {
        "branch": second,
        "commit": first,
        "head": second,
        "tag": first,
    }
    assert "ref" not in pins["commit"]
    for name, rev in (("branch", second), ("commit", first)):
        content = tmp_path / f"checkout-{name}"
        repository.git("worktree", "add", "--detach", str(content), rev)
        (content / ".git").unlink()
        assert pins[name]["hash"] == of_directory(content)
    assert pins["tag"]["hash"] == pins["commit"]["hash"]


def test_what_is_pinned_is_not_fetched_again(
    forage_gen: ForageGen, project: Project, site: Site
) -> None:
    site.pages |= {"/old": b"old", "/new": b"new"}
    project.source("old", type="url", url=f"{site.url}/old")
    assert forage_gen("lock", project.root).returncode == DONE
    site.pages["/old"] = b"changed"
    project.source("new", type="url", url=f"{site.url}/new")
    site.requests.clear()
    assert forage_gen("lock", project.root).returncode == DONE
    assert set(site.requests) == {"/new"}
    assert {name: pin["hash"] for name, pin in project.pins.items()} == {
        "new": sri(b"new"),
        "old": sri(b"old"),
    }
    before = project.lock_file.read_bytes(), project.lock_file.stat().st_ino
    result = forage_gen("lock", project.root)
    assert "is up to date" in result.stderr
    assert (project.lock_file.read_bytes(), project.lock_file.stat().st_ino) == before


def test_a_changed_definition_is_fetched_again(
    forage_gen: ForageGen, project: Project, site: Site
) -> None:
    site.pages |= {"/v1": b"one", "/v2": b"two"}
    project.source("tool", type="url", url=f"{site.url}/v1")
    assert forage_gen("lock", project.root).returncode == DONE
    project.source("tool", type="url", url=f"{site.url}/v2")
    result = forage_gen("lock", project.root)
    assert result.returncode == DONE
    assert project.pins["tool"]["hash"] == sri(b"two")
    assert f"tool: {sri(b'one')} → {sri(b'two')}" in result.stderr


def test_a_ref_moves_on_only_when_asked(
    forage_gen: ForageGen, project: Project, site: Site, repository: Repository
) -> None:
    first = repository.commit({"tool": "one"})
    url = f"{site.url}/tool.git"
    project.source("tool", type="git", url=url, ref="refs/heads/main", subpath="tool")
    assert forage_gen("lock", project.root).returncode == DONE
    second = repository.commit({"tool": "two"})
    assert forage_gen("lock", project.root).returncode == DONE
    assert project.pins["tool"]["rev"] == first
    result = forage_gen("lock", project.root, "--update", "tool")
    assert result.returncode == DONE, result.stderr
    assert project.pins["tool"]["rev"] == second
    assert f"{first} sha256-" in result.stderr
    assert f"→ {second} sha256-" in result.stderr


def test_an_update_of_what_did_not_change_says_so(
    forage_gen: ForageGen, project: Project, site: Site
) -> None:
    site.pages["/tool"] = PROGRAM
    project.source("tool", type="url", url=f"{site.url}/tool")
    assert forage_gen("lock", project.root).returncode == DONE
    before = project.lock_file.read_bytes()
    site.requests.clear()
    result = forage_gen("lock", project.root, "--update", "tool")
    assert result.returncode == DONE
    assert "tool: unchanged" in result.stderr
    assert site.requests
    assert project.lock_file.read_bytes() == before


def test_numbers_are_kept_and_pins_of_what_is_gone_dropped(
    forage_gen: ForageGen, project: Project, site: Site
) -> None:
    site.pages |= {"/a": b"a", "/b": b"b"}
    for name in ("a", "b"):
        project.source(name, type="url", url=f"{site.url}/{name}")
    assert forage_gen("lock", project.root).returncode == DONE
    assert forage_gen("build", project.root).returncode == DONE
    before = project.lock_file.read_text().splitlines()
    project.drop("a")
    # Until then the pin stays: a build writes down numbers, and nothing else.
    assert forage_gen("build", project.root).returncode == DONE
    assert project.lock_file.read_text().splitlines() == before
    result = forage_gen("lock", project.root)
    assert result.returncode == DONE
    assert "a: dropped" in result.stderr
    after = project.lock_file.read_text().splitlines()
    assert after == [line for line in before if not line.startswith("a = ")]
    assert any(line.startswith("web = ") for line in after)


def test_a_project_without_sources_has_nothing_to_lock(
    forage_gen: ForageGen, project: Project
) -> None:
    result = forage_gen("lock", project.root)
    assert result.returncode == DONE
    assert not project.lock_file.exists()


def test_locking_needs_no_tool_that_no_source_needs(
    forage_gen: ForageGen, project: Project, tmp_path: Path
) -> None:
    assert forage_gen("lock", project.root, PATH=str(tmp_path)).returncode == DONE


def test_an_unknown_name_is_refused(forage_gen: ForageGen, project: Project, site: Site) -> None:
    project.source("aider", type="url", url=f"{site.url}/aider")
    result = forage_gen("lock", project.root, "--update", "aidr")
    assert result.returncode == INVALID
    assert "no source `aidr`" in result.stderr
    assert "Did you mean `aider`?" in result.stderr
    assert not site.requests


def test_a_project_with_mistakes_is_not_fetched_for(
    forage_gen: ForageGen, project: Project, site: Site
) -> None:
    project.source("a", type="url", url=f"{site.url}/a")
    project.source("b", type="git", url=f"{site.url}/b")
    result = forage_gen("lock", project.root)
    assert result.returncode == INVALID
    assert "error[missing-key]: The source `b` has no `rev` and no `ref`." in result.stderr
    assert not site.requests
