"""From an evaluation and a comparison of its experiments to a report."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from pricecast.dataset.dataset import Dataset
from pricecast.evaluation.evaluation import Evaluation
from pricecast.experiments.comparison import Comparison
from pricecast.forecasting.upcoming import Upcoming
from pricecast.report.assemble import make_report
from pricecast.report.plots import convergence
from pricecast.report.report import Report

CURVES = "Do the losses converge?"
CAPTION = "Loss of each epoch, a line for each seed of an experiment."


def make_comparison_report(
    evaluation: Evaluation, dataset: Dataset, figures: bool, comparison: Comparison,
    curves: Mapping[str, Sequence[pd.DataFrame]], upcoming: Upcoming | None = None,
) -> Report:  # fmt: skip
    """Return the report of an evaluation with the comparison of its experiments.

    Args:
        evaluation: of all trainings.
        dataset: of the evaluation.
        figures: whether to draw figures.
        comparison: of the experiments.
        curves: losses by epoch of each training, by experiment.
        upcoming: forecast of the days after the last bars, where one was made.
    """
    report = replace(make_report(evaluation, dataset, figures, upcoming), comparison=comparison)
    if figures and (figure := convergence(curves)):
        return replace(report, figures={CURVES: (figure, CAPTION), **report.figures})
    return report
