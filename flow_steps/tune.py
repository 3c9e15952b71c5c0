"""tune: a study of one or more models on the past before the test span; the best is fitted anew and judged once."""

from flow_steps.cli.commands import tune as main

if __name__ == "__main__":
    main()  # answers a typing mistake before anything below is imported, and ends the program

import json
import logging
import time
from collections.abc import Sequence
from typing import Any

import click
import optuna
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, Trial

from flow_steps.pipeline.choice import choose
from flow_steps.pipeline.flow import Flow, pipeline
from flow_steps.reuse import copies, keys
from flow_steps.runs import artifacts
from flow_steps.tuning import studies
from flow_steps.tuning.pictures import draw
from flow_steps.tuning.trial import EPOCHS, RUN, Task, judge
from pricecast import models
from pricecast.dataset.dataset import Dataset
from pricecast.errors import InputError
from pricecast.experiments import search, search_space

# What a study is about: two commands that agree in these work at the same one.
_SAME = ("metric", "timesteps", "walk_forward", "lookback", "epochs", "lstm_units", "per_ticker", "seed")
_log = logging.getLogger(__name__)


def run(params: dict[str, Any]) -> None:
    """Search on the past, fits the best of each model on all of it, and judges them on the test span."""
    given = json.loads(params["model_params"])
    with pipeline("tune", params, f"tune {params['tuned'] or 'all'}") as flow:
        kept = studies.storage(params["storage"])
        chosen, left_out = choose(params["tuned"] or models.ALL, given)
        names = search_space.tunable(chosen)
        if params["tuned"] and (fixed := [name for name in chosen if name not in names]):
            _log.warning("left out: %s, with nothing to tune", ", ".join(fixed))
        uri = flow.dataset()
        past = search.past_of(Dataset.load(artifacts.fetch(uri)))
        tasks = [Task(name, given.get(name, {}), past, params) for name in names]
        for task in tasks:
            task.check()
        with studies.reachable(params["storage"]):
            found = _search(flow, tasks, kept, uri)
        _finish(flow, found, uri, left_out)


def _search(flow: Flow, tasks: Sequence[Task], kept: RDBStorage, uri: str) -> dict[str, optuna.Study]:
    """Return the study of each model; what is left of the time is shared by the models that are left."""
    end = time.monotonic() + (flow.params["timeout"] or float("inf"))
    found = {}
    for number, task in enumerate(tasks):
        now = time.monotonic()
        until = now + (end - now) / (len(tasks) - number)
        found[task.name] = _study(flow, task, studies.open_study(_key(task, uri), kept), until)
    return found


def _key(task: Task, uri: str) -> str:
    """Return the name of a study: the model, and a digest of all that its trials depend on but the machine."""
    modules = (
        "pricecast.experiments.search",
        "pricecast.experiments.search_space",
        *(f"pricecast.models.{part}" for part in models.parts(task.name, task.given)),
    )
    same = {option: task.params[option] for option in _SAME}
    about = {**same, "given": json.dumps(task.given, sort_keys=True)}
    parts = keys.parts("study", about, {"dataset": artifacts.digest(uri)}, modules)
    digest = keys.key({name: value for name, value in parts.items() if not name.startswith("machine")})
    return f"{task.name}-{digest[:16]}"


def _study(flow: Flow, task: Task, study: optuna.Study, until: float) -> optuna.Study:
    walked = search.search_folds(task.past, task.params["walk_forward"])
    first = search_space.defaults(task.name, task.past.spec.max_lookback)
    own: set[int] = set()

    def objective(trial: Trial) -> float:
        own.add(trial.number)
        return judge(task, trial, walked)

    studies.work(study, objective, task.params["n_trials"], task.params["seed"], until, first)
    _bring(study, own)
    draw(study, flow.run.folder / "studies" / task.name)
    table = study.trials_dataframe(("number", "value", "state", "duration", "params", "user_attrs"))
    table.drop(columns=f"user_attrs_{studies.OWNER}", errors="ignore").to_csv(
        flow.run.folder / "studies" / task.name / "trials.csv", index=False
    )
    flow.run.keep()
    return study


def _bring(study: optuna.Study, own: set[int]) -> None:
    """Repeat the runs of trials that earlier commands or other workers made, so that the study has all of them."""
    for trial in studies.finished(study):
        if trial.number not in own and (run_id := trial.user_attrs.get(RUN)):
            if copies.is_known(run_id):
                copies.copy_run(run_id)
            else:
                _log.warning("trial %d of %s: its run is in another store", trial.number, study.study_name)


def _finish(flow: Flow, found: dict[str, optuna.Study], uri: str, left_out: Sequence[str]) -> None:
    """Fit the best of each model on training and validation rows, and judges them."""
    counts = {name: len(studies.finished(study)) for name, study in found.items()}
    bundles = [
        _fit(flow, name, best, counts[name], uri) for name, study in found.items() if (best := studies.best(study))
    ]
    for name in counts:
        if not studies.best(found[name]):
            _log.warning("left out: %s, of whose %d trials none was finished", name, counts[name])
    trials = sum(counts.values())
    if not bundles:
        raise InputError(
            f"expected a trial that was finished, got none of {trials}: the trials' runs say why, or give more "
            "--timeout"
        )
    judged = flow.step(
        "evaluate", dataset=uri, bundles=",".join(bundles), left_out=",".join(left_out), trials=trials
    )
    audit = flow.step(
        "audit", dataset=uri, audited=",".join(bundles), model_params="{}",
        forecasts=f"runs:/{judged}/forecasts.parquet", quick=True,
    )  # fmt: skip
    flow.finish(judged, audit, uri)
    click.echo(f"Studies: optuna-dashboard {flow.params['storage']}")


def _fit(flow: Flow, name: str, best: FrozenTrial, trials: int, uri: str) -> str:
    """Train a model as its best trial was, for as many epochs as were best; returns the URI of its bundle."""
    epochs = best.user_attrs.get(EPOCHS) or 0
    own = json.loads(best.user_attrs[studies.PARAMS]) | ({"epochs": epochs} if epochs else {})
    flow.run.params({f"{name}.{key}": value for key, value in own.items()})
    flow.run.metrics({f"{name}_valid_{flow.params['metric']}": best.value or 0.0, f"{name}_trials": trials})
    return flow.model("train", name, dataset=uri, model_params=json.dumps(own), early_stopping=not epochs)
