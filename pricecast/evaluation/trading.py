"""Sanity check in money: what a plain rule on the forecasts would have earned after costs, and how much is luck."""

import numpy as np
import pandas as pd
from scipy import stats

from pricecast.errors import InputError
from pricecast.evaluation.trading_year import days_a_year

COST_BPS = 5.0
HOLD = "buy and hold"
COLUMNS = (
    *("model", "return", "volatility", "sharpe", "deflated_sharpe", "max_drawdown", "turnover", "invested"),
    *("n_days", "n_trials"),
)  # fmt: skip


def trading(forecasts: pd.DataFrame, cost_bps: float = COST_BPS, trials: int = 0) -> pd.DataFrame:
    """Compute what each model's forecasts one day ahead would have earned, long or flat: a check, no strategy.

    The rule, for each ticker by itself: at the close of the cutoff t, from what was known then, hold the ticker
    until the next bar t + 1 if the log return of the median (q50) exceeds the cost of buying and selling; else hold
    nothing. The position decided at t earns the simple return from the close at t to that at t + 1, never the bar
    that ended at t. Buying at the very close that the forecast has seen is a little kinder than life. Every change
    of position costs `cost_bps` of what changes. A day's return is the mean over the tickers that trade on it; the
    evening-out between tickers that this implies is free, for `buy and hold` too, and cash earns nothing. Where
    cutoffs are missing, a position is kept over the gap, and the gap counts for nothing.

    Args:
        forecasts: the forecasts table; rows without an actual are left out.
        cost_bps: cost of a purchase or a sale in basis points (1/10,000) of its value.
        trials: number of rules that were tried besides those of the table (its models with a Sharpe ratio), for
            the deflated Sharpe ratio.

    Returns:
        A row per model and one of `buy and hold` (all the tickers, always). `return` (compound) and `volatility`,
        a year, in percent; `sharpe` of a year (of as many days as `days_a_year` counts), without an interest
        rate; `deflated_sharpe`, a probability (see `deflated_sharpe`; that of buy and hold counts one trial);
        `max_drawdown`, the deepest fall from a peak in percent; `turnover`, the share of the capital that is bought
        or sold in a year (1 = all of it once); `invested`, the mean share of tickers held in percent; `n_days`;
        `n_trials`. No rows where nothing is forecast one day ahead: longer holding periods overlap.

    Raises:
        InputError: the cost is below zero or takes everything.
    """
    if not 0 <= cost_bps < 1e4:
        raise InputError(f"expected a cost of 0 to below 10,000 basis points, got {cost_bps}: 5 is usual")
    table = forecasts[forecasts["actual"].notna() & forecasts["horizon"].eq(1)].reset_index(drop=True)
    if table.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    cost = cost_bps / 1e4
    held = table["q50"] / table["last_close"] > np.exp(2 * cost)
    days = {str(name): _daily(rows, held[rows.index], cost) for name, rows in table.groupby("model", sort=False)}
    every = table.drop_duplicates(["ticker", "cutoff"])
    days[HOLD] = _daily(every, pd.Series(True, every.index), cost)
    year = days_a_year(every)
    ratios = [sharpe(daily["earned"].to_numpy()) for name, daily in days.items() if name != HOLD]
    known = np.array(ratios)[np.isfinite(ratios)]
    luck = (len(known) + trials, float(known.var(ddof=1)) if len(known) > 1 else float("nan"))
    rows = [
        {"model": name, **_row(daily, year, *((1, 0.0) if name == HOLD else luck))} for name, daily in days.items()
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def deflated_sharpe(earned: np.ndarray, trials: int = 1, variance: float = 0.0) -> float:
    """Deflated Sharpe ratio (Bailey & Lopez de Prado 2014): probability that it is not luck alone.

    The best of N rules without skill is expected to show a Sharpe ratio of

        SR0 = sqrt(variance) * ((1 - g) * z(1 - 1 / N) + g * z(1 - 1 / (N e)))

    with Euler's constant g and normal quantiles z. The probability that the true ratio lies above it, SR being the
    observed one over n days, is

        Phi((SR - SR0) * sqrt(n - 1) / sqrt(1 - skew * SR + (kurtosis - 1) / 4 * SR^2)).

    Sharpe ratios are per day here, kurtosis is 3 for a normal. One trial leaves SR0 = 0: the probability that the
    true ratio is above zero. Days count as independent.

    Args:
        earned: simple returns, one a day, (n,).
        trials: N, taken as independent; models that trade alike make it too strict.
        variance: variance of the daily Sharpe ratios over the trials.

    Returns:
        NaN where there is no Sharpe ratio, or no variance for more than one trial.

    >>> earned = np.tile([0.02, -0.01], 100)
    >>> round(deflated_sharpe(earned), 3), round(deflated_sharpe(earned, trials=50, variance=0.04), 3)
    (1.0, 0.042)
    """
    ratio, n = sharpe(earned), len(earned)
    best = 0.0
    if trials > 1:
        quantiles = stats.norm.ppf([1 - 1 / trials, 1 - 1 / (trials * np.e)])
        best = np.sqrt(variance) * float(np.array([1 - np.euler_gamma, np.euler_gamma]) @ quantiles)
    if not np.isfinite([ratio, best]).all():
        return float("nan")
    skew, kurtosis = stats.skew(earned), stats.kurtosis(earned, fisher=False)
    return _exceeds(ratio, best, n, float(skew), float(kurtosis))


def _exceeds(ratio: float, best: float, n: int, skew: float, kurtosis: float) -> float:
    """Return the probability that the true daily Sharpe ratio lies above `best`."""
    # Never below zero, but for rounding: kurtosis >= 1 + skew^2.
    spread = np.sqrt(max(1 - skew * ratio + (kurtosis - 1) / 4 * ratio**2, np.finfo(float).tiny))
    return float(stats.norm.cdf((ratio - best) * np.sqrt(n - 1) / spread))


def _daily(rows: pd.DataFrame, held: pd.Series, cost: float) -> pd.DataFrame:
    """Return one rule's days in order: the return `earned`, shares `traded` and `invested`, means over tickers.

    Args:
        rows: ticker, cutoff, date, last_close and actual of one day ahead.
        held: whether the position decided at each row's cutoff is long.
        cost: cost of a purchase or a sale, a share of its value.
    """
    rows = rows.sort_values("cutoff", kind="stable")
    position = held[rows.index].astype(float)
    traded = (position - position.groupby(rows["ticker"]).shift(fill_value=0.0)).abs()
    gain = rows["actual"] / rows["last_close"] - 1
    earned = (1 - cost * traded) * (1 + position * gain) - 1
    days = pd.DataFrame({"date": rows["date"], "earned": earned, "traded": traded, "invested": position})
    return days.groupby("date").mean()


def _row(daily: pd.DataFrame, year: float, trials: int, variance: float) -> dict[str, float]:
    """Return the figures of one rule; see `trading`."""
    earned = daily["earned"].to_numpy()
    growth = np.concatenate([[0.0], np.log1p(earned).cumsum()])
    with np.errstate(over="ignore"):  # A few wild days, carried on for a year, may end beyond all numbers.
        annual = np.expm1(growth[-1] * year / len(earned))
    return {
        "return": 100 * float(annual),
        "volatility": 100 * float(daily["earned"].std() * np.sqrt(year)),
        "sharpe": sharpe(earned) * np.sqrt(year),
        "deflated_sharpe": deflated_sharpe(earned, trials, variance),
        "max_drawdown": 100 * float(abs(np.expm1((growth - np.maximum.accumulate(growth)).min()))),
        "turnover": float(daily["traded"].mean() * year),
        "invested": 100 * float(daily["invested"].mean()),
        "n_days": len(earned),
        "n_trials": trials,
    }


def sharpe(earned: np.ndarray) -> float:
    """Sharpe ratio of daily returns (n,), per day: mean over standard deviation; NaN where nothing moves.

    >>> round(sharpe(np.array([0.02, -0.01, 0.02, -0.01])), 4)
    0.2887
    """
    if len(earned) < 2 or np.ptp(earned) <= 1e-12:
        return float("nan")
    return float(earned.mean() / earned.std(ddof=1))
