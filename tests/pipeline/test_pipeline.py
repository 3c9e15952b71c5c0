"""The whole chain in one process: its run tree, what it leaves, what it reuses and how it fails."""

import html
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from mlflow import MlflowClient

from flow_steps.runs import artifacts, lookup, records
from flow_steps.safety import store
from main import main as pipeline
from pricecast.dataset.dataset import Dataset
from pricecast.files import read_json, read_parquet
from pricecast.forecasting.forecaster import Forecaster
from pricecast.models import _catalog
from pricecast.schema import FORECASTS, PRICES
from tests.support import gallery

ROOT = Path(__file__).resolve().parents[2]
# MLflow declares a relation in a way that SQLAlchemy 2.1 has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")
SMALL = ("--source", "synthetic", "--path", "gbm", "--max-lookback", "20", "--vis", "false")
TINY = ("--models", "naive,lstm", "--epochs", "2", "--lstm-units", "4", "--lookback", "10")
NAIVE = (*SMALL, "--models", "naive")
ODD_TICKERS = ("^GSPC", "BRK_B", "EURUSD=X", "BTC-USD", "0700.HK", "M&M.NS", "A&LT", "CON")
# Times differ between equal runs; a reused step does not take the time again.
CLOCK = "runtime_sec"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A working directory with a store of its own."""
    folder = tmp_path_factory.mktemp("pipeline")
    terminate = signal.getsignal(signal.SIGTERM)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        store.ensure()
        yield folder
    signal.signal(signal.SIGTERM, terminate)


@pytest.fixture
def experiment(home, monkeypatch):
    """An experiment of the test's own, so that nothing is reused from another test."""
    return new_experiment(monkeypatch)


def new_experiment(patch):
    name = uuid.uuid4().hex
    patch.setenv("MLFLOW_EXPERIMENT_NAME", name)
    return MlflowClient().create_experiment(name)


def run_main(*args):
    return CliRunner().invoke(pipeline, list(args))


def succeed(*args):
    result = run_main(*args)
    assert result.exit_code == 0, f"{result.output}\n{result.exception!r}"
    return result


def fail(*args):
    """Runs the pipeline, which has to end with one line for the user; returns that line."""
    result = run_main(*args)
    assert result.exit_code != 0
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    assert "Traceback" not in result.output
    errors = [line for line in result.output.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1
    assert result.output.rstrip().endswith(errors[0])
    return errors[0]


def all_runs(experiment):
    return MlflowClient().search_runs([experiment], order_by=["start_time ASC"], max_results=1000)


def parent_of(run):
    return run.data.tags.get("mlflow.parentRunId")


def tree(runs, parent=None):
    """Names of runs with those of their children, in order of their start."""
    return [
        (run.info.run_name, tree(runs, run.info.run_id)) for run in runs if parent_of(run) == parent
    ]  # fmt: skip


def below(runs, parent):
    """A run and all runs below it."""
    own = [run for run in runs if run.info.run_id == parent]
    return own + [
        run for child in runs if parent_of(child) == parent for run in below(runs, child.info.run_id)
    ]  # fmt: skip


def named(runs, name):
    (run,) = [run for run in runs if run.info.run_name == name]
    return run


def top(runs):
    """The run above all others."""
    (run,) = [run for run in runs if parent_of(run) is None]
    return run


def tag(run, name):
    return run.data.tags.get(f"pricecast.{name}")


def files(run):
    folder = Path(run.info.artifact_uri.removeprefix("file://"))
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def stored_files(home):
    return {path for path in (home / "mlruns").rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def first(home):
    """One run of the pipeline with a network and pictures: (result, experiment, runs)."""
    with pytest.MonkeyPatch.context() as patch:
        experiment = new_experiment(patch)
        result = succeed(*SMALL, *TINY, "--vis", "true")
        yield result, os.environ["MLFLOW_EXPERIMENT_NAME"], all_runs(experiment)


@pytest.fixture(scope="module")
def second(home, first):
    """The same call once more: (log, runs of the second tree, files that came)."""
    before = stored_files(home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_EXPERIMENT_NAME", first[1])
        records = []
        patch.setattr("flow_steps.pipeline.chain._log.info", lambda text, *values: records.append(text % values))
        result = succeed(*SMALL, *TINY, "--vis", "true")
    runs = all_runs(first[2][0].info.experiment_id)
    parent = [run for run in runs if parent_of(run) is None][-1]
    return result, records, below(runs, parent.info.run_id), stored_files(home) - before


@pytest.fixture
def again(first, monkeypatch):
    """Calls the pipeline in the experiment of `first`; returns its log by run name, and its runs."""

    def call(*args):
        monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", first[1])
        log = {}

        def note(text, *values):
            name, _, what = (text % values).partition(": ")
            log[name] = what

        with monkeypatch.context() as patch:
            patch.setattr("flow_steps.pipeline.chain._log.info", note)
            succeed(*SMALL, *TINY, *args)
        runs = all_runs(first[2][0].info.experiment_id)
        parent = [run for run in runs if parent_of(run) is None][-1]
        return log, below(runs, parent.info.run_id)

    return call


# What one run leaves


def test_the_run_tree(first):
    _, _, runs = first
    judged = [("naive h=5", []), ("lstm h=5 L=10 hd=4 lr=0.001", []), ("ewma h=5", [])]
    steps = [
        ("download synthetic", []), ("transform h=5 return", []), ("train naive", []), ("train lstm", []),
        ("evaluate", judged), ("audit", []),
    ]  # fmt: skip
    assert tree(runs) == [(top(runs).info.run_name, steps)]
    assert {run.info.status for run in runs} == {"FINISHED"}


def test_every_step_leaves_its_artifacts(first):
    _, _, runs = first
    assert files(named(runs, "download synthetic")) == {"prices.parquet", "quality.json", "manifest.json"}
    dataset = (
        "bars.parquet", "features.parquet", "scaler_X.skops", "scaler_y.skops", "spec.json", "quality.json",
        "manifest.json",
    )  # fmt: skip
    assert files(named(runs, "transform h=5 return")) == {*(f"dataset/{name}" for name in dataset), "manifest.json"}
    assert {"loss_curve.png", "loss_curve.svg"} & files(named(runs, "train lstm"))
    evaluated = files(named(runs, "evaluate"))
    assert evaluated >= {"forecasts.parquet", "leaderboard.csv", "verdict.json", "report.html", "summary.md"}
    assert len([name for name in evaluated if re.fullmatch(r"plots/[a-z0-9_]+\.(png|svg)", name)]) >= 4


def test_every_run_says_what_it_is(first):
    _, _, runs = first
    steps = {"main": 1, "download": 1, "transform": 1, "train": 2, "evaluate": 1, "judge model": 3, "audit": 1}
    found = [tag(run, "step") for run in runs]
    assert {step: found.count(step) for step in set(found)} == steps
    for run in runs:
        assert bool(tag(run, "key")) == (
            tag(run, "step") in ("download", "transform", "train", "evaluate", "audit")
        )


def test_parameters_are_logged_as_they_were_typed(first):
    _, _, runs = first
    given = {
        "source": "synthetic",
        "path": "gbm",
        "models": "naive,lstm",
        "horizon": "5",
        "vis": "true",
        "seed": "0",
    }
    assert top(runs).data.params.items() >= given.items()
    train = named(runs, "train lstm").data.params
    assert train.items() >= {"model": "lstm", "lstm_units": "4", "refit": "false", "lstm.hidden_dim": "4"}.items()
    assert train["lstm.lookback"] == train["lookback"] == "10"
    prices = named(runs, "download synthetic").info.run_id
    assert named(runs, "transform h=5 return").data.params["prices"] == f"runs:/{prices}/prices.parquet"


def test_training_logs_both_losses_by_epoch(first):
    _, _, runs = first
    run = named(runs, "train lstm")
    for name in ("train_loss", "val_loss"):
        history = MlflowClient().get_metric_history(run.info.run_id, name)
        assert [point.step for point in history] == [1, 2] or [point.step for point in history] == [0, 1]
        assert np.isfinite([point.value for point in history]).all()
    assert run.data.metrics.keys() >= {"final_val_loss", "converged_epoch", CLOCK}


def test_the_parent_has_the_best_models_figures_beside_naives(first):
    _, _, runs = first
    parent, best = top(runs), tag(named(runs, "evaluate"), "best_model")
    assert tag(parent, "best_model") == best
    by_model = {tag(run, "model"): run.data.metrics for run in runs if tag(run, "step") == "judge model"}
    assert by_model.keys() == {"naive", "ewma", "lstm"}
    assert by_model[best]["test_crps"] == min(metrics["test_crps"] for metrics in by_model.values())
    everything = by_model[best] | {f"naive_{name}": value for name, value in by_model["naive"].items()}
    assert parent.data.metrics == named(runs, "evaluate").data.metrics
    assert parent.data.metrics.items() <= everything.items()
    main = {"test_rmse", "test_crps", "test_coverage_90", "test_rmse_h5", "naive_test_crps", "naive_test_rmse_h5"}
    assert main <= parent.data.metrics.keys()
    assert len(parent.data.metrics) <= 40


def test_metrics_are_those_of_the_forecasts(first):
    _, _, runs = first
    table = read_parquet(artifacts.fetch(f"runs:/{named(runs, 'evaluate').info.run_id}/forecasts.parquet"))
    assert tuple(table.columns) == FORECASTS
    naive = table[(table["model"] == "naive") & (table["horizon"] == 1)].dropna()
    error = np.log(naive["forecast"] / naive["actual"])
    logged = named(runs, "naive h=5").data.metrics
    assert logged["test_n_rows"] == len(naive)
    held = naive["actual"].between(naive["q05"], naive["q95"]).mean()
    assert logged["test_coverage_90"] in (pytest.approx(held), pytest.approx(100 * held))
    assert 0.2 < logged["test_rmse"] / np.sqrt((error**2).mean()) / naive["last_close"].mean() < 5


def test_every_step_run_has_its_dataset_as_an_input(first):
    _, _, runs = first
    for name in ("download synthetic", "transform h=5 return", "naive h=5", "ewma h=5"):
        inputs = MlflowClient().get_run(named(runs, name).info.run_id).inputs.dataset_inputs
        assert len(inputs) == 1, name
        assert len(inputs[0].dataset.digest) == 16


def test_judged_models_are_linked_to_what_was_trained(first):
    _, _, runs = first
    for model, name in {"lstm": "lstm h=5 L=10 hd=4 lr=0.001", "naive": "naive h=5"}.items():
        trained = lookup.model_ids(named(runs, f"train {model}").info.run_id)
        judged = MlflowClient().get_run(named(runs, name).info.run_id)
        assert [link.model_id for link in judged.inputs.model_inputs] == trained
        logged = {metric.key: metric.value for metric in MlflowClient().get_logged_model(trained[0]).metrics}
        assert logged.items() >= judged.data.metrics.items()
    # ewma was added by the evaluator: nobody asked to keep it.
    assert not MlflowClient().get_run(named(runs, "ewma h=5").info.run_id).inputs.model_inputs


def test_the_summary_shows_leaderboard_verdict_report_and_how_to_browse(first, home):
    result, _, runs = first
    verdict = read_json(artifacts.fetch(f"runs:/{named(runs, 'evaluate').info.run_id}/verdict.json"))
    assert verdict["sentence"] in " ".join(result.output.split())
    # A star marks those that cannot be told apart from the best.
    table = result.output[result.output.index("| model") :]
    board = [line.split("|")[1].strip(" *") for line in table.splitlines() if line.startswith("|")][2:]
    assert board[0] == "naive"
    assert set(board) == {"naive", "ewma", "lstm"}
    (backtest,) = re.findall(r"^Judge on more days: (.+)$", result.output, re.MULTILINE)
    assert re.search(r" backtest --dataset runs:/\w+/dataset ", backtest)
    assert "{}" not in backtest
    (report,) = re.findall(r"^Report: (.+)$", result.output, re.MULTILINE)
    page = (home / report).read_text(encoding="utf-8")
    assert verdict["sentence"].split(":")[0] in page
    assert re.search(r"^Browse: \S*mlflow ui", result.output, re.MULTILINE)


def test_notes_tell_the_outcome_on_the_runs_pages(first):
    _, _, runs = first
    verdict = read_json(artifacts.fetch(f"runs:/{named(runs, 'evaluate').info.run_id}/verdict.json"))
    for run in (top(runs), named(runs, "evaluate")):
        note = run.data.tags[records.NOTE]
        assert note.startswith(verdict["sentence"])
        assert note.count(verdict["sentence"]) == 1
    taken = verdict["recommended"]
    assert re.match(rf"SYN1 h=5: {taken}\b.* one day ahead$", top(runs).info.run_name)
    (shown,) = MlflowClient().get_run(top(runs).info.run_id).inputs.dataset_inputs
    assert shown.dataset.name == "SYN1"
    judged = named(runs, "evaluate").info
    page = f"#/experiments/{judged.experiment_id}/runs/{judged.run_id}/artifacts/report.html"
    assert f"[The report]({page})" in top(runs).data.tags[records.NOTE]
    assert named(runs, "naive h=5").data.tags[records.NOTE] == verdict["models"]["naive"]["sentence"]


def test_nothing_is_left_in_the_working_directory_but_the_store(first, home):
    assert {path.name for path in home.iterdir()} == {"mlflow.db", "mlflow.db.lock", "mlruns"}


# The bundle


def bundle_of(runs, model):
    (model_id,) = lookup.model_ids(named(runs, f"train {model}").info.run_id)
    return f"models:/{model_id}"


def bars_of(runs):
    prices = named(runs, "download synthetic").info.run_id
    return read_parquet(artifacts.fetch(f"runs:/{prices}/prices.parquet"))


@pytest.fixture(scope="module")
def loaded(first):
    return {model: mlflow.pyfunc.load_model(bundle_of(first[2], model)) for model in ("naive", "lstm")}


@pytest.mark.parametrize("model", ["naive", "lstm"])
def test_the_bundle_forecasts_from_raw_bars_as_the_library_does(first, loaded, model):
    raw = bars_of(first[2]).drop(columns="adj_close")
    forecasts = loaded[model].predict(raw)
    assert list(forecasts.columns) == [name for name in FORECASTS if name != "actual"]
    assert list(forecasts["horizon"]) == [1, 2, 3, 4, 5]
    own = Forecaster.load(artifacts.bundle_folder(bundle_of(first[2], model))).predict_bars(raw)
    pd.testing.assert_frame_equal(forecasts, own)
    assert (forecasts["cutoff"] == raw["date"].max()).all()
    assert (forecasts["date"] > raw["date"].max()).all()


def test_the_bundle_forecasts_what_evaluate_judged(first, loaded):
    _, _, runs = first
    table = read_parquet(artifacts.fetch(f"runs:/{named(runs, 'evaluate').info.run_id}/forecasts.parquet"))
    raw = bars_of(runs)
    for cutoff in table["cutoff"].drop_duplicates().iloc[[0, 100]]:
        judged = table[(table["model"] == "lstm") & (table["cutoff"] == cutoff)]
        now = loaded["lstm"].predict(raw[raw["date"] <= cutoff])
        np.testing.assert_allclose(now["forecast"], judged["forecast"], rtol=1e-6)
        np.testing.assert_allclose(now["q05"], judged["q05"], rtol=1e-6)


@pytest.mark.parametrize("names", [["volume"], ["open", "high", "low", "close", "volume"]])
def test_the_bundle_takes_whole_numbers(first, loaded, names):
    # A csv file without decimals gives integer columns.
    raw = bars_of(first[2]).drop(columns="adj_close")
    whole = raw.assign(**{name: (raw[name] * 100).round() for name in names})
    forecasts = loaded["naive"].predict(whole.astype(dict.fromkeys(names, "int64")))
    pd.testing.assert_frame_equal(forecasts, loaded["naive"].predict(whole))


def test_the_bundle_uses_an_adjusted_close_where_it_is_given(first, loaded):
    raw = bars_of(first[2])
    halved = raw.assign(
        **{name: raw[name] * 2 for name in ("open", "high", "low", "close")}, adj_close=raw["close"]
    )
    late = halved["date"] > halved["date"].quantile(0.5)
    # A split: later quotes are half of the earlier ones, the adjusted close is one line.
    split = halved.where(~late, raw.assign(adj_close=raw["close"])).astype(halved.dtypes)
    plain, adjusted = loaded["naive"].predict(raw), loaded["naive"].predict(split)
    np.testing.assert_allclose(adjusted["q05"], plain["q05"], rtol=1e-9)
    assert list(adjusted["last_close"]) == list(plain["last_close"])


def test_the_bundle_refuses_what_it_cannot_forecast_from(first, loaded):
    raw = bars_of(first[2])
    with pytest.raises(Exception, match=r"expected at least \d+ sound bars"):
        loaded["naive"].predict(raw.tail(30))
    with pytest.raises(Exception, match="close"):
        loaded["naive"].predict(raw.drop(columns="close"))


@pytest.mark.parametrize("model", ["naive", "lstm"])
def test_the_bundle_holds_nothing_that_can_run_but_its_own_source(first, model):
    folder = artifacts.fetch(bundle_of(first[2], model))
    endings = {path.suffix for path in folder.rglob("*") if path.is_file()}
    assert endings <= {"", ".py", ".jinja", ".json", ".yaml", ".yml", ".txt", ".skops", ".safetensors"}
    assert {path.name for path in folder.rglob("*") if path.is_file() and not path.suffix} <= {
        "MLmodel", "registered_model_meta",
    }  # fmt: skip


def test_the_bundle_declares_what_it_takes_and_gives(first):
    about = mlflow.models.get_model_info(bundle_of(first[2], "naive"))
    inputs = {column.name: column.required for column in about.signature.inputs}
    assert inputs == dict.fromkeys(PRICES, False)
    assert about.signature.outputs.input_names() == [name for name in FORECASTS if name != "actual"]


def test_the_bundles_example_is_enough_for_a_forecast(first, loaded):
    for model in loaded.values():
        forecasts = model.predict(model.input_example)
        assert len(forecasts) == 5
        assert np.isfinite(forecasts["forecast"]).all()


def test_the_bundle_pins_what_it_imports(first):
    pins = {
        model: (artifacts.fetch(bundle_of(first[2], model)) / "requirements.txt")
        .read_text(encoding="utf-8")
        .split()
        for model in ("naive", "lstm")
    }
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+==[0-9][0-9.]*", pin) for lines in pins.values() for pin in lines)
    assert any(pin.startswith("torch==") for pin in pins["lstm"])
    assert not any(pin.startswith("torch==") for pin in pins["naive"])


# Reuse


def test_a_second_call_reuses_every_step_and_says_so(second):
    _, log, _, _ = second
    assert [line.partition(": ")[2] for line in log] == ["reused"] * 6


def test_a_reused_pipeline_is_one_run_that_links_the_others(first, second):
    _, _, runs = first
    _, _, (again,), _ = second
    parent = top(runs)
    children = [run for run in runs if parent_of(run) == parent.info.run_id]
    assert tag(again, "reused_runs").split(",") == [run.info.run_id for run in children]
    note = again.data.tags[records.NOTE]
    for run in children:
        assert f"[{run.info.run_name}](#/experiments/{run.info.experiment_id}/runs/{run.info.run_id})" in note
    assert note.startswith(parent.data.tags[records.NOTE].rstrip())
    assert again.data.metrics == parent.data.metrics
    assert again.data.params == parent.data.params
    assert again.info.run_name == parent.info.run_name
    assert again.info.status == "FINISHED"


def test_a_step_reused_beside_one_that_ran_is_a_copy_without_its_children(first, again, second):
    # A parameter that says what the default is: the training runs, and comes out the same.
    _, runs = again("--model-params", '{"lstm": {"dropout": 0.2}}', "--vis", "true")
    names = [run.info.run_name for run in runs if parent_of(run) == top(runs).info.run_id]
    assert names == [run.info.run_name for run in first[2] if parent_of(run) == top(first[2]).info.run_id]
    assert len(runs) == 1 + len(names)
    copies = [run for run in runs if tag(run, "reused_from")]
    assert [run.info.run_name for run in copies] == [name for name in names if name != "train lstm"]
    assert not tag(top(runs), "reused_runs")
    client = MlflowClient()
    for found in copies:
        new, old = (client.get_run(run_id) for run_id in (found.info.run_id, tag(found, "reused_from")))
        assert old.info.run_id == named(first[2], found.info.run_name).info.run_id
        for name in old.data.metrics:
            points = [
                [(p.step, p.value) for p in client.get_metric_history(run.info.run_id, name)] for run in (old, new)
            ]
            assert sorted(points[0]) == sorted(points[1])
        assert new.data.params == old.data.params
        for links in ("dataset_inputs", "model_inputs"):
            assert len(getattr(new.inputs, links)) == len(getattr(old.inputs, links))
        assert "pricecast_owner" in new.data.tags


def test_a_reused_step_writes_no_artifacts(second):
    _, _, runs, new = second
    # The parent's own manifest at most.
    parent = next(run.info.run_id for run in runs if parent_of(run) is None)
    assert {path.name for path in new} <= {"manifest.json"}
    assert all(parent in path.parts for path in new)


def test_a_reused_pipeline_prints_the_same(first, second):
    assert second[0].output == first[0].output


@pytest.mark.slow
def test_reuse_false_runs_everything_with_the_same_outcome(again, first):
    log, runs = again("--reuse", "false", "--vis", "true")
    assert set(log.values()) == {"running (--reuse false)"}
    assert not [run for run in runs if tag(run, "reused_from")]
    for old in first[2]:
        new = top(runs) if parent_of(old) is None else named(runs, old.info.run_name)
        clean = [{k: v for k, v in run.data.metrics.items() if k != CLOCK} for run in (old, new)]
        assert clean[0] == clean[1]
    keys = [{run.info.run_name: tag(run, "key") for run in group} for group in (first[2], runs)]
    assert keys[0] == keys[1]


def test_a_changed_model_option_reruns_that_model_and_the_judge(again, second):
    log, _ = again("--model-params", '{"lstm": {"dropout": 0.3}}', "--vis", "true")
    assert log["train lstm"] == "running (changed: param model_params)"
    assert log["evaluate"] == "running (changed: input models)"
    assert {name for name, what in log.items() if what == "reused"} == {
        "download synthetic", "transform h=5 return", "train naive",
    }  # fmt: skip


@pytest.mark.slow
def test_a_changed_split_reruns_all_but_the_download(again, second):
    log, _ = again("--models", "naive", "--test-size", "0.2")
    assert log["download synthetic"] == "reused"
    assert log["transform h=5 return"] == "running (changed: param test_size)"
    assert "input dataset" in log["train naive"]
    assert "input dataset" in log["evaluate"]


def test_pictures_alone_rerun_the_judge_alone(again, second):
    log, _ = again("--vis", "false")
    assert log.pop("evaluate") == "running (changed: param vis)"
    assert set(log.values()) == {"reused"}


@pytest.mark.slow
def test_the_default_sample_is_downloaded_once(experiment, monkeypatch):
    log = []
    monkeypatch.setattr("flow_steps.pipeline.chain._log.info", lambda text, *values: log.append(text % values))
    for _ in range(2):
        succeed("--models", "naive", "--vis", "false")
    assert log[0] == "download sample: running (first run)"
    assert log[5:] == [f"{name}: reused" for name in ("download sample", *THEN)]


THEN = ("transform h=5 return", "train naive", "evaluate", "audit")


def test_artifacts_that_vanished_or_changed_are_a_miss(experiment, monkeypatch):
    log = []
    monkeypatch.setattr("flow_steps.pipeline.chain._log.info", lambda text, *values: log.append(text % values))
    succeed(*NAIVE)
    runs = all_runs(experiment)
    shutil.rmtree(Path(named(runs, "transform h=5 return").info.artifact_uri.removeprefix("file://")))
    (report,) = Path(named(runs, "evaluate").info.artifact_uri.removeprefix("file://")).glob("report.html")
    report.write_text("forged", encoding="utf-8")
    log.clear()
    succeed(*NAIVE)
    assert log[0] == "download synthetic: reused"
    assert re.fullmatch(r"transform h=5 return: running \(.*artifacts of run \w+ are gone or damaged\)", log[1])
    # The dataset came out the same, so what was learned from it still holds.
    assert log[2] == "train naive: reused"
    assert re.fullmatch(r"evaluate: running \(.*artifacts of run \w+ are gone or damaged\)", log[3])
    state = artifacts.bundle_folder(bundle_of(runs, "naive")) / "forecaster.json"
    state.write_bytes(state.read_bytes() + b" ")
    log.clear()
    succeed(*NAIVE)
    assert [line.partition(": ")[2][:6] for line in log] == ["reused", "reused", "runnin", "reused", "reused"]


# Mistakes


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--source", "sample", "--tickers", "NOPE"), "got NOPE: choose from AAPL"),
        (("--source", "nowhere"), "expected a source out of"),
        (("--source", "synthetic", "--path", "nothing"), "expected a synthetic kind"),
        ((*SMALL, "--models", "nope"), "all, classical, trees, neural, got 'nope': choose from these"),
        ((*NAIVE, "--model-params", '{"lstm": {}}'), "expected --model-params by model"),
        ((*NAIVE, "--model-params", '{"naive": {"x": 1}}'), "expected parameters of naive"),
        ((*NAIVE, "--valid-start", "2020-01-01"), "expected valid-start and test-start together"),
        ((*NAIVE, "--test-size", "0.9", "--valid-size", "0.5"), "expected shares"),
        (("--source", "sample", "--start", "2013-01-01", "--end", "2012-01-01"), "swap them"),
        (("--source", "csv", "--path", "no/such/folder"), "expected a file or folder"),
        (("--source", "sample", "--tickers", "APPL"), "got APPL: did you mean AAPL? It has"),
        (("--source", "sample", "--end", "1999-01-01"), "the source sample holds 2000-03-01 to 2013-03-01"),
        ((*NAIVE, "--valid-start", "2030-01-01", "--test-start", "2031-01-01"), "< valid-start < test-start <="),
    ],
)
def test_a_mistake_is_one_line_and_starts_no_run(experiment, args, says):
    assert says in fail(*args)
    assert all_runs(experiment) == []


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--tickers", "no ticker"), "expected a ticker such as AAPL"),
        (("--tickers", "A;touch x"), "expected a ticker such as AAPL"),
        (("--model-params", "{"), "expected a JSON object"),
        (("--model-params", "[1]"), "expected a JSON object"),
        (("--start", "2020-02-31"), "expected a date as YYYY-MM-DD"),
        (("--end", "yesterday"), "expected a date as YYYY-MM-DD"),
        (("--horizon", "0"), "horizon"),
        (("--horizon", "five"), "horizon"),
        (("--test-size", "1"), "test-size"),
        (("--models", ","), "expected at least one name"),
        (("--scaler", "best"), "scaler"),
        (("--reuse", "perhaps"), "reuse"),
        (("--no-such-option", "1"), "No such option"),
        (("no-such-step",), "No such command"),
        (("dowload",), "Did you mean 'download'?"),
        (("--lookbck", "5"), "Did you mean"),
        (("--models", "lsmt"), "did you mean lstm?"),
        (("--models", "naive,Clasical"), "did you mean classical?"),
        (("--source", "yaho"), "did you mean yahoo?"),
        (("--model-params", '{"lsmt": {}}'), "got lsmt: did you mean lstm?"),
        (("--start", "2013-01-01", "--end", "2012-01-01"), "swap them"),
        (("--valid-start", "2012-01-01", "--test-start", "2011-01-01"), "expected a valid-start before"),
        (("--valid-start", "2012-01-01"), "together"),
        (("--test-start", "2012-06-01", "--valid-start", "2012-01-01", "--end", "2012-03-01"), "to test on"),
        (("--test-start", "2012-06-01", "--valid-start", "2012-01-01", "--start", "2012-03-01"), "to train on"),
        (("--test-start", "2012-06-01", "--valid-start", "2012-01-01", "--test-size", "0.3"), "dates or shares"),
        (("--valid-size", "0.5", "--test-size", "0.5"), "their sum has to be below 1"),
        (("--lookback", "121"), "expected a lookback of 1 to 120, got 121"),
        (("--refit", "--reuse", "perhaps"), "reuse"),
        (("--tickers", "AAPL", "download"), "expected options after the command, got --tickers before download"),
        (("--vis", "download"), "expected options after the command, got --vis before download"),
        (("audit", "--dataset", "x", "--models", "har", "--quick"), "for a quick audit, got har"),
    ],
)
def test_a_typing_mistake_starts_no_run(experiment, args, says):
    assert says in fail(*args)
    assert all_runs(experiment) == []


@pytest.mark.parametrize("name", ["formula_date", "control", "structs"])
def test_a_bad_file_is_one_line_at_the_command_line(experiment, tmp_path, name):
    entry = gallery.CONTENTS[name]
    (tmp_path / entry.name).write_bytes(entry.content())
    assert entry.says in fail("download", "--source", "csv", "--path", str(tmp_path / entry.name))


@pytest.mark.parametrize("name", ["conflict", "pence", "no_close_file"])
def test_a_bad_table_is_one_line_at_the_command_line(experiment, tmp_path, name):
    entry = gallery.TABLES[name]
    entry.make(gallery.sound()).to_csv(tmp_path / "AAA.csv", index=False)
    assert entry.says in fail("download", "--source", "csv", "--path", str(tmp_path))


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("a\0b", "expected printable characters"),
        ("x" * 300, "File name too long"),
        ("/proc/self/mem/x", "expected a file or folder"),
        ("\x1b[2J", "expected printable characters"),
    ],
)
def test_a_path_that_cannot_be_is_one_line(experiment, path, says):
    assert says in fail("download", "--source", "csv", "--path", path)


def test_an_empty_csv_folder_is_told_before_a_run(experiment, tmp_path):
    assert "expected files ending in" in fail("--source", "csv", "--path", str(tmp_path), "--models", "naive")
    assert all_runs(experiment) == []


def test_a_failed_step_is_not_reused(experiment, tmp_path):
    write_bars(tmp_path / "bars.csv", ["AAA"], n=30)
    for _ in range(2):
        fail("--source", "csv", "--path", str(tmp_path), "--models", "naive")
    runs = all_runs(experiment)
    assert [run.info.status for run in runs if tag(run, "step") == "transform"] == []
    failed = [run for run in runs if run.info.run_name.startswith("transform")]
    assert [run.info.status for run in failed] == ["FAILED", "FAILED"]
    assert not [run for run in failed if tag(run, "reused_from")]


# The pipeline as it is, but for a training that takes forever.
ENDLESS = """
import sys, time
import flow_steps.train
from main import main

flow_steps.train.fit = lambda *args: time.sleep(3600)
main(sys.argv[1:])
"""


def start(home, experiment):
    """Starts a pipeline in a process of its own; returns the process once it trains."""
    name = MlflowClient().get_experiment(experiment).name
    environment = {**os.environ, "MLFLOW_EXPERIMENT_NAME": name, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-c", ENDLESS, *NAIVE],
        cwd=home, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    for _ in range(600):
        if any(run.info.run_name == "train naive" and run.data.params for run in all_runs(experiment)):
            return process
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.2)
    process.kill()
    raise AssertionError(f"no training after two minutes: {process.communicate()[0]}")


def statuses(experiment):
    return {run.info.run_name: run.info.status for run in all_runs(experiment)}


CUT_SHORT = {"download synthetic": "FINISHED", "transform h=5 return": "FINISHED"}


def test_a_terminated_pipeline_leaves_its_runs_killed(home, experiment):
    process = start(home, experiment)
    process.send_signal(signal.SIGTERM)
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 128 + signal.SIGTERM
    assert "Traceback" not in output
    assert statuses(experiment) == {**CUT_SHORT, "SYN1 h=5": "KILLED", "train naive": "KILLED"}


@pytest.mark.slow
def test_an_interrupted_pipeline_leaves_its_runs_killed(home, experiment):
    process = start(home, experiment)
    process.send_signal(signal.SIGINT)
    output = process.communicate(timeout=60)[0]
    assert process.returncode != 0
    assert "Traceback" not in output
    assert statuses(experiment) == {**CUT_SHORT, "SYN1 h=5": "KILLED", "train naive": "KILLED"}


@pytest.mark.slow
def test_the_next_start_clears_up_after_a_process_that_was_shot(home, experiment):
    process = start(home, experiment)
    process.kill()
    process.communicate(timeout=60)
    assert statuses(experiment) == {**CUT_SHORT, "SYN1 h=5": "RUNNING", "train naive": "RUNNING"}
    old = {run.info.run_id for run in all_runs(experiment)}
    succeed(*NAIVE)
    later = {run.info.run_id: run for run in all_runs(experiment)}
    assert sorted(later[run_id].info.status for run_id in old) == ["FINISHED", "FINISHED", "KILLED", "KILLED"]
    # What was finished counts, whoever was shot later.
    reused = {tag(run, "reused_from") for run in later.values()} - {None}
    assert len(reused & old) == 2


# Other ways


def write_bars(path, tickers, n=520, seed=0, starts=None):
    """A csv file of plausible bars: currencies have no volume, coins trade on weekends."""
    tables = []
    for i, ticker in enumerate(tickers):
        rng = np.random.default_rng([seed, i])
        frequency = "D" if ticker.endswith("-USD") else "B"
        dates = pd.date_range(end="2023-12-29", periods=n if starts is None else starts[i], freq=frequency)
        close = (i + 1) * 10 * np.exp(np.cumsum(0.01 * rng.standard_normal(len(dates))))
        open_ = close * np.exp(0.002 * rng.standard_normal(len(dates)))
        volume = 0 if "=" in ticker else rng.integers(1000, 9000, len(dates))
        table = pd.DataFrame({"date": dates, "ticker": ticker, "open": open_, "close": close, "volume": volume})
        table["high"], table["low"] = table[["open", "close"]].max(axis=1), table[["open", "close"]].min(axis=1)
        tables.append(table)
    pd.concat(tables).to_csv(path, index=False)


@pytest.mark.slow
def test_tickers_of_every_shape_go_from_end_to_end(experiment, tmp_path):
    write_bars(tmp_path / "bars.csv", ODD_TICKERS)
    asked = ",".join(ODD_TICKERS)
    succeed(
        "--source", "csv", "--path", str(tmp_path / "bars.csv"), "--tickers", asked.lower(), "--models", "naive",
        "--max-lookback", "20", "--test-size", "0.2", "--valid-size", "0.2", "--vis", "false",
    )  # fmt: skip
    runs = all_runs(experiment)
    assert top(runs).data.params["tickers"] == asked
    assert top(runs).info.run_name.startswith("^GSPC +7 h=5: ")
    report = artifacts.fetch(f"runs:/{named(runs, 'evaluate').info.run_id}/report.html")
    page = report.read_text(encoding="utf-8")
    assert "M&amp;M.NS" in page
    assert not re.search("M&M|A&LT", page)
    table = read_parquet(artifacts.fetch(f"runs:/{named(runs, 'evaluate').info.run_id}/forecasts.parquet"))
    assert set(table["ticker"]) == set(ODD_TICKERS)
    weekend = table.assign(weekend=table["date"].dt.dayofweek >= 5).groupby("ticker")["weekend"].any()
    assert weekend.to_dict() == {ticker: ticker == "BTC-USD" for ticker in ODD_TICKERS}
    model = mlflow.pyfunc.load_model(bundle_of(runs, "naive"))
    coming = model.predict(pd.read_csv(tmp_path / "bars.csv", parse_dates=["date"]))
    assert coming.groupby("ticker").size().to_dict() == dict.fromkeys(ODD_TICKERS, 5)


def test_a_ticker_that_is_too_short_is_left_out_with_a_warning(experiment, tmp_path):
    write_bars(tmp_path / "bars.csv", ["FB", "IBM"], starts=[90, 500])
    result = succeed(
        "--source", "csv", "--path", str(tmp_path), "--models", "naive", "--max-lookback", "20", "--vis", "false"
    )
    runs = all_runs(experiment)
    says = "FB has 90 bars, which leaves 0 training"
    assert says in result.output
    page = artifacts.fetch(f"runs:/{named(runs, 'evaluate').info.run_id}/report.html").read_text(encoding="utf-8")
    assert says in page
    dataset = Dataset.load(artifacts.fetch(f"runs:/{named(runs, 'transform h=5 return').info.run_id}/dataset"))
    assert dataset.spec.tickers == ("IBM",)


@pytest.mark.slow
def test_a_model_that_lacks_its_package_is_left_out_of_a_family_and_the_report_says_so(
    experiment, monkeypatch, caplog
):
    installed = _catalog._is_installed
    monkeypatch.setattr(_catalog, "_is_installed", lambda name: name != "xgboost-cpu" and installed(name))
    few = '{"forest": {"trees": 5}, "lightgbm": {"epochs": 2}}'
    with caplog.at_level("WARNING", logger="flow_steps.pipeline.choice"):
        result = succeed(*NAIVE, "--models", "naive,trees", "--model-params", few)
    says = "xgboost needs xgboost-cpu, which is not installed (pip install 'pricecast[models]')"
    assert f"left out: {says}" in caplog.text
    assert f"Left out: {says}." in result.output
    runs = all_runs(experiment)
    assert {run.info.run_name for run in runs} >= {"train naive", "train forest", "train lightgbm"}
    assert "train xgboost" not in {run.info.run_name for run in runs}
    judged = f"runs:/{named(runs, 'evaluate').info.run_id}"
    page = artifacts.fetch(f"{judged}/report.html").read_text(encoding="utf-8")
    assert f"Left out: {says}." in html.unescape(page)
    assert "Left out: " + says in artifacts.fetch(f"{judged}/summary.md").read_text(encoding="utf-8")
    # Asked for by name, it is not passed over.
    assert says in fail(*NAIVE, "--models", "trees,xgboost")
    # Nothing of a family may be left.
    monkeypatch.setattr(_catalog, "_is_installed", lambda name: False)
    assert "expected a model that can be trained, but forest needs" in fail(*NAIVE, "--models", "trees")


@pytest.mark.slow
def test_the_textbook_recipe_runs_beside_naive(experiment):
    result = succeed(*SMALL, *TINY, "--target", "price")
    runs = all_runs(experiment)
    assert {"naive h=5", "ewma h=5", "lstm h=5 L=10 hd=4 lr=0.001"} <= {run.info.run_name for run in runs}
    dataset = Dataset.load(artifacts.fetch(f"runs:/{named(runs, 'transform h=5 price').info.run_id}/dataset"))
    assert (dataset.spec.target, dataset.spec.scaler) == ("price", "minmax")
    metrics = {tag(run, "model"): run.data.metrics for run in runs if tag(run, "step") == "judge model"}
    # On levels doing nothing scores an R2 near one.
    assert metrics["naive"]["test_r2"] > 0.9
    assert "lstm" in result.output


@pytest.mark.slow
def test_a_refitted_model_is_logged_beside_the_judged_one_and_never_judged(experiment):
    succeed(*NAIVE, "--refit", "true")
    runs = all_runs(experiment)
    train, dataset = (named(runs, name).info.run_id for name in ("train naive", "transform h=5 return"))
    models = {MlflowClient().get_logged_model(found).name: found for found in lookup.model_ids(train)}
    assert models.keys() == {"naive", "naive_refit"}
    raw = bars_of(runs)
    last = f"{raw['date'].max():%Y-%m-%d}"
    until = {
        name: read_json(artifacts.bundle_folder(f"models:/{found}") / "forecaster.json")["fitted_until"]
        for name, found in models.items()
    }
    assert until["naive_refit"] == last
    assert until["naive"] < Dataset.load(artifacts.fetch(f"runs:/{dataset}/dataset")).spec.test_start
    assert len(mlflow.pyfunc.load_model(f"models:/{models['naive_refit']}").predict(raw)) == 5
    judge = ("evaluate", "--dataset", f"runs:/{dataset}/dataset", "--vis", "false", "--models")
    assert "know nothing of the test span" in fail(*judge, f"models:/{models['naive_refit']}")
    failed = all_runs(experiment)[-1]
    assert (failed.info.run_name, failed.info.status) == ("evaluate", "FAILED")
    succeed(*judge, f"models:/{models['naive']}")


@pytest.mark.slow
def test_steps_run_alone_with_the_same_outcome(experiment):
    succeed(*NAIVE)
    chained = all_runs(experiment)
    succeed("download", "--source", "synthetic", "--path", "gbm")
    prices = all_runs(experiment)[-1].info.run_id
    succeed("transform", "--prices", f"runs:/{prices}/prices.parquet", "--max-lookback", "20")
    dataset = all_runs(experiment)[-1].info.run_id
    succeed("train", "--dataset", f"runs:/{dataset}/dataset", "--model", "naive")
    train = all_runs(experiment)[-1].info.run_id
    model = lookup.model_uri(train, "naive")
    succeed("evaluate", "--dataset", f"runs:/{dataset}/dataset", "--models", model, "--vis", "false")
    alone = [run for run in all_runs(experiment) if run.info.run_id not in {old.info.run_id for old in chained}]
    assert [name for name, _ in tree(alone)] == [
        "download synthetic",
        "transform h=5 return",
        "train naive",
        "evaluate SYN1 h=5: naive, nothing beats it one day ahead",
    ]
    for run in alone:
        old = named(chained, re.sub("^evaluate .*", "evaluate", run.info.run_name))
        assert tag(run, "key") == tag(old, "key")
        assert not tag(run, "reused_from")
        clean = [{k: v for k, v in one.data.metrics.items() if k != CLOCK} for one in (old, run)]
        assert clean[0] == clean[1]
    # A pipeline takes up what was run by hand.
    succeed(*NAIVE)
    by_hand = {run.info.run_id for run in alone if parent_of(run) is None}
    assert by_hand <= set(tag(all_runs(experiment)[-1], "reused_runs").split(","))
