"""What nginx's module refuses; tests/host/test_names.py has nginx read what it writes."""

from __future__ import annotations

import re
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forage_gen.quote import nginx as q
from forage_gen.quote.token import Unquotable

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
