"""The base of the per-series models: one path per ticker, fitted up to its last label, filtered from its start.

A path is 100 * log(close / first close): readjusting all closes by one factor changes nothing, and its daily steps
are percents, a scale on which optimisers work well.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from pricecast.data.calendars import day
from pricecast.dataset.panel import Panel
from pricecast.errors import InputError
from pricecast.models import check_tickers
from pricecast.text import listed, short

PERCENT = 100.0
LARGEST = 1e9
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
States = dict[str, dict[str, Any]]
Estimate = Callable[[np.ndarray], dict[str, Any]]
Filter = Callable[[np.ndarray, dict[str, Any], int], np.ndarray]


def fit_each(panel: Panel, train: np.ndarray, estimate: Estimate) -> States:
    """Estimate the parameters of each ticker that has training origins; its state also has its first bar's date.

    Args:
        panel: with each ticker's bars from the first one on.
        train: (n,) origins whose labels are known; a path ends at the last label of its ticker.
        estimate: maps a path (bars,) to parameters that JSON can hold.
    """
    states: States = {}
    for ticker in np.unique(panel.tickers[train]):
        rows = _rows(panel, ticker)
        last = train[panel.tickers[train] == ticker].max() + panel.spec.horizon
        states[str(ticker)] = {"start": day(panel.dates[rows[0]]), **estimate(_path(panel, rows[0], last))}
    return states


def predict_each(name: str, states: States, panel: Panel, origins: np.ndarray, run: Filter) -> np.ndarray:
    """Forecast each origin from its ticker's path up to it, (n, horizon).

    Args:
        name: of the model, for its errors.
        states: of `fit_each`.
        panel: with each ticker's bars from the first one of its training on; earlier ones are cut.
        origins: (n,) row numbers.
        run: maps a path (bars,), the ticker's state and the horizon to forecasts (bars, horizon), each row from
            that bar and earlier ones alone.

    Raises:
        InputError: a ticker was not there in training, or its bars do not reach back to its first one there.
    """
    tickers = panel.tickers[origins]
    check_seen(name, states, tickers)
    forecasts = np.empty((len(origins), panel.spec.horizon))
    for ticker in np.unique(tickers):
        rows = np.flatnonzero(tickers == ticker)
        first = _first_row(name, panel, ticker, states[ticker]["start"], origins[rows].min())
        path = _path(panel, first, origins[rows].max())
        forecasts[rows] = run(path, states[ticker], panel.spec.horizon)[origins[rows] - first]
    return forecasts


def check_seen(name: str, known: Iterable[str], tickers: np.ndarray) -> None:
    """Refuse tickers that a per-ticker model has no parameters for.

    Raises:
        InputError: a ticker was not there in training.
    """
    unseen = sorted(set(tickers) - set(known))
    if unseen:
        raise InputError(
            f"expected tickers that {name} was trained on ({listed(sorted(known))}), "
            f"got {listed(unseen)}: train it with them"
        )


def check_states(name: str, states: Any, sizes: dict[str, int]) -> States:
    """Return a learned state, as read from JSON, unchanged if it has `start` and numbers for each ticker.

    Args:
        name: of the model.
        states: as read from JSON.
        sizes: by parameter the longest list that it may be, 0 for a single number.

    Raises:
        InputError: it is something else.
    """
    if isinstance(states, dict):
        check_tickers(states.keys(), f"the state of {name}")
    for ticker, state in states.items() if isinstance(states, dict) else [("", states)]:
        if not isinstance(state, dict) or state.keys() != {"start", *sizes} or not _is_date(state["start"]):
            raise InputError(f"expected start, {', '.join(sizes)} of {name}, got {short(state)}: train it again")
        for key, size in sizes.items():
            if not (_is_list(state[key], size) if size else _is_number(state[key])):
                expected = f"at most {size} numbers" if size else "a number"
                raise InputError(
                    f"expected {expected} as {key} of {name} for {ticker}, got {short(state[key])}: train it again"
                )
    return states


def _is_number(value: Any) -> bool:
    # A comparison, which is false for NaN and takes whole numbers of any length.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST


def _is_list(value: Any, size: int) -> bool:
    return isinstance(value, list) and len(value) <= size and all(map(_is_number, value))


def _is_date(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(_DATE.fullmatch(value)) and not np.isnat(np.datetime64(value, "D"))
    except ValueError:
        return False


def _first_row(name: str, panel: Panel, ticker: str, start: str, origin: int) -> int:
    rows = _rows(panel, ticker)
    later = rows[panel.dates[rows] >= np.datetime64(start)]
    if not len(later) or day(panel.dates[later[0]]) != start:
        first = day(panel.dates[later[0]]) if len(later) else f"none after {day(panel.dates[rows[-1]])}"
        raise InputError(
            f"expected the bars of {ticker} from {start} on, where the training of {name} began, got {first}: "
            "give the bars from there on"
        )
    if origin < later[0]:
        raise InputError(
            f"expected origins of {ticker} from {start} on, where the training of {name} began, "
            f"got {day(panel.dates[origin])}: forecast from later ones"
        )
    return int(later[0])


def _rows(panel: Panel, ticker: str) -> np.ndarray:
    return np.flatnonzero(panel.tickers == ticker)


def _path(panel: Panel, first: int, last: int) -> np.ndarray:
    close = panel.close[first : last + 1]
    return PERCENT * np.log(close / close[0])
