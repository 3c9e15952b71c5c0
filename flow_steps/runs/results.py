"""Results of trainings, evaluations and comparisons as files, metrics and child runs."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from mlflow import MlflowClient
from mlflow.data.dataset import Dataset as DatasetOfRun
from mlflow.entities import LoggedModelInput, Metric
from mlflow.utils.time import get_current_time_millis

from flow_steps.runs import artifacts, headline, records
from flow_steps.runs.tracking import StepRun, plain_run
from flow_steps.safety import secrets
from pricecast.dataset.dataset import Dataset
from pricecast.evaluation.evaluation import Evaluation
from pricecast.experiments.comparison import Comparison
from pricecast.failures import Failure, ModelError
from pricecast.files import write_json, write_parquet
from pricecast.forecasting.forecaster import Forecaster
from pricecast.report import plots
from pricecast.report.report import Report, render
from pricecast.report.summary import REPORT, SUMMARY, VERDICT, experiment_blocks, save_figures, summary

LEFT_OUT = "left_out"  # tag of the reasons for which models were not judged
# Of a run that judges several models, at the shortest and the longest horizon; and at the shortest alone.
MAIN = ("crps", "rmse", "skill_crps", "skill_rmse", "coverage_90", "winkler_90")
MAIN_ONCE = ("mae", "mape", "mse", "r2", "width_90", "direction", "majority", "n_days")
_ABBREVIATIONS = {"L": "lookback", "hd": "hidden_dim", "lr": "learning_rate"}


def save_loss_curve(run: StepRun, name: str, forecaster: Forecaster) -> None:
    """Save a picture of the losses by epoch, if there are any.

    It is drawn here, because a change of the picture is no reason to train again.
    """
    if forecaster.history:
        plots.save(plots.loss_curves({name: forecaster.curve()}), run.folder / "loss_curve.svg")


def log_failures(run: StepRun, failures: Mapping[str, Failure]) -> None:
    """Log which models were left out and why as a tag, a line each, and the tracebacks as artifacts.

    A run in which a model failed is not reused: the model is to be tried again.
    """
    if not failures:
        return
    run.set_tags({LEFT_OUT: secrets.masked("\n".join(failure.reason for failure in failures.values()))})
    for name, failure in failures.items():
        if failure.trace:
            run.reusable = False
            path = run.folder / "failures" / f"{name}.txt"
            path.parent.mkdir(exist_ok=True)
            path.write_text(secrets.masked(failure.trace), encoding="utf-8")


@contextmanager
def logged_failure(run: StepRun, name: str) -> Iterator[None]:
    """Log the failure of the run's one model, and let it end the run."""
    try:
        yield
    except ModelError as error:
        log_failures(run, {name: error.failure})
        run.upload_folder()
        raise


def log_evaluation(run: StepRun, result: Evaluation, report: Report) -> None:
    """Write tables, verdict, report and figures; log the best model's metrics."""
    write_parquet(result.forecasts, run.folder / "forecasts.parquet")
    write_json(result.verdict, run.folder / VERDICT)
    for name, table in result.tables().items():
        table.to_csv(run.folder / f"{name}.csv", index=False)
    (run.folder / REPORT).write_text(render(report), encoding="utf-8")
    (run.folder / SUMMARY).write_text(summary(report), encoding="utf-8")
    save_figures(report.figures, run.folder / "plots")
    run.log_metrics(main_metrics(result))
    run.set_tags({"best_model": result.verdict["best"]})
    log_failures(run, result.left_out)
    run.set_note(headline.description(result.verdict, summary(report)))


def main_metrics(result: Evaluation) -> dict[str, float]:
    """Return the main figures of the best model by CRPS, and naive's with `naive_` before their names.

    All others stand in the runs of the models, and in `leaderboard.csv`.
    """
    horizons = sorted({int(horizon) for horizon in result.forecasts["horizon"]})
    longer = f"_h{horizons[-1]}"
    first = f"_h{horizons[0]}" if horizons[0] > 1 else ""
    names = {f"test_{name}{suffix}" for name in MAIN for suffix in (first, longer)}
    names |= {f"test_{name}{first}" for name in MAIN_ONCE}
    return {
        name: value for name, value in result.best_beside_naive().items() if name.removeprefix("naive_") in names
    }


def log_model_runs(result: Evaluation, dataset: Dataset, dataset_uri: str, logged: Mapping[str, str]) -> None:
    """Log a child run of the open run for each evaluated model.

    Args:
        result: of the evaluation.
        dataset: of the evaluation.
        dataset_uri: of that dataset.
        logged: URIs of the models that were logged, by label.
    """
    data = records.as_dataset(dataset.features, "dataset", artifacts.digest(dataset_uri))
    for name in result.models:
        model_id = artifacts.model_id(logged[name]) if name in logged else None
        _log_model_run(result, name, dataset.spec.horizon, data, model_id)


def _log_model_run(result: Evaluation, name: str, horizon: int, data: DatasetOfRun, model_id: str | None) -> None:
    """Log parameters and metrics of one model, linked to the dataset and to the logged model, if there is one."""
    now = get_current_time_millis()
    params = result.models[name].params
    metrics = [
        Metric(key, value, now, 0, model_id, data.name, data.digest) for key, value in result.metrics(name).items()
    ]
    note = result.verdict["models"][name]["sentence"]
    tags = {records.NOTE: note, f"{records.TAG}step": "judge model", f"{records.TAG}model": name}
    with plain_run(" ".join([name, f"h={horizon}", *short_params(params)]), tags) as run_id:
        models = [LoggedModelInput(model_id)] if model_id else None
        records.log_inputs(run_id, datasets=[records.as_input(data, "test")], models=models)
        own = records.as_params({"model": name, "horizon": horizon, **params})
        MlflowClient().log_batch(run_id, metrics=metrics, params=own)
        for fold, values in result.metrics_by_fold(name).items():
            points = [Metric(key, value, now, fold) for key, value in values.items() if np.isfinite(value)]
            MlflowClient().log_batch(run_id, metrics=points)


def log_comparison(run: StepRun, comparison: Comparison, run_ids: Sequence[str]) -> None:
    """Write the tables of a comparison, and log the metrics of each experiment in its run.

    Args:
        run: of the comparison.
        comparison: whose table has a row of naive, then one for each experiment.
        run_ids: of the experiments, in the order of the table.
    """
    comparison.table.to_csv(run.folder / "comparison.csv", index=False)
    comparison.seeds.to_csv(run.folder / "seeds.csv", index=False)
    markdown = "\n\n".join(experiment_blocks(comparison, whole=True))
    (run.folder / "comparison.md").write_text(f"{markdown}\n", encoding="utf-8")
    metrics = comparison.table.drop(columns=["experiment", "description", "model", "seeds"]).astype(float)
    for run_id, row in zip(run_ids, metrics.to_dict("records")[1:], strict=True):
        records.log_metrics(run_id, {str(name): value for name, value in row.items() if np.isfinite(value)})


def short_params(params: Mapping[str, Any]) -> list[str]:
    """Return the parameters that belong in a run's name, abbreviated, such as hd=64."""
    return [f"{sign}={params[key]}" for sign, key in _ABBREVIATIONS.items() if key in params]
