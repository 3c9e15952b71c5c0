"""tune: a study of one or more models on the past before the test span; the best is fitted anew and judged once."""

import itertools
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click
import optuna
from optuna.trial import Trial

from flow_steps import artifacts, commands, hyper, keys, options, reuse, studies, tracking
from flow_steps.choice import choose
from flow_steps.flow import Flow, pipeline
from flow_steps.trial_plots import draw
from pricecast import defaults, models, tuning
from pricecast.backtest import Candidate
from pricecast.dataset import Dataset
from pricecast.errors import InputError
from pricecast.splits import Fold
from pricecast.tuning import Assessed

# What a study is about: two commands that agree in these work at the same one.
_SAME = ("metric", "timesteps", "walk_forward", "lookback", "epochs", "lstm_units", "per_ticker", "seed")
_RUN, _EPOCHS = "run", "epochs"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """A model that is tuned: on what, and by which settings of the command."""

    name: str
    given: dict[str, Any]
    past: Dataset
    params: dict[str, Any]

    def candidate(self, searched: dict[str, Any]) -> Candidate:
        """The model with the parameters of a trial."""
        return hyper.candidate(self.name, {**searched, **self.given}, {**self.params, "early_stopping": True})

    def suggest(self, trial: Trial) -> dict[str, Any]:
        """The parameters of a trial; what the command sets is not searched."""
        longest, timesteps = self.past.spec.max_lookback, self.params["timesteps"]
        return tuning.suggest(self.name, trial, self.candidate({}).params, longest, timesteps)


def run(params: dict[str, Any]) -> None:
    """Searches on the past, fits the best of each model on all of it, and judges them on the test span."""
    given = json.loads(params["model_params"])
    with pipeline("tune", params, f"tune {params['tuned'] or 'all'}") as flow:
        kept = studies.storage(params["storage"])
        names = tuning.tunable(choose(params["tuned"] or models.ALL, given)[0])
        uri = flow.dataset()
        past = tuning.past_of(Dataset.load(artifacts.fetch(uri)))
        if params["timesteps"] > past.spec.max_lookback:
            raise InputError(
                f"expected at most {past.spec.max_lookback} timesteps, got {params['timesteps']}: give a longer "
                "--max-lookback"
            )
        end = time.monotonic() + (params["timeout"] or float("inf"))
        found = {}
        with studies.reachable(params["storage"]):
            for number, name in enumerate(names):
                task = Task(name, given.get(name, {}), past, params)
                # What is left of the time is shared by the models that are left.
                share = (end - time.monotonic()) / (len(names) - number)
                until = time.monotonic() + share
                found[name] = _study(flow, task, kept, _key(name, task.given, uri, params), until)
        _finish(flow, found, uri, params)


def _key(name: str, given: dict[str, Any], uri: str, params: dict[str, Any]) -> str:
    """The name of a study: the model, and a digest of all that its trials depend on but the machine."""
    code = ("pricecast.tuning", "flow_steps.studies", "flow_steps.hyper")
    plugins = (*code, *(f"pricecast.models.{part}" for part in models.parts(name, given)))
    about = {**{option: params[option] for option in _SAME}, "given": json.dumps(given, sort_keys=True)}
    parts = keys.parts("study", about, {"dataset": artifacts.digest(uri)}, plugins)
    return f"{name}-{keys.key({key: value for key, value in parts.items() if not key.startswith('machine')})[:16]}"


def _study(flow: Flow, task: Task, kept: Any, key: str, until: float) -> optuna.Study:
    study = studies.open_study(key, kept)
    walked = tuning.folds(task.past, task.params["walk_forward"])
    first = tuning.defaults(task.name, task.past.spec.max_lookback)
    own: set[int] = set()

    def objective(trial: Trial) -> float:
        own.add(trial.number)
        return _trial(task, trial, walked)

    studies.work(study, objective, task.params["n_trials"], task.params["seed"], until, first)
    _bring(study, own)
    draw(study, flow.run.folder / "studies" / task.name)
    table = study.trials_dataframe(("number", "value", "state", "duration", "params", "user_attrs"))
    table.drop(columns=f"user_attrs_{studies.OWNER}", errors="ignore").to_csv(
        flow.run.folder / "studies" / task.name / "trials.csv", index=False
    )
    flow.run.keep()
    return study


def _trial(task: Task, trial: Trial, walked: Sequence[Fold]) -> float:
    """One trial as a run: its parameters, curves and scores."""
    candidate = task.candidate(task.suggest(trial))
    trial.set_user_attr(studies.PARAMS, json.dumps(dict(candidate.params)))
    title, metric = f"trial {trial.number} {task.name}", task.params["metric"]
    with tracking.open_run(title, {"model": task.name, **candidate.params}, {"step": "trial"}) as own:
        trial.set_user_attr(_RUN, own.run_id)
        found = _assessed(task, trial, walked, candidate, own)
    said = f"{metric} {found.scores[metric]:.5g}" if found else "given up"
    _log.info("trial %d of %s: %s", trial.number, task.name, said)
    if not found:
        raise optuna.TrialPruned
    trial.set_user_attr(_EPOCHS, found.epochs)
    return found.scores[metric]


def _assessed(
    task: Task, trial: Trial, walked: Sequence[Fold], candidate: Candidate, own: tracking.StepRun
) -> Assessed | None:
    """What came of a trial, as its run has it; None if it was given up."""
    seen = itertools.count(1)

    def report(step: int, losses: dict[str, float]) -> None:
        own.metrics(losses, step=next(seen))
        if "val_loss" in losses:
            trial.report(losses["val_loss"], step)
            if trial.should_prune():
                raise optuna.TrialPruned

    try:
        found = tuning.assess(candidate, task.past, walked, defaults.METRICS, report)
    except (optuna.TrialPruned, InputError) as ended:
        own.tags({"trial": "pruned"})
        own.note(
            f"Given up: {ended}" if str(ended) else f"Given up after {next(seen) - 1} epochs: behind the others."
        )
        return None
    own.tags({"trial": "complete"})
    own.metrics({f"valid_{name}": value for name, value in found.scores.items()})
    return found


def _bring(study: optuna.Study, own: set[int]) -> None:
    """Repeats the runs of trials that earlier commands or other workers made, so that the study has all of them."""
    for trial in studies.finished(study):
        if trial.number not in own and (run_id := trial.user_attrs.get(_RUN)):
            if reuse.is_known(run_id):
                reuse.copy_run(run_id)
            else:
                _log.warning("trial %d of %s: its run is in another store", trial.number, study.study_name)


def _finish(flow: Flow, found: dict[str, optuna.Study], uri: str, params: dict[str, Any]) -> None:
    """Fits the best of each model on training and validation rows, and judges them."""
    bundles, trials = [], 0
    for name, study in found.items():
        count = len(studies.finished(study))
        trials += count
        best = studies.best(study)
        if best is None:
            _log.warning("left out: %s, of whose %d trials none was finished", name, count)
            continue
        epochs = best.user_attrs.get(_EPOCHS) or 0
        own = json.loads(best.user_attrs[studies.PARAMS]) | ({_EPOCHS: epochs} if epochs else {})
        flow.run.params({f"{name}.{key}": value for key, value in own.items()})
        flow.run.metrics({f"{name}_valid_{params['metric']}": best.value or 0.0, f"{name}_trials": count})
        bundles.append(
            flow.model("train", name, dataset=uri, model_params=json.dumps(own), early_stopping=not epochs)
        )
    if not bundles:
        raise InputError(
            f"expected a trial that was finished, got none of {trials}: the trials' runs say why, or give more "
            "--timeout"
        )
    judged = flow.step("evaluate", dataset=uri, bundles=",".join(bundles), trials=trials)
    audit = flow.step(
        "audit", dataset=uri, audited=",".join(bundles), model_params="{}",
        forecasts=f"runs:/{judged}/forecasts.parquet", quick=True,
    )  # fmt: skip
    flow.finish(judged, audit, uri)
    click.echo(f"Studies: optuna-dashboard {params['storage']}")


@click.command(cls=commands.Command)
@options.stack(
    options.tuned, options.n_trials, options.timeout, options.metric, options.timesteps, options.walk_forward,
    options.storage, *options.DATA, options.all_params, options.lookback, options.epochs, options.lstm_units,
    options.per_ticker, options.mondrian, options.online, options.seed, options.refit, options.vis, options.reuse,
)  # fmt: skip
def main(**params: Any) -> None:
    """Tunes models with Optuna on the past before the test span, then judges the best once.

    Each trial is a run with its curves and its score on the validation span, or on every fold of the past with
    --walk-forward. The same command goes on with a study that was stopped; with a database server as --storage,
    several can work at one. The best of each model is trained anew on training and validation rows for as many
    epochs as were best, and judged on the test span beside naive.
    """
    run(params)


if __name__ == "__main__":
    main()
