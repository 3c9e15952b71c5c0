"""The exception for a user's mistake, and the errors of a full disk."""

import errno

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
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


def is_full_disk(error: BaseException) -> bool:
    """Return whether an error says that there is no room to write to."""
    return isinstance(error, OSError) and error.errno in _NO_SPACE
