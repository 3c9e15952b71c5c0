"""The one evaluator: every model forecasts from every test origin, beside the naive ones, and is judged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from pricecast import models
from pricecast.dataset.dataset import Dataset
from pricecast.dataset.splits import Fold
from pricecast.errors import InputError
from pricecast.evaluation import scores as judge
from pricecast.evaluation.by_fold import FOLD_METRICS, by_fold, judge_selected, spread_over
from pricecast.evaluation.coverage import coverage
from pricecast.evaluation.direction import direction
from pricecast.evaluation.pit import pit_counts
from pricecast.evaluation.questions import answers
from pricecast.evaluation.ranking import cross_section
from pricecast.evaluation.trading import money
from pricecast.evaluation.verdict import verdict
from pricecast.forecasting import parity, walk_forward, walk_plan
from pricecast.forecasting.fitting import check_belongs, fit
from pricecast.forecasting.forecaster import Forecaster, label
from pricecast.forecasting.out_of_fold import OutOfFold
from pricecast.forecasting.walk_plan import Candidate, Plan
from pricecast.schema import NAIVE


@dataclass(frozen=True)
class Contestant:
    """What is known of a model besides its forecasts: its parameters, and its losses by epoch where it has any."""

    params: Mapping[str, Any]
    curve: pd.DataFrame | None = None


@dataclass(frozen=True)
class Evaluation:
    """What the evaluator finds.

    Attributes:
        contestants: by label, naive and ewma among them.
        forecasts: the forecasts table of all of them.
        scores: `scores.score` of it.
        leaderboard: one row per model, naive first.
        folds: scores by model, horizon and fold (see `by_fold.by_fold`).
        coverage: how its intervals kept their promise, by group (see `coverage.coverage`).
        direction: its calls of up and down (see `direction.direction`).
        cross_section: how it ranks ten tickers or more (see `ranking.cross_section`).
        money: what a plain rule on it would have earned (see `trading.money`).
        pit: where outcomes fell in its distributions (see `pit.pit_counts`).
        verdict: in words and figures.
        plan: of the walk, None where the folds are the dataset's own test span.
    """

    contestants: Mapping[str, Contestant]
    forecasts: pd.DataFrame
    scores: pd.DataFrame
    leaderboard: pd.DataFrame
    folds: pd.DataFrame
    coverage: pd.DataFrame
    direction: pd.DataFrame
    cross_section: pd.DataFrame
    money: pd.DataFrame
    pit: pd.DataFrame
    verdict: dict[str, Any]
    plan: Plan | None = None

    def tables(self) -> dict[str, pd.DataFrame]:
        """What a judgement leaves as files, by their names; a table without rows is none."""
        names = ("leaderboard", "folds", "coverage", "direction", "cross_section", "money", "pit")
        return {name: table for name in names if len(table := getattr(self, name))}

    def metrics_by_fold(self, model: str) -> dict[int, dict[str, float]]:
        """Return a model's figures at the shortest horizon by fold, none where there is one fold."""
        own = self.folds[(self.folds["model"] == model) & (self.folds["horizon"] == self.folds["horizon"].min())]
        rows = own.set_index("fold")[list(FOLD_METRICS)].to_dict("index")
        return {int(fold): {f"fold_{name}": value for name, value in row.items()} for fold, row in rows.items()}

    def metrics(self, model: str) -> dict[str, float]:
        """Return a model's figures under plain names."""
        return judge.headline(self.scores, model)

    def best_beside_naive(self) -> dict[str, float]:
        """Return the figures of the best model by CRPS, and naive's with `naive_` before their names."""
        naive = {f"naive_{name}": value for name, value in self.metrics(NAIVE).items()}
        return {**self.metrics(self.verdict["best"]), **naive}


def evaluate(
    given: list[Forecaster], dataset: Dataset, trials: int = 0, names: Sequence[str] | None = None
) -> Evaluation:
    """Walk every test origin with every model; naive and ewma are fitted where they are missing.

    Args:
        given: to judge.
        dataset: on whose test span.
        trials: settings that were tried on earlier data to choose the models.
        names: to show them under, by default those of their models.

    Raises:
        InputError: a model has seen the test span, or was made for other features or another horizon.
    """
    shown = set(names) if names else {forecaster.name for forecaster in given}
    missing = [name for name in judge.NAIVES if name not in shown]
    naives = {name: fit(name, {}, dataset) for name in missing}
    forecasters = {**(dict(zip(names, given, strict=True)) if names else label(given)), **naives}
    about = {name: Contestant(_params(found), found.curve()) for name, found in forecasters.items()}
    return judged(walk(forecasters, dataset), dataset, about, pd.Timestamp(dataset.spec.valid_start), trials=trials)


def _params(forecaster: Forecaster) -> dict[str, Any]:
    # Somebody may bring a model of their own that is no file here.
    return forecaster.params if forecaster.name in models.names() else {}


def judged(
    forecasts: pd.DataFrame, dataset: Dataset, contestants: Mapping[str, Contestant], known: pd.Timestamp,
    plan: Plan | None = None, trials: int = 0,
) -> Evaluation:  # fmt: skip
    """Judge forecasts of one fold or many.

    Args:
        forecasts: the forecasts table.
        dataset: they are about.
        contestants: by label.
        known: what every model has learned from ends before this date.
        plan: of the walk that they come from, if from one.
        trials: as in `evaluate`.
    """
    scores = judge.score(forecasts, insample_mae(dataset, known))
    covered, folds = coverage(forecasts, dataset.features), by_fold(forecasts)
    selected = judge_selected(forecasts, folds)
    board = spread_over(judge.leaderboard(scores), folds)
    said = {"answers": answers(scores, covered, folds, selected, trials), "selected": selected, "trials": trials}
    return Evaluation(
        contestants=contestants, forecasts=forecasts, scores=scores, leaderboard=board,
        folds=folds, coverage=covered, direction=direction(forecasts), cross_section=cross_section(forecasts),
        money=money(forecasts, trials=trials), pit=pit_counts(forecasts),
        verdict={**verdict(scores), **said}, plan=plan,
    )  # fmt: skip


def judged_walk(
    candidates: Sequence[Candidate], dataset: Dataset, walked: Sequence[Fold],
    found: Mapping[str, Sequence[OutOfFold]], plan: Plan,
) -> Evaluation:  # fmt: skip
    """Judge a backtest.

    Args:
        candidates: naive and ewma among them.
        dataset: that was walked through.
        walked: its folds.
        found: by model what `walk_forward.run_fit` made of `walk_plan.parity_fit` and `walk_plan.fits`.
        plan: of the walk.

    Raises:
        InputError: a bundle does not forecast what the backtest holds.
    """
    through = walk_forward.fold_data(dataset, walked)
    tables = [walk_forward.calibrated_forecasts(each, through, found[each.name][1:], plan) for each in candidates]
    for each, table in zip(candidates, tables, strict=True):
        _check_parity(each.name, parity.difference(found[each.name][0], dataset, table))
    about = {each.name: Contestant(models.params_of(each.name, walk_plan.prototype(each))) for each in candidates}
    result = judged(pd.concat(tables, ignore_index=True), dataset, about, walked[0].valid_start, plan)
    return replace(
        result, verdict={**result.verdict, "parity": {name: len(found[name][0].origins) for name in about}}
    )


def walk(forecasters: Mapping[str, Forecaster], dataset: Dataset) -> pd.DataFrame:
    """Forecasts from all test origins, in units of the adjusted close.

    Raises:
        InputError: a forecaster does not belong to the dataset.
    """
    origins = dataset.origins("test")
    tables = []
    for name, forecaster in forecasters.items():
        _check_unseen(name, forecaster, dataset)
        check_belongs(name, forecaster, dataset)
        panel = dataset.panel(forecaster.scalers)
        tables.append(forecaster.table(panel, origins, panel.close[origins]).assign(model=name))
    return pd.concat(tables, ignore_index=True)


def insample_mae(dataset: Dataset, before: pd.Timestamp) -> pd.Series:
    """Mean absolute daily change of the adjusted close before a date, by ticker (the scale of MASE)."""
    table = dataset.features
    past = table[table["date"] < before]
    change = past.groupby("ticker", sort=False)["close"].diff().abs()
    return change.groupby(past["ticker"]).mean()


def _check_parity(name: str, difference: float) -> None:
    if difference > parity.TOLERANCE:
        raise InputError(
            f"expected a bundle of {name} to forecast what the backtest holds for the same cutoff, got quantiles "
            f"that differ by {difference:.2g} of the 90 % interval: look for a leak with the audit step"
        )


def _check_unseen(name: str, forecaster: Forecaster, dataset: Dataset) -> None:
    start = dataset.spec.test_start
    if pd.Timestamp(forecaster.fitted_until) >= pd.Timestamp(start):
        raise InputError(
            f"expected models that know nothing of the test span from {start}, got {name}, which has seen closes "
            f"up to {forecaster.fitted_until}: evaluate the model as it was before its refit"
        )
