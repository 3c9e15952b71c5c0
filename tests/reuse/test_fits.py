"""Fits of backtests are kept and taken up again: whenever they are equal, whole and sound, and never else."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from mlflow import MlflowClient

from flow_steps import backtest as step
from flow_steps.reuse import closure, copies
from flow_steps.reuse.fits import FOLDER
from flow_steps.runs import tracking
from pricecast import models
from pricecast.evaluation import scores
from pricecast.files import digest_text, read_parquet, write_parquet
from pricecast.forecasting import walk_plan
from pricecast.forecasting.settings import DEFAULTS
from pricecast.forecasting.walk_plan import Candidate, Plan
from tests.support import walked
from tests.support.market_samples import SMALL, same_bits, small_dataset
from tests.support.stress import ROOT, apart

# MLflow declares a relation in a way that SQLAlchemy 2.1 has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")
PLAN = Plan(folds=2, share=0.3)
DAMAGE = {
    "a flipped bit": lambda data: flipped(data, len(data) // 2),
    "a flipped bit in the footer": lambda data: flipped(data, len(data) - 12),
    "half a file": lambda data: data[: len(data) // 2],
    "an empty file": lambda data: b"",
    "a byte more": lambda data: data + b"\0",
}
FAST = ("a flipped bit", "half a file")
JUDGES = (
    "evaluation/scores",
    "evaluation/verdict",
    "evaluation/questions",
    "evaluation/by_fold",
    "evaluation/metrics",
    "evaluation/evaluate",
    "evaluation/trading",
    "report/plots/folds",
    "statistics/significance",
)


def flipped(data, place):
    return data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :]


class Store:
    """A store, and what backtests in it fit, without the judgement behind them."""

    def __init__(self, patch):
        self.patch, self.data = patch, small_dataset(walked.LONG, horizon=2)
        self.run = self.folder = None

    def fitted(self, names="drift", plan=PLAN, settings=DEFAULTS, seed=0, data=None, **params):
        """Fits naive, ewma and the named models unless they are kept; returns what was fitted and all forecasts."""
        data = data or self.data
        walk = walk_plan.newest_folds(data, plan.folds, plan.share)
        wanted = {}
        for name in (*scores.NAIVES, *filter(None, names.split(","))):
            own = params.get(name, {}) | models.settle(
                name, {}, {**SMALL, "seed": seed} if name == "forest" else {}
            )
            each = Candidate(name, own, settings)
            wanted[name] = [
                walk_plan.parity_fit(each, data, walk[0]),
                *walk_plan.fits(each, data, walk, plan),
            ]
        digest = digest_text(str(data.features.to_numpy().tolist()))
        with walked.counted(self.patch) as made, tracking.open_run("backtest", {}, {"step": "backtest"}) as run:
            found, _ = step._fitted(run, wanted, data, digest)
        self.run = run.run_id
        self.folder = walked.place(MlflowClient().get_run(run.run_id)) / FOLDER
        return made, found

    def again(self, *args, **more):
        """Fits that are made anew."""
        return self.fitted(*args, **more)[0]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    with walked.home(tmp_path_factory.mktemp("fits")):
        store = Store(pytest.MonkeyPatch())
        store.first = store.fitted()
        yield store


@pytest.fixture
def alone(tmp_path):
    """A store with nothing but the fits of naive and ewma."""
    with walked.home(tmp_path):
        store = Store(pytest.MonkeyPatch())
        store.first = store.fitted("")
        yield store


@pytest.fixture
def code(tmp_path, monkeypatch):
    """A copy of the project's packages that the keys are made of, for a test to change."""
    for name in closure.PACKAGES:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(closure, "ROOT", tmp_path)
    return tmp_path


def change(path):
    path.write_text(path.read_text(encoding="utf-8") + "\n# changed\n", encoding="utf-8")


def same(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name, found in ours.items():
        for one, other in zip(found, theirs[name], strict=True):
            assert np.array_equal(one.origins, other.origins)
            for part in ("center", "sigma", "quantiles"):
                a, b = getattr(one.forecast, part), getattr(other.forecast, part)
                assert (a is None and b is None) or same_bits(a, b), (name, part)


def names(fits):
    return {fit.partition(", ")[0] for fit in fits}


def places(fits):
    return {fit.partition(", ")[2] for fit in fits}


# --- what is equal is not fitted again ---------------------------------------------------------------------


def test_every_fit_is_made_once_and_kept(made):
    fits, _ = made.first
    assert len(fits) == len(set(fits)) == 15
    every = {"parity", "past 1", "past 2", "past 3", "fold 1", "fold 2"}
    assert places(fit for fit in fits if fit.startswith("drift")) == every
    # ewma keeps its own quantiles, so nothing of its past is needed.
    assert places(fit for fit in fits if fit.startswith("ewma")) == {"parity", "fold 1", "fold 2"}


def test_nothing_is_fitted_twice_and_the_forecasts_are_the_same_to_the_last_bit(made):
    fits, found = made.fitted()
    assert fits == []
    same(found, made.first[1])
    # The run holds what it has taken up, so the first one may go.
    assert len(list(made.folder.iterdir())) == 15
    assert copies.is_intact(made.run)


def test_one_model_more_fits_that_one_alone(made):
    fits, found = made.fitted("drift,linear")
    assert names(fits) == {"linear"}
    same({name: found[name] for name in made.first[1]}, made.first[1])


def test_changed_code_of_the_judge_fits_nothing(made, code):
    for name in JUDGES:
        change(code / "pricecast" / f"{name}.py")
    assert made.again() == []


@pytest.mark.parametrize(
    ("file", "fitted"), [("models/drift.py", {"drift"}), ("dataset/features.py", {"naive", "ewma", "drift"})]
)
def test_changed_code_of_a_model_fits_that_model(made, code, file, fitted):
    change(code / "pricecast" / file)
    assert names(made.again()) == fitted


# --- what differs is never taken ---------------------------------------------------------------------------


@pytest.mark.parametrize("switch", ["mondrian", "online"])
def test_how_forecasts_are_calibrated_makes_bundles_anew_and_no_fold(made, switch):
    assert places(made.again(settings=replace(DEFAULTS, **{switch: False}))) == {"parity"}


def test_another_window_or_number_of_folds_makes_other_folds_of_the_same_past(made):
    assert places(made.again(plan=replace(PLAN, window="rolling"))) == {"fold 1", "fold 2"}
    # The first fold ends earlier, and the second begins there.
    assert places(made.again(plan=replace(PLAN, folds=3))) == {"fold 1", "fold 2", "fold 3", "parity"}
    assert places(made.again(plan=replace(PLAN, share=0.31))) == places(made.first[0])


@pytest.mark.slow
def test_another_setting_seed_or_parameter_makes_other_fits(made):
    for switch in ({"per_ticker": True}, {"early_stopping": False}):
        assert "drift, fold 1" in made.again(settings=replace(DEFAULTS, **switch))
    first = made.again("forest")
    assert names(first) == {"forest"}
    assert made.again("forest") == []
    assert set(made.again("forest", seed=1)) == set(first)


def test_another_dataset_takes_no_fit_of_this_one(made):
    other = small_dataset(walked.LONG, horizon=2, seed=1)
    assert set(made.again(data=other)) == set(made.first[0])
    assert made.again(data=other) == []


def test_a_fold_of_one_day_is_not_taken_for_the_bundle_of_that_day(alone):
    # Both learn from the same rows then, and forecast the same ones, but a bundle's forecast is calibrated.
    plan = Plan(folds=1, share=0.0015)
    fits, first = alone.fitted("drift", plan)
    assert {"drift, parity", "drift, fold 1"} <= set(fits)
    repeated, second = alone.fitted("drift", plan)
    assert repeated == []
    same(first, second)
    assert len({path.name.partition("-")[0] for path in alone.folder.iterdir()}) == len(fits)


# --- what is damaged is never taken ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "damage", [pytest.param(name, marks=[] if name in FAST else pytest.mark.slow) for name in DAMAGE]
)
def test_a_damaged_file_is_a_miss_and_fitted_anew(alone, damage):
    files = sorted(alone.folder.iterdir())
    whole = {path.name: path.read_bytes() for path in files}
    for path in files[::3]:
        path.write_bytes(DAMAGE[damage](path.read_bytes()))
    fits, found = alone.fitted("")
    assert len(fits) == len(files[::3])
    same(found, alone.first[1])
    # What was fitted anew is what was there, to the last byte.
    assert {path.name: path.read_bytes() for path in alone.folder.iterdir()} == whole


def test_a_sound_table_under_the_name_of_another_is_a_miss(alone):
    first, second, *_ = sorted(alone.folder.iterdir())
    table = read_parquet(first)
    write_parquet(table.assign(center_1=table["center_1"] + 0.01), first)
    shutil.copy(first, second)
    fits, found = alone.fitted("")
    assert len(fits) == 2
    same(found, alone.first[1])


def test_what_vanished_is_a_miss(alone):
    next(alone.folder.iterdir()).unlink()
    assert len(alone.again("")) == 1
    for one in walked.backtests():
        shutil.rmtree(walked.place(one))
    fits, found = alone.fitted("")
    assert len(fits) == 9
    same(found, alone.first[1])


def test_fits_of_a_deleted_run_are_not_taken(alone):
    MlflowClient().delete_run(alone.run)
    assert len(alone.again("")) == 9


def test_copies_of_a_reused_backtest_do_not_hide_its_fits(alone, monkeypatch):
    monkeypatch.setattr("flow_steps.reuse.fits._MOST_RUNS", 1)
    with tracking.open_run("pipeline", {}, {}):
        for _ in range(3):
            copies.copy_run(alone.run)
    assert alone.again("") == []


# --- whole backtests ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_killed_backtest_leaves_nothing_running_and_its_fits_are_taken_up():
    count = apart("fits")
    assert (count.tried, count.bad) == (8, [])


@pytest.mark.slow
def test_fits_are_kept_by_a_server_too():
    count = apart("fits", "through_server")
    assert (count.tried, count.bad) == (1, [])
