"""Files that are no TOML, no text, or no files; and what the system does not allow."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest

from forage_gen.diagnostics import EnvironmentFailureError, InvalidProjectError
from forage_gen.read.load import load
from forage_gen.read.source import MAX_BYTES, UnreadableError, read_source
from tests.read.projects import (
    FORAGE,
    GOOD,
    TEMPLATE,
    finding,
    findings,
    marked,
    place_of,
    write,
)
from tests.requirements import require

if TYPE_CHECKING:
    from pathlib import Path


class Broken(NamedTuple):
    """A text with a mark, then code and parts of message and hint."""

    text: str
    code: str
    message: str
    hint: str


TOML = {
    "a word without quotes": Broken("network = «none»", "toml-syntax", "invalid value", "quotes"),
    "no value": Broken("network = «\n»", "toml-syntax", "invalid value", "toml.io"),
    "no equals sign": Broken("network« »'x'", "toml-syntax", "expected '='", "toml.io"),
    "a string that goes on": Broken('description = «"a\n»', "toml-syntax", "", "toml.io"),
    "a list that goes on": Broken(
        "extraPackages = [\n'a',\n« »", "toml-syntax", "invalid value", "toml"
    ),
    "a number of many digits": Broken(
        f"«x»={'9' * 5000}", "toml-syntax", "exceeds the limit", "toml.io"
    ),
    "a key twice": Broken(
        "network = 'none'\n«network» = 'full'", "duplicate-key", "first is on line 1", "Delete"
    ),
    "a key in quotes twice": Broken(
        "network = 'none'\n«'network'» = 'full'", "duplicate-key", "`network` is written", "Delete"
    ),
    "a dotted key twice": Broken(
        "isolation.privateUsers = true\nisolation.«privateUsers» = true",
        "duplicate-key",
        "`privateUsers`",
        "Delete",
    ),
    "a key twice in an inline table": Broken(
        "isolation = { a = 1, «a» = 2 }", "duplicate-key", "`a` is written twice", "Delete"
    ),
    "a table twice": Broken(
        "[resourceLimits]\ntasksMax = 512\n[agents]\n[«resourceLimits»]",
        "duplicate-key",
        "`resourceLimits` is written twice; the first is on line 1",
        "Delete",
    ),
    "a table of free names twice": Broken(
        "[agents.claude]\n[agents.«claude»]", "duplicate-key", "`claude` is written twice", "Delete"
    ),
    "a key and a table": Broken(
        "network = 'none'\n[«network»]", "duplicate-key", "`network` is written twice", "Delete"
    ),
    "a merge that nobody finished": Broken(
        "network = 'none'\n«<<<<<<< HEAD»\nnixDaemon = true\n=======\nnixDaemon = false\n"
        ">>>>>>> other",
        "merge-conflict",
        "unfinished merge",
        "`<<<<<<<`",
    ),
}


@pytest.mark.parametrize("case", TOML.values(), ids=TOML)
def test_no_toml(tmp_path: Path, case: Broken) -> None:
    text, place = marked(case.text)
    found = finding(tmp_path, {**GOOD, "templates/web.toml": text})
    assert (found.code, found.location.file) == (case.code, "templates/web.toml")
    assert (
        found.location.line == place.line or "\n" in case.text.partition("«")[2].partition("»")[0]
    )
    assert case.message in found.message
    assert case.hint in found.hint
    if case.code != "toml-syntax":
        assert place_of(found) == place


def test_where_toml_breaks_is_where_its_parser_says(tmp_path: Path) -> None:
    found = finding(tmp_path, {**GOOD, "templates/web.toml": "network = none\n"})
    assert place_of(found) == (1, 11, 15)
    assert found.location.source_line == "network = none"


JSON = {
    "no object": Broken("«[»]", "wrong-type", "no object", "`{`"),
    "a comma too many": Broken(
        '{"user": "a"«,»}', "json-syntax", "This is no valid JSON", "json.org"
    ),
    "single quotes": Broken("{«'»user': 1}", "json-syntax", "property name", "json.org"),
    "a key twice": Broken(
        '{"user": "a",\n «"user"»: "b"}', "duplicate-key", "first is on line 1", "Delete"
    ),
    "a key twice further inside": Broken(
        '{"user": "a", "secrets": {"x": "/a",\n "y": "/b", «"x"»: "/c"}}',
        "duplicate-key",
        "`x` is written twice",
        "Delete",
    ),
    "a key twice by an escape": Broken(
        r'{"user": "a", «"\u0075ser"»: "b"}', "duplicate-key", "`user` is written", "Delete"
    ),
    "not a number": Broken('{"uid": «NaN»}', "json-syntax", "`NaN` is no number", "number"),
    "infinity": Broken('{"Infinity": «-Infinity»}', "json-syntax", "`-Infinity` is no", "number"),
    "half a character": Broken(
        r'{"user": «"\ud800"»}', "json-syntax", "`\\ud800` holds half of a character", "escapes"
    ),
    "half a character in a key": Broken(
        r'{«"\udc00"»: 1}', "json-syntax", "half of a character", "escapes"
    ),
    "a number of many digits": Broken(
        f'«{{»"uid": {"9" * 5000}}}', "json-syntax", "exceeds the limit", "smaller"
    ),
    "a merge that nobody finished": Broken(
        '{\n«<<<<<<< ours»\n"user": "a"\n=======\n"user": "b"\n>>>>>>> theirs\n}',
        "merge-conflict",
        "unfinished merge",
        "`<<<<<<<`",
    ),
    "templates that are no object": Broken(
        '{"user": "a", "templates": «[»1]}', "wrong-type", "`templates` must be a table", "Write"
    ),
    "a template that is no object": Broken(
        '{"user": "a", "templates": {"web": «5»}}', "wrong-type", "`web` must be a table", "Write"
    ),
    "a template's name": Broken(
        '{"user": "a", "templates": {«"My Web"»: {}}}', "name-invalid", "a template", "`my-web`"
    ),
}


@pytest.mark.parametrize("case", JSON.values(), ids=JSON)
def test_no_json(tmp_path: Path, case: Broken) -> None:
    text, place = marked(case.text)
    found = finding(tmp_path, {"forage.json": text})
    assert (found.code, found.location.file) == (case.code, "forage.json")
    assert case.message in found.message
    assert case.hint in found.hint
    # Where a comma is wrong, the versions of Python disagree.
    if case.code != "json-syntax" or "comma" not in case.text:
        assert found.location.line == place.line
    if case.code not in {"json-syntax", "wrong-type"}:
        assert place_of(found) == place


@pytest.mark.parametrize("name", ["forage.toml", "templates/web.toml"])
@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "file-empty"),
        (b" \n\t\r\n", "file-empty"),
        (b"\xef\xbb\xbfnetwork = 'none'\n", "byte-order-mark"),
        (b"\xff\xfen\x00", "not-utf-8"),
        (b"#" * (MAX_BYTES + 1), "file-too-large"),
    ],
)
def test_no_text(tmp_path: Path, name: str, content: bytes, code: str) -> None:
    found = finding(tmp_path, {**GOOD, name: content})
    assert (found.code, found.location.file) == (code, name)


def test_the_byte_that_is_no_utf8_is_shown(tmp_path: Path) -> None:
    content = "# é\ndescription = 'caf".encode() + b"\xe9'\n"
    found = finding(tmp_path, {**GOOD, "templates/web.toml": content})
    assert found.code == "not-utf-8"
    assert place_of(found) == (2, 19, 20)
    assert "0xe9 at offset 23" in found.message
    assert found.location.source_line == "description = 'caf\N{REPLACEMENT CHARACTER}'"


def test_the_largest_file_is_read(tmp_path: Path) -> None:
    text = TEMPLATE + "#" * (MAX_BYTES - len(TEMPLATE))
    assert findings(tmp_path, {**GOOD, "templates/web.toml": text}) == []


@pytest.mark.parametrize("name", ["forage.toml", "templates/web.toml"])
@pytest.mark.parametrize("kind", ["directory", "fifo", "device"])
def test_no_regular_file(tmp_path: Path, name: str, kind: str) -> None:
    path = write(tmp_path, {n: text for n, text in GOOD.items() if n != name}) / name
    path.parent.mkdir(exist_ok=True)
    if kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    found = finding(tmp_path, {})
    assert (found.code, found.location.file) == ("not-a-file", name)


def test_no_project(tmp_path: Path) -> None:
    found = finding(tmp_path, {})
    assert (found.code, found.location.file) == ("file-not-found", "forage.toml")
    assert "forage-gen init" in found.hint


@pytest.mark.parametrize("name", ["nowhere", "file", "file/below"])
def test_no_directory(tmp_path: Path, name: str) -> None:
    write(tmp_path, {"file": ""})
    with pytest.raises(InvalidProjectError) as caught:
        load(tmp_path / name)
    assert [found.code for found in caught.value.diagnostics] == ["file-not-found"]


def test_two_projects_in_one_directory(tmp_path: Path) -> None:
    found = finding(tmp_path, {**GOOD, "forage.json": "{}"})
    assert found.code == "two-projects"


def test_templates_that_are_no_directory(tmp_path: Path) -> None:
    files = {"forage.toml": 'user = "alice"\n', "templates": ""}
    assert [found.code for found in findings(tmp_path, files)] == ["not-a-directory"]


def test_no_templates_at_all(tmp_path: Path) -> None:
    assert findings(tmp_path, {"forage.toml": 'user = "alice"\n'}) == []


def test_a_link_that_leads_nowhere(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    (tmp_path / "templates/other.toml").symlink_to("nowhere")
    found = finding(tmp_path, {})
    assert (found.code, found.location.file) == ("file-not-found", "templates/other.toml")
    assert "link" in found.hint


_AS_NOBODY = """
import os, sys
from pathlib import Path
os.setgroups([]); os.setgid(65534); os.setuid(65534)
from forage_gen.diagnostics import EnvironmentFailureError
from forage_gen.read.load import load
try:
    load(Path(sys.argv[1]))
except EnvironmentFailureError as failure:
    print(failure.message)
    print(failure.hint)
"""


@pytest.mark.parametrize("closed", ["forage.toml", "templates/web.toml", "templates", "."])
def test_what_the_system_does_not_let_us_read(tmp_path: Path, closed: str) -> None:
    require("root")
    write(tmp_path, GOOD)
    for parent in [tmp_path, *tmp_path.parents[:2]]:
        parent.chmod(0o755)
    (tmp_path / closed).chmod(0)
    # Imported before the user changes, who may not read the modules' directory.
    program = _AS_NOBODY.replace(
        "os.setgroups", "from forage_gen.read import load, locate; os.setgroups"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
    )
    message, hint = done.stdout.splitlines()
    assert message.startswith("Cannot read")
    assert message.endswith("Permission denied.")
    assert "permissions" in hint


def test_a_file_that_the_system_cannot_name(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFailureError, match="File name too long"):
        read_source(tmp_path / ("a" * 300), "a.toml")


def test_an_unreadable_file_is_an_invalid_project(tmp_path: Path) -> None:
    """So whoever reads a file by itself, as the lock, reports it like all else."""
    write(tmp_path, {"forage.lock": "<<<<<<< HEAD\n"})
    with pytest.raises(InvalidProjectError) as caught:
        read_source(tmp_path / "forage.lock", "forage.lock")
    assert isinstance(caught.value, UnreadableError)
    assert caught.value.diagnostics == [caught.value.diagnostic]


DEEP = 100_000


@pytest.mark.parametrize("name", ["forage.toml", "templates/web.toml"])
@pytest.mark.parametrize(
    "text", [f"a = {'[' * DEEP}{']' * DEEP}", f"a = {'{a=' * DEEP}1{'}' * DEEP}"]
)
def test_nested_too_deeply_in_toml(tmp_path: Path, name: str, text: str) -> None:
    assert finding(tmp_path, {**GOOD, name: text}).code == "too-deep"


def test_a_key_of_many_parts(tmp_path: Path) -> None:
    found = finding(tmp_path, {**GOOD, "templates/web.toml": f"a{'.a' * 2000} = 1"})
    assert (found.code, *place_of(found)) == ("unknown-key", 1, 1, 2)


@pytest.mark.parametrize("depth", [40, 500, DEEP])
def test_nested_in_json(tmp_path: Path, depth: int) -> None:
    text = f'{{"user": {"[" * depth}{"]" * depth}}}'
    found = finding(tmp_path, {"forage.json": text})
    assert found.code in {"too-deep", "wrong-type"}


def test_a_key_twice_deep_in_json(tmp_path: Path) -> None:
    text = f'{{"user": {"[" * 50}{{"a": 1, "a": 2}}{"]" * 50}}}'
    assert finding(tmp_path, {"forage.json": text}).code == "too-deep"


def test_tests_write_a_project_that_is_valid(tmp_path: Path) -> None:
    assert findings(tmp_path, GOOD) == []
    assert FORAGE.startswith("user")
