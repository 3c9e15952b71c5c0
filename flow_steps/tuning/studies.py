"""Optuna's studies: where they are kept, whose turn a trial is, and what becomes of one whose process died.

A trial that was begun is finished by whoever comes next, with the same parameters; a study ends with as many trials
as were asked for, however many workers there were and however often they were killed.
"""

import itertools
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from alembic.util import CommandError
from filelock import FileLock
from optuna.exceptions import (
    ExperimentalWarning,
    StorageInternalError,
    UpdateFinishedTrialError,
)
from optuna.samplers import PartialFixedSampler, TPESampler
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random

from flow_steps.safety import liveness, secrets, store
from pricecast.errors import InputError

# What a trial says of itself: whose it is, the place among all that its draws depend on, and all of its parameters,
# once they are suggested.
OWNER, PLACE, PARAMS = liveness.OWNER, "place", "params"
# Seconds: how often a trial says that it is alive, and after what silence another worker takes it over.
_BEAT, _GRACE = 20, 120
# No trial is given up before there are others to compare it with, nor for its first epochs.
PRUNER = {"n_startup_trials": 5, "n_warmup_steps": 2}
_LONGEST_CREATION = 60.0
_POLL = 0.5
_FAILURES = (SQLAlchemyError, StorageInternalError, CommandError)
_LEFT = (TrialState.COMPLETE, TrialState.PRUNED)
_COUNTED = (*_LEFT, TrialState.RUNNING, TrialState.WAITING)
Objective = Callable[[Trial], float]


class Surplus(Exception):  # noqa: N818 - no error: another worker has the last trial
    """A trial that was begun while others had all that were left."""


@contextmanager
def reachable(url: str, *more: type[Exception]) -> Iterator[None]:
    """One line for a storage that cannot be used.

    Args:
        url: of the storage.
        more: kinds of errors that mean this, besides a database's.

    Raises:
        InputError: instead of what the database says.
    """
    try:
        yield
    except (*_FAILURES, *more) as error:
        cause = error.__cause__ if isinstance(error, StorageInternalError) and error.__cause__ else error
        raise InputError(
            f"expected a storage for studies at {secrets.masked(url)}, got: {store.first_line(cause)}. Start its "
            "server or choose another --storage; the same command goes on where it stopped"
        ) from error


def storage(url: str) -> RDBStorage:
    """Open or creates a storage.

    Raises:
        InputError: there is no such database.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with reachable(url, ArgumentError, ImportError, OSError):
        parsed = make_url(url)
        if parsed.drivername.startswith("sqlite") and parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{parsed.database}.lock", timeout=_LONGEST_CREATION):
                return _open(url)
        return _open(url)


# Two workers that create the tables at once: the second one finds them.
@retry(retry=retry_if_exception_type(_FAILURES), stop=stop_after_attempt(4), wait=wait_random(0.1, 1), reraise=True)
def _open(url: str) -> RDBStorage:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # the heartbeat is one since 2021
        return RDBStorage(
            url, heartbeat_interval=_BEAT, grace_period=_GRACE, heartbeat_stale_trial_callback=again,
            engine_kwargs={"pool_pre_ping": True},
        )  # fmt: skip


def open_study(name: str, kept: RDBStorage) -> optuna.Study:
    """Return the study of a name, new or as it was left."""
    return optuna.create_study(
        storage=kept, study_name=name, direction="minimize", load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(**PRUNER),
    )  # fmt: skip


def work(
    study: optuna.Study, objective: Objective, trials: int, seed: int, until: float, first: dict[str, Any]
) -> None:
    """Works at a study until it has enough trials, or the time is over.

    Args:
        study: to work at, alone or with others.
        objective: of a trial; raises `TrialPruned` for one that is not worth finishing.
        trials: that the study shall have when it is done, whoever made them.
        seed: of what is suggested.
        until: as of `time.monotonic`; no trial is begun later.
        first: parameters of the first trial, as far as they are searched.
    """
    while time.monotonic() < until:
        take_over(study)
        states = [each.state for each in study.get_trials(deepcopy=False, states=_COUNTED)]
        if sum(state in _LEFT for state in states) >= trials:
            return
        if len(states) >= trials and TrialState.WAITING not in states:
            time.sleep(_POLL)  # others are at the last ones, and may die over them
            continue
        _turn(study, objective, trials, seed, first)


def _turn(study: optuna.Study, objective: Objective, trials: int, seed: int, first: dict[str, Any]) -> None:
    """One trial: one that was left, or a new one."""
    begun: list[int] = []
    broken: list[Exception] = []

    def judged(trial: Trial) -> float:
        begun.append(trial.number)
        try:
            trial.set_user_attr(OWNER, liveness.me())
            place = _place(study, trial)
            if place >= trials:
                raise Surplus
            trial.set_user_attr(PLACE, place)
            # By its place and not by what this process has drawn before: a study that goes on draws nothing twice.
            study.sampler = _sampler(seed, place, first)
            return objective(trial)
        except KeyboardInterrupt as told:
            # Optuna would take it for a trial that failed; it is to be finished later.
            raise SystemExit(130) from told
        except (Surplus, optuna.TrialPruned):
            raise
        except Exception as error:
            if not _is_lost(study, trial.number):
                broken.append(error)
            raise

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            study.optimize(judged, n_trials=1, catch=(Surplus,))
    except (ValueError, AssertionError, UpdateFinishedTrialError):
        # Silent for too long, and another worker has taken its trial over.
        if broken or not begun or not _is_lost(study, begun[0]):
            raise


def _is_lost(study: optuna.Study, number: int) -> bool:
    return bool(study.get_trials(deepcopy=False)[number].state == TrialState.FAIL)


def _place(study: optuna.Study, trial: Trial) -> int:
    """Return the first place that no other trial has, nor one that was begun earlier and is about to take one."""
    others = study.get_trials(deepcopy=False, states=_COUNTED)
    taken = {other.user_attrs.get(PLACE) for other in others if other.number != trial.number}
    ahead = sum(PLACE not in other.user_attrs for other in others if other.number < trial.number)
    free = (place for place in itertools.count() if place not in taken)
    return next(itertools.islice(free, ahead, None))


def _sampler(seed: int, place: int, first: dict[str, Any]) -> optuna.samplers.BaseSampler:
    own = TPESampler(seed=int(np.random.SeedSequence([seed, place]).generate_state(1)[0]))
    return own if place else PartialFixedSampler(first, own)


def take_over(study: optuna.Study) -> None:
    """Hand out again the trials whose process is surely gone, or has been silent for too long."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        optuna.storages.fail_stale_trials(study)
    for trial in study.get_trials(deepcopy=True, states=(TrialState.RUNNING,)):
        if _is_abandoned(trial):
            try:
                study.tell(trial.number, state=TrialState.FAIL)
            except (ValueError, UpdateFinishedTrialError):
                continue  # another worker was faster
            again(study, trial)


def _is_abandoned(trial: FrozenTrial) -> bool:
    if owner := trial.user_attrs.get(OWNER):
        return liveness.is_gone(owner)
    # Killed before it could say whose it is.
    begun = trial.datetime_start
    return begun is not None and datetime.now() - begun > timedelta(seconds=_GRACE)


def again(study: optuna.Study, trial: FrozenTrial) -> None:
    """Put a trial that was not finished back into the queue.

    It keeps its parameters where it had all of them: from half of them, the rest would come out another way.
    """
    whole = PARAMS in trial.user_attrs
    study.add_trial(
        optuna.create_trial(
            state=TrialState.WAITING, params=trial.params if whole else {},
            distributions=trial.distributions if whole else {}, system_attrs=trial.system_attrs,
            user_attrs={"again": trial.number},
        )
    )  # fmt: skip


def best(study: optuna.Study) -> FrozenTrial | None:
    """Return the trial of the lowest value, the earliest of equal ones; None where none was finished."""
    done = [trial for trial in study.get_trials(states=(TrialState.COMPLETE,)) if trial.value is not None]
    return min(done, key=lambda trial: (trial.value, trial.number), default=None)


def finished(study: optuna.Study) -> list[FrozenTrial]:
    """Return the trials that count, in order."""
    return study.get_trials(deepcopy=True, states=_LEFT)
