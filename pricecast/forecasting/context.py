"""Bars that a forecast needs: enough for recursive features, and all that moved its calibration."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pricecast.dataset.panel import Panel


@dataclass(frozen=True)
class Context:
    """History that a forecaster needs.

    Attributes:
        bars_needed: bars per ticker from which a forecast is the same as from the full history.
        whole_history: whether the model looks at all the bars there are.
        tickers: tickers that the forecaster was calibrated on.
        starts: date of the first bar that it learned from, by ticker.
        fitted_until: last date whose close it has seen, in fit or in calibration.
        follows: whether its calibration is updated after the fit.
    """

    bars_needed: int
    whole_history: bool
    tickers: tuple[str, ...]
    starts: Mapping[str, str]
    fitted_until: str
    follows: bool

    @property
    def follows_from(self) -> pd.Timestamp | None:
        """First cutoff whose outcome moves later quantiles; None if none does."""
        return pd.Timestamp(self.fitted_until) if self.follows else None

    def needed(self, bars: pd.DataFrame) -> pd.DataFrame:
        """Return the bars that forecasts from the last bars need; tickers that have too few are left out."""
        counts, _ = self.counts(bars)
        enough = bars["ticker"].map(counts) >= self.bars_needed
        if self.whole_history:
            return bars[enough]
        early, since = bars["date"].notna(), self.follows_from
        if since is not None:
            ends = bars.groupby("ticker", sort=False)["date"].transform("max")
            early = bars["date"] <= ends.where(ends <= since, since)
        # The number of bars from each one on.
        later = early[::-1].astype(int).groupby(bars["ticker"], sort=False).cumsum()[::-1]
        recent = later.le(self.bars_needed) | self._is_whole(bars)
        return bars[enough & recent]

    def counts(self, table: pd.DataFrame) -> tuple[pd.Series, str]:
        """Count the bars of each ticker up to its first forecast that is needed, and name that moment in words."""
        since = self.follows_from
        ends = table.groupby("ticker", sort=False)["date"].transform("max")
        # A ticker that was not there to be calibrated on starts where its own bars allow it.
        follows = table["ticker"].isin(self.tickers) & ~self._is_whole(table)
        if since is None or not (follows & (ends > since)).any():
            return table.groupby("ticker", sort=False).size(), "the cutoff"
        rows = table[~follows | (table["date"] <= since)]
        counts = rows.groupby("ticker", sort=False).size().reindex(table["ticker"].unique(), fill_value=0)
        return counts, f"{self.fitted_until}, from where on its calibration follows the outcomes"

    def _is_whole(self, table: pd.DataFrame) -> pd.Series:
        """Mark the rows of tickers that are short because they are young: none of their bars is missing."""
        first = table.groupby("ticker", sort=False)["date"].transform("min")
        counts = table[table["date"] <= pd.Timestamp(self.fitted_until)].groupby("ticker", sort=False).size()
        few = table["ticker"].map(counts).fillna(0) < self.bars_needed
        return few & (first <= pd.to_datetime(table["ticker"].map(self.starts)))


def walked_rows(panel: Panel, origins: np.ndarray, lookback: int, since: pd.Timestamp) -> np.ndarray:
    """Return the rows from a fit to the last origin of each ticker, whose outcomes may move the quantiles, (n,)."""
    rows = np.flatnonzero(panel.context(lookback) & (panel.dates >= since.to_datetime64()))
    last = pd.Series(origins).groupby(panel.tickers[origins]).max()
    ends = last.reindex(panel.tickers[rows], fill_value=-1).to_numpy()
    return rows[rows <= ends]
