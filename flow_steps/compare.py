"""compare: named experiments on one dataset, each with several seeds, in one table below naive."""

from flow_steps.cli.commands import compare as main

if __name__ == "__main__":
    main()  # answers a typing mistake before anything below is imported, and ends the program

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flow_steps.pipeline.candidate import check_candidate, make_candidate, overridden
from flow_steps.pipeline.flow import Flow, pipeline
from flow_steps.runs import artifacts, console, lookup, records, tracking
from flow_steps.runs.experiments import default_experiment
from flow_steps.runs.forecasts import log_coming, on_all, wanted
from flow_steps.runs.results import (
    LEFT_OUT,
    log_comparison,
    log_evaluation,
    log_model_runs,
    logged_failure,
    short_params,
)  # fmt: skip
from flow_steps.safety import output
from pricecast import models
from pricecast.dataset.dataset import Dataset
from pricecast.evaluation.evaluate import evaluate, recommending
from pricecast.experiments import comparison
from pricecast.experiments.config import SEED, Experiment, read
from pricecast.experiments.trainings import TrainedExperiment, Training, is_random, mean_curve
from pricecast.failures import Failure, ModelError, check_left
from pricecast.forecasting.forecaster import Forecaster
from pricecast.forecasting.upcoming import forecast_by_first
from pricecast.report.comparison_report import make_comparison_report
from pricecast.schema import NAIVE
from serving.load import load

EXPERIMENT = "Financial-forecasting-pipeline"  # of MLflow
_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Trained:
    """An experiment, the id of its run, and its trainings with a forecaster and its URI each."""

    run_id: str
    experiment: Experiment
    uris: Sequence[str]
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
    experiments: list[Experiment] = []
    title = f"compare {Path(params['experiments']).stem}"
    with (
        default_experiment(EXPERIMENT),
        pipeline("compare", params, title, lambda: experiments.extend(_read(params))) as flow,
    ):
        flow.reused.copy()  # what is reused stands beside runs of the experiments, which are new
        uri = flow.dataset()
        trained = []
        for experiment in experiments:
            with flow.leaving_out(experiment.name):
                trained.append(_train(flow, experiment, uri))
        check_left(flow.left_out, [experiment.name for experiment in experiments])
        _evaluate(flow, trained, uri)
        flow.run.upload_folder()
        output.show(console.outcome(flow.run.run_id, f"Dataset: {uri}"))


def _read(params: dict[str, Any]) -> list[Experiment]:
    """Return the experiments of the file, with what options of the command set for all of them."""
    experiments = []
    for each in read(artifacts.fetch(params["experiments"])):
        own = overridden(each.params, params)
        if changed := sorted(name for name in own if own[name] != each.params[name]):
            _log.info("%s: %s by option instead of the file", each.name, ", ".join(changed))
        with suppress(ModelError):  # of a model that cannot be imported, which fails when it is its turn
            check_candidate(make_candidate(each.model, own, params), params["max_lookback"])
        experiments.append(replace(each, params=own))
    return experiments


def _train(flow: Flow, experiment: Experiment, dataset_uri: str) -> Trained:
    """Train one experiment with every seed, as children of a run of its own.

    Raises:
        ModelError: a training failed; means over the seeds that are left would flatter the experiment.
    """
    takes_seed = SEED in models.parameters(experiment.model)
    start = flow.params["seed"]
    seeds = range(start, start + (flow.params["seeds"] if takes_seed else 1))
    params = {"model": experiment.model, "description": experiment.description, **experiment.params}
    # Such as exp_A_lr=0.005_hd=64.
    title = "_".join(["exp", experiment.name, *reversed(short_params(experiment.params))])
    labels = {seed: experiment.name if len(seeds) == 1 else f"{experiment.name} seed {seed}" for seed in seeds}
    with tracking.open_run(title, params, {"step": "experiment"}) as own, logged_failure(own, experiment.name):
        runs = [_train_seed(flow, experiment, dataset_uri, seed, label) for seed, label in labels.items()]
        uris = [lookup.model_uri(run_id, experiment.model) for run_id in runs]
        forecasters = [load(artifacts.bundle_folder(uri)) for uri in uris]
        trainings = [
            Training(
                name, each.curve(), {**each.summary(), "runtime_sec": lookup.metrics_of(run_id)["runtime_sec"]}
            )
            for name, each, run_id in zip(labels.values(), forecasters, runs, strict=True)
        ]
        own.log_params({name: value for name, value in forecasters[0].params.items() if name != SEED})
        for epoch, losses in mean_curve(trainings).items():
            own.log_metrics(losses, step=epoch)
        own.set_note(experiment.description)
    return Trained(own.run_id, experiment, uris, forecasters, trainings)


def _train_seed(flow: Flow, experiment: Experiment, dataset_uri: str, seed: int, label: str) -> str:
    """Run or reuse one training; return the id of its run."""
    own = {"model": experiment.model, "model_params": experiment.params, "seed": seed}
    try:
        return flow.step("train", label, dataset=dataset_uri, **own)
    except ModelError as error:
        reason = f"{label}: {error.failure.reason}"
        raise ModelError(replace(error.failure, reason=reason)) from error


def _evaluate(flow: Flow, trained: Sequence[Trained], dataset_uri: str) -> None:
    """Evaluate all trainings together, compare the experiments, and log both, with a run of naive beside them."""
    dataset = Dataset.load(artifacts.fetch(dataset_uri))
    headline = flow.params["headline_horizon"]
    labels = [training.label for each in trained for training in each.trainings]
    made = [forecaster for each in trained for forecaster in each.forecasters]
    uris = dict(zip(labels, [uri for each in trained for uri in each.uris], strict=True))
    result = evaluate(made, dataset, names=labels, left_out=flow.left_out, headline=headline)
    if broken := result.left_out.keys() & set(labels):
        _evaluate(flow, _without(flow, trained, {name: result.left_out[name] for name in broken}), dataset_uri)
        return
    experiments = [each.result() for each in trained]
    compared = comparison.compare(experiments, result.scores, flow.params["metric"], headline)
    result = recommending(result, compared.eligible)
    curves = {each.experiment.name: [training.curve for training in each.trainings] for each in trained}
    given = dict(zip(labels, made, strict=True))
    coming = forecast_by_first(
        wanted(result), lambda name: on_all(name, given, uris, dataset, dataset_uri), dataset
    )
    report = make_comparison_report(result, dataset, flow.params["vis"], compared, curves, coming)
    log_evaluation(flow.run, result, report)
    log_coming(flow.run, result, coming, dataset)
    log_comparison(flow.run, compared, [each.run_id for each in trained])
    taken = f"{compared.recommended} recommended" if compared.recommended else "none recommended"
    flow.run.rename(f"{flow.subject(dataset_uri)}: {taken}")
    naive = replace(result, models={NAIVE: result.models[NAIVE]})
    log_model_runs(naive, dataset, dataset_uri, {})


def _without(flow: Flow, trained: Sequence[Trained], broken: Mapping[str, Failure]) -> list[Trained]:
    """Leave out the experiments of trainings that cannot forecast; return the others.

    Raises:
        InputError: no experiment is left.
    """
    kept = []
    for each in trained:
        failure = next((broken[one.label] for one in each.trainings if one.label in broken), None)
        if failure is None:
            kept.append(each)
            continue
        flow.leave_out(each.experiment.name, failure)
        records.set_tags(each.run_id, {LEFT_OUT: failure.reason})
    check_left(flow.left_out, [each.experiment.name for each in trained])
    return kept
