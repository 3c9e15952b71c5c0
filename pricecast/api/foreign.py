"""Anybody's forecasts as the forecasts table that the evaluation takes."""

import re

import numpy as np
import pandas as pd
from scipy.special import ndtri

from pricecast.api.arguments import check_units
from pricecast.api.bars import UNNAMED
from pricecast.errors import InputError
from pricecast.schema import FORECASTS, MEDIAN, QUANTILE_COLUMNS, QUANTILE_LEVELS
from pricecast.table_checks import require
from pricecast.text import parse_ticker, short

UNNAMED_MODEL = "model"
_QUANTILE = re.compile(r"q(\d{1,2}(?:\.\d+)?)")
_END = re.compile(r"(lower|upper)_(\d{1,2}(?:\.\d+)?)")
# The median of forecasts this far (a factor of 1.6) from the last close is in other units.
_FARTHEST = 0.5


def as_forecasts(table: pd.DataFrame, units: str) -> pd.DataFrame:
    """Return the columns of `schema.FORECASTS`, in prices.

    Args:
        table: as `judgement.judge` takes it, with `actual`, and with `last_close` where it holds prices.
        units: "price" or "return".

    Raises:
        InputError: a column is missing or makes no sense.
    """
    check_units(units)
    rows = keys(table)
    require(table, ["actual"], "the forecasts")
    last = np.ones(len(table))
    if units == "price":
        require(table, ["last_close"], 'the forecasts (in prices; units="return" for log returns)')
        last = numbers(table, "last_close")
    actual = _returns(numbers(table, "actual"), last, units)
    quantiles = _quantiles(table, last, units)
    _check_size(quantiles, actual, units)
    prices = last[:, None] * np.exp(quantiles)
    return rows.assign(
        date=table["date"].to_numpy() if "date" in table else pd.Timestamp("NaT"),
        model=table["model"].astype(str).to_numpy() if "model" in table else UNNAMED_MODEL,
        last_close=last, forecast=prices[:, MEDIAN], **dict(zip(QUANTILE_COLUMNS, prices.T, strict=True)),
        actual=last * np.exp(actual),
    )[list(FORECASTS)]  # fmt: skip


def keys(table: pd.DataFrame) -> pd.DataFrame:
    """Return ticker, cutoff and horizon of each row as `as_forecasts` has them.

    Raises:
        InputError: cutoff or horizon is missing.
    """
    require(table, ["cutoff", "horizon"], "the forecasts")
    names = table["ticker"] if "ticker" in table else pd.Series(UNNAMED, table.index)
    tickers = [parse_ticker(str(ticker)) for ticker in names]
    horizons = numbers(table, "horizon")
    if not (np.isfinite(horizons) & (horizons >= 1) & (horizons == np.round(horizons))).all():
        raise InputError("expected horizons that count trading days, 1 and more, got others: correct the column")
    return pd.DataFrame({"ticker": tickers, "cutoff": _days(table["cutoff"]), "horizon": horizons.astype(int)})


def _days(moments: pd.Series) -> np.ndarray:
    try:
        days = pd.to_datetime(moments.astype(object) if moments.dtype == "category" else moments)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"expected dates in the column cutoff of the forecasts, got: {error}; correct it"
        ) from error
    if days.isna().any():
        raise InputError("expected a date in every row of the column cutoff of the forecasts, got gaps: fill them")
    return days.dt.tz_localize(None).dt.normalize().to_numpy("datetime64[us]")


def numbers(table: pd.DataFrame, name: str) -> np.ndarray:
    """Return a column of the forecasts as numbers, (n,).

    Raises:
        InputError: it holds something else.
    """
    try:
        return pd.to_numeric(table[name]).to_numpy(float)
    except (ValueError, TypeError) as error:
        raise InputError(f"expected numbers in the column {name} of the forecasts, got: {error}") from error


def _returns(values: np.ndarray, last: np.ndarray, units: str) -> np.ndarray:
    with np.errstate(all="ignore"):
        return values if units == "return" else np.log(values / last)


def _quantiles(table: pd.DataFrame, last: np.ndarray, units: str) -> np.ndarray:
    """Return the log returns of the quantiles, (n, q): those of the table, others interpolated as of a normal."""
    found = {level: _returns(numbers(table, name), last, units) for name, level in _levels(table).items()}
    if 0.5 not in found:
        if "forecast" not in table:
            raise InputError(
                "expected a column forecast (the median) or q50 in the forecasts, got neither: add one"
            )
        found[0.5] = _returns(numbers(table, "forecast"), last, units)
    if len(found) == 1 and "sigma" in table:
        sigma = numbers(table, "sigma")
        if not (sigma > 0).all():
            raise InputError("expected sigma above zero in every row of the forecasts, got others: correct it")
        return found[0.5][:, None] + sigma[:, None] * ndtri(QUANTILE_LEVELS)
    if len(found) < 3:
        raise InputError(
            "expected forecasts with a distribution, got points alone: add sigma (the standard deviation of the "
            "log return up to that horizon), an interval such as lower_90 and upper_90, or quantiles such as q05 "
            "and q95"
        )
    return _interpolated(dict(sorted(found.items())))


def _levels(table: pd.DataFrame) -> dict[str, float]:
    """Return the levels of the columns that are quantiles, by name."""
    levels = {}
    for name in map(str, table.columns):
        if match := _QUANTILE.fullmatch(name):
            levels[name] = float(match[1]) / 100
        elif match := _END.fullmatch(name):
            half = float(match[2]) / 200
            levels[name] = round(0.5 - half if match[1] == "lower" else 0.5 + half, 6)
    return {name: level for name, level in levels.items() if 0 < level < 1}


def _interpolated(found: dict[float, np.ndarray]) -> np.ndarray:
    """Return quantiles at `QUANTILE_LEVELS`, (n, q), of others (n,) by level, linear in normal scores."""
    levels, values = np.array(list(found)), np.column_stack(list(found.values()))
    if not (np.diff(values) >= 0).all():
        row = int(np.flatnonzero((np.diff(values) < 0).any(axis=1) | ~np.isfinite(values).all(axis=1))[0])
        raise InputError(
            f"expected quantiles that rise with their level, got others in row {row + 1} of the forecasts "
            f"({short(', '.join(f'{value:.4g}' for value in values[row]))}): correct it"
        )
    scores, wanted = ndtri(levels), ndtri(QUANTILE_LEVELS)
    piece = np.clip(np.searchsorted(scores, wanted, side="right") - 1, 0, len(scores) - 2)
    share = (wanted - scores[piece]) / (scores[piece + 1] - scores[piece])
    return values[:, piece] * (1 - share) + values[:, piece + 1] * share


def _check_size(quantiles: np.ndarray, actual: np.ndarray, units: str) -> None:
    """Refuse forecasts and outcomes that are in other units than they are said to be."""
    if not np.isfinite(quantiles).all():
        raise InputError(
            "expected forecasts that are finite (prices: above zero) in every row, got others: drop them"
        )
    known = actual[np.isfinite(actual)]
    sizes = {"forecasts": np.abs(quantiles[:, MEDIAN]), "outcomes": np.abs(known)}
    for what, each in sizes.items():
        if len(each) and (size := np.median(each)) > _FARTHEST:
            advice = (
                "give log returns as fractions, .01 for one percent" if units == "return"
                else 'give all prices in units of the cutoff\'s last_close, or units="return"'
            )  # fmt: skip
            raise InputError(
                f"expected {what} near the last close, got a median log return of {size:.3g}: {advice}"
            )
