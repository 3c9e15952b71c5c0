"""Taking over trials whose process died: they go back into the queue, with the same parameters.

So a study ends with as many trials as were asked for, however many workers there were and however often they were
killed.
"""

import warnings
from datetime import datetime, timedelta

import optuna
from optuna.exceptions import ExperimentalWarning, UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from flow_steps.safety import liveness

# User attributes of a trial: the process that runs it, and all of its parameters, once they are suggested.
OWNER, PARAMS = liveness.OWNER, "params"
GRACE_PERIOD = 120  # seconds without a heartbeat after which another worker takes a trial over


def take_over(study: optuna.Study) -> None:
    """Requeue the trials whose process has certainly ended, or has been silent for too long."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        optuna.storages.fail_stale_trials(study)
    for trial in study.get_trials(deepcopy=True, states=(TrialState.RUNNING,)):
        if _is_abandoned(trial):
            try:
                study.tell(trial.number, state=TrialState.FAIL)
            except (ValueError, UpdateFinishedTrialError):
                continue  # another worker was faster
            requeue(study, trial)


def requeue(study: optuna.Study, trial: FrozenTrial) -> None:
    """Put a trial that was not finished back into the queue.

    It keeps its parameters where it had all of them: with some of them fixed, the sampler would draw the rest
    differently.
    """
    is_complete = PARAMS in trial.user_attrs
    study.add_trial(
        optuna.create_trial(
            state=TrialState.WAITING, params=trial.params if is_complete else {},
            distributions=trial.distributions if is_complete else {}, system_attrs=trial.system_attrs,
            user_attrs={"again": trial.number},
        )
    )  # fmt: skip


def _is_abandoned(trial: FrozenTrial) -> bool:
    if owner := trial.user_attrs.get(OWNER):
        return liveness.has_ended(owner)
    # Killed before it could set its owner.
    begun = trial.datetime_start
    return begun is not None and datetime.now() - begun > timedelta(seconds=GRACE_PERIOD)
