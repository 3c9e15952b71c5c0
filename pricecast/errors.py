"""The exception for a user's mistake."""

_LIMIT = 600  # characters


class InputError(ValueError):
    r"""Bad input: the message says what was expected, what came, and what to do.

    Front ends print it as one line, without a traceback. It quotes names and cells of the user's, so whatever
    could break the line or control a terminal becomes a blank, and a long text loses its middle.

    >>> str(InputError("expected a ticker, got 'A\nB'"))
    "expected a ticker, got 'A B'"
    """

    def __init__(self, message: str) -> None:
        line = "".join(character if character.isprintable() else " " for character in message)
        super().__init__(line if len(line) <= _LIMIT else f"{line[: _LIMIT - 200]} ... {line[-190:]}")
