"""tune as a command: its run tree, what it leaves, how it goes on, and that the test span stays out of it."""

import json
import shlex
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from mlflow import MlflowClient

from flow_steps.cli.types import text
from flow_steps.reuse import copies
from flow_steps.tuning import optimize, storage, studies
from main import main as pipeline
from pricecast.experiments import search
from pricecast.files import read_json
from tests.support.market_samples import market
from tests.support.stores import inside
from tests.support.stress import apart
from tests.support.walked import place

# MLflow declares a relation in a way that SQLAlchemy 2.1 has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")
BARS = (("AAA", 420), ("BBB", 400))
SHORT = (
    "--models", "har,mlp", "--n-trials", "4", "--horizon", "1", "--max-lookback", "20", "--timesteps", "7",
    "--epochs", "3", "--vis", "false",
)  # fmt: skip


def file(folder, name="bars.csv", spoil=1.0):
    """Bars whose last 15 % of dates (the test span) are multiplied by noise."""
    prices = market(BARS).copy()
    dates = np.sort(prices["date"].unique())
    late = prices["date"] >= dates[-int(0.15 * len(dates))]
    factor = np.exp(np.random.default_rng(1).normal(0, 0.05, late.sum()) * (spoil != 1.0)) * spoil
    columns = ["open", "high", "low", "close", "adj_close"]
    prices.loc[late, columns] = prices.loc[late, columns].mul(factor, axis=0)
    prices.to_csv(folder / name, index=False)
    return folder / name


def call(path, *more):
    return CliRunner().invoke(pipeline, ["tune", "--source", "csv", "--path", str(path), *SHORT, *more])


def succeed(path, *more):
    done = call(path, *more)
    assert done.exit_code == 0, f"{done.output}\n{done.exception!r}"
    return parents()[-1], done.output


def parents():
    runs = MlflowClient().search_runs(["0"], order_by=["start_time ASC"])
    return [run for run in runs if run.info.run_name.startswith("tune ")]


def children(run):
    return copies.children(run.info.run_id)


def trials(run):
    return [child for child in children(run) if child.data.tags["pricecast.step"] == "trial"]


def table(run, name):
    return pd.read_csv(place(run) / "studies" / name / "trials.csv")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tune")
    file(folder)
    with inside(folder):
        yield folder


@pytest.fixture(scope="module")
def first(home):
    return succeed(home / "bars.csv")


def test_every_trial_is_a_run_below_one_study(first):
    run, _ = first
    names = [child.info.run_name for child in children(run)]
    assert names[:2] == ["download csv", "transform h=1 return"]
    expected = [f"trial {number} {name}" for name in ("har", "mlp") for number in range(4)]
    assert names[2:] == [*expected, "train har", "train mlp", "evaluate", "audit"]
    for trial in trials(run):
        model, metrics = trial.data.params["model"], trial.data.metrics
        if trial.data.tags["pricecast.trial"] == "complete":
            assert {"valid_crps", "valid_rmse", "valid_mape"} <= metrics.keys()
        assert {"train_loss", "val_loss"} <= metrics.keys() or model == "har"
        if model == "mlp":
            assert trial.data.params["lookback"] == "7"
            curve = MlflowClient().get_metric_history(trial.info.run_id, "val_loss")
            assert [point.step for point in curve] == list(range(1, len(curve) + 1))


def test_the_best_trial_is_trained_anew_for_its_epochs_without_a_look_at_anything(first):
    run, _ = first
    parts = {child.info.run_name: child for child in children(run)}
    for name in ("har", "mlp"):
        done = table(run, name)
        best = done.loc[done["value"].idxmin()]
        settings = json.loads(best["user_attrs_params"])
        trained = parts[f"train {name}"].data
        if name == "mlp":
            settings["epochs"] = int(best["user_attrs_epochs"])
            assert trained.metrics["converged_epoch"] == settings["epochs"]
            assert "val_loss" not in trained.metrics
        assert trained.params["early_stopping"] == ("false" if name == "mlp" else "true")
        shown = {f"{name}.{key}": text(value) for key, value in settings.items()}
        assert shown.items() <= trained.params.items()
        about = read_json(place(run) / "best_params.json")[name]
        assert about == {
            "params": settings, "valid_crps": best["value"], "trials": 4, "stops_early": name != "mlp",
        }  # fmt: skip


def test_the_best_parameters_are_told_where_one_looks(first):
    run, output = first
    best = {name: about["params"] for name, about in read_json(place(run) / "best_params.json").items()}
    (pasted,) = [line for line in output.splitlines() if line.startswith("--models ")]
    words = shlex.split(pasted)
    assert words[:3] == ["--models", "har,mlp", "--model-params"]
    assert json.loads(words[3]) == best
    assert "Best har of 4 trials: valid_crps " in output
    assert pasted in run.data.tags["mlflow.note.content"]
    assert pipeline.make_context("main", words).params["model_params"] == best
    assert run.data.metrics["trials"] == 8
    assert len(run.data.metrics) <= 40


def test_the_verdict_knows_of_the_trials(first):
    run, output = first
    (judged,) = [child for child in children(run) if child.info.run_name == "evaluate"]
    assert judged.data.params["trials"] == "8"
    assert read_json(place(judged) / "verdict.json")["trials"] == 8
    assert "8 trials on earlier dates chose their settings" in " ".join(output.split())
    assert output.rstrip().endswith("Studies: optuna-dashboard sqlite:///optuna.db")


def test_the_pictures_of_a_study_are_there(first):
    run, _ = first
    for name in ("har", "mlp"):
        assert {path.name for path in (place(run) / "studies" / name).iterdir()} == {
            "history.svg", "importance.svg", "parallel_coordinates.svg", "slice.svg", "trials.csv",
        }  # fmt: skip


def test_the_same_command_again_makes_no_trial_and_has_all_of_them(first, home):
    before, _ = first
    run, _ = succeed(home / "bars.csv")
    assert [child.info.run_name for child in trials(run)] == [child.info.run_name for child in trials(before)]
    assert all("pricecast.reused_from" in child.data.tags for child in trials(run))
    for name in ("har", "mlp"):
        pd.testing.assert_frame_equal(table(run, name), table(before, name))


@pytest.mark.slow
def test_more_trials_go_on_with_the_study(first, home):
    before, _ = first
    run, _ = succeed(home / "bars.csv", "--n-trials", "5", "--models", "har")
    own = [child for child in trials(run) if "pricecast.reused_from" not in child.data.tags]
    assert [child.info.run_name for child in own] == ["trial 4 har"]
    assert len(trials(run)) == 5
    values = table(run, "har")
    pd.testing.assert_series_equal(values["value"].iloc[:4], table(before, "har")["value"])


def test_another_test_span_changes_no_trial_and_no_choice(first, home):
    before, _ = first
    run, _ = succeed(file(home, "other.csv", spoil=1.7))
    theirs = {child.info.run_name: child.data for child in trials(before)}
    assert len(trials(run)) == 8
    for child in trials(run):
        assert "pricecast.reused_from" not in child.data.tags
        assert child.data.params == theirs[child.info.run_name].params
        assert child.data.metrics == theirs[child.info.run_name].metrics
    for name in ("har", "mlp"):
        ours, other = (table(each, name) for each in (run, before))
        # Runs have other ids, and trials take another time.
        shown = [column for column in ours if column not in ("user_attrs_run", "duration")]
        pd.testing.assert_frame_equal(ours[shown], other[shown])
    crps = [each.data.metrics["test_crps"] for each in (run, before)]
    assert crps[0] != crps[1]


@pytest.mark.slow
def test_a_walk_through_the_past_has_the_epochs_of_all_folds(home):
    run, _ = succeed(home / "bars.csv", "--models", "mlp", "--n-trials", "2", "--walk-forward", "true")
    for trial in trials(run):
        curve = MlflowClient().get_metric_history(trial.info.run_id, "val_loss")
        assert len(curve) == 9  # three folds of three epochs
    # A walk is another study than the one on the validation span.
    assert all("pricecast.reused_from" not in trial.data.tags for trial in trials(run))


NOT_FINITE = "expected losses that stay finite, got nan: choose another learning rate"
# What a trial may raise, and what is said of it.
ERRORS = (
    (search.InputError(NOT_FINITE), NOT_FINITE),
    (np.linalg.LinAlgError("Singular matrix"), "Singular matrix"),
    (MemoryError(), "MemoryError"),
    (RuntimeError("not enough memory\nto allocate"), "not enough memory"),
)


@pytest.mark.slow
def test_a_trial_that_goes_wrong_is_given_up_and_the_study_goes_on(home, monkeypatch, caplog):
    real, errors = search.score_candidate, iter([None, *(error for error, _ in ERRORS)])

    def breaking(*args, **more):
        if error := next(errors, None):
            raise error
        return real(*args, **more)

    monkeypatch.setattr(search, "score_candidate", breaking)
    run, _ = succeed(home / "bars.csv", "--models", "har", "--n-trials", "6", "--seed", "5")
    assert table(run, "har")["state"].tolist() == ["COMPLETE", *["PRUNED"] * len(ERRORS), "COMPLETE"]
    lost = [child for child in trials(run) if child.data.tags["pricecast.trial"] == "pruned"]
    for number, (trial, (_, why)) in enumerate(zip(lost, ERRORS, strict=True), 1):
        assert f"trial {number} of har: given up: {why}" in caplog.messages
        assert trial.data.tags["mlflow.note.content"] == f"Given up: {why}."
        assert trial.info.status == "FINISHED"


def test_an_error_that_no_parameters_explain_ends_the_command(home, monkeypatch):
    def broken(*args, **more):
        raise TypeError("no such argument")

    monkeypatch.setattr(search, "score_candidate", broken)
    done = call(home / "bars.csv", "--models", "har", "--n-trials", "2", "--seed", "15")
    assert isinstance(done.exception, TypeError)
    run = parents()[-1]
    begun = children(run)[-1]
    assert (begun.info.run_name, begun.info.status, run.info.status) == ("trial 0 har", "FAILED", "FAILED")


@pytest.mark.slow
def test_a_trial_that_is_behind_the_others_is_given_up(home, monkeypatch):
    """Two folds of three epochs: the fourth trial is worse in the first, the fifth in the second."""
    monkeypatch.setattr(storage, "PRUNER", {"n_startup_trials": 2, "n_warmup_steps": 0})
    losses = iter([(1, 1), (1, 1), (1, 1), (9, 1), (1, 9)])

    def scripted(candidate, past, walked, metrics, on_epoch):
        for fold, loss in enumerate(next(losses)):
            for epoch in (1, 2, 3):
                on_epoch(fold, epoch, {"train_loss": 1.0, "val_loss": float(loss)})
        return search.TrialScores(dict.fromkeys(metrics, 1.0), (2,))

    monkeypatch.setattr(search, "score_candidate", scripted)
    run, _ = succeed(home / "bars.csv", "--models", "mlp", "--n-trials", "5", "--seed", "9")
    assert table(run, "mlp")["state"].tolist() == ["COMPLETE"] * 3 + ["PRUNED", "COMPLETE"]
    (lost,) = [child for child in trials(run) if child.data.tags["pricecast.trial"] == "pruned"]
    assert lost.data.tags["mlflow.note.content"] == "Given up after 1 epochs: behind the others."
    (trained,) = [child for child in children(run) if child.info.run_name.startswith("train mlp")]
    assert trained.data.params["mlp.epochs"] == "2"


@pytest.mark.slow
def test_a_model_none_of_whose_trials_is_sound_is_left_out(home, monkeypatch, caplog):
    real = search.score_candidate

    def breaking(candidate, *args, **more):
        if candidate.name == "mlp":
            raise search.InputError("expected losses that stay finite, got nan")
        return real(candidate, *args, **more)

    monkeypatch.setattr(search, "score_candidate", breaking)
    run, _ = succeed(home / "bars.csv", "--models", "drift,har,mlp", "--n-trials", "2", "--seed", "7")
    assert "left out: mlp, of whose 2 trials none was finished" in caplog.text
    assert "left out: drift, with nothing to tune" in caplog.text
    assert [child.info.run_name for child in children(run)][-3:] == ["train har seed=7", "evaluate", "audit"]


def test_the_time_is_shared_by_the_models(home, monkeypatch):
    given, clock = [], [1000.0]

    def work(study, objective, count, seed, until, first):
        given.append(until - clock[0])
        clock[0] += 10  # seconds that each takes

    monkeypatch.setattr(optimize, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    monkeypatch.setattr(studies, "work", work)
    call(home / "bars.csv", "--models", "har,mlp,lstm", "--timeout", "300", "--seed", "8")
    assert given == [100, 145, 280]


def test_a_study_without_a_sound_trial_says_so_and_fails(home, monkeypatch):
    def breaking(*args, **more):
        raise search.InputError("expected losses that stay finite, got nan: choose another learning rate")

    monkeypatch.setattr(search, "score_candidate", breaking)
    done = call(home / "bars.csv", "--models", "har", "--n-trials", "2", "--seed", "6")
    assert done.exit_code == 1
    assert "expected a trial that was finished, got none of 2" in done.output
    run = parents()[-1]
    assert run.info.status == "FAILED"
    # What was tried is not lost.
    assert table(run, "har")["state"].tolist() == ["PRUNED", "PRUNED"]
    assert ["finite" in each.data.tags["mlflow.note.content"] for each in trials(run)] == [True, True]


@pytest.mark.slow
def test_a_model_for_each_ticker_is_tuned_as_such(home):
    run, _ = succeed(home / "bars.csv", "--models", "mlp", "--n-trials", "2", "--per-ticker", "true")
    assert all("pricecast.reused_from" not in trial.data.tags for trial in trials(run))
    (trained,) = [child for child in children(run) if child.info.run_name.startswith("train mlp")]
    assert trained.data.params["per_ticker"] == "true"
    done = table(run, "mlp")
    epochs = done.loc[done["value"].idxmin(), "user_attrs_epochs"]
    assert trained.data.params["mlp.epochs"] == str(int(epochs))
    assert "val_loss" not in trained.data.metrics


@pytest.mark.slow
def test_the_trials_of_another_experiment_are_repeated_in_this_one(first, home):
    before, _ = first
    other = MlflowClient().create_experiment("elsewhere")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_EXPERIMENT_NAME", "elsewhere")
        done = call(home / "bars.csv", "--models", "har")
    assert done.exit_code == 0, done.output
    (run,) = [each for each in MlflowClient().search_runs([other]) if each.info.run_name.startswith("tune ")]
    theirs = {each.info.run_name for each in trials(before) if each.data.params["model"] == "har"}
    assert theirs <= {each.info.run_name for each in trials(run)}
    assert {each.info.experiment_id for each in trials(run)} == {other}


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        (("--models", "naive"), "something to tune"),
        (("--models", "oracle"), "oracle"),
        (("--timesteps", "30"), "timesteps of 1 to 20, got 30"),
        (("--model-params", '{"mlp": {"dropuot": 0.1}}'), "dropuot"),
        (("--lookback", "30"), "a lookback of 1 to 20, got 30"),
        (("--storage", "postgresql+psycopg://me@127.0.0.1:1/x?connect_timeout=2"), "a storage for studies"),
        (
            ("--timeout", "1", "--seed", "77", "--n-trials", "100000", "--models", "sarima"),
            "a trial that was finished",
        ),
    ],
)
def test_a_mistake_is_one_line_and_no_run(home, more, complaint, monkeypatch):
    before = len(parents())
    if "sarima" in more:
        # The time is over before the first trial.
        monkeypatch.setattr(studies, "work", lambda *args: None)
    done = call(home / "bars.csv", *more)
    assert done.exit_code in (1, 2)
    (line,) = [line for line in done.output.splitlines() if line.startswith("Error: ")]
    assert complaint in line
    # Time that is over is no mistake in the options.
    assert [run.info.status for run in parents()[before:]] == ["FAILED"] * ("sarima" in more)


@pytest.mark.parametrize("where", ["me:hidden@127.0.0.1:1/x", "me:hid?den@h/x", "me@h/x?passwd=hidden"])
def test_a_password_in_the_storage_is_refused_before_anything_is_logged(home, where):
    before = len(parents())
    done = call(home / "bars.csv", "--storage", f"postgresql+psycopg://{where}")
    assert done.exit_code == 2
    assert "without a password" in done.output
    assert "hid" not in done.output
    assert len(parents()) == before


@pytest.mark.slow
def test_a_study_that_is_killed_ten_times_loses_and_doubles_nothing():
    count = apart("studies")
    assert (count.tried, count.bad) == (10, [])


@pytest.mark.slow
def test_two_workers_share_a_study_on_postgresql():
    count = apart("studies", "on_postgresql")
    assert (count.tried, count.bad) == (1, [])
