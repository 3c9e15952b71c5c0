"""Results of trainings, evaluations and comparisons as files, metrics and child runs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flow_steps.runs import artifacts, records
from flow_steps.runs.tracking import ModelScores, StepRun, log_model_run
from pricecast.dataset.dataset import Dataset
from pricecast.evaluation.evaluate import Evaluation
from pricecast.experiments.comparison import Comparison
from pricecast.files import write_json, write_parquet
from pricecast.forecasting.forecaster import Forecaster
from pricecast.report import plots
from pricecast.report.report import Report, render
from pricecast.report.summary import REPORT, SUMMARY, VERDICT, experiments, save_pictures, summary

_ABBREVIATIONS = {"L": "lookback", "hd": "hidden_dim", "lr": "learning_rate"}


def save_loss_curve(run: StepRun, name: str, forecaster: Forecaster) -> None:
    """Save a picture of the losses by epoch, if there are any.

    It is drawn here, because a change of the picture is no reason to train again.
    """
    if forecaster.history:
        plots.save(plots.loss_curves({name: forecaster.curve()}), run.folder / "loss_curve.svg")


def log_evaluation(run: StepRun, result: Evaluation, report: Report) -> None:
    """Write tables, verdict, report and pictures; log the best model's metrics."""
    write_parquet(result.forecasts, run.folder / "forecasts.parquet")
    write_json(result.verdict, run.folder / VERDICT)
    for name, table in result.tables().items():
        table.to_csv(run.folder / f"{name}.csv", index=False)
    (run.folder / REPORT).write_text(render(report), encoding="utf-8")
    (run.folder / SUMMARY).write_text(summary(report), encoding="utf-8")
    save_pictures(report.figures, run.folder / "plots")
    run.log_metrics(result.best_beside_naive())
    run.set_tags({"best_model": result.verdict["best"]})
    run.set_note(summary(report))


def log_model_runs(result: Evaluation, dataset: Dataset, dataset_uri: str, logged: Mapping[str, str]) -> None:
    """Log a child run of the open run for each evaluated model.

    Args:
        result: of the evaluation.
        dataset: of the evaluation.
        dataset_uri: of that dataset.
        logged: URIs of the models that were logged, by label.
    """
    data = records.as_dataset(dataset.features, "dataset", artifacts.digest(dataset_uri))
    horizon = dataset.spec.horizon
    for name, contestant in result.contestants.items():
        scores = ModelScores(
            params={"model": name, "horizon": horizon, **contestant.params},
            metrics=result.metrics(name),
            by_fold=result.metrics_by_fold(name),
            tags={"step": "judge model", "model": name},
            note=result.verdict["models"][name]["sentence"],
        )
        model_id = artifacts.model_id(logged[name]) if name in logged else None
        title = " ".join([name, f"h={horizon}", *short_params(contestant.params)])
        log_model_run(title, model_id, data, scores)


def log_comparison(run: StepRun, comparison: Comparison, run_ids: Sequence[str]) -> None:
    """Write the tables of a comparison, and log the metrics of each experiment in its run.

    Args:
        run: of the comparison.
        comparison: whose table has a row of naive, then one for each experiment.
        run_ids: of the experiments, in the order of the table.
    """
    comparison.table.to_csv(run.folder / "comparison.csv", index=False)
    comparison.seeds.to_csv(run.folder / "seeds.csv", index=False)
    markdown = "\n\n".join(experiments(comparison, whole=True))
    (run.folder / "comparison.md").write_text(f"{markdown}\n", encoding="utf-8")
    metrics = comparison.table.drop(columns=["experiment", "description", "model", "seeds"]).astype(float)
    for run_id, row in zip(run_ids, metrics.to_dict("records")[1:], strict=True):
        records.log_metrics(run_id, {str(name): value for name, value in row.items() if np.isfinite(value)})


def short_params(params: Mapping[str, Any]) -> list[str]:
    """Return the parameters that belong into a run's name, abbreviated, such as hd=64."""
    return [f"{sign}={params[key]}" for sign, key in _ABBREVIATIONS.items() if key in params]
