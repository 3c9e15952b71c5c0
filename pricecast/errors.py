"""The one exception that stands for a user's mistake."""

_LIMIT = 600  # characters


class InputError(ValueError):
    """Bad input: the message says what was expected, what came, and what to do.

    Front ends print it as one line, without a traceback. It quotes names and cells of the user's, so whatever
    could break the line or steer a terminal becomes a blank, and a flood of text loses its middle.
    """

    def __init__(self, message: str) -> None:
        line = "".join(character if character.isprintable() else " " for character in message)
        super().__init__(line if len(line) <= _LIMIT else f"{line[: _LIMIT - 200]} ... {line[-190:]}")
