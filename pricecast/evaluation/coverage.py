"""Coverage of the intervals by level, horizon, volatility regime, year and ticker, and the rule that judges it."""

import math
from typing import Any

import numpy as np
import pandas as pd

from pricecast.errors import InputError
from pricecast.evaluation.scored_rows import crps_losses
from pricecast.schema import INTERVALS
from pricecast.statistics.significance import MIN_HORIZONS, block_error

REGIME_NAMES = ("calm", "middle", "wild")
GROUPINGS = ("all", "regime", "year", "ticker")
PERCENTS = tuple(percent for percent, _, _ in INTERVALS)
# Points by which a coverage may miss its promise, or standard errors where they are more.
TOLERANCE = {"all": 1.5, "regime": 3.0}
ERRORS = 3.0
# Fewer days, or fewer than ten horizons' worth of them, say nothing.
FEWEST = 20
KEPT, NARROW, WIDE, UNKNOWN = "kept", "narrow", "wide", "unknown"
MISSED = (NARROW, WIDE)


def coverage(forecasts: pd.DataFrame, features: pd.DataFrame) -> pd.DataFrame:
    """Count how often outcomes fell inside the central intervals.

    A regime is a tercile of the ticker's own `scale` over the scored cutoffs, so that each holds a third of them.
    The errors are block-bootstrap standard errors over days (tickers averaged first, since they move together).

    Args:
        forecasts: the forecasts table; rows without an actual are left out.
        features: date, ticker and scale, one row for every cutoff.

    Returns:
        Columns `model`, `horizon`, `by` (one of `GROUPINGS`), `group`, `n_rows`, `n_days`, `coverage_50`,
        `error_50` and so on in percent, and `crps` in log-return percent (see `metrics.crps`).

    Raises:
        InputError: a cutoff has no scale.
    """
    known = forecasts[forecasts["actual"].notna()]
    table = known.merge(_groups(known, features), on=["ticker", "cutoff"], how="left", validate="many_to_one")
    if table["regime"].isna().any():
        raise InputError(
            "expected a scale for every cutoff of the forecasts, got none for some: give their dataset"
        )
    for percent, low, high in INTERVALS:
        table[f"inside_{percent}"] = 100.0 * table["actual"].between(table[low], table[high])
    table["all"] = "all"
    table["crps"] = crps_losses(table)
    rows = pd.concat([_counts(table, by) for by in GROUPINGS], ignore_index=True)
    order = {name: rank for rank, name in enumerate([*known["model"].unique(), *GROUPINGS, *REGIME_NAMES])}
    ranks = {name: rows[name].map(order).fillna(0) for name in ("model", "by", "group")}
    keys = pd.DataFrame({
        "model": ranks["model"], "horizon": rows["horizon"], "by": ranks["by"], "group": ranks["group"],
        "name": rows["group"],
    })  # fmt: skip
    return rows.loc[keys.sort_values(list(keys.columns)).index].reset_index(drop=True)


def _groups(known: pd.DataFrame, features: pd.DataFrame) -> pd.DataFrame:
    """Return the regime and year of every scored cutoff."""
    cutoffs = known[["ticker", "cutoff"]].drop_duplicates()
    scale = features[["date", "ticker", "scale"]].rename(columns={"date": "cutoff"})
    table = cutoffs.merge(scale, on=["ticker", "cutoff"], how="left").dropna()
    rank = table.groupby("ticker")["scale"].rank(method="first") - 1
    tercile = (len(REGIME_NAMES) * rank // table.groupby("ticker")["scale"].transform("size")).astype(int)
    year = table["cutoff"].dt.year.astype(str)
    return table.assign(regime=np.array(REGIME_NAMES)[tercile], year=year).drop(columns="scale")


def _counts(table: pd.DataFrame, by: str) -> pd.DataFrame:
    """Return shares and their errors for every model, horizon and group of one grouping."""
    keys, names = ["model", "horizon", by], [f"inside_{percent}" for percent in PERCENTS]
    groups = table.groupby(keys, sort=False)
    daily = table.groupby([*keys, "cutoff"], sort=True)[names].mean().groupby(keys, sort=False)
    parts: dict[str, pd.Series] = {"n_rows": groups.size(), "n_days": daily.size(), "crps": groups["crps"].mean()}
    for percent, name in zip(PERCENTS, names, strict=True):
        parts[f"coverage_{percent}"] = groups[name].mean()
        errors = {key: block_error(series.to_numpy(), int(str(key[1]))) for key, series in daily[name]}
        parts[f"error_{percent}"] = pd.Series(errors)
    counts = pd.DataFrame(parts).rename_axis(["model", "horizon", "group"]).reset_index()
    counts.insert(2, "by", by)
    return counts


def judge(row: "pd.Series[Any]", percent: int) -> str:
    """Judge the coverage of an interval in a row of the coverage table by the rule of `judged`.

    >>> row = {"by": "all", "horizon": 1, "n_days": 500, "n_rows": 1000, "coverage_90": 86.0, "error_90": 1.0}
    >>> judge(pd.Series(row), 90)
    'narrow'
    """
    held, error = row[f"coverage_{percent}"], row[f"error_{percent}"]
    return judged(percent, held, error, row["n_rows"], row["n_days"], row["horizon"], str(row["by"]))


def judged(
    percent: int, held: float, error: float, n_rows: float, n_days: float, horizon: int, by: str = "all"
) -> str:
    """Judge a coverage, allowing for chance; all that is said of an interval's promise follows this one rule.

    Args:
        percent: promise of the interval.
        held: coverage in percent.
        error: its standard error in points.
        n_rows: number of forecasts.
        n_days: number of their cutoffs.
        horizon: trading days ahead.
        by: grouping, one of `GROUPINGS`; a part of the days is allowed a larger miss than all of them.

    Returns:
        `KEPT`, or the reason why not: `NARROW` (held less often than promised), `WIDE` (more often), `UNKNOWN` (too
        few days).
    """
    if n_days < max(FEWEST, MIN_HORIZONS * horizon):
        return UNKNOWN
    # Days that all hit, or all miss, have no error of their own; those that overlap are fewer than they seem.
    chance = math.sqrt(percent * (100 - percent) * horizon / n_rows)
    allowed = max(TOLERANCE.get(by, TOLERANCE["regime"]), ERRORS * max(chance, error))
    if abs(held - percent) <= allowed:
        return KEPT
    return NARROW if held < percent else WIDE
