"""Calibration by volatility regime, and what a forecaster keeps of it."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from pricecast import models
from pricecast.data.sources import Request, load
from pricecast.dataset import ordinary
from pricecast.dataset.dataset import build
from pricecast.errors import InputError
from pricecast.forecasting import fitting
from pricecast.forecasting.calibration import (
    CRITICAL,
    LARGEST_ERROR,
    MIN_DAYS,
    OUTSIDE_APART,
    RATE,
    SIZE_APART,
    Calibration,
    calibrate,
    odd_tickers,
    regimes,
)
from pricecast.models import Forecast
from pricecast.schema import MEDIAN
from pricecast.statistics import conformal
from tests.support import pathologies
from tests.support.market_samples import small_dataset

LONG = (("AAA", 2400), ("BBB", 2300))


@cache
def long_panel():
    data = small_dataset(LONG)
    return data.panel(), data.origins("train")


def nothing(panel, origins):
    return Forecast(np.zeros((len(origins), panel.spec.horizon)))


def tercile(values, own, row):
    """By counting: how many thirds of the ticker's values lie below."""
    cuts = np.quantile(values[own], [1 / 3, 2 / 3])
    return 1 + int(values[row] > cuts[0]) + int(values[row] > cuts[1])


def test_a_regime_is_a_tercile_of_its_own_ticker():
    panel, origins = long_panel()
    found = calibrate(nothing(panel, origins), panel, origins, True, False)
    scale, tickers = panel.scale[origins], panel.tickers[origins]
    got = regimes(tickers, scale, found.thresholds)
    assert got.tolist() == [tercile(scale, tickers == tickers[row], row) for row in range(len(origins))]
    for ticker in ("AAA", "BBB"):
        counts = np.bincount(got[tickers == ticker], minlength=4)
        assert counts[0] == 0
        assert max(counts[1:]) - min(counts[1:]) <= 1
    assert regimes(np.array(["ZZZ"]), np.array([0.01]), found.thresholds).tolist() == [0]


def test_each_regime_is_calibrated_on_its_own_days():
    panel, origins = long_panel()
    found = calibrate(nothing(panel, origins), panel, origins, True, False)
    own = regimes(panel.tickers[origins], panel.scale[origins], found.thresholds)
    assert found.offsets.shape == (4, panel.spec.horizon, 7)
    for regime in range(4):
        rows = origins if regime == 0 else origins[own == regime]
        assert len(np.unique(panel.dates[rows])) > MIN_DAYS * panel.spec.horizon
        expected = conformal.fit(nothing(panel, rows), panel.returns(rows), panel.unit(rows), panel.dates[rows])
        np.testing.assert_array_equal(found.offsets[regime], expected)
    quantiles = found.apply(nothing(panel, origins), panel, origins)
    for row in (0, 100, 700):
        expected = found.offsets[own[row]] * panel.unit(origins[[row]])[0][:, None]
        np.testing.assert_allclose(quantiles[row], expected, rtol=1e-12)


def test_a_regime_with_few_days_is_calibrated_with_the_others():
    panel, origins = long_panel()
    # 3 * 150 days: enough for one day ahead (100), not for two.
    own = origins[panel.tickers[origins] == "AAA"][:450]
    found = calibrate(nothing(panel, own), panel, own, True, False)
    for regime in range(1, 4):
        assert (found.offsets[regime, 1:] == found.offsets[0, 1:]).all()
        assert (found.offsets[regime, 0] != found.offsets[0, 0]).any()


def test_it_is_days_that_a_regime_needs_and_not_rows():
    panel, origins = long_panel()
    # Two tickers on 160 days: 106 rows and more in each regime, but fewer than a hundred days in one.
    last = np.unique(panel.dates[origins])[-160:]
    own = origins[np.isin(panel.dates[origins], last)]
    found = calibrate(nothing(panel, own), panel, own, True, False)
    got = regimes(panel.tickers[own], panel.scale[own], found.thresholds)
    days = [len(np.unique(panel.dates[own][got == regime])) for regime in (1, 2, 3)]
    assert min(days) < MIN_DAYS < max(days)
    for regime in (1, 2, 3):
        alike = (found.offsets[regime, 0] == found.offsets[0, 0]).all()
        assert alike == (days[regime - 1] < MIN_DAYS)


def test_switched_off_there_is_one_regime_and_no_following():
    panel, origins = long_panel()
    found = calibrate(nothing(panel, origins), panel, origins, False, False)
    assert found.offsets.shape == (1, panel.spec.horizon, 7)
    assert (dict(found.thresholds), found.rate) == ({}, 0)
    assert calibrate(nothing(panel, origins), panel, origins, False, True).rate == RATE


def test_following_goes_ticker_by_ticker():
    panel, origins = long_panel()
    found = calibrate(nothing(panel, origins), panel, origins, True, True)
    forecast = nothing(panel, origins)
    quantiles = found.apply(forecast, panel, origins)
    together = found.follow(quantiles, forecast, panel, origins)
    for ticker in ("AAA", "BBB"):
        own = panel.tickers[origins] == ticker
        alone = found.follow(quantiles[own], forecast.take(own), panel, origins[own])
        np.testing.assert_array_equal(together[own], alone)
    assert (together != quantiles).any()


def test_following_moves_by_the_models_own_volatility():
    panel, origins = long_panel()
    own = origins[panel.tickers[origins] == "AAA"]
    sigma = panel.unit(own) * np.random.default_rng(0).uniform(0.5, 2, (len(own), 1))
    forecast = Forecast(np.zeros_like(sigma), sigma=sigma)
    found = calibrate(forecast, panel, own, True, True)
    quantiles = found.apply(forecast, panel, own)
    expected = conformal.follow(quantiles, panel.returns(own), sigma, RATE)
    np.testing.assert_array_equal(found.follow(quantiles, forecast, panel, own), expected)


# --- odd tickers -------------------------------------------------------------------------------------------


@cache
def panel_of(kind):
    data = build(pathologies.market(kind), horizon=3, max_lookback=30)
    return data.panel(), data.origins("train")


@pytest.mark.parametrize("kind", [None, "ordinary"])
def test_no_ordinary_ticker_is_odd(kind):
    panel, origins = panel_of(kind)
    assert len(odd_tickers(nothing(panel, origins), panel, origins)) == 0


@pytest.mark.parametrize(
    "kind", ["sticky", "half sticky", "line", "bounce", "spikes", "wild", "constant", "sine", "weekly"]
)
def test_a_ticker_whose_moves_are_of_another_kind_is_odd(kind):
    panel, origins = panel_of(kind)
    assert odd_tickers(nothing(panel, origins), panel, origins).tolist() == [pathologies.FIFTH]


@pytest.mark.parametrize(("factor", "odd"), [(0.5, ["EEE"]), (0.9, []), (1.1, []), (2.0, ["EEE"])])
def test_a_ticker_for_which_a_model_has_another_volatility_is_odd(factor, odd):
    panel, origins = panel_of("ordinary")
    own = panel.tickers[origins] == pathologies.FIFTH
    sigma = panel.unit(origins) * np.where(own, factor, 1.0)[:, None]
    assert odd_tickers(Forecast(np.zeros_like(sigma), sigma=sigma), panel, origins).tolist() == odd


@pytest.mark.parametrize("kind", ["ordinary", "wild", "broken peg"])
def test_errors_are_held_against_the_median_as_a_plain_loop_does_it(kind):
    panel, origins = panel_of(kind)
    actual, unit = panel.returns(origins), panel.unit(origins)
    offsets = conformal.fit(nothing(panel, origins), actual, unit)
    expected = set(ordinary.unusual(panel.tickers[origins], panel.moves(origins)[:, 0]))
    names = sorted(set(panel.tickers[origins]))
    for step in range(3):
        sizes, outside, worth = {}, {}, {}
        for ticker in names:
            errors, misses = [], 0
            for row in np.flatnonzero(panel.tickers[origins] == ticker):
                low, high = offsets[step, [0, -1]] * unit[row, step]
                errors.append(min(abs(actual[row, step]) / (high - low), LARGEST_ERROR))
                misses += not low <= actual[row, step] <= high
            sizes[ticker], outside[ticker] = np.mean(errors), misses / len(errors)
            worth[ticker] = len(errors) / (step + 1)
        for ticker in names:
            size = abs(np.log(sizes[ticker] / np.median(list(sizes.values()))))
            share = abs(outside[ticker] - np.median(list(outside.values())))
            root = np.sqrt(worth[ticker])
            if size > SIZE_APART + CRITICAL / root or share > OUTSIDE_APART + CRITICAL * 0.3 / root:
                expected.add(ticker)
    assert odd_tickers(nothing(panel, origins), panel, origins).tolist() == sorted(expected)


def test_a_ticker_that_is_outside_of_its_intervals_too_often_is_odd():
    panel, origins = panel_of("ordinary")
    own = np.flatnonzero(panel.tickers[origins] == pathologies.FIFTH)
    sigma, actual = panel.unit(origins).copy(), np.abs(panel.returns(origins))
    # Large errors that were inside come to lie just outside, which hardly moves their mean size.
    for step in range(3):
        rows = own[(actual[own, step] > sigma[own, step]) & (actual[own, step] < 1.6 * sigma[own, step])]
        sigma[rows, step] = actual[rows, step] / 2.2
    assert odd_tickers(Forecast(np.zeros_like(sigma), sigma=sigma), panel, origins).tolist() == [pathologies.FIFTH]


def test_an_odd_ticker_is_calibrated_by_itself_and_the_others_as_if_it_were_not_there():
    panel, origins = panel_of("sticky")
    found = calibrate(nothing(panel, origins), panel, origins, True, True)
    own = panel.tickers[origins] == pathologies.FIFTH
    others = origins[~own]
    alone = calibrate(nothing(panel, others), panel, others, True, True)
    np.testing.assert_array_equal(found.offsets, alone.offsets)
    assert found.thresholds == alone.thresholds
    rows = origins[own]
    expected = conformal.fit(nothing(panel, rows), panel.returns(rows), panel.unit(rows), panel.dates[rows])
    # 500 days and more: enough for each horizon.
    np.testing.assert_array_equal(found.own[pathologies.FIFTH], expected)
    quantiles = found.apply(nothing(panel, rows), panel, rows)
    np.testing.assert_array_equal(quantiles, conformal.apply(nothing(panel, rows), expected, panel.unit(rows)))


def test_an_odd_ticker_with_few_days_is_calibrated_with_the_others():
    panel, origins = panel_of("sticky")
    own = np.flatnonzero(panel.tickers[origins] == pathologies.FIFTH)
    few = np.delete(origins, own[MIN_DAYS + 50 :])
    found = calibrate(nothing(panel, few), panel, few, False, False)
    alone = found.own[pathologies.FIFTH]
    assert (alone[0] != found.offsets[0, 0]).any()
    np.testing.assert_array_equal(alone[1:], found.offsets[0, 1:])


def test_a_halt_leaves_no_mark_on_the_intervals_after_it():
    panel, origins = panel_of("resumed")
    own = panel.tickers[origins] == pathologies.FIFTH
    for rows in (origins, origins[own]):
        found = calibrate(nothing(panel, rows), panel, rows, False, False)
        assert found.own == {}
        quantiles = found.apply(nothing(panel, origins[own]), panel, origins[own])
        actual = panel.returns(origins[own])[:, 0]
        inside = (quantiles[:, 0, 0] <= actual) & (actual <= quantiles[:, 0, -1])
        assert inside[actual != 0].mean() > 0.87


def test_where_all_tickers_are_odd_they_are_calibrated_together():
    panel, origins = panel_of("sticky")
    rows = origins[panel.tickers[origins] == pathologies.FIFTH]
    found = calibrate(nothing(panel, rows), panel, rows, False, False)
    assert odd_tickers(nothing(panel, rows), panel, rows).tolist() == [pathologies.FIFTH]
    expected = conformal.fit(nothing(panel, rows), panel.returns(rows), panel.unit(rows), panel.dates[rows])
    np.testing.assert_array_equal(found.offsets[0], expected)
    assert found.own == {}


def test_days_that_teach_nothing_calibrate_nothing():
    panel, origins = panel_of("print")
    found = calibrate(nothing(panel, origins), panel, origins, False, False)
    taught = panel.ordinary(origins)
    expected = conformal.fit(nothing(panel, taught), panel.returns(taught), panel.unit(taught), panel.dates[taught])
    assert len(taught) < len(origins)
    np.testing.assert_array_equal(found.offsets[0], expected)


def test_offsets_of_its_own_come_back_from_json_bit_for_bit():
    panel, origins = panel_of("sticky")
    found = calibrate(nothing(panel, origins), panel, origins, True, True)
    again = Calibration.from_json(found.to_json(), panel.spec.horizon)
    assert list(again.own) == [pathologies.FIFTH]
    np.testing.assert_array_equal(again.own[pathologies.FIFTH], found.own[pathologies.FIFTH])


# --- over the horizons -------------------------------------------------------------------------------------


@cache
def ten_days(source):
    if source == "synthetic":
        return small_dataset(LONG, horizon=10)
    return build(load(Request("sample", ("AAPL", "IBM"), None, None, "", None, 0)), horizon=10)


def turned_back(quantiles):
    """Share of forecasts whose edges come nearer to the median for a later day."""
    return (np.diff(np.abs(quantiles), axis=1) < -1e-12).any(axis=(1, 2)).mean()


@pytest.mark.parametrize("name", ["naive", "har"])
@pytest.mark.parametrize("source", ["sample", "synthetic"])
def test_no_interval_is_narrower_for_a_later_day_and_coverage_stays(source, name):
    data = ten_days(source)
    smooth = fitting.fit(name, {}, data)
    rough = replace(smooth, calibration=replace(smooth.calibration, smooth=False))
    panel, origins = data.panel(), data.origins("test")
    after, before = (forecaster.quantiles(panel, origins) for forecaster in (smooth, rough))
    # Every median is the last close, so that edges and their distances from it are the same.
    assert (after[:, :, MEDIAN] == 0).all()
    assert turned_back(before) > 0.05
    assert turned_back(after) == 0
    known = panel.ahead[origins] >= 10
    actual = panel.returns(origins)[known, :, None]
    was, now = ((actual <= quantiles[known]).mean(axis=(0, 1)) for quantiles in (before, after))
    # The standard error of a coverage over so many days is a whole point and more.
    np.testing.assert_allclose(now, was, atol=0.002)


def test_what_is_smooth_is_kept_in_the_file_and_a_calibration_of_before_is_not():
    panel, origins = long_panel()
    found = calibrate(nothing(panel, origins), panel, origins, False, False)
    assert Calibration.from_json(found.to_json(), panel.spec.horizon).smooth
    rough = Calibration.from_json({**found.to_json(), "smooth": False}, panel.spec.horizon)
    quantiles = found.apply(nothing(panel, origins), panel, origins)
    assert rough.smoothed(quantiles, nothing(panel, origins), panel, origins) is quantiles


@pytest.mark.parametrize("mondrian", [True, False])
def test_it_comes_back_from_json_bit_for_bit(mondrian):
    panel, origins = long_panel()
    found = calibrate(nothing(panel, origins), panel, origins, mondrian, True)
    again = Calibration.from_json(found.to_json(), panel.spec.horizon)
    np.testing.assert_array_equal(again.offsets, found.offsets)
    assert (dict(again.thresholds), again.rate) == (dict(found.thresholds), found.rate)


@pytest.mark.parametrize("change", [
    {"offsets": [[[0.0] * 7] * 3] * 3}, {"offsets": [[[0.0] * 6] * 3] * 4}, {"offsets": "many"},
    {"offsets": [[0.0]]}, {"offsets": [[[1e10] * 7] * 3] * 4},
    {"offsets": [[[float("nan")] * 7] * 3] * 4}, {"thresholds": {"AAA": [1.0]}}, {"thresholds": []}, {"rate": -1},
    {"rate": 2}, {"rate": "fast"}, {"own": []}, {"own": {"AAA": [[0.0] * 7] * 2}}, {"own": {"AAA": "many"}},
    {"own": {"AAA": [[float("inf")] * 7] * 3}}, {"own": {"AAA": [[1e10] * 7] * 3}}, {"thresholds": {}}, {"more": 1},
    {"smooth": 1}, {"smooth": None},
])  # fmt: skip
def test_what_is_no_calibration_is_refused(change):
    panel, origins = long_panel()
    sound = calibrate(nothing(panel, origins), panel, origins, True, True).to_json()
    with pytest.raises(InputError, match="expected calibration offsets of the shape"):
        Calibration.from_json({**sound, **change}, panel.spec.horizon)


def test_only_ewma_keeps_its_own_quantiles():
    assert [name for name in models.names() if not models.about(name).calibrate] == ["ewma"]
