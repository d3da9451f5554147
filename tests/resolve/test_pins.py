"""Sources: keys that fit each other, pins that fit the sources, and what becomes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from forage_gen.project import compile_project
from forage_gen.resolve.pins import Pin
from tests.read.projects import as_json, finding, findings, marked, place_of, resolved, write

if TYPE_CHECKING:
    from pathlib import Path

REV = "3f786850e387550fdab836ed7e6dc881de23001b"
HASH = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
URL = "https://example.org/tool"
GIT = f'type = "git"\nurl = "{URL}"\n'
FILE = f'type = "url"\nurl = "{URL}"\n'
ARCHIVE = f'type = "tarball"\nurl = "{URL}.tar.gz"\n'
LOCK = "version = 1\n\n[sandboxes]\n\n[templates]\n"
PIN = f'tool = {{ type = "url", url = "{URL}", hash = "{HASH}" }}'
SANDBOX = '[sandboxes.web]\ntemplate = "web"\nworkspace = "/srv/web"\n'


def project(source: str, pins: str = PIN, package: str = "sources.tool") -> dict[str, str]:
    """A project whose source `tool` has these keys."""
    return {
        "forage.toml": f'user = "alice"\n[sources.tool]\n{source}\n{SANDBOX}',
        "templates/web.toml": f'network = "none"\nextraPackages = ["{package}"]\n',
        "forage.lock": f"{LOCK}\n[sources]\n{pins}\n",
    }


@pytest.mark.parametrize(
    ("source", "code", "hint"),
    [
        (f"{GIT}subpath = 'x'", "missing-key", "`ref = "),
        (f"{GIT}rev = '{REV}'\n«ref» = 'HEAD'\nsubpath = 'x'", "rev-with-ref", "Remove one"),
        (f"{FILE}«ref» = 'HEAD'", "rev-without-git", '`type = "git"`'),
        (f"{ARCHIVE}subpath = 'x'\n«rev» = '{REV}'", "rev-without-git", '`type = "git"`'),
        (f"{FILE}«subpath» = 'x'", "subpath-of-file", '`type = "tarball"`'),
        (ARCHIVE, "missing-key", '`subpath = "bin/tool"`'),
        (f"{GIT}ref = 'HEAD'", "missing-key", '`package = "packages/tool.nix"`'),
        (
            "type = 'git'\nurl = «'https://a.org/b?c=d'»\nref = 'HEAD'\nsubpath = 'x'",
            "url-query",
            "follows `?`",
        ),
        ("type = 'url'\nurl = «'ssh://git@a.org/b'»", "url-scheme", "`https://`"),
        ("type = 'tarball'\nurl = «'ssh://a.org/b.zip'»\nsubpath = 'x'", "url-scheme", "git"),
        ("type = 'tarball'\nurl = «'https://a.org/b'»\nsubpath = 'x'", "url-archive", ".zip"),
        ("type = «'file'»\nurl = 'https://a.org/b'", "bad-value", '"url"'),
        (f"{FILE}package = «'packages/tool.nix'»", "file-not-found", "`pkgs.callPackage`"),
        (f"{FILE}«sha256» = 'x'", "unknown-key", "keys here"),
        ("type = 'url'\nurl = «'--version'»", "url-scheme", "`https://`"),
    ],
)
def test_keys_that_do_not_fit(tmp_path: Path, source: str, code: str, hint: str) -> None:
    written = project(source)["forage.toml"]
    if "«" not in source:  # it is the source as a whole
        written = written.replace("sources.tool", "sources.«tool»")
    text, place = marked(written)
    found = findings(tmp_path, project(source) | {"forage.toml": text})
    (only,) = [each for each in found if each.code not in {"source-changed", "source-not-locked"}]
    assert (only.code, place_of(only)) == (code, place)
    assert hint in only.hint


def test_a_password_in_a_url_is_not_shown(tmp_path: Path) -> None:
    files = project('type = "url"\nurl = "https://alice:hunter2@example.org/x"')
    (found,) = [each for each in findings(tmp_path, files) if each.code == "url-credentials"]
    assert "hunter2" not in f"{found}"
    assert place_of(found).line == 4


def test_a_source_that_nobody_has_is_refused(tmp_path: Path) -> None:
    text, place = marked('network = "none"\nextraPackages = [«"sources.tol"»]\n')
    found = finding(tmp_path, project(FILE) | {"templates/web.toml": text})
    assert (found.code, place_of(found)) == ("no-such-source", place)
    assert found.hint == "Did you mean `tool`?"


def test_an_agent_is_told_the_same(tmp_path: Path) -> None:
    text, place = marked('network = "none"\n[agents.x]\npackage = «"sources.aider"»\n')
    found = finding(
        tmp_path,
        {"forage.toml": f'user = "alice"\n{SANDBOX}', "templates/web.toml": text},
    )
    assert (found.code, place_of(found)) == ("no-such-source", place)
    assert found.hint == "Add it to forage.toml, below `[sources.aider]`."


def test_in_json_too(tmp_path: Path) -> None:
    files = project(FILE)
    lock = {"forage.lock": files.pop("forage.lock")}
    done = resolved(tmp_path, as_json(files) | lock)
    assert [source.name for source in done.plan.sources] == ["tool"]
    assert done.plan.templates[0].sources == ("tool",)


# --- the lock --------------------------------------------------------------------------


def test_without_a_pin(tmp_path: Path) -> None:
    found = finding(tmp_path, project(FILE, pins=""))
    assert (found.code, found.location.file) == ("source-not-locked", "forage.toml")
    assert place_of(found) == (2, 10, 14)
    assert "`tool`" in found.message
    assert "`forage-gen lock`" in found.hint


def test_without_a_lock(tmp_path: Path) -> None:
    files = project(FILE)
    del files["forage.lock"]
    assert finding(tmp_path, files).code == "source-not-locked"


@pytest.mark.parametrize(
    "pin",
    [
        PIN.replace(URL, f"{URL}-1.0"),
        f'tool = {{ type = "tarball", url = "{URL}", hash = "{HASH}" }}',
        f'tool = {{ type = "git", url = "{URL}", ref = "HEAD", rev = "{REV}", hash = "{HASH}" }}',
    ],
)
def test_a_pin_of_something_else(tmp_path: Path, pin: str) -> None:
    assert finding(tmp_path, project(FILE, pins=pin)).code == "source-changed"


@pytest.mark.parametrize(
    ("wanted", "ref", "fits"),
    [
        (f"rev = '{REV}'", "", True),
        (f"rev = '{REV[::-1]}'", "", False),
        (f"rev = '{REV}'", 'ref = "HEAD", ', False),
        ("ref = 'HEAD'", 'ref = "HEAD", ', True),
        ("ref = 'refs/heads/main'", 'ref = "HEAD", ', False),
        ("ref = 'HEAD'", "", False),
    ],
)
def test_a_pin_of_a_commit(tmp_path: Path, wanted: str, ref: str, *, fits: bool) -> None:
    pin = f'tool = {{ type = "git", url = "{URL}", {ref}rev = "{REV}", hash = "{HASH}" }}'
    found = findings(tmp_path, project(f"{GIT}{wanted}\nsubpath = 'x'", pins=pin))
    assert [each.code for each in found] == ([] if fits else ["source-changed"])


def test_what_is_made_of_a_source_is_no_part_of_its_pin(tmp_path: Path) -> None:
    pin = PIN.replace('"url",', '"tarball",').replace(URL, f"{URL}.tar.gz")
    for subpath in ("a", "b"):
        assert not findings(tmp_path, project(f"{ARCHIVE}subpath = '{subpath}'", pins=pin))


def test_a_build_writes_pins_as_they_were(tmp_path: Path) -> None:
    gone = PIN.replace("tool =", "gone =")
    done = resolved(tmp_path, project(FILE, pins=f"{PIN}\n{gone}"))
    assert done.lock.render().partition("[sources]\n")[2] == f"{gone}\n{PIN}\n"
    again = resolved(tmp_path, {"forage.lock": done.lock.render()})
    assert again.lock == done.lock


@pytest.mark.parametrize(
    "pins",
    [
        "«tool» = 1",
        "tool = «'x'»",
        "tool = «{}»",
        "tool = «" + PIN.removeprefix("tool = ").replace(HASH, "sha256-x") + "»",
        "tool = «" + PIN.removeprefix("tool = ").replace(HASH, "sha1-x") + "»",
        "tool = «" + PIN.removeprefix("tool = ").replace(URL, "file:///etc/passwd") + "»",
        "tool = «" + PIN.removeprefix("tool = ").replace('"url",', '"oci",') + "»",
        "tool = «" + PIN.removeprefix("tool = ").replace(" }", ', rev = "HEAD" }') + "»",
        "tool = «" + PIN.removeprefix("tool = ").replace(" }", f', rev = "{REV}" }}') + "»",
        "tool = «" + PIN.removeprefix("tool = ").replace(" }", ", extra = 1 }") + "»",
        "tool = «" + PIN.removeprefix("tool = ").replace('"url",', '"git",') + "»",
    ],
)
def test_a_damaged_pin(tmp_path: Path, pins: str) -> None:
    files = project(FILE, pins=pins.replace("«tool» = 1", "tool = «1»"))
    text, place = marked(files["forage.lock"])
    found = findings(tmp_path, files | {"forage.lock": text})
    (damaged,) = [each for each in found if each.code == "lock-damaged"]
    assert (damaged.location.file, place_of(damaged)) == ("forage.lock", place)
    assert "`forage-gen lock`" in damaged.hint


def test_a_damaged_section(tmp_path: Path) -> None:
    files = project(FILE) | {"forage.lock": "version = 1\nsources = 1\n"}
    assert {each.code for each in findings(tmp_path, files)} == {
        "lock-damaged",
        "source-not-locked",
    }


def test_a_pin_says_what_it_was_made_from() -> None:
    pin = Pin("git", URL, "HEAD", REV, HASH)
    assert pin.render() == (
        f'{{ type = "git", url = "{URL}", ref = "HEAD", rev = "{REV}", hash = "{HASH}" }}'
    )


# --- what is made of it ----------------------------------------------------------------


def test_the_manifest_names_what_is_pinned(tmp_path: Path) -> None:
    compiled = compile_project(write(tmp_path, project(FILE)))
    assert f'"hash": "{HASH}"'.encode() in compiled.manifest


def test_a_package_file_is_an_input_and_comes_along(tmp_path: Path) -> None:
    source = f"{FILE}package = 'packages/tool.nix'"
    text = "{ src }: src\n"
    root = write(tmp_path, project(source) | {"packages/tool.nix": text})
    compiled = compile_project(root)
    made = {artifact.path: artifact.content for artifact in compiled.artifacts}
    assert made["sources/tool.nix"] == text.encode()
    assert b"pkgs.callPackage ./sources/tool.nix" in made["sources.nix"]
    assert b'"packages/tool.nix": ' in compiled.manifest


@pytest.mark.parametrize("content", [b"\xff", b"", None])
def test_a_package_file_that_cannot_be_read(tmp_path: Path, content: bytes | None) -> None:
    root = write(tmp_path, project(f"{FILE}package = 'packages/tool.nix'"))
    if content is None:
        (root / "packages/tool.nix").mkdir(parents=True)
    else:
        write(root, {"packages/tool.nix": content})
    assert finding(root, {}).location.file == "packages/tool.nix"


def test_without_sources_nothing_is_written_for_them(tmp_path: Path) -> None:
    files = {
        "forage.toml": f'user = "alice"\n{SANDBOX}',
        "templates/web.toml": 'network = "none"\n',
    }
    compiled = compile_project(write(tmp_path, files))
    assert not [each.path for each in compiled.artifacts if each.path.startswith("sources")]
    assert b"[sources]" not in compiled.lock
