"""What the module for nginx reads in an answer, beside what JSON and events say is in it.

The reader is compiled with the compiler's checks of memory and of arithmetic, which end it at the
first access out of bounds.
"""

from __future__ import annotations

import itertools
import json
import re
import struct
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.requirements import require

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SOURCES = Path(__file__).parents[2] / "nixos-module/nginx-usage"
WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wpedantic", "-Wshadow", "-Werror")
SANITIZE = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")

MOST = 10**12
NAME = re.compile(r"[A-Za-z0-9._:/@-]{1,128}")
# By what is counted: input, output, read from the cache, written there.
COUNTS = {
    "input_tokens": 0,
    "prompt_tokens": 0,
    "promptTokenCount": 0,
    "output_tokens": 1,
    "completion_tokens": 1,
    "candidatesTokenCount": 1,
    "cache_read_input_tokens": 2,
    "cachedContentTokenCount": 2,
    "cache_creation_input_tokens": 3,
}
DETAILS = ("input_tokens_details", "prompt_tokens_details")


@dataclass(frozen=True)
class Object:
    """An object of JSON, whose names may come twice."""

    members: list[tuple[str, Value]]


Value = Object | list["Value"] | str | int | float | bool | None


@dataclass
class Found:
    """What an answer states."""

    counts: list[int] = field(default_factory=lambda: [-1] * 4)
    model: str = ""


class Reader:
    """The compiled reader, which is handed one answer after the other."""

    def __init__(self, program: Path) -> None:
        self._process = subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def read(self, pieces: Sequence[bytes], *, is_events: bool) -> Found:
        """Hand over an answer in these pieces."""
        process = self._process
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdin.write(struct.pack("=BI", is_events, len(pieces)))
        for piece in pieces:
            process.stdin.write(struct.pack("=I", len(piece)) + piece)
        process.stdin.flush()
        line = process.stdout.readline().decode()
        assert line, process.stderr.read().decode()
        *counts, model = line.split(" ", 4)
        return Found([int(count) for count in counts], model.strip("|\n"))

    def close(self) -> None:
        """End it, which was in order if it says so."""
        _, errors = self._process.communicate()
        assert (self._process.returncode, errors) == (0, b"")


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    require("cc")
    program = tmp_path_factory.mktemp("usage") / "reader"
    files = (Path(__file__).parent / "harness.c", SOURCES / "usage.c")
    subprocess.run(
        [
            "cc",
            "-std=c11",
            "-O1",
            "-g",
            *WARNINGS,
            *SANITIZE,
            f"-I{SOURCES}",
            *files,
            "-o",
            program,
        ],
        check=True,
    )
    made = Reader(program)
    yield made
    made.close()


# -- what it is to find: the same of whole values ------------------------------


def of_values(values: Sequence[Value]) -> Found:
    found = Found()
    for value in values:
        for body in value if isinstance(value, list) else [value]:
            if isinstance(body, Object):
                _of_body(found, body, is_outer=True)
    return found


def _of_body(found: Found, body: Object, *, is_outer: bool) -> None:
    for key, value in body.members:
        if key in {"model", "modelVersion"} and isinstance(value, str):
            if not found.model and NAME.fullmatch(value):
                found.model = value
        elif key in {"usage", "usageMetadata"} and isinstance(value, Object):
            _of_usage(found, value)
        elif key in {"message", "response"} and isinstance(value, Object) and is_outer:
            _of_body(found, value, is_outer=False)


def _of_usage(found: Found, usage: Object) -> None:
    stated: dict[int, int] = {}
    thoughts: list[int] = []
    for key, value in usage.members:
        if key in DETAILS and isinstance(value, Object):
            for detail, count in value.members:
                if detail == "cached_tokens" and _is_count(count):
                    stated.setdefault(2, count)
        elif _is_count(value):
            if key in COUNTS:
                stated.setdefault(COUNTS[key], value)
            elif key == "thoughtsTokenCount":
                thoughts.append(value)
    if thoughts:
        stated[1] = stated.get(1, 0) + thoughts[0]
    for count, number in stated.items():
        found.counts[count] = number


def _is_count(value: Value) -> TypeGuard[int]:
    return type(value) is int and 0 <= value <= MOST


# -- answers -------------------------------------------------------------------

LOOKED_FOR = ("model", "modelVersion", "usage", "usageMetadata", "message", "response", *DETAILS)
KEYS = st.sampled_from([*LOOKED_FOR, *COUNTS, "thoughtsTokenCount", "cached_tokens"]) | st.text()
NAMES = st.from_regex(NAME, fullmatch=True) | st.sampled_from(
    ["x" * 128, "x" * 129, "", 'a"b', "\\"]
)
SCALARS: st.SearchStrategy[Value] = st.one_of(
    st.integers(-5, 50),
    st.integers(MOST - 2, MOST + 2),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.none(),
    NAMES,
    st.text(),
)


def objects(values: st.SearchStrategy[Value]) -> st.SearchStrategy[Value]:
    return st.lists(st.tuples(KEYS, values), max_size=6).map(Object)


VALUES = st.recursive(
    SCALARS, lambda inner: objects(inner) | st.lists(inner, max_size=4), max_leaves=30
)
# Those that have something at the right place are rare among all.
COUNTED: st.SearchStrategy[tuple[str, Value]] = st.tuples(
    st.sampled_from([*COUNTS, "cached_tokens"]), st.integers(0, 50)
)
USAGES = st.lists(
    COUNTED
    | st.tuples(st.sampled_from(DETAILS), st.lists(COUNTED, max_size=3).map(Object))
    | st.tuples(KEYS, SCALARS),
    max_size=6,
).map(Object)
BODIES = st.lists(
    st.tuples(st.sampled_from(["usage", "usageMetadata"]), USAGES)
    | st.tuples(st.sampled_from(["model", "modelVersion"]), NAMES)
    | st.tuples(KEYS, VALUES),
    max_size=5,
).map(Object)
ANSWERS = st.one_of(
    BODIES,
    st.lists(BODIES | VALUES, max_size=3),
    st.tuples(st.sampled_from(["message", "response"]), BODIES).map(lambda pair: Object([pair])),
    VALUES,
)


@dataclass(frozen=True)
class Layout:
    """How values are written: white space, where some may be, and ends of lines."""

    spaces: list[str]
    end: str
    is_ascii: bool

    def written(self, value: Value) -> str:
        """A value as JSON."""
        return "".join(self._written(value, itertools.cycle(self.spaces)))

    def _written(self, value: Value, spaces: Iterator[str]) -> Iterator[str]:
        yield next(spaces)
        if isinstance(value, Object):
            yield "{"
            for number, (key, inner) in enumerate(value.members):
                yield "," if number else ""
                yield from self._written(key, spaces)
                yield ":"
                yield from self._written(inner, spaces)
            yield "}"
        elif isinstance(value, list):
            yield "["
            for number, element in enumerate(value):
                yield "," if number else ""
                yield from self._written(element, spaces)
            yield "]"
        else:
            yield json.dumps(value, ensure_ascii=self.is_ascii)
        yield next(spaces)

    def event(self, value: Value) -> str:
        """A value as an event, with as many lines as its JSON has."""
        data = [f"data:{line}" for line in re.split(r"\r\n|\r|\n", self.written(value))]
        return self.end.join(["event: x", *data, "id: 1", "", ""])


LAYOUTS = st.builds(
    Layout,
    st.lists(st.sampled_from(["", "", " ", "\n", "\t", "\r\n", "\r"]), min_size=1),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.booleans(),
)
CUTS = st.lists(st.integers(0, 2**20), max_size=12)


def cut(whole: bytes, places: Sequence[int]) -> list[bytes]:
    at = sorted({0, len(whole), *(place % (len(whole) + 1) for place in places)})
    return [whole[begin:end] for begin, end in itertools.pairwise(at)]


@given(value=ANSWERS, layout=LAYOUTS, places=CUTS)
@settings(max_examples=250)
def test_of_json_it_finds_what_is_stated(
    reader: Reader, value: Value, layout: Layout, places: list[int]
) -> None:
    whole = layout.written(value).encode("utf-8", "surrogatepass")
    assert reader.read(cut(whole, places), is_events=False) == of_values([value])


@given(values=st.lists(ANSWERS, max_size=4), layout=LAYOUTS, places=CUTS)
@settings(max_examples=250)
def test_of_events_it_finds_what_is_stated(
    reader: Reader, values: list[Value], layout: Layout, places: list[int]
) -> None:
    text = f": a comment{layout.end}" + "".join(map(layout.event, values))
    whole = text.encode("utf-8", "surrogatepass")
    assert reader.read(cut(whole, places), is_events=True) == of_values(values)
    # An event states what it does, whatever was before it.
    broken = f'data: {{{layout.end}data: "a{layout.end}{layout.end}'.encode() + whole
    assert reader.read(cut(broken, places), is_events=True) == of_values(values)


TOKENS = [
    *'{}[]:,"\\ \n\r0123456789-.e',
    "data:",
    "\n\ndata:",
    "null",
    *map(json.dumps, LOOKED_FOR),
]
HOSTILE = st.lists(
    st.sampled_from([token.encode() for token in [*TOKENS, *map(json.dumps, COUNTS)]]) | st.binary()
).map(b"".join)


@given(whole=HOSTILE, places=CUTS, is_events=st.booleans())
@settings(max_examples=500)
@example(whole=b"[" * 100_000 + b"{" * 100_000 + b"}" * 300_000, places=[], is_events=False)
@example(whole=b'{"usage":' * 1000, places=[], is_events=False)
@example(whole=b'{"message":{"response":{"message":{"usage":{', places=[], is_events=False)
@example(whole=b'data: {"model":"' + b"x" * 100_000, places=[], is_events=True)
@example(whole=b'{"usage":{"input_tokens":' + b"9" * 100_000, places=[], is_events=False)
def test_whatever_comes_it_stays_in_bounds_and_a_cut_changes_nothing(
    reader: Reader, *, whole: bytes, places: list[int], is_events: bool
) -> None:
    found = reader.read([whole], is_events=is_events)
    assert reader.read(cut(whole, places), is_events=is_events) == found
    assert reader.read([bytes([byte]) for byte in whole[:2000]], is_events=is_events) == (
        reader.read([whole[:2000]], is_events=is_events)
    )
    assert not found.model or NAME.fullmatch(found.model)
    assert all(-1 <= count <= 2 * MOST for count in found.counts)


@pytest.mark.parametrize(
    "text",
    [
        r'{"m\u006fdel":"m","usage":{"\u0069nput_tokens":5}}',  # no API writes it so
        '{"model" "m","usage" {"input_tokens":5}}',
        '{"model":"m\\u0041","usage":{"input_tokens":5x}}',
        '{"usage":{"input_tokens":05.0,"output_tokens":-5}}',
        '{"usage":{"input_tokens":5',
        '{"usage":{"input_tokens":5]',
        '{"usage":[{"input_tokens":5}]}',
        '{"content":[{"input":{"model":"m","usage":{"input_tokens":5}}}]}',
        '{"content":"{\\"model\\":\\"m\\",\\"usage\\":{\\"input_tokens\\":5}}"}',
        '{"output":{"response":{"model":"m","usage":{"input_tokens":5}}}}',
        '{"message":{"response":{"model":"m","usage":{"input_tokens":5}}}}',
        '{"response":{"message":{"model":"m","usage":{"input_tokens":5}}}}',
        '[[{"model":"m","usage":{"input_tokens":5}}]]',
    ],
)
def test_what_is_not_stated_or_elsewhere_counts_for_nothing(reader: Reader, text: str) -> None:
    assert reader.read([text.encode()], is_events=False) == Found()


def test_it_has_names_for_what_it_counts(reader: Reader) -> None:
    """The control of what counts for nothing, and what `thoughtsTokenCount` is added to."""
    for key, count in COUNTS.items():
        wanted = Found(model="m")
        wanted.counts[count] = MOST
        text = json.dumps({"model": "m", "usage": {key: MOST}})
        assert reader.read([text.encode()], is_events=False) == wanted
    counted = {"candidatesTokenCount": 5, "thoughtsTokenCount": 7}
    text = json.dumps({"response": {"usageMetadata": counted}})
    assert reader.read([f"data: {text}\n\n".encode()], is_events=True).counts == [-1, 12, -1, -1]
