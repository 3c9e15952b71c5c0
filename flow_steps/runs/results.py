"""What steps leave in their runs: the losses; tables, verdict, report, and a child run for each model."""

from collections.abc import Mapping
from typing import Any

from flow_steps.runs import artifacts
from flow_steps.runs.tracking import Judged, StepRun, data_of
from pricecast.dataset.dataset import Dataset
from pricecast.evaluation.evaluation import EvaluatedModel, Evaluation
from pricecast.files import write_json, write_parquet
from pricecast.forecasting.forecaster import Forecaster
from pricecast.report import plots
from pricecast.report.report import Report, render
from pricecast.report.summary import REPORT, SUMMARY, VERDICT, save_figures, summary

_SHORT = {"L": "lookback", "hd": "hidden_dim", "lr": "learning_rate"}


def leave_curve(run: StepRun, name: str, forecaster: Forecaster) -> None:
    """Draw the loss of each epoch, if there are any; here, because a picture is no reason to train again."""
    if forecaster.history:
        plots.save(plots.loss_curves({name: forecaster.curve()}), run.folder / "loss_curve.svg")


def leave(run: StepRun, result: Evaluation, report: Report) -> None:
    """Write tables, verdict, report and pictures, and logs the best model's figures."""
    write_parquet(result.forecasts, run.folder / "forecasts.parquet")
    write_json(result.verdict, run.folder / VERDICT)
    for name, table in result.tables().items():
        table.to_csv(run.folder / f"{name}.csv", index=False)
    (run.folder / REPORT).write_text(render(report), encoding="utf-8")
    (run.folder / SUMMARY).write_text(summary(report), encoding="utf-8")
    save_figures(report.figures, run.folder / "plots")
    run.metrics(result.best_beside_naive())
    run.tags({"best_model": result.verdict["best"]})
    run.note(summary(report))


def leave_models(
    run: StepRun, result: Evaluation, dataset: Dataset, dataset_uri: str, logged: Mapping[str, str]
) -> None:
    """Leave a child run for each model.

    Args:
        run: the judging one.
        result: of it.
        dataset: that was judged on.
        dataset_uri: of the dataset.
        logged: URIs of models by label, of those that were logged.
    """
    data = data_of(dataset.features, "dataset", artifacts.digest(dataset_uri))
    for name, model in result.models.items():
        about = Judged(
            params={"model": name, "horizon": dataset.spec.horizon, **model.params},
            metrics=result.metrics(name),
            by_fold=result.metrics_by_fold(name),
            tags={"step": "judge model", "model": name},
            note=result.verdict["models"][name]["sentence"],
        )
        run.judged(_title(name, model, dataset.spec.horizon), logged.get(name), data, about)


def _title(name: str, model: EvaluatedModel, horizon: int) -> str:
    return " ".join([name, f"h={horizon}", *short(model.params)])


def short(params: Mapping[str, Any]) -> list[str]:
    """Return the parameters that tell runs apart at a glance, such as hd=64."""
    return [f"{sign}={params[key]}" for sign, key in _SHORT.items() if key in params]
