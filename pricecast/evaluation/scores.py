"""Scores: every model beside naive on the same rows, with tests, in a table."""

from collections.abc import Collection
from typing import cast

import numpy as np
import pandas as pd

from pricecast.errors import InputError
from pricecast.evaluation.aligned_rows import aligned_slices
from pricecast.evaluation.metrics import METRICS
from pricecast.evaluation.scored_rows import Slice
from pricecast.schema import INTERVALS, NAIVE
from pricecast.statistics.confidence_set import model_confidence_set
from pricecast.statistics.significance import (
    block_error,
    daily_losses,
    diebold_mariano,
    diebold_mariano_over_horizons,
    holm,
)
from pricecast.text import listed

# The two forecasts that know nothing; claims are made against the better one.
NAIVES = (NAIVE, "ewma")
# Losses that claims are made about: the loss by row, the metric that gives its size, the words for both.
LOSSES = {
    "crps": ("crps_losses", "crps", "CRPS", "distribution"),
    "point": ("squared_errors", "rmse", "RMSE", "point forecast"),
}
# Tested as well, without a claim of its own: the CRPS covers the intervals already.
TESTED = {**{loss: field for loss, (field, *_) in LOSSES.items()}, "winkler": "winkler_losses"}


def score(
    forecasts: pd.DataFrame, insample_mae: pd.Series | None = None, headline: int | None = None
) -> pd.DataFrame:
    """Score every model at every horizon, each against naive on the same rows.

    Args:
        forecasts: the forecasts table; rows without an actual are left out.
        insample_mae: mean absolute one-day change of the training prices by ticker, for `mase`.
        headline: horizon that the verdict leads with, by default the shortest.

    Returns:
        Index (model, horizon), naive first. Columns: `METRICS`; `error_50`, `error_80` and `error_90` (standard
        errors of the coverages in points, by a block bootstrap over days); `skill_rmse` and `skill_crps` (1 - x /
        naive's); `dm_point`, `dm_crps` and `dm_winkler` (statistics, negative = better than naive; the last of
        the 90 % interval), `dm_p_*` and, over the models other than naive at that horizon, `dm_p_*_holm`; the same
        with `ref_` in front against the better of naive and ewma by CRPS; `n_days`, `n_rows`. A model has no test
        against itself: NaN. At the headline horizon alone: `ref_dm_all`, `ref_dm_p_all`, `ref_dm_p_all_holm` (the
        CRPS over all horizons together), and `mcs_p` (see `model_confidence_set`, on the CRPS).

    Raises:
        InputError: columns or naive are missing, prices are not above zero, models differ in rows, or there are no
            forecasts at the headline horizon.
    """
    slices = aligned_slices(forecasts, insample_mae)
    check_headline(headline or min(slices), slices)
    tables = {horizon: _score_horizon(group, horizon) for horizon, group in slices.items()}
    first = headline or min(tables)
    tables[first] = tables[first].join(_over_horizons(slices, reference_of(tables[first]), first))
    scores = pd.concat(tables, names=["horizon", "model"]).swaplevel()
    models = list(next(iter(slices.values())))
    return scores.reindex(pd.MultiIndex.from_product([models, list(tables)], names=["model", "horizon"]))


def check_headline(headline: int, known: Collection[int]) -> None:
    """Refuse a headline horizon at which nothing is forecast.

    Raises:
        InputError: it is none of the known horizons.
    """
    if headline not in known:
        raise InputError(
            f"expected a headline horizon that is forecast ({listed(sorted(known))}), got {headline}: give another "
            "--headline-horizon, or a longer --horizon"
        )


def measure(forecasts: pd.DataFrame) -> pd.DataFrame:
    """Return the metrics, skills and counts of `score` without its tests, index (horizon, model)."""
    tables = {horizon: _measure(group) for horizon, group in aligned_slices(forecasts).items()}
    return pd.concat(tables, names=["horizon", "model"])


def _measure(slices: dict[str, Slice]) -> pd.DataFrame:
    rows = {name: {metric: f(s) for metric, f in METRICS.items()} for name, s in slices.items()}
    table = pd.DataFrame.from_dict(rows, orient="index")
    for metric in ("rmse", "crps"):
        table[f"skill_{metric}"] = 1 - table[metric] / entry(table, NAIVE, metric)
    naive = slices[NAIVE]
    return table.assign(n_days=len(np.unique(naive.cutoff)), n_rows=len(naive.actual))


def _score_horizon(slices: dict[str, Slice], horizon: int) -> pd.DataFrame:
    table = _measure(slices).join(_coverage_errors(slices, horizon))
    daily = {
        loss: {name: daily_losses(s.cutoff, getattr(s, field)) for name, s in slices.items()}
        for loss, field in TESTED.items()
    }
    against_naive = _against(NAIVE, daily, horizon)
    against_better = _against(reference_of(table), daily, horizon).add_prefix("ref_")
    return table.join([against_naive, against_better])


def _coverage_errors(slices: dict[str, Slice], horizon: int) -> pd.DataFrame:
    errors: dict[str, dict[str, float]] = {}
    for name, s in slices.items():
        for percent, _, _ in INTERVALS:
            low, high = s.bounds(percent)
            inside = 100.0 * ((low <= s.actual_return) & (s.actual_return <= high))
            errors.setdefault(name, {})[f"error_{percent}"] = block_error(daily_losses(s.cutoff, inside), horizon)
    return pd.DataFrame.from_dict(errors, orient="index")


def _over_horizons(slices: dict[int, dict[str, Slice]], reference: str, first: int) -> pd.DataFrame:
    """Test over all horizons together, and find the Model Confidence Set at the headline horizon; index model."""
    losses = {
        name: pd.DataFrame({horizon: _daily_crps(group[name]) for horizon, group in slices.items()})
        for name in slices[first]
    }
    tests = {
        name: diebold_mariano_over_horizons(table, losses[reference], losses[NAIVE])
        for name, table in losses.items()
        if name != reference
    }
    p_values = np.array([test.p_value for test in tests.values()], float)
    result = pd.DataFrame(index=list(losses))
    for column, values in {
        "ref_dm_all": [test.statistic for test in tests.values()],
        "ref_dm_p_all": p_values,
        "ref_dm_p_all_holm": holm(p_values),
    }.items():
        result[column] = pd.Series(values, list(tests), dtype=float)
    daily = pd.DataFrame({name: table[first].dropna() for name, table in losses.items()})
    return result.assign(mcs_p=model_confidence_set(daily, first))


def _daily_crps(s: Slice) -> pd.Series:
    return pd.Series(daily_losses(s.cutoff, s.crps_losses), np.unique(s.cutoff))


def _against(reference: str, daily: dict[str, dict[str, np.ndarray]], horizon: int) -> pd.DataFrame:
    """Test every model's daily losses against the reference's; NaN for the reference itself."""
    columns: dict[str, pd.Series] = {}
    for loss, by_model in daily.items():
        others = [model for model in by_model if model != reference]
        tests = [diebold_mariano(by_model[model], by_model[reference], horizon) for model in others]
        p_values = np.array([test.p_value for test in tests], float)
        columns[f"dm_{loss}"] = pd.Series([test.statistic for test in tests], others, dtype=float)
        columns[f"dm_p_{loss}"] = pd.Series(p_values, others)
        columns[f"dm_p_{loss}_holm"] = pd.Series(holm(p_values), others)
    return pd.DataFrame(columns, index=list(daily["crps"]))


def horizons(scores: pd.DataFrame) -> list[int]:
    """Return the horizons of the scores, shortest first."""
    return sorted(int(horizon) for horizon in scores.index.unique("horizon"))


def at_horizon(scores: pd.DataFrame, horizon: int) -> pd.DataFrame:
    """Return the scores at one horizon, by model."""
    return cast(pd.DataFrame, scores.xs(horizon, level="horizon"))


def entry(table: pd.DataFrame, model: str, column: str) -> float:
    """Return one figure of a table by model."""
    return float(cast(float, table.at[model, column]))


def reference_of(table: pd.DataFrame) -> str:
    """Return the better of naive and ewma by CRPS in a table by model; naive on a tie.

    >>> reference_of(pd.DataFrame({"crps": [0.9, 0.7, 0.6]}, index=["naive", "ewma", "lstm"]))
    'ewma'
    """
    return str(table["crps"].loc[[name for name in NAIVES if name in table.index]].idxmin())


def best_model(scores: pd.DataFrame, headline: int | None = None) -> str:
    """Return the model with the lowest CRPS at a horizon, the first on a tie: a rank, not a claim."""
    return str(at_horizon(scores, headline or horizons(scores)[0])["crps"].idxmin())
