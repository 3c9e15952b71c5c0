import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import expon, norm, t, truncnorm

from pricecast.schema import MEDIAN, QUANTILE_LEVELS
from pricecast.statistics.density import MIN_GAP, MIN_WIDTH, cdf, log_density, ppf, variance

LEVELS = np.array(QUANTILE_LEVELS)
NORMAL = norm.ppf(LEVELS)
SHAPES = {
    "normal": NORMAL,
    "moved": 3 + 0.4 * NORMAL,
    "heavy": t(3).ppf(LEVELS),
    "skewed": -np.exp(-0.8 * NORMAL),
    "two coincide": np.array([-2.0, -1.5, 0.0, 0.0, 0.4, 1.0, 1.1]),
    "outer coincide": np.array([-2.0, -2.0, -0.5, 0.0, 0.4, 1.0, 1.0]),
    "one side": np.array([0.0, 0.0, 0.0, 0.0, 0.4, 1.0, 3.0]),
    "one far": np.array([-900.0, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3]),
    "all one": np.zeros(7),
    "narrow": 1e-9 * NORMAL,
    "wide": 3000 * NORMAL,
}  # fmt: skip


def pieces(quantiles):
    """The same distribution as a list of (probability, scipy's distribution), by a plain loop."""
    width = max(quantiles[-1] - quantiles[0], MIN_WIDTH)
    knots = list(quantiles)
    for k in range(MEDIAN, 6):
        knots[k + 1] = knots[k] + max(quantiles[k + 1] - quantiles[k], MIN_GAP * width)
    for k in range(MEDIAN, 0, -1):
        knots[k - 1] = knots[k] - max(quantiles[k] - quantiles[k - 1], MIN_GAP * width)
    # The mean by which a standard normal exceeds its 95 % quantile, given that it does.
    excess = quad(lambda z: (z - norm.ppf(0.95)) * norm.pdf(z) / 0.05, norm.ppf(0.95), 40)[0]
    by_gap, by_width = excess / (norm.ppf(0.95) - norm.ppf(0.90)), excess / (2 * norm.ppf(0.95))
    left, right = (max(by_gap * gap, by_width * width) for gap in (knots[1] - knots[0], knots[-1] - knots[-2]))
    parts = [(0.05, lambda y: expon(scale=left).sf(knots[0] - y), lambda y: expon(scale=left).pdf(knots[0] - y))]
    for k in range(6):
        low, high = norm.ppf(LEVELS[[k, k + 1]])
        scale = (knots[k + 1] - knots[k]) / (high - low)
        part = truncnorm(low, high, knots[k] - scale * low, scale)
        parts.append((LEVELS[k + 1] - LEVELS[k], part.cdf, part.pdf))
    tail = expon(knots[-1], right)
    return [*parts, (0.05, tail.cdf, tail.pdf)], knots, left, right


def one(function, quantiles, *y):
    return float(function(np.array([quantiles]), *(np.array([value]) for value in y))[0])


def integral(quantiles, power, centre=0.0):
    """Integral of (y - centre)**power times the density, piece by piece."""
    _, knots, left, right = pieces(quantiles)
    edges = [knots[0] - 60 * left, *knots, knots[-1] + 60 * right]
    return sum(
        quad(lambda y: (y - centre) ** power * math.exp(one(log_density, quantiles, y)), low, high)[0]
        for low, high in pairwise(edges)
    )


@pytest.mark.parametrize("quantiles", SHAPES.values(), ids=list(SHAPES))
def test_density_and_cdf_equal_the_plain_mixture(quantiles):
    parts, knots, left, right = pieces(quantiles)
    middles = [(a + b) / 2 for a, b in pairwise(knots)]
    for y in (knots[0] - 9 * left, knots[0] - left, *middles, knots[-1] + right / 3, knots[-1] + 20 * right):
        density = sum(mass * float(pdf(y)) for mass, _, pdf in parts)
        assert one(log_density, quantiles, y) == pytest.approx(math.log(density), rel=1e-9, abs=1e-9)
        below = parts[0][0] * float(parts[0][1](min(y, knots[0])))
        below += sum(mass * float(share(y)) for mass, share, _ in parts[1:])
        assert one(cdf, quantiles, y) == pytest.approx(below, rel=1e-9)


@pytest.mark.parametrize("quantiles", SHAPES.values(), ids=list(SHAPES))
def test_the_density_integrates_to_one_and_to_the_variance(quantiles):
    assert integral(quantiles, 0) == pytest.approx(1, rel=1e-6)
    mean = integral(quantiles, 1)
    assert one(variance, quantiles) == pytest.approx(integral(quantiles, 2, mean), rel=1e-6)


@pytest.mark.parametrize("name", ["normal", "moved", "heavy", "skewed", "wide"])
def test_quantiles_that_lie_apart_keep_their_levels(name):
    rows = np.tile(SHAPES[name], (7, 1))
    assert cdf(rows, SHAPES[name]) == pytest.approx(LEVELS, rel=1e-12)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.floats(-1e4, 1e4), min_size=7, max_size=7).map(sorted),
    st.lists(st.floats(-1e5, 1e5), min_size=2, max_size=2).map(sorted),
)
def test_any_quantiles_make_a_distribution(quantiles, outcomes):
    rows, y = np.array([quantiles, quantiles]), np.array(outcomes)
    assert np.isfinite(log_density(rows, y)).all()
    low, high = cdf(rows, y)
    assert 0 <= low <= high <= 1
    assert (variance(rows) > 0).all()


def test_rows_do_not_see_each_other():
    rows = np.array(list(SHAPES.values()))
    y = np.random.default_rng(0).normal(0, 2, len(rows))
    assert log_density(rows, y).tolist() == [one(log_density, *pair) for pair in zip(rows, y, strict=True)]
    assert cdf(rows, y) == pytest.approx([one(cdf, *pair) for pair in zip(rows, y, strict=True)], rel=1e-14)
    assert variance(rows) == pytest.approx([one(variance, row) for row in rows], rel=1e-14)


def expected_loss(quantiles, actual):
    """Expected negative log density when the outcome is drawn from another distribution."""
    y = actual.ppf((np.arange(20_000) + 0.5) / 20_000)
    return -log_density(np.tile(quantiles, (len(y), 1)), y).mean()


def test_the_log_score_of_a_normal_is_near_the_exact_one():
    exact = norm.entropy()
    assert exact == pytest.approx(1.418938, rel=1e-6)
    assert 0 < expected_loss(NORMAL, norm) - exact < 0.001
    assert one(variance, NORMAL) == pytest.approx(1, rel=0.004)


FACTORS = (0.5, 0.8, 0.9, 1.1, 1.25, 2.0)


# The tails of a Student t come out too light, and those of wider quantiles are heavier.
@pytest.mark.parametrize(
    ("actual", "factors"),
    [(norm, FACTORS), (t(4), FACTORS), (t(3), (0.5, 0.8, 1.25, 2.0))],
    ids=["normal", "t4", "t3"],
)
def test_the_true_width_and_place_score_best(actual, factors):
    quantiles = actual.ppf(LEVELS)
    true = expected_loss(quantiles, actual)
    half = len(factors) // 2
    wrong = [expected_loss(factor * quantiles, actual) for factor in factors]
    assert true < min(wrong)
    assert wrong[:half] == sorted(wrong[:half], reverse=True)
    assert wrong[half:] == sorted(wrong[half:])
    assert true < min(expected_loss(quantiles + step, actual) for step in (-0.2, 0.2))


def test_what_light_tails_cost_a_student_t():
    heavy = t(4)
    assert expected_loss(heavy.ppf(LEVELS), heavy) - heavy.entropy() == pytest.approx(0.015, abs=1e-3)
    assert one(variance, heavy.ppf(LEVELS)) / heavy.var() == pytest.approx(0.82, abs=0.005)


def test_the_right_shape_scores_better_than_the_other():
    heavy = t(4, scale=1 / math.sqrt(2))
    assert expected_loss(heavy.ppf(LEVELS), heavy) < expected_loss(NORMAL, heavy)
    assert expected_loss(NORMAL, norm) < expected_loss(heavy.ppf(LEVELS), norm)


def test_between_the_quantiles_of_a_normal_the_density_is_that_normals():
    y = np.linspace(NORMAL[0], NORMAL[-1], 101)[1:-1]
    rows = np.tile(3 + 0.4 * NORMAL, (99, 1))
    exact = norm(3, 0.4)
    assert log_density(rows, 3 + 0.4 * y) == pytest.approx(exact.logpdf(3 + 0.4 * y), rel=1e-12)
    assert cdf(rows, 3 + 0.4 * y) == pytest.approx(exact.cdf(3 + 0.4 * y), rel=1e-12)


def test_a_hit_on_coinciding_quantiles_is_worth_no_more_than_the_floor():
    # The steepest normal piece: from the median to the score .674 within the smallest gap.
    def highest(width):
        return math.log((NORMAL[4] - NORMAL[3]) / (MIN_GAP * width) * norm.pdf(0))

    two = SHAPES["two coincide"]
    assert one(log_density, two, 0.0) <= highest(two[-1] - two[0])
    assert one(log_density, np.zeros(7), 0.0) == pytest.approx(highest(MIN_WIDTH))
    # A miss by the whole width costs a few nats, however close the outer quantiles lie.
    assert one(log_density, SHAPES["one side"], -3.0) > -20


# --- quantiles of other levels ----------------------------------------------------------------------------

FINE = np.linspace(0.001, 0.999, 333)


@pytest.mark.parametrize("shape", SHAPES)
def test_other_quantiles_lie_between_those_given_and_beyond_them(shape):
    own = SHAPES[shape][None, :]
    np.testing.assert_allclose(ppf(own, LEVELS), own, rtol=1e-12)
    assert (np.diff(ppf(own, FINE)) >= 0).all()


@pytest.mark.parametrize("shape", ["normal", "moved", "heavy", "skewed"])
def test_the_probability_up_to_a_quantile_is_its_level(shape):
    own = SHAPES[shape][None, :]
    found = ppf(own, FINE)[0]
    np.testing.assert_allclose(cdf(np.repeat(own, len(FINE), axis=0), found), FINE, atol=1e-9)
