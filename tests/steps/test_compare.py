"""compare as a command: its run tree, what it leaves, what it shares and reuses, and how it fails."""

import json
import os

import pandas as pd
import pytest
import yaml
from click.testing import CliRunner
from mlflow import MlflowClient

from flow_steps.compare import EXPERIMENT
from flow_steps.reuse import copies
from main import main as pipeline
from pricecast.experiments.comparison import SCORES, TRAINING
from pricecast.experiments.config import read
from tests.support.failing_models import dropped_in
from tests.support.stores import inside
from tests.support.stress import ROOT
from tests.support.walked import place
from tests.test_real_data import FOLDER

# MLflow declares a relation in a way that SQLAlchemy 2.1 has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")
DATA = ("--source", "synthetic", "--path", "gbm", "--max-lookback", "20", "--horizon", "1", "--lookback", "7")
SHORT = {"epochs": 2, "hidden_dim": 4}
CLASSIC = {"test_mse", "test_rmse", "test_r2", "test_mae", *TRAINING}


def shortened(folder):
    """The project's own file with epochs and networks that take no time, and without a third experiment."""
    found = yaml.safe_load((ROOT / "experiments" / "abc.yaml").read_text(encoding="utf-8"))
    for about in found.values():
        about["params"] |= SHORT
    del found["C"]
    path = folder / "short.yaml"
    path.write_text(yaml.safe_dump(found), encoding="utf-8")
    return path


def call(file, *more):
    return CliRunner().invoke(pipeline, ["compare", "--experiments", str(file), *DATA, *more])


def runs():
    client = MlflowClient()
    found = [each.experiment_id for each in client.search_experiments() if each.name == EXPERIMENT]
    return client.search_runs(found, order_by=["start_time ASC"]) if found else []


def parents():
    return [run for run in runs() if run.info.run_name.startswith("compare ")]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compare")
    with pytest.MonkeyPatch.context() as patch, inside(folder):
        for name in ("MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID", "MLFLOW_RUN_ID"):
            patch.delenv(name, raising=False)
        yield folder


@pytest.fixture(scope="module")
def first(home):
    """The comparison of two experiments with two seeds: its run, children by name, and what it printed."""
    done = call(shortened(home), "--seeds", "2")
    assert done.exit_code == 0, f"{done.output}\n{done.exception!r}"
    (parent,) = parents()
    return parent, {run.info.run_name: run for run in copies.children(parent.info.run_id)}, done.output


def test_runs_are_named_by_what_they_set_and_stand_below_one_parent(first):
    parent, children, _ = first
    assert parent.info.run_name == "compare short SYN1 h=1: none recommended"
    assert list(children) == [
        "download synthetic", "transform h=1 return", "exp_A_lr=0.005_hd=4", "exp_B_lr=0.01_hd=4", "naive h=1",
    ]  # fmt: skip
    for name in ("exp_A_lr=0.005_hd=4", "exp_B_lr=0.01_hd=4"):
        trainings = copies.children(children[name].info.run_id)
        assert [run.info.run_name for run in trainings] == ["train lstm", "train lstm seed=1"]
        assert [run.data.params["lstm.seed"] for run in trainings] == ["0", "1"]
    assert {run.info.status for run in runs()} == {"FINISHED"}
    assert "MLFLOW_EXPERIMENT_NAME" not in os.environ


def test_an_experiment_has_its_params_metrics_and_curves(first, home):
    _, children, _ = first
    about = {each.name: each for each in read(home / "short.yaml")}
    run = children["exp_A_lr=0.005_hd=4"]
    expected = {"description": about["A"].description, "model": "lstm", **about["A"].params}
    assert {name: str(value) for name, value in expected.items()}.items() <= run.data.params.items()
    assert CLASSIC | {f"test_{name}" for name in SCORES} <= run.data.metrics.keys()
    assert run.data.metrics["test_crps_sd"] > 0
    client = MlflowClient()
    trainings = [training.info.run_id for training in copies.children(run.info.run_id)]
    for name in ("train_loss", "val_loss"):
        own = {point.step: point.value for point in client.get_metric_history(run.info.run_id, name)}
        theirs = [{p.step: p.value for p in client.get_metric_history(each, name)} for each in trainings]
        assert own.keys() == {1, 2}
        for step, value in own.items():
            assert value == pytest.approx(sum(each[step] for each in theirs) / 2)


def test_progress_names_the_experiment_and_the_seed(home, first, caplog):
    with caplog.at_level("INFO", logger="flow_steps"):
        assert call(home / "short.yaml", "--seeds", "2", "--vis", "false").exit_code == 0
    told = [line for line in caplog.messages if "seed" in line]
    assert told == [f"{name} seed {seed}: reused" for name in ("A", "B") for seed in (0, 1)]


def test_an_option_beats_the_file_and_its_default_does_not(home, first, caplog):
    with caplog.at_level("INFO", logger="flow_steps"):
        # As under `mlflow run`, which passes defaults on as if they were typed.
        done = call(
            home / "short.yaml", "--seeds", "1", "--epochs", "1", "--lstm-units", "0", "--vis", "false",
            "--metric", "crps",
        )  # fmt: skip
    assert done.exit_code == 0, done.output
    parent = parents()[-1]
    children = {run.info.run_name: run for run in copies.children(parent.info.run_id)}
    for name in ("exp_A_lr=0.005_hd=4", "exp_B_lr=0.01_hd=4"):
        assert children[name].data.params["epochs"] == "1"
        (training,) = copies.children(children[name].info.run_id)
        assert training.data.params["lstm.epochs"] == "1"
        assert len(MlflowClient().get_metric_history(training.info.run_id, "train_loss")) == 1
    assert [line for line in caplog.messages if "instead of the file" in line] == [
        f"{name}: epochs by option instead of the file" for name in ("A", "B")
    ]


def test_the_table_stands_in_three_places_naive_first(first):
    parent, children, output = first
    folder = place(parent)
    table = pd.read_csv(folder / "comparison.csv")
    assert table["experiment"].tolist() == ["naive", "A", "B"]
    naive = children["naive h=1"].data.metrics
    assert table.loc[0, "test_crps"] == pytest.approx(naive["test_crps"])
    assert children["exp_B_lr=0.01_hd=4"].data.metrics["test_rmse"] == pytest.approx(table.loc[2, "test_rmse"])
    seeds = pd.read_csv(folder / "seeds.csv")
    assert seeds["label"].tolist() == ["A seed 0", "A seed 1", "B seed 0", "B seed 1"]
    means = seeds.groupby("experiment")["test_crps"].mean()
    assert means.tolist() == pytest.approx(table["test_crps"].tolist()[1:])
    board = pd.read_csv(folder / "leaderboard.csv").set_index("model")
    assert seeds["test_crps"].tolist() == pytest.approx(board.loc[seeds["label"], "crps"].tolist())
    text = (folder / "comparison.md").read_text(encoding="utf-8")
    assert "| naive |" in text
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert page.index('id="experiments"') < page.index('id="leaderboard"')
    assert "Recommendation:" in page
    assert (folder / "plots" / "do_the_losses_converge.svg").is_file()
    assert output.index("Recommendation:") < output.index("| naive |") < output.index("Report: ")


def test_the_spread_over_seeds_supports_the_recommendation(first):
    parent, _, output = first
    seeds = pd.read_csv(place(parent) / "seeds.csv")
    means = seeds.groupby("experiment")["test_crps"].mean()
    assert f"- Of the experiments, {means.idxmin()} has the lowest CRPS on the test days" in output
    assert "Recommendation: none." in output  # of a random walk
    assert "seed noise" in output


PANELS = {
    "sample": ("--source", "sample", "--tickers", "AAPL,GOOG,IBM,MSFT", "--start", "2009-01-01"),
    "etf4": ("--source", "csv", "--path", str(FOLDER / "etf4_2015_2023_dev.parquet")),
}


@pytest.mark.slow
@pytest.mark.parametrize("panel", ["sample", "etf4"])
def test_the_three_settings_that_come_with_the_project_are_compared_on_four_tickers(home, panel):
    if panel == "etf4" and not FOLDER.joinpath("etf4_2015_2023_dev.parquet").exists():
        pytest.skip(f"no market data in {FOLDER}: set PRICECAST_DATA to the folder that holds them")
    experiments = yaml.safe_load((ROOT / "experiments" / "abc.yaml").read_text(encoding="utf-8"))
    for about in experiments.values():
        about["params"] |= {"epochs": 1, "samples_per_epoch": 64}
    file = home / f"{panel}.yaml"
    file.write_text(yaml.safe_dump(experiments), encoding="utf-8")
    done = call(file, *PANELS[panel], "--lookback", "3", "--seeds", "2", "--vis", "false")
    assert done.exit_code == 0, f"{done.output}\n{done.exception!r}"
    children = [run.info.run_name for run in copies.children(parents()[-1].info.run_id)]
    assert children[2:] == ["exp_A_lr=0.005_hd=64", "exp_B_lr=0.01_hd=128", "exp_C_lr=0.02_hd=256", "naive h=1"]
    table = pd.read_csv(place(parents()[-1]) / "comparison.csv")
    assert table["experiment"].tolist() == ["naive", "A", "B", "C"]
    assert table[["test_crps", "test_r2"]].notna().all(axis=None)
    assert (table.loc[1:, "test_crps_sd"] > 0).all()
    best = table.loc[1:].set_index("experiment")["test_crps"].idxmin()
    assert f"- Of the experiments, {best} has the lowest CRPS on the test days" in done.output


def test_a_second_call_trains_nothing_and_finds_the_same(first, home):
    parent, _, _ = first
    done = call(home / "short.yaml", "--seeds", "2", "--vis", "false")
    assert done.exit_code == 0, done.output
    again = parents()[-1]
    assert again.info.run_id != parent.info.run_id
    tables = [pd.read_csv(place(run) / "comparison.csv") for run in (parent, again)]
    pd.testing.assert_frame_equal(*tables)
    names = [run.info.run_name for run in copies.children(again.info.run_id)]
    for name in ("download synthetic", "transform h=1 return"):
        (copy,) = [run for run in copies.children(again.info.run_id) if run.info.run_name == name]
        assert "pricecast.reused_from" in copy.data.tags
    assert len(names) == 5


def test_without_a_loss_to_stop_on_all_epochs_are_run(home):
    alone = home / "alone.yaml"
    found = yaml.safe_load(shortened(home).read_text(encoding="utf-8"))
    alone.write_text(yaml.safe_dump({"A": found["A"]}), encoding="utf-8")
    done = call(alone, "--seeds", "1", "--early-stopping", "false", "--vis", "false")
    assert done.exit_code == 0, done.output
    children = copies.children(parents()[-1].info.run_id)
    (own,) = [run for run in children if run.info.run_name.startswith("exp_A")]
    assert own.data.metrics["converged_epoch"] == SHORT["epochs"]
    assert "val_loss" not in own.data.metrics
    (training,) = copies.children(own.info.run_id)
    assert training.data.params["early_stopping"] == "false"
    written = (place(parents()[-1]) / "comparison.md").read_text(encoding="utf-8")
    assert "A had no validation loss to judge its fit by." in written


def test_a_file_with_a_mistake_is_one_line_and_no_run(home):
    before = len(runs())
    wrong = home / "wrong.yaml"
    wrong.write_text(json.dumps({"A": {"model": "oracle"}}), encoding="utf-8")
    done = call(wrong)
    assert done.exit_code == 1
    (line,) = [line for line in done.output.splitlines() if line.startswith("Error: ")]
    assert "oracle" in line
    assert len(runs()) == before


def test_the_experiment_of_the_environment_goes_before_ours(home, monkeypatch):
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "mine")
    one = home / "one.yaml"
    one.write_text("D: {model: drift}", encoding="utf-8")
    before = len(parents())
    done = call(one, "--vis", "false")
    assert done.exit_code == 0, done.output
    assert len(parents()) == before
    (mine,) = [found for found in MlflowClient().search_experiments() if found.name == "mine"]
    names = [run.info.run_name for run in MlflowClient().search_runs([mine.experiment_id])]
    assert {"exp_D", "naive h=1"} <= set(names)
    assert [name for name in names if name.startswith("compare one SYN1 h=1: ")]
    # A model without a seed is trained once, whatever --seeds says.
    assert names.count("train drift") == 1


@pytest.mark.slow
def test_an_experiment_that_fails_is_left_out_and_the_others_are_compared(home, tmp_path):
    file = home / "failing.yaml"
    names = {"D": "drift", "S": "singular", "L": "lost", "H": "har"}
    file.write_text("".join(f"{name}: {{model: {model}}}\n" for name, model in names.items()), encoding="utf-8")
    with dropped_in(tmp_path, ("singular", "lost")):
        done = call(file, "--vis", "false")
        assert done.exit_code == 0, done.output
        parent = parents()[-1]
        only = home / "only.yaml"
        only.write_text("S: {model: singular}\nL: {model: lost}\n", encoding="utf-8")
        refused = call(only, "--vis", "false")
    table = pd.read_csv(place(parent) / "comparison.csv")
    assert table["experiment"].tolist() == ["naive", "D", "H"]
    assert parent.info.status == "FINISHED"
    # The one failed in training, the other when it was judged.
    reasons = {
        "S": "S: singular cannot be fitted: LinAlgError",
        "L": "L cannot forecast: IndexError: out of bounds",
    }
    children = {run.info.run_name: run for run in copies.children(parent.info.run_id)}
    for name, why in reasons.items():
        assert why in parent.data.tags["pricecast.left_out"]
        assert why in children[f"exp_{name}"].data.tags["pricecast.left_out"]
        assert f"Left out: {why}" in done.output
    assert children["exp_S"].info.status == "FAILED"
    assert [run.info.status for run in copies.children(children["exp_S"].info.run_id)] == ["FAILED"]
    assert refused.exit_code == 1
    assert "expected a model that can be judged, got none of" in refused.output
    assert parents()[-1].info.status == "FAILED"


def test_a_lookback_that_is_too_long_is_told_before_any_work(home):
    file = home / "long.yaml"
    file.write_text("A: {model: drift}\nB: {model: moving_average, params: {lookback: 21}}\n", encoding="utf-8")
    before = len(runs())
    done = call(file, "--lookback", "0")
    assert "expected a lookback of 1 to 20, got 21" in done.output
    assert len(runs()) == before
