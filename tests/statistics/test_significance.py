import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from pricecast.statistics.significance import daily_losses, diebold_mariano, diebold_mariano_over_horizons, holm


def correction(n: int, h: int) -> float:
    """Harvey, Leybourne & Newbold 1997, eq. 9."""
    return math.sqrt((n + 1 - 2 * h + h * (h - 1) / n) / n)


@pytest.mark.parametrize(("n", "horizon"), [(60, 1), (190, 1), (190, 5), (491, 10), (250, 21)])
def test_statistic_is_the_hac_regression_on_a_constant(n: int, horizon: int) -> None:
    rng = np.random.default_rng(n)
    a, b = rng.chisquare(2, n), rng.chisquare(2, n) * 1.1
    lag = horizon - 1 if horizon > 1 else math.floor(4 * (n / 100) ** (2 / 9))
    kernel = "uniform" if horizon > 1 else "bartlett"
    options = {"maxlags": lag, "use_correction": False, "kernel": kernel}
    fit = sm.OLS(a - b, np.ones(n)).fit(cov_type="HAC", cov_kwds=options)
    expected = fit.tvalues[0] * correction(n, horizon)
    test = diebold_mariano(a, b, horizon)
    assert test.statistic == pytest.approx(expected, rel=1e-9)
    assert test.p_value == pytest.approx(2 * stats.t.sf(abs(expected), n - 1))
    assert test.n == n


def test_statistic_by_hand() -> None:
    """Small enough for pencil and paper: n = 12, lag 2, Bartlett weights 2/3 and 1/3."""
    d = [1.0, -1.0, 2.0, 1.0, -1.0, 1.0, 1.0, -1.0, 2.0, 1.0, -1.0, 1.0]
    mean = 6 / 12
    c = [x - mean for x in d]
    gamma = [sum(c[i] * c[i - k] for i in range(k, 12)) / 12 for k in range(3)]
    assert gamma == pytest.approx([15 / 12, -7.25 / 12, -5.5 / 12])
    variance = gamma[0] + 2 * (2 / 3 * gamma[1] + 1 / 3 * gamma[2])
    expected = mean / math.sqrt(variance / 12) * math.sqrt(11 / 12)
    assert diebold_mariano(np.array(d) + 3, np.full(12, 3.0), 1).statistic == pytest.approx(expected)


def test_lower_loss_is_a_negative_statistic_and_order_only_turns_the_sign() -> None:
    rng = np.random.default_rng(1)
    good, bad = rng.chisquare(1, 200), rng.chisquare(1, 200) + 0.5
    one, other = diebold_mariano(good, bad, 1), diebold_mariano(bad, good, 1)
    assert one.statistic < 0
    assert one.p_value < 0.001
    assert one == pytest.approx((-other.statistic, other.p_value, other.n))


def test_equal_losses_are_no_difference() -> None:
    loss = np.random.default_rng(2).chisquare(1, 50)
    assert diebold_mariano(loss, loss, 1) == (0, 1, 50)
    assert diebold_mariano(loss, loss * (1 + 1e-13), 5) == (0, 1, 50)
    assert diebold_mariano(np.zeros(50), np.zeros(50), 1) == (0, 1, 50)


def test_a_constant_difference_is_certain() -> None:
    assert diebold_mariano(np.zeros(50), np.ones(50), 1) == (-math.inf, 0, 50)


@pytest.mark.parametrize(("n", "horizon"), [(9, 1), (0, 1), (99, 10)])
def test_too_few_days_are_no_test(n: int, horizon: int) -> None:
    result = diebold_mariano(np.arange(n) * 1.0, np.zeros(n), horizon)
    assert math.isnan(result.p_value)
    assert math.isnan(result.statistic)
    assert result.n == n


def test_a_loss_that_is_none_is_no_test() -> None:
    assert math.isnan(diebold_mariano([math.nan] * 20, np.ones(20), 1).p_value)


def test_unequal_lengths_and_no_horizon_are_errors() -> None:
    with pytest.raises(ValueError, match="one length"):
        diebold_mariano(np.ones(20), np.ones(1), 1)
    with pytest.raises(ValueError, match="horizon >= 1"):
        diebold_mariano(np.ones(20), np.ones(20), 0)


@pytest.mark.parametrize(("n", "horizon", "limit"), [(190, 1, 0.09), (491, 5, 0.08), (491, 20, 0.09)])
def test_equally_useless_forecasts_are_rarely_told_apart(n: int, horizon: int, limit: float) -> None:
    """The null control: noise against noise on a random walk rejects a little above 5 %, at every horizon."""
    hits = 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        # Sums of `horizon` steps overlap, so the losses are as autocorrelated as those of h-step forecasts.
        steps = rng.standard_normal((3, n + horizon - 1))
        actual, a, b = (np.convolve(x, np.ones(horizon), "valid") for x in steps * [[1], [0.5], [0.5]])
        hits += diebold_mariano((actual - a) ** 2, (actual - b) ** 2, horizon).p_value < 0.05
    assert 0.02 < hits / 400 < limit


def test_a_real_difference_is_found() -> None:
    hits = 0
    for seed in range(50):
        rng = np.random.default_rng(seed)
        actual = rng.standard_normal(300)
        hits += diebold_mariano(actual**2, (actual - rng.normal(0, 0.7, 300)) ** 2, 1).p_value < 0.05
    assert hits > 45


def test_days_are_averaged_in_order_of_date() -> None:
    cutoff = np.array(["2024-01-03", "2024-01-02", "2024-01-03", "2024-01-05"], "datetime64[us]")
    assert daily_losses(cutoff, np.array([1.0, 5.0, 3.0, 7.0])).tolist() == [5.0, 2.0, 7.0]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_equals_statsmodels(p: list[float]) -> None:
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 1), max_size=12), st.integers(0, 3))
def test_holm_never_helps_and_does_not_count_tests_that_were_not_made(p: list[float], gaps: int) -> None:
    adjusted = holm([math.nan] * gaps + p)
    assert np.isnan(adjusted[:gaps]).all()
    assert adjusted[gaps:] == pytest.approx(holm(p))
    assert (adjusted[gaps:] >= np.array(p)).all()


def daily(seed: int, n: int, horizons: tuple[int, ...], noise: float) -> pd.DataFrame:
    """Squared errors h days ahead, overlapping, of a forecast that adds noise to no change."""
    rng = np.random.default_rng(seed)
    actual, noises = np.random.default_rng(1000).standard_normal(n + 30), noise * rng.standard_normal(n + 30)
    sums = {h: np.convolve(actual + noises, np.ones(h), "valid")[:n] ** 2 for h in horizons}
    return pd.DataFrame(sums)


def test_over_horizons_is_the_test_of_the_averaged_losses() -> None:
    a, b, naive = (daily(seed, 240, (1, 5, 10), noise) for seed, noise in ((1, 0.5), (2, 0.7), (3, 0)))
    a.loc[235:, 10] = b.loc[235:, 10] = naive.loc[235:, 10] = np.nan
    ours, theirs = [], []
    for day in range(235):
        unit = {h: sum(naive.loc[: 235 - 1, h]) / 235 for h in (1, 5, 10)}
        ours.append(sum(a.loc[day, h] / unit[h] for h in unit) / 3)
        theirs.append(sum(b.loc[day, h] / unit[h] for h in unit) / 3)
    test = diebold_mariano_over_horizons(a, b, naive)
    assert test == pytest.approx(diebold_mariano(ours, theirs, 10))
    assert test.n == 235
    options = {"maxlags": 9, "use_correction": False, "kernel": "uniform"}
    fit = sm.OLS(np.subtract(ours, theirs), np.ones(235)).fit(cov_type="HAC", cov_kwds=options)
    assert test.statistic == pytest.approx(fit.tvalues[0] * correction(235, 10))


def test_over_horizons_no_horizon_outweighs_the_others() -> None:
    a, b, naive = (daily(seed, 240, (1, 5), noise) for seed, noise in ((1, 0.5), (2, 0.7), (3, 0)))
    unit = {1: 1.0, 5: 1000.0}
    assert diebold_mariano_over_horizons(a * unit, b * unit, naive * unit) == pytest.approx(
        diebold_mariano_over_horizons(a, b, naive)
    )


def test_over_one_horizon_is_the_test_there() -> None:
    a, b, naive = (daily(seed, 240, (5,), noise) for seed, noise in ((1, 0.5), (2, 0.7), (3, 0)))
    assert diebold_mariano_over_horizons(a, b, naive) == pytest.approx(diebold_mariano(a[5], b[5], 5))


def test_over_horizons_without_a_difference_or_enough_days() -> None:
    a, b, naive = (daily(seed, 60, (1, 5, 10), noise) for seed, noise in ((1, 0.5), (2, 0.7), (3, 0)))
    assert math.isnan(diebold_mariano_over_horizons(a, b, naive).p_value)
    assert diebold_mariano_over_horizons(a[[1, 5]], a[[1, 5]], naive[[1, 5]]) == (0, 1, 60)
    assert math.isnan(diebold_mariano_over_horizons(a, b, 0 * naive).p_value)
    with pytest.raises(ValueError, match="same cutoffs and horizons"):
        diebold_mariano_over_horizons(a, b[[1, 5]], naive)


def test_over_horizons_equally_useless_forecasts_are_rarely_told_apart() -> None:
    hits = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        actual, one, other = rng.standard_normal((3, 520)) * [[1], [0.5], [0.5]]
        tables = [
            pd.DataFrame({h: np.convolve(actual - x, np.ones(h), "valid")[:500] ** 2 for h in (1, 5, 10)})
            for x in (one, other, 0 * one)
        ]
        hits += diebold_mariano_over_horizons(*tables).p_value < 0.05
    assert 0.015 < hits / 200 < 0.1
