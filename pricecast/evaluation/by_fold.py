"""A model fold by fold: how its scores spread, and what picking the best of the past is worth on the next fold."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from pricecast.evaluation.scored_rows import Slice
from pricecast.evaluation.scores import NAIVES, measure, slices_of
from pricecast.schema import NAIVE
from pricecast.statistics.significance import daily_losses, diebold_mariano

SELECTED = "selected"
# What a fold is told by.
FOLD_METRICS = ("crps", "skill_crps", "winkler_90", "coverage_90", "rmse", "skill_rmse", "n_days")


def by_fold(forecasts: pd.DataFrame) -> pd.DataFrame:
    """Scores of every model in every fold, skill against naive on the same rows.

    Returns:
        Columns `model`, `horizon`, `fold`, `FOLD_METRICS`; without rows where there is one fold alone.
    """
    columns = ["model", "horizon", "fold", *FOLD_METRICS]
    if _count(forecasts) < 2:
        return pd.DataFrame(columns=columns)
    tables = [
        measure(own).reset_index().assign(fold=fold)
        for fold, own in forecasts.groupby("fold")
        if own["actual"].notna().any()
    ]
    return pd.concat(tables, ignore_index=True)[columns].sort_values(
        ["model", "horizon", "fold"], ignore_index=True
    )


def spread_over(leaderboard: pd.DataFrame, folds: pd.DataFrame) -> pd.DataFrame:
    """Return the leaderboard with each model's spread over the folds, if there are any.

    Returns:
        With `skill_crps_low`, `skill_crps_high` and `folds_better` (than naive), at the leaderboard's horizon.
    """
    if folds.empty:
        return leaderboard
    own = folds[folds["horizon"] == leaderboard["horizon"].iloc[0]].groupby("model")["skill_crps"]
    spread = pd.DataFrame({
        "skill_crps_low": own.min(), "skill_crps_high": own.max(),
        "folds_better": own.agg(lambda skill: int((skill > 0).sum())),
    })  # fmt: skip
    return leaderboard.join(spread, on="model")


def chosen(folds: pd.DataFrame) -> dict[int, str]:
    """Return the model with the lowest mean CRPS in the folds before, at the shortest horizon, by fold from the second on.

    A day counts as much in one fold as in another; naive is as eligible as any.
    """
    table = folds[folds["horizon"] == folds["horizon"].min()]
    losses = (table["crps"] * table["n_days"]).groupby([table["fold"], table["model"]]).sum().unstack()
    before = losses.cumsum().shift().iloc[1:]
    return {int(fold): str(model) for fold, model in before.idxmin(axis=1).items()} if len(before) else {}


def select(forecasts: pd.DataFrame, choice: Mapping[int, str]) -> pd.DataFrame:
    """Return the forecasts of the folds that have a choice, with those of the chosen models once more as "selected"."""
    table = forecasts[forecasts["fold"].isin(list(choice))]
    own = table[table["model"].eq(table["fold"].map(choice))].assign(model=SELECTED)
    return pd.concat([table[table["model"].isin(NAIVES)], own], ignore_index=True)


def judge_selected(forecasts: pd.DataFrame, folds: pd.DataFrame) -> dict[str, Any] | None:
    """What picking the best model of the folds before is worth on the next fold; None where there is one fold.

    One procedure, fixed beforehand, is tested: its p-values need no correction for the number of models.

    Returns:
        At the shortest horizon: `choice` (by fold), `n_days`, `crps`, `winkler_90`, `coverage_90`, and `against`
        naive and ewma on the same days: `skill_crps`, `p_crps`, `skill_winkler`, `p_winkler`; None where there is
        none.
    """
    choice = chosen(folds)
    if not choice:
        return None
    horizon = int(folds["horizon"].min())
    table = select(forecasts[forecasts["horizon"] == horizon], choice)
    slices, scores = slices_of(table)[horizon], measure(table).loc[horizon]
    own = scores.loc[SELECTED]
    return {
        "choice": {str(fold): name for fold, name in choice.items()},
        "n_days": int(own["n_days"]),
        **{name: float(own[name]) for name in ("crps", "winkler_90", "coverage_90")},
        "against": {name: _against(slices[SELECTED], slices[name], horizon) for name in NAIVES},
    }


def _against(own: Slice, other: Slice, horizon: int) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for name in ("crps", "winkler"):
        ours, theirs = (daily_losses(s.cutoff, getattr(s, f"{name}_losses")) for s in (own, other))
        mean, reference = (float(getattr(s, f"{name}_losses").mean()) for s in (own, other))
        p = diebold_mariano(ours, theirs, horizon).p_value
        # A price that stands still leaves naive without a loss.
        found[f"skill_{name}"] = 1 - mean / reference if reference else None
        found[f"p_{name}"] = p if np.isfinite(p) else None
    return found


def _count(forecasts: pd.DataFrame) -> int:
    return int(forecasts["fold"].nunique()) if "fold" in forecasts and NAIVE in set(forecasts["model"]) else 0
