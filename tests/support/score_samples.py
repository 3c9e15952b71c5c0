"""Tables of scores and coverages made by hand, for every test of what is said about them."""

import pandas as pd

from pricecast.evaluation.coverage import PERCENTS


def board(**rows):
    """Scores by hand at one horizon, all alike but for what is given by model: naive leads and nothing is shown."""
    base = {
        "crps": 1.0, "rmse": 1.0, "winkler_90": 5.0, "n_days": 250.0, "n_rows": 250.0, "mcs_p": 1.0,
        **{f"coverage_{percent}": float(percent) for percent in PERCENTS},
        **{f"error_{percent}": 1.0 for percent in PERCENTS},
        "ref_dm_crps": 0.0, "ref_dm_p_crps": 1.0, "ref_dm_p_crps_holm": 1.0, "ref_dm_point": 0.0,
        "ref_dm_p_point": 1.0, "ref_dm_p_point_holm": 1.0, "ref_dm_all": 0.0, "ref_dm_p_all": 1.0,
        "ref_dm_p_all_holm": 1.0,
    }  # fmt: skip
    tables = [pd.DataFrame([{**base, **own}], index=[name]) for name, own in rows.items()]
    return pd.concat(tables)


def scores(**by_horizon):
    """Boards by horizon, named h1, h5 and so on."""
    table = pd.concat({int(name[1:]): own for name, own in by_horizon.items()}, names=["horizon", "model"])
    return table.swaplevel()


NAIVES = {"naive": {}, "ewma": {"crps": 1.02}}
BETTER = {
    "crps": 0.95, "ref_dm_crps": -3.0, "ref_dm_p_crps_holm": 0.004, "winkler_90": 4.6, "ref_dm_all": -3.0,
    "ref_dm_p_all_holm": 0.002,
}  # fmt: skip
POINT = {"rmse": 0.98, "ref_dm_point": -2.5, "ref_dm_p_point_holm": 0.03}
WORSE = {"crps": 1.1, "ref_dm_crps": 3.0, "ref_dm_p_crps_holm": 0.001, "mcs_p": 0.01}
COVERED = {
    "n_rows": 250_000, "n_days": 250, "crps": 1.0, "coverage_50": 50.0, "error_50": 1.0, "coverage_80": 80.0,
    "error_80": 1.0, "coverage_90": 90.0, "error_90": 0.5,
}  # fmt: skip


def covered(*rows):
    """A coverage table by hand from (model, by, group, what differs)."""
    return pd.DataFrame([
        {"model": model, "horizon": 1, "by": by, "group": group, **COVERED, **own} for model, by, group, own in rows
    ])  # fmt: skip
