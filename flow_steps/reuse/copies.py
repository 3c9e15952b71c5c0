"""Reuse: finding a finished step of equal key, and repeating its run in the tree."""

from mlflow import MlflowClient
from mlflow.entities import LoggedModelOutput, Param, Run
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID
from mlflow.utils.validation import MAX_METRICS_PER_BATCH

from flow_steps.runs import artifacts, lookup, tracking
from flow_steps.runs.tracking import NOTE, TAG
from flow_steps.safety import liveness
from pricecast.errors import InputError
from pricecast.files import verify


def with_key(key: str) -> list[Run]:
    """Return the finished runs of a key that hold their own artifacts, newest first."""
    return _originals(f"tags.`{TAG}key` = '{key}'", most=1000)


def recent(step: str, title: str) -> list[Run]:
    """Return the last finished runs of a step under a title: what a new run of that title is compared with."""
    runs = _originals(f"tags.`{TAG}step` = '{step}'", most=200)
    return [run for run in runs if run.info.run_name == title]


def _originals(rule: str, most: int) -> list[Run]:
    query = f"attributes.status = 'FINISHED' and {rule}"
    found = MlflowClient().search_runs(
        [tracking.experiment_id()], query, max_results=most, order_by=["start_time DESC"]
    )
    return [run for run in found if f"{TAG}reused_from" not in run.data.tags]


def is_whole(run_id: str) -> bool:
    """Whether all artifacts and models of a run are there as they were written."""
    try:
        artifacts.fetch(f"runs:/{run_id}/")
        for model_id in lookup.model_ids(run_id):
            verify(artifacts.bundle_folder(f"models:/{model_id}"))
    except InputError:
        return False
    return True


def is_known(run_id: str) -> bool:
    """Whether this store has a run."""
    try:
        MlflowClient().get_run(run_id)
    except MlflowException as error:
        if error.error_code != ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
            raise
        return False
    return True


def copy_run(source_id: str, parent: str | None = None) -> str:
    """Repeat a finished run and its children as children of the open run, tagged with where they come from."""
    client = MlflowClient()
    source = client.get_run(source_id)
    kept = {name: value for name, value in source.data.tags.items() if name.startswith((TAG, NOTE))}
    links = {f"{TAG}reused_from": source_id, MLFLOW_PARENT_RUN_ID: parent or tracking.current(), **liveness.mark()}
    tags = {**kept, **links}
    copy = client.create_run(tracking.experiment_id(), tags=tags, run_name=source.info.run_name).info.run_id
    with tracking.ending(copy):
        _copy_content(source, copy)
        for child in children(source_id):
            copy_run(child.info.run_id, copy)
    return copy


def _copy_content(source: Run, copy: str) -> None:
    client = MlflowClient()
    client.log_batch(copy, params=[Param(*pair) for pair in source.data.params.items()])
    points = [
        point for name in source.data.metrics for point in client.get_metric_history(source.info.run_id, name)
    ]
    for start in range(0, len(points), MAX_METRICS_PER_BATCH):
        client.log_batch(copy, metrics=points[start : start + MAX_METRICS_PER_BATCH])
    tracking.log_inputs(copy, datasets=source.inputs.dataset_inputs, models=source.inputs.model_inputs)
    if models := [LoggedModelOutput(model.model_id, 0) for model in source.outputs.model_outputs]:
        client.log_outputs(copy, models)


def children(run_id: str) -> list[Run]:
    """Return the runs right below a run, oldest first."""
    rule = f"tags.`{MLFLOW_PARENT_RUN_ID}` = '{run_id}'"
    experiment = MlflowClient().get_run(run_id).info.experiment_id
    return MlflowClient().search_runs([experiment], rule, order_by=["start_time ASC"])
