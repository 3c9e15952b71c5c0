"""compare: named experiments on one dataset, each with several seeds, in one table below naive."""

from flow_steps.cli.commands import compare as main

if __name__ == "__main__":
    main()  # answers a typing mistake before anything below is imported, and ends the program

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from flow_steps.pipeline.flow import Flow, pipeline
from flow_steps.runs import artifacts, console, lookup, tracking
from flow_steps.runs.results import leave, leave_models, short
from pricecast import models
from pricecast.dataset.dataset import Dataset
from pricecast.evaluation.evaluate import evaluate
from pricecast.evaluation.evaluation import Evaluation
from pricecast.experiments import comparison
from pricecast.experiments.comparison import Comparison
from pricecast.experiments.config import SEED, Experiment, read
from pricecast.experiments.trainings import TrainedExperiment, Training, is_random, mean_curve
from pricecast.forecasting.forecaster import Forecaster
from pricecast.report import plots, summary
from pricecast.report.assemble import make_report
from pricecast.schema import NAIVE
from serving.load import load

EXPERIMENT = "Financial-forecasting-pipeline"
CURVES = "Do the losses converge?"
CAPTION = "Loss of each epoch, a line for each seed of an experiment."
# A name in MLflow's environment goes before ours, and so does the run that `mlflow run` has made.
_GIVEN = ("MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID", "MLFLOW_RUN_ID")


@dataclass(frozen=True, eq=False)
class Trained:
    """An experiment, the run that stands for it, and what came of its trainings."""

    run_id: str
    experiment: Experiment
    forecasters: Sequence[Forecaster]
    trainings: Sequence[Training]

    def result(self) -> TrainedExperiment:
        """Return the experiment with its trainings, for the comparison."""
        model, params = self.experiment.model, self.forecasters[0].params
        loss = str(params.get("loss", ""))
        return TrainedExperiment(
            self.experiment, self.trainings, is_random(model, params), params.get("epochs"), loss
        )


def run(params: dict[str, Any]) -> None:
    """Read the file, trains every experiment, judges all of them together and tells which to take."""
    with _in_experiment(), pipeline("compare", params, f"compare {Path(params['experiments']).stem}") as flow:
        experiments = read(artifacts.fetch(params["experiments"]))
        uri = flow.dataset()
        trained = [_train(flow, each, uri, params) for each in experiments]
        dataset = Dataset.load(artifacts.fetch(uri))
        labels = [training.label for each in trained for training in each.trainings]
        forecasters = [forecaster for each in trained for forecaster in each.forecasters]
        result = evaluate(forecasters, dataset, names=labels)
        found = comparison.compare([each.result() for each in trained], result.scores, params["metric"])
        _leave(flow, found, result, dataset, trained, params["vis"])
        _leave_naive(flow, result, dataset, uri)
        flow.run.keep()
        click.echo(console.told(flow.run.run_id, f"Dataset: {uri}"))


@contextmanager
def _in_experiment() -> Iterator[None]:
    """Run go to MLflow's experiment of this name, unless the environment names one."""
    if any(name in os.environ for name in _GIVEN):
        yield
        return
    os.environ["MLFLOW_EXPERIMENT_NAME"] = EXPERIMENT
    try:
        yield
    finally:
        del os.environ["MLFLOW_EXPERIMENT_NAME"]


def _train(flow: Flow, experiment: Experiment, dataset: str, params: dict[str, Any]) -> Trained:
    """Train one experiment with every seed, as children of a run of its own."""
    given = json.dumps(experiment.params)
    takes_seed = SEED in models.parameters(experiment.model)
    seeds = range(params["seed"], params["seed"] + (params["seeds"] if takes_seed else 1))
    about = {"model": experiment.model, "description": experiment.description, **experiment.params}
    # Such as exp_A_lr=0.005_hd=64.
    title = "_".join(["exp", experiment.name, *reversed(short(experiment.params))])
    with tracking.open_run(title, about, {"step": "experiment"}) as own:
        runs = [
            flow.step("train", dataset=dataset, model=experiment.model, model_params=given, seed=seed)
            for seed in seeds
        ]
        uris = [lookup.model_uri(run_id, experiment.model) for run_id in runs]
        found = [load(artifacts.bundle_folder(uri)) for uri in uris]
        names = [experiment.name if len(runs) == 1 else f"{experiment.name} seed {seed}" for seed in seeds]
        learned = [
            Training(
                name, each.curve(), {**each.summary(), "runtime_sec": lookup.metrics_of(run_id)["runtime_sec"]}
            )
            for name, each, run_id in zip(names, found, runs, strict=True)
        ]
        own.params({name: value for name, value in found[0].params.items() if name != SEED})
        for epoch, losses in mean_curve(learned).items():
            own.metrics(losses, step=epoch)
        own.note(experiment.description)
    return Trained(own.run_id, experiment, found, learned)


def _leave(
    flow: Flow, found: Comparison, result: Evaluation, dataset: Dataset, trained: Sequence[Trained], vis: bool
) -> None:
    report = replace(make_report(result, dataset, vis), comparison=found)
    curves = {each.experiment.name: [training.curve for training in each.trainings] for each in trained}
    if vis and (picture := plots.convergence(curves)):
        report = replace(report, figures={CURVES: (picture, CAPTION), **report.figures})
    leave(flow.run, result, report)
    found.table.to_csv(flow.run.folder / "comparison.csv", index=False)
    found.seeds.to_csv(flow.run.folder / "seeds.csv", index=False)
    text = "\n\n".join(summary.experiment_blocks(found, whole=True))
    (flow.run.folder / "comparison.md").write_text(f"{text}\n", encoding="utf-8")
    for row, each in zip(found.table.to_dict("records")[1:], trained, strict=True):
        tracking.log_metrics(each.run_id, _finite(row))


def _finite(row: Mapping[Any, Any]) -> dict[str, float]:
    """Return the figures of a row of the table."""
    skipped = ("experiment", "description", "model", "seeds")
    return {name: float(value) for name, value in row.items() if name not in skipped and np.isfinite(value)}


def _leave_naive(flow: Flow, result: Evaluation, dataset: Dataset, uri: str) -> None:
    """A run of naive, so that MLflow's tables have it beside the experiments."""
    naive = {NAIVE: result.models[NAIVE]}
    leave_models(flow.run, replace(result, models=naive), dataset, uri, {})
