"""The one exception of this package."""


class ValueProblem(ValueError):  # noqa: N818 - it is reported as a problem, one of many in a run
    """A value is not what its grammar takes.

    It is a `ValueError`, so that a pydantic validator may let it pass through.

    Attributes:
        code: What is wrong, in kebab-case. Codes are stable: allow-comments,
            SARIF rules and tests name them.
        message: What is wrong with this value, as a sentence.
        hint: What to write instead, as a sentence.
        sensitive: The value may be a secret. Do not show the line it is on.
    """

    def __init__(self, code: str, message: str, hint: str, *, sensitive: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.sensitive = sensitive

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by the four fields, for test runners that cross processes."""
        return _rebuild, (self.code, self.message, self.hint, self.sensitive)


def _rebuild(code: str, message: str, hint: str, sensitive: bool) -> ValueProblem:  # noqa: FBT001 - mirrors the fields
    return ValueProblem(code, message, hint, sensitive=sensitive)
