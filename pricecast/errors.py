"""The one exception that stands for a user's mistake."""


class InputError(ValueError):
    """Bad input: the message says what was expected, what came, and what to do.

    Front ends print it as one line, without a traceback.
    """
