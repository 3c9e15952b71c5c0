import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

from pricecast.models import Forecast
from pricecast.schema import MEDIAN, QUANTILE_LEVELS
from pricecast.statistics.conformal import apply, conformal_quantile, fit, follow, normal_quantiles

LEVELS = np.array(QUANTILE_LEVELS)
ODD = (0.01, 1 / 3, 0.5, 0.99, *QUANTILE_LEVELS)
NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)


def slow_quantile(scores, level):
    """Sorts each column and counts to the rank, by exact fractions of a hundredth."""
    result = []
    for column in scores.T:
        ordered = sorted(column)
        rank_in_full = round((len(ordered) + 1) * level, 9)
        rank = math.ceil(rank_in_full) if level > 0.5 else math.floor(rank_in_full)
        result.append(ordered[max(1, min(rank, len(ordered))) - 1])
    return result


def rows(n, h, value=0.0):
    return np.full((n, h), value)


def spread(center, sigma):
    """Quantiles of a normal distribution, as a quantile model would give them."""
    return center[:, :, None] + sigma[:, :, None] * stats.norm.ppf(LEVELS)


# --- the order statistic -----------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(
    scores=arrays.arrays(float, st.tuples(st.integers(1, 60), st.integers(1, 3)), elements=NUMBERS),
    level=st.sampled_from(ODD),
)
def test_the_conformal_quantile_equals_a_sorted_list(scores, level):
    before = scores.copy()
    assert conformal_quantile(scores, level).tolist() == slow_quantile(scores, level)
    np.testing.assert_array_equal(scores, before)


@pytest.mark.parametrize(
    ("n", "level", "rank"),
    [(19, 0.05, 1), (19, 0.95, 19), (99, 0.05, 5), (99, 0.95, 95), (99, 0.5, 50), (100, 0.95, 96), (100, 0.05, 5),
     (100, 0.9, 91), (100, 0.1, 10), (9, 0.95, 9), (9, 0.05, 1), (999, 0.9, 900), (1, 0.5, 1),
     (99, 0.29, 29), (99, 0.55, 55)],
)  # fmt: skip
def test_the_rank_is_exact(n, level, rank):
    # 100 * .29 is 28.999999999999996 and 100 * .55 is 55.00000000000001 to a computer.
    scores = np.random.default_rng(0).permutation(np.arange(1.0, n + 1))[:, None]
    assert conformal_quantile(scores, level) == [rank]


def test_exchangeable_residuals_are_covered_as_promised():
    # The chance to fall below the k-th of n residuals is k / (n + 1) on average, whatever their law.
    rng, n, draws = np.random.default_rng(0), 199, 2000
    scores = rng.standard_t(3, (n, draws))
    for level in QUANTILE_LEVELS:
        covered = stats.t.cdf(conformal_quantile(scores, level), 3)
        error = covered.std() / np.sqrt(draws)
        assert covered.mean() == pytest.approx(level, abs=1 / (n + 1) + 3 * error)
        sign = 1 if level > 0.5 else -1
        assert sign * (covered.mean() - level) > -3 * error


# --- from the three kinds of output ------------------------------------------------------------------------


def outputs(kind, center, sigma):
    return {
        "center": Forecast(center),
        "sigma": Forecast(center, sigma=sigma),
        "quantiles": Forecast(center, quantiles=spread(center, sigma)),
    }[kind]


@pytest.mark.parametrize("kind", ["center", "sigma", "quantiles"])
def test_calibrated_quantiles_keep_their_promise_out_of_sample(kind):
    # A model that is twice too sure, on returns with heavy tails whose volatility differs from row to row.
    rng, n, h = np.random.default_rng(1), 4000, 2
    unit = np.exp(rng.normal(-4, 0.5, (2 * n, h)))
    actual = unit * rng.standard_t(4, (2 * n, h))
    center = 0.1 * unit * rng.standard_normal((2 * n, h))
    forecast, later = (outputs(kind, center[part], unit[part] / 2) for part in (slice(0, n), slice(n, 2 * n)))
    offsets = fit(forecast, actual[:n], unit[:n])
    assert offsets.shape == (h, len(LEVELS))
    quantiles = apply(later, offsets, unit[n:])
    below = (actual[n:, :, None] <= quantiles).mean(axis=0)
    away = np.arange(len(LEVELS)) != MEDIAN
    np.testing.assert_allclose(below[:, away], np.broadcast_to(LEVELS[away], (h, 6)), atol=0.02)
    # Untreated, it would have promised too much.
    if kind == "quantiles":
        assert (actual[n:] <= later.quantiles[:, :, 0]).mean() > 0.1


@pytest.mark.parametrize("kind", ["center", "sigma", "quantiles"])
def test_the_median_stays_the_models_own(kind):
    rng = np.random.default_rng(2)
    center, unit = rng.normal(0, 0.01, (80, 3)), np.full((80, 3), 0.01)
    forecast = outputs(kind, center, unit)
    offsets = fit(forecast, center + 0.05 + rng.normal(0, 0.01, (80, 3)), unit)
    assert (offsets[:, MEDIAN] == 0).all()
    median = center if forecast.quantiles is None else forecast.quantiles[:, :, MEDIAN]
    np.testing.assert_array_equal(apply(forecast, offsets, unit)[:, :, MEDIAN], median)


def test_offsets_from_a_centre_are_order_statistics_of_its_residuals():
    rng = np.random.default_rng(3)
    unit = rng.uniform(0.01, 0.03, (99, 2))
    scores = rng.normal(0, 1, (99, 2))
    offsets = fit(Forecast(rows(99, 2, 0.002)), 0.002 + unit * scores, unit)
    for h in range(2):
        ordered = sorted(scores[:, h])
        ranks = [ordered[4], ordered[9], ordered[24], 0, ordered[74], ordered[89], ordered[94]]
        np.testing.assert_allclose(offsets[h], ranks, rtol=1e-9)


def test_a_models_own_sigma_takes_the_place_of_the_unit():
    rng = np.random.default_rng(4)
    sigma, actual = rng.uniform(0.5, 2, (99, 1)), rng.normal(0, 1, (99, 1))
    forecast = Forecast(rows(99, 1), sigma=sigma)
    offsets = fit(forecast, actual, rows(99, 1, 7.0))
    np.testing.assert_array_equal(offsets, fit(Forecast(rows(99, 1)), actual, sigma))
    np.testing.assert_array_equal(apply(forecast, offsets, rows(99, 1, 7.0)), offsets * sigma[:, :, None])


def test_each_quantile_of_a_quantile_model_moves_on_its_own():
    n = 199
    base = np.broadcast_to(np.linspace(-3, 3, 7), (n, 1, 7))
    ladder = (np.arange(n) - n // 2)[:, None] / 100
    offsets = fit(Forecast(base[:, :, MEDIAN], quantiles=base), ladder, rows(n, 1, 1.0))
    expected = [
        np.sort(ladder[:, 0])[k - 1] - base[0, 0, i] for i, k in enumerate((10, 20, 50, 100, 150, 180, 190))
    ]
    expected[MEDIAN] = 0
    np.testing.assert_allclose(offsets[0], expected, atol=1e-12)


def test_a_biased_centre_gets_no_lower_quantile_above_it_and_no_upper_one_below():
    offsets = fit(Forecast(rows(50, 1)), np.linspace(1, 2, 50)[:, None], rows(50, 1, 1.0))
    assert (offsets[:, :MEDIAN] == 0).all()
    assert (offsets[:, MEDIAN + 1 :] > 1).all()
    offsets = fit(Forecast(rows(50, 1)), -np.linspace(1, 2, 50)[:, None], rows(50, 1, 1.0))
    assert (offsets[:, MEDIAN:] == 0).all()
    assert (offsets[:, :MEDIAN] < -1).all()


# --- order -------------------------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(
    kind=st.sampled_from(["center", "sigma", "quantiles"]),
    center=arrays.arrays(float, (5, 2), elements=NUMBERS),
    quantiles=arrays.arrays(float, (5, 2, len(LEVELS)), elements=NUMBERS),
    sigma=arrays.arrays(float, (5, 2), elements=st.floats(1e-6, 1e3)),
    actual=arrays.arrays(float, (5, 2), elements=NUMBERS),
    offsets=st.none() | arrays.arrays(float, (2, len(LEVELS)), elements=NUMBERS),
)
def test_quantiles_never_cross(kind, center, quantiles, sigma, actual, offsets):
    forecast = {
        "center": Forecast(center),
        "sigma": Forecast(center, sigma=sigma),
        "quantiles": Forecast(center, quantiles=np.sort(quantiles, axis=2)),
    }[kind]
    calibrated = apply(forecast, fit(forecast, actual, sigma) if offsets is None else offsets, sigma)
    assert calibrated.shape == (5, 2, len(LEVELS))
    assert (np.diff(calibrated, axis=2) >= 0).all()


def test_quantiles_in_order_stay_as_they_are():
    offsets = np.tile(np.arange(-3.0, 4.0), (2, 1))
    calibrated = apply(Forecast(rows(4, 2, 0.5)), offsets, rows(4, 2, 0.1))
    np.testing.assert_array_equal(calibrated, np.broadcast_to(0.5 + 0.1 * offsets, (4, 2, 7)))


# --- normal quantiles --------------------------------------------------------------------------------------


def test_normal_quantiles_are_scipys():
    rng = np.random.default_rng(5)
    center, sigma = rng.normal(0, 0.01, (6, 3)), rng.uniform(0.01, 0.02, (6, 3))
    quantiles = normal_quantiles(Forecast(center, sigma=sigma))
    for i, level in enumerate(QUANTILE_LEVELS):
        np.testing.assert_allclose(quantiles[:, :, i], stats.norm.ppf(level, center, sigma), rtol=1e-12, atol=1e-15)


def test_calibration_does_not_change_what_it_is_given():
    rng = np.random.default_rng(6)
    unit, actual = rng.uniform(1, 2, (50, 2)), rng.normal(0, 1, (50, 2))
    forecast = Forecast(rows(50, 2), quantiles=np.sort(rng.normal(0, 1, (50, 2, 7)), axis=2))
    before = [x.copy() for x in (unit, actual, forecast.center, forecast.quantiles)]
    apply(forecast, fit(forecast, actual, unit), unit)
    for a, b in zip((unit, actual, forecast.center, forecast.quantiles), before, strict=True):
        np.testing.assert_array_equal(a, b)


# --- what overlapping outcomes are worth -------------------------------------------------------------------


@pytest.mark.parametrize(("level", "worth", "rank"), [(0.95, 1000, 951), (0.95, 100, 960), (0.95, 19, 1000),
                                                       (0.05, 1000, 50), (0.05, 100, 41), (0.05, 19, 1),
                                                       (0.75, 100, 758), (0.5, 10, 451)])  # fmt: skip
def test_scores_that_are_worth_fewer_reach_further_out(level, worth, rank):
    # The (n + 1) level of theory becomes n (1 + 1 / worth) level; lower levels mirror upper ones.
    scores = np.arange(1.0, 1001)[:, None]
    assert conformal_quantile(scores, level, worth) == [rank]


def test_h_day_outcomes_count_for_one_in_h_and_a_day_for_one_however_many_tickers():
    rng = np.random.default_rng(7)
    scores, days = rng.normal(0, 1, (1000, 5)), np.repeat(np.arange(250), 4)
    offsets = fit(Forecast(rows(1000, 5)), scores, rows(1000, 5, 1.0), days)
    for step in range(5):
        expected = conformal_quantile(scores[:, step], 0.95, 250 / (step + 1))
        assert offsets[step, -1] == expected
    assert (offsets[:, -1] != fit(Forecast(rows(1000, 5)), scores, rows(1000, 5, 1.0))[:, -1]).any()


# --- going on after the fit --------------------------------------------------------------------------------


def slow_follow(quantiles, actual, unit, rate):
    n, horizon, levels = quantiles.shape
    moved, adapted = np.zeros((horizon, levels)), quantiles.copy()
    for t in range(n):
        for h in range(1, horizon + 1):
            if t - h < 0:
                continue
            for i, level in enumerate(QUANTILE_LEVELS):
                if i != MEDIAN:
                    exceeded = actual[t - h, h - 1] > adapted[t - h, h - 1, i]
                    moved[h - 1, i] += rate / h * (level if exceeded else level - 1)
        for h in range(horizon):
            row = [quantiles[t, h, i] + moved[h, i] * unit[t, h] for i in range(levels)]
            for i in range(MEDIAN - 1, -1, -1):
                row[i] = min(row[i], row[i + 1])
            for i in range(MEDIAN + 1, levels):
                row[i] = max(row[i], row[i - 1])
            adapted[t, h] = row
    return adapted


def test_following_equals_a_plain_loop():
    rng = np.random.default_rng(8)
    unit, actual = rng.uniform(0.5, 2, (60, 3)), rng.standard_t(3, (60, 3))
    quantiles = np.sort(rng.normal(0, 1, (60, 3, len(LEVELS))), axis=2)
    adapted = follow(quantiles, actual, unit, 0.2)
    np.testing.assert_allclose(adapted, slow_follow(quantiles, actual, unit, 0.2), rtol=0, atol=1e-12)
    assert (np.diff(adapted, axis=2) >= 0).all()
    np.testing.assert_array_equal(adapted[:, :, MEDIAN], quantiles[:, :, MEDIAN])


def test_following_knows_an_outcome_when_it_has_come_and_not_before():
    rng = np.random.default_rng(9)
    unit, actual = rows(40, 3, 1.0), rng.normal(0, 1, (40, 3))
    quantiles = np.tile(stats.norm.ppf(LEVELS), (40, 3, 1))
    before = follow(quantiles, actual, unit, 0.1)
    for h in range(1, 4):
        changed = actual.copy()
        changed[20, h - 1] = 99.0  # known with the close h days later
        moved = (follow(quantiles, changed, unit, 0.1) != before).any(axis=(1, 2))
        assert moved.argmax() == 20 + h
    missing = actual.copy()
    missing[-3:] = np.nan
    np.testing.assert_array_equal(follow(quantiles, missing, unit, 0.1)[:-2], before[:-2])


def test_following_mends_a_promise_that_does_not_hold_any_more():
    rng = np.random.default_rng(10)
    actual, unit = 2 * rng.normal(0, 1, (6000, 1)), rows(6000, 1, 1.0)  # twice as wild as in calibration
    quantiles = np.tile(stats.norm.ppf(LEVELS), (6000, 1, 1))
    inside = [
        ((q[:, 0, 0] <= actual[:, 0]) & (actual[:, 0] <= q[:, 0, -1]))[1000:].mean()
        for q in (quantiles, follow(quantiles, actual, unit, 0.05))
    ]
    assert inside[0] < 0.65
    assert inside[1] == pytest.approx(0.9, abs=0.01)


def test_a_rate_of_zero_changes_nothing():
    rng = np.random.default_rng(11)
    quantiles = np.sort(rng.normal(0, 1, (9, 2, len(LEVELS))), axis=2)
    np.testing.assert_array_equal(follow(quantiles, rng.normal(0, 1, (9, 2)), rows(9, 2, 1.0), 0.0), quantiles)
