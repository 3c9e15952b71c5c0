"""Quoted prices: from a forecasts table in units of the adjusted close to what the market quotes."""

import pandas as pd

from pricecast.schema import PRICE_FIELDS

# Prices that differ from quotes by less than a thousandth are quotes: rounding of adj_close makes as much.
TOLERANCE = 1e-3


def quoted(forecasts: pd.DataFrame, bars: pd.DataFrame) -> pd.DataFrame:
    """Return a forecasts table in units of what the market quoted at each ticker's newest cutoff.

    One factor for all rows of a ticker: so returns stay, and a split of before is no jump. Prices before a split or
    a dividend are not those of their day (see `adjusted_until`).

    Args:
        forecasts: the forecasts table, in units of the adjusted close.
        bars: the adjusted bars of its tickers, with `quote`.
    """
    factors = forecasts["ticker"].map(_newest(forecasts, bars)).to_numpy(float)
    return forecasts.assign(**{name: forecasts[name] * factors for name in PRICE_FIELDS})


def adjusted_until(forecasts: pd.DataFrame, bars: pd.DataFrame) -> dict[str, pd.Timestamp]:
    """Return by ticker the last date whose price in the table of `quoted` is not what was quoted on the day.

    Tickers without a split or dividend before their newest cutoff are left out.
    """
    until = {}
    for ticker, factor in _newest(forecasts, bars).items():
        own = bars[bars["ticker"] == ticker]
        apart = (own["close"] * factor / own["quote"] - 1).abs() > TOLERANCE
        apart &= own["date"] <= forecasts.loc[forecasts["ticker"] == ticker, "cutoff"].max()
        if apart.any():
            until[str(ticker)] = own.loc[apart, "date"].max()
    return until


def _newest(forecasts: pd.DataFrame, bars: pd.DataFrame) -> "pd.Series[float]":
    """Return the quote over the adjusted close at the newest cutoff, by ticker."""
    cutoffs = forecasts.groupby("ticker", observed=True)["cutoff"].max().rename("date").reset_index()
    rows = cutoffs.merge(bars[["ticker", "date", "close", "quote"]], on=["ticker", "date"], validate="one_to_one")
    return (rows["quote"] / rows["close"]).set_axis(rows["ticker"].astype(str))
