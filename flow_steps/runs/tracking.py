"""Runs in progress: opened, filled with parameters, metrics, inputs and artifacts, and ended with a status."""

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.data.dataset import Dataset
from mlflow.entities import LoggedModelInput, RunTag
from mlflow.tracking.context.registry import resolve_tags
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from flow_steps.runs.experiments import RUN, experiment_id
from flow_steps.runs.records import (
    NOTE,
    as_input,
    as_params,
    log_inputs,
    log_metrics,
    renamed,
    set_tags,
)
from flow_steps.runs.upload import upload, upload_file
from flow_steps.safety import liveness, parent, signals, store

_OPEN: list[str] = []  # ids of the runs that this process has open, outermost first


@dataclass
class StepRun:
    """An open run, and the folder whose files become its artifacts.

    Attributes:
        run_id: of MLflow.
        folder: that is uploaded at the end.
        reusable: whether another run with equal inputs would have the same outcome.
        label: in progress bars.
        prepared: what the step has read before the run was opened.
    """

    run_id: str
    folder: Path
    reusable: bool = True
    label: str = ""
    prepared: Any = None

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Log parameters, except those that `mlflow run` has stored already (shell-quoted)."""
        stored = MlflowClient().get_run(self.run_id).data.params
        fresh = {name: value for name, value in params.items() if name not in stored}
        MlflowClient().log_batch(self.run_id, params=as_params(fresh))

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Log metrics of one step, such as an epoch."""
        log_metrics(self.run_id, metrics, step)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags of the project's own."""
        set_tags(self.run_id, tags)

    def rename(self, name: str) -> None:
        """Give the run another name."""
        rename(self.run_id, name)

    def set_note(self, markdown: str) -> None:
        """Set the description on the run's page."""
        MlflowClient().set_tag(self.run_id, NOTE, markdown)

    def log_dataset(self, dataset: Dataset, context: str) -> None:
        """Log a table as a dataset input."""
        log_inputs(self.run_id, datasets=[as_input(dataset, context)])

    def log_data_of(self, run_id: str, name: str, context: str) -> None:
        """Log the dataset inputs of another run under another name."""
        inputs = MlflowClient().get_run(run_id).inputs.dataset_inputs
        log_inputs(self.run_id, datasets=[renamed(each, name, context) for each in inputs])

    def log_models(self, model_ids: Sequence[str]) -> None:
        """Log models as inputs."""
        log_inputs(self.run_id, models=[LoggedModelInput(model_id) for model_id in model_ids])

    def upload_file(self, file: Path, folder: str) -> None:
        """Upload a file at once, so that it outlasts the process."""
        upload_file(file, _location(self), folder, partial(MlflowClient().log_artifact, self.run_id))

    def upload_folder(self) -> None:
        """Upload the files so far, so that they outlast a failure."""
        _upload(self)


@contextmanager
def open_run(name: str, params: Mapping[str, Any], tags: Mapping[str, str]) -> Iterator[StepRun]:
    """Open the run of a step: the one that `mlflow run` made, or a new one (a child where one is open).

    The artifacts folder is uploaded at the end, its manifest last, and the tags are set after it.
    """
    with plain_run(name) as run_id, tempfile.TemporaryDirectory(prefix="pricecast-") as folder:
        run = StepRun(run_id, Path(folder))
        run.log_params(params)
        yield run
        _upload(run)
        run.set_tags(tags)


def rename(run_id: str, name: str) -> None:
    """Give a run another name."""
    MlflowClient().update_run(run_id, name=name)


def current() -> str:
    """Return the id of the innermost open run."""
    return _OPEN[-1]


@contextmanager
def ending(run_id: str) -> Iterator[None]:
    """End a run as FINISHED, as FAILED, or as KILLED when the process is to stop, even in this very moment."""
    try:
        yield
        _end(run_id, "FINISHED")
    except BaseException as error:
        is_stopped = isinstance(error, KeyboardInterrupt | SystemExit)
        if is_stopped:
            signals.acknowledge()
        # Where the store itself has failed, that error is to be shown; the next start sets the status right.
        with suppress(*store.FAILURES), store.without_retries():
            _end(run_id, "KILLED" if is_stopped else "FAILED")
        raise


@contextmanager
def plain_run(name: str, tags: Mapping[str, str] | None = None) -> Iterator[str]:
    """Open a run without artifacts, as a child of the innermost open one; yield its id."""
    run_id = _start(name, {**liveness.owner_tags(), **(tags or {})})
    with ending(run_id), liveness.heartbeat(run_id):
        _OPEN.append(run_id)
        try:
            yield run_id
        finally:
            _OPEN.pop()


def _start(name: str, tags: Mapping[str, str]) -> str:
    # The run that `mlflow run` has made is the outermost one, and nobody's child.
    given = None if _OPEN else os.environ.get(RUN)
    if not given:
        parent_tag = {MLFLOW_PARENT_RUN_ID: _OPEN[-1]} if _OPEN else {}
        all_tags = resolve_tags({**tags, **parent_tag})
        return MlflowClient().create_run(experiment_id(), tags=all_tags, run_name=name).info.run_id
    parent.watch()
    MlflowClient().update_run(given, name=name)
    MlflowClient().log_batch(given, tags=[RunTag(*pair) for pair in tags.items()])
    return given


def _end(run_id: str, status: str) -> None:
    MlflowClient().set_terminated(run_id, status)


def _upload(run: StepRun) -> None:
    upload(run.folder, _location(run), partial(MlflowClient().log_artifacts, run.run_id))


def _location(run: StepRun) -> str:
    return MlflowClient().get_run(run.run_id).info.artifact_uri
