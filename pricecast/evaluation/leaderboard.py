"""The leaderboard: the scores of every model at the headline horizon in a row, and as flat names for MLflow."""

from typing import cast

import numpy as np
import pandas as pd

from pricecast.evaluation.scores import at_horizon, horizons
from pricecast.schema import NAIVE

READING_ORDER = (
    *("rmse", "skill_rmse", "dm_p_point_holm", "crps", "skill_crps", "dm_p_crps_holm", "mcs_p"),
    *("coverage_90", "width_90", "winkler_90", "direction", "majority"),
    *("r2", "return_r2", "theils_u", "mae", "mape", "mase", "mse", "pinball", "log_loss", "qlike"),
    *("coverage_80", "width_80", "winkler_80", "coverage_50", "width_50", "winkler_50"),
    *("n_days", "n_rows"),
)
OTHER_HORIZONS = ("rmse", "crps", "coverage_90", "winkler_90", "skill_rmse", "skill_crps")


def leaderboard(scores: pd.DataFrame, headline: int | None = None) -> pd.DataFrame:
    """Return one row per model, naive first, then by CRPS: the headline horizon in full, the main scores of others.

    Args:
        scores: result of `scores.score`.
        headline: horizon, by default the shortest.

    Returns:
        Columns `model`, `horizon` (the headline one), its scores, `rmse_h5` and its like for other horizons.
    """
    first = headline or horizons(scores)[0]
    others = [horizon for horizon in horizons(scores) if horizon != first]
    table = at_horizon(scores, first)[list(READING_ORDER)]
    for horizon in others:
        table = table.join(at_horizon(scores, horizon)[list(OTHER_HORIZONS)].add_suffix(f"_h{horizon}"))
    table = table.sort_values("crps", kind="stable")
    table = table.loc[sorted(table.index, key=lambda model: model != NAIVE)]
    table.insert(0, "horizon", first)
    return table.rename_axis("model").reset_index()


def headline(scores: pd.DataFrame, model: str) -> dict[str, float]:
    """Return the finite scores of a model by flat name: `test_rmse` at horizon 1, `test_rmse_h5` at horizon 5.

    A name means the same in every run, whatever horizon its verdict leads with.
    """
    table = cast(pd.DataFrame, scores.xs(model, level="model"))
    table = table.drop(columns=list(scores.filter(regex="^(ref|error)_").columns))
    return {
        f"test_{name}" + ("" if horizon == 1 else f"_h{horizon}"): float(value)
        for horizon, row in table.to_dict(orient="index").items()
        for name, value in row.items()
        if np.isfinite(value)
    }
