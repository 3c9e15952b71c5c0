"""Queries about finished runs: their models and metrics, and the addresses of their artifacts."""

from pathlib import Path

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.utils.file_utils import local_file_uri_to_path
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID
from mlflow.utils.uri import is_local_uri

from flow_steps.runs.addresses import MISSING


def model_ids(run_id: str) -> list[str]:
    """Return the ids of the models that a run logged."""
    outputs = MlflowClient().get_run(run_id).outputs
    return [output.model_id for output in outputs.model_outputs] if outputs else []


def model_name(model_id: str) -> str:
    """Return the name under which a model was logged."""
    return MlflowClient().get_logged_model(model_id).name


def model_uri(run_id: str, name: str) -> str:
    """Return the URI of the model that a run logged under a name."""
    ids = {model_name(model_id): model_id for model_id in model_ids(run_id)}
    return f"models:/{ids[name]}"


def source_run(model_id: str | None) -> str | None:
    """Return the id of the run that logged a model, None where no store has the model."""
    if model_id is None:
        return None
    try:
        return MlflowClient().get_logged_model(model_id).source_run_id
    except MlflowException as error:
        if error.error_code not in MISSING:
            raise
        return None


def judging_runs(model_id: str) -> list[str]:
    """Return the ids of the runs that may have judged a logged model: the one that logged it, then evaluations."""
    try:
        model = MlflowClient().get_logged_model(model_id)
    except MlflowException as error:
        if error.error_code not in MISSING:
            raise
        return []
    # The figures of a judgement are linked to the model in a child of the run that judged.
    children = dict.fromkeys(metric.run_id for metric in model.metrics or [])
    parents = (MlflowClient().get_run(run_id).data.tags.get(MLFLOW_PARENT_RUN_ID) for run_id in children)
    return [*filter(None, dict.fromkeys([model.source_run_id, *parents]))]


def params_of(run_id: str) -> dict[str, str]:
    """Return the parameters of a run as typed; those that `mlflow run` has stored are quoted for a shell."""
    return {name: value.strip("'") for name, value in MlflowClient().get_run(run_id).data.params.items()}


def metrics_of(run_id: str) -> dict[str, float]:
    """Return the metrics of a run."""
    return dict(MlflowClient().get_run(run_id).data.metrics)


def store_uri() -> str:
    """Return the URI of the tracking store in use."""
    return mlflow.get_tracking_uri()


def artifact_location(run_id: str, name: str) -> str:
    """Return where to open an artifact: a path in a local store, a page of a server, else its URI."""
    uri = MlflowClient().get_run(run_id).info.artifact_uri
    if is_local_uri(uri):
        return str(Path(local_file_uri_to_path(uri)) / name)
    server = store_uri()
    return f"{server}/{artifact_page(run_id, name)}" if server.startswith("http") else f"{uri}/{name}"


def artifact_page(run_id: str, name: str) -> str:
    """Return the address of an artifact's page within MLflow's."""
    return f"{run_page(run_id)}/artifacts/{name}"


def run_page(run_id: str) -> str:
    """Return the address of a run's page within MLflow's."""
    return f"#/experiments/{MlflowClient().get_run(run_id).info.experiment_id}/runs/{run_id}"


def run_name(run_id: str) -> str:
    """Return the name of a run."""
    return str(MlflowClient().get_run(run_id).info.run_name)
