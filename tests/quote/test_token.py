"""Tokens: nothing but quoting and joining makes one."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING

import pytest
from hypothesis import given

from forage_gen.quote.gitconfig import GitConfigToken
from forage_gen.quote.nix import NixToken
from forage_gen.quote.shell import ShellToken
from forage_gen.quote.token import Token, Unquotable
from tests.quote.samples import COMMENTS, TEXTS

if TYPE_CHECKING:
    from collections.abc import Callable

TOKEN = NixToken("a")


@pytest.mark.parametrize(
    "operation",
    [
        str,
        lambda token: token + "b",
        lambda token: "b" + token,
        lambda token: token + token,
        lambda token: f"{token}",
        lambda token: f"{token:>5}",
        lambda token: "<{}>".format(token),  # noqa: UP032, PLW0108 - the method is what is tested
        lambda token: "%s" % token,  # noqa: UP031 - the operator is what is tested
        lambda token: token * 1,
        lambda token: token[:],
        lambda token: token.join([token]),
        lambda token: ",".join([token, token]),  # noqa: FLY002 - the method is what is tested
        lambda token: token.strip(),
        lambda token: token.replace("x", "y"),
        lambda token: token.encode().decode(),
    ],
)
def test_what_strings_can_do_gives_a_bare_string(operation: Callable[[Token], object]) -> None:
    assert type(operation(TOKEN)) is str


def test_a_copy_is_a_token() -> None:
    assert type(copy.deepcopy(TOKEN)) is NixToken
    assert type(pickle.loads(pickle.dumps(TOKEN))) is NixToken  # noqa: S301 - our own bytes


def test_tokens_of_one_language_join_to_a_token() -> None:
    joined = NixToken.joined(" ", [TOKEN, NixToken("b")])
    assert (type(joined), joined) == (NixToken, "a b")
    assert NixToken.joined(" ", []) == ""


@pytest.mark.parametrize("stranger", ["b", ShellToken("b"), Token("b")])
def test_nothing_else_joins(stranger: Token) -> None:
    with pytest.raises(TypeError, match="is no NixToken"):
        NixToken.joined(" ", [TOKEN, stranger])  # type: ignore[list-item]


def test_a_refusal_names_the_value_the_language_and_the_reason() -> None:
    with pytest.raises(Unquotable) as caught:
        NixToken.utf8("a\0b")
    assert str(caught.value) == r"Nix cannot hold 'a\x00b': it contains a NUL character."
    assert isinstance(caught.value, ValueError)


def test_a_refusal_shows_the_start_of_a_long_value() -> None:
    with pytest.raises(Unquotable) as caught:
        NixToken.utf8("\0" + "x" * 10_000)
    assert len(str(caught.value)) < 200


@given(COMMENTS)
def test_a_comment_is_one_line(text: str) -> None:
    line = GitConfigToken.comment_line(text)
    assert line.startswith("#")
    assert line.splitlines() == [line]
    assert text.strip() in line


@given(TEXTS)
def test_a_comment_says_all_of_the_text_or_is_refused(text: str) -> None:
    try:
        line = GitConfigToken.comment_line(text)
    except Unquotable:
        return
    assert line == f"# {text}".rstrip()


@pytest.mark.parametrize(
    "text", ["a\nb", "a\rb", "a\0b", "\x1b[2J", "a\u2028b", "\u202e", "\ud800"]
)
def test_no_comment_hides_something(text: str) -> None:
    with pytest.raises(Unquotable):
        GitConfigToken.comment_line(text)


def test_a_comment_fits_the_reader_s_line() -> None:
    assert GitConfigToken.comment_line("x" * 998)
    with pytest.raises(Unquotable, match="at most 1000 bytes"):
        GitConfigToken.comment_line("x" * 999)
