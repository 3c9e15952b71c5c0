"""Pipelines that are stopped, shot or out of room: what is left, and what the next start makes of it."""

import os
import shutil
import signal
import subprocess
import sys
import time

import psutil
import pytest
from mlflow import MlflowClient

from flow_steps import store
from test_mlflow_run import environment, mlflow_run, project, store_of, succeed  # noqa: F401
from trials import HERE, apart

# A pipeline that trains until somebody ends it.
ENDLESS = {
    "source": "synthetic", "path": "gbm", "models": "lstm", "epochs": "1000000", "lookback": "10",
    "max_lookback": "20", "vis": "false", "model_params": '{"lstm": {"patience": 1000000}}',
}  # fmt: skip
SMALL_DISKS = ("unshare", "--user", "--map-root-user", "--mount")


def may_mount():
    if shutil.which("unshare") is None:
        return False
    mount = "mount -t tmpfs -o size=1m none /mnt"
    return subprocess.run([*SMALL_DISKS, "sh", "-c", mount], capture_output=True).returncode == 0


needs_mounts = pytest.mark.skipif(not may_mount(), reason="no user namespace may mount a small disk here")


def test_a_pipeline_that_is_ended_leaves_nothing_running_and_repeats_its_figures():
    count = apart("trial_kills", 3)
    assert count.bad == []


@pytest.mark.slow
def test_no_moment_and_no_signal_leaves_a_trace():
    count = apart("trial_kills")
    assert (count.tried, count.bad) == (60, [])


@pytest.mark.slow
def test_the_trial_sees_runs_that_nobody_clears_up():
    blind = (
        "import tempfile, pathlib, trial_kills as t; from flow_steps import owners; owners.reap = lambda e: []; "
        "print(len(t.ours(1, pathlib.Path(tempfile.mkdtemp()), only=[t.CASES[2]]).bad))"
    )
    done = subprocess.run([sys.executable, "-c", blind], cwd=HERE, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] != "0", done.stderr


def test_six_pipelines_may_come_at_once_to_a_store_that_is_not_there():
    count = apart("trial_starts", 1)
    assert (count.tried, count.bad) == (6, [])


@pytest.mark.slow
def test_three_hundred_pipelines_come_six_at_a_time():
    count = apart("trial_starts", 50)
    assert (count.tried, count.bad) == (300, [])


@needs_mounts
def test_a_full_disk_is_one_line_and_with_room_the_figures_come():
    assert apart("trial_full", 2, before=SMALL_DISKS).bad == []


@pytest.mark.slow
@needs_mounts
def test_a_disk_may_fill_at_any_moment():
    assert apart("trial_full", 20, before=SMALL_DISKS).bad == []


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_killed_mlflow_run_takes_its_pipeline_with_it(project, tmp_path, monkeypatch, number):  # noqa: F811
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store_of(tmp_path))
    monkeypatch.chdir(tmp_path)
    store.ensure()
    words = [word for name, value in ENDLESS.items() for word in ("-P", f"{name}={value}")]
    command = [sys.executable, "-m", "mlflow", "run", str(project), "--env-manager", "local", *words]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment(tmp_path, PRICECAST_TEST=str(tmp_path)), start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for(lambda: statuses(tmp_path).get("train lstm") == "RUNNING", process)
        # A terminal interrupts everything in the foreground, the others go to one process.
        os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
        process.wait(60)
        wait_for(lambda: not marked(tmp_path))
    finally:
        for pid in marked(tmp_path):
            os.kill(pid, signal.SIGKILL)
    assert statuses(tmp_path)["train lstm"] == "KILLED"
    assert "RUNNING" not in statuses(tmp_path).values()
    small = {"source": "synthetic", "path": "gbm", "models": "naive", "vis": "false", "max_lookback": "20"}
    succeed(mlflow_run(project, tmp_path, small))


def wait_for(happens, process=None):
    for _ in range(1200):
        if happens():
            return
        assert process is None or process.poll() is None, "the pipeline ended by itself"
        time.sleep(0.1)
    raise AssertionError("waited for two minutes")


def statuses(home):
    runs = MlflowClient(store_of(home)).search_runs(["0"])
    return {run.info.run_name: run.info.status for run in runs}


def marked(home):
    """Living processes that were started with our mark in their environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("PRICECAST_TEST") == str(home) and process.pid != os.getpid():
                found.append(process.pid)
        except psutil.Error:
            continue
    return found
