"""evaluate: from the dataset and trained models to forecasts, leaderboard, verdict and report."""

from flow_steps.cli.commands import evaluate as main

if __name__ == "__main__":
    main()  # answers a typing mistake before anything below is imported, and ends the program

from collections.abc import Sequence
from typing import Any

from flow_steps.pipeline import chain
from flow_steps.runs import artifacts, console
from flow_steps.runs.forecasts import log_coming, on_all, wanted
from flow_steps.runs.results import log_evaluation, log_model_runs
from flow_steps.runs.tracking import StepRun
from pricecast import models
from pricecast.dataset.dataset import Dataset
from pricecast.evaluation import scores
from pricecast.evaluation.evaluate import evaluate
from pricecast.failures import Failure, ModelError, check_left, one_model
from pricecast.forecasting import formats
from pricecast.forecasting.forecaster import Forecaster, label
from pricecast.forecasting.upcoming import forecast_by_first
from pricecast.report.assemble import make_report
from serving.load import load


def body(run: StepRun, params: dict[str, Any]) -> None:
    """Judge the models together, and log a child run for each."""
    dataset = Dataset.load(artifacts.fetch(params["dataset"]))
    loaded, failures = _load(params["models"])
    left_out = {name: Failure(str(reason)) for name, reason in params["left_out"].items()} | failures
    result = evaluate(
        list(loaded.values()), dataset, params["trials"], left_out=left_out, headline=params["headline_horizon"]
    )
    uris = dict(zip(label(list(loaded.values())), loaded, strict=True))
    given = {name: loaded[uri] for name, uri in uris.items()}
    coming = forecast_by_first(
        wanted(result), lambda name: on_all(name, given, uris, dataset, params["dataset"]), dataset
    )
    log_evaluation(run, result, make_report(result, dataset, params["vis"], coming))
    log_model_runs(result, dataset, params["dataset"], uris)
    log_coming(run, result, coming, dataset)


def _load(uris: Sequence[str]) -> tuple[dict[str, Forecaster], dict[str, Failure]]:
    """Return the models that can be loaded by URI, and the failures of the others by name.

    Raises:
        InputError: none can be loaded.
    """
    loaded, failures = {}, {}
    for number, uri in enumerate(uris, 1):
        folder = artifacts.bundle_folder(uri)
        name = formats.read(folder)["name"]
        try:
            with one_model(f"{name} of {uri}", "be loaded"):
                loaded[uri] = load(folder)
        except ModelError as error:
            failures[f"{name}, number {number}"] = error.failure
    if not loaded:
        check_left(failures, failures)
    return loaded, failures


def _plugins(params: dict[str, Any]) -> tuple[str, ...]:
    folders = [artifacts.bundle_folder(uri) for uri in params["models"]]
    descriptions = [formats.read(folder) for folder in folders]
    names = {part for each in descriptions for part in models.parts(each["name"], each["params"])}
    return (
        *(f"pricecast.models.{name}" for name in sorted({*names, *scores.NAIVES})),
        "pricecast.report.summary",
        "serving.bundle",
        "serving.model",
    )


STEP = chain.Step(
    name="evaluate",
    body=body,
    title=lambda params: "evaluate",
    inputs=chain.digests_of("dataset", "models"),
    plugins=_plugins,
    outcome=console.outcome,
    judges=True,
)


def run(params: dict[str, Any]) -> None:
    """Run the step as a command of its own."""
    chain.run_alone(STEP, params)
