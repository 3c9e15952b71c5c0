"""Reuse: finding a finished step of equal key, and repeating its run in the tree."""

import mlflow
from mlflow import MlflowClient
from mlflow.entities import LoggedModelOutput, Metric, Param, Run
from mlflow.utils.time import get_current_time_millis

from flow_steps import artifacts, tracking
from flow_steps.tracking import NOTE, TAG
from pricecast.errors import InputError
from pricecast.storage import verify


def finished(step: str) -> list[Run]:
    """The finished, not reused runs of a step, newest first."""
    rule = f"attributes.status = 'FINISHED' and tags.`{TAG}step` = '{step}'"
    runs = MlflowClient().search_runs(
        [tracking.experiment_id()], rule, max_results=200, order_by=["start_time DESC"]
    )
    return [run for run in runs if f"{TAG}reused_from" not in run.data.tags]


def is_whole(run_id: str) -> bool:
    """Whether all artifacts and models of a run are there as they were written."""
    try:
        artifacts.fetch(f"runs:/{run_id}/")
        for model_id in tracking.model_ids(run_id):
            verify(artifacts.bundle_folder(f"models:/{model_id}"))
    except InputError:
        return False
    return True


def copy_run(source_id: str, parent: str | None = None) -> str:
    """Repeats a finished run and its children as children of the open run, tagged with where they come from."""
    source = MlflowClient().get_run(source_id)
    parent_id = parent or mlflow.active_run().info.run_id
    kept = {name: value for name, value in source.data.tags.items() if name.startswith((TAG, NOTE))}
    tags = {**kept, f"{TAG}reused_from": source_id, "mlflow.parentRunId": parent_id}
    copy = (
        MlflowClient().create_run(source.info.experiment_id, tags=tags, run_name=source.info.run_name).info.run_id
    )
    now = get_current_time_millis()
    MlflowClient().log_batch(
        copy,
        metrics=[Metric(name, value, now, 0) for name, value in source.data.metrics.items()],
        params=[Param(name, value) for name, value in source.data.params.items()],
    )
    if source.outputs and source.outputs.model_outputs:
        MlflowClient().log_outputs(
            copy, [LoggedModelOutput(out.model_id, 0) for out in source.outputs.model_outputs]
        )
    for child in children(source_id):
        copy_run(child.info.run_id, copy)
    MlflowClient().set_terminated(copy, "FINISHED")
    return copy


def children(run_id: str) -> list[Run]:
    """The runs right below a run, oldest first."""
    rule = f"tags.`mlflow.parentRunId` = '{run_id}'"
    experiment = MlflowClient().get_run(run_id).info.experiment_id
    return MlflowClient().search_runs([experiment], rule, order_by=["start_time ASC"])
