"""Checks of the arguments of the public calls: a mistake is told in one line, before any work."""

from collections.abc import Sequence
from numbers import Integral

import pandas as pd

from pricecast import models as catalog
from pricecast.defaults import LONGEST_HORIZON
from pricecast.errors import InputError
from pricecast.text import short

UNITS = ("price", "return")
MOST = 1000  # folds, and folds of one fit, as on the command line


def horizon_of(value: int) -> int:
    """Return a horizon if it is one.

    Raises:
        InputError: it is no whole number of 1 to 60.

    >>> horizon_of(5)
    5
    """
    return count_of("horizon", value, LONGEST_HORIZON)


def count_of(name: str, value: int, most: int = MOST) -> int:
    """Return the value of an argument that counts something.

    Raises:
        InputError: it is no whole number of 1 to `most`.
    """
    if not isinstance(value, Integral) or isinstance(value, bool) or not 1 <= value <= most:
        raise InputError(f"expected {name} as a whole number of 1 to {most}, got {short(value)}: correct it")
    return int(value)


def model_of(value: str) -> str:
    """Return the name of a model if there is such a one.

    Raises:
        InputError: there is none.
    """
    _check_text("a model", value)
    catalog.check_name(value)
    return value


def models_of(values: str | Sequence[str]) -> list[str]:
    """Return the names of models and families; a text is one name.

    Raises:
        InputError: there is none, or one is not known.

    >>> models_of("naive"), models_of(("naive", "har"))
    (['naive'], ['naive', 'har'])
    """
    try:
        names = [values] if isinstance(values, str) else list(values)
    except TypeError:
        names = []
    if not names:
        raise InputError(
            f'expected models as names, such as ("naive", "har"), got {short(values)}: name one or more'
        )
    for name in names:
        _check_text("models", name)
    catalog.check_words(names)
    return names


def check_units(units: str) -> None:
    """Refuse units that are none.

    Raises:
        InputError: they are neither prices nor returns.
    """
    if not isinstance(units, str) or units not in UNITS:
        raise InputError(f"expected units out of {', '.join(UNITS)}, got {short(units)}: choose one")


def check_table(forecasts: pd.DataFrame) -> None:
    """Refuse forecasts that are no table, or an empty one.

    Raises:
        InputError: they are.
    """
    if not isinstance(forecasts, pd.DataFrame):
        got = type(forecasts).__name__
        raise InputError(f"expected forecasts as a DataFrame of pandas, got {got}: read or convert them first")
    if forecasts.empty:
        raise InputError("expected forecasts in one row or more, got an empty table: forecast first")


def _check_text(what: str, value: str) -> None:
    if not isinstance(value, str):
        raise InputError(
            f'expected {what} by name, such as "naive" or "har", got {short(value)}: give a name of '
            f"{', '.join(catalog.names())}"
        )
