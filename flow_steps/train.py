"""train: from the dataset to one fitted, calibrated model, logged as one bundle."""

from flow_steps.cli.commands import train as main

if __name__ == "__main__":
    main()  # answers a typing mistake before anything below is imported, and ends the program

import time
from typing import Any

from tqdm import tqdm

from flow_steps.pipeline import chain
from flow_steps.pipeline.candidate import make_candidate
from flow_steps.runs import artifacts, bundles
from flow_steps.runs.forecasts import PAST
from flow_steps.runs.results import logged_failure, save_loss_curve
from flow_steps.runs.tracking import StepRun
from flow_steps.safety.store import FAILURES
from pricecast import models
from pricecast.dataset.dataset import Dataset
from pricecast.failures import one_model
from pricecast.files import write_parquet
from pricecast.forecasting.fitting import fit, refit
from pricecast.forecasting.forecaster import Forecaster
from pricecast.forecasting.replay import to_table
from pricecast.forecasting.walk_plan import Candidate


def body(run: StepRun, params: dict[str, Any]) -> None:
    """Fit the model; log its epochs, parameters and bundle."""
    with logged_failure(run, params["model"]):
        _train(run, params)


def _train(run: StepRun, params: dict[str, Any]) -> None:
    started = time.perf_counter()
    dataset = Dataset.load(artifacts.fetch(params["dataset"]))
    name = params["model"]
    wanted = make_candidate(name, params["model_params"], params)
    forecaster = _fit(run, wanted, dataset)
    run.log_params({f"{name}.{key}": value for key, value in forecaster.params.items()})
    run.log_metrics({**forecaster.summary(), "runtime_sec": time.perf_counter() - started})
    save_loss_curve(run, name, forecaster)
    if forecaster.past:
        write_parquet(to_table(forecaster.past), run.folder / PAST)
    bundles.log(run.run_id, name, forecaster, dataset)
    if params["refit"]:
        with one_model(name, "be fitted once more", FAILURES):
            again = refit(forecaster, dataset)
        bundles.log(run.run_id, bundles.refit_name(name), again, dataset)


def _fit(run: StepRun, wanted: Candidate, dataset: Dataset) -> Forecaster:
    """Fit the model with a progress bar; log its losses by epoch."""
    name = wanted.name
    with tqdm(desc=run.label, unit="epoch", disable=None, leave=False) as bar:

        def on_epoch(epoch: int, metrics: dict[str, float]) -> None:
            run.log_metrics(metrics, step=epoch)
            bar.update()
            bar.set_postfix({key: f"{value:.4f}" for key, value in metrics.items()})

        with one_model(name, "be fitted", FAILURES):
            return fit(
                name, dict(wanted.params), dataset, on_epoch, wanted.settings,
                lambda what: bar.set_description(f"{run.label}: {what}" if what != name else run.label),
            )  # fmt: skip


def _plugins(params: dict[str, Any]) -> tuple[str, ...]:
    models.check_name(params["model"])
    names = models.parts(params["model"], params["model_params"])
    # A bundle holds more than the forecaster.
    return (*(f"pricecast.models.{name}" for name in names), "serving.bundle", "serving.model")


STEP = chain.Step(
    name="train",
    body=body,
    title=lambda params: f"train {params['model']}" + (f" seed={params['seed']}" if params["seed"] else ""),
    inputs=chain.digests_of("dataset"),
    plugins=_plugins,
)


def run(params: dict[str, Any]) -> None:
    """Run the step as a command of its own."""
    chain.run_alone(STEP, params)
