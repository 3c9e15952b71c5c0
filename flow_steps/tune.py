"""tune: a study of one or more models on the past before the test span; the best is fitted anew and judged once."""

from flow_steps.cli.commands import tune as main

if __name__ == "__main__":
    main()  # answers a typing mistake before anything below is imported, and ends the program

import json
import logging
import shlex
from collections.abc import Mapping
from typing import Any

import optuna

from flow_steps.cli.types import text
from flow_steps.pipeline.candidate import make_candidate
from flow_steps.pipeline.choice import choose
from flow_steps.pipeline.flow import Flow, pipeline
from flow_steps.runs import artifacts
from flow_steps.safety import output
from flow_steps.tuning import studies
from flow_steps.tuning.optimize import optimize
from flow_steps.tuning.storage import explained, open_storage
from flow_steps.tuning.takeover import PARAMS
from flow_steps.tuning.trial import EPOCHS, Task
from pricecast import models
from pricecast.dataset.dataset import Dataset
from pricecast.errors import InputError
from pricecast.experiments import search, search_space
from pricecast.failures import Failure
from pricecast.files import write_json

BEST = "best_params.json"  # artifact of the run
_log = logging.getLogger(__name__)


def run(params: dict[str, Any]) -> None:
    """Search on the past, fit the best of each model on all of it, and judge them on the test span."""
    wanted, given = params["models"], params["model_params"]
    names, lacking = _tunable(wanted, given)
    for name in names:
        candidate = make_candidate(name, given.get(name, {}), {**params, "early_stopping": True})
        search_space.check(candidate, params["max_lookback"])
    storage = open_storage(params["storage"])
    with pipeline("tune", params, f"tune {text(wanted) or models.ALL}") as flow:
        flow.left_out.update(lacking)
        flow.reused.copy()  # what is reused stands beside runs of the trials
        uri = flow.dataset()
        past = search.past_of(Dataset.load(artifacts.fetch(uri)))
        tasks = [Task(name, given.get(name, {}), past, params) for name in names]
        with explained(params["storage"]):
            tuned = optimize(flow, tasks, storage, uri)
        best = _best(flow, tuned)
        _tell(flow, best)
        trials = sum(len(studies.finished(study)) for study in tuned.values())
        flow.evaluate(_train_best(flow, best, uri), uri, trials, [f"Best parameters:\n\n```\n{_words(best)}\n```"])
        output.show(f"Studies: optuna-dashboard {params['storage']}")


def _tunable(wanted: tuple[str, ...], given: Mapping[str, Any]) -> tuple[list[str], dict[str, Failure]]:
    """Return the models to tune, and those that are left out because they lack a package."""
    chosen, lacking = choose(wanted or (models.ALL,), given)
    names = search_space.tunable(chosen)
    if wanted and (fixed := [name for name in chosen if name not in names]):
        _log.warning("left out: %s, with nothing to tune", ", ".join(fixed))
    return names, lacking


def _best(flow: Flow, tuned: Mapping[str, optuna.Study]) -> dict[str, dict[str, Any]]:
    """Return the parameters of each model's best trial with its score, the epochs that were best among them.

    Raises:
        InputError: no trial was finished.
    """
    found: dict[str, dict[str, Any]] = {}
    trials = {name: len(studies.finished(study)) for name, study in tuned.items()}
    for name, study in tuned.items():
        best = studies.best(study)
        if not best:
            flow.leave_out(name, Failure(f"{name}, of whose {trials[name]} trials none was finished"))
            continue
        epochs = best.user_attrs.get(EPOCHS) or 0
        found[name] = {
            "params": json.loads(best.user_attrs[PARAMS]) | ({"epochs": epochs} if epochs else {}),
            f"valid_{flow.params['metric']}": best.value or 0.0,
            "trials": trials[name],
            "stops_early": not epochs,
        }
    if not found:
        raise InputError(
            f"expected a trial that was finished, got none of {sum(trials.values())}: the trials' runs say why, or "
            "give more --timeout"
        )
    return found


def _tell(flow: Flow, best: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the best parameters into the run, upload them at once, and print them."""
    write_json(best, flow.run.folder / BEST)
    metric = f"valid_{flow.params['metric']}"
    for name, about in best.items():
        flow.run.log_params({f"{name}.{key}": value for key, value in about["params"].items()})
    flow.run.log_metrics({"trials": sum(about["trials"] for about in best.values())})
    flow.run.upload_folder()
    lines = [
        f"Best {name} of {about['trials']} trials: {metric} {about[metric]:.5g}" for name, about in best.items()
    ]
    output.show("\n".join(["", *lines, "To train as these again:", _words(best)]))


def _words(best: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the options that set the best parameters, ready to be pasted behind a command."""
    params = {name: about["params"] for name, about in best.items()}
    return f"--models {text(tuple(best))} --model-params {shlex.quote(text(params))}"


def _train_best(flow: Flow, best: Mapping[str, Mapping[str, Any]], dataset_uri: str) -> dict[str, str]:
    """Train each model as its best trial was, for as many epochs as were best; return the models' URIs by name.

    Raises:
        InputError: no model can be fitted as its best trial was.
    """
    wanted = {
        name: {"model_params": about["params"], "early_stopping": about["stops_early"]}
        for name, about in best.items()
    }
    return flow.train_all(dataset_uri, wanted)
