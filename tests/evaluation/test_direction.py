import math

import numpy as np
import pandas as pd
import pytest
from arch.bootstrap import CircularBlockBootstrap
from scipy import stats

from pricecast.evaluation import metrics
from pricecast.evaluation.direction import DRAWS, direction, hit_rate, panel_test, resample_days
from pricecast.evaluation.metrics import majority
from pricecast.evaluation.scored_rows import Slice
from pricecast.statistics.significance import block_length
from tests.support.forecast_samples import sample_forecasts
from tests.support.reference_direction import pesaran_timmermann


def calls(seed: int, days: int, tickers: int, skill: float = 0.0, horizon: int = 1) -> tuple[np.ndarray, ...]:
    """Cutoffs, calls and outcomes of a panel whose tickers move together and whose horizons overlap."""
    rng = np.random.default_rng(seed)

    def returns() -> np.ndarray:
        steps = rng.standard_normal((days + horizon - 1, 1)) + rng.standard_normal((days + horizon - 1, tickers))
        return np.array([np.convolve(x, np.ones(horizon), "valid") for x in steps.T]).T.ravel() + 0.1

    actual = returns()
    return np.repeat(np.arange(days), tickers), returns() + skill * actual > 0, actual > 0


@pytest.mark.parametrize("seed", range(5))
def test_statistic_is_that_of_independence_in_the_table_of_four(seed: int) -> None:
    """The published variance comes to Pearson's chi-squared without continuity correction, times n / (n - 1)."""
    _, f, a = calls(seed, 150, 1, skill=0.2 * (seed - 2))
    four = [[(f & a).sum(), (f & ~a).sum()], [(~f & a).sum(), (~f & ~a).sum()]]
    chi2 = stats.chi2_contingency(four, correction=False).statistic * 150 / 149
    found = pesaran_timmermann(f, a)
    assert found.statistic == pytest.approx(math.copysign(math.sqrt(chi2), np.corrcoef(f, a)[0, 1]))
    assert found.p_value == pytest.approx(1 - stats.norm.cdf(found.statistic))


def test_statistic_by_hand() -> None:
    """15 calls: 7 right up, 5 right down, 3 wrong up; P = 12/15, P* = (10 * 7 + 5 * 8) / 225."""
    f = np.array([1] * 10 + [0] * 5, bool)
    a = np.array([1] * 7 + [0] * 8, bool)
    p, expected = 12 / 15, 110 / 225
    of_p = expected * (1 - expected) / 15
    of_expected = (
        (2 * 7 / 15 - 1) ** 2 * (10 / 15 * 5 / 15) / 15
        + (2 * 10 / 15 - 1) ** 2 * (7 / 15 * 8 / 15) / 15
        + 4 * (7 / 15) * (10 / 15) * (8 / 15) * (5 / 15) / 15**2
    )
    assert pesaran_timmermann(f, a).statistic == pytest.approx((p - expected) / math.sqrt(of_p - of_expected))
    assert pesaran_timmermann(f, a).statistic == pytest.approx(35 / math.sqrt(2800) * 15 / math.sqrt(14))


def test_right_calls_are_a_positive_statistic_and_one_sided() -> None:
    a = np.array([True, False] * 20)
    assert pesaran_timmermann(a, a).statistic > 5
    assert pesaran_timmermann(a, a).p_value < 1e-6
    assert pesaran_timmermann(~a, a).p_value > 0.999999


@pytest.mark.parametrize(("f", "a"), [([1, 1, 1], [1, 0, 1]), ([1, 0, 1], [0, 0, 0]), ([1], [1]), ([], [])])
def test_calls_or_outcomes_that_are_all_alike_are_no_test(f: list[int], a: list[int]) -> None:
    assert all(math.isnan(x) for x in pesaran_timmermann(f, a))
    panel = panel_test(np.arange(len(f)), np.array(f, bool), np.array(a, bool))
    assert all(math.isnan(x) for x in panel)


def test_unequal_lengths_are_an_error() -> None:
    with pytest.raises(ValueError, match="one length"):
        pesaran_timmermann([True], [True, False])


@pytest.mark.parametrize(("n", "horizon"), [(97, 1), (40, 7), (5, 1), (1, 1), (12, 10)])
def test_samples_are_those_of_a_loop_over_blocks(n: int, horizon: int) -> None:
    daily = np.random.default_rng(n).integers(0, 9, (n, 2)).astype(float)
    length = block_length(n, horizon)
    starts = np.random.default_rng(3).integers(n, size=(DRAWS, math.ceil(n / length)))
    found = resample_days(daily, horizon, 3)
    assert found.shape == (DRAWS, 2)
    for draw in (0, 1, DRAWS - 1):
        days = [(start + step) % n for start in starts[draw] for step in range(length)][:n]
        assert found[draw].tolist() == daily[days].sum(axis=0).tolist()


def test_blocks_outlast_overlaps() -> None:
    assert [block_length(n) for n in (1, 8, 250, 1000)] == [1, 4, 13, 20]
    assert block_length(250, 10) == 20
    assert block_length(12, 10) == 12


def test_interval_is_that_of_drawing_whole_days() -> None:
    """A slow twin: each draw collects the rows of its days, in arch's blocks, other ones: nearly equal ends."""
    cutoff, f, a = calls(0, 120, 4, skill=0.3)
    right = f == a
    rates = []
    for days, _ in CircularBlockBootstrap(block_length(120), np.arange(120), seed=1).bootstrap(3000):
        rows = [row for day in days[0] for row in range(4 * day, 4 * day + 4)]
        rates.append(100 * right[rows].mean())
    rate, low, high = hit_rate(cutoff, right)
    assert rate == pytest.approx(100 * right.mean())
    assert low == pytest.approx(np.percentile(rates, 2.5), abs=0.6)
    assert high == pytest.approx(np.percentile(rates, 97.5), abs=0.6)


def test_rows_may_come_in_any_order() -> None:
    cutoff, f, a = calls(1, 60, 3)
    order = np.random.default_rng(0).permutation(len(cutoff))
    assert hit_rate(cutoff, f == a) == pytest.approx(hit_rate(cutoff[order], (f == a)[order]))
    assert panel_test(cutoff, f, a) == pytest.approx(panel_test(cutoff[order], f[order], a[order]))


def test_seeded() -> None:
    cutoff, f, a = calls(1, 60, 3)
    assert hit_rate(cutoff, f == a, seed=4) == hit_rate(cutoff, f == a, seed=4)
    assert hit_rate(cutoff, f == a, seed=4) != hit_rate(cutoff, f == a, seed=5)
    assert panel_test(cutoff, f, a, seed=4) != panel_test(cutoff, f, a, seed=5)


@pytest.mark.parametrize(("days", "horizon"), [(9, 1), (49, 5)])
def test_too_few_days_have_no_interval(days: int, horizon: int) -> None:
    cutoff, f, a = calls(2, days, 5)
    rate, low, high = hit_rate(cutoff, f == a, horizon)
    assert rate == pytest.approx(100 * (f == a).mean())
    assert math.isnan(low)
    assert math.isnan(high)
    assert math.isnan(panel_test(cutoff, f, a, horizon).p_value)
    assert all(math.isnan(x) for x in hit_rate(cutoff[:0], f[:0]))


def test_copies_of_a_ticker_are_no_news() -> None:
    cutoff, f, a = calls(3, 200, 1, skill=0.3)
    copies = [np.repeat(x, 50) for x in (cutoff, f, a)]
    assert panel_test(*copies) == pytest.approx(panel_test(cutoff, f, a))
    assert hit_rate(copies[0], copies[1] == copies[2]) == pytest.approx(hit_rate(cutoff, f == a))
    assert pesaran_timmermann(*copies[1:]).statistic > 5 * panel_test(*copies).statistic


def test_one_ticker_one_day_ahead_is_nearly_the_published_test() -> None:
    ours = np.array([panel_test(*calls(seed, 500, 1, skill=0.1), seed=seed) for seed in range(20)])
    theirs = np.array([pesaran_timmermann(*calls(seed, 500, 1, skill=0.1)[1:]) for seed in range(20)])
    assert ours[:, 0] / theirs[:, 0] == pytest.approx(1, abs=0.3)
    assert np.abs(ours[:, 1] - theirs[:, 1]).max() < 0.06


@pytest.mark.parametrize(("days", "tickers", "horizon"), [(250, 10, 1), (250, 4, 5)])
def test_luck_is_called_luck(days: int, tickers: int, horizon: int) -> None:
    """Blind calls: the interval holds the blind hit rate, the panel test rejects about as often as promised."""
    up = stats.norm.cdf(0.1 / math.sqrt(2 * horizon))
    blind = 100 * (up**2 + (1 - up) ** 2)
    inside = rejected = by_formula = 0
    for seed in range(150):
        cutoff, f, a = calls(seed, days, tickers, horizon=horizon)
        _, low, high = hit_rate(cutoff, f == a, horizon, seed)
        inside += low <= blind <= high
        rejected += panel_test(cutoff, f, a, horizon, seed).p_value < 0.05
        by_formula += pesaran_timmermann(f, a).p_value < 0.05
    assert 0.85 * 150 <= inside <= 0.99 * 150
    assert rejected < 0.11 * 150
    assert by_formula > rejected


def test_skill_is_found() -> None:
    found = [panel_test(*calls(seed, 250, 10, skill=0.4), seed=seed).p_value for seed in range(20)]
    assert sum(p < 0.05 for p in found) >= 19
    assert min(found) > 0


def test_table_has_a_row_per_model_and_horizon() -> None:
    forecasts = sample_forecasts(horizons=3)
    found = direction(forecasts)
    assert list(found) == [
        *("model", "horizon", "n_calls", "n_days", "hit_rate", "low", "high", "majority", "pt", "pt_p"),
    ]  # fmt: skip
    assert sorted(zip(found["model"], found["horizon"], strict=True)) == sorted(
        (model, h) for model in ("naive", "ewma", "drift", "lstm") for h in (1, 2, 3)
    )
    for _, row in found[found["model"].isin(["drift", "lstm"])].iterrows():
        own = forecasts[forecasts["model"].eq(row["model"]) & forecasts["horizon"].eq(row["horizon"])]
        s = Slice.of(own)
        assert row["n_calls"] == len(s.actual)
        assert row["n_days"] == len(np.unique(s.cutoff))
        assert row["hit_rate"] == pytest.approx(metrics.direction(s))
        assert row["majority"] == pytest.approx(majority(s))
        assert row["low"] < row["hit_rate"] < row["high"]
        up = s.forecast_return > 0, s.actual_return > 0
        assert (row["pt"], row["pt_p"]) == panel_test(s.cutoff, *up, row["horizon"])
        assert (row["low"], row["high"]) == hit_rate(s.cutoff, up[0] == up[1], row["horizon"])[1:]


def test_no_change_is_no_call() -> None:
    forecasts = sample_forecasts(models=("naive", "drift"), days=60, horizons=1)
    still = forecasts.index % 5 == 0
    forecasts["actual"] = forecasts["actual"].mask(still & forecasts["actual"].notna(), forecasts["last_close"])
    found = direction(forecasts).set_index("model")
    assert found.loc["naive", ["n_calls", "n_days"]].eq(0).all()
    assert found.loc["naive", ["hit_rate", "low", "high", "majority", "pt", "pt_p"]].isna().all()
    moved = forecasts[forecasts["model"].eq("drift") & forecasts["actual"].notna()]
    assert found.loc["drift", "n_calls"] == (moved["actual"] != moved["last_close"]).sum() < len(moved)


def test_rows_without_a_future_do_not_count() -> None:
    forecasts = sample_forecasts(days=60)
    known = forecasts[forecasts["actual"].notna()]
    pd.testing.assert_frame_equal(direction(forecasts), direction(known))
    assert direction(known.iloc[:0]).empty
