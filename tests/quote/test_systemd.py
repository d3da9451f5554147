"""systemd, booted on the test host, reads back what was quoted for it."""

from __future__ import annotations

import itertools
import json
import re
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import strategies as st

from forage_gen.quote import systemd
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
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from tests.testhost.host import TestHost

UNITS = "/run/systemd/system"
WORK = "/var/lib/quote"

WORDS = TEXTS.filter(well_formed)
LINES = one_line(WORDS)
FILE_NAMES = LINES.map(lambda text: text.replace("/", "")[:30]).filter(
    lambda name: name not in {"", ".", ".."},
)
MOUNT_OPTIONS = LINES.map(lambda text: re.sub(r'[,"\\]', "", text)).filter(bool)


class Manager:
    """The systemd of the test host, as the reader of units.

    Units are there for one reading: systemd looks at all of them for each.
    """

    def __init__(self, host: TestHost) -> None:
        self.host = host
        self._numbers = itertools.count()
        self._written: list[Path] = []

    def number(self) -> int:
        """A number that no earlier unit or file has in its name."""
        return next(self._numbers)

    def file(self, path: str, text: str = "") -> str:
        """Write a file of the host, and give its path back."""
        self.host.write(path, text)
        return path

    def unit(self, name: str, *lines: str) -> str:
        """Write a unit of these lines, and give its name back."""
        self.host.write(f"{UNITS}/{name}", "".join(f"{line}\n" for line in lines))
        self._written.append(self.host.root / UNITS[1:] / name)
        return name

    def service(self, *lines: str) -> str:
        """Write a service with these lines in its [Service] section."""
        return self.unit(f"quote-{self.number()}.service", "[Service]", *lines)

    def output(self, *lines: str) -> list[str]:
        """Run a service of these lines: what it prints, a NUL after each part."""
        path = f"{WORK}/{self.number()}.out"
        service = self.service("Type=oneshot", f"StandardOutput=append:{path}", *lines)
        self._read("systemctl", "start", service)
        return (self.host.root / path[1:]).read_bytes().decode().split("\0")[:-1]

    def environment(self, *lines: str) -> dict[str, str]:
        """The environment that a service of these lines has."""
        assignments = self.output(*lines, "ExecStart=/usr/bin/env --null")
        return dict(assignment.split("=", 1) for assignment in assignments)

    def mount_points(self, *lines: str) -> set[str]:
        """Where something is mounted for a service of these lines."""
        (table,) = self.output(
            *lines,
            "ExecStart=/bin/cat /proc/self/mountinfo",
            r'ExecStart=/usr/bin/printf "\\0"',
        )
        fields = [line.split(" ")[4].encode() for line in table.strip("\n").split("\n")]
        return {
            re.sub(rb"\\([0-7]{3})", lambda octal: bytes([int(octal[1], 8)]), field).decode()
            for field in fields
        }

    def units(self, names: Iterable[str]) -> list[tuple[str, str]]:
        """The description and the load state of units."""
        names = list(names)
        listed = self._read(
            *("busctl", "--json=short", "call", "org.freedesktop.systemd1"),
            "/org/freedesktop/systemd1",
            "org.freedesktop.systemd1.Manager",
            "ListUnitsByNames",
            *("as", str(len(names)), *names),
        )
        return [(unit[1], unit[2]) for unit in json.loads(listed)["data"][0]]

    def property(self, unit: str, interface: str, name: str) -> object:
        """A property of a unit, as systemd gives it to D-Bus."""
        escaped = re.sub(r"[^A-Za-z0-9]", lambda found: f"_{ord(found[0]):02x}", unit)
        shown = self._read(
            *("busctl", "--json=short", "get-property", "org.freedesktop.systemd1"),
            f"/org/freedesktop/systemd1/unit/{escaped}",
            f"org.freedesktop.systemd1.{interface}",
            name,
        )
        data: object = json.loads(shown)["data"]
        return data

    def clean(self) -> None:
        """Leave nothing behind: other tests share the host."""
        # Failed ones too: a host with any is not `running`.
        self.host.run("systemctl", "reset-failed", "quote-*")
        self.host.run("systemctl", "daemon-reload")
        self.host.run("rm", "-rf", WORK)

    def _read(self, *argv: str) -> str:
        try:
            return self.host.run(*argv).stdout
        finally:
            for path in self._written:
                path.unlink(missing_ok=True)
            self._written.clear()


@pytest.fixture(scope="module")
def manager(host: TestHost) -> Iterator[Manager]:
    host.run("mkdir", WORK)
    running = Manager(host)
    yield running
    running.clean()


def absolute(names: Iterable[str]) -> list[str]:
    """A path for each file name, all different."""
    return [f"/m/{n}/{name}" for n, name in enumerate(names)]


@in_batches(WORDS)
def test_arguments(manager: Manager, texts: list[str]) -> None:
    words = " ".join(map(systemd.exec_word, texts))
    assert_read_back(manager.output(rf'ExecStart=/usr/bin/printf "%%s\\0" {words}'), texts)


@in_batches(WORDS)
def test_variables(manager: Manager, texts: list[str]) -> None:
    tokens = [systemd.environment(f"V{n}", text) for n, text in enumerate(texts)]
    pairs = [
        f"Environment={' '.join(pair)}" for pair in zip(tokens[::2], tokens[1::2], strict=True)
    ]
    found = manager.environment(*pairs)
    assert_read_back([found.get(f"V{n}") for n in range(len(texts))], texts)


@in_batches(WORDS)
def test_variables_in_a_file(manager: Manager, texts: list[str]) -> None:
    lines = [f"V{n}={systemd.env_file_value(text)}\n" for n, text in enumerate(texts)]
    path = manager.file(f"{WORK}/{manager.number()}.env", "".join(lines))
    found = manager.environment(f"EnvironmentFile={systemd.path(path)}")
    assert_read_back([found.get(f"V{n}") for n in range(len(texts))], texts)


@in_batches(LINES)
def test_descriptions(manager: Manager, texts: list[str]) -> None:
    texts = quotable(systemd.plain, texts)
    names = [
        manager.unit(
            f"quote-{manager.number()}.target",
            "[Unit]",
            f"Description={systemd.plain(text)}",
        )
        for text in texts
    ]
    assert_read_back([description for description, _ in manager.units(names)], texts)


@in_batches(TEXTS, SOME)
def test_a_description_is_refused_only_where_a_line_cannot_hold_it(texts: list[str]) -> None:
    for text in texts:
        backslashes = len(text) - len(text.rstrip("\\"))
        impossible = (
            not text
            or text != text.strip(" \t\r\n")
            or not {"\n", "\r"}.isdisjoint(text)
            or backslashes % 2 == 1
            or not well_formed(text)
        )
        assert is_refused(systemd.plain, text) == impossible


@in_batches(FILE_NAMES, SOME)
def test_mount_points(manager: Manager, names: list[str]) -> None:
    paths = quotable(systemd.path, sorted({f"/{name}" for name in names}))
    units = [
        manager.unit(systemd.mount_unit(path), "[Mount]", "What=x", f"Where={systemd.path(path)}")
        for path in paths
    ]
    # A mount unit is described by its Where=, and loaded if its name is right for it.
    assert_read_back(manager.units(units), [(path, "loaded") for path in paths])


@in_batches(MOUNT_OPTIONS, SOME)
def test_mount_options(manager: Manager, options: list[str]) -> None:
    options = quotable(lambda option: systemd.mount_options([option]), options)
    unit = manager.unit(
        "quote.mount",
        "[Mount]",
        "What=x",
        "Where=/quote",
        f"Options={systemd.mount_options(options)}",
    )
    assert manager.property(unit, "Mount", "Options") == ",".join(options)


@in_batches(FILE_NAMES)
def test_lists_of_paths(manager: Manager, names: list[str]) -> None:
    paths = absolute(names)
    words = " ".join(map(systemd.path_word, paths))
    service = manager.service("ExecStart=/bin/true", f"ReadWritePaths={words}")
    assert manager.property(service, "Service", "ReadWritePaths") == paths


def test_a_path_of_a_list_is_mounted(manager: Manager) -> None:
    path = manager.file(f"""{WORK}/ a'"%n\\x41:$b\té\\ """)
    assert path in manager.mount_points(f"ReadOnlyPaths={systemd.path_word(path)}")


@in_batches(FILE_NAMES, SOME)
def test_bind_mounts(manager: Manager, names: list[str]) -> None:
    here = f"{WORK}/{manager.number()}"
    pairs = [(f"{here}/{n}/{name}", f"{here}/to/{n}/{name}") for n, name in enumerate(names)]
    pairs = quotable(lambda pair: systemd.bind_paths(*pair), pairs)
    for n, (source, _) in enumerate(pairs):
        manager.file(source, f"{n}\0")
    mounted = manager.mount_points(
        *(f"BindPaths={systemd.bind_paths(source, destination)}" for source, destination in pairs),
    )
    assert_read_back([to in mounted for _, to in pairs], [True] * len(pairs))


@in_batches(FILE_NAMES, SOME)
def test_programs(manager: Manager, names: list[str]) -> None:
    paths = quotable(systemd.program, absolute(names))
    service = manager.service("Type=oneshot", *(f"ExecStart={systemd.program(p)}" for p in paths))
    commands = cast("list[list[object]]", manager.property(service, "Service", "ExecStart"))
    assert_read_back([command[:2] for command in commands], [[path, [path]] for path in paths])


@in_batches(FILE_NAMES)
def test_credentials(manager: Manager, names: list[str]) -> None:
    here = f"{WORK}/{manager.number()}"
    paths = [f"{here}/{n}/{name}" for n, name in enumerate(names)]
    paths = quotable(lambda path: systemd.credential("c", path), paths)
    for path in paths:
        manager.file(path, path)
    copy = f"{here}/copy"
    manager.output(
        *(f"LoadCredential={systemd.credential(f'c-{n}', p)}" for n, p in enumerate(paths)),
        f"ExecStart=/bin/cp --recursive ${{CREDENTIALS_DIRECTORY}} {copy}",
    )
    directory = manager.host.root / copy[1:]
    found = [(directory / f"c-{n}").read_bytes().decode() for n in range(len(paths))]
    assert_read_back(found, paths)


@in_batches(FILE_NAMES, SOME)
def test_names_of_units(manager: Manager, names: list[str]) -> None:
    units = [f"x{systemd.unit_instance_escape(name)}.service" for name in names]
    name = manager.unit(
        f"quote-{manager.number()}.target",
        "[Unit]",
        f"After={systemd.unit_names(units)}",
    )
    assert set(units) <= set(cast("list[str]", manager.property(name, "Unit", "After")))


@in_batches(TEXTS.filter(bool), SOME)
def test_parts_of_names_are_escaped_as_systemd_escape_does(
    manager: Manager,
    texts: list[str],
) -> None:
    escaped = manager.host.run("systemd-escape", "--", *texts).stdout.split()
    assert_read_back([systemd.unit_instance_escape(text) for text in texts], escaped)


@in_batches(st.tuples(FILE_NAMES, FILE_NAMES).map(lambda names: "/" + "/".join(names)), SOME)
def test_paths_are_escaped_as_systemd_escape_does(manager: Manager, paths: list[str]) -> None:
    escaped = manager.host.run("systemd-escape", "--path", "--", *paths).stdout.split()
    assert_read_back([systemd.unit_path_escape(path) for path in paths], escaped)


@in_batches(COMMENTS, SOME)
def test_comments(manager: Manager, texts: list[str]) -> None:
    lines = [f"{systemd.comment(text)}\nEnvironment=V{n}={n}" for n, text in enumerate(texts)]
    found = manager.environment(*lines)
    assert_read_back(
        [found.get(f"V{n}") for n in range(len(texts))], list(map(str, range(len(texts))))
    )


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (f"RemainAfterExit={systemd.boolean(value=True)}", True),
        (f"SendSIGHUP={systemd.boolean(value=False)}", False),
        (f"OOMScoreAdjust={systemd.integer(-7)}", -7),
    ],
)
def test_booleans_and_integers(manager: Manager, line: str, found: object) -> None:
    service = manager.service("ExecStart=/bin/true", line)
    assert manager.property(service, "Service", line.split("=", maxsplit=1)[0]) == found


def test_a_program_with_odd_characters_runs(manager: Manager) -> None:
    path = f"{WORK}/a b%n:;#=é/echo"
    manager.host.sh('mkdir -p "$(dirname "$1")" && ln -s /bin/printf "$1"', path)
    assert manager.output(rf'ExecStart={systemd.program(path)} "%%s\\0" x') == ["x"]


@in_batches(UNENCODABLE, SOME)
def test_text_that_is_no_utf_8_is_refused(texts: list[str]) -> None:
    functions: list[Callable[[str], object]] = [
        systemd.plain,
        systemd.word,
        systemd.exec_word,
        systemd.env_file_value,
        systemd.unit_instance_escape,
        systemd.comment,
        lambda text: systemd.environment("V", text),
        lambda text: systemd.path(f"/{text}"),
        lambda text: systemd.path_word(f"/{text}"),
        lambda text: systemd.program(f"/{text}"),
        lambda text: systemd.unit_path_escape(f"/{text}"),
        lambda text: systemd.credential("c", f"/{text}"),
        lambda text: systemd.mount_options([text]),
    ]
    for quote, text in itertools.product(functions, texts):
        assert_refused(quote, text)


@pytest.mark.parametrize("character", NONCHARACTERS)
def test_systemd_loads_no_unit_with_a_noncharacter(manager: Manager, character: str) -> None:
    name = manager.unit(f"quote-{manager.number()}.target", "[Unit]", f"Description={character}")
    assert manager.units([name]) == [(name, "error")]
    for quote in (systemd.plain, systemd.word, systemd.env_file_value):
        assert_refused(quote, f"a{character}")


@pytest.mark.parametrize("name", ["a b", "a\\b"])
def test_systemd_loses_some_paths_of_credentials(manager: Manager, name: str) -> None:
    path = manager.file(f"{WORK}/{manager.number()}/{name}")
    with pytest.raises(HostError, match="start"):
        manager.output(f"LoadCredential=c:{path}", "ExecStart=/bin/true")
    assert_refused(lambda source: systemd.credential("c", source), path)


@pytest.mark.parametrize("name", ["a'b", 'a"b', "a\tb"])
def test_systemd_loses_some_paths_of_bind_mounts(manager: Manager, name: str) -> None:
    path = manager.file(f"{WORK}/{manager.number()}/{name}")
    with pytest.raises(HostError, match="start"):
        manager.output(f"BindPaths={systemd.path_word(path)}:/mnt", "ExecStart=/bin/true")
    assert_refused(lambda source: systemd.bind_paths(source, "/mnt"), path)
    assert_refused(lambda destination: systemd.bind_paths("/mnt", destination), path)


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
def test_a_path_that_systemd_would_change_is_refused(path: str) -> None:
    for quote in (systemd.path, systemd.path_word, systemd.program):
        assert_refused(quote, path)
    assert_refused(lambda text: systemd.credential("c", text), path)
    assert_refused(lambda text: systemd.bind_paths("/a", text), path)


@pytest.mark.parametrize("path", ["/a'b", '/a"b', "/a\\b", "/a$b", "/a\tb"])
def test_a_program_that_systemd_refuses_is_refused(path: str) -> None:
    assert_refused(systemd.program, path)


@pytest.mark.parametrize("name", ["", "1a", "a-b", "a b", "a=b", "é"])
def test_what_is_no_variable_is_refused(name: str) -> None:
    with pytest.raises(Unquotable):
        systemd.environment(name, "")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a:b", "a b", "é", "x" * 256])
def test_what_is_no_credential_is_refused(name: str) -> None:
    with pytest.raises(Unquotable):
        systemd.credential(name, "/a")


@pytest.mark.parametrize("option", ["", "a,b", 'a"b', "a\\b", "a\nb", " a"])
def test_what_is_no_mount_option_is_refused(option: str) -> None:
    with pytest.raises(Unquotable):
        systemd.mount_options([option])


def test_no_mount_options_are_refused() -> None:
    with pytest.raises(Unquotable):
        systemd.mount_options([])


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a",
        "a.b",
        ".service",
        "a b.service",
        "a%n.service",
        "a/b.mount",
        "@.service",
        "é.service",
        f"{'x' * 248}.service",
    ],
)
def test_what_is_no_unit_is_refused(name: str) -> None:
    assert_refused(systemd.unit_name, name)


@pytest.mark.parametrize("name", [r"srv-a\x2db.mount", "a@.service", "systemd-nspawn@a-b.service"])
def test_names_of_units_stay_as_they_are(name: str) -> None:
    assert systemd.unit_name(name) == name


def test_the_name_of_a_mount_unit_has_at_most_255_characters() -> None:
    assert len(systemd.mount_unit("/" + "-" * 62)) == 254
    assert_refused(systemd.mount_unit, "/" + "-" * 63)
