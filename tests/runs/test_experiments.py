"""The experiment and the run that the environment names: used, or refused in one line before anything is made."""

import sqlite3

import pytest
from mlflow import MlflowClient

from flow_steps.runs import experiments
from flow_steps.runs.experiments import ID, NAME, RUN
from pricecast.errors import InputError
from tests.support.stores import empty_database, fresh_store, inside

# MLflow declares a relation in a way that SQLAlchemy 2.1 has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("experiments")
    fresh_store(empty_database(), folder)
    with inside(folder):
        client = MlflowClient()
        client.delete_experiment(client.create_experiment("deleted"))
        client.create_experiment("other")
        yield folder


@pytest.fixture(autouse=True)
def bare(home, monkeypatch):
    for name in (NAME, ID, RUN):
        monkeypatch.delenv(name, raising=False)


def id_of(name):
    return MlflowClient().get_experiment_by_name(name).experiment_id


def run(status="RUNNING", experiment="other", deleted=False):
    made = MlflowClient().create_run(id_of(experiment)).info.run_id
    if status != "RUNNING":
        MlflowClient().set_terminated(made, status)
    if deleted:
        MlflowClient().delete_run(made)
    return made


def refusal(monkeypatch, **variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    before = len(MlflowClient().search_experiments())
    with pytest.raises(InputError) as caught:
        experiments.settle()
    assert len(MlflowClient().search_experiments()) == before
    return str(caught.value)


@pytest.mark.parametrize("number", ["999", "abc", "1" * 40, "-1", "1.5", "0 or 1", "../x", "٣"])
def test_an_experiment_that_is_not_there_is_refused(monkeypatch, number):
    assert f"got {ID}={number!r}: take an id out of" in refusal(monkeypatch, **{ID: number})


def test_a_deleted_experiment_is_to_be_restored(monkeypatch):
    advice = f"got 'deleted', which is deleted: `mlflow experiments restore --experiment-id {id_of('deleted')}`"
    assert advice in refusal(monkeypatch, **{NAME: "deleted"})
    monkeypatch.delenv(NAME)
    assert advice in refusal(monkeypatch, **{ID: id_of("deleted")})


def test_a_deleted_default_is_to_be_restored(tmp_path, monkeypatch):
    fresh_store(empty_database(), tmp_path)
    with sqlite3.connect(tmp_path / "mlflow.db") as connection:
        connection.execute("UPDATE experiments SET lifecycle_stage = 'deleted'")
    connection.close()
    with inside(tmp_path):
        assert "got 'Default', which is deleted" in refusal(monkeypatch)
        with experiments.default_experiment("a flow's own"):
            assert experiments.settle()


@pytest.mark.parametrize("name", ["n" * 501, "a\nb", "a\x1b[31m", "a\u202e", "a\udcff"])
def test_a_name_that_cannot_be_kept_or_shown_is_refused(monkeypatch, name):
    line = refusal(monkeypatch, **{NAME: name})
    assert "expected a name of at most 500 printable characters" in line
    assert line.isprintable()


def test_two_experiments_are_refused(monkeypatch):
    line = refusal(monkeypatch, **{ID: "0", NAME: "other"})
    assert line == f"expected one experiment, got 0 by {ID}, {id_of('other')} by {NAME}: " + (
        "unset all of these variables but one"
    )
    # MLflow would make the experiment before it complains.
    assert "a new one by MLFLOW_EXPERIMENT_NAME" in refusal(monkeypatch, **{NAME: "not there yet"})


def test_a_run_of_another_experiment_is_refused(monkeypatch):
    made = run()
    assert "expected one experiment" in refusal(monkeypatch, **{RUN: made, ID: "0"})
    monkeypatch.delenv(ID)
    assert "expected one experiment" in refusal(monkeypatch, **{RUN: made, NAME: "Default"})


@pytest.mark.parametrize("run_id", ["a" * 32, "../x", "a b", "a" * 400, "\x1b[31m"])
def test_a_run_that_is_not_there_is_refused(monkeypatch, run_id):
    line = refusal(monkeypatch, **{RUN: run_id})
    assert "expected a run that" in line
    assert line.isprintable()
    assert len(line) < 400


def test_a_deleted_run_is_to_be_restored(monkeypatch):
    made = run(deleted=True)
    assert f"`mlflow runs restore --run-id {made}`" in refusal(monkeypatch, **{RUN: made})


def test_a_finished_run_is_not_written_over(monkeypatch):
    assert "expected a run in progress" in refusal(monkeypatch, **{RUN: run("FINISHED")})


def test_what_names_one_experiment_is_taken(monkeypatch, home):
    assert experiments.settle() == {f"{home}/mlruns/0"}
    for variables in ({NAME: "other"}, {ID: id_of("other")}, {ID: id_of("other"), NAME: "other"}):
        with pytest.MonkeyPatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, value)
            experiments.settle()
            assert experiments.experiment_id() == id_of("other")


@pytest.mark.parametrize("status", ["RUNNING", "FAILED", "KILLED"])
def test_a_run_is_continued_with_the_artifacts_of_its_own_and_of_its_children(monkeypatch, home, status):
    # As `mlflow run --experiment-name other` does where the environment names another one.
    made = run(status)
    for name, value in {RUN: made, ID: id_of("other"), NAME: "Default"}.items():
        monkeypatch.setenv(name, value)
    root = MlflowClient().get_experiment(id_of("other")).artifact_location
    assert experiments.settle() == {root, f"{root}/{made}/artifacts"}


@pytest.mark.parametrize("name", [NAME, ID, RUN])
@pytest.mark.parametrize("value", ["", "  "])
def test_a_variable_that_is_set_to_nothing_counts_as_unset(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    experiments.settle()
    assert experiments.experiment_id() == "0"


def test_a_new_name_is_a_new_experiment(monkeypatch):
    monkeypatch.setenv(NAME, "brand new, ä %20 'x'")
    experiments.settle()
    assert experiments.experiment_id() == id_of("brand new, ä %20 'x'")
