"""The key of a step, by mutation: what it depends on changes it, nothing else does."""

import importlib
import shutil
from pathlib import Path

import pytest

from flow_steps import chain, keys
from main import STEPS

ROOT = Path(__file__).resolve().parents[1]
PARAMS = {"horizon": 5, "target": "return", "seed": 0}
INPUTS = {"dataset": "0" * 64}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A copy of the project's packages that a test may change."""
    for name in keys.PACKAGES:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(keys, "ROOT", tmp_path)
    return tmp_path


def parts(step="train", params=PARAMS, inputs=INPUTS, model="naive"):
    keys._imports.cache_clear()  # a process reads each file once; here files change
    plugins = (f"pricecast.models.{model}",) if step == "train" else ()
    return keys.parts(step, params, inputs, plugins)


def touch(path):
    path.write_text(path.read_text(encoding="utf-8") + "\n# changed\n", encoding="utf-8")


def changed(before, after):
    difference = keys.difference(before, after)
    assert bool(difference) == (keys.key(before) != keys.key(after))
    return difference


def typed(step, **params):
    return chain._typed(step, params)


def test_the_same_project_elsewhere_has_the_same_key(project, monkeypatch):
    elsewhere = parts()
    monkeypatch.setattr(keys, "ROOT", ROOT)
    assert changed(parts(), elsewhere) == []


@pytest.mark.parametrize("name", PARAMS)
def test_a_changed_parameter_changes_the_key(name):
    assert changed(parts(), parts(params={**PARAMS, name: "other"})) == [f"param {name}"]


def test_a_new_parameter_changes_the_key():
    assert changed(parts(), parts(params={**PARAMS, "dropout": 0.1})) == ["param dropout"]


def test_a_number_and_its_text_are_different_values():
    # That is why every value goes through the step's own options first.
    assert changed(parts(), parts(params={**PARAMS, "horizon": "5"})) == ["param horizon"]


def test_typed_values_do_not_depend_on_how_they_were_given():
    as_text = typed("transform", prices="p", horizon="5", valid_size=".150", target="return")
    assert as_text == typed("transform", prices="p", horizon=5, valid_size=0.15)
    assert (as_text["horizon"], as_text["valid_size"]) == (5, 0.15)


def test_switches_and_json_have_one_spelling():
    one = typed("train", dataset="d", model="lstm", model_params='{"b": 1,  "a": 2}', refit="True")
    other = typed("train", dataset="d", model="lstm", model_params='{"a":2,"b":1}', refit=True)
    assert one == other
    assert one["refit"] is True


def test_values_that_look_like_options_stay_values():
    assert typed("download", path="--seed=3")["seed"] == 0
    assert typed("download", path="-P x=1")["path"] == "-P x=1"


def test_what_a_step_does_not_know_is_left_out():
    assert "models" not in typed("download", source="sample", models="naive,lstm")


def test_a_changed_step_changes_its_key(project):
    before = parts()
    touch(project / "flow_steps" / "train.py")
    assert changed(before, parts()) == ["code flow_steps.train"]


def test_a_changed_helper_two_imports_away_changes_the_key(project):
    # train imports fitting, which imports it by way of others.
    direct = (project / "flow_steps" / "train.py").read_text(encoding="utf-8")
    assert "calendars" not in direct
    before = parts()
    touch(project / "pricecast" / "calendars.py")
    assert changed(before, parts()) == ["code pricecast.calendars"]


def test_a_changed_package_file_changes_the_key(project):
    before = parts()
    touch(project / "pricecast" / "__init__.py")
    assert changed(before, parts()) == ["code pricecast"]


def test_a_file_that_a_step_does_not_import_leaves_its_key_alone(project):
    before = parts("download", inputs={})
    touch(project / "pricecast" / "calibration.py")
    touch(project / "pricecast" / "models" / "lstm.py")
    assert changed(before, parts("download", inputs={})) == []


@pytest.mark.parametrize("step", STEPS)
def test_a_new_model_file_changes_nothing(project, step):
    before = parts(step)
    (project / "pricecast" / "models" / "brandnew.py").write_text("import json\n", encoding="utf-8")
    assert changed(before, parts(step)) == []


def test_another_models_file_changes_nothing_for_this_one(project):
    before = parts(model="naive")
    touch(project / "pricecast" / "models" / "lstm.py")
    touch(project / "pricecast" / "models" / "_torch.py")
    assert changed(before, parts(model="naive")) == []


def test_a_models_own_file_and_its_helper_change_its_key(project):
    before = parts(model="lstm")
    touch(project / "pricecast" / "models" / "lstm.py")
    touch(project / "pricecast" / "models" / "_torch.py")
    assert changed(before, parts(model="lstm")) == ["code pricecast.models._torch", "code pricecast.models.lstm"]


def test_the_code_that_a_bundle_runs_is_part_of_trains_key(project):
    module = importlib.import_module("flow_steps.train")
    plugins = module.STEP.plugins({"model": "naive", "model_params": "{}"})
    before = keys.parts("train", PARAMS, INPUTS, plugins)
    touch(project / "serving" / "model.py")
    keys._imports.cache_clear()
    assert changed(before, keys.parts("train", PARAMS, INPUTS, plugins)) == ["code serving.model"]


def test_the_reports_template_is_part_of_evaluates_key(project):
    before = parts("evaluate")
    touch(project / "pricecast" / "report.html.jinja")
    assert len(changed(before, parts("evaluate"))) == 1


def test_a_librarys_version_changes_the_key(monkeypatch):
    before = parts()
    real = keys.version
    monkeypatch.setattr(keys, "version", lambda name: "0.0" if name == "scipy" else real(name))
    assert changed(before, parts()) == ["version of scipy"]


def test_the_number_of_threads_changes_the_key(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    before = parts()
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert changed(before, parts()) == ["machine threads"]


def test_an_inputs_digest_changes_the_key():
    assert changed(parts(), parts(inputs={"dataset": "1" * 64})) == ["input dataset"]


def test_steps_of_equal_parameters_have_different_keys():
    assert "step" in changed(parts("transform", inputs={}), parts("evaluate", inputs={}))


def test_one_byte_of_a_csv_file_changes_the_key_of_its_download(tmp_path):
    inputs = importlib.import_module("flow_steps.download").STEP.inputs
    file = tmp_path / "A.csv"
    file.write_bytes(b"date,open,high,low,close\n2020-01-02,1,1,1,1\n")
    params = typed("download", source="csv", path=str(tmp_path))
    before = inputs(params)
    assert before == inputs(params)
    file.write_bytes(file.read_bytes().replace(b"02,1,", b"02,2,"))
    one_byte = inputs(params)
    assert one_byte != before
    (tmp_path / "B.csv").write_bytes(b"")
    assert inputs(params) not in (before, one_byte)


@pytest.mark.parametrize("source", ["sample", "synthetic"])
def test_a_source_without_files_does_not_depend_on_the_working_directory(source, tmp_path, monkeypatch):
    inputs = importlib.import_module("flow_steps.download").STEP.inputs
    monkeypatch.chdir(tmp_path)
    before = inputs(typed("download", source=source))
    (tmp_path / "mlflow.db").write_bytes(b"grows with every run")
    assert inputs(typed("download", source=source)) == before


def test_a_live_download_has_a_key_only_with_a_closed_end():
    inputs = importlib.import_module("flow_steps.download").STEP.inputs
    assert inputs(typed("download", source="yahoo", tickers="AAPL")) is None
    assert inputs(typed("download", source="yahoo", tickers="AAPL", end="2199-01-01")) is None
    assert inputs(typed("download", source="yahoo", tickers="AAPL", end="2020-01-31")) is not None


def test_the_log_names_a_few_of_many_parts():
    assert keys.shown(["a", "b"]) == "a, b"
    assert keys.shown(list("abcdef"), limit=4) == "a, b, c, d and 2 more"


def test_what_was_repaired_is_part_of_transforms_key(monkeypatch, tmp_path):
    from flow_steps import transform

    prices = tmp_path / "prices.parquet"
    prices.write_bytes(b"the same")
    found = []
    for report in ({"findings": []}, {"findings": [{"kind": "duplicate"}]}):
        monkeypatch.setattr(transform.artifacts, "quality_of", lambda uri, report=report: report)
        found.append(transform.STEP.inputs({"prices": str(prices)}))
    assert found[0]["prices"] == found[1]["prices"]
    assert found[0]["quality"] != found[1]["quality"]
