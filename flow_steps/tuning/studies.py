"""Running the trials of a study, alone or with other workers, reproducibly in every case."""

import itertools
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import optuna
from optuna.exceptions import ExperimentalWarning, UpdateFinishedTrialError
from optuna.samplers import PartialFixedSampler, TPESampler
from optuna.trial import FrozenTrial, Trial, TrialState

from flow_steps.safety import liveness
from flow_steps.tuning.takeover import OWNER, take_over

# User attribute of a trial: its index among those that count, which its random draws depend on.
INDEX = "place"
_POLL_INTERVAL = 0.5  # seconds
_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
_COUNTED = (*_FINISHED, TrialState.RUNNING, TrialState.WAITING)
Objective = Callable[[Trial], float]


class Surplus(Exception):  # noqa: N818 - no error: another worker has the last trial
    """A trial that was begun while other workers had all the remaining ones."""


def work(
    study: optuna.Study, objective: Objective, trials: int, seed: int, until: float, first: dict[str, Any]
) -> None:
    """Run trials until the study has enough of them, or the time is over.

    Args:
        study: to work at, alone or with others.
        objective: of a trial; raises `TrialPruned` for one that is not worth finishing.
        trials: number of finished trials that the study shall have, whoever ran them.
        seed: of the sampler.
        until: as of `time.monotonic`; no trial is begun later.
        first: parameters of the first trial, as far as they are searched.
    """
    while time.monotonic() < until:
        take_over(study)
        states = [trial.state for trial in study.get_trials(deepcopy=False, states=_COUNTED)]
        if sum(state in _FINISHED for state in states) >= trials:
            return
        if len(states) >= trials and TrialState.WAITING not in states:
            time.sleep(_POLL_INTERVAL)  # others run the last ones, and may die meanwhile
            continue
        _run_one(study, objective, trials, seed, first)


def _run_one(study: optuna.Study, objective: Objective, trials: int, seed: int, first: dict[str, Any]) -> None:
    """Run one trial: one from the queue, or a new one."""
    begun: list[int] = []
    errors: list[Exception] = []

    def guarded(trial: Trial) -> float:
        begun.append(trial.number)
        try:
            _prepare(study, trial, trials, seed, first)
            return objective(trial)
        except KeyboardInterrupt as interrupt:
            # Optuna would count it as a failed trial; it is to be finished later.
            raise SystemExit(130) from interrupt
        except (Surplus, optuna.TrialPruned):
            raise
        except Exception as error:
            if not _is_lost(study, trial.number):
                errors.append(error)
            raise

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            study.optimize(guarded, n_trials=1, catch=(Surplus,))
    except (ValueError, AssertionError, UpdateFinishedTrialError):
        # Silent for too long, so that another worker has taken its trial over.
        if errors or not begun or not _is_lost(study, begun[0]):
            raise


def _prepare(study: optuna.Study, trial: Trial, trials: int, seed: int, first: dict[str, Any]) -> None:
    """Claim a trial for this process and set the sampler of its draws."""
    trial.set_user_attr(OWNER, liveness.process_identity())
    index = _free_index(study, trial)
    if index >= trials:
        raise Surplus
    trial.set_user_attr(INDEX, index)
    # By its index and not by the draws of this process so far: a study that goes on draws nothing twice.
    study.sampler = _sampler(seed, index, first)


def _is_lost(study: optuna.Study, number: int) -> bool:
    return bool(study.get_trials(deepcopy=False)[number].state == TrialState.FAIL)


def _free_index(study: optuna.Study, trial: Trial) -> int:
    """Return the first index that no other trial has, nor one begun earlier is about to take."""
    others = study.get_trials(deepcopy=False, states=_COUNTED)
    taken = {other.user_attrs.get(INDEX) for other in others if other.number != trial.number}
    waiting = sum(INDEX not in other.user_attrs for other in others if other.number < trial.number)
    free = (index for index in itertools.count() if index not in taken)
    return next(itertools.islice(free, waiting, None))


def _sampler(seed: int, index: int, first: dict[str, Any]) -> optuna.samplers.BaseSampler:
    sampler = TPESampler(seed=int(np.random.SeedSequence([seed, index]).generate_state(1)[0]))
    return sampler if index else PartialFixedSampler(first, sampler)


def best(study: optuna.Study) -> FrozenTrial | None:
    """Return the trial with the lowest value, the earliest of equal ones; None where none was completed."""
    done = [trial for trial in study.get_trials(states=(TrialState.COMPLETE,)) if trial.value is not None]
    return min(done, key=lambda trial: (trial.value, trial.number), default=None)


def finished(study: optuna.Study) -> list[FrozenTrial]:
    """Return the completed and pruned trials, in order."""
    return study.get_trials(deepcopy=True, states=_FINISHED)
