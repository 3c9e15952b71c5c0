"""Experiments beside naive: figures averaged over seeds, with what seeds alone make of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pricecast.evaluation import scores as judge
from pricecast.experiments.recommendation import CHOSEN_BY, recommend
from pricecast.experiments.trainings import Seed, Tried
from pricecast.schema import NAIVE

# Figures of the table: the honest ones, the textbook's, and those of the training.
JUDGED = (
    *("crps", "skill_crps", "skill_rmse", "mape", "coverage_90", "winkler_90", "direction", "majority"),
    *("mse", "rmse", "r2", "mae"),
)
TRAINED = ("final_train_loss", "final_val_loss", "converged_epoch", "runtime_sec")


@dataclass(frozen=True, eq=False)
class Comparison:
    """Experiments compared.

    Attributes:
        table: a row for each experiment below one of naive, means over seeds; `<metric>_sd` over them.
        seeds: a row for each training.
        sentences: the recommendation.
    """

    table: pd.DataFrame
    seeds: pd.DataFrame
    sentences: list[str]


def compare(tried: Sequence[Tried], scores: pd.DataFrame, metric: str) -> Comparison:
    """Compare experiments one day ahead, or at the shortest horizon there is.

    Args:
        tried: each with the same seeds.
        scores: of `scores.score`, with naive and every label.
        metric: a key of `CHOSEN_BY`, that the best is chosen by.
    """
    at = judge.at(scores, judge.horizons(scores)[0])
    rows = [
        {"experiment": each.experiment.name, "label": seed.label, **_figures(at, seed)}
        for each in tried
        for seed in each.seeds
    ]
    seeds = pd.DataFrame(rows)
    own = {"experiment": NAIVE, "description": "the last close", "model": NAIVE, "seeds": 1}
    table = pd.DataFrame([{**own, **_judged(at, NAIVE)}, *(_row(each, seeds) for each in tried)])
    return Comparison(table, seeds, recommend(tried, table, seeds, scores, metric))


def _judged(at: pd.DataFrame, label: str) -> dict[str, float]:
    return {f"test_{name}": judge.value(at, label, name) for name in JUDGED}


def _figures(at: pd.DataFrame, seed: Seed) -> dict[str, float]:
    return {**_judged(at, seed.label), **{name: seed.summary.get(name, np.nan) for name in TRAINED}}


def _row(each: Tried, seeds: pd.DataFrame) -> dict[Any, Any]:
    own = seeds[seeds["experiment"] == each.experiment.name].drop(columns=["experiment", "label"])
    spread = own.std(ddof=1)
    about = each.experiment
    return {
        "experiment": about.name, "description": about.description, "model": about.model, "seeds": len(own),
        **own.mean().to_dict(), **{f"test_{name}_sd": spread[f"test_{name}"] for name in CHOSEN_BY},
    }  # fmt: skip
