"""Scores fold by fold, their spread, and the score of a model selected on the folds before."""

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import pandas as pd

from pricecast.evaluation.aligned_rows import aligned_slices
from pricecast.evaluation.scored_rows import Slice
from pricecast.evaluation.scores import NAIVES, measure
from pricecast.schema import NAIVE
from pricecast.statistics.significance import daily_losses, diebold_mariano

SELECTED = "selected"
# Figures of a fold.
FOLD_METRICS = ("crps", "skill_crps", "winkler_90", "coverage_90", "rmse", "skill_rmse", "n_days")


def by_fold(forecasts: pd.DataFrame) -> pd.DataFrame:
    """Score every model in every fold, with its skill against naive on the same rows.

    Returns:
        Columns `model`, `horizon`, `fold`, `FOLD_METRICS`; no rows where there is only one fold.
    """
    columns = ["model", "horizon", "fold", *FOLD_METRICS]
    if _count(forecasts) < 2:
        return pd.DataFrame(columns=columns)
    tables = [
        measure(rows).reset_index().assign(fold=fold)
        for fold, rows in forecasts.groupby("fold")
        if rows["actual"].notna().any()
    ]
    return pd.concat(tables, ignore_index=True)[columns].sort_values(
        ["model", "horizon", "fold"], ignore_index=True
    )


def with_fold_spread(leaderboard: pd.DataFrame, folds: pd.DataFrame) -> pd.DataFrame:
    """Return the leaderboard with the spread of each model's skill over the folds, if there are any.

    Returns:
        With `skill_crps_low`, `skill_crps_high` and `folds_better` (than naive), at the leaderboard's horizon.
    """
    if folds.empty:
        return leaderboard
    by_model = folds[folds["horizon"] == leaderboard["horizon"].iloc[0]].groupby("model")["skill_crps"]
    spread = pd.DataFrame({
        "skill_crps_low": by_model.min(), "skill_crps_high": by_model.max(),
        "folds_better": by_model.agg(lambda skill: int((skill > 0).sum())),
    })  # fmt: skip
    return leaderboard.join(spread, on="model")


def select_models(folds: pd.DataFrame, headline: int | None = None) -> dict[int, str]:
    """Return by fold, from the second on, the model with the lowest mean CRPS in all folds before.

    It is that of the headline horizon, by default the shortest. A day counts as much in one fold as in another;
    naive is as eligible as any.

    >>> table = {"model": ["naive", "har"] * 2, "horizon": 1, "fold": [1, 1, 2, 2], "n_days": 5}
    >>> select_models(pd.DataFrame({**table, "crps": [0.6, 0.5, 0.4, 0.7]}))
    {2: 'har'}
    """
    table = folds[folds["horizon"] == (headline or folds["horizon"].min())]
    losses = (table["crps"] * table["n_days"]).groupby([table["fold"], table["model"]]).sum().unstack()
    before = losses.cumsum().shift().iloc[1:]
    return {cast(int, fold): str(model) for fold, model in before.idxmin(axis=1).items()} if len(before) else {}


def selected_forecasts(forecasts: pd.DataFrame, choice: Mapping[int, str]) -> pd.DataFrame:
    """Return the naive forecasts, and those of the model selected for each fold under the name "selected".

    Args:
        forecasts: the forecasts table, with a column `fold`.
        choice: the selected model by fold; other folds are left out.
    """
    table = forecasts[forecasts["fold"].isin(list(choice))]
    selected = table[table["model"].eq(table["fold"].map(choice))].assign(model=SELECTED)
    return pd.concat([table[table["model"].isin(NAIVES)], selected], ignore_index=True)


def score_selected(
    forecasts: pd.DataFrame, folds: pd.DataFrame, headline: int | None = None
) -> dict[str, Any] | None:
    """Score the model that was best in the folds before on the next fold; None where there is one fold.

    One procedure, fixed beforehand, is tested: its p-values need no correction for the number of models.

    Returns:
        At the headline horizon, by default the shortest: `choice` (by fold), `n_days`, `crps`, `winkler_90`,
        `coverage_90`, and `against` naive and ewma on the same days: `skill_crps`, `p_crps`, `skill_winkler`,
        `p_winkler`; None where there is none.
    """
    choice = select_models(folds, headline)
    if not choice:
        return None
    horizon = int(headline or folds["horizon"].min())
    table = selected_forecasts(forecasts[forecasts["horizon"] == horizon], choice)
    slices, scores = aligned_slices(table)[horizon], measure(table).loc[horizon]
    selected = scores.loc[SELECTED]
    return {
        "choice": {str(fold): name for fold, name in choice.items()},
        "n_days": int(selected["n_days"]),
        **{name: float(selected[name]) for name in ("crps", "winkler_90", "coverage_90")},
        "against": {name: _against(slices[SELECTED], slices[name], horizon) for name in NAIVES},
    }


def _against(selected: Slice, reference: Slice, horizon: int) -> dict[str, float | None]:
    result: dict[str, float | None] = {}
    for name in ("crps", "winkler"):
        pair = [(s.cutoff, getattr(s, f"{name}_losses")) for s in (selected, reference)]
        ours, theirs = (daily_losses(cutoff, losses) for cutoff, losses in pair)
        mean, other = (float(losses.mean()) for _, losses in pair)
        p = diebold_mariano(ours, theirs, horizon).p_value
        # A price that stands still leaves naive without a loss.
        result[f"skill_{name}"] = 1 - mean / other if other else None
        result[f"p_{name}"] = p if np.isfinite(p) else None
    return result


def _count(forecasts: pd.DataFrame) -> int:
    return int(forecasts["fold"].nunique()) if "fold" in forecasts and NAIVE in set(forecasts["model"]) else 0
