"""Templates print tokens of their own language, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jinja2
import pytest

from forage_gen.emit.render import UnquotedValueError, environment, render
from forage_gen.quote import nix, shell
from forage_gen.quote.nix import NixToken
from forage_gen.quote.token import Token

if TYPE_CHECKING:
    from pathlib import Path


def nix_text(template: str, **context: object) -> str:
    return environment(NixToken).from_string(template).render(context)


def test_a_token_is_printed() -> None:
    assert nix_text("x = {{ x }};", x=nix.string("${a}")) == r'x = "\${a}";'


@pytest.mark.parametrize(
    "stranger",
    ["text", 1, 1.5, True, None, b"x", ["x"], shell.word("x"), Token("x")],
)
def test_everything_else_is_refused(stranger: object) -> None:
    with pytest.raises(UnquotedValueError) as caught:
        nix_text("{{ x }}", x=stranger)
    assert type(stranger).__name__ in str(caught.value)
    assert caught.value.value is stranger


@pytest.mark.parametrize(
    "expression",
    [
        "x ~ x",
        "x + x",
        "x ~ 'y'",
        "'%s' % x",
        "[x, x] | join(' ')",
        "x | upper",
        "x[:1]",
        "'literal'",
        "1 + 1",
        "m(x)",
        "caller_text",
        "x if x else ''",
    ],
)
def test_text_made_in_a_template_is_refused(expression: str) -> None:
    template = (
        "{% macro m(y) %}{{ y }}{% endmacro %}"
        "{% set caller_text %}{{ x }}{% endset %}"
        f"{{{{ {expression} }}}}"
    )
    with pytest.raises(UnquotedValueError):
        nix_text(template, x=nix.string("a") if "else" not in expression else NixToken(""))


def test_a_long_value_is_not_shown_whole() -> None:
    with pytest.raises(UnquotedValueError) as caught:
        nix_text("{{ x }}", x="y" * 10_000)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("template", ["{{ y }}", "{{ x.y }}", "{% if y %}{% endif %}"])
def test_an_undefined_name_is_an_error(template: str) -> None:
    with pytest.raises(jinja2.UndefinedError, match="y"):
        nix_text(template, x=nix.string("a"))


def test_a_template_s_own_text_needs_no_quoting() -> None:
    assert nix_text("{ a = ''${b}''; }\n") == "{ a = ''${b}''; }\n"


def test_statements_leave_no_lines_behind() -> None:
    template = "[\n  {% for item in items %}\n  {{ item }}\n  {% endfor %}\n]\n"
    items = [nix.integer(1), nix.integer(2)]
    assert nix_text(template, items=items) == "[\n  1\n  2\n]\n"


def test_nothing_is_escaped_for_html() -> None:
    assert nix_text("{{ x }}", x=nix.string("<&>")) == '"<&>"'


def test_an_environment_is_made_once() -> None:
    assert environment(NixToken) is environment(NixToken)
    assert environment(NixToken) is not environment(shell.ShellToken)


def test_a_template_is_found_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.j2").write_text("{{ x }}\n")
    template = environment(NixToken, tmp_path).get_template("a.j2")
    assert template.render(x=nix.boolean(value=True)) == "true\n"


def test_a_missing_template_is_an_error() -> None:
    with pytest.raises(jinja2.TemplateNotFound):
        render(NixToken, "no-such-template.j2")
