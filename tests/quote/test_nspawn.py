"""systemd-nspawn on the test host reads back what was quoted for it."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import pytest
from hypothesis import strategies as st

from forage_gen.quote import nspawn
from forage_gen.quote.token import Unquotable
from tests.quote.expectations import (
    assert_read_back,
    assert_refused,
    is_refused,
    quotable,
)
from tests.quote.samples import (
    COMMENTS,
    NONCHARACTERS,
    SOME,
    TEXTS,
    UNENCODABLE,
    in_batches,
    one_line,
    well_formed,
)
from tests.testhost.host import HostError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.testhost.host import TestHost

WORK = "/var/lib/quote-nspawn"
ROOT = f"{WORK}/root"
PROBE = Path(__file__).with_name("print_surroundings.py")
SETTINGS = "/run/systemd/nspawn/quote.nspawn"

LINES = one_line(TEXTS.filter(well_formed))
FILE_NAMES = LINES.map(lambda text: text.replace("/", "")[:60]).filter(
    lambda name: name not in {"", ".", ".."},
)


class Surroundings(TypedDict):
    """What tests/quote/print_surroundings.py prints."""

    arguments: list[str]
    variables: dict[str, str]
    mounts: list[str]
    files: dict[str, str]


class Sandbox:
    """A root of nothing but links into the host's /usr, as the reader of settings."""

    def __init__(self, host: TestHost) -> None:
        self.host = host
        self._numbers = itertools.count()
        host.write(f"{ROOT}/etc/os-release", "ID=quote\n")
        host.write(f"{WORK}/probe.py", PROBE.read_text())
        host.sh(f"cd {ROOT} && mkdir usr to && ln -s usr/bin usr/lib usr/lib64 .")

    def number(self) -> int:
        """A number that no earlier path has in it."""
        return next(self._numbers)

    def start(self, *lines: str, arguments: str = "") -> Surroundings:
        """Start it with these lines in its settings: what it sees."""
        probe = f"Parameters=/usr/bin/python3 /probe.py {arguments}"
        common = ["Boot=no", probe, "PrivateUsers=no", "[Network]", "Private=no", "[Files]"]
        binds = ["BindReadOnly=/usr", f"BindReadOnly={WORK}/probe.py:/probe.py"]
        settings = ["[Exec]", *common, *binds, *lines]
        self.host.write(SETTINGS, "".join(f"{line}\n" for line in settings))
        started = self.host.run(
            *("systemd-nspawn", "--quiet", "--settings=override", "--machine=quote"),
            *(f"--directory={ROOT}", "--register=no", "--keep-unit", "--pipe"),
        )
        found: Surroundings = json.loads(started.stdout)
        return found


@pytest.fixture(scope="module")
def sandbox(host: TestHost) -> Iterator[Sandbox]:
    yield Sandbox(host)
    host.run("rm", "-rf", WORK, SETTINGS)


@in_batches(LINES)
def test_arguments(sandbox: Sandbox, texts: list[str]) -> None:
    words = " ".join(map(nspawn.word, texts))
    assert_read_back(sandbox.start(arguments=words)["arguments"], texts)


@in_batches(LINES)
def test_variables(sandbox: Sandbox, texts: list[str]) -> None:
    lines = [f"Environment={nspawn.environment(f'V{n}', text)}" for n, text in enumerate(texts)]
    found = sandbox.start("[Exec]", *lines)["variables"]
    assert_read_back([found.get(f"V{n}") for n in range(len(texts))], texts)


@in_batches(
    st.tuples(FILE_NAMES, FILE_NAMES, st.sampled_from([[], ["rbind"], ["noidmap"]])),
)
def test_binds(sandbox: Sandbox, samples: list[tuple[str, str, list[str]]]) -> None:
    here = sandbox.number()
    lines = []
    for n, (source, destination, options) in enumerate(samples):
        outside = f"{WORK}/{here}/{n}/{source}"
        sandbox.host.write(outside, str(n))
        lines.append(f"Bind={nspawn.bind(outside, f'/to/{here}/{n}/{destination}', options)}")
    found = sandbox.start(*lines)["files"]
    wanted = {
        f"/to/{here}/{n}/{destination}": str(n) for n, (_, destination, _) in enumerate(samples)
    }
    assert found == wanted


@in_batches(
    st.tuples(FILE_NAMES, st.sampled_from([[], ["size=8k"], ["mode=0700", "nr_inodes=5"]])),
    SOME,
)
def test_temporary_file_systems(sandbox: Sandbox, samples: list[tuple[str, list[str]]]) -> None:
    here = sandbox.number()
    paths = [f"/tmp/{here}/{n}/{name}" for n, (name, _) in enumerate(samples)]
    lines = [
        f"TemporaryFileSystem={nspawn.tmpfs(path, options)}"
        for path, (_, options) in zip(paths, samples, strict=True)
    ]
    mounts = sandbox.start(*lines)["mounts"]
    assert_read_back([path in mounts for path in paths], [True] * len(paths))


@in_batches(FILE_NAMES, SOME)
def test_inaccessible_paths(sandbox: Sandbox, names: list[str]) -> None:
    here = sandbox.number()
    paths = [f"/shut/{here}/{n}/{name}" for n, name in enumerate(names)]
    paths = quotable(nspawn.path, paths)
    for path in paths:
        sandbox.host.write(f"{ROOT}{path}", "")
    mounts = sandbox.start(*(f"Inaccessible={nspawn.path(path)}" for path in paths))["mounts"]
    assert_read_back([path in mounts for path in paths], [True] * len(paths))


@in_batches(COMMENTS, SOME)
def test_comments(sandbox: Sandbox, texts: list[str]) -> None:
    lines = [f"{nspawn.comment(text)}\nEnvironment=V{n}={n}" for n, text in enumerate(texts)]
    found = sandbox.start("[Exec]", *lines)["variables"]
    numbers = [str(n) for n in range(len(texts))]
    assert_read_back([found.get(f"V{n}") for n in numbers], numbers)


@in_batches(TEXTS, SOME)
def test_a_word_is_refused_only_where_a_line_cannot_hold_it(texts: list[str]) -> None:
    for text in texts:
        impossible = not {"\n", "\r"}.isdisjoint(text) or not well_formed(text)
        assert is_refused(nspawn.word, text) == impossible


@in_batches(TEXTS, SOME)
def test_a_whole_value_is_refused_only_where_a_line_cannot_hold_it(texts: list[str]) -> None:
    for text in texts:
        backslashes = len(text) - len(text.rstrip("\\"))
        impossible = (
            not text
            or text != text.strip(" \t\r\n")
            or not {"\n", "\r"}.isdisjoint(text)
            or backslashes % 2 == 1
            or not well_formed(text)
        )
        assert is_refused(nspawn.plain, text) == impossible


@in_batches(UNENCODABLE, SOME)
def test_text_that_is_no_utf_8_is_refused(texts: list[str]) -> None:
    functions: list[Callable[[str], object]] = [
        nspawn.plain,
        nspawn.word,
        nspawn.comment,
        lambda text: nspawn.environment("V", text),
        lambda text: nspawn.path(f"/{text}"),
        lambda text: nspawn.bind(f"/{text}", "/a"),
        lambda text: nspawn.bind("/a", f"/{text}"),
        lambda text: nspawn.tmpfs(f"/{text}"),
    ]
    for quote, text in itertools.product(functions, texts):
        assert_refused(quote, text)


@pytest.mark.parametrize("character", NONCHARACTERS)
def test_nspawn_starts_nothing_with_a_noncharacter(sandbox: Sandbox, character: str) -> None:
    with pytest.raises(HostError):
        sandbox.start(f"Inaccessible=/{character}")
    for quote in (nspawn.plain, nspawn.word):
        assert_refused(quote, f"a{character}")


def test_lists_of_names_know_no_quotes(sandbox: Sandbox) -> None:
    line = f"SystemCallFilter={nspawn.name_word('~@swap')} {nspawn.name_word('~reboot')}"
    assert sandbox.start("[Exec]", line)["variables"]


def test_booleans_and_integers(sandbox: Sandbox) -> None:
    lines = [
        f"NoNewPrivileges={nspawn.boolean(value=True)}",
        f"NotifyReady={nspawn.boolean(value=False)}",
        f"LimitNOFILE={nspawn.integer(64)}",
    ]
    assert sandbox.start("[Exec]", *lines)["variables"]


def test_percent_signs_are_plain(sandbox: Sandbox) -> None:
    found = sandbox.start("[Exec]", f"Environment={nspawn.environment('V', '%i%%n')}")
    assert found["variables"]["V"] == "%i%%n"


@pytest.mark.parametrize(
    "path",
    [
        "",
        "a",
        "./a",
        "//a",
        "/a/",
        "/a//b",
        "/.",
        "/a/./b",
        "/..",
        "/a/../b",
        "/" + "x" * 256,
        "/x" * 2048,
        "/a\nb",
        "/a\rb",
    ],
)
def test_a_path_that_nspawn_would_change_is_refused(path: str) -> None:
    assert_refused(nspawn.path, path)
    assert_refused(nspawn.tmpfs, path)
    assert_refused(lambda text: nspawn.bind(text, "/a"), path)
    assert_refused(lambda text: nspawn.bind("/a", text), path)


@pytest.mark.parametrize("option", ["", "ro", "rbind,idmap", "idmap "])
def test_what_is_no_option_of_a_bind_mount_is_refused(option: str) -> None:
    with pytest.raises(Unquotable):
        nspawn.bind("/a", "/b", [option])


@pytest.mark.parametrize("option", ["", "size=1,mode=0", "a b", "size=", "Size=1"])
def test_what_is_no_option_of_tmpfs_is_refused(option: str) -> None:
    with pytest.raises(Unquotable):
        nspawn.tmpfs("/a", [option])


@pytest.mark.parametrize("name", ["", "1a", "a-b", "a b", "a=b", "é"])
def test_what_is_no_variable_is_refused(name: str) -> None:
    with pytest.raises(Unquotable):
        nspawn.environment(name, "")


@pytest.mark.parametrize("name", ["", "a b", '"a"', "a\\", "a,b", "é"])
def test_what_is_no_name_is_refused(name: str) -> None:
    assert_refused(nspawn.name_word, name)
