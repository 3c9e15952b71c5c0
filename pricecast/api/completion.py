"""Completion of a table of forecasts from the daily bars: outcomes, last closes and dates, and naive's past."""

import logging

import numpy as np
import pandas as pd

from pricecast.api.bars import UNNAMED, Bars, daily_bars
from pricecast.api.foreign import keys, numbers
from pricecast.dataset.dataset import Dataset, build
from pricecast.errors import InputError

_PAST = 0.18  # share of the dates before the first cutoff that validate, as in a dataset of 70, 15 and 15 %
# Median by which outcomes may be off the quoted ones, for the dividends since the cutoff.
_OFF = 0.02
_log = logging.getLogger(__name__)


def dataset_of(rows: pd.DataFrame, bars: Bars) -> Dataset:
    """Return the dataset of bars whose test span begins after the first cutoff."""
    prices = daily_bars(bars)
    if rows["ticker"].eq(UNNAMED).all() and prices["ticker"].nunique() > 1:
        raise InputError("expected a column ticker in the forecasts, for the bars have several: add it")
    dates = np.sort(prices["date"].unique())
    first = int(np.searchsorted(dates, rows["cutoff"].min().to_datetime64(), side="right"))
    past = max(first - max(1, round(_PAST * first)), 0)
    if not 0 < past < first < len(dates):
        raise InputError(
            f"expected bars before and after the first cutoff {rows['cutoff'].min():%Y-%m-%d}, got some from "
            f"{pd.Timestamp(dates[0]):%Y-%m-%d} to {pd.Timestamp(dates[-1]):%Y-%m-%d}: give a longer history"
        )
    valid_start, test_start = pd.Timestamp(dates[past]), pd.Timestamp(dates[first])
    # The features alone need context: whoever made the forecasts chose their rows.
    return build(
        prices, horizon=int(rows["horizon"].max()), max_lookback=1, valid_start=valid_start, test_start=test_start
    )


def long_enough(own: pd.DataFrame, data: Dataset) -> pd.DataFrame:
    """Return the forecasts of tickers whose bars before the first cutoff are enough for naive."""
    tickers = keys(own)["ticker"]
    for ticker, reason in data.spec.dropped.items():
        if tickers.eq(ticker).any():
            _log.warning("left out: %s", reason)
    return own[~tickers.isin(list(data.spec.dropped)).to_numpy()].reset_index(drop=True)


def completed(own: pd.DataFrame, data: Dataset, units: str) -> pd.DataFrame:
    """Return forecasts with ticker, date, last close and actual, from the bars where they are missing."""
    rows = keys(own)
    if "ticker" not in own:
        rows["ticker"] = data.spec.tickers[0]
    by_ticker = data.bars.groupby("ticker", sort=False)
    place = pd.MultiIndex.from_frame(data.bars[["ticker", "date"]])
    at = place.get_indexer(pd.MultiIndex.from_frame(rows[["ticker", "cutoff"]]))
    if (at < 0).any():
        row = rows[at < 0].iloc[0]
        raise InputError(
            f"expected cutoffs that are dates of the bars, got {row['cutoff']:%Y-%m-%d} of {row['ticker']} and "
            f"{int((at < 0).sum()) - 1} more: give the date of the last close that each forecast knew"
        )
    sizes = by_ticker["date"].transform("size") - by_ticker.cumcount()
    ahead = rows["horizon"].to_numpy()
    known = ahead < sizes.to_numpy()[at]
    then = np.where(known, at + ahead, at)
    close, quote = data.bars["close"].to_numpy(), data.bars["quote"].to_numpy()
    outcome = np.where(known, np.log(close[then] / close[at]), np.nan)
    # Forecasts may be in adjusted prices: their own last close tells the units of their outcomes.
    last = numbers(own, "last_close") if "last_close" in own else quote[at]
    found = pd.DataFrame({
        "ticker": rows["ticker"], "date": data.bars["date"].to_numpy()[then], "last_close": last,
        "actual": outcome if units == "return" else last * np.exp(outcome),
    })  # fmt: skip
    if units == "price" and "actual" in own and "last_close" not in own:
        _check_quoted(numbers(own, "actual") / found["actual"].to_numpy())
    return pd.concat([own, found[[name for name in found if name not in own]]], axis=1)


def _check_quoted(ratios: np.ndarray) -> None:
    """Refuse outcomes that are not in the units of the quoted closes, as ratios of both."""
    known = ratios[np.isfinite(ratios) & (ratios > 0)]
    if len(known) and abs(np.log(middle := np.median(known))) > _OFF:
        raise InputError(
            "expected actual in units of the cutoff's quoted close where there is no last_close, got "
            f"{middle:.3g} times that: add last_close in the units of the forecasts"
        )
