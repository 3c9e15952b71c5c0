"""Logging bundles: a forecaster as a pyfunc model of a run, sealed before it is uploaded."""

import tempfile
import warnings
from functools import partial
from pathlib import Path

import mlflow
from mlflow import MlflowClient
from mlflow.entities import LoggedModel, LoggedModelOutput, LoggedModelStatus, Metric
from mlflow.models import Model
from mlflow.tracking.context.registry import resolve_tags

from flow_steps.cli.types import text
from flow_steps.runs.upload import upload
from pricecast._version import __version__
from pricecast.dataset.dataset import Dataset
from pricecast.failures import one_model
from pricecast.files import seal
from pricecast.forecasting.forecaster import Forecaster
from serving import bundle, check
from serving.formats import BUNDLE_FILE, metadata
from serving.load import load

# Only MLmodel records it, which no digest of a model covers: a new version alone reruns no step.
VERSION = __version__


def refit_name(model: str) -> str:
    """Return the name under which a model that was fitted on all rows is logged."""
    return f"{model}_refit"


def log(run_id: str, name: str, forecaster: Forecaster, dataset: Dataset) -> str:
    """Log a forecaster as a bundle (models from code) of a run, once it can be loaded again.

    `mlflow.pyfunc.log_model` uploads at once what it saves, which leaves no moment to seal it; so its single calls
    are made here.

    Args:
        run_id: of the run that fitted it.
        name: of the logged model.
        forecaster: fitted and calibrated.
        dataset: of its training; the last bars become the input example.

    Returns:
        The id of the logged model.

    Raises:
        ModelError: the forecaster cannot be saved, or not be loaded from what it saved.
    """
    with tempfile.TemporaryDirectory(prefix="pricecast-") as folder:
        with one_model(forecaster.name, "be saved and loaded again"):
            load(forecaster.save(Path(folder) / "forecaster"))
        model_id = _log(run_id, name, forecaster, dataset, Path(folder))
    client = MlflowClient()
    client.log_outputs(run_id, [LoggedModelOutput(model_id, 0)])
    _link_metrics(client, run_id, model_id)
    return model_id


def _log(run_id: str, name: str, forecaster: Forecaster, dataset: Dataset, folder: Path) -> str:
    """Log the forecaster that a folder holds as a bundle; return the id of the logged model."""
    client = MlflowClient()
    run = client.get_run(run_id)
    params = {key: text(value) for key, value in forecaster.params.items()}
    model = client.create_logged_model(
        run.info.experiment_id, name, run_id, tags=resolve_tags(), params={**params, **run.data.params}
    )
    status = LoggedModelStatus.FAILED
    try:
        saved = _save(model, forecaster, dataset, folder)
        upload(saved, model.artifact_location, partial(client.log_model_artifacts, model.model_id))
        status = LoggedModelStatus.READY
    finally:
        client.finalize_logged_model(model.model_id, status)
    return model.model_id


def _save(model: LoggedModel, forecaster: Forecaster, dataset: Dataset, folder: Path) -> Path:
    """Write the bundle beside its forecaster; its MLmodel names no path of this machine but that in the store."""
    code, *packages = bundle.CODE
    description = Model(
        artifact_path=model.artifact_location, model_uuid=model.model_id, run_id=model.source_run_id,
        model_id=model.model_id, metadata=metadata(VERSION),
    )  # fmt: skip
    path = folder / "bundle"
    with warnings.catch_warnings():
        # The bundle declares its signature; it needs no type hints to infer one.
        warnings.filterwarnings("ignore", message=".*type hint", category=UserWarning)
        # There is none where a ticker has too few bars for a live forecast.
        warnings.filterwarnings("ignore", message=".*input example was not provided", category=UserWarning)
        mlflow.pyfunc.save_model(
            str(path), mlflow_model=description, python_model=str(code),
            artifacts={"forecaster": str(folder / "forecaster")},
            code_paths=[str(package) for package in packages], signature=bundle.SIGNATURE,
            input_example=bundle.example(forecaster, dataset), pip_requirements=bundle.requirements(forecaster),
        )  # fmt: skip
    flavor = description.flavors[mlflow.pyfunc.FLAVOR_NAME]
    flavor["model_code_path"] = code.name
    for artifact in flavor["artifacts"].values():
        artifact["uri"] = artifact["path"]
    description.save(str(path / BUNDLE_FILE))
    _remove_stray_files(path)
    seal(path)
    check.check(path)
    return path


def _remove_stray_files(bundle_folder: Path) -> None:
    """Remove files that an editor, a desktop or Python added to the code."""
    for file in [file for file in (bundle_folder / "code").rglob("*") if file.is_file()]:
        if file.suffix == ".pyc" or not check.belongs(file.relative_to(bundle_folder).as_posix()):
            file.unlink()
    for cache in sorted((bundle_folder / "code").rglob("__pycache__")):
        cache.rmdir()


def _link_metrics(client: MlflowClient, run_id: str, model_id: str) -> None:
    """Link the run's metrics to the model, as MLflow does, so that the model's page shows them."""
    history = [
        point for name in client.get_run(run_id).data.metrics for point in client.get_metric_history(run_id, name)
    ]
    own = [point for point in history if point.step == 0 and point.model_id is None]
    client.log_batch(
        run_id, metrics=[Metric(point.key, point.value, point.timestamp, 0, model_id) for point in own]
    )
