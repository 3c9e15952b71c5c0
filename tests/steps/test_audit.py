"""The audit as a step: exit code, page, tags, and what a failed one leaves; and at the end of the pipeline."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from mlflow import MlflowClient

from flow_steps.reuse import closure
from flow_steps.runs import artifacts, lookup, records
from main import main as pipeline
from pricecast import models
from pricecast.audit import audit
from pricecast.dataset import features
from pricecast.dataset.dataset import build
from pricecast.files import read_json
from pricecast.forecasting import fitting
from tests.support.failing_models import dropped_in
from tests.support.market_samples import market
from tests.support.stores import inside

# MLflow declares a relation in a way that SQLAlchemy 2.1 has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")
SMALL = ("--source", "synthetic", "--path", "gbm", "--max-lookback", "20", "--vis", "false")
PEEK = '''
"""A model that knows a hundredth of what comes."""

import numpy as np

from pricecast.models import Forecast
from pricecast.models import naive


class Model(naive.Model):
    family = ""

    def predict(self, panel, origins):
        return Forecast(center=0.01 * np.nan_to_num(panel.returns(origins)))
'''


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A store with one finished pipeline, a dataset and a forecaster in folders."""
    folder = tmp_path_factory.mktemp("audit")
    with inside(folder):
        made = build(market({"AAA": 800, "BBB": 700}), horizon=3, max_lookback=20)
        made.save(folder / "dataset")
        table = made.features
        shifted = table.groupby("ticker")["ret_1"].shift(-1).fillna(table["ret_1"])
        replace(made, features=table.assign(ret_1=shifted)).save(folder / "shifted")
        split = table["split"].where(table["split"] != "", "train").where(table["ret_1"].notna(), "")
        replace(made, features=table.assign(split=split)).save(folder / "no gap")
        fitting.fit("naive", {}, made).save(folder / "naive")
        succeed(*SMALL, "--models", "naive")
        yield folder


@pytest.fixture(autouse=True)
def _few_cuts(monkeypatch):
    monkeypatch.setattr(audit, "CUTS", 1)
    monkeypatch.setattr(audit, "MODEL_CUTS", 1)


@pytest.fixture
def peek(tmp_path, monkeypatch):
    """A file of a leaky model beside the others."""
    file, real = tmp_path / "peek.py", closure.module_path
    file.write_text(PEEK, encoding="utf-8")
    monkeypatch.setattr(models, "__path__", [*models.__path__, str(tmp_path)])
    monkeypatch.setattr(
        closure, "module_path", lambda name: file if name == "pricecast.models.peek" else real(name)
    )


def succeed(*args):
    result = CliRunner().invoke(pipeline, list(args))
    assert result.exit_code == 0, f"{result.output}\n{result.exception!r}"
    return result.output


def fail(*args):
    """The one line that a command ends with."""
    result = CliRunner().invoke(pipeline, list(args))
    assert result.exit_code in (1, 2), result.output
    assert isinstance(result.exception, SystemExit), repr(result.exception)
    assert "Traceback" not in result.output
    return result.output.rstrip().splitlines()[-1]


def runs():
    return MlflowClient().search_runs(["0"], order_by=["start_time DESC"])


def newest():
    """The newest run as the store shows it: with its inputs."""
    return MlflowClient().get_run(runs()[0].info.run_id)


def from_the_pipeline():
    """Dataset, judged forecasts and bundle of the finished pipeline."""
    steps = {run.data.tags.get("pricecast.step"): run.info.run_id for run in runs()}
    first = {step: f"runs:/{run_id}" for step, run_id in steps.items()}
    bundle = lookup.model_uri(steps["train"], "naive")
    return f"{first['transform']}/dataset", f"{first['evaluate']}/forecasts.parquet", bundle


def files(run):
    return {path.name for path in Path(run.info.artifact_uri.removeprefix("file://")).iterdir()}


def page_of(run):
    return artifacts.fetch(f"runs:/{run.info.run_id}/audit.html").read_text(encoding="utf-8")


def tags_of(found):
    return {name: value for name, value in found.items() if name.startswith("pricecast.audit")}


def test_an_audit_of_honest_data_and_models_passes(home):
    output = succeed("audit", "--dataset", "dataset", "--models", "./naive,drift")
    run = newest()
    counts = run.data.metrics
    assert output.splitlines() == [
        f"audit: run {run.info.run_id}", f"Audit: {counts['checks_passed']:.0f} checks passed, 0 failed",
    ]  # fmt: skip
    assert (run.info.run_name, run.info.status) == ("audit", "FINISHED")
    assert (counts["checks_passed"], counts["checks_failed"], counts["checks_not_tried"]) == (22, 0, 0)
    assert files(run) == {"audit.html", "audit.json", "manifest.json"}
    assert tags_of(run.data.tags).keys() == {"pricecast.audit", "pricecast.audit_of"}
    assert run.data.tags["pricecast.audit"] == "passed"
    assert "No leak found" in page_of(run)
    values = read_json(artifacts.fetch(f"runs:/{run.info.run_id}/audit.json"))
    assert values["digests"]["dataset"] == artifacts.digest("dataset")
    assert {check["about"] for check in values["checks"]} == {"data", "naive", "drift"}
    assert run.data.tags[records.NOTE].startswith("22 checks passed")


def test_a_logged_model_is_tagged_with_what_was_audited(home):
    dataset, _, bundle = from_the_pipeline()
    model_id = artifacts.model_id(bundle)
    quick = MlflowClient().get_logged_model(model_id).tags
    assert quick["pricecast.audit_quick"] == "passed"
    assert "pricecast.audit" not in quick
    succeed("audit", "--dataset", dataset, "--models", bundle)
    tags = MlflowClient().get_logged_model(model_id).tags
    assert tags["pricecast.audit"] == tags["pricecast.audit_quick"] == "passed"
    assert tags["pricecast.audit_of"] == tags["pricecast.audit_quick_of"]
    assert [link.model_id for link in newest().inputs.model_inputs] == [model_id]
    assert len(newest().inputs.dataset_inputs) == 1


@pytest.mark.parametrize(("folder", "check"), [("shifted", "stored features"), ("no gap", "purge")])
def test_a_leak_in_the_dataset_fails_the_run_and_leaves_the_page(home, folder, check):
    line = fail("audit", "--dataset", folder, "--models", "naive")
    run = newest()
    assert line.startswith("Error: expected no leak, got ")
    assert f"{check} of data (" in line
    assert line.endswith(f"see audit.html of run {run.info.run_id}")
    assert run.info.status == "FAILED"
    assert run.data.tags["pricecast.audit"] == "failed"
    assert run.data.metrics["checks_failed"] >= 1
    assert files(run) == {"audit.html", "audit.json", "manifest.json"}
    assert ">Failed" in page_of(run)
    assert f"{check}, data: failed" in run.data.tags[records.NOTE]


@pytest.mark.slow
def test_a_leaky_model_file_is_caught_by_name_and_at_the_end_of_the_pipeline(home, peek):
    line = fail("audit", "--dataset", "dataset", "--models", "naive,peek")
    assert "future perturbation of peek (" in line
    assert "of naive" not in line
    line = fail(*SMALL, "--models", "naive,peek")
    assert "got 1 of 9 checks with violations: recursive start of peek (" in line
    top = next(run for run in runs() if "mlflow.parentRunId" not in run.data.tags)
    children = [run for run in runs() if run.data.tags.get("mlflow.parentRunId") == top.info.run_id]
    found = {run.info.run_name: run for run in children}
    assert (top.info.run_name, top.info.status) == ("SYN1 h=5", "FAILED")
    assert (found["audit"].info.status, found["evaluate"].info.status) == ("FAILED", "FINISHED")
    (bad,) = lookup.model_ids(found["train peek"].info.run_id)
    assert MlflowClient().get_logged_model(bad).tags["pricecast.audit_quick"] == "failed"
    model_id = artifacts.model_id(from_the_pipeline()[2])
    assert MlflowClient().get_logged_model(model_id).tags["pricecast.audit_quick"] == "passed"
    # What has failed is tried again, not reused.
    assert "recursive start of peek" in fail(*SMALL, "--models", "naive,peek")


def test_a_leak_in_the_features_fails_the_pipeline(home, monkeypatch):
    leaky = {**features.RETURN_FEATURES, "gap": features.RETURN_FEATURES["gap"].shift(-1).fill_null(0.0)}
    monkeypatch.setattr(features, "FEATURES", {**features.FEATURES, "return": leaky})
    line = fail(*SMALL, "--models", "naive", "--reuse", "false")
    assert "prefix equality of data (" in line
    assert "future perturbation of data (" in line


def test_a_quick_audit_alone_takes_kept_models(home):
    dataset, forecasts, bundle = from_the_pipeline()
    asked = ("audit", "--dataset", dataset, "--models", bundle, "--quick", "true")
    assert succeed(*asked).endswith("Audit: 8 checks passed, 0 failed\n")
    assert succeed(*asked, "--forecasts", forecasts).endswith("Audit: 8 checks passed, 0 failed\n")
    assert newest().data.tags["pricecast.audit_quick"] == "passed"
    assert "pricecast.audit" not in newest().data.tags
    assert "expected models that are kept" in fail(*asked[:4], "naive", *asked[5:])


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--models", "nope"), "got 'nope': choose from these"),
        (("--models", "naive", "--model-params", '{"lstm": {}}'), "expected --model-params by model (naive)"),
        (("--models", "./naive", "--model-params", '{"naive": {}}'), "got some for none: name them in --models"),
        (("--models", "no/such/folder"), "no such file"),
        (("--models", "./dataset"), "expected"),
    ],
)
def test_a_mistake_is_one_line(home, args, says):
    assert says in fail("audit", "--dataset", "dataset", *args)


def test_a_damaged_dataset_is_refused(home):
    shutil.copytree("dataset", "damaged")
    (home / "damaged" / "spec.json").write_text(json.dumps({}), encoding="utf-8")
    assert "as they were written" in fail("audit", "--dataset", "damaged", "--models", "naive")
    assert newest().info.status == "FAILED"


@pytest.mark.slow
def test_what_cannot_be_tried_is_told_and_tagged(home):
    short = build(market({"AAA": 420, "BBB": 360}), horizon=3, max_lookback=20)
    short.save(home / "short")
    output = succeed("audit", "--dataset", "short", "--models", "naive")
    assert output.endswith("Audit: 14 checks passed, 0 failed, 1 not tried\n")
    assert newest().data.tags["pricecast.audit"] == "incomplete"
    assert "not everything could be tried" in page_of(newest())


@pytest.mark.slow
def test_a_model_that_cannot_be_fitted_is_not_tried_and_the_others_are(home, tmp_path):
    with dropped_in(tmp_path, ("singular", "unimportable")):
        output = succeed("audit", "--dataset", "dataset", "--models", "drift,singular,unimportable")
        assert "not tried" in output
        run = newest()
        assert run.data.tags["pricecast.audit"] == "incomplete"
        checks = read_json(artifacts.fetch(f"runs:/{run.info.run_id}/audit.json"))["checks"]
        results = {
            about: {each["result"] for each in checks if each["about"] == about} for about in ("drift", "singular")
        }
        assert results == {"drift": {"passed"}, "singular": {"not tried"}}
        line = fail("audit", "--dataset", "dataset", "--models", "singular,unimportable")
    assert "expected a model that can be audited, got none of 2: singular, it cannot be fitted: LinAlgError" in line
    assert newest().info.status == "FAILED"
    assert "audit.html" in files(newest())


def test_a_parameter_that_no_model_has_is_told_before_the_audit(home):
    given = json.dumps({"drift": {"slope": 2}})
    assert "expected parameters of drift" in fail(
        "audit", "--dataset", "dataset", "--models", "naive,drift", "--model-params", given
    )
