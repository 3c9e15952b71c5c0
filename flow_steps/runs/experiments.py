"""The experiment and the run that the environment names for what is logged: found, or refused before any work."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Experiment, LifecycleStage, Run, RunStatus
from mlflow.exceptions import MlflowException
from mlflow.tracking import get_tracking_uri
from mlflow.utils.validation import MAX_EXPERIMENT_NAME_LENGTH

from flow_steps.runs.addresses import MISSING, RUN_ID
from flow_steps.runs.records import retry_conflicts
from pricecast.errors import InputError

NAME, ID, RUN = "MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID", "MLFLOW_RUN_ID"
_LONGEST_ID = 18  # digits of an experiment's number in a database
_NEW = "a new one"


@retry_conflicts
def experiment_id() -> str:
    """Return the id of the experiment to which a new run would belong."""
    run_id = os.environ.get(RUN)
    if run_id:
        return MlflowClient().get_run(run_id).info.experiment_id
    return mlflow.tracking.fluent._get_experiment_id()


@contextmanager
def default_experiment(name: str) -> Iterator[None]:
    """Let new runs belong to the experiment of this name, unless the environment names one."""
    if any(os.environ.get(variable) for variable in (NAME, ID, RUN)):
        yield
        return
    os.environ[NAME] = name
    try:
        yield
    finally:
        os.environ.pop(NAME, None)


def settle() -> set[str]:
    """Return where the artifacts of new runs will go: those of their experiment, and of the run that is given.

    Raises:
        InputError: the environment names an experiment or a run that nothing can be logged in, or two experiments.
    """
    for variable in (NAME, ID, RUN):
        if not os.environ.get(variable, "none").strip():
            del os.environ[variable]  # set to nothing, which MLflow would look for
    run_id, given, name = (os.environ.get(variable) for variable in (RUN, ID, NAME))
    run = _open_run(run_id) if run_id else None
    named = {}
    if run:
        named[RUN] = run.info.experiment_id
    if given:
        named[ID] = _experiment(given, f"{ID}={given[:60]!r}").experiment_id
    # `mlflow run` names the experiment of its run; a name from before is none of its.
    if name and not (run and given):
        named[NAME] = _id_of(name)
    if len(set(named.values())) > 1:
        got = ", ".join(f"{value} by {variable}" for variable, value in named.items())
        raise InputError(f"expected one experiment, got {got}: unset all of these variables but one")
    experiment = _experiment(experiment_id(), "none of the default's id")
    if experiment.lifecycle_stage == LifecycleStage.DELETED:
        number = experiment.experiment_id
        raise InputError(
            f"expected an experiment that is in use at {get_tracking_uri()}, got {experiment.name!r}, which is "
            f"deleted: `mlflow experiments restore --experiment-id {number}`, or name another in {NAME}"
        )
    return {place for place in (experiment.artifact_location, run and run.info.artifact_uri) if place}


def _open_run(run_id: str) -> Run:
    """Return the run that MLFLOW_RUN_ID names, which is to be continued."""
    run = None
    if RUN_ID.fullmatch(run_id):
        try:
            run = MlflowClient().get_run(run_id)
        except MlflowException as error:
            if error.error_code not in MISSING:
                raise
    if run is None:
        raise InputError(f"expected a run that {get_tracking_uri()} has, got {RUN}={run_id[:60]!r}: unset it")
    if run.info.lifecycle_stage == LifecycleStage.DELETED:
        mend = f"`mlflow runs restore --run-id {run_id}`, or unset {RUN}"
        raise InputError(f"expected a run that is in use, got {RUN}={run_id}, which is deleted: {mend}")
    if run.info.status == RunStatus.to_string(RunStatus.FINISHED):
        raise InputError(f"expected a run in progress, got {RUN}={run_id}, which is FINISHED: unset it")
    return run


def _experiment(number: str, got: str) -> Experiment:
    """Return the experiment of an id; what has no such id may answer with any error."""
    try:
        return MlflowClient().get_experiment(number)
    except MlflowException as error:
        if error.error_code not in MISSING and number.isdecimal() and len(number) <= _LONGEST_ID:
            raise
        raise InputError(
            f"expected an experiment that {get_tracking_uri()} has, got {got}: take an id out of "
            f"`mlflow experiments search`, or name one in {NAME}"
        ) from error


def _id_of(name: str) -> str:
    """Return the id of the experiment of a name, in words if there is none yet."""
    if not name.isprintable() or len(name) > MAX_EXPERIMENT_NAME_LENGTH:
        raise InputError(
            f"expected a name of at most {MAX_EXPERIMENT_NAME_LENGTH} printable characters, got {NAME}="
            f"{name[:60]!a} of {len(name)}: shorten it, or take out what cannot be printed"
        )
    found = MlflowClient().get_experiment_by_name(name)
    return found.experiment_id if found else _NEW
