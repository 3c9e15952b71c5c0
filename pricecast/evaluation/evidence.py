"""The figures that the answers about a verdict rest on, and what the tests of them decide."""

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pricecast.evaluation.scores import NAIVES, at, best_model, horizons, reference_of, value
from pricecast.evaluation.verdict import ALPHA, MATERIAL, claims, untested, winning
from pricecast.schema import NAIVE
from pricecast.statistics.confidence_set import SIZE

# How far in points a coverage may miss its promise, or three standard errors where they are more.
TOLERANCE = {"all": 1.5, "regime": 3.0}
ERRORS = 3.0


@dataclass(frozen=True)
class Sharpness:
    """A model's distribution beside the reference's at the shortest horizon.

    Attributes:
        reference: the better of naive and ewma.
        crps: skill by the CRPS, a share.
        winkler: skill by the Winkler score of the 90 % interval, a share.
        p: Holm-adjusted, of the test on the CRPS.
        sign: 1 is shown to be better, -1 worse, 0 neither.
    """

    reference: str
    crps: float
    winkler: float
    p: float
    sign: int


def shown_model(scores: pd.DataFrame) -> str:
    """Return the model to speak of: the best winner, else the best model that is not naive itself."""
    table = at(scores, horizons(scores)[0])
    ranked = [str(name) for name in table.sort_values("crps", kind="stable").index if name not in NAIVES]
    return next(iter([*winning(table), *ranked]), best_model(scores))


def point_claims(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `verdict.claims` on the point forecasts of all models but naive and ewma."""
    table = claims(scores)
    return table[(table["loss"] == "point") & ~table["model"].isin(NAIVES)]


def sharpness(scores: pd.DataFrame, model: str) -> Sharpness | None:
    """Return how sharp a model's distribution is; None for the reference itself."""
    first = horizons(scores)[0]
    own = claims(scores).query("loss == 'crps' and model == @model and horizon == @first")
    if own.empty:
        return None
    table, claim = at(scores, first), own.iloc[0]
    reference = reference_of(table)
    theirs = value(table, reference, "winkler_90")
    winkler = 1 - value(table, model, "winkler_90") / theirs if theirs else 0.0
    return Sharpness(reference, claim["skill"], winkler, claim["p"], int(claim["sign"]))


def overall_coverage(coverage: pd.DataFrame, model: str) -> "pd.Series[Any]":
    """Return the row of the coverage table on all of a model's forecasts at the shortest horizon."""
    rows = coverage[(coverage["model"] == model) & (coverage["by"] == "all")]
    return rows[rows["horizon"] == rows["horizon"].min()].iloc[0]


def misses(row: "pd.Series[Any]", percent: int) -> bool:
    """Return whether a row of the coverage table misses its promise by more than tolerance and chance allow."""
    tolerance = TOLERANCE.get(str(row["by"]), TOLERANCE["regime"])
    # Days that all hit, or all miss, have no error of their own.
    chance = math.sqrt(percent * (100 - percent) / row["n_rows"])
    error = max(chance, row[f"error_{percent}"])
    return bool(abs(row[f"coverage_{percent}"] - percent) > max(tolerance, ERRORS * error))


def winners_by_horizon(scores: pd.DataFrame) -> dict[int, list[str] | None]:
    """Return the models that beat the reference at each horizon, None where there are too few days to test."""
    tables = {horizon: at(scores, horizon) for horizon in horizons(scores)}
    return {horizon: None if untested(table) else winning(table) for horizon, table in tables.items()}


def winners_over_all(scores: pd.DataFrame) -> list[str] | None:
    """Return the models whose CRPS over all horizons is lower by more than chance and by enough to matter.

    None where there are too few days to test.
    """
    first = at(scores, horizons(scores)[0])
    if first["ref_dm_p_all"].isna().all():
        return None
    reference = reference_of(first)
    ratio = scores["crps"].unstack("horizon").loc[first.index]
    skill = 1 - (ratio / ratio.loc[reference]).mean(axis=1)
    sure = (first["ref_dm_p_all_holm"] < ALPHA) & (first["ref_dm_all"] < 0) & (skill >= MATERIAL)
    return [str(name) for name in first.index[sure]]


def skill_by_regime(coverage: pd.DataFrame, model: str) -> pd.DataFrame:
    """Return a model's figures by third of volatility at the shortest horizon.

    Returns:
        By group `skill`, of the CRPS against naive's, a share, and `coverage_90` in percent.
    """
    table = coverage[(coverage["by"] == "regime") & (coverage["horizon"] == coverage["horizon"].min())]
    own, naive = (table[table["model"] == name].set_index("group") for name in (model, NAIVE))
    return pd.DataFrame(
        {"skill": 1 - own["crps"] / naive["crps"].reindex(own.index), "coverage_90": own["coverage_90"]}
    )


def confidence_set(scores: pd.DataFrame) -> list[str] | None:
    """Return the models of the Model Confidence Set at the shortest horizon, best CRPS first.

    None where there are too few days for one.
    """
    table = at(scores, horizons(scores)[0])
    kept = table["mcs_p"]
    if kept.isna().all():
        return None
    return [str(name) for name in table.sort_values("crps").index if kept[name] > SIZE]
