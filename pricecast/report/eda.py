"""Tables of an exploratory data analysis of daily bars for the notebooks, one function each."""

from typing import cast

import numpy as np
import pandas as pd
from scipy import stats

from pricecast.schema import QUANTILE_COLUMNS

# Quotes are rounded to cents; an adjustment has to be larger than that to be seen.
HALF_CENT = 0.005
TAIL_LEVELS = (0.001, 0.01, 0.05, 0.25, 0.75, 0.95, 0.99, 0.999)


def adjustments(prices: pd.DataFrame) -> pd.DataFrame:
    """Find the days on which the close and its adjusted value moved apart: splits and dividends.

    Args:
        prices: a table that passes `table_checks.check_prices`.

    Returns:
        Columns `date`, `ticker`, `close` and `adj_close` (log moves of that day in percent) and `factor` (how many
        of today's shares one of yesterday's has become, a dividend counted as reinvested: 2 for a split in two).
    """
    both, names = prices[["close", "adj_close"]], prices["ticker"]
    moves = both.apply(np.log).groupby(names, sort=False).diff()
    apart = moves["adj_close"] - moves["close"]
    rounding = (HALF_CENT / both).sum(axis=1)
    known = apart.abs() > 2 * (rounding + rounding.groupby(names, sort=False).shift())
    table = pd.concat([prices[["date", "ticker"]], 100 * moves], axis=1).assign(factor=np.exp(apart))
    return table[known].reset_index(drop=True)


def returns(bars: pd.DataFrame) -> pd.DataFrame:
    """Return the daily log returns of the adjusted closes in percent: one row per date, one column per ticker."""
    closes = bars.pivot(index="date", columns="ticker", values="close")
    # A ticker's own last bar, whatever the others' calendars say.
    return cast(pd.DataFrame, closes.apply(lambda own: 100 * np.log(own.dropna()).diff()))


def by_gap(bars: pd.DataFrame) -> pd.DataFrame:
    """Compare the returns over a night with those over a weekend or a longer gap.

    Returns:
        By calendar days since the bar before: `bars`, their number, and `volatility`, the root mean square of the
        log return in percent.
    """
    groups = bars.assign(log=100 * np.log(bars["close"])).groupby("ticker", sort=False)
    table = pd.DataFrame({"days": groups["date"].diff().dt.days, "square": groups["log"].diff() ** 2}).dropna()
    gaps = table.astype({"days": int}).groupby("days")["square"].agg(["size", "mean"])
    return pd.DataFrame({"bars": gaps["size"], "volatility": np.sqrt(gaps["mean"])})


def moments(table: pd.DataFrame) -> pd.DataFrame:
    """Return moments of each ticker's returns, beside those of a normal distribution.

    Returns:
        By ticker `days`, `mean`, `deviation`, `skewness`, `kurtosis` (excess: 0 for a normal distribution), `worst`
        and `best` (in deviations from the mean), `beyond_4` and `normal_beyond_4` (days further than four
        deviations from the mean, and their number under a normal distribution).
    """
    n, z = table.count(), (table - table.mean()) / table.std()
    return pd.DataFrame({
        "days": n, "mean": table.mean(), "deviation": table.std(), "skewness": (z**3).mean(),
        "kurtosis": (z**4).mean() - 3, "worst": z.min(), "best": z.max(), "beyond_4": (z.abs() > 4).sum(),
        "normal_beyond_4": 2 * stats.norm.sf(4) * n,
    })  # fmt: skip


def tail_quantiles(table: pd.DataFrame) -> pd.DataFrame:
    """Return the quantiles of each ticker's returns in deviations, beside those of a normal distribution."""
    z = (table - table.mean()) / table.std()
    return z.quantile(list(TAIL_LEVELS)).rename_axis("level").assign(normal=stats.norm.ppf(TAIL_LEVELS))


def autocorrelation(table: pd.DataFrame, lags: int) -> pd.DataFrame:
    """Return the sample autocorrelation of each column at lags 1 to `lags` (divided by n, as usual).

    >>> autocorrelation(pd.DataFrame({"x": [1.0, -1.0, 1.0, -1.0]}), 2)["x"].tolist()
    [-0.75, 0.5]
    """
    columns = {}
    for name in table.columns:
        x = table[name].dropna().to_numpy()
        x = x - x.mean()
        columns[name] = [x[lag:] @ x[:-lag] / (x @ x) for lag in range(1, lags + 1)]
    return pd.DataFrame(columns, index=pd.RangeIndex(1, lags + 1, name="lag"))


def autocorrelation_error(table: pd.DataFrame, lags: int) -> pd.DataFrame:
    """Return the standard errors of `autocorrelation` if the true one is zero and volatility comes in clusters.

    Lo & MacKinlay (1988), eq. 19: the usual 1 / sqrt(n) holds for a constant volatility only, and finds
    autocorrelation where there is none.
    """
    columns = {}
    for name in table.columns:
        x = table[name].dropna().to_numpy()
        square = (x - x.mean()) ** 2
        columns[name] = [np.sqrt(square[lag:] @ square[:-lag]) / square.sum() for lag in range(1, lags + 1)]
    return pd.DataFrame(columns, index=pd.RangeIndex(1, lags + 1, name="lag"))


def by_volatility(features: pd.DataFrame, groups: int = 5) -> pd.DataFrame:
    """Return statistics of the next day's return after calm and after wild days.

    Args:
        features: ticker, date, close and scale, as in a dataset.
        groups: number of parts of equal size into which each ticker's days are cut by the `scale` that was known.

    Returns:
        By part, 1 the calmest: `days`, `scale` (mean, percent), `mean` (of tomorrow's log return in percent), `up`
        (share of rising days in percent of those that moved) and `size` (mean of the absolute return).
    """
    table = features[["ticker", "scale"]].copy()
    ahead = features.groupby("ticker", sort=False)["close"].shift(-1)
    table["next"] = 100 * np.log(ahead / features["close"])
    table = table.dropna()
    rank = table.groupby("ticker")["scale"].rank(method="first") - 1
    part = 1 + (groups * rank // table.groupby("ticker")["scale"].transform("size")).astype(int)
    move = table["next"]
    columns = {
        "scale": 100 * table["scale"],
        "mean": move,
        "up": 100 * (move > 0).where(move != 0),
        "size": move.abs(),
    }
    groups_of = pd.DataFrame(columns).astype(float).groupby(part.rename("part"))
    return groups_of.mean().assign(days=groups_of.size())[["days", *columns]]


def lagged_errors(forecasts: pd.DataFrame, lags: int = 5) -> pd.DataFrame:
    """Return the RMSE of each model's price forecast against the price of its day and of the days before.

    A forecast that says what the price was, a day late, is nearest to the price of the day before: its error is
    least at lag 1.

    Args:
        forecasts: the forecasts table of one ticker; one day ahead is taken.
        lags: most days back.

    Returns:
        Index `lag` (0 is the day that was forecast), one column per model. All lags on the same rows.
    """
    rows = forecasts[(forecasts["horizon"] == 1) & forecasts["actual"].notna()]
    predicted = rows.pivot(index="date", columns="model", values="forecast")
    actual = rows.groupby("date")["actual"].first()
    squares = {lag: predicted.sub(actual.shift(lag), axis=0).iloc[lags:] ** 2 for lag in range(lags + 1)}
    return pd.DataFrame({lag: np.sqrt(square.mean()) for lag, square in squares.items()}).T.rename_axis("lag")


def widths(forecasts: pd.DataFrame) -> pd.DataFrame:
    """Return the width of the 90 % interval one day ahead in percent of the close, by date and model.

    Args:
        forecasts: the forecasts table of one ticker.
    """
    rows = forecasts[forecasts["horizon"] == 1]
    width = 100 * np.log(rows[QUANTILE_COLUMNS[-1]] / rows[QUANTILE_COLUMNS[0]])
    return rows.assign(width=width).pivot(index="date", columns="model", values="width")
