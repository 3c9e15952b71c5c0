"""Figures that the answers about a verdict rest on, with the outcomes of their tests."""

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pricecast.evaluation.claims import ALPHA, MATERIAL, claims, untested, winners
from pricecast.evaluation.scores import NAIVES, at_horizon, best_model, entry, horizons, reference_of
from pricecast.schema import NAIVE
from pricecast.statistics.confidence_set import SIZE

# Points by which a coverage may miss its promise, or three standard errors where they are more.
TOLERANCE = {"all": 1.5, "regime": 3.0}
ERRORS = 3.0


@dataclass(frozen=True)
class Sharpness:
    """Comparison of a model's distribution with the reference's at the shortest horizon.

    Attributes:
        reference: the better of naive and ewma.
        crps: skill by the CRPS, a share.
        winkler: skill by the Winkler score of the 90 % interval, a share.
        p: Holm-adjusted p-value of the test on the CRPS.
        sign: 1 is shown to be better, -1 worse, 0 neither.
    """

    reference: str
    crps: float
    winkler: float
    p: float
    sign: int


def featured_model(scores: pd.DataFrame) -> str:
    """Return the model that the answers are about: the best winner, else the best model but naive and ewma."""
    table = at_horizon(scores, horizons(scores)[0])
    ranked = [str(name) for name in table.sort_values("crps", kind="stable").index if name not in NAIVES]
    return next(iter([*winners(table), *ranked]), best_model(scores))


def point_claims(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `claims.claims` on the point forecasts of all models but naive and ewma."""
    table = claims(scores)
    return table[(table["loss"] == "point") & ~table["model"].isin(NAIVES)]


def sharpness(scores: pd.DataFrame, model: str) -> Sharpness | None:
    """Compare a model's distribution with the reference's; None for the reference itself."""
    first = horizons(scores)[0]
    rows = claims(scores).query("loss == 'crps' and model == @model and horizon == @first")
    if rows.empty:
        return None
    table, claim = at_horizon(scores, first), rows.iloc[0]
    reference = reference_of(table)
    theirs = entry(table, reference, "winkler_90")
    winkler = 1 - entry(table, model, "winkler_90") / theirs if theirs else 0.0
    return Sharpness(reference, claim["skill"], winkler, claim["p"], int(claim["sign"]))


def overall_coverage(coverage: pd.DataFrame, model: str) -> "pd.Series[Any]":
    """Return the row of the coverage table on all of a model's forecasts at the shortest horizon."""
    rows = coverage[(coverage["model"] == model) & (coverage["by"] == "all")]
    return rows[rows["horizon"] == rows["horizon"].min()].iloc[0]


def misses(row: "pd.Series[Any]", percent: int) -> bool:
    """Tell whether a row of the coverage table misses its promise by more than tolerance and chance allow.

    >>> row = pd.Series({"by": "all", "n_rows": 1000, "coverage_90": 86.0, "error_90": 1.0})
    >>> misses(row, 90)
    True
    """
    tolerance = TOLERANCE.get(str(row["by"]), TOLERANCE["regime"])
    # Days that all hit, or all miss, have no error of their own.
    chance = math.sqrt(percent * (100 - percent) / row["n_rows"])
    error = max(chance, row[f"error_{percent}"])
    return bool(abs(row[f"coverage_{percent}"] - percent) > max(tolerance, ERRORS * error))


def winners_by_horizon(scores: pd.DataFrame) -> dict[int, list[str] | None]:
    """Return the models that beat the reference by horizon, None where there are too few days to test."""
    tables = {horizon: at_horizon(scores, horizon) for horizon in horizons(scores)}
    return {horizon: None if untested(table) else winners(table) for horizon, table in tables.items()}


def winners_over_all(scores: pd.DataFrame) -> list[str] | None:
    """Return the models whose CRPS over all horizons is lower than the reference's by more than chance.

    The difference is large enough to matter. None where there are too few days to test.
    """
    first = at_horizon(scores, horizons(scores)[0])
    if first["ref_dm_p_all"].isna().all():
        return None
    reference = reference_of(first)
    ratio = scores["crps"].unstack("horizon").loc[first.index]
    skill = 1 - (ratio / ratio.loc[reference]).mean(axis=1)
    sure = (first["ref_dm_p_all_holm"] < ALPHA) & (first["ref_dm_all"] < 0) & (skill >= MATERIAL)
    return [str(name) for name in first.index[sure]]


def skill_by_regime(coverage: pd.DataFrame, model: str) -> pd.DataFrame:
    """Return a model's figures by volatility regime at the shortest horizon.

    Returns:
        By regime `skill` (of the CRPS against naive's, a share) and `coverage_90` (in percent).
    """
    table = coverage[(coverage["by"] == "regime") & (coverage["horizon"] == coverage["horizon"].min())]
    rows, naive = (table[table["model"] == name].set_index("group") for name in (model, NAIVE))
    return pd.DataFrame(
        {"skill": 1 - rows["crps"] / naive["crps"].reindex(rows.index), "coverage_90": rows["coverage_90"]}
    )


def confidence_set(scores: pd.DataFrame) -> list[str] | None:
    """Return the models of the Model Confidence Set at the shortest horizon, best CRPS first.

    None where there are too few days for one.
    """
    table = at_horizon(scores, horizons(scores)[0])
    p = table["mcs_p"]
    if p.isna().all():
        return None
    return [str(name) for name in table.sort_values("crps").index if p[name] > SIZE]
