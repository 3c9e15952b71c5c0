"""Studies: no trial is lost or made twice, whoever works at them and whenever they are stopped."""

import json
import math
import os
import sqlite3
import subprocess
import sys
import threading
import time
import warnings

import optuna
import psutil
import pytest
from optuna.trial import TrialState

from flow_steps.safety import liveness
from flow_steps.tuning import storage, studies, takeover
from pricecast import models
from pricecast.errors import InputError
from pricecast.experiments import search_space
from tests.support.stores import empty_database
from tests.support.stress import ROOT

FOREVER = math.inf
FIRST = {"x": 0.5}


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/optuna.db"


def study_of(url, name="study"):
    return storage.open_study(name, storage.open_storage(url))


def bowl(trial):
    return (trial.suggest_float("x", -1, 1) - 0.3) ** 2


def params(study):
    return [trial.params for trial in studies.finished(study)]


def dead() -> str:
    """A process that has ended."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    about = json.loads(liveness.process_identity())
    started = liveness._started(psutil.Process(child.pid))
    child.communicate(b"\n")
    return json.dumps({**about, "pid": child.pid, "started": started})


def begun(study, owner=None, whole=True):
    """A trial as a process leaves it that is killed in the middle."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # there is no heartbeat outside of its own loop
        trial = study.ask()
    trial.suggest_float("x", -1, 1)
    if whole:
        trial.set_user_attr(takeover.PARAMS, "all of them")
    if owner:
        trial.set_user_attr(takeover.OWNER, owner)
    return trial


def test_a_study_has_as_many_trials_as_were_asked_for_and_begins_with_the_defaults(url):
    study = study_of(url)
    studies.work(study, bowl, 5, 0, FOREVER, FIRST)
    assert len(params(study)) == 5
    assert params(study)[0] == {"x": 0.5}
    studies.work(study, bowl, 5, 0, FOREVER, FIRST)
    assert len(study.trials) == 5


def test_a_study_that_was_stopped_goes_on_as_if_it_had_not_been(url, tmp_path):
    whole = study_of(f"sqlite:///{tmp_path}/whole.db")
    studies.work(whole, bowl, 14, 3, FOREVER, FIRST)
    for count in (4, 9, 14):
        studies.work(study_of(url), bowl, count, 3, FOREVER, FIRST)
    assert params(study_of(url)) == params(whole)
    values = [trial["x"] for trial in params(whole)]
    assert len(set(values)) == 14
    other = study_of(f"sqlite:///{tmp_path}/other.db")
    studies.work(other, bowl, 3, 4, FOREVER, FIRST)
    assert params(other)[1:] != params(whole)[1:3]


@pytest.mark.parametrize("how", [KeyboardInterrupt, SystemExit])
def test_a_trial_that_was_interrupted_is_made_again_with_its_parameters(url, tmp_path, how, monkeypatch):
    whole = study_of(f"sqlite:///{tmp_path}/whole.db")
    studies.work(whole, bowl, 6, 0, FOREVER, FIRST)
    study, seen = study_of(url), []

    def stop(trial):
        seen.append(bowl(trial))
        if len(seen) == 3:
            raise how
        return seen[-1]

    with pytest.raises(SystemExit):
        studies.work(study, stop, 6, 0, FOREVER, FIRST)
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "COMPLETE", "RUNNING"]
    monkeypatch.setattr(liveness, "has_ended", lambda owner: True)
    studies.work(study, bowl, 6, 0, FOREVER, FIRST)
    assert sorted(trial["x"] for trial in params(study)) == sorted(trial["x"] for trial in params(whole))
    assert [trial.state.name for trial in study.trials].count("FAIL") == 1


def test_a_trial_is_taken_over_only_from_the_dead(url):
    study = study_of(url)
    gone, alive = begun(study, dead()), begun(study, liveness.process_identity())
    takeover.take_over(study)
    found = {trial.number: trial for trial in study.trials}
    assert found[gone.number].state == TrialState.FAIL
    assert found[alive.number].state == TrialState.RUNNING
    (waiting,) = study.get_trials(states=(TrialState.WAITING,))
    assert waiting.params == found[gone.number].params
    assert waiting.user_attrs == {"again": gone.number}
    # Whoever comes second finds nothing to take.
    takeover.take_over(study)
    assert len(study.trials) == 3


def test_half_of_the_parameters_are_drawn_anew(url, tmp_path):
    def two(trial):
        return trial.suggest_float("x", -1, 1) + trial.suggest_float("y", -1, 1)

    whole, study = study_of(f"sqlite:///{tmp_path}/whole.db"), study_of(url)
    studies.work(whole, two, 3, 0, FOREVER, FIRST)
    studies.work(study, two, 1, 0, FOREVER, FIRST)

    def half(trial):
        trial.suggest_float("x", -1, 1)
        raise SystemExit

    with pytest.raises(SystemExit):
        studies.work(study, half, 3, 0, FOREVER, FIRST)
    abandoned = study.trials[-1]
    study.tell(abandoned.number, state=TrialState.FAIL)
    takeover.requeue(study, abandoned)
    studies.work(study, two, 3, 0, FOREVER, FIRST)
    assert params(study) == params(whole)


@pytest.mark.parametrize(("grace", "state"), [(60, TrialState.RUNNING), (0, TrialState.FAIL)])
def test_a_trial_killed_before_it_said_whose_it_is_waits_for_a_while(url, grace, state, monkeypatch):
    study = study_of(url)
    trial = begun(study)
    monkeypatch.setattr(takeover, "GRACE_PERIOD", grace)
    takeover.take_over(study)
    assert study.trials[trial.number].state == state


def test_a_trial_of_a_process_elsewhere_is_taken_over_when_its_heart_stands_still(url, monkeypatch):
    monkeypatch.setattr(takeover, "GRACE_PERIOD", 1)
    study = study_of(url)
    elsewhere = json.dumps({**json.loads(liveness.process_identity()), "host": "elsewhere"})
    trial = begun(study, elsewhere)
    study._storage._backend.record_heartbeat(trial._trial_id)
    takeover.take_over(study)
    assert study.trials[trial.number].state == TrialState.RUNNING
    time.sleep(3)
    studies.work(study, bowl, 1, 0, time.monotonic() + 20, FIRST)
    assert len(params(study)) == 1
    assert study.trials[trial.number].state == TrialState.FAIL


def test_a_worker_whose_trial_was_taken_over_goes_on(url):
    study, calls = study_of(url), []

    def slow(trial):
        calls.append(trial.number)
        if len(calls) == 1:  # another worker takes it for dead
            other = study_of(url)
            other.tell(trial.number, state=TrialState.FAIL)
            takeover.requeue(other, other.trials[trial.number])
        return bowl(trial)

    studies.work(study, slow, 2, 0, FOREVER, FIRST)
    assert len(params(study)) == 2
    assert params(study)[0] == FIRST


def test_an_error_of_the_objective_ends_the_work(url):
    def broken(trial):
        found = bowl(trial)
        if trial.number:
            raise ValueError("no number")
        return found

    study = study_of(url)
    with pytest.raises(ValueError, match="no number"):
        studies.work(study, broken, 3, 0, time.monotonic() + 20, FIRST)
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE, TrialState.FAIL]


def test_a_trial_that_is_made_again_is_the_one_it_would_have_been(url, tmp_path, monkeypatch):
    """Another worker was at later ones in the meantime."""
    whole, study = study_of(f"sqlite:///{tmp_path}/whole.db"), study_of(url)
    studies.work(whole, bowl, 2, 0, FOREVER, FIRST)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # there is no heartbeat outside of its own loop
        study.ask().set_user_attr(takeover.OWNER, liveness.process_identity())
    studies.work(study_of(url), bowl, 2, 0, time.monotonic() + 1, FIRST)
    monkeypatch.setattr(liveness, "has_ended", lambda owner: True)
    studies.work(study, bowl, 2, 0, FOREVER, FIRST)
    assert [trial.state.name for trial in study.trials] == ["FAIL", "COMPLETE", "COMPLETE"]
    assert params(study) == params(whole)[::-1]


def test_the_last_trial_is_not_made_twice_and_is_waited_for(url):
    study = study_of(url)
    studies.work(study, bowl, 3, 0, FOREVER, FIRST)
    last = begun(study, liveness.process_identity())
    threading.Timer(1.5, lambda: study.tell(last, 0.1)).start()
    calls = []
    studies.work(study_of(url), lambda trial: calls.append(trial) or bowl(trial), 4, 0, FOREVER, FIRST)
    assert calls == []
    assert len(params(study)) == 4


def test_a_trial_too_many_is_given_back(url, monkeypatch):
    study = study_of(url)
    begun(study, liveness.process_identity())
    real, asked = study.get_trials, []

    def late(*args, **more):
        """Two workers that both see room for the last trial: this one does not see the other's yet."""
        asked.append(1)
        return [] if len(asked) < 3 else real(*args, **more)

    monkeypatch.setattr(study, "get_trials", late)
    studies.work(study, bowl, 1, 0, time.monotonic() + 2, FIRST)
    assert [trial.state for trial in real()] == [TrialState.RUNNING, TrialState.FAIL]


@pytest.mark.slow
def test_two_workers_in_one_study_make_no_trial_twice(url, tmp_path):
    program = tmp_path / "worker.py"
    program.write_text(
        "import sys, math\nfrom flow_steps.tuning import storage, studies\n"
        "study = storage.open_study('study', storage.open_storage(sys.argv[1]))\n"
        "studies.work(study, lambda t: (t.suggest_float('x', -1, 1) - 0.3) ** 2, 12, 0, math.inf, {'x': 0.5})\n",
        encoding="utf-8",
    )
    path = {**os.environ, "PYTHONPATH": str(ROOT)}
    workers = [subprocess.Popen([sys.executable, str(program), url], env=path) for _ in range(2)]
    assert [worker.wait(120) for worker in workers] == [0, 0]
    found = params(study_of(url))
    assert len(found) == 12
    assert len({trial["x"] for trial in found}) == 12


def test_no_trial_is_begun_when_the_time_is_over(url):
    study = study_of(url)
    studies.work(study, bowl, 5, 0, -FOREVER, FIRST)
    assert params(study) == []


def test_pruned_trials_count(url):
    study = study_of(url)

    def prune(trial):
        bowl(trial)
        raise optuna.TrialPruned

    studies.work(study, prune, 3, 0, FOREVER, FIRST)
    assert [trial.state.name for trial in studies.finished(study)] == ["PRUNED"] * 3


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One storage for studies that have names of their own."""
    return storage.open_storage(f"sqlite:///{tmp_path_factory.mktemp('studies')}/optuna.db")


TUNED = [(name, 120) for name in search_space.tunable([n for n in models.names() if n != "lstm_keras"])]


@pytest.mark.parametrize(("name", "longest"), [*TUNED, ("lstm", 45), ("lstm", 5)])
def test_a_study_begins_with_the_defaults_of_a_model(shared, name, longest):
    study = storage.open_study(f"{name} {longest}", shared)
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a default outside of the space is one
        studies.work(
            study, lambda trial: found.append(search_space.suggest(name, trial, {}, longest, 0)) or 0.0, 1, 0,
            FOREVER, search_space.defaults(name, longest),
        )  # fmt: skip
    assert found[0].items() <= search_space.defaults(name, longest).items()


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("postgresql+psycopg://me@127.0.0.1:1/x?connect_timeout=2", "a storage for studies at postgresql"),
        ("nonsense://x", "a storage for studies"),
        ("no url at all", "a storage for studies"),
        ("sqlite:////proc/nowhere/x.db", "a storage for studies"),
        ("sqlite:////proc/x.db", "a storage for studies"),
        ("sqlite:///.", "Choose another --storage"),
        ("mysql+mysqldb://me@127.0.0.1:1/x", "pip install mysqlclient or choose another --storage"),
        ("sqlite://", "a storage that outlasts the command, got sqlite://: give a file, such as"),
        ("sqlite:///:memory:", "a storage that outlasts the command"),
        ("sqlite:///file:x?mode=memory&uri=true", "a storage that outlasts the command"),
    ],
)
def test_a_storage_that_cannot_be_used_is_one_line(url, complaint):
    with pytest.raises(InputError, match=complaint) as caught:
        storage.open_storage(url)
    assert "\n" not in str(caught.value)


def test_mlflows_store_is_no_storage_and_stays_as_it_is(tmp_path):
    before = empty_database()
    (tmp_path / "mlflow.db").write_bytes(before)
    with pytest.raises(InputError, match=r"a database of Optuna's own at .*, got MLflow's store: choose another"):
        storage.open_storage(f"sqlite:///{tmp_path}/mlflow.db")
    assert (tmp_path / "mlflow.db").read_bytes() == before


@pytest.mark.parametrize(
    ("revision", "advice"),
    [
        (
            "v2.6.0.a",
            r"an older Optuna's: back it up, then run `optuna storage upgrade --storage sqlite:///.*/x.db`",
        ),
        ("v99.0.0.a", "a newer Optuna's: install that Optuna, or choose another --storage"),
    ],
)
def test_a_storage_of_another_optuna_is_told_as_such(tmp_path, revision, advice):
    url = f"sqlite:///{tmp_path}/x.db"
    storage.open_storage(url)
    with sqlite3.connect(tmp_path / "x.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    connection.close()
    with pytest.raises(InputError, match=advice):
        storage.open_storage(url)


def test_a_read_only_storage_is_told_before_any_trial(tmp_path):
    storage.open_storage(f"sqlite:///{tmp_path}/x.db")
    with pytest.raises(InputError, match="Make it writable or choose another --storage"):
        storage.open_storage(f"sqlite:///file:{tmp_path}/x.db?mode=ro&uri=true")


def test_a_storage_in_a_folder_of_any_name_is_made_there(tmp_path):
    folder = tmp_path / "a b'ä#"
    storage.open_storage(f"sqlite:///{folder}/x.db")
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def test_a_file_that_is_no_database_is_one_line(tmp_path):
    (tmp_path / "x.db").write_bytes(b"not a database" * 100)
    with pytest.raises(InputError, match="a storage for studies"):
        storage.open_storage(f"sqlite:///{tmp_path}/x.db")
