"""The studies of a flow: one for each model, within the time that is left, with their trials as child runs."""

import json
import logging
import time
from collections.abc import Sequence

import optuna
from optuna.storages import RDBStorage
from optuna.trial import Trial

from flow_steps.pipeline.flow import Flow
from flow_steps.reuse import copies, keys
from flow_steps.runs import artifacts
from flow_steps.tuning import studies, takeover
from flow_steps.tuning.pictures import draw
from flow_steps.tuning.storage import open_study
from flow_steps.tuning.trial import RUN, Task, run_trial
from pricecast import models
from pricecast.experiments import search, search_space

# Options that define a study: two commands that agree in these work at the same one.
_DEFINING = ("metric", "timesteps", "walk_forward", "lookback", "epochs", "lstm_units", "per_ticker", "seed")
_log = logging.getLogger(__name__)


def optimize(flow: Flow, tasks: Sequence[Task], storage: RDBStorage, dataset_uri: str) -> dict[str, optuna.Study]:
    """Return the study of each model; the models that are left share the time that is left."""
    end = time.monotonic() + (flow.params["timeout"] or float("inf"))
    done = {}
    for number, task in enumerate(tasks):
        now = time.monotonic()
        until = now + (end - now) / (len(tasks) - number)
        study = open_study(study_name(task, dataset_uri), storage)
        own = _work(task, study, until)
        _copy_other_trials(study, own)
        _write(flow, task.name, study)
        done[task.name] = study
    return done


def study_name(task: Task, dataset_uri: str) -> str:
    """Return the model's name with a digest of all that its trials depend on, except for the machine."""
    modules = (
        "pricecast.experiments.search",
        "pricecast.experiments.search_space",
        *(f"pricecast.models.{part}" for part in models.parts(task.name, task.given)),
    )
    defining = {option: task.params[option] for option in _DEFINING}
    params = {**defining, "given": json.dumps(task.given, sort_keys=True)}
    parts = keys.parts("study", params, {"dataset": artifacts.digest(dataset_uri)}, modules)
    digest = keys.key({name: value for name, value in parts.items() if not name.startswith("machine")})
    return f"{task.name}-{digest[:16]}"


def _work(task: Task, study: optuna.Study, until: float) -> set[int]:
    """Run trials until the study has enough or the time is over; return the numbers of those run here."""
    folds = search.search_folds(task.past, task.params["walk_forward"])
    first = search_space.defaults(task.name, task.past.spec.max_lookback)
    own: set[int] = set()

    def objective(trial: Trial) -> float:
        own.add(trial.number)
        return run_trial(task, trial, folds)

    studies.work(study, objective, task.params["n_trials"], task.params["seed"], until, first)
    return own


def _copy_other_trials(study: optuna.Study, own: set[int]) -> None:
    """Copy the runs of trials of earlier commands and other workers, so that the flow has all of them."""
    for trial in studies.finished(study):
        if trial.number not in own and (run_id := trial.user_attrs.get(RUN)):
            if copies.run_exists(run_id):
                copies.copy_run(run_id)
            else:
                _log.warning("trial %d of %s: its run is in another store", trial.number, study.study_name)


def _write(flow: Flow, name: str, study: optuna.Study) -> None:
    """Write pictures and a table of a study, and upload them at once."""
    folder = flow.run.folder / "studies" / name
    draw(study, folder)
    table = study.trials_dataframe(("number", "value", "state", "duration", "params", "user_attrs"))
    table.drop(columns=f"user_attrs_{takeover.OWNER}", errors="ignore").to_csv(folder / "trials.csv", index=False)
    flow.run.upload_folder()
