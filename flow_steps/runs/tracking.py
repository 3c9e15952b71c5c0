"""Runs: parameters, metrics, datasets, models and artifacts out."""

import os
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow import MlflowClient
from mlflow.data.dataset import Dataset
from mlflow.entities import DatasetInput, InputTag, LoggedModelInput, Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, ErrorCode
from mlflow.tracking.context.registry import resolve_tags
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT, MLFLOW_PARENT_RUN_ID
from mlflow.utils.time import get_current_time_millis
from tenacity import retry, retry_if_exception, stop_after_attempt, wait_random

from flow_steps.cli.types import text
from flow_steps.runs import artifacts
from flow_steps.runs.upload import upload, upload_file
from flow_steps.safety import liveness, parent, signals, store

TAG = "pricecast."
NOTE = "mlflow.note.content"
_OPEN: list[str] = []  # the runs that this process has open, outermost first


@dataclass
class StepRun:
    """An open run and the folder that becomes its artifacts."""

    run_id: str
    folder: Path

    def params(self, params: Mapping[str, Any]) -> None:
        """Log parameters, except those that `mlflow run` has stored already (shell-quoted)."""
        known = _client().get_run(self.run_id).data.params
        fresh = {name: value for name, value in params.items() if name not in known}
        _client().log_batch(self.run_id, params=_params(fresh))

    def metrics(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Log metrics of one step (an epoch, say)."""
        log_metrics(self.run_id, metrics, step)

    def tags(self, tags: Mapping[str, str]) -> None:
        """Set tags of ours."""
        _client().log_batch(self.run_id, tags=[RunTag(TAG + name, value) for name, value in tags.items()])

    def note(self, markdown: str) -> None:
        """Set the description that the run's page shows."""
        _client().set_tag(self.run_id, NOTE, markdown)

    def dataset(self, data: Dataset, context: str) -> None:
        """Log a table as a dataset input."""
        log_inputs(self.run_id, datasets=[_input(data, context)])

    def upload(self, file: Path, folder: str) -> None:
        """Upload a file at once, so that it outlasts the run should that be killed."""
        upload_file(file, _location(self), folder, partial(_client().log_artifact, self.run_id))

    def models(self, model_ids: Sequence[str]) -> None:
        """Log models as inputs."""
        log_inputs(self.run_id, models=[LoggedModelInput(model_id) for model_id in model_ids])

    def keep(self) -> None:
        """Upload the folder now: what is there already outlasts a failure."""
        _upload(self)

    def judged(self, name: str, model_uri: str | None, data: Dataset, about: "Judged") -> None:
        """Leave a child run with a model's figures, linked to the logged model and to the dataset."""
        model_id = artifacts.model_id(model_uri) if model_uri else None
        now = get_current_time_millis()
        metrics = [
            Metric(key, value, now, 0, model_id, data.name, data.digest) for key, value in about.metrics.items()
        ]
        tags = {NOTE: about.note, **{TAG + key: value for key, value in about.tags.items()}}
        with _open(name, tags) as run_id:
            inputs = [LoggedModelInput(model_id)] if model_id else None
            log_inputs(run_id, datasets=[_input(data, "test")], models=inputs)
            _client().log_batch(run_id, metrics=metrics, params=_params(about.params))
            for fold, found in about.by_fold.items():
                points = [Metric(key, value, now, fold) for key, value in found.items() if np.isfinite(value)]
                _client().log_batch(run_id, metrics=points)


@dataclass(frozen=True)
class Judged:
    """What the child run of a judged model holds."""

    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    by_fold: Mapping[int, Mapping[str, float]]
    tags: Mapping[str, str]
    note: str


@contextmanager
def open_run(name: str, params: Mapping[str, Any], tags: Mapping[str, str]) -> Iterator[StepRun]:
    """Open the run of a step: the one that `mlflow run` made, or a new one (a child where one is open).

    The artifacts folder is uploaded at the end, its manifest last, and the tags are set after it.
    """
    with _open(name) as run_id, tempfile.TemporaryDirectory(prefix="pricecast-") as folder:
        run = StepRun(run_id, Path(folder))
        run.params(params)
        yield run
        _upload(run)
        run.tags(tags)


def _is_taken(error: BaseException) -> bool:
    """Whether another process wrote the same row between MLflow's look and its own writing."""
    if not isinstance(error, MlflowException):
        return False
    return "IntegrityError" in str(error) or error.error_code == ErrorCode.Name(RESOURCE_ALREADY_EXISTS)


_where_others_write = retry(
    retry=retry_if_exception(_is_taken), stop=stop_after_attempt(10), wait=wait_random(0, 0.3), reraise=True
)


@_where_others_write
def log_inputs(run_id: str, **inputs: Any) -> None:
    """Log datasets and models as inputs; several runs may log the same dataset at once."""
    _client().log_inputs(run_id, **inputs)


def log_metrics(run_id: str, metrics: Mapping[str, float], step: int = 0) -> None:
    """Log metrics of a run, be it still open or not."""
    now = get_current_time_millis()
    _client().log_batch(run_id, metrics=[Metric(name, value, now, step) for name, value in metrics.items()])


def current() -> str:
    """Return the innermost run that is open."""
    return _OPEN[-1]


@contextmanager
def ending(run_id: str) -> Iterator[None]:
    """End a run FINISHED, FAILED, or KILLED when the process is told to stop, be it in this very moment."""
    try:
        yield
        _end(run_id, "FINISHED")
    except BaseException as error:
        told = isinstance(error, KeyboardInterrupt | SystemExit)
        if told:
            signals.heard()
        # Where the store itself has failed, that error is to be shown; the next start sets the status right.
        with suppress(*store.FAILURES), store.briefly():
            _end(run_id, "KILLED" if told else "FAILED")
        raise


@contextmanager
def _open(name: str, tags: Mapping[str, str] | None = None) -> Iterator[str]:
    """Open a run, below the one that is open; yields its id."""
    run_id = _start(name, {**liveness.mark(), **(tags or {})})
    with ending(run_id), liveness.heartbeat(run_id):
        _OPEN.append(run_id)
        try:
            yield run_id
        finally:
            _OPEN.pop()


def _start(name: str, tags: Mapping[str, str]) -> str:
    # The run that `mlflow run` has made is the outermost one, and nobody's child.
    given = None if _OPEN else os.environ.get("MLFLOW_RUN_ID")
    if not given:
        above = {MLFLOW_PARENT_RUN_ID: _OPEN[-1]} if _OPEN else {}
        about = resolve_tags({**tags, **above})
        return _client().create_run(experiment_id(), tags=about, run_name=name).info.run_id
    parent.follow()
    _client().update_run(given, name=name)
    _client().log_batch(given, tags=[RunTag(*pair) for pair in tags.items()])
    return given


def _end(run_id: str, status: str) -> None:
    _client().set_terminated(run_id, status)


def _upload(run: StepRun) -> None:
    upload(run.folder, _location(run), partial(_client().log_artifacts, run.run_id))


def _location(run: StepRun) -> str:
    return _client().get_run(run.run_id).info.artifact_uri


def tag_model(model_id: str, tags: Mapping[str, str]) -> None:
    """Set tags of ours on a logged model."""
    _client().set_logged_model_tags(model_id, {TAG + name: value for name, value in tags.items()})


@_where_others_write
def experiment_id() -> str:
    """Return the experiment that a run opened now would go to."""
    given = os.environ.get("MLFLOW_RUN_ID")
    if given:
        return _client().get_run(given).info.experiment_id
    return mlflow.tracking.fluent._get_experiment_id()


def data_of(table: pd.DataFrame, name: str, content_digest: str) -> Dataset:
    """Return a table as MLflow's dataset, with the digest of our artifact."""
    with warnings.catch_warnings():
        # Ids and volumes are never missing here; MLflow warns about integer columns in general.
        warnings.filterwarnings("ignore", message=".*integer column", category=UserWarning)
        return mlflow.data.from_pandas(table, name=name, digest=artifacts.short(content_digest))


def _input(data: Dataset, context: str) -> DatasetInput:
    return DatasetInput(data._to_mlflow_entity(), tags=[InputTag(MLFLOW_DATASET_CONTEXT, context)])


def _params(params: Mapping[str, Any]) -> list[Param]:
    return [Param(name, text(value)) for name, value in params.items()]


def _client() -> MlflowClient:
    return MlflowClient()
