"""A trial of a study: its parameters and their scores on the past, logged as a run."""

import itertools
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import Trial

from flow_steps.pipeline.candidate import make_candidate
from flow_steps.runs import tracking
from flow_steps.safety import store
from flow_steps.tuning.takeover import PARAMS
from pricecast import defaults
from pricecast.dataset.dataset import Dataset
from pricecast.dataset.splits import Fold
from pricecast.experiments import search, search_space
from pricecast.experiments.search import TrialScores
from pricecast.forecasting.walk_plan import Candidate

# User attributes of a trial: its run, and the best number of epochs.
RUN, EPOCHS = "run", "epochs"
# Errors of a model that cannot be fitted with some parameters, for numerical reasons or for want of memory. Any
# other ends the command.
_UNFITTABLE = (ValueError, ArithmeticError, RuntimeError, MemoryError)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """The tuning of one model.

    Attributes:
        name: of the model.
        given: its parameters that are not searched.
        past: dataset without the test span.
        params: of the command.
    """

    name: str
    given: dict[str, Any]
    past: Dataset
    params: dict[str, Any]

    def candidate(self, searched: dict[str, Any]) -> Candidate:
        """Return the model with the parameters of a trial."""
        return make_candidate(self.name, {**searched, **self.given}, {**self.params, "early_stopping": True})

    def suggest(self, trial: Trial) -> dict[str, Any]:
        """Return the parameters of a trial; those that the command sets are not searched."""
        longest, timesteps = self.past.spec.max_lookback, self.params["timesteps"]
        return search_space.suggest(self.name, trial, self.candidate({}).params, longest, timesteps)


def run_trial(task: Task, trial: Trial, folds: Sequence[Fold]) -> float:
    """Run one trial as an MLflow run with parameters, curves and scores; return its value."""
    candidate = task.candidate(task.suggest(trial))
    trial.set_user_attr(PARAMS, json.dumps(dict(candidate.params)))
    title, metric = f"trial {trial.number} {task.name}", task.params["metric"]
    with tracking.open_run(title, {"model": task.name, **candidate.params}, {"step": "trial"}) as own:
        trial.set_user_attr(RUN, own.run_id)
        outcome = _assess(task, trial, folds, candidate, own)
    message = outcome if isinstance(outcome, str) else f"{metric} {outcome.scores[metric]:.5g}"
    _log.info("trial %d of %s: %s", trial.number, task.name, message)
    if isinstance(outcome, str):
        raise optuna.TrialPruned(message)
    trial.set_user_attr(EPOCHS, outcome.epochs)
    return outcome.scores[metric]


def _assess(
    task: Task, trial: Trial, folds: Sequence[Fold], candidate: Candidate, own: tracking.StepRun
) -> TrialScores | str:
    """Fit and score a candidate, and log the outcome; return the reason in words if it was pruned."""
    epochs = itertools.count(1)

    def on_epoch(fold: int, epoch: int, losses: dict[str, float]) -> None:
        own.log_metrics(losses, step=next(epochs))
        # Losses of another fold are of another market; those of a model for each ticker come when all are fitted.
        if "val_loss" in losses and not fold and not task.params["per_ticker"]:
            trial.report(losses["val_loss"], epoch)
            if trial.should_prune():
                raise optuna.TrialPruned

    try:
        assessed = search.score_candidate(candidate, task.past, folds, defaults.METRICS, on_epoch)
    except UpdateFinishedTrialError:
        raise  # another worker has the trial now
    except optuna.TrialPruned:
        reason = f"given up after {next(epochs) - 1} epochs: behind the others"
    except _UNFITTABLE as error:
        reason = f"given up: {store.first_line(error)}"
    else:
        own.set_tags({"trial": "complete"})
        own.log_metrics({f"valid_{name}": value for name, value in assessed.scores.items()})
        return assessed
    own.set_tags({"trial": "pruned"})
    own.set_note(f"{reason[0].upper()}{reason[1:]}.")
    return reason
