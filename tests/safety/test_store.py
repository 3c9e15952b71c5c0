"""The tracking store: whole from the start, and no run left RUNNING by a process that is gone."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import psutil
import pytest
from filelock import FileLock
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from flow_steps.runs import records, tracking
from flow_steps.safety import liveness, store
from pricecast.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
# MLflow declares a relation in a way that SQLAlchemy 2.1 has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")
# One process pays for the imports; its children wait at a gate, so that they come to the store together.
WRITERS = """
import os, sys, traceback
import mlflow.store.tracking.sqlalchemy_store
from flow_steps.safety import store

def write():
    store.ensure()
    with mlflow.start_run(run_name="writer"):
        mlflow.log_metric("x", 1.0)

gate, opener = os.pipe()
children = []
for _ in range(int(sys.argv[1])):
    child = os.fork()
    if child == 0:
        os.close(opener)
        os.read(gate, 1)
        try:
            write()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    children.append(child)
os.close(opener)
sys.exit(sum(os.waitpid(child, 0)[1] != 0 for child in children))
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A store for the tests that only need some store."""
    folder = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        store.ensure()
        yield folder


@pytest.fixture
def experiment(shared):
    return MlflowClient().create_experiment(uuid.uuid4().hex, artifact_location=f"{shared}/artifacts")


@pytest.fixture
def sleeper():
    process = psutil.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield process
    process.kill()
    process.wait()


def dead_process():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def running(experiment, beat=None, **changes):
    """A run that stands as RUNNING and says that it belongs to this process, but for the changes."""
    owner = {**json.loads(liveness.owner_tags()[liveness.OWNER]), **changes}
    tags = {liveness.OWNER: json.dumps(owner), **({} if beat is None else {liveness.HEARTBEAT: f"{beat:.0f}"})}
    return MlflowClient().create_run(experiment, tags=tags).info.run_id


def status(run_id):
    return MlflowClient().get_run(run_id).info.status


def refused(match, monkeypatch):
    def wait(seconds):
        raise AssertionError(f"waited {seconds} s for a store that cannot be opened")

    # MLflow tries again for 100 seconds.
    monkeypatch.setattr("mlflow.store.db.utils.time.sleep", wait)
    with pytest.raises(InputError, match=match) as caught:
        store.ensure()
    assert "\n" not in str(caught.value)
    assert "MLFLOW_TRACKING_URI" in str(caught.value)


def test_ensure_creates_a_usable_store_and_its_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/new/folder/mlflow.db")
    store.ensure()
    assert {path.name for path in (tmp_path / "new" / "folder").iterdir()} <= {"mlflow.db", "mlflow.db.lock"}
    client = MlflowClient()
    run = client.create_run("0")
    client.log_metric(run.info.run_id, "x", 1.5)
    assert client.get_run(run.info.run_id).data.metrics == {"x": 1.5}
    assert ".part" not in client.get_experiment("0").artifact_location


def test_ensure_leaves_a_store_alone_that_is_there(shared, experiment):
    run_id = running(experiment)
    before = (shared / "mlflow.db").stat().st_ino
    store.ensure()
    assert (shared / "mlflow.db").stat().st_ino == before
    assert status(run_id) == "RUNNING"


@pytest.mark.slow
def test_six_processes_may_create_the_store_at_once(tmp_path):
    environment = {
        **os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db", "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    command = [sys.executable, "-c", WRITERS, "6"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    runs = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db").search_runs(["0"])
    assert [(run.info.status, run.data.metrics) for run in runs] == [("FINISHED", {"x": 1.0})] * 6
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 4096])
def test_a_broken_store_file_is_refused_in_one_line(tmp_path, monkeypatch, content):
    broken = tmp_path / "mlflow.db"
    broken.write_bytes(content)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{broken}")
    refused("expected a tracking store at sqlite", monkeypatch)
    assert broken.read_bytes() == content


@pytest.mark.parametrize(
    "damage",
    [
        "DROP TABLE latest_metrics",  # what two processes leave that create one store together
        "DELETE FROM alembic_version",
        "UPDATE alembic_version SET version_num = 'ffffffffffff'",
        "INSERT INTO alembic_version VALUES ('451aebb31d03')",
    ],
)
def test_half_a_store_is_refused_in_one_line_and_left_as_it_is(shared, tmp_path, monkeypatch, damage):
    broken = tmp_path / "mlflow.db"
    shutil.copy(shared / "mlflow.db", broken)
    with sqlite3.connect(broken) as connection:
        connection.execute(damage)
    connection.close()
    content = broken.read_bytes()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{broken}")
    refused("expected a tracking store at sqlite", monkeypatch)
    assert broken.read_bytes() == content


def test_a_fresh_process_sees_half_a_store_too(shared, tmp_path):
    # MLflow's tables are declared as soon as anything of MLflow has looked at a store; here nothing has.
    broken = tmp_path / "mlflow.db"
    shutil.copy(shared / "mlflow.db", broken)
    with sqlite3.connect(broken) as connection:
        connection.execute("DROP TABLE latest_metrics")
    connection.close()
    environment = {**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{broken}", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", "from flow_steps.safety import store; store.ensure()"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert "half a store, without the tables latest_metrics" in done.stderr.splitlines()[-1]


def test_what_was_left_of_an_earlier_creation_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    # A process of the same number was shot amidst its work.
    (tmp_path / f".mlflow.db.{os.getpid()}.part").write_bytes(b"SQLite format 3\0")
    store.ensure()
    assert MlflowClient().search_runs(["0"]) == []


def test_a_store_that_is_there_is_opened_though_somebody_holds_the_lock(shared):
    with FileLock(f"{shared}/mlflow.db.lock"):
        store.ensure()


def test_a_creation_that_does_not_end_is_not_waited_for_without_end(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.setattr(store, "_LONGEST_CREATION", 0.1)
    with FileLock(f"{tmp_path}/mlflow.db.lock"), pytest.raises(InputError, match="could not be acquired"):
        store.ensure()


@pytest.mark.parametrize("uri", ["postgresql://me:word@127.0.0.1:1/db", "nonsense://x", "./mlruns"])
def test_a_store_that_cannot_be_spoken_to_is_refused_in_one_line(tmp_path, monkeypatch, uri):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    refused("expected a tracking store at", monkeypatch)


def test_a_folder_in_the_stores_place_is_refused_in_one_line(tmp_path, monkeypatch):
    (tmp_path / "mlflow.db").mkdir()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    refused("expected a tracking store at sqlite", monkeypatch)


def test_a_file_in_the_folders_place_is_refused_in_one_line(tmp_path, monkeypatch):
    (tmp_path / "taken").write_text("")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/taken/mlflow.db")
    refused("expected a tracking store at sqlite", monkeypatch)


def test_a_run_of_a_dead_process_is_killed(experiment):
    run_id = running(experiment, pid=dead_process())
    assert liveness.end_orphaned_runs(experiment) == [run_id]
    assert status(run_id) == "KILLED"
    assert MlflowClient().get_run(run_id).info.end_time is not None
    assert liveness.end_orphaned_runs(experiment) == []


def test_a_run_of_this_process_is_left_alone(experiment):
    run_id = running(experiment)
    assert liveness.end_orphaned_runs(experiment) == []
    assert status(run_id) == "RUNNING"


def test_a_run_of_another_living_process_is_left_alone(experiment, sleeper):
    run_id = running(experiment, pid=sleeper.pid, started=liveness._started(sleeper))
    assert liveness.end_orphaned_runs(experiment) == []
    assert status(run_id) == "RUNNING"


def test_a_run_whose_process_number_was_given_to_another_is_killed(experiment, sleeper):
    run_id = running(experiment, pid=sleeper.pid, started=liveness._started(sleeper) - 100)
    assert liveness.end_orphaned_runs(experiment) == [run_id]
    assert status(run_id) == "KILLED"


def test_a_run_of_another_boot_is_killed(experiment):
    run_id = running(experiment, boot="before the power cut")
    assert liveness.end_orphaned_runs(experiment) == [run_id]


def test_a_run_on_another_host_is_left_alone(experiment):
    # Whether that process lives cannot be seen from here.
    run_id = running(experiment, host="elsewhere", pid=dead_process())
    assert liveness.end_orphaned_runs(experiment) == []
    assert status(run_id) == "RUNNING"


def test_a_run_of_another_container_is_judged_by_its_heartbeat(experiment):
    # Its process cannot be seen, whether it lives or not; here the number is even taken by a living one.
    now = time.time()
    fresh = running(experiment, space="pid:[1]", beat=now - 60)
    silent = running(experiment, space="pid:[1]", beat=now - 3600)
    started_silent = running(experiment, space="pid:[1]", beat=None)
    assert liveness.end_orphaned_runs(experiment) == [silent]
    assert [status(run_id) for run_id in (fresh, started_silent)] == ["RUNNING"] * 2


def test_a_process_that_ended_and_was_not_waited_for_counts_as_gone(experiment):
    zombie = subprocess.Popen([sys.executable, "-c", ""])
    about = psutil.Process(zombie.pid)
    started = liveness._started(about)
    while about.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    run_id = running(experiment, pid=zombie.pid, started=started)
    assert liveness.end_orphaned_runs(experiment) == [run_id]
    zombie.wait()


def test_an_open_run_says_that_it_lives(shared, monkeypatch):
    monkeypatch.setattr(liveness, "_INTERVAL", 0.05)
    with tracking.open_run("beating", {}, {}) as run:
        first = beat = float(MlflowClient().get_run(run.run_id).data.tags[liveness.HEARTBEAT])
        for _ in range(100):
            time.sleep(0.1)
            beat = float(MlflowClient().get_run(run.run_id).data.tags[liveness.HEARTBEAT])
            if beat > first:
                break
    assert beat > first
    assert threading.active_count() < 20


def test_runs_of_other_programs_are_left_alone(experiment):
    client = MlflowClient()
    nobodys = client.create_run(experiment).info.run_id
    alices = client.create_run(experiment, tags={"owner": "alice"}).info.run_id
    odd = client.create_run(experiment, tags={liveness.OWNER: "alice"}).info.run_id
    assert liveness.end_orphaned_runs(experiment) == []
    assert [status(run_id) for run_id in (nobodys, alices, odd)] == ["RUNNING"] * 3


def test_finished_runs_are_left_alone(experiment):
    run_id = running(experiment, pid=dead_process())
    MlflowClient().set_terminated(run_id, "FAILED")
    assert liveness.end_orphaned_runs(experiment) == []
    assert status(run_id) == "FAILED"


def test_other_experiments_are_left_alone(experiment, shared):
    run_id = running("0", pid=dead_process())
    assert liveness.end_orphaned_runs(experiment) == []
    assert status(run_id) == "RUNNING"


def test_a_store_below_a_folder_with_a_space_is_created_in_place(tmp_path, monkeypatch):
    folder = tmp_path / "my results"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{str(folder).replace(' ', '%20')}/mlflow.db")
    store.ensure()
    assert (folder / "mlflow.db").stat().st_size > 0
    assert not list(folder.glob("*.part"))


def test_a_dataset_that_another_process_logs_at_the_same_moment_is_logged(shared, experiment, monkeypatch):
    run_id = running(experiment)
    calls = []

    def taken(self, run, **inputs):
        calls.append(inputs)
        if len(calls) < 3:
            raise MlflowException("(sqlite3.IntegrityError) UNIQUE constraint failed: datasets.experiment_id")

    monkeypatch.setattr(MlflowClient, "log_inputs", taken)
    records.log_inputs(run_id, datasets=[])
    assert len(calls) == 3


def test_other_refusals_of_an_input_are_not_tried_again(shared, experiment, monkeypatch):
    calls = []

    def broken(self, run, **inputs):
        calls.append(inputs)
        raise MlflowException("no such table")

    monkeypatch.setattr(MlflowClient, "log_inputs", broken)
    with pytest.raises(MlflowException, match="no such table"):
        records.log_inputs(running(experiment), datasets=[])
    assert len(calls) == 1
