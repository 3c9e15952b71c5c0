"""Folds of the past, and the walk through all folds."""

import os
import re
import signal
from functools import cache

import numpy as np
import pandas as pd
import pytest

from pricecast import models
from pricecast.audit import protocol
from pricecast.dataset import checks, dataset, splits
from pricecast.errors import InputError
from pricecast.evaluation.evaluate import evaluate, evaluate_walk
from pricecast.forecasting import fitting, forecaster, out_of_fold, replay, walk_forward, walk_plan
from pricecast.forecasting.calibration import calibrate
from pricecast.forecasting.executors import local
from pricecast.forecasting.out_of_fold import OutOfFold
from pricecast.forecasting.parity import TOLERANCE, difference
from pricecast.forecasting.settings import Settings
from pricecast.forecasting.walk_plan import Candidate, Plan
from pricecast.models import Forecast
from tests.support.market_samples import SMALL, market, same_bits, small_dataset

LONG = (("AAA", 900), ("BBB", 560))
BUILD = {"horizon": 3, "max_lookback": 20}


@cache
def data():
    return small_dataset(LONG)


def label_ends(rows):
    dates = data().features["date"].to_numpy()
    return dates[rows + data().spec.horizon]


def first_dates(rows):
    dates, last = data().features["date"].to_numpy(), ~data().features["ticker"].duplicated(keep="last").to_numpy()
    return np.where(last[rows], dates[rows], dates[np.minimum(rows + 1, len(dates) - 1)])


# --- one fold ----------------------------------------------------------------------------------------------


def test_a_fold_learns_from_labels_that_end_before_it_and_forecasts_from_its_start_on():
    start, stop, end = (pd.Timestamp(day) for day in ("2023-06-01", "2023-03-01", "2023-09-01"))
    fold = splits.fold(data().features, data().usable, 3, stop, start, end)
    assert (label_ends(fold.past) < start).all()
    assert (label_ends(fold.train) < stop).all()
    assert (first_dates(fold.valid) >= stop).all()
    assert (first_dates(fold.origins) >= start).all()
    assert (first_dates(fold.origins) < end).all()
    assert set(fold.train) | set(fold.valid) < set(fold.past)
    usable = np.flatnonzero(data().usable)
    assert set(fold.past) == {row for row in usable if label_known(row, start)}
    assert set(fold.origins) == {
        row for row in usable if start <= pd.Timestamp(first_dates(np.array([row]))[0]) < end
    }


def label_known(row, day):
    table = data().features
    ahead = table.iloc[row : row + 4]
    return len(ahead) == 4 and ahead["ticker"].nunique() == 1 and ahead["date"].iloc[3] < day


def test_the_fold_of_a_dataset_is_its_spans():
    fold = data().fold()
    assert fold.train.tolist() == data().origins("train").tolist()
    assert fold.valid.tolist() == data().origins("valid").tolist()
    assert fold.origins.tolist() == data().origins("test").tolist()
    assert set(fold.past) > set(fold.train) | set(fold.valid)


def test_folds_follow_one_another_without_a_gap():
    starts = [pd.Timestamp(day) for day in ("2023-01-02", "2023-06-01", "2024-01-02")]
    found = list(splits.walk_forward(data().features, data().usable, 3, starts, pd.Timestamp("2024-05-01")))
    together = np.concatenate([fold.origins for fold in found])
    whole = splits.fold(data().features, data().usable, 3, starts[0], starts[0], pd.Timestamp("2024-05-01"))
    assert sorted(together) == whole.origins.tolist()
    for fold in found:
        # A share of the dates before the fold, the newest ones, is there to stop early on.
        dates = data().features.loc[data().usable & (data().features["date"] < fold.start), "date"].unique()
        assert fold.valid_start == np.sort(dates)[-round(splits.STOP_SHARE * len(dates))]


# --- folds of the past -------------------------------------------------------------------------------------


def test_the_folds_of_the_past_know_nothing_of_the_test_span():
    test_start, valid_start = (pd.Timestamp(day) for day in (data().spec.test_start, data().spec.valid_start))
    found = out_of_fold.past_folds(data())
    assert len(found) == 3
    assert found[-1].start == valid_start
    for fold in found:
        assert (label_ends(fold.origins) < test_start).all()
        assert (label_ends(fold.past) < fold.start).all()
    assert set(data().origins("valid")) == set(found[-1].origins)


def test_a_ticker_is_forecast_once_there_is_enough_of_it():
    # BBB starts late: the first fold has nothing of it, and what little there is decides nothing.
    names = data().features["ticker"].to_numpy()
    counts = [(names[fold.past] == "BBB").sum() for fold in out_of_fold.past_folds(data())]
    assert counts[0] < checks.MIN_TRAIN < counts[-1]
    for fold, count in zip(out_of_fold.past_folds(data()), counts, strict=True):
        assert ("BBB" in names[fold.origins]) == (count >= checks.MIN_TRAIN)
        assert "AAA" in names[fold.origins]


def test_a_past_that_is_too_short_is_an_input_error():
    short = data().as_of(pd.Timestamp("2021-06-01"), pd.Timestamp("2021-06-20"))
    with pytest.raises(InputError, match="expected a past before 2021-06-20 that can be cut into folds"):
        out_of_fold.past_folds(short)


# --- as of -------------------------------------------------------------------------------------------------


def test_a_dataset_as_of_a_date_is_the_one_built_with_these_spans():
    days = {"valid_start": pd.Timestamp("2023-03-01"), "test_start": pd.Timestamp("2023-09-01")}
    built = dataset.build(market(LONG), **BUILD, **days)
    moved = data().as_of(*days.values())
    pd.testing.assert_frame_equal(moved.features, built.features)
    assert moved.spec == built.spec
    for name in ("X", "y"):
        mine, theirs = (getattr(each.scalers, name).learned["mean_"] for each in (moved, built))
        assert same_bits(mine, theirs)
    assert data().spec.test_start != built.spec.test_start


# --- the walk ----------------------------------------------------------------------------------------------


@cache
def walked(name):
    return walk_forward.walk_forward(
        name, models.settle(name, {}, SMALL), data(), walk_plan.newest_folds(data(), 3, 0.4)
    )


def test_the_folds_cover_the_newest_share_of_the_dates():
    found = walk_plan.newest_folds(data(), 3, 0.4)
    dates = np.sort(data().features["date"].unique())
    assert found[0].start == dates[round(0.6 * len(dates))]
    assert len(found) == 3
    sizes = [len(np.unique(first_dates(fold.origins))) for fold in found]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("name", ["naive", "ewma", "drift", "lstm"])
def test_every_fold_is_the_forecast_of_a_model_fitted_as_of_its_start(name):
    table, folds = walked(name), walk_plan.newest_folds(data(), 3, 0.4)
    past = None
    for fold in folds:
        own = data().as_of(fold.valid_start, fold.start)
        fitted = fitting.fit(name, models.settle(name, {}, SMALL), own)
        panel = own.panel()
        if models.about(name).calibrate:
            # Calibrated on whatever was forecast before: at first the folds of its past.
            past = fitted.past if past is None else past
            known = past.before(own, fold.start)
            cal = calibrate(known.forecast, panel, known.origins, True, True)
            fitted = forecaster.replace(fitted, calibration=cal)
            rows = fold.origins[panel.ahead[fold.origins] >= 3]
            past = out_of_fold.join([past, OutOfFold(rows, fitted.model.predict(panel, rows))])
        expected = fitted.table(panel, fold.origins, panel.close[fold.origins])
        mine = table.merge(expected[["ticker", "cutoff", "horizon"]], on=["ticker", "cutoff", "horizon"])
        pd.testing.assert_frame_equal(mine.drop(columns="fold"), expected)
    assert len(table) == 3 * sum(len(fold.origins) for fold in folds)


def test_nothing_that_comes_later_moves_a_fold():
    folds = walk_plan.newest_folds(data(), 3, 0.4)
    start = folds[1].start
    prices = market(LONG)
    later = prices["date"] >= start
    numbers = ["open", "high", "low", "close", "adj_close"]
    changed = prices.assign(**{name: prices[name].where(~later, prices[name] * 3) for name in numbers})
    other = dataset.build(changed, **BUILD)
    first = walk_forward.walk_forward(
        "lstm", models.settle("lstm", {}, SMALL), other, walk_plan.newest_folds(other, 3, 0.4)[:1]
    )
    columns = [name for name in first.columns if name != "actual"]
    same = first["date"] < start
    mine = walked("lstm").iloc[: len(first)]
    pd.testing.assert_frame_equal(first.loc[same, columns], mine.loc[same, columns])


def test_a_walk_is_scored_on_the_right_closes():
    assert protocol.scoring(walked("naive"), data().features) == []


def test_settings_reach_the_forecasters():
    folds = walk_plan.newest_folds(data(), 2, 0.2)
    plain = walk_forward.walk_forward("naive", {}, data(), folds, Settings(mondrian=False, online=False))
    assert not plain["q05"].equals(walk_forward.walk_forward("naive", {}, data(), folds)["q05"])


def candidate(name):
    return Candidate(name, models.settle(name, {}, SMALL))


# --- one fold ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["naive", "ewma", "har", "lstm"])
def test_one_fold_over_the_test_span_is_what_evaluate_makes_of_a_trained_model(name):
    own = candidate(name)
    trained = evaluate([fitting.fit(name, own.params, data())], data()).forecasts
    walked = walk_forward.walk_forward(name, own.params, data(), [data().fold()])
    expected = trained[trained["model"] == name].reset_index(drop=True)
    pd.testing.assert_frame_equal(walked.drop(columns="fold"), expected)


def test_too_many_folds_are_an_input_error():
    with pytest.raises(InputError, match="expected dates enough for 500 folds in the newest 40% of 900 dates"):
        walk_plan.newest_folds(data(), 500, 0.4)
    for count, share in ((2, 0.99), (1, 1e-6), (2, 1e-6)):
        with pytest.raises(InputError, match="take fewer folds"):
            walk_plan.newest_folds(data(), count, share)


# --- windows and refits ------------------------------------------------------------------------------------


def learned(plan, name="lstm"):
    """Data shown to the fit of each fold: the dates of its bars, of its first and of its last training origin."""
    seen = []

    def spy(model, stops, panel, fold, on_epoch=None):
        rows = fold.train if stops else fold.past
        seen.append(
            (panel.dates.min(), panel.dates[rows].min(), panel.dates[rows].max(), len(np.unique(panel.dates)))
        )
        return original(model, stops, panel, fold, on_epoch)

    original, own = fitting.learn, candidate(name)
    walked = walk_plan.newest_folds(data(), 4, 0.4)
    fits = [fit for fit in walk_plan.fits(own, data(), walked, plan) if fit.name.startswith("fold")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting, "learn", spy)
        found = [walk_forward.run_fit(fit, data()) for fit in fits]
    return walked, fits, found, seen


def test_a_rolling_window_keeps_its_length_and_an_expanding_one_its_start():
    dates = np.sort(data().features["date"].unique())
    longest = np.searchsorted(dates, walk_plan.newest_folds(data(), 4, 0.4)[0].start.to_datetime64())
    for name in ("lstm", "drift"):
        walked, _, _, rolling = learned(Plan(window="rolling"), name)
        for fold, (first, origin, last, count) in zip(walked, rolling, strict=True):
            before = dates[dates < fold.start.to_datetime64()]
            assert first == before[-longest]
            assert origin >= first
            assert last < fold.start.to_datetime64()
            assert count == len(dates[dates >= first])
        _, _, _, expanding = learned(Plan(), name)
        assert {entry[0] for entry in expanding} == {dates[0]}
        assert rolling[0] == expanding[0]
        assert rolling[-1][1] > expanding[-1][1]


def test_the_first_fold_is_the_same_whatever_the_window():
    walked = walk_plan.newest_folds(data(), 2, 0.3)
    tables = [
        walk_forward.walk_forward("lstm", candidate("lstm").params, data(), walked, plan=Plan(window=window))
        for window in ("expanding", "rolling")
    ]
    same = [table[table["fold"] == 1] for table in tables]
    pd.testing.assert_frame_equal(*same)
    assert not tables[0].equals(tables[1])


def test_a_series_model_in_a_rolling_window_starts_where_the_window_does():
    walked = walk_plan.newest_folds(data(), 2, 0.3)
    table = walk_forward.walk_forward("garch", {}, data(), walked, plan=Plan(window="rolling"))
    assert np.isfinite(table["q05"]).all()


def test_a_network_may_forecast_several_folds_and_is_calibrated_for_each():
    walked, fits, found, _ = learned(Plan(refit_every=3))
    assert [fit.name for fit in fits] == ["fold 1", "fold 4"]
    assert [fit.fold.start for fit in fits] == [walked[0].start, walked[3].start]
    own = candidate("lstm")
    table = walk_forward.walk_forward("lstm", own.params, data(), walked, plan=Plan(refit_every=3))
    every = walk_forward.walk_forward("lstm", own.params, data(), walked)
    same = [
        np.array_equal(table.loc[table["fold"] == fold, "q05"], every.loc[every["fold"] == fold, "q05"])
        for fold in (1, 2, 4)
    ]
    assert same[:2] == [True, False]
    assert set(table["fold"]) == {1, 2, 3, 4}
    for number in (1, 2, 3):
        assert np.isin(walked[number - 1].origins, found[0].origins).all()
    # What does not stop early takes no time: it is fitted anew in every fold.
    assert len(learned(Plan(refit_every=3), "drift")[1]) == 4


# --- parallel, and kept ------------------------------------------------------------------------------------


def test_parallel_fits_are_those_of_one_process():
    walked = walk_plan.newest_folds(data(), 2, 0.3)
    fits = [fit for name in ("har", "lstm", "ewma") for fit in walk_plan.fits(candidate(name), data(), walked)]
    alone, together = (dict(local.results(fits, data(), jobs)) for jobs in (1, 2))
    assert sorted(alone) == sorted(together) == list(range(len(fits)))
    for number, one in alone.items():
        assert np.array_equal(one.origins, together[number].origins)
        for part in ("center", "sigma", "quantiles"):
            ours, theirs = getattr(one.forecast, part), getattr(together[number].forecast, part)
            assert (ours is None and theirs is None) or same_bits(ours, theirs)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_model_that_fails_stops_no_other(jobs):
    walked = walk_plan.newest_folds(data(), 2, 0.3)
    sound, broken = (walk_plan.fits(Candidate(*each), data(), walked) for each in SOUND_AND_BROKEN)
    found = dict(local.results([*broken, *sound], data(), jobs))
    failures = {number: found.pop(number) for number in range(len(broken)) if number in found}
    assert sorted(found) == list(range(len(broken), len(broken) + len(sound)))
    # What was not begun when the first failure came in is not begun at all.
    assert 1 <= len(failures) <= (1 if jobs == 1 else len(broken))
    for failure in failures.values():
        assert re.match(r"knn cannot be fitted \((past|fold) \d\): expected 1 to \d+ neighbours", failure.reason)
        assert failure.trace.startswith("Traceback")


SOUND_AND_BROKEN = (("linear", {}), ("knn", {"neighbours": 0}))


@pytest.mark.slow
def test_a_process_that_is_killed_is_told_in_one_line(monkeypatch):
    walked = walk_plan.newest_folds(data(), 2, 0.3)
    fits = walk_plan.fits(Candidate("drift", {}), data(), walked)
    monkeypatch.setattr(local, "_child", shot)
    with pytest.raises(InputError, match="got one that was killed"):
        list(local.results(fits, data(), 2))


def shot(*args):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("parts", [(), ("sigma",), ("quantiles",)])
@pytest.mark.parametrize("n", [4, 0])
def test_recorded_forecasts_survive_a_table(parts, n):
    rng = np.random.default_rng(0)
    shapes = {"sigma": (n, 3), "quantiles": (n, 3, 7)}
    forecast = Forecast(rng.normal(size=(n, 3)), **{part: rng.normal(size=shapes[part]) for part in parts})
    found = OutOfFold(np.array([3, 5, 8, 13][:n], int), forecast)
    again = replay.from_table(replay.to_table(found))
    assert same_bits(again.origins, found.origins)
    for part in ("center", "sigma", "quantiles"):
        ours, theirs = getattr(forecast, part), getattr(again.forecast, part)
        assert (ours is None and theirs is None) or same_bits(ours, theirs)


def test_recorded_forecasts_answer_for_their_origins_alone():
    forecast = Forecast(np.arange(6.0).reshape(3, 2))
    model = replay.Replay(OutOfFold(np.array([2, 4, 9]), forecast), models.create("naive", {}))
    assert model.predict(None, np.array([9, 2])).center.tolist() == [[4, 5], [0, 1]]
    for odd in ([3], [10], [1], [2, 5]):
        with pytest.raises(InputError, match="origins that were forecast"):
            model.predict(None, np.array(odd))


# --- live equals backtest ----------------------------------------------------------------------------------


def parity(name, table=None, of=None):
    of = of or data()
    own, walked = candidate(name), walk_plan.newest_folds(of, 3, 0.4)
    held = walk_forward.walk_forward(name, own.params, of, walked) if table is None else table
    return difference(walk_forward.run_fit(walk_plan.parity_fit(own, of, walked[0]), of), of, held)


@pytest.mark.parametrize("name", ["naive", "ewma", "drift", "garch", "lstm", "knn"])
def test_a_bundle_of_its_time_forecasts_what_the_backtest_holds(name):
    assert parity(name) <= TOLERANCE


def test_a_model_that_looks_across_has_no_parity_while_a_ticker_is_too_young():
    assert np.isnan(parity("har"))
    assert parity("har", of=small_dataset((("AAA", 900), ("BBB", 880)))) <= TOLERANCE


def test_a_backtest_that_knew_more_is_found_out():
    held = walked("naive").copy()
    assert parity("naive", held) <= TOLERANCE
    held["q90"] *= 1.0001
    assert parity("naive", held) > TOLERANCE


def test_a_parity_that_fails_stops_the_verdict():
    folds = walk_plan.newest_folds(data(), 2, 0.3)
    own = [candidate("naive"), candidate("ewma")]
    fits = {
        each.name: [walk_plan.parity_fit(each, data(), folds[0]), *walk_plan.fits(each, data(), folds)]
        for each in own
    }
    found = {name: [walk_forward.run_fit(fit, data()) for fit in each] for name, each in fits.items()}
    evaluate_walk(own, data(), folds, found, Plan())
    off = found["naive"][0]
    moved = Forecast(off.forecast.center, quantiles=off.forecast.quantiles + 1e-4)
    found["naive"][0] = OutOfFold(off.origins, moved)
    with pytest.raises(InputError, match="a bundle of naive to forecast what the backtest holds"):
        evaluate_walk(own, data(), folds, found, Plan())
