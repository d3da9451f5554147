"""What nginx's module refuses, and what an nginx reads of what it writes of APIs.

tests/host/test_names.py has nginx read the names.
"""

from __future__ import annotations

import re
import string
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forage_gen.quote import nginx as q
from forage_gen.quote.token import Unquotable
from forage_gen.values.apis import api_path
from tests.quote.ask_nginx import ask
from tests.quote.expectations import assert_read_back, assert_refused
from tests.quote.samples import SOME, in_batches
from tests.requirements import require

if TYPE_CHECKING:
    from collections.abc import Callable

LABEL = st.from_regex(r"[a-z0-9_]([a-z0-9_-]{0,10}[a-z0-9_])?", fullmatch=True)
NAMES = st.lists(LABEL, min_size=2, max_size=4).map(".".join)


@given(NAMES)
def test_a_name_is_itself_in_quotes(name: str) -> None:
    assert q.domain(name) == f'"{name}"'
    assert q.authority(name, 443) == f'"{name}:443"'


@given(NAMES, st.lists(LABEL, min_size=1, max_size=3).map(".".join))
def test_the_expression_takes_what_is_below_a_name_and_nothing_else(name: str, more: str) -> None:
    expression = q.below(name).strip('"').removeprefix("~*")
    assert re.search(expression, f"{more}.{name}", re.IGNORECASE)
    assert re.search(expression, f"{more}.{name}".upper(), re.IGNORECASE)
    for other in (name, f".{name}", f"{more}{name}", f"{more}.{name}.org", f"unix:/x.{name}"):
        matched = re.search(expression, other, re.IGNORECASE)
        # `a` and `b.c` make `ab.c`, which is below `c` and not below `b.c`.
        assert not matched or other.endswith(f".{name}")


@given(st.text())
def test_whatever_holds_something_else_is_refused(text: str) -> None:
    if re.fullmatch(r"[a-z0-9_.-]*", text):
        return
    for write in (q.domain, q.below, q.word):
        with pytest.raises(Unquotable):
            write(text)


@pytest.mark.parametrize(
    "name", ["default", "hostnames", "*.a.org", ".a.org", "a.org.", "~a.org", "A.org", "-a.org", ""]
)
def test_what_a_map_takes_for_something_else_is_refused(name: str) -> None:
    with pytest.raises(Unquotable):
        q.domain(name)


@pytest.mark.parametrize("path", ["", "x", "/", "/a b", "/a/", "/$x", '/"', "/a;"])
def test_what_is_no_path_of_our_own_is_refused(path: str) -> None:
    with pytest.raises(Unquotable):
        q.path(path)


def test_a_name_that_is_too_long_is_refused() -> None:
    with pytest.raises(Unquotable):
        q.domain(".".join(["a" * 63] * 4))


@pytest.mark.parametrize("number", [0, -1, 65536])
def test_what_is_no_port_is_refused(number: int) -> None:
    with pytest.raises(Unquotable):
        q.port(number)


@pytest.mark.parametrize("number", [-1, 2**31])
def test_what_is_no_number_is_refused(number: int) -> None:
    with pytest.raises(Unquotable):
        q.integer(number)


def test_an_address() -> None:
    assert q.address(IPv4Address("127.0.0.1")) == "127.0.0.1"


@given(NAMES, st.integers(1, 65535))
def test_an_origin_is_as_browsers_write_it(name: str, port: int) -> None:
    assert q.origin(name, port) == (name if port == 443 else f"{name}:{port}")


@pytest.mark.parametrize(("name", "port"), [("a.org", 0), ("a.org", 65536), ("a", 1), ("a b", 1)])
def test_what_is_no_origin_is_refused(name: str, port: int) -> None:
    with pytest.raises(Unquotable):
        q.origin(name, port)


def get(pattern: str) -> q.NginxToken:
    return q.request(["GET"], "", pattern)


# What each takes of characters, besides letters and digits.
PLAIN: dict[Callable[[str], q.NginxToken], str] = {
    q.uri: "._~-/",
    get: "._~:@=,+*/-",
    q.header: "-",
    q.scheme: "-",
    q.secret: "_.-",
    q.variable: "_",
}


@pytest.mark.parametrize("write", PLAIN, ids=lambda write: write.__name__)
@given(text=st.text())
def test_what_nginx_could_take_for_something_else_is_refused(
    write: Callable[[str], q.NginxToken], text: str
) -> None:
    if not re.fullmatch(rf"[A-Za-z0-9{re.escape(PLAIN[write])}]*", text):
        assert_refused(write, text)


@pytest.mark.parametrize(
    ("write", "text"),
    [
        *((q.uri, text) for text in ["a", "/", "/a/", "//", "/a//b", "/.", "/../a", "/a\n", "/*"]),
        *((get, text) for text in ["", "a", "*", "/a\n", "/$uri", '/"', "/(", "/[", "/^", "/\\"]),
        *((q.header, text) for text in ["", "-a", "a_b", "A" * 65, "a:", "a\n"]),
        *((q.scheme, text) for text in ["", "a b", "a$b", "a\n"]),
        *((q.secret, text) for text in ["", "a/b", "$a", "a\n", "a'"]),
        *((q.variable, text) for text in ["", "A", "1a", "_a", "$a", "a-b", "a\n"]),
    ],
)
def test_what_is_none_is_refused(write: Callable[[str], q.NginxToken], text: str) -> None:
    assert_refused(write, text)


@pytest.mark.parametrize("methods", [[""], ["get"], ["G"], ["GET", "A|B"], ["GET "], ["A" * 17]])
def test_what_are_no_methods_is_refused(methods: list[str]) -> None:
    assert_refused(lambda names: q.request(names, "", "/"), methods)


class Words(NamedTuple):
    """Values of each of the functions whose result is a part of a word."""

    origin: tuple[str, int]
    uri: str
    header: str
    scheme: str
    secret: str
    variable: str

    @property
    def host(self) -> str:
        """The origin in the other notation."""
        name, port = self.origin
        return name if port == 443 else f"{name}:{port}"


_ALNUM = string.ascii_letters + string.digits

# Text of an alphabet: drawn at one go, where an expression would take minutes.
WORDS = st.builds(
    Words,
    st.tuples(NAMES, st.integers(1, 65535)),
    st.lists(
        st.text(f"{_ALNUM}._~-", min_size=1, max_size=6).filter(lambda part: part.strip(".")),
        max_size=3,
    ).map(lambda parts: "".join(f"/{part}" for part in parts)),
    st.text(f"{_ALNUM}-", min_size=1, max_size=62).map("X-{}".format),
    st.text(f"{_ALNUM}-", min_size=1, max_size=9),
    st.text(f"{_ALNUM}_.-", min_size=1, max_size=9),
    st.text(f"{string.ascii_lowercase}{string.digits}_", max_size=31).map("own_{}".format),
)


@in_batches(WORDS, share=SOME)
def test_nginx_reads_each_word_as_it_was_written(words: list[Words]) -> None:
    require("nginx")
    geos = {each.variable: number for number, each in enumerate(words)}
    http = "".join(
        f'geo {q.variable(name)} {{ default "{number}"; }}\n' for name, number in geos.items()
    )
    server = "".join(
        f"location = /{number} {{ set $o https://{q.origin(*each.origin)}{q.uri(each.uri)}/; "
        f"add_header {q.header(each.header)}"
        f' "{q.scheme(each.scheme)} {q.variable(each.variable)}"; '
        f"return 200 '$o the secret {q.secret(each.secret)} is missing'; }}\n"
        for number, each in enumerate(words)
    )
    found = ask(http, server, [("GET", f"/{number}") for number in range(len(words))])
    assert_read_back(
        [answer.body for answer in found],
        [f"https://{each.host}{each.uri}/ the secret {each.secret} is missing" for each in words],
    )
    assert_read_back(
        [answer.headers.get(each.header) for answer, each in zip(found, words, strict=True)],
        [f"{each.scheme} {geos[each.variable]}" for each in words],
    )


class Asked(NamedTuple):
    """What may be asked, and what is."""

    methods: list[str]
    before: str
    pattern: str
    method: str
    path: str

    def means(self, method: str, path: str) -> bool:
        """Whether it lets this be asked, said in another way than nginx is told."""
        if method not in self.methods or not path.startswith(self.before):
            return False
        path = path.removeprefix(self.before)
        pattern = self.pattern
        if pattern.endswith("/**"):
            parts = pattern.removesuffix("/**").split("/")
            given = path.split("/", len(parts))
            # No newline: the proxy refuses these before it compares.
            is_any = len(given) > len(parts) and bool(given[-1]) and "\n" not in given[-1]
            return is_any and alike(parts, given[:-1])
        return alike(pattern.split("/"), path.split("/"))


def alike(patterns: list[str], parts: list[str]) -> bool:
    return len(patterns) == len(parts) and all(map(part_is, patterns, parts))


def part_is(pattern: str, part: str) -> bool:
    """Whether a part of a path is what a pattern says: `*` is one character or more."""
    if not pattern or not part:
        return pattern == part
    if pattern[0] == "*":
        return any(part_is(pattern[1:], part[length:]) for length in range(1, len(part) + 1))
    return pattern[0] == part[0] and part_is(pattern[1:], part[1:])


METHODS = st.sampled_from(["GET", "GE", "GETS", "POST", "HEADS"])
# nginx resolves such parts before it compares.
RESOLVED = re.compile(r"(^|/)\.{1,2}(/|$)")
PARTS = st.text("ab.+:", min_size=1, max_size=3)


@st.composite
def asked(draw: st.DrawFn) -> Asked:
    before = draw(st.sampled_from(["", "/agents/a", "/proxies/a-b"]))
    parts = draw(st.lists(st.text("ab.+:*", min_size=1, max_size=4), max_size=3))
    pattern = "".join(f"/{part.replace('**', '*')}" for part in parts).replace("**", "*")
    pattern = (pattern + draw(st.sampled_from(["", "", "/**", "/"]))) or "/"
    if RESOLVED.search(pattern):
        pattern = "/a.b/*"
    filler = PARTS | st.text("ab/.\n %$é", max_size=4)
    path = re.sub(r"\*+", lambda _: draw(filler), pattern)
    path = draw(st.sampled_from([path, path, before + path, before + path, f"{before}{path}/"]))
    if draw(st.booleans()):
        place = draw(st.integers(0, len(path)))
        path = path[:place] + draw(st.text("ab/.\nx", max_size=2)) + path[place + 1 :]
    if RESOLVED.search(path) or not path.startswith("/"):
        path = f"{before}/a.b/ab"
    methods = draw(st.lists(METHODS, min_size=1, max_size=2))
    return Asked(methods, before, api_path(pattern), draw(METHODS | st.just(methods[0])), path)


@in_batches(asked(), share=SOME)
def test_nginx_lets_be_asked_what_a_pattern_means_and_nothing_else(cases: list[Asked]) -> None:
    require("nginx")
    http = "".join(
        f'map "$request_method $uri" $may_{number} {{ default 0;'
        f" {q.request(case.methods, case.before, case.pattern)} 1; }}\n"
        for number, case in enumerate(cases)
    )
    every = "".join(f"$may_{number}" for number in range(len(cases)))
    found = ask(
        http,
        f'return 200 "{every}";',
        [(case.method, quote(case.path)) for case in cases],
    )
    wanted = ["".join("01"[case.means(one.method, one.path)] for case in cases) for one in cases]
    assert_read_back([answer.body for answer in found], wanted)


@pytest.mark.parametrize(
    ("pattern", "path", "is_meant"),
    [
        ("/v1/models/*", "/v1/models/x", True),
        ("/v1/models/*", "/v1/models/", False),
        ("/v1/models/*", "/v1/models/x/y", False),
        ("/v1/models/*", "/v1/models/x\n", True),
        ("/v1/models", "/v1/models\n", False),
        ("/v1.0/a", "/v1x0/a", False),
        ("/a+b", "/aab", False),
        ("/r/**", "/r/x/y/z", True),
        ("/r/**", "/r/", False),
        ("/r/**", "/r", False),
        ("/r/**", "/rx/y", False),
        ("/r/**", "/r/x\ny", False),
        ("/r/**", "/x/r/y", False),
        ("/", "/", True),
        ("/", "/a", False),
    ],
)
def test_a_pattern(pattern: str, path: str, *, is_meant: bool) -> None:
    require("nginx")
    http = f'map "$request_method $uri" $may {{ default 0; {get(pattern)} 1; }}'
    (found,) = ask(http, 'return 200 "$may";', [("GET", quote(path))])
    assert found.body == "01"[is_meant]
