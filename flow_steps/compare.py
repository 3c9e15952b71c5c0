"""compare: named experiments on one dataset, each with several seeds, in one table below naive."""

from flow_steps.cli.commands import compare as main

if __name__ == "__main__":
    main()  # answers a typing mistake before anything below is imported, and ends the program

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flow_steps.pipeline.flow import Flow, pipeline
from flow_steps.runs import artifacts, console, lookup, tracking
from flow_steps.runs.experiments import default_experiment
from flow_steps.runs.results import log_comparison, log_evaluation, log_model_runs, short_params
from flow_steps.safety import output
from pricecast import models
from pricecast.dataset.dataset import Dataset
from pricecast.evaluation.evaluate import evaluate
from pricecast.experiments import comparison
from pricecast.experiments.config import SEED, Experiment, read
from pricecast.experiments.trainings import TrainedExperiment, Training, is_random, mean_curve
from pricecast.forecasting.forecaster import Forecaster
from pricecast.report.comparison_report import make_comparison_report
from pricecast.schema import NAIVE
from serving.load import load

EXPERIMENT = "Financial-forecasting-pipeline"  # of MLflow


@dataclass(frozen=True, eq=False)
class Trained:
    """An experiment, the id of its run, and its trainings with a forecaster each."""

    run_id: str
    experiment: Experiment
    forecasters: Sequence[Forecaster]
    trainings: Sequence[Training]

    def result(self) -> TrainedExperiment:
        """Return the experiment as the comparison takes it."""
        model, params = self.experiment.model, self.forecasters[0].params
        loss = str(params.get("loss", ""))
        return TrainedExperiment(
            self.experiment, self.trainings, is_random(model, params), params.get("epochs"), loss
        )


def run(params: dict[str, Any]) -> None:
    """Train every experiment of the file, judge all of them together and print which to take."""
    title = f"compare {Path(params['experiments']).stem}"
    with default_experiment(EXPERIMENT), pipeline("compare", params, title) as flow:
        experiments = read(artifacts.fetch(params["experiments"]))
        uri = flow.dataset()
        trained = [_train(flow, experiment, uri) for experiment in experiments]
        _evaluate(flow, trained, uri)
        flow.run.upload_folder()
        output.show(console.outcome(flow.run.run_id, f"Dataset: {uri}"))


def _train(flow: Flow, experiment: Experiment, dataset_uri: str) -> Trained:
    """Train one experiment with every seed, as children of a run of its own."""
    takes_seed = SEED in models.parameters(experiment.model)
    start = flow.params["seed"]
    seeds = range(start, start + (flow.params["seeds"] if takes_seed else 1))
    params = {"model": experiment.model, "description": experiment.description, **experiment.params}
    # Such as exp_A_lr=0.005_hd=64.
    title = "_".join(["exp", experiment.name, *reversed(short_params(experiment.params))])
    with tracking.open_run(title, params, {"step": "experiment"}) as own:
        runs = [
            flow.step(
                "train", dataset=dataset_uri, model=experiment.model, model_params=experiment.params, seed=seed
            )
            for seed in seeds
        ]
        uris = [lookup.model_uri(run_id, experiment.model) for run_id in runs]
        forecasters = [load(artifacts.bundle_folder(uri)) for uri in uris]
        labels = [experiment.name if len(runs) == 1 else f"{experiment.name} seed {seed}" for seed in seeds]
        trainings = [
            Training(
                name, each.curve(), {**each.summary(), "runtime_sec": lookup.metrics_of(run_id)["runtime_sec"]}
            )
            for name, each, run_id in zip(labels, forecasters, runs, strict=True)
        ]
        own.log_params({name: value for name, value in forecasters[0].params.items() if name != SEED})
        for epoch, losses in mean_curve(trainings).items():
            own.log_metrics(losses, step=epoch)
        own.set_note(experiment.description)
    return Trained(own.run_id, experiment, forecasters, trainings)


def _evaluate(flow: Flow, trained: Sequence[Trained], dataset_uri: str) -> None:
    """Evaluate all trainings together, compare the experiments, and log both, with a run of naive beside them."""
    dataset = Dataset.load(artifacts.fetch(dataset_uri))
    labels = [training.label for each in trained for training in each.trainings]
    result = evaluate([made for each in trained for made in each.forecasters], dataset, names=labels)
    compared = comparison.compare([each.result() for each in trained], result.scores, flow.params["metric"])
    curves = {each.experiment.name: [training.curve for training in each.trainings] for each in trained}
    log_evaluation(flow.run, result, make_comparison_report(result, dataset, flow.params["vis"], compared, curves))
    log_comparison(flow.run, compared, [each.run_id for each in trained])
    naive = replace(result, models={NAIVE: result.models[NAIVE]})
    log_model_runs(naive, dataset, dataset_uri, {})
