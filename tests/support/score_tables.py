"""Random tables of scores like those of `scores.score`, with every combination of outcomes that may come."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from pricecast.evaluation.coverage import PERCENTS, REGIME_NAMES
from pricecast.statistics.significance import holm

NAMES = ("har", "lstm", "drift", "B seed 1", "knn_2")
HORIZONS = ((1,), (1, 2), (1, 2, 3, 4, 5), (1, 5, 20), (3, 10))
DAYS = (6, 15, 45, 120, 491, 1962)


def random_scores(rng: np.random.Generator, models: Sequence[str] | None = None) -> tuple[pd.DataFrame, int]:
    """Return scores at a few horizons of some models beside naive and ewma, and the headline horizon."""
    horizons = HORIZONS[rng.integers(len(HORIZONS))]
    headline = int(rng.choice(horizons))
    some = map(str, rng.choice(NAMES, rng.integers(len(NAMES) + 1), replace=False))
    names = ["naive", "ewma", *(some if models is None else models)]
    days, tickers = int(rng.choice(DAYS)), int(rng.choice([1, 4, 80]))
    tables = {horizon: _at(rng, names, horizon, max(days - horizon, 1), tickers) for horizon in horizons}
    reference = _reference(tables[headline])
    tables[headline] = tables[headline].assign(**_headline(rng, tables[headline], reference, headline))
    scores = pd.concat(tables, names=["horizon", "model"]).swaplevel()
    return scores.reindex(pd.MultiIndex.from_product([names, horizons], names=["model", "horizon"])), headline


def random_coverage(rng: np.random.Generator, scores: pd.DataFrame) -> pd.DataFrame:
    """Return the coverage by regime that goes with scores."""
    flat = scores.reset_index()
    thirds = [
        flat[["model", "horizon"]].assign(
            by="regime", group=group, n_rows=flat["n_rows"] // 3, n_days=flat["n_days"] // 3,
            crps=flat["crps"] * rng.uniform(0.5, 2, len(flat)),
            **{f"coverage_{percent}": np.clip(rng.normal(percent, 3, len(flat)), 0, 100) for percent in PERCENTS},
            **{f"error_{percent}": rng.uniform(0.3, 3, len(flat)) for percent in PERCENTS},
        )
        for group in REGIME_NAMES
    ]  # fmt: skip
    return pd.concat(thirds, ignore_index=True)


def _at(rng: np.random.Generator, names: list[str], horizon: int, days: int, tickers: int) -> pd.DataFrame:
    n = len(names)
    skill = {loss: rng.choice([0.0, 3e-4, 0.01, 0.05], n) * rng.normal(0, 1, n) for loss in ("crps", "point")}
    if rng.random() < 0.5:
        skill["crps"][1] = skill["crps"][0]  # ewma as good as naive
    skill["point"][:2] = 0.0  # both say that nothing changes
    columns: dict[str, Any] = {
        "crps": 1 - skill["crps"], "rmse": 1 - skill["point"], "winkler_90": 5 * (1 - rng.normal(0, 0.03, n)),
        "n_days": float(days), "n_rows": float(days * tickers), "mcs_p": np.nan, "ref_dm_all": np.nan,
        "ref_dm_p_all": np.nan, "ref_dm_p_all_holm": np.nan,
    }  # fmt: skip
    for percent in PERCENTS:
        error = rng.uniform(0.3, 1.0) * 40 / np.sqrt(days)
        off = rng.normal(0, error, n) + np.where(rng.random(n) < 0.03, rng.choice([-12, 12]), 0)
        columns[f"coverage_{percent}"] = np.clip(percent + off, 0, 100)
        columns[f"error_{percent}"] = error * rng.uniform(0.8, 1.2, n)
    table = pd.DataFrame(columns, index=names)
    reference = names.index(_reference(table))
    for loss, metric in (("crps", "crps"), ("point", "rmse")):
        better = columns[metric][reference] - columns[metric]
        columns |= _tests(rng, loss, better, reference, days >= 10 * horizon)
    return pd.DataFrame(columns, index=names)


def _tests(
    rng: np.random.Generator, loss: str, better: np.ndarray, reference: int, known: bool
) -> dict[str, np.ndarray]:
    """Tests that mostly go the way of the metrics, surely or not."""
    side = np.where(rng.random(len(better)) < 0.1, -1, 1) * np.sign(better)
    statistic = -side * np.abs(rng.normal(0, rng.choice([1.0, 4.0], len(better))))
    p = 2 * np.exp(-(statistic**2) / 2) / (1 + np.exp(-(statistic**2) / 2))
    p[reference] = statistic[reference] = np.nan
    if not known:
        p[:] = statistic[:] = np.nan
    return {f"ref_dm_{loss}": statistic, f"ref_dm_p_{loss}": p, f"ref_dm_p_{loss}_holm": holm(p)}


def _headline(rng: np.random.Generator, table: pd.DataFrame, reference: str, horizon: int) -> dict[str, np.ndarray]:
    n, place = len(table), list(table.index).index(reference)
    columns = _tests(rng, "all", rng.normal(0, 1, n), place, table["n_days"].iloc[0] >= 10 * horizon)
    columns = {"ref_dm_all": columns["ref_dm_all"], **{name: columns[name] for name in list(columns)[1:]}}
    kept = np.full(n, np.nan)
    if table["n_days"].iloc[0] >= max(50, 10 * horizon):
        kept = rng.choice([0.0, 0.05, 0.3, 0.8], n)
        # The best by the mean of the days, who is mostly the best by the mean of all rows.
        kept[table["crps"].argmin() if rng.random() < 0.8 else rng.integers(n)] = 1.0
    return {**columns, "mcs_p": kept}


def _reference(table: pd.DataFrame) -> str:
    return str(table["crps"].iloc[:2].idxmin())
