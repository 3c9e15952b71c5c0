"""Folds of the past, and the walk through all folds."""

from functools import cache

import numpy as np
import pandas as pd
import pytest

from market_samples import SMALL, market, same_bits, small_dataset
from pricecast import backtest, dataset, forecaster, models, outoffold, splits
from pricecast.calibration import calibrate
from pricecast.errors import InputError
from pricecast.forecaster import Settings
from pricecast.guard import protocol
from pricecast.outoffold import OutOfFold

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
    found = list(splits.walk(data().features, data().usable, 3, starts, pd.Timestamp("2024-05-01")))
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
    found = outoffold.folds(data())
    assert len(found) == 3
    assert found[-1].start == valid_start
    for fold in found:
        assert (label_ends(fold.origins) < test_start).all()
        assert (label_ends(fold.past) < fold.start).all()
    assert set(data().origins("valid")) == set(found[-1].origins)


def test_a_ticker_is_forecast_once_there_is_enough_of_it():
    # BBB starts late: the first fold has nothing of it, and what little there is decides nothing.
    names = data().features["ticker"].to_numpy()
    counts = [(names[fold.past] == "BBB").sum() for fold in outoffold.folds(data())]
    assert counts[0] < dataset.MIN_TRAIN < counts[-1]
    for fold, count in zip(outoffold.folds(data()), counts, strict=True):
        assert ("BBB" in names[fold.origins]) == (count >= dataset.MIN_TRAIN)
        assert "AAA" in names[fold.origins]


def test_a_past_that_is_too_short_is_an_input_error():
    short = data().as_of(pd.Timestamp("2021-06-01"), pd.Timestamp("2021-06-20"))
    with pytest.raises(InputError, match="expected a past before 2021-06-20 that can be cut into folds"):
        outoffold.folds(short)


# --- as of -------------------------------------------------------------------------------------------------


def test_a_dataset_as_of_a_date_is_the_one_built_with_these_spans():
    days = {"valid_start": pd.Timestamp("2023-03-01"), "test_start": pd.Timestamp("2023-09-01")}
    built = dataset.build(market(LONG), **BUILD, **days)
    moved = data().as_of(*days.values())
    pd.testing.assert_frame_equal(moved.features, built.features)
    assert moved.spec == built.spec
    for name in ("X", "y"):
        assert same_bits(getattr(moved.scalers, name).mean_, getattr(built.scalers, name).mean_)
    assert data().spec.test_start != built.spec.test_start


# --- the walk ----------------------------------------------------------------------------------------------


@cache
def walked(name):
    return backtest.walk_forward(name, models.settle(name, {}, SMALL), data(), backtest.folds(data(), 3, 0.4))


def test_the_folds_cover_the_newest_share_of_the_dates():
    found = backtest.folds(data(), 3, 0.4)
    dates = np.sort(data().features["date"].unique())
    assert found[0].start == dates[round(0.6 * len(dates))]
    assert len(found) == 3
    sizes = [len(np.unique(first_dates(fold.origins))) for fold in found]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("name", ["naive", "ewma", "drift", "lstm"])
def test_every_fold_is_the_forecast_of_a_model_fitted_as_of_its_start(name):
    table, folds = walked(name), backtest.folds(data(), 3, 0.4)
    past = None
    for fold in folds:
        own = data().as_of(fold.valid_start, fold.start)
        fitted = forecaster.fit(name, models.settle(name, {}, SMALL), own)
        panel = own.panel()
        if models.about(name).calibrate:
            # Calibrated on whatever was forecast before: at first the folds of its past.
            past = fitted.past if past is None else past
            known = past.before(own, fold.start)
            cal = calibrate(known.forecast, panel, known.origins, True, True)
            fitted = forecaster.replace(fitted, calibration=cal)
            rows = fold.origins[panel.ahead[fold.origins] >= 3]
            past = outoffold.join([past, OutOfFold(rows, fitted.model.predict(panel, rows))])
        expected = fitted.table(panel, fold.origins, panel.close[fold.origins])
        mine = table.merge(expected[["ticker", "cutoff", "horizon"]], on=["ticker", "cutoff", "horizon"])
        pd.testing.assert_frame_equal(mine.drop(columns="fold"), expected)
    assert len(table) == 3 * sum(len(fold.origins) for fold in folds)


def test_nothing_that_comes_later_moves_a_fold():
    folds = backtest.folds(data(), 3, 0.4)
    start = folds[1].start
    prices = market(LONG)
    later = prices["date"] >= start
    numbers = ["open", "high", "low", "close", "adj_close"]
    changed = prices.assign(**{name: prices[name].where(~later, prices[name] * 3) for name in numbers})
    other = dataset.build(changed, **BUILD)
    first = backtest.walk_forward(
        "lstm", models.settle("lstm", {}, SMALL), other, backtest.folds(other, 3, 0.4)[:1]
    )
    columns = [name for name in first.columns if name != "actual"]
    same = first["date"] < start
    mine = walked("lstm").iloc[: len(first)]
    pd.testing.assert_frame_equal(first.loc[same, columns], mine.loc[same, columns])


def test_a_walk_is_scored_on_the_right_closes():
    assert protocol.scoring(walked("naive"), data().features) == []


def test_settings_reach_the_forecasters():
    folds = backtest.folds(data(), 2, 0.2)
    plain = backtest.walk_forward("naive", {}, data(), folds, Settings(mondrian=False, online=False))
    assert not plain["q05"].equals(backtest.walk_forward("naive", {}, data(), folds)["q05"])
