"""Forecasts of the coming days as artifacts, and what a model needs to be fitted once more for them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from flow_steps.runs import artifacts, bundles, lookup
from flow_steps.runs.results import log_failures
from flow_steps.runs.tracking import StepRun
from pricecast.data.adjust import adjust
from pricecast.dataset.dataset import Dataset
from pricecast.errors import InputError
from pricecast.evaluation.evaluation import Evaluation
from pricecast.files import read_parquet, write_json, write_parquet
from pricecast.forecasting.forecaster import Forecaster
from pricecast.forecasting.intervals import for_people
from pricecast.forecasting.out_of_fold import OutOfFold
from pricecast.forecasting.replay import from_table
from pricecast.forecasting.upcoming import Upcoming, fitted_on_all, refitted
from pricecast.forecasting.walk_plan import Candidate
from pricecast.report import plots
from pricecast.report.forecast import history, upcoming_figures, what_was_read
from pricecast.report.summary import forecast_blocks
from pricecast.schema import NAIVE

PAST = "out_of_fold.parquet"  # of a training: what its model was calibrated on
FORECAST_CSV, FORECAST_JSON = "forecast.csv", "forecast.json"


@dataclass(frozen=True, eq=False)
class Prediction:
    """Forecast of the days after the last bars.

    Attributes:
        model: URI of the model.
        bars: prices table.
        table: forecasts table without `actual`.
        quality: quality report of the bars.
        trust: sentences on how far to trust it.
    """

    model: str
    bars: pd.DataFrame
    table: pd.DataFrame
    quality: Mapping[str, Any]
    trust: Sequence[str]


def past_of(model_uri: str, dataset_uri: str) -> OutOfFold | None:
    """Return the out-of-fold forecasts that a logged model was calibrated on.

    None where no run has them, or where their origins are rows of another dataset.
    """
    run_id = lookup.source_run(artifacts.model_id(model_uri))
    if not run_id:
        return None
    try:
        trained_on = lookup.params_of(run_id).get("dataset", "")
        if artifacts.digest(trained_on) != artifacts.digest(dataset_uri):
            return None
        return from_table(read_parquet(artifacts.fetch(f"runs:/{run_id}/{PAST}")))
    except InputError:
        return None


def on_all(
    name: str, judged: Mapping[str, Forecaster], uris: Mapping[str, str], dataset: Dataset, dataset_uri: str
) -> Forecaster:
    """Fit a judged model once more, on all rows.

    Args:
        name: label of the model; naive and ewma are judged without being asked for.
        judged: forecasters by label.
        uris: their URIs by label.
        dataset: dataset that they were judged on.
        dataset_uri: URI of that dataset.
    """
    if name not in judged:
        return fitted_on_all(Candidate(name, {}), dataset)
    return refitted(judged[name], dataset, past_of(uris[name], dataset_uri))


def wanted(result: Evaluation) -> list[str]:
    """Return the labels of the models that are to forecast the coming days: the recommended one, else naive."""
    return list(dict.fromkeys([result.verdict["recommended"], NAIVE]))


def log_coming(run: StepRun, result: Evaluation, coming: Upcoming, dataset: Dataset) -> None:
    """Log the forecast of the coming days beside an evaluation, and the model that made it."""
    log_failures(run, {**result.left_out, **coming.failures})
    log_forecast(run, for_people(coming.table))
    bundles.log(run.run_id, bundles.refit_name(coming.forecaster.name), coming.forecaster, dataset)


def log_forecast(run: StepRun, intervals: pd.DataFrame, **more: Any) -> None:
    """Write the forecast of the coming days (see `intervals.for_people`) as a table and as JSON."""
    intervals.to_csv(run.folder / FORECAST_CSV, index=False)
    write_json(as_json(intervals, **more), run.folder / FORECAST_JSON)


def as_json(intervals: pd.DataFrame, **more: Any) -> Mapping[str, Any]:
    """Return the forecast for JSON, with dates as YYYY-MM-DD, after what else there is to say about it."""
    rows = intervals.assign(**{name: intervals[name].dt.strftime("%Y-%m-%d") for name in ("cutoff", "date")})
    return {**more, "forecast": json.loads(rows.to_json(orient="records", double_precision=15))}


def log_prediction(run: StepRun, made: Prediction, params: Mapping[str, Any], more: Sequence[str]) -> None:
    """Write tables, pictures and JSON of a prediction; describe the run by it and by `more` paragraphs."""
    intervals, days = for_people(made.table, params["above"]), params["previous_time_window"]
    write_parquet(made.table, run.folder / "forecasts.parquet")
    history(made.bars, made.table["ticker"].unique(), days).to_csv(run.folder / "history.csv", index=False)
    log_forecast(run, intervals, model=made.model, trust=list(made.trust))
    if params["vis"]:
        figures = upcoming_figures(adjust(made.bars), made.table, days)
        for ticker, figure in figures.items():
            plots.save(figure, run.folder / "plots" / f"forecast_{ticker}.svg")
    run.set_note("\n\n".join([prediction_text(made, intervals), *more]))


def prediction_text(made: Prediction, intervals: pd.DataFrame) -> str:
    """Return a prediction as Markdown: what was read, the forecast, how far to trust it."""
    read = what_was_read(adjust(made.bars), made.quality)
    return "\n\n".join(forecast_blocks(read, intervals, made.trust))
