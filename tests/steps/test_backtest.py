"""The backtest as an entry point: its run tree, what it leaves, how it is reused and how it fails."""

import subprocess
import sys

import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.projects.utils import load_project

from flow_steps.pipeline import chain
from flow_steps.pipeline.session import session
from flow_steps.reuse import copies
from flow_steps.reuse.fits import FOLDER
from flow_steps.runs import tracking
from pricecast.evaluation import by_fold
from pricecast.evaluation.scores import NAIVES
from pricecast.files import read_json
from pricecast.models import _catalog, naive
from pricecast.schema import FORECASTS
from tests.pipeline.test_mlflow_run import mlflow_run
from tests.support import walked
from tests.support.failing_models import dropped_in, reason
from tests.support.market_samples import small_dataset
from tests.support.mlproject import copy_of_project
from tests.support.stores import environment
from tests.support.stress import ROOT

# MLflow declares a relation in a way that SQLAlchemy 2.1 has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")
MODELS = {"naive", "ewma", "drift", "lstm"}
GIVEN = {"models": "drift,lstm", "folds": "3", "lookback": "7", "epochs": "1", "lstm_units": "4"}
TABLES = ("leaderboard", "folds", "coverage", "direction", "money", "pit")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    with walked.home(tmp_path_factory.mktemp("step")) as dataset:
        yield dataset


@pytest.fixture(scope="module")
def first(home):
    """A backtest of two models with a parameter and pictures: (run, output, children)."""
    with walked.counted(pytest.MonkeyPatch()):
        run, done = walked.call(home, **GIVEN, vis="true")
    return run, done.output, copies.children(run.info.run_id)


def table(run, name):
    return pd.read_csv(walked.place(run) / f"{name}.csv")


# --- what it leaves ----------------------------------------------------------------------------------------


def test_there_is_one_child_run_for_each_model(first):
    run, _, children = first
    assert run.info.run_name == "backtest 3 folds AAA +1 h=2: ewma, nothing beats it one day ahead"
    assert [child.info.run_name for child in children] == [
        "naive h=2", "ewma h=2", "drift h=2", "lstm h=2 L=7 hd=4 lr=0.001",
    ]  # fmt: skip
    assert {one.info.status for one in (run, *children)} == {"FINISHED"}
    assert {child.data.tags["pricecast.step"] for child in children} == {"judge model"}
    for child in children:
        assert copies.children(child.info.run_id) == []
        assert len(MlflowClient().get_run(child.info.run_id).inputs.dataset_inputs) == 1


def test_the_metrics_of_a_fold_are_steps_of_its_models_run(first):
    run, _, children = first
    folds = table(run, "folds")
    assert set(folds["fold"]) == {1, 2, 3}
    for child in children:
        model = child.data.tags["pricecast.model"]
        own = folds[(folds["model"] == model) & (folds["horizon"] == 1)].set_index("fold")
        for name in by_fold.FOLD_METRICS:
            points = MlflowClient().get_metric_history(child.info.run_id, f"fold_{name}")
            assert {point.step: point.value for point in points} == pytest.approx(own[name].to_dict()), name
        assert child.data.metrics["test_crps"] == table(run, "leaderboard").set_index("model").at[model, "crps"]


def test_every_artifact_is_there_and_sealed(first):
    run, _, _ = first
    names = {path.name for path in walked.place(run).iterdir()}
    assert names == {
        *(f"{name}.csv" for name in TABLES), "forecasts.parquet", "verdict.json", "report.html", "summary.md",
        "manifest.json", "plots", FOLDER, "forecast.csv", "forecast.json",
    }  # fmt: skip
    assert copies.is_intact(run.info.run_id)
    for name in TABLES:
        assert set(table(run, name)["model"]) >= MODELS, name


def test_all_models_are_judged_on_the_same_origins_in_every_fold(first):
    run, _, _ = first
    forecasts = walked.forecasts(run)
    assert tuple(forecasts.columns) == (*FORECASTS, "fold")
    keys = ["ticker", "cutoff", "horizon", "fold"]
    rows = {model: own[keys].reset_index(drop=True) for model, own in forecasts.groupby("model")}
    assert rows.keys() == MODELS
    for own in rows.values():
        pd.testing.assert_frame_equal(own, rows["naive"])
    spans = forecasts.groupby("fold")["cutoff"].agg(["min", "max"])
    assert (spans["min"].to_numpy()[1:] > spans["max"].to_numpy()[:-1]).all()


def test_the_verdict_has_answers_and_what_picking_is_worth(first):
    run, output, _ = first
    verdict = read_json(walked.place(run) / "verdict.json")
    assert verdict["sentence"] in " ".join(output.split())
    assert [each["question"] for each in verdict["answers"]] == [
        "Whose forecast to take?", "Is the point forecast better than naive?", "Is the distribution sharper?",
        "Are the intervals honest?", "Over which horizons?", "In which regimes?", "In every fold?",
        "What is picking the best worth?", "How sure are we?",
    ]  # fmt: skip
    forecasts = walked.forecasts(run)
    assert verdict["selected"] == by_fold.score_selected(forecasts, by_fold.by_fold(forecasts))
    assert verdict["selected"]["choice"].keys() == {"2", "3"}
    assert run.data.tags["pricecast.best_model"] == verdict["best"]
    crps = {child.data.tags["pricecast.model"]: child.data.metrics["test_crps"] for child in first[2]}
    assert run.data.metrics["test_crps"] == min(crps.values()) == crps[verdict["best"]]
    assert run.data.metrics["naive_test_crps"] == crps["naive"]
    assert "Report: " in output
    assert run.info.run_id in output


def test_parameters_are_logged_as_they_were_typed(first):
    run, _, children = first
    given = {"folds": "3", "share": "0.3", "window": "expanding", "refit_every": "1", "models": "drift,lstm"}
    assert run.data.params.items() >= given.items()
    lstm = next(child for child in children if child.data.tags["pricecast.model"] == "lstm")
    assert lstm.data.params.items() >= {"model": "lstm", "horizon": "2", "lookback": "7", "epochs": "1"}.items()


def test_nothing_is_left_in_the_working_directory_but_the_store(first, home):
    assert {path.name for path in home.parent.iterdir()} == {"dataset", "mlflow.db", "mlruns"}


# --- reuse -------------------------------------------------------------------------------------------------


def test_under_a_chain_a_whole_backtest_is_reused(first, home, monkeypatch):
    given = {**GIVEN, "dataset": str(home), "share": 0.3, "vis": True}
    with walked.counted(monkeypatch) as fits, session(), tracking.open_run("pipeline", {}, {}) as pipeline:
        # Folds and spans by their defaults where nothing is said, as on the command line.
        planned = chain.plan("backtest", {**given, "tickers": "ignored"}, True)
        assert planned.reused == first[0].info.run_id
        copies.copy_run(planned.reused)
        assert fits == []
        again = chain.run_child(chain.plan("backtest", {**given, "vis": False}, True))
        assert fits == []
    assert again != first[0].info.run_id
    copy, _ = copies.children(pipeline.run_id)
    assert copy.data.tags["pricecast.reused_from"] == first[0].info.run_id
    assert copy.data.metrics == first[0].data.metrics
    assert copies.children(copy.info.run_id) == []
    pd.testing.assert_frame_equal(
        pd.read_parquet(walked.place(MlflowClient().get_run(again)) / "forecasts.parquet"),
        walked.forecasts(first[0]),
    )


# --- mistakes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"folds": "900"}, "take fewer folds"),
        ({"share": "0.999"}, "a smaller share"),
        ({"folds": "1", "share": "0.0001"}, "take fewer folds"),
        ({"model_params": '{"lstm": {"epochs": 2}}'}, "expected --model-params by model"),
        ({"model_params": '{"drift": {"slope": 2}}'}, "expected parameters of drift"),
        ({"models": "lstm", "lookback": "21"}, "expected a lookback of 1 to 20, got 21"),
    ],
)
def test_a_mistake_is_one_line_and_no_run(home, monkeypatch, params, says):
    before = len(walked.backtests())
    with walked.counted(monkeypatch):
        assert says in walked.refusal(home, **params)
    assert len(walked.backtests()) == before


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"models": "nope"}, "got 'nope': choose from these"),
        ({"models": "naive;touch canary"}, "choose from these"),
        ({"models": "../../main"}, "choose from these"),
        ({"models": ","}, "expected at least one name"),
        ({"share": "0"}, "share"),
        ({"share": "1"}, "share"),
        ({"share": "nan"}, "expected a number, got 'nan'"),
        ({"folds": "0"}, "folds"),
        ({"folds": "1e9"}, "is not a valid integer"),
        ({"folds": "1001"}, "is not in the range"),
        ({"window": "sliding"}, "window"),
        ({"window": "$(touch canary)"}, "window"),
        ({"refit_every": "0"}, "refit-every"),
        ({"model_params": "{"}, "expected a JSON object"),
        ({"dataset": "runs:/nowhere/dataset"}, "expected an artifact at runs:/nowhere/dataset"),
        ({"dataset": "runs:/../../etc"}, "'..' is not allowed"),
        ({"dataset": "no/such/folder"}, "or a local path, got 'no/such/folder'"),
    ],
)
def test_a_typing_mistake_starts_no_run(home, params, says):
    before = len(walked.backtests())
    assert says in walked.refusal(**{"dataset": home, **params})
    assert len(walked.backtests()) == before
    assert not (home.parent / "canary").exists()


def test_a_damaged_dataset_is_refused(home, tmp_path):
    folder = small_dataset(walked.LONG, horizon=2).save(tmp_path / "damaged")
    spec = folder / "spec.json"
    spec.write_text(spec.read_text(encoding="utf-8").replace("2", "3", 1), encoding="utf-8")
    assert "as they were written" in walked.refusal(folder)


def test_a_model_of_a_family_without_its_package_is_left_out_by_name(home, monkeypatch):
    missing = _catalog.missing
    lacking = {"forest": ("nowhere",), "lightgbm": ("nowhere",), "xgboost": ("nowhere",)}
    monkeypatch.setattr(_catalog, "missing", lambda name: lacking.get(name) or missing(name))
    with walked.counted(monkeypatch):
        assert "expected a model that can be trained" in walked.refusal(home, models="trees")
        run, _ = walked.call(home, models="trees,drift")
    report = (walked.place(run) / "report.html").read_text(encoding="utf-8")
    for name in lacking:
        assert f"Left out: {name}" in report
    assert set(walked.forecasts(run)["model"]) == {*NAIVES, "drift"}


# --- models that fail ----------------------------------------------------------------------------------------


@pytest.fixture
def failing(tmp_path):
    with dropped_in(tmp_path, FAILED):
        yield


FAILED = ("singular", "nothing", "unloadable", "unimportable")


@pytest.mark.slow
def test_models_that_fail_are_left_out_and_tried_again(home, failing, monkeypatch, caplog):
    for _ in range(2):
        with walked.counted(monkeypatch) as fits:
            run, done = walked.call(home, models=",".join(["drift", *FAILED]))
        assert {name.partition(",")[0] for name in fits} >= {"singular", "nothing", "unloadable"}
    assert not [name for name in fits if name.startswith(("drift", "naive", "ewma"))]
    assert set(walked.forecasts(run)["model"]) == {*NAIVES, "drift"}
    verdict = read_json(walked.place(run) / "verdict.json")
    assert verdict["left_out"].keys() == set(FAILED)
    assert run.info.status == "FINISHED"
    assert "pricecast.key" not in run.data.tags
    lines = run.data.tags["pricecast.left_out"].splitlines()
    for name in FAILED:
        (line,) = [line for line in lines if line.startswith(f"{name} cannot be ")]
        # Where in the walk it failed stands between, unless no fit was begun.
        assert line.partition(": ")[2].startswith(reason(name).partition(": ")[2][:40])
        assert (walked.place(run) / "failures" / f"{name}.txt").read_text(encoding="utf-8").startswith("Traceback")
        assert f"left out: {line}" in caplog.text
        assert f"- Left out: {line}"[:80] in done.output


def test_nobody_left_or_no_naive_fails_the_backtest(home, failing, monkeypatch):
    with walked.counted(monkeypatch):
        assert "got none of 2: singular cannot be fitted" in walked.refusal(home, models="singular,unimportable")
        monkeypatch.setattr(naive.Model, "predict", lambda *args: 1 / 0)
        assert "naive cannot be fitted (" in walked.refusal(home, models="drift", share="0.29")
    assert [run.info.status for run in walked.backtests()[-2:]] == ["FAILED"] * 2


# --- in other processes ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_two_processes_at_work_leave_the_same_as_one(home, first):
    given = walked.words(home, **GIVEN)
    folder = home.parent / "two"
    folder.mkdir()
    command = [sys.executable, "-m", "flow_steps.backtest", *given]
    more = {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=environment(folder, **more), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    runs = MlflowClient(f"sqlite:///{folder}/mlflow.db").search_runs(["0"])
    run = next(run for run in runs if run.info.run_name == "backtest 3 folds")
    pd.testing.assert_frame_equal(walked.forecasts(run), walked.forecasts(first[0]), check_exact=True)


@pytest.mark.slow
def test_mlflow_run_and_python_do_the_same(home, first, tmp_path_factory):
    if "backtest" not in load_project(str(ROOT))._entry_points:
        pytest.skip("MLproject has no entry point backtest")
    folder = tmp_path_factory.mktemp("mlflow")
    project = copy_of_project(tmp_path_factory.mktemp("project") / "project")
    params = {"dataset": home, **walked.SMALL, **GIVEN}
    done = mlflow_run(project, folder, params, "backtest")
    assert done.returncode == 0, done.stdout
    runs = MlflowClient(f"sqlite:///{folder}/mlflow.db").search_runs(["0"])
    run = next(run for run in runs if run.info.run_name == "backtest 3 folds")
    pd.testing.assert_frame_equal(walked.forecasts(run), walked.forecasts(first[0]), check_exact=True)
    assert {name: run.data.metrics[name] for name in first[0].data.metrics} == first[0].data.metrics
    done = mlflow_run(project, folder, {**params, "models": "drift; touch canary"}, "backtest")
    assert done.returncode != 0
    assert "Traceback" not in done.stdout
    assert not list(folder.rglob("canary"))
    assert not list(project.rglob("canary"))
