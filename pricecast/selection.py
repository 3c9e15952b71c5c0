"""A model fold by fold: how its scores spread, and what picking the best of the past is worth on the next fold."""

from collections.abc import Mapping

import pandas as pd

from pricecast import judge
from pricecast.schema import NAIVE

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
        judge.measure(own).reset_index().assign(fold=fold)
        for fold, own in forecasts.groupby("fold")
        if own["actual"].notna().any()
    ]
    return pd.concat(tables, ignore_index=True)[columns].sort_values(
        ["model", "horizon", "fold"], ignore_index=True
    )


def spread(folds: pd.DataFrame) -> pd.DataFrame:
    """How CRPS skill spreads over the folds: index (model, horizon), its lowest, highest, and folds with any."""
    groups = folds.groupby(["model", "horizon"])["skill_crps"]
    return pd.DataFrame({
        "skill_crps_low": groups.min(), "skill_crps_high": groups.max(),
        "folds_better": groups.agg(lambda skill: (skill > 0).sum()), "folds": groups.size(),
    })  # fmt: skip


def chosen(folds: pd.DataFrame) -> dict[int, str]:
    """The model with the lowest mean CRPS in the folds before, at the shortest horizon, by fold from the second on.

    A day counts as much in one fold as in another; naive is as eligible as any.
    """
    table = folds[folds["horizon"] == folds["horizon"].min()]
    losses = (table["crps"] * table["n_days"]).groupby([table["fold"], table["model"]]).sum().unstack()
    before = losses.cumsum().shift().iloc[1:]
    return {int(fold): str(model) for fold, model in before.idxmin(axis=1).items()} if len(before) else {}


def select(forecasts: pd.DataFrame, choice: Mapping[int, str]) -> pd.DataFrame:
    """The forecasts of the folds that have a choice, with those of the chosen models once more as "selected"."""
    table = forecasts[forecasts["fold"].isin(list(choice))]
    own = table[table["model"].eq(table["fold"].map(choice))].assign(model=SELECTED)
    return pd.concat([table[table["model"].isin(judge.NAIVES)], own], ignore_index=True)


def _count(forecasts: pd.DataFrame) -> int:
    return int(forecasts["fold"].nunique()) if "fold" in forecasts and NAIVE in set(forecasts["model"]) else 0
