"""Text that is safe to place in one target language, and what cannot be.

A :class:`Token` is finished text of one language: it was quoted, and reading it
back gives the value it was made from. It is a ``str``, but nothing that Python
does with strings keeps it a token: ``+``, f-strings, ``str.join``, slices and
``str()`` all give a bare ``str``, which the templates' environments refuse
(:mod:`forage_gen.emit.render`). So text cannot be glued to a token by accident.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, ClassVar, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

_SHOWN_MAX = 60
# Categories of characters that a reader of a comment cannot see or that end its
# line somewhere: controls, formats, surrogates, line and paragraph separators.
_NO_COMMENT = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


class Unquotable(ValueError):  # noqa: N818 - it says what the value is, not that we failed
    """A value that a target language has no way to write.

    Attributes:
        value: The refused value.
        language: The target language's name, as in ``Token.language``.
        reason: Why, as a clause: "it contains a NUL character".
    """

    def __init__(self, value: object, language: str, reason: str) -> None:
        shown = ascii(value)
        if len(shown) > _SHOWN_MAX:
            shown = f"{shown[:_SHOWN_MAX]}..."
        super().__init__(f"{language} cannot hold {shown}: {reason}.")
        self.value = value
        self.language = language
        self.reason = reason


class Token(str):
    """Finished text of one target language.

    Each language's module defines its own subclass. Calling the class asserts
    that the text is quoted already, so only the quoting modules do it.

    Attributes:
        language: The language's name, for messages.
    """

    __slots__ = ()
    language: ClassVar[str]

    @classmethod
    def joined(cls, separator: str, tokens: Iterable[Self]) -> Self:
        r"""Join tokens of one language into one token of it.

        Args:
            separator: Constant text of that language, such as ``", "`` or
                ``"\n"``. It is not quoted.
            tokens: What to join, all of this very class.

        Returns:
            The joined text.

        Raises:
            TypeError: An item is not a token of this class.
        """
        parts = list(tokens)
        for part in parts:
            if not isinstance(part, cls):
                message = f"{type(part).__name__} is no {cls.__name__}: quote it first"
                raise TypeError(message)
        return cls(separator.join(parts))

    @classmethod
    def refuse(cls, value: object, reason: str) -> NoReturn:
        """Raise :class:`Unquotable` in this language's name.

        Args:
            value: The value that cannot be written.
            reason: Why, as a clause.

        Raises:
            Unquotable: Always.
        """
        raise Unquotable(value, cls.language, reason)

    @classmethod
    def utf8(cls, text: str) -> bytes:
        """Encode text that the language shall hold.

        Args:
            text: The text.

        Returns:
            Its UTF-8 bytes.

        Raises:
            Unquotable: The text has a NUL character, which ends a string in
                every program written in C, or a lone surrogate, which is no
                character and has no UTF-8 form (RFC 3629, section 3).
        """
        if "\0" in text:
            cls.refuse(text, "it contains a NUL character")
        try:
            return text.encode()
        except UnicodeEncodeError:
            cls.refuse(text, "it contains a lone surrogate, which UTF-8 cannot encode")

    @classmethod
    def comment_line(cls, text: str, *, limit: int = 1000) -> Self:
        """Make a comment of one line that starts with a number sign.

        Args:
            text: What the comment says.
            limit: The most bytes that the comment may have.

        Returns:
            ``# text``, without a newline.

        Raises:
            Unquotable: The text holds a control or invisible character or a
                line break of any kind: the rest would be read as code by the
                machine, or as something else by a person. Or it is too long.
        """
        encoded = cls.utf8(text)
        if any(unicodedata.category(character) in _NO_COMMENT for character in text):
            cls.refuse(text, "a comment is one line of visible characters")
        if len(encoded) + 2 > limit:
            cls.refuse(text, f"a comment has at most {limit} bytes")
        return cls(f"# {text}".rstrip())
