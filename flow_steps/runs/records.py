"""Writing to the tracking store: tags, parameters, metrics and inputs of runs, in progress or finished."""

import warnings
from collections.abc import Mapping
from typing import Any

import mlflow
import pandas as pd
from mlflow import MlflowClient, entities
from mlflow.data.dataset import Dataset
from mlflow.entities import DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, ErrorCode
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT
from mlflow.utils.time import get_current_time_millis
from tenacity import retry, retry_if_exception, stop_after_attempt, wait_random

from flow_steps.cli.types import text
from flow_steps.runs import artifacts

TAG = "pricecast."  # prefix of the project's own tags
NOTE = "mlflow.note.content"


def _is_conflict(error: BaseException) -> bool:
    """Return whether another process inserted the same row between MLflow's query and its insert."""
    if not isinstance(error, MlflowException):
        return False
    return "IntegrityError" in str(error) or error.error_code == ErrorCode.Name(RESOURCE_ALREADY_EXISTS)


retry_conflicts = retry(
    retry=retry_if_exception(_is_conflict), stop=stop_after_attempt(10), wait=wait_random(0, 0.3), reraise=True
)


@retry_conflicts
def log_inputs(run_id: str, **inputs: Any) -> None:
    """Log datasets and models as inputs; several processes may log the same dataset at once."""
    MlflowClient().log_inputs(run_id, **inputs)


def log_metrics(run_id: str, metrics: Mapping[str, float], step: int = 0) -> None:
    """Log metrics of one step (such as an epoch) of a run, in progress or finished."""
    now = get_current_time_millis()
    MlflowClient().log_batch(run_id, metrics=[Metric(name, value, now, step) for name, value in metrics.items()])


def set_tags(run_id: str, tags: Mapping[str, str]) -> None:
    """Set tags of the project's own on a run."""
    MlflowClient().log_batch(run_id, tags=[RunTag(TAG + name, value) for name, value in tags.items()])


def tag_model(model_id: str, tags: Mapping[str, str]) -> None:
    """Set tags of the project's own on a logged model."""
    MlflowClient().set_logged_model_tags(model_id, {TAG + name: value for name, value in tags.items()})


def as_params(params: Mapping[str, Any]) -> list[Param]:
    """Return parameters as MLflow keeps them: as typed on a command line."""
    return [Param(name, text(value)) for name, value in params.items()]


def as_dataset(table: pd.DataFrame, name: str, content_digest: str) -> Dataset:
    """Return a table as a dataset of MLflow with the digest of its artifact."""
    with warnings.catch_warnings():
        # Ids and volumes are never missing here; MLflow warns about integer columns in general.
        warnings.filterwarnings("ignore", message=".*integer column", category=UserWarning)
        return mlflow.data.from_pandas(table, name=name, digest=artifacts.short_digest(content_digest))


def as_input(dataset: Dataset, context: str) -> DatasetInput:
    """Return a dataset as the input of a run, in a context such as "test"."""
    return DatasetInput(dataset._to_mlflow_entity(), tags=[InputTag(MLFLOW_DATASET_CONTEXT, context)])


def renamed(given: DatasetInput, name: str, context: str) -> DatasetInput:
    """Return the dataset input of a run under another name, in a context such as "test"."""
    told = given.dataset
    dataset = entities.Dataset(name, told.digest, told.source_type, told.source, told.schema, told.profile)
    return DatasetInput(dataset, tags=[InputTag(MLFLOW_DATASET_CONTEXT, context)])
