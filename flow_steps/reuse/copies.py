"""Reuse of runs: finding the finished run of an equal key, and showing it: as a copy, or as a link."""

import re
from dataclasses import dataclass, field

from mlflow import MlflowClient
from mlflow.entities import LoggedModelOutput, Param, Run
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID
from mlflow.utils.validation import MAX_METRICS_PER_BATCH

from flow_steps.runs import artifacts, experiments, lookup, records, tracking
from flow_steps.runs.records import NOTE, TAG
from flow_steps.safety import liveness
from pricecast.errors import InputError
from pricecast.files import verify


def with_key(key: str) -> list[Run]:
    """Return the finished runs of a key, newest first, without copies."""
    return _originals(f"tags.`{TAG}key` = '{key}'", most=1000)


def recent(step: str, title: str) -> list[Run]:
    """Return the latest finished runs of a step with a title, newest first, without copies.

    The verdict of a run of its own follows the title: "evaluate AAPL h=5: naive".
    """
    runs = _originals(f"tags.`{TAG}step` = '{step}'", most=200)
    told = re.compile(rf"{re.escape(title)}( .*: .*)?")
    return [run for run in runs if told.fullmatch(run.info.run_name or "")]


def _originals(condition: str, most: int) -> list[Run]:
    query = f"attributes.status = 'FINISHED' and {condition}"
    runs = MlflowClient().search_runs(
        [experiments.experiment_id()], query, max_results=most, order_by=["start_time DESC"]
    )
    return [run for run in runs if f"{TAG}reused_from" not in run.data.tags]


def is_intact(run_id: str) -> bool:
    """Return whether all artifacts and models of a run exist as they were written."""
    try:
        artifacts.fetch(f"runs:/{run_id}/")
        for model_id in lookup.model_ids(run_id):
            verify(artifacts.bundle_folder(f"models:/{model_id}"))
    except InputError:
        return False
    return True


def run_exists(run_id: str) -> bool:
    """Return whether the store has a run of this id."""
    try:
        MlflowClient().get_run(run_id)
    except MlflowException as error:
        if error.error_code != ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
            raise
        return False
    return True


@dataclass
class Reused:
    """The finished runs that a flow reuses: below its run where any step runs, else as links on it alone.

    Attributes:
        pending: ids of runs that are not copied yet.
        copying: whether runs are copied as soon as they come.
    """

    pending: list[str] = field(default_factory=list)
    copying: bool = False

    def add(self, run_id: str) -> None:
        """Note a run, or copy it below the open run."""
        if self.copying:
            copy_run(run_id)
        else:
            self.pending.append(run_id)

    def copy(self) -> None:
        """Copy the runs so far, and whatever comes, below the open run."""
        self.copying = True
        while self.pending:
            copy_run(self.pending.pop(0))


def copy_run(source_id: str, parent: str | None = None) -> str:
    """Copy a finished run below another run, tagged with its original; its children stay where they are.

    Args:
        source_id: of the finished run.
        parent: id of the run above the copy; None for the open run.

    Returns:
        The id of the copy.
    """
    client = MlflowClient()
    source = client.get_run(source_id)
    copied = {name: value for name, value in source.data.tags.items() if name.startswith((TAG, NOTE))}
    links = {
        f"{TAG}reused_from": source_id,
        MLFLOW_PARENT_RUN_ID: parent or tracking.current(),
        **liveness.owner_tags(),
    }
    tags = {**copied, **links}
    copy = client.create_run(experiments.experiment_id(), tags=tags, run_name=source.info.run_name).info.run_id
    with tracking.ending(copy):
        _copy_content(source, copy)
    return copy


def _copy_content(source: Run, copy: str) -> None:
    client = MlflowClient()
    client.log_batch(copy, params=[Param(*pair) for pair in source.data.params.items()])
    points = [
        point for name in source.data.metrics for point in client.get_metric_history(source.info.run_id, name)
    ]
    for start in range(0, len(points), MAX_METRICS_PER_BATCH):
        client.log_batch(copy, metrics=points[start : start + MAX_METRICS_PER_BATCH])
    records.log_inputs(copy, datasets=source.inputs.dataset_inputs, models=source.inputs.model_inputs)
    if models := [LoggedModelOutput(model.model_id, 0) for model in source.outputs.model_outputs]:
        client.log_outputs(copy, models)


def children(run_id: str) -> list[Run]:
    """Return the child runs of a run, oldest first."""
    condition = f"tags.`{MLFLOW_PARENT_RUN_ID}` = '{run_id}'"
    experiment = MlflowClient().get_run(run_id).info.experiment_id
    return MlflowClient().search_runs([experiment], condition, order_by=["start_time ASC"])
