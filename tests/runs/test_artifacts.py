"""Artifacts in: every kind of address, and nothing that is not as it was written."""

from pathlib import Path

import pytest
from mlflow import MlflowClient

from flow_steps.runs import artifacts, tracking
from flow_steps.safety import store
from pricecast.errors import InputError
from pricecast.files import digest_file

# MLflow declares a relation in a way that SQLAlchemy 2.1 has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")
CONTENT = {"table.csv": b"a,b\n1,2\n", "data/one.bin": b"\0\1\2\3", "data/deep/two.bin": b"four", "data2/x": b"x"}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("artifacts")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        store.ensure()
        yield folder


def write(content=CONTENT):
    """A finished run that holds the files."""
    with tracking.open_run("files", {}, {"step": "test"}) as run:
        for name, data in content.items():
            (run.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (run.folder / name).write_bytes(data)
    return run.run_id


@pytest.fixture
def run_id(shared):
    return write()


def place(run_id, name=""):
    """Path of an artifact in the store."""
    return Path(MlflowClient().get_run(run_id).info.artifact_uri.removeprefix("file://")) / name


def flip(path, position=0):
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(bytes(data))


def refused(uri, match):
    with pytest.raises(InputError, match=match) as caught:
        artifacts.fetch(uri)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", CONTENT)
def test_a_file_of_a_run_is_found(run_id, name):
    assert artifacts.fetch(f"runs:/{run_id}/{name}").read_bytes() == CONTENT[name]


@pytest.mark.parametrize("spelling", ["data", "data/"])
def test_a_folder_of_a_run_is_found(run_id, spelling):
    folder = artifacts.fetch(f"runs:/{run_id}/{spelling}")
    assert (folder / "deep" / "two.bin").read_bytes() == b"four"


def test_all_of_a_run_is_found(run_id):
    folder = artifacts.fetch(f"runs:/{run_id}/")
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} >= CONTENT.keys()


def test_a_local_path_is_taken_as_it_is(tmp_path):
    file = tmp_path / "table.csv"
    file.write_bytes(b"1")
    assert artifacts.fetch(str(file)) == file
    assert artifacts.fetch(str(tmp_path)) == tmp_path


def test_a_flipped_bit_in_a_file_is_refused(run_id):
    flip(place(run_id, "table.csv"), position=5)
    refused(f"runs:/{run_id}/table.csv", "as it was written, but the file has changed")
    artifacts.fetch(f"runs:/{run_id}/data")


@pytest.mark.parametrize("name", ["data/one.bin", "data/deep/two.bin"])
def test_a_flipped_bit_in_a_folder_is_refused_and_named(run_id, name):
    flip(place(run_id, name))
    refused(f"runs:/{run_id}/data", name.removeprefix("data/"))
    refused(f"runs:/{run_id}/", name)
    artifacts.fetch(f"runs:/{run_id}/data2")


def test_a_shortened_file_is_refused(run_id):
    place(run_id, "table.csv").write_bytes(b"")
    refused(f"runs:/{run_id}/table.csv", "has changed")


def test_a_file_that_came_later_is_refused(run_id):
    place(run_id, "data/extra.py").write_text("boom")
    refused(f"runs:/{run_id}/data", "extra.py")
    place(run_id, "late.csv").write_text("1")
    refused(f"runs:/{run_id}/late.csv", "has changed")


def test_a_file_that_vanished_from_a_folder_is_refused(run_id):
    place(run_id, "data/one.bin").unlink()
    refused(f"runs:/{run_id}/data", r"one\.bin")
    refused(f"runs:/{run_id}/data/one.bin", "expected an artifact at")


def test_without_its_manifest_a_run_is_refused(run_id):
    place(run_id, "manifest.json").unlink()
    refused(f"runs:/{run_id}/table.csv", "expected an artifact at")


def test_a_broken_manifest_is_refused(run_id):
    place(run_id, "manifest.json").write_text("{")
    refused(f"runs:/{run_id}/table.csv", "expected a JSON file")


@pytest.mark.parametrize("inner", ["..", "../..", "data/../table.csv", "data/../../../x", "%2e%2e/x", "..\\x"])
def test_a_way_out_of_the_run_is_refused(run_id, shared, inner):
    (place(run_id).parent / "x").write_text("secret")
    refused(f"runs:/{run_id}/{inner}", "expected an artifact")


def test_a_way_out_of_a_model_is_refused(shared):
    refused("models:/m-1/../../mlflow.db", r"'\.\.' is not allowed")


@pytest.mark.parametrize(
    "uri",
    [
        "runs:/00000000000000000000000000000000/table.csv",
        "runs:/nonsense/table.csv",
        "runs:/",
        "runs://x/y",
        "models:/m-00000000000000000000000000000000",
        "models:/nobody/1",
        "models:/",
        "",
        "no/such/file",
        "http://127.0.0.1:9/x",
    ],
)
def test_what_is_not_there_is_refused_in_one_line(shared, uri):
    refused(uri, "^expected ")


def test_a_missing_artifact_of_a_run_is_refused_in_one_line(run_id):
    refused(f"runs:/{run_id}/nothing.csv", "expected an artifact at")


@pytest.mark.parametrize("name", ["table.csv", "data"])
def test_equal_content_in_different_runs_has_equal_digests(run_id, name):
    assert artifacts.digest(f"runs:/{run_id}/{name}") == artifacts.digest(f"runs:/{write()}/{name}")


@pytest.mark.parametrize("name", ["table.csv", "data"])
def test_other_content_has_another_digest(run_id, name):
    other = write({path: data + b"!" for path, data in CONTENT.items()})
    assert artifacts.digest(f"runs:/{run_id}/{name}") != artifacts.digest(f"runs:/{other}/{name}")


def test_a_renamed_file_changes_the_digest_of_its_folder(run_id):
    other = write({"data/ONE.bin": CONTENT["data/one.bin"], "data/deep/two.bin": CONTENT["data/deep/two.bin"]})
    assert artifacts.digest(f"runs:/{run_id}/data") != artifacts.digest(f"runs:/{other}/data")


def test_a_local_copy_has_the_digest_of_the_artifact(run_id, tmp_path):
    copy = tmp_path / "copy.csv"
    copy.write_bytes(CONTENT["table.csv"])
    assert artifacts.digest(str(copy)) == artifacts.digest(f"runs:/{run_id}/table.csv") == digest_file(copy)


def test_a_damaged_artifact_has_no_digest(run_id):
    flip(place(run_id, "data/one.bin"))
    with pytest.raises(InputError, match="as they were written"):
        artifacts.digest(f"runs:/{run_id}/data")


def test_a_folder_without_a_forecaster_is_no_model(run_id, tmp_path):
    for uri in (f"runs:/{run_id}/data", str(tmp_path)):
        with pytest.raises(InputError, match="expected a model that the train step logged"):
            artifacts.bundle_folder(uri)


def test_prices_from_elsewhere_have_no_quality_report(tmp_path, run_id):
    assert artifacts.quality_of(str(tmp_path / "prices.parquet")) == {}
    with_report = write({"prices.parquet": b"", "quality.json": b'{"rows_in": 3}'})
    assert artifacts.quality_of(f"runs:/{with_report}/prices.parquet") == {"rows_in": 3}


def test_the_manifest_is_written_last_and_names_every_file(run_id):
    manifest = place(run_id, "manifest.json")
    others = [path for path in place(run_id).rglob("*") if path.is_file() and path != manifest]
    assert manifest.stat().st_mtime_ns >= max(path.stat().st_mtime_ns for path in others)
    assert {path.relative_to(place(run_id)).as_posix() for path in others} == CONTENT.keys()


def half_a_step():
    with tracking.open_run("half", {}, {"step": "test"}) as run:
        (run.folder / "half.csv").write_bytes(b"1")
        raise KeyError(run.run_id, run.folder)


def test_a_run_that_fails_leaves_no_artifacts_behind(shared):
    with pytest.raises(KeyError) as caught:
        half_a_step()
    run_id, folder = caught.value.args
    found = MlflowClient().get_run(run_id)
    assert found.info.status == "FAILED"
    assert "pricecast.step" not in found.data.tags
    refused(f"runs:/{run_id}/half.csv", "expected an artifact at")
    assert not folder.exists()
