"""tune: a study of one or more models on the past before the test span; the best is fitted anew and judged once."""

from flow_steps.cli.commands import tune as main

if __name__ == "__main__":
    main()  # answers a typing mistake before anything below is imported, and ends the program

import json
import logging
from collections.abc import Mapping
from typing import Any

import optuna

from flow_steps.cli.types import text
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

_log = logging.getLogger(__name__)


def run(params: dict[str, Any]) -> None:
    """Search on the past, fit the best of each model on all of it, and judge them on the test span."""
    wanted, given = params["models"], params["model_params"]
    with pipeline("tune", params, f"tune {text(wanted) or models.ALL}") as flow:
        storage = open_storage(params["storage"])
        chosen, lacking = choose(wanted or (models.ALL,), given)
        flow.left_out.update(lacking)
        names = search_space.tunable(chosen)
        if wanted and (fixed := [name for name in chosen if name not in names]):
            _log.warning("left out: %s, with nothing to tune", ", ".join(fixed))
        uri = flow.dataset()
        past = search.past_of(Dataset.load(artifacts.fetch(uri)))
        tasks = [Task(name, given.get(name, {}), past, params) for name in names]
        for task in tasks:
            task.check()
        with explained(params["storage"]):
            tuned = optimize(flow, tasks, storage, uri)
        trials = {name: len(studies.finished(study)) for name, study in tuned.items()}
        flow.evaluate(_train_best(flow, tuned, trials, uri), uri, sum(trials.values()))
        output.show(f"Studies: optuna-dashboard {params['storage']}")


def _train_best(
    flow: Flow, tuned: Mapping[str, optuna.Study], trials: Mapping[str, int], dataset_uri: str
) -> dict[str, str]:
    """Train each model as its best trial was, for as many epochs as were best; return the models' URIs by name.

    Raises:
        InputError: no trial was finished, or no model can be fitted as its best trial was.
    """
    wanted = {}
    for name, study in tuned.items():
        best = studies.best(study)
        if not best:
            flow.leave_out(name, Failure(f"{name}, of whose {trials[name]} trials none was finished"))
            continue
        epochs = best.user_attrs.get(EPOCHS) or 0
        own = json.loads(best.user_attrs[PARAMS]) | ({"epochs": epochs} if epochs else {})
        flow.run.log_params({f"{name}.{key}": value for key, value in own.items()})
        metric = f"{name}_valid_{flow.params['metric']}"
        flow.run.log_metrics({metric: best.value or 0.0, f"{name}_trials": trials[name]})
        wanted[name] = {"model_params": own, "early_stopping": not epochs}
    if not wanted:
        raise InputError(
            f"expected a trial that was finished, got none of {sum(trials.values())}: the trials' runs say why, or "
            "give more --timeout"
        )
    return flow.train_all(dataset_uri, wanted)
