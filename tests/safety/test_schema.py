"""Stores of other programs and of other versions of MLflow: told apart from damage, and left as they are."""

import shutil
import sqlite3

import optuna
import pytest

from flow_steps.safety import databases, store
from pricecast.errors import InputError
from tests.support.stores import empty_database, store_of

# MLflow declares a relation in a way that SQLAlchemy 2.1 has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")


def refusal(folder, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store_of(folder))
    before = (folder / "mlflow.db").read_bytes()
    with pytest.raises(InputError) as caught:
        store.ensure()
    assert (folder / "mlflow.db").read_bytes() == before
    assert "Move that file away" not in str(caught.value)
    return str(caught.value)


def altered(folder, *statements):
    (folder / "mlflow.db").write_bytes(empty_database())
    with sqlite3.connect(folder / "mlflow.db") as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


@pytest.mark.parametrize("more", [(), ("DROP TABLE logged_models",)])
def test_a_store_of_an_older_mlflow_is_to_be_upgraded_after_a_backup(tmp_path, monkeypatch, more):
    altered(tmp_path, "UPDATE alembic_version SET version_num = '451aebb31d03'", *more)
    line = refusal(tmp_path, monkeypatch)
    assert f"Back it up, for there is no way back, then run `mlflow db upgrade {store_of(tmp_path)}`" in line
    assert "one of an older MLflow's (revision 451aebb31d03)" in line


def test_a_store_of_a_newer_mlflow_wants_that_mlflow(tmp_path, monkeypatch):
    altered(tmp_path, "UPDATE alembic_version SET version_num = 'ffffffffffff'")
    assert "one of a newer MLflow's (revision ffffffffffff). Install that MLflow" in refusal(tmp_path, monkeypatch)


def test_a_database_of_studies_is_no_store(tmp_path, monkeypatch):
    optuna.storages.RDBStorage(store_of(tmp_path))
    line = refusal(tmp_path, monkeypatch)
    assert "one of Optuna's studies. Give MLflow a database of its own" in line


def test_another_programs_database_is_no_store(tmp_path, monkeypatch):
    with sqlite3.connect(tmp_path / "mlflow.db") as connection:
        connection.execute("CREATE TABLE songs (name TEXT)")
    connection.close()
    assert "another program's, with songs. Give MLflow" in refusal(tmp_path, monkeypatch)


def test_a_read_only_store_is_told_before_a_run_is_opened(tmp_path, monkeypatch):
    altered(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///file:{tmp_path}/mlflow.db?mode=ro&uri=true")
    with pytest.raises(InputError, match=r"readonly database\. Make it writable, or set MLFLOW_TRACKING_URI"):
        store.ensure()


def test_a_folder_that_takes_no_files_is_told_at_once(monkeypatch):
    # Nobody may make files there, root included.
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////proc/mlflow.db")
    with pytest.raises(InputError, match=r"expected a tracking store at sqlite:////proc/mlflow.db, got: \[Errno"):
        store.ensure()


def test_a_folder_on_a_read_only_disk_is_to_be_made_writable(tmp_path, monkeypatch):
    def refuse(**_):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(databases.tempfile, "TemporaryFile", refuse)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store_of(tmp_path))
    with pytest.raises(InputError, match=r"Read-only file system\. Make it writable"):
        store.ensure()


def test_a_store_that_others_write_to_is_not_refused(tmp_path):
    altered(tmp_path)
    with sqlite3.connect(tmp_path / "mlflow.db") as other:
        other.execute("BEGIN IMMEDIATE")
        databases.check_writable(store_of(tmp_path))
    other.close()


def test_a_store_in_memory_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///:memory:")
    store.ensure()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a b", "ä", "a?b", "a#b", "a%b", "a%20b", "a'b", 'a"b', "a&b;c", "a\nb"])
def test_a_store_is_made_where_the_working_directory_says(tmp_path, monkeypatch, name):
    folder = tmp_path / name
    folder.mkdir()
    (folder / "mlflow.db").write_bytes(empty_database())
    monkeypatch.chdir(folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    store.ensure()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    shutil.rmtree(folder)
