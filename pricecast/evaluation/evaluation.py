"""The result of an evaluation: forecasts, scores, tables and the verdict."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pandas as pd

from pricecast.evaluation.by_fold import FOLD_METRICS
from pricecast.evaluation.leaderboard import headline
from pricecast.failures import Failure
from pricecast.forecasting.walk_plan import Plan
from pricecast.schema import NAIVE


@dataclass(frozen=True)
class EvaluatedModel:
    """Facts about a model besides its forecasts: its parameters, and its losses by epoch where it has any."""

    params: Mapping[str, Any]
    curve: pd.DataFrame | None = None


@dataclass(frozen=True)
class Evaluation:
    """Result of an evaluation.

    Attributes:
        models: the evaluated models by label, naive and ewma among them.
        forecasts: the forecasts table of all of them.
        scores: their scores (see `scores.score`).
        leaderboard: one row per model, naive first.
        folds: scores by model, horizon and fold (see `by_fold.by_fold`).
        coverage: coverage of the intervals by group (see `coverage.coverage`).
        direction: hit rates of the calls of up and down (see `direction.direction`).
        ranking: how the models rank ten tickers or more (see `ranking.ranking`).
        trading: what a plain rule on the forecasts would have earned (see `trading.trading`).
        pit: where outcomes fell in their forecast distributions (see `pit.pit_counts`).
        verdict: the outcome in words and figures.
        headline: horizon that verdict and leaderboard lead with.
        plan: plan of the walk-forward, None where the dataset's own test span is the only fold.
        left_out: models that were not judged, by label.
    """

    models: Mapping[str, EvaluatedModel]
    forecasts: pd.DataFrame
    scores: pd.DataFrame
    leaderboard: pd.DataFrame
    folds: pd.DataFrame
    coverage: pd.DataFrame
    direction: pd.DataFrame
    ranking: pd.DataFrame
    trading: pd.DataFrame
    pit: pd.DataFrame
    verdict: dict[str, Any]
    headline: int = 1
    plan: Plan | None = None
    left_out: Mapping[str, Failure] = field(default_factory=dict)

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return the tables that have rows, by the name of the file that each becomes."""
        tables = {
            "leaderboard": self.leaderboard, "folds": self.folds, "coverage": self.coverage,
            "direction": self.direction, "cross_section": self.ranking, "money": self.trading, "pit": self.pit,
        }  # fmt: skip
        return {name: table for name, table in tables.items() if len(table)}

    def metrics_by_fold(self, model: str) -> dict[int, dict[str, float]]:
        """Return a model's figures at the headline horizon by fold; nothing where there is one fold.

        Like all names of figures, `fold_crps` is of one day ahead, `fold_crps_h5` of five.
        """
        rows = self.folds[(self.folds["model"] == model) & (self.folds["horizon"] == self.headline)]
        by_fold = rows.set_index("fold")[list(FOLD_METRICS)].to_dict("index")
        ending = "" if self.headline == 1 else f"_h{self.headline}"
        return {
            cast(int, fold): {f"fold_{name}{ending}": value for name, value in row.items()}
            for fold, row in by_fold.items()
        }

    def metrics(self, model: str) -> dict[str, float]:
        """Return a model's figures by flat name (see `leaderboard.headline`)."""
        return headline(self.scores, model)

    def best_beside_naive(self) -> dict[str, float]:
        """Return the figures of the best model by CRPS, and naive's with `naive_` before their names."""
        naive = {f"naive_{name}": value for name, value in self.metrics(NAIVE).items()}
        return {**self.metrics(self.verdict["best"]), **naive}
