"""Templates: one jinja2 environment for each target language.

An environment prints tokens of its own language and nothing else. A value that
nobody quoted, or that was quoted for another language, is an error when the
template is rendered, and so in every test that renders it.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2

if TYPE_CHECKING:
    from collections.abc import Callable

    from forage_gen.quote.token import Token

TEMPLATES = Path(__file__).parent / "templates"
"""Where the templates are."""

_SHOWN_MAX = 60


class UnquotedValueError(TypeError):
    """A template prints a value that is no token of its language.

    Attributes:
        value: The value.
        token_class: The only kind of value that the environment prints.
    """

    def __init__(self, value: object, token_class: type[Token]) -> None:
        shown = repr(value)
        if len(shown) > _SHOWN_MAX:
            shown = f"{shown[:_SHOWN_MAX]}..."
        super().__init__(
            f"a template for {token_class.language} prints {shown}, a {type(value).__name__}: "
            f"quote it to a {token_class.__name__} first",
        )
        self.value = value
        self.token_class = token_class


@functools.cache
def environment(token_class: type[Token], templates: Path = TEMPLATES) -> jinja2.Environment:
    """Make the environment of one target language.

    What ``{{ ... }}`` prints has to be a token of the language. Numbers and
    truth values have to be quoted as well. The results of macros, of ``{% set
    %}`` blocks and of filters such as ``join`` are bare strings, and so are
    sums and literals in a template: they are refused, and that is intended.
    Quote and join in Python; templates only place finished text.

    Args:
        token_class: The language's kind of token.
        templates: The directory of the templates.

    Returns:
        The environment; the same one each time.
    """
    # Autoescape (ruff's S701) escapes for HTML, which would corrupt every
    # language here. `finalize` does its job: it refuses what is not quoted.
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates),
        undefined=jinja2.StrictUndefined,
        finalize=_only(token_class),
        autoescape=False,  # noqa: S701
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        # jinja2's own `{#` stands in bash as well: `${#lines[@]}`.
        comment_start_string="{%#",
        comment_end_string="#%}",
        # Templates do not change while the compiler runs, and there are few.
        auto_reload=False,
        cache_size=-1,
    )
    # No template calls jinja2's functions, and each rendering would copy their table.
    made.globals.clear()
    return made


def render(token_class: type[Token], template_name: str, /, **context: object) -> str:
    """Render a template of one target language.

    Args:
        token_class: The language's kind of token.
        template_name: The template's path below the templates' directory.
        context: The names that the template uses.

    Returns:
        The text of the artifact.

    Raises:
        UnquotedValueError: The template prints a value that is no token of the
            language.
        jinja2.UndefinedError: It uses a name that the context does not have.
        jinja2.TemplateNotFound: There is no such template.
    """
    return environment(token_class).get_template(template_name).render(context)


def _only(token_class: type[Token]) -> Callable[[object], object]:
    def finalize(value: object) -> object:
        # An undefined value names itself when jinja2 makes a string of it.
        if isinstance(value, token_class | jinja2.Undefined):
            return value
        raise UnquotedValueError(value, token_class)

    return finalize


def unchanged(template: str) -> bytes:
    """Read a template that takes no value of a project, so that nothing in it is quoted."""
    return (TEMPLATES / template).read_bytes()
