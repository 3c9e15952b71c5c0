"""The one evaluator: every model forecasts from the same origins, beside the naive ones, and is scored."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pandas as pd

from pricecast import defaults, models
from pricecast.dataset.dataset import Dataset
from pricecast.dataset.splits import Fold
from pricecast.errors import InputError
from pricecast.evaluation.by_fold import by_fold, score_selected, with_fold_spread
from pricecast.evaluation.coverage import coverage
from pricecast.evaluation.direction import direction
from pricecast.evaluation.evaluation import EvaluatedModel, Evaluation
from pricecast.evaluation.findings import Findings
from pricecast.evaluation.leaderboard import leaderboard
from pricecast.evaluation.pit import pit_counts
from pricecast.evaluation.questions import answer_questions
from pricecast.evaluation.ranking import ranking
from pricecast.evaluation.recommendation import recommend
from pricecast.evaluation.scores import NAIVES, check_headline, score
from pricecast.evaluation.trading import trading
from pricecast.evaluation.verdict import verdict_of
from pricecast.failures import Failure, ModelError, check_left, one_model
from pricecast.forecasting import parity
from pricecast.forecasting.fitting import check_belongs, fit
from pricecast.forecasting.forecaster import Forecaster, label
from pricecast.forecasting.out_of_fold import OutOfFold
from pricecast.forecasting.walk_forward import calibrated_forecasts, fold_data
from pricecast.forecasting.walk_plan import Candidate, Plan, prototype

_NONE: Mapping[str, Failure] = MappingProxyType({})


def evaluate(
    forecasters: list[Forecaster], dataset: Dataset, trials: int = 0, names: Sequence[str] | None = None,
    left_out: Mapping[str, Failure] = _NONE, headline: int = defaults.HEADLINE_HORIZON,
) -> Evaluation:  # fmt: skip
    """Forecast from every test origin with every model, and score them; naive and ewma are fitted where missing.

    A model that cannot forecast is left out; the others are judged.

    Args:
        forecasters: forecasters to evaluate.
        dataset: dataset whose test span they forecast.
        trials: number of settings that were tried on earlier data to choose the models.
        names: labels of the forecasters, by default the names of their models.
        left_out: models that were left out before, by label.
        headline: horizon that the verdict leads with.

    Raises:
        InputError: the headline horizon is longer than the dataset's; a model has seen the test span, or was made
            for other features or another horizon; or naive, ewma or all of the forecasters fail.
    """
    check_headline(headline, range(1, dataset.spec.horizon + 1))
    shown = set(names) if names else {forecaster.name for forecaster in forecasters}
    given = dict(zip(names, forecasters, strict=True)) if names else label(forecasters)
    labelled = {**given, **{name: _naive(name, dataset) for name in NAIVES if name not in shown}}
    for name, forecaster in labelled.items():
        _check_unseen(name, forecaster, dataset)
        check_belongs(name, forecaster, dataset)
    tables, failures = each_model(labelled, lambda name: forecast_test_span(name, labelled[name], dataset))
    check_left(failures, given)
    about = {name: EvaluatedModel(_params(labelled[name]), labelled[name].curve()) for name in tables}
    return evaluate_forecasts(
        pd.concat(tables.values(), ignore_index=True), dataset, about, pd.Timestamp(dataset.spec.valid_start),
        trials=trials, left_out={**left_out, **failures}, headline=headline,
    )  # fmt: skip


def each_model(
    names: Iterable[str], forecast: Callable[[str], pd.DataFrame]
) -> tuple[dict[str, pd.DataFrame], dict[str, Failure]]:
    """Return the forecasts of the models that can forecast, and the failures of the others.

    Raises:
        ModelError: naive or ewma failed, beside which all others are judged.
    """
    tables, failures = {}, {}
    for name in names:
        try:
            tables[name] = forecast(name)
        except ModelError as error:
            if name in NAIVES:
                raise
            failures[name] = error.failure
    return tables, failures


def _naive(name: str, dataset: Dataset) -> Forecaster:
    with one_model(name, "be fitted"):
        return fit(name, {}, dataset)


def _params(forecaster: Forecaster) -> dict[str, Any]:
    # Somebody may bring a model of their own that is no file here.
    return forecaster.params if forecaster.name in models.names() else {}


def evaluate_walk(
    candidates: Sequence[Candidate], dataset: Dataset, folds: Sequence[Fold],
    results: Mapping[str, Sequence[OutOfFold]], plan: Plan, left_out: Mapping[str, Failure] = _NONE,
    headline: int = defaults.HEADLINE_HORIZON,
) -> Evaluation:  # fmt: skip
    """Calibrate and score the forecasts of a walk-forward.

    A model whose forecasts cannot be calibrated is left out; the others are judged.

    Args:
        candidates: models that walked, naive and ewma among them.
        dataset: dataset that they walked through.
        folds: folds of the walk.
        results: by model, the result of `walk_plan.parity_fit` and those of `walk_plan.fits`.
        plan: plan of the walk.
        left_out: models that were left out before, by name.
        headline: horizon that the verdict leads with.

    Raises:
        InputError: a live forecast differs from the walk's, or naive or ewma fails.
    """
    data, by_name = fold_data(dataset, folds), {candidate.name: candidate for candidate in candidates}

    def calibrated(name: str) -> pd.DataFrame:
        with one_model(name, "be calibrated"):
            return calibrated_forecasts(by_name[name], data, results[name][1:], plan)

    tables, failures = each_model(by_name, calibrated)
    for name, table in tables.items():
        _check_parity(name, parity.difference(results[name][0], dataset, table))
    about = {name: EvaluatedModel(models.params_of(name, prototype(by_name[name]))) for name in tables}
    result = evaluate_forecasts(
        pd.concat(tables.values(), ignore_index=True), dataset, about, folds[0].valid_start, plan,
        left_out={**left_out, **failures}, headline=headline,
    )  # fmt: skip
    compared = {name: int(parity.is_compared(results[name][0], dataset).sum()) for name in tables}
    return replace(result, verdict={**result.verdict, "parity": compared})


def evaluate_forecasts(
    forecasts: pd.DataFrame, dataset: Dataset, about: Mapping[str, EvaluatedModel], known: pd.Timestamp,
    plan: Plan | None = None, trials: int = 0, left_out: Mapping[str, Failure] = _NONE,
    headline: int = defaults.HEADLINE_HORIZON,
) -> Evaluation:  # fmt: skip
    """Score forecasts of one fold or many.

    Args:
        forecasts: the forecasts table.
        dataset: dataset that they are about.
        about: the models by label.
        known: date before which all training data of every model ends.
        plan: plan of the walk-forward that they come from, if from one.
        trials: number of settings that were tried on earlier data to choose the models.
        left_out: models that were left out, by label.
        headline: horizon that the verdict leads with.
    """
    scores = score(forecasts, insample_mae(dataset, known), headline)
    folds = by_fold(forecasts)
    result = Evaluation(
        models=about, forecasts=forecasts, scores=scores,
        leaderboard=with_fold_spread(leaderboard(scores, headline), folds), folds=folds,
        coverage=coverage(forecasts, dataset.features), direction=direction(forecasts), ranking=ranking(forecasts),
        trading=trading(forecasts, trials=trials), pit=pit_counts(forecasts),
        verdict={"selected": score_selected(forecasts, folds, headline), "trials": trials},
        headline=headline, plan=plan, left_out=left_out,
    )  # fmt: skip
    return recommending(result)


def recommending(evaluation: Evaluation, eligible: Collection[str] | None = None) -> Evaluation:
    """Return the evaluation with its verdict in words.

    Args:
        evaluation: evaluation whose verdict holds `selected` and `trials`.
        eligible: models that may be recommended besides naive and ewma, by default all.
    """
    known, folds = evaluation.verdict, evaluation.folds
    findings = Findings.of(evaluation.scores, evaluation.headline)
    choice = recommend(findings, eligible)
    reasons = {name: failure.reason for name, failure in evaluation.left_out.items()}
    answers = answer_questions(findings, choice, evaluation.coverage, folds, known["selected"], known["trials"])
    return replace(evaluation, verdict={**verdict_of(findings, choice, reasons), "answers": answers, **known})


def forecast_test_span(name: str, forecaster: Forecaster, dataset: Dataset) -> pd.DataFrame:
    """Return the forecasts of a forecaster from all test origins, in units of the adjusted close.

    Args:
        name: label that the forecasts get.
        forecaster: forecaster that belongs to the dataset.
        dataset: dataset whose test span it forecasts.

    Raises:
        InputError: it cannot forecast, for a reason of the user's.
        ModelError: it fails.
    """
    origins = dataset.origins("test")
    with one_model(name, "forecast"):
        panel = dataset.panel(forecaster.scalers)
        return forecaster.table(panel, origins, panel.close[origins]).assign(model=name)


def insample_mae(dataset: Dataset, before: pd.Timestamp) -> pd.Series:
    """Return the mean absolute daily change of the adjusted close before a date, by ticker (the scale of MASE)."""
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
