"""Samples of a published direction protocol: does a stock rise or fall clearly on the next day?

Feng et al., "Enhancing Stock Movement Prediction with Adversarial Training" (IJCAI 2019), on the data of Xu & Cohen
(ACL 2018) and Zhang et al. (KDD 2017). Conditions for the published numbers of samples:

- All dates of the file are one calendar, the same for all stocks; "the day before" is the day before in it.
- r = adj[d] / adj[d-1] - 1. Up where r >= 0.55 %, down where r <= -0.5 %; other days are no samples.
- A sample of day d holds the rows d-seq..d-1 of its stock, never row d.
- Each of these rows needs all of its 11 features, so the stock's first 29 rows, which have no 30-day average yet,
  are in no window. Bars are taken as they are: a missing one is not filled, and makes the averages missing that it
  is part of. Unadjusted splits stay in close / previous close - 1.
- The test ends with the year: 2015 for ACL18, although its bars go on.

At the edges, validation and test windows reach back into the rows of the span before; labels never do.
"""

from typing import NamedTuple, Self

import numpy as np
import pandas as pd

RISE, FALL = 0.0055, -0.005
AVERAGES = (5, 10, 15, 20, 25, 30)
PERCENT = 100
COLUMNS = ("open", "high", "low", "close", "adj_close")


class Spans(NamedTuple):
    """First days of training, validation and test, and the last day of the test."""

    train: str
    valid: str
    test: str
    end: str


class Samples(NamedTuple):
    """Windows in order of date.

    Attributes:
        X: (n, seq, 11) float32, in percent.
        up: (n,) bool, whether the stock rose.
        date: (n,) datetime64, the day to forecast.
        ticker: (n,) names.
    """

    X: np.ndarray
    up: np.ndarray
    date: np.ndarray
    ticker: np.ndarray

    def between(self, first: str, last: str) -> Self:
        """Return the samples of the days from `first` to before `last`."""
        kept = slice(*np.searchsorted(self.date, [np.datetime64(first), np.datetime64(last)]))
        return type(self)(*(part[kept] for part in self))


SPANS = {
    "acl18": Spans("2014-01-02", "2015-08-03", "2015-10-01", "2015-12-31"),
    "kdd17": Spans("2007-01-03", "2015-01-02", "2016-01-04", "2016-12-30"),
}


def samples(bars: pd.DataFrame, seq: int) -> Samples:
    """Return all samples of bars (`COLUMNS`, date and ticker), by day and then by ticker.

    Raises:
        ValueError: a ticker has two bars of one date.
    """
    wide = bars.assign(ticker=bars["ticker"].astype(str)).pivot(
        index="date", columns="ticker", values=list(COLUMNS)
    )
    values = features(*(wide[column] for column in COLUMNS))
    label = labels(wide["adj_close"])
    complete = np.isfinite(values).all(axis=2)
    held = np.lib.stride_tricks.sliding_window_view(complete, seq, axis=0)[:-1].all(axis=2)
    day, stock = np.nonzero(held & (label[seq:] != 0))
    day += seq
    windows = values[day[:, None] + np.arange(-seq, 0), stock[:, None]].astype(np.float32)
    tickers = wide["close"].columns.to_numpy(str)
    return Samples(windows, label[day, stock] > 0, wide.index.to_numpy()[day], tickers[stock])


def features(
    open_: pd.DataFrame, high: pd.DataFrame, low: pd.DataFrame, close: pd.DataFrame, adj: pd.DataFrame
) -> np.ndarray:
    """Return the 11 features of (days, tickers) prices in percent, (days, tickers, 11); missing ones are NaN."""
    parts = [price / close - 1 for price in (open_, high, low)]
    parts += [price / price.shift() - 1 for price in (close, adj)]
    parts += [adj.rolling(days).mean() / adj - 1 for days in AVERAGES]
    return PERCENT * np.stack([part.to_numpy() for part in parts], axis=2)


def labels(adj: pd.DataFrame) -> np.ndarray:
    """Return 1 for a rise, -1 for a fall, 0 for neither of (days, tickers) adjusted closes."""
    change = (adj / adj.shift() - 1).to_numpy()
    return np.where(change >= RISE, 1, np.where(change <= FALL, -1, 0))


def split(everything: Samples, spans: Spans) -> tuple[Samples, Samples, Samples]:
    """Return the samples of training, validation and test."""
    after = str(np.datetime64(spans.end) + 1)
    return (
        everything.between(spans.train, spans.valid),
        everything.between(spans.valid, spans.test),
        everything.between(spans.test, after),
    )
