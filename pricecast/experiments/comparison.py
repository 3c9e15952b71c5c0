"""Comparison of experiments with naive and one another: figures averaged over seeds, and their spread."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pricecast.evaluation.findings import Findings
from pricecast.evaluation.scores import at_horizon, entry
from pricecast.experiments.recommendation import CHOSEN_BY, recommend
from pricecast.experiments.trainings import TrainedExperiment, Training
from pricecast.schema import NAIVE

# Figures of the table: those with a test, the textbook's, and those of the training.
SCORES = (
    *("crps", "skill_crps", "skill_rmse", "mape", "coverage_90", "winkler_90", "direction", "majority"),
    *("mse", "rmse", "r2", "mae"),
)
TRAINING = ("final_train_loss", "final_val_loss", "converged_epoch", "runtime_sec")


@dataclass(frozen=True, eq=False)
class Comparison:
    """Result of a comparison.

    Attributes:
        table: a row for each experiment below one of naive, means over seeds; `<metric>_sd` over them.
        seeds: a row for each training.
        recommended: the experiment to take, "" for none.
        sentences: the recommendation in words.
        eligible: labels of the trainings that may be recommended: those of the experiment to take that beat naive.
    """

    table: pd.DataFrame
    seeds: pd.DataFrame
    recommended: str
    sentences: list[str]
    eligible: tuple[str, ...] = ()


def compare(
    experiments: Sequence[TrainedExperiment], scores: pd.DataFrame, metric: str, headline: int | None = None
) -> Comparison:
    """Compare experiments at one horizon.

    Args:
        experiments: experiments, each with the same seeds.
        scores: result of `scores.score`, with naive and the label of every training.
        metric: a key of `CHOSEN_BY`, by which the best is chosen.
        headline: horizon, by default the shortest; `scores` have to lead with the same.
    """
    findings = Findings.of(scores, headline)
    first = at_horizon(scores, findings.headline)
    rows = [
        {"experiment": trained.experiment.name, "label": training.label, **_figures(first, training)}
        for trained in experiments
        for training in trained.trainings
    ]
    seeds = pd.DataFrame(rows)
    naive = {"experiment": NAIVE, "description": "the last close", "model": NAIVE, "seeds": 1}
    table = pd.DataFrame([{**naive, **_scores(first, NAIVE)}, *(_row(trained, seeds) for trained in experiments)])
    recommended, sentences, eligible = recommend(experiments, table, seeds, findings, metric)
    return Comparison(table, seeds, recommended, sentences, eligible)


def _scores(table: pd.DataFrame, label: str) -> dict[str, float]:
    return {f"test_{name}": entry(table, label, name) for name in SCORES}


def _figures(table: pd.DataFrame, training: Training) -> dict[str, float]:
    return {**_scores(table, training.label), **{name: training.summary.get(name, np.nan) for name in TRAINING}}


def _row(trained: TrainedExperiment, seeds: pd.DataFrame) -> dict[Any, Any]:
    about = trained.experiment
    figures = seeds[seeds["experiment"] == about.name].drop(columns=["experiment", "label"])
    spread = figures.std(ddof=1)
    return {
        "experiment": about.name, "description": about.description, "model": about.model, "seeds": len(figures),
        **figures.mean().to_dict(), **{f"test_{name}_sd": spread[f"test_{name}"] for name in CHOSEN_BY},
    }  # fmt: skip
