"""A trial of a study: its parameters, what they are worth on the past, and the run that keeps both."""

import itertools
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import Trial

from flow_steps.pipeline import candidate as hyper
from flow_steps.runs import tracking
from flow_steps.safety import store
from flow_steps.tuning import studies
from pricecast import defaults
from pricecast.dataset.dataset import Dataset
from pricecast.dataset.splits import Fold
from pricecast.errors import InputError
from pricecast.experiments import search, search_space
from pricecast.experiments.search import TrialScores
from pricecast.forecasting.walk_plan import Candidate

# What a trial says of itself: its run, and the epochs that were best.
RUN, EPOCHS = "run", "epochs"
# What a model raises that cannot be fitted with some parameters, be it for its numbers or for want of memory. Other
# errors end the command.
_CANNOT = (ValueError, ArithmeticError, RuntimeError, MemoryError)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """A model that is tuned: on what, and by which settings of the command."""

    name: str
    given: dict[str, Any]
    past: Dataset
    params: dict[str, Any]

    def candidate(self, searched: dict[str, Any]) -> Candidate:
        """Return the model with the parameters of a trial."""
        return hyper.candidate(self.name, {**searched, **self.given}, {**self.params, "early_stopping": True})

    def check(self) -> None:
        """Refuse settings that no trial could be made with.

        Raises:
            InputError: a parameter is not known, or the lookback is longer than the context.
        """
        longest, timesteps = self.past.spec.max_lookback, self.params["timesteps"]
        if timesteps > longest:
            raise InputError(f"expected at most {longest} timesteps, got {timesteps}: give a longer --max-lookback")
        search_space.check(self.candidate({}), longest)

    def suggest(self, trial: Trial) -> dict[str, Any]:
        """Return the parameters of a trial; what the command sets is not searched."""
        longest, timesteps = self.past.spec.max_lookback, self.params["timesteps"]
        return search_space.suggest(self.name, trial, self.candidate({}).params, longest, timesteps)


def judge(task: Task, trial: Trial, walked: Sequence[Fold]) -> float:
    """One trial as a run: its parameters, curves and scores."""
    candidate = task.candidate(task.suggest(trial))
    trial.set_user_attr(studies.PARAMS, json.dumps(dict(candidate.params)))
    title, metric = f"trial {trial.number} {task.name}", task.params["metric"]
    with tracking.open_run(title, {"model": task.name, **candidate.params}, {"step": "trial"}) as own:
        trial.set_user_attr(RUN, own.run_id)
        found = _assessed(task, trial, walked, candidate, own)
    said = found if isinstance(found, str) else f"{metric} {found.scores[metric]:.5g}"
    _log.info("trial %d of %s: %s", trial.number, task.name, said)
    if isinstance(found, str):
        raise optuna.TrialPruned(said)
    trial.set_user_attr(EPOCHS, found.epochs)
    return found.scores[metric]


def _assessed(
    task: Task, trial: Trial, walked: Sequence[Fold], candidate: Candidate, own: tracking.StepRun
) -> TrialScores | str:
    """What came of a trial, as its run has it; in words if it was given up."""
    seen = itertools.count(1)

    def report(fold: int, epoch: int, losses: dict[str, float]) -> None:
        own.metrics(losses, step=next(seen))
        # Losses of another fold are of another market; those of a model for each ticker come when all are fitted.
        if "val_loss" in losses and not fold and not task.params["per_ticker"]:
            trial.report(losses["val_loss"], epoch)
            if trial.should_prune():
                raise optuna.TrialPruned

    try:
        found = search.score_candidate(candidate, task.past, walked, defaults.METRICS, report)
    except UpdateFinishedTrialError:
        raise  # another worker has the trial now
    except optuna.TrialPruned:
        why = f"given up after {next(seen) - 1} epochs: behind the others"
    except _CANNOT as error:
        why = f"given up: {store.first_line(error)}"
    else:
        own.tags({"trial": "complete"})
        own.metrics({f"valid_{name}": value for name, value in found.scores.items()})
        return found
    own.tags({"trial": "pruned"})
    own.note(f"{why[0].upper()}{why[1:]}.")
    return why
