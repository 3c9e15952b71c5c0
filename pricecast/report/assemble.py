"""From an evaluation, and the data that it is about, to a report."""

import pandas as pd

from pricecast.dataset.dataset import Dataset
from pricecast.evaluation.evaluation import Evaluation
from pricecast.evaluation.findings import Findings
from pricecast.evaluation.questions import featured_model
from pricecast.report.facts import facts, kicker
from pricecast.report.figures import draw
from pricecast.report.report import Report
from pricecast.schema import NAIVE
from pricecast.text import listed

MAX_TICKERS = 10  # more would fill a page of the report; the file has them all


def make_report(evaluation: Evaluation, dataset: Dataset, figures: bool) -> Report:
    """Put the evaluation and the facts about its data into a report.

    Args:
        evaluation: evaluation to report.
        dataset: dataset of the evaluation.
        figures: whether to draw figures.
    """
    spec, headline = dataset.spec, evaluation.headline
    shown = featured_model(Findings.of(evaluation.scores, headline), evaluation.verdict["recommended"])
    curves = {name: model.curve for name, model in evaluation.models.items()}
    # Whoever ranks first, a person came to see a model beside the naive forecasts.
    others = evaluation.leaderboard.sort_values("crps", kind="stable")["model"]
    ranked = list(dict.fromkeys([shown, *map(str, others)]))
    return Report(
        title=f"{listed(spec.tickers)}: {spec.horizon} trading days ahead",
        kicker=kicker(evaluation.forecasts, headline, evaluation.plan),
        verdict=evaluation.verdict,
        leaderboard=evaluation.leaderboard,
        coverage=_coverage_beside_naive(evaluation, shown),
        direction=evaluation.direction,
        trading=evaluation.trading,
        ranking=evaluation.ranking,
        warnings=_left_out(evaluation, dataset) + _without_parity(evaluation),
        facts=facts(dataset, evaluation.forecasts, headline, evaluation.plan),
        quality=dataset.quality,
        figures=draw(evaluation.forecasts, curves, ranked, evaluation.folds, headline) if figures else {},
    )


def _left_out(evaluation: Evaluation, dataset: Dataset) -> list[str]:
    """Name the tickers and models that were not judged, with the reasons."""
    reasons = [*dataset.spec.dropped.values(), *(failure.reason for failure in evaluation.left_out.values())]
    return [f"Left out: {reason}." for reason in reasons]


def _without_parity(evaluation: Evaluation) -> list[str]:
    """Name the models of a backtest that have no live forecast to compare with."""
    names = [name for name, rows in evaluation.verdict.get("parity", {}).items() if not rows]
    young = "tickers have too few bars for a live forecast at the first fold's end"
    return [f"Live forecasts were not compared for {', '.join(names)}: {young}."] if names else []


def _coverage_beside_naive(evaluation: Evaluation, model: str) -> pd.DataFrame:
    """Return the coverage of a model and naive at the headline horizon; by ticker only where they are few."""
    table = evaluation.coverage
    table = table[table["horizon"] == evaluation.headline]
    few = 1 < table.loc[table["by"] == "ticker", "group"].nunique() <= MAX_TICKERS
    table = table[few | table["by"].ne("ticker")]
    return table[table["model"].isin([NAIVE, model])]
