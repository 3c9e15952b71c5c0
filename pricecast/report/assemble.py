"""From an evaluation, and the data that it is about, to a report."""

from collections.abc import Collection

import pandas as pd

from pricecast import defaults
from pricecast.dataset.dataset import Dataset
from pricecast.evaluation.evaluation import Evaluation
from pricecast.evaluation.findings import Findings
from pricecast.evaluation.questions import featured_model
from pricecast.forecasting.intervals import for_people
from pricecast.forecasting.upcoming import Upcoming
from pricecast.forecasting.walk_plan import Plan
from pricecast.report.facts import facts, kicker
from pricecast.report.figures import Captioned, draw
from pricecast.report.forecast import upcoming_figures, what_was_read
from pricecast.report.report import Report
from pricecast.report.ticker_table import ticker_scores
from pricecast.schema import NAIVE
from pricecast.text import listed


def make_report(
    evaluation: Evaluation, dataset: Dataset, figures: bool, upcoming: Upcoming | None = None
) -> Report:
    """Put the evaluation and the facts about its data into a report.

    Args:
        evaluation: evaluation to report.
        dataset: dataset of the evaluation.
        figures: whether to draw figures.
        upcoming: forecast of the days after the last bars, where one was made.
    """
    spec, headline = dataset.spec, evaluation.headline
    shown = featured_model(Findings.of(evaluation.scores, headline), evaluation.verdict["recommended"])
    # Whoever ranks first, a person came to see a model beside the naive forecasts.
    others = evaluation.leaderboard.sort_values("crps", kind="stable")["model"]
    ranked = list(dict.fromkeys([shown, *map(str, others)]))
    return Report(
        title=f"{listed(spec.tickers)}: {spec.horizon} trading days ahead",
        kicker=kicker(evaluation.forecasts, headline, evaluation.plan),
        read=what_was_read(dataset.bars, dataset.quality),
        upcoming=None if upcoming is None else for_people(upcoming.table),
        upcoming_figures={} if upcoming is None or not figures else upcoming_figures(dataset.bars, upcoming.table),
        verdict=evaluation.verdict,
        leaderboard=evaluation.leaderboard,
        coverage=_coverage_beside_naive(evaluation, {shown, evaluation.verdict["recommended"]}),
        tickers=ticker_scores(evaluation.forecasts, evaluation.coverage, shown),
        shown=shown,
        direction=evaluation.direction,
        trading=evaluation.trading,
        ranking=evaluation.ranking,
        warnings=_left_out(evaluation, dataset) + _without_parity(evaluation) + _not_by(upcoming, evaluation.plan),
        facts=facts(dataset, evaluation.forecasts, headline, evaluation.plan),
        quality=dataset.quality,
        figures=_figures(evaluation, dataset, ranked) if figures else {},
    )


def _figures(evaluation: Evaluation, dataset: Dataset, ranked: list[str]) -> Captioned:
    curves = {name: model.curve for name, model in evaluation.models.items()}
    recommended = evaluation.verdict["recommended"]
    return draw(
        evaluation.forecasts, curves, ranked, evaluation.folds, recommended, dataset.bars, evaluation.headline
    )


def _left_out(evaluation: Evaluation, dataset: Dataset) -> list[str]:
    """Name the tickers and models that were not judged, with the reasons."""
    reasons = [*dataset.spec.dropped.values(), *(failure.reason for failure in evaluation.left_out.values())]
    return [f"Left out: {reason}." for reason in reasons]


def _not_by(upcoming: Upcoming | None, plan: Plan | None) -> list[str]:
    """Say in which respect the forecast of the coming days is not by the model that was judged best."""
    if upcoming is None:
        return []
    failed = [f"The forecast is {upcoming.name}'s: {each.reason}." for each in upcoming.failures.values()]
    if plan is None or plan.window == defaults.WINDOWS[0]:
        return failed
    return [*failed, f"{upcoming.name} was judged on a {plan.window} window; its forecast learned from all bars."]


def _without_parity(evaluation: Evaluation) -> list[str]:
    """Name the models of a backtest that have no live forecast to compare with."""
    names = [name for name, rows in evaluation.verdict.get("parity", {}).items() if not rows]
    young = "tickers have too few bars for a live forecast at the first fold's end"
    return [f"Live forecasts were not compared for {', '.join(names)}: {young}."] if names else []


def _coverage_beside_naive(evaluation: Evaluation, models: Collection[str]) -> pd.DataFrame:
    """Return the coverage of naive and others at the headline horizon; tickers have a table of their own."""
    table = evaluation.coverage
    table = table[table["horizon"].eq(evaluation.headline) & table["by"].ne("ticker")]
    return table[table["model"].isin([NAIVE, *models])]
