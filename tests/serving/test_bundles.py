"""Bundles: sealed as a whole, checked before anything of them is read, and never a way to run code here."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import mlflow
import pytest
import yaml
from mlflow import MlflowClient

from flow_steps.reuse import copies
from flow_steps.runs import artifacts, bundles
from pricecast._version import __version__
from pricecast.dataset.dataset import Dataset
from pricecast.errors import InputError
from pricecast.files import read_manifest
from pricecast.forecasting.formats import FORMAT
from serving import bundle, check
from serving.load import load
from tests.reliability import addresses
from tests.reliability import bundles as stress_bundles
from tests.reliability.bundles import EVIL, FORECASTER, evil
from tests.support import hostile_models
from tests.support.stores import finished
from tests.support.stress import Count, spread

# MLflow declares a relation in a way that SQLAlchemy 2.1 has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")
FEW = (
    "a_pickled_model", "a_loader_of_its_own", "a_changed_model_file", "a_pickle_named_safetensors",
    "a_pickle_inside_a_scaler", "a_trusted_type_that_is_no_scaler", "a_link_out", "a_pipe", "deep_json",
    "a_yaml_bomb", "a tag in MLmodel", "an extra path file", "a model by path", "a network of terabytes",
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("bundles")


@pytest.fixture
def logged(folder):
    """The logged lstm: its id and where it lies."""
    with finished(folder) as client:
        (model,) = client.search_logged_models(["0"], filter_string="name = 'lstm'")
        yield model, Path(model.artifact_location.removeprefix("file://"))


def log_again(model, place):
    """Logs the forecaster of a bundle once more; returns the id of the logged model."""
    dataset = Dataset.load(artifacts.fetch(MlflowClient().get_run(model.source_run_id).data.params["dataset"]))
    return bundles.log(MlflowClient().create_run("0").info.run_id, "again", load(place), dataset)


def test_the_manifest_covers_all_of_a_bundle_and_its_nested_manifest(logged):
    _, place = logged
    files = {path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()}
    assert read_manifest(place).keys() == files - {"manifest.json"}
    assert files >= {
        "MLmodel",
        "model.py",
        "code/pricecast/forecasting/forecaster.py",
        f"{FORECASTER}/manifest.json",
    }


def test_a_bundle_is_logged_as_mlflow_logs_a_model(logged):
    model, _ = logged
    run = MlflowClient().get_run(model.source_run_id)
    assert model.status == "READY"
    assert [output.model_id for output in run.outputs.model_outputs] == [model.model_id]
    assert model.params.items() >= {**run.data.params, "hidden_dim": "4", "loss": "pinball"}.items()
    assert {metric.key for metric in model.metrics} >= {"final_val_loss", "runtime_sec"}
    about = mlflow.models.get_model_info(f"models:/{model.model_id}")
    assert (about.model_id, about.run_id) == (model.model_id, run.info.run_id)
    assert about.signature is not None
    assert about.saved_input_example_info["type"] == "dataframe"


def test_a_bundle_says_its_format_and_its_version(logged):
    _, place = logged
    about = yaml.safe_load((place / "MLmodel").read_text("utf-8"))
    assert about["metadata"] == {"pricecast_format": FORMAT, "pricecast_version": __version__}
    assert json.loads((place / FORECASTER / "forecaster.json").read_text())["format"] == FORMAT


def test_another_version_alone_is_no_other_model(logged, monkeypatch):
    # A step that takes the model would run again.
    model, place = logged
    monkeypatch.setattr(bundles, "VERSION", "0.9.0")
    again = log_again(model, place)
    uris = [f"models:/{model_id}" for model_id in (model.model_id, again)]
    assert artifacts.digest(uris[0]) == artifacts.digest(uris[1])
    assert mlflow.models.get_model_info(uris[1]).metadata["pricecast_version"] == "0.9.0"
    MlflowClient().delete_logged_model(again)


def test_a_bundle_names_no_path_of_the_machine_but_its_place_in_the_store(logged):
    model, place = logged
    text = (place / "MLmodel").read_text(encoding="utf-8").replace(model.artifact_location, "")
    assert not [line for line in text.splitlines() if ": /" in line]


def test_what_an_editor_leaves_beside_the_code_stays_out_of_a_bundle(logged, tmp_path, monkeypatch):
    model, place = logged
    model_file, package = bundle.CODE
    copy = Path(shutil.copytree(package, tmp_path / package.name))
    for name in (".DS_Store", "models/.drift.py.swp", "notes on drift.txt", "models/__pycache__/odd.pyc"):
        (copy / name).parent.mkdir(exist_ok=True)
        (copy / name).write_bytes(b"stray")
    monkeypatch.setattr(bundle, "CODE", [model_file, copy])
    again = log_again(model, place)
    found = read_manifest(Path(MlflowClient().get_logged_model(again).artifact_location.removeprefix("file://")))
    assert {name for name in found if name.startswith("code/")} == {
        name for name in read_manifest(place) if name.startswith("code/")
    }
    assert artifacts.bundle_folder(f"models:/{again}")
    MlflowClient().delete_logged_model(again)


def test_a_registered_model_is_the_logged_one(logged):
    model, place = logged
    mlflow.register_model(f"models:/{model.model_id}", "registered")
    MlflowClient().set_registered_model_alias("registered", "best", 1)
    for uri in ("models:/registered/1", "models:/registered@best", "models:/registered/latest"):
        assert artifacts.fetch(uri) == place
        assert artifacts.model_id(uri) == model.model_id
    assert artifacts.digest("models:/registered/1") == artifacts.digest(f"models:/{model.model_id}")
    with pytest.raises(InputError, match="expected an artifact at models:/registered/2"):
        artifacts.fetch("models:/registered/2")


def test_what_stock_mlflow_leaves_in_a_bundle_when_it_loads_it_is_no_damage(logged):
    model, place = logged
    uri = f"models:/{model.model_id}"
    left = [place / "registered_model_meta", place / "__pycache__" / "model.cpython-311.pyc",
            place / "code" / "pricecast" / "models" / "__pycache__" / "lstm.cpython-311.pyc"]  # fmt: skip
    for path in left:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"nobody reads this")
    try:
        assert copies.is_intact(model.source_run_id)
        assert load(artifacts.bundle_folder(uri)).name == "lstm"
    finally:
        for path in left:
            path.unlink()


def test_code_of_another_version_in_a_bundle_is_taken_and_never_run(logged, tmp_path, monkeypatch):
    _, place = logged
    monkeypatch.setitem(EVIL, "other code", stress_bundles.planted("code/pricecast/another.py"))
    copy, canary = evil(place, tmp_path, "other code")
    paths = list(sys.path)
    assert load(copy).name == "lstm"
    assert not canary.exists()
    assert sys.path == paths


@pytest.mark.slow
def test_a_bundle_loads_in_a_process_that_has_nothing_but_the_bundle(logged, tmp_path):
    _, place = logged
    program = (
        "import sys, mlflow; m = mlflow.pyfunc.load_model(sys.argv[1]); print(len(m.predict(m.input_example)))"
    )
    loaded = subprocess.run(
        [sys.executable, "-B", "-c", program, place], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert loaded.stdout.split()[-1] == "5"


def test_a_failed_upload_leaves_a_failed_model_that_is_no_output_of_the_run(logged, monkeypatch):
    model, place = logged
    dataset = artifacts.fetch(MlflowClient().get_run(model.source_run_id).data.params["dataset"])
    monkeypatch.setattr(bundles, "upload", lambda *args: (_ for _ in ()).throw(InputError("disk full")))
    run_id = MlflowClient().create_run("0").info.run_id
    with pytest.raises(InputError, match="disk full"):
        bundles.log(run_id, "broken", load(place), Dataset.load(dataset))
    (broken,) = MlflowClient().search_logged_models(["0"], filter_string="name = 'broken'")
    assert broken.status == "FAILED"
    assert not MlflowClient().get_run(run_id).outputs.model_outputs
    MlflowClient().delete_logged_model(broken.model_id)


def test_a_run_is_repeated_with_its_models_and_without_naming_none(logged, monkeypatch):
    model, _ = logged
    named = []
    monkeypatch.setattr(MlflowClient, "log_outputs", lambda self, run_id, models: named.append(models))
    (transform,) = MlflowClient().search_runs(["0"], "tags.`pricecast.step` = 'transform'")
    parent = MlflowClient().create_run("0").info.run_id
    for run_id in (transform.info.run_id, model.source_run_id):
        copy = copies.copy_run(run_id, parent)
        MlflowClient().delete_run(copy)
    # An MLflow server answers an empty list with an error.
    assert [[output.model_id for output in models] for models in named] == [[model.model_id]]


def test_evil_bundles_are_refused_and_run_nothing(folder):
    assert stress_bundles.ours(None, folder, FEW) == Count(len(FEW))


def test_evil_models_are_refused_in_one_line(folder):
    # What once ended the process, or never ended.
    worst = ["trees whose children are one", "a tree as deep as large", "texts of leaves in words"]
    assert stress_bundles.apart_from_it([*worst, *spread(list(hostile_models.EVIL), 37)], folder) == Count(40)


@pytest.mark.parametrize("kind", sorted({model for model, _ in hostile_models.EVIL.values()}))
def test_models_that_nobody_changed_come_in(folder, kind):
    hostile_models.forecast(load(hostile_models.sound(kind, folder / "models")))


@pytest.mark.parametrize("content", ["[" + "[]," * 5_000_000 + "[]]", "[" + "1," * 9_000_000 + "1]"])
def test_json_of_many_values_is_refused_before_it_is_read(folder, tmp_path, content):
    place = Path(shutil.copytree(hostile_models.sound("naive", folder / "models"), tmp_path / "model"))
    (place / "model").mkdir()
    (place / "model" / "more.json").write_text(content, encoding="utf-8")
    stress_bundles.reseal(place)
    with pytest.raises(InputError, match="more than 8,000,000 values"):
        load(place)


def test_addresses_that_lead_out_of_a_run_are_refused(folder):
    found = addresses.ours(None, folder)
    assert found.bad == []
    assert found.tried > 60


def test_stock_mlflow_follows_addresses_out_of_a_run(folder):
    assert len(addresses.stock(None, folder).bad) >= 3


def test_a_forecaster_folder_by_its_path_is_checked_like_a_bundle(logged, tmp_path):
    _, place = logged
    copy, _ = evil(place, tmp_path, "a_pickle_named_npz")
    with pytest.raises(InputError, match=r"weights\.npz', which does not belong there"):
        artifacts.bundle_folder(str(copy / FORECASTER))
    with pytest.raises(InputError, match=r"weights\.npz', which does not belong there"):
        load(copy / FORECASTER)


def test_a_bundle_without_its_manifest_is_refused(logged, tmp_path):
    model, place = logged
    manifest = (place / "manifest.json").rename(tmp_path / "manifest.json")
    try:
        with pytest.raises(InputError, match="expected a JSON file"):
            artifacts.fetch(f"models:/{model.model_id}")
        assert not copies.is_intact(model.source_run_id)
    finally:
        manifest.rename(place / "manifest.json")


def test_settings_hold_against_what_mlflow_writes_now(logged):
    # Should a new MLflow write other settings, this tells before a user does.
    model, place = logged
    check.check(place)
    assert json.loads((place / FORECASTER / "forecaster.json").read_text())["name"] == model.name


@pytest.mark.slow
def test_every_evil_bundle_is_refused_and_runs_nothing(folder):
    found = stress_bundles.ours(None, folder)
    assert found.bad == []
    assert found.tried == len(EVIL) + len(hostile_models.EVIL)


@pytest.mark.slow
def test_stock_mlflow_runs_some_of_them_though_pickles_are_forbidden(folder):
    assert len(stress_bundles.stock(None, folder).bad) >= 3
