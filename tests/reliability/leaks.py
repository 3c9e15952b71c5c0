"""Leaks planted on purpose, one at a time, among honest columns: does the guard see each, and nothing else?"""

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd

from pricecast.audit import checks
from pricecast.audit.perturb import cuts
from pricecast.data.adjust import adjust
from pricecast.dataset import features
from tests.support.market_samples import market
from tests.support.stress import Count, answer

Column = Callable[[pd.DataFrame], pd.Series]

HONEST_SHARE = 0.99
# As many random cuts find any of the leaks.
LEAK_CUTS = 2


def _move(own: pd.DataFrame) -> pd.Series:
    return np.log(own["close"]).diff()


def _volatility(own: pd.DataFrame) -> pd.Series:
    return _move(own).rolling(10).std()


def _trend(own: pd.DataFrame) -> pd.Series:
    """Subtracts a polynomial fitted to all closes."""
    time, price = np.arange(len(own)) / len(own), np.log(own["close"])
    known = price.notna()
    curve = np.polyfit(time[known], price[known], 2) if known.sum() > 2 else np.full(3, np.nan)
    return price - np.polyval(curve, time)


def _low_pass(own: pd.DataFrame) -> pd.Series:
    """Keeps the slow half of the spectrum of the whole series."""
    spectrum = np.fft.rfft(_move(own).fillna(0.0))
    spectrum[len(spectrum) // 2 :] = 0
    return pd.Series(np.fft.irfft(spectrum, len(own)), own.index)


def _weekly(own: pd.DataFrame) -> pd.Series:
    return own["close"] / own.groupby(own["date"].dt.to_period("W"))["close"].transform("mean") - 1


# Each of one ticker's bars; all of them stand in published notebooks.
LEAKS: dict[str, Column] = {
    "shift(-1)": lambda own: _move(own).shift(-1),
    "centred rolling": lambda own: own["close"] / own["close"].rolling(5, center=True).mean() - 1,
    "bfill": lambda own: own["close"].bfill().pct_change(fill_method=None),
    "interpolate": lambda own: own["volume"].interpolate() / own["volume"].rolling(20, min_periods=1).mean(),
    "full-sample scaler": lambda own: (_move(own) - _move(own).mean()) / _move(own).std(),
    "min-max": lambda own: (own["close"] - own["close"].min()) / (own["close"].max() - own["close"].min()),
    "rank": lambda own: _volatility(own).rank(pct=True),
    "fillna": lambda own: _volatility(own).fillna(_volatility(own).mean()),
    "winsorise": lambda own: _move(own).clip(_move(own).quantile(0.01), _move(own).quantile(0.99)),
    "qcut": lambda own: pd.qcut(_volatility(own), 5, labels=False, duplicates="drop"),
    "polyfit": _trend,
    "FFT": _low_pass,
    "weekly mean mapped back": _weekly,
    "base = last close": lambda own: own["close"] / own["close"].iloc[-1],
}
# Alike at first sight, and blind to the future.
LOOKALIKES: dict[str, Column] = {
    "expanding mean": lambda own: own["close"] / own["close"].expanding().mean() - 1,
    "trailing rolling": lambda own: own["close"] / own["close"].rolling(5).mean() - 1,
    "shift(+1)": lambda own: _move(own).shift(1),
    "ffill": lambda own: own["close"].ffill().pct_change(fill_method=None),
    "expanding rank": lambda own: _volatility(own).expanding().rank(pct=True),
    "expanding min-max": lambda own: (
        (own["close"] - own["close"].cummin()) / (own["close"].cummax() - own["close"].cummin())
    ),
    "ewm": lambda own: _move(own).ewm(span=10).std(),
    "cumulative max": lambda own: own["close"] / own["close"].cummax() - 1,
    "rolling z-score": lambda own: (_move(own) - _move(own).rolling(20).mean()) / _move(own).rolling(20).std(),
    "day of week": lambda own: own["date"].dt.dayofweek,
    "fillna with the past mean": lambda own: _volatility(own).fillna(_volatility(own).expanding().mean()),
    "base = first close": lambda own: own["close"] / own["close"].iloc[0],
}


def ours(n: int) -> Count:
    """Plants every leak in `n` markets; a bad one is missed."""
    markets = [(seed, adjust(odd_market(seed))) for seed in range(n)]
    planted = [(name, seed, bars) for seed, bars in markets for name in LEAKS]
    missed = [f"{name}, market {seed}" for name, seed, bars in planted if not caught(LEAKS[name], bars, seed)]
    return Count(len(planted), missed)


def alarms(n: int) -> Count:
    """Watches every honest column in `n` markets, a case for each column and cut; a bad one is flagged."""
    tried, bad = 0, []
    for seed in range(n):
        bars = adjust(odd_market(seed))
        for recipe, compute in HONEST.items():
            bad += [f"{recipe}, market {seed}: {found}" for found in checks.features(compute, bars, seed=seed)]
            tried += compute(bars).shape[1] * len(cuts(bars, seed=seed))
    return Count(tried, bad)


def caught(leak: Column, bars: pd.DataFrame, seed: int = 0) -> bool:
    """True if the guard flags the columns that hold a leak, pure and diluted, and none beside them."""

    def diluted(own: pd.DataFrame) -> pd.Series:
        return HONEST_SHARE * LOOKALIKES["cumulative max"](own).ffill() + (1 - HONEST_SHARE) * leak(own)

    honest = {name: LOOKALIKES[name] for name in ("cumulative max", "ewm")}
    compute = table_of({**honest, "pure": leak, "diluted": diluted})
    flagged = {violation.column for violation in checks.features(compute, bars, LEAK_CUTS, seed)}
    return flagged == {"pure", "diluted"}


def table_of(columns: dict[str, Column]) -> checks.Compute:
    """A feature table that computes each column within each ticker."""

    def compute(bars: pd.DataFrame) -> pd.DataFrame:
        parts = [
            pd.DataFrame({name: column(own) for name, column in columns.items()}, index=own.index)
            for _, own in bars.groupby("ticker", sort=False)
        ]
        return pd.concat(parts)

    return compute


def odd_market(seed: int) -> pd.DataFrame:
    """Three tickers that start and end at different times, with gaps and halts, differently for every seed."""
    rng = np.random.default_rng(seed)
    lengths = {"AAA": 320, "BBB": int(rng.integers(180, 300)), "CCC": int(rng.integers(150, 250))}
    prices = market(lengths, ("gbm", "ewma", "planted")[seed % 3], seed)
    gone = (prices["ticker"] == "CCC") & (prices["date"] > prices["date"].max() - pd.Timedelta(days=60))
    missing = rng.random(len(prices)) < 0.03
    prices = prices[~(gone | missing)].reset_index(drop=True)
    halted = (prices["ticker"] == "BBB") & prices.groupby("ticker").cumcount().between(70, 95)
    level = prices.loc[halted.idxmax(), "close"]
    prices.loc[halted, ["open", "high", "low", "close", "adj_close"]] = level
    prices.loc[halted, "volume"] = 0.0
    return prices


HONEST: dict[str, checks.Compute] = {
    "lookalikes": table_of(LOOKALIKES),
    **{f"{target} recipe": partial(features.compute, target=target) for target in features.FEATURES},
}


if __name__ == "__main__":
    answer(ours=lambda n, _: ours(n), alarms=lambda n, _: alarms(n))
