"""Traces of a pipeline in a folder with a store of its own: statuses, figures, and whether any file is half."""

import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

from mlflow import MlflowClient

from flow_steps.safety import store
from pricecast.files import MANIFEST, digests, read_json
from tests.support import warm
from tests.support.forks import fork, output, wait
from tests.support.stores import fresh_store, store_of


def undisturbed(folder: Path) -> Path:
    """A pipeline that nobody disturbs, and an empty store for others to start from."""
    whole = empty_store(folder)
    assert wait(fork(whole, warm.run)) == 0
    return whole


def empty_store(folder: Path) -> Path:
    """Makes a store that has no runs yet, for `fresh_store` to copy; returns the folder that it is in."""
    whole = folder / "whole"
    whole.mkdir()
    assert wait(fork(whole, store.ensure)) == 0
    shutil.copy(whole / "mlflow.db", folder / "empty.db")
    return whole


def after_the_next_start(
    home: Path, whole: Path, work: Callable[[], None] = warm.run, logs: Path | None = None
) -> list[str]:
    """Faults after the same command has run again."""
    again = fork(home, work, logs=logs)
    if wait(again) != 0:
        return [f"the next start failed: {output(logs or home, again)[-400:]}"]
    return still_running(home) + (["the figures differ"] if figures(home) != figures(whole) else [])


def new_home(folder: Path) -> Path:
    """A folder of a case's own, with a store in it."""
    home = folder / uuid.uuid4().hex
    home.mkdir()
    fresh_store((folder / "empty.db").read_bytes(), home)
    return home


def runs_of(home: Path) -> list:
    return MlflowClient(store_of(home)).search_runs(["0"], order_by=["start_time ASC"])


def statuses(home: Path) -> list[tuple[str, str]]:
    return [(run.info.run_name, run.info.status) for run in runs_of(home)]


def still_running(home: Path) -> list[str]:
    return [f"{name} is still RUNNING" for name, status in statuses(home) if status == "RUNNING"]


def figures(home: Path) -> dict[str, float]:
    """Every metric of the last pipeline, but for times."""
    parent = [run for run in runs_of(home) if run.data.tags.get("pricecast.step") == "main"][-1]
    return {name: value for name, value in parent.data.metrics.items() if name != "runtime_sec"}


def half_files(home: Path, whole: Path) -> list[str]:
    """Files of cut-off steps under their final names that are not what an undisturbed step wrote."""
    finished = {run.info.run_name: place_of(run) for run in runs_of(whole)}
    faults = []
    for run in runs_of(home):
        if run.info.status == "FINISHED" or not place_of(run).exists():
            continue
        expected = read_json(finished[run.info.run_name] / MANIFEST)
        wrong = {name for name, value in digests(place_of(run)).items() if expected.get(name) != value}
        faults += [f"half a file {name}" for name in wrong if not name.endswith(".part")]
    return faults


def place_of(run) -> Path:
    return Path(run.info.artifact_uri.removeprefix("file://"))
