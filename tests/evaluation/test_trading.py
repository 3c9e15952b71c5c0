import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pricecast.errors import InputError
from pricecast.evaluation.trading import HOLD, _exceeds, deflated_sharpe, trading
from tests.support.forecast_samples import sample_forecasts

HEAD = ["ticker", "cutoff", "date", "last_close", "q50", "actual"]


def table(*rows: tuple, model: str = "m") -> pd.DataFrame:
    """Rows as (ticker, cutoff, date, last_close, q50, actual), one day ahead."""
    frame = pd.DataFrame(rows, columns=HEAD).assign(horizon=1, model=model)
    return frame.astype({"cutoff": "datetime64[us]", "date": "datetime64[us]"})


def row(found: pd.DataFrame, model: str) -> pd.Series:
    return found.set_index("model").loc[model]


def by_hand(forecasts: pd.DataFrame, model: str | None, cost: float) -> dict[str, float]:
    """A diary, day by day and ticker by ticker; without a model, always long."""
    own = forecasts[forecasts["horizon"].eq(1) & forecasts["actual"].notna()]
    own = own[own["model"] == (model or own["model"].iloc[0])]
    holding: dict[str, bool] = {}
    wealth, peak, fall, earned, traded = 1.0, 1.0, 0.0, [], []
    for date in sorted(own["date"].unique()):
        results, trades = [], []
        for _, bar in own[own["date"] == date].iterrows():
            wants = model is None or math.log(bar["q50"] / bar["last_close"]) > 2 * cost
            trade = wants != holding.get(bar["ticker"], False)
            holding[bar["ticker"]] = wants
            money_left = 1 - cost if trade else 1.0
            if wants:
                money_left *= bar["actual"] / bar["last_close"]
            results.append(money_left - 1)
            trades.append(float(trade))
        earned.append(sum(results) / len(results))
        traded.append(sum(trades) / len(trades))
        wealth *= 1 + earned[-1]
        peak = max(peak, wealth)
        fall = max(fall, 1 - wealth / peak)
    n, mean = len(earned), sum(earned) / len(earned)
    spread = math.sqrt(sum((x - mean) ** 2 for x in earned) / (n - 1))
    return {
        "return": 100 * (wealth ** (252 / n) - 1),
        "volatility": 100 * spread * math.sqrt(252),
        "sharpe": mean / spread * math.sqrt(252),
        "max_drawdown": 100 * fall,
        "turnover": 252 * sum(traded) / n,
        "n_days": n,
    }


@pytest.mark.parametrize("cost_bps", [0.0, 5.0, 15.0])
def test_every_figure_is_that_of_a_diary(cost_bps: float) -> None:
    forecasts = sample_forecasts(("A", "B", "C"), ("naive", "drift", "lstm"), days=90, horizons=2)
    forecasts = forecasts.drop(forecasts.index[[7, 100, 101, 400, 900]])  # Not every ticker trades on every day.
    found = trading(forecasts.sample(frac=1, random_state=0), cost_bps)
    for name in ("drift", "lstm"):
        expected = by_hand(forecasts, name, cost_bps / 1e4)
        assert row(found, name)[list(expected)].to_dict() == pytest.approx(expected, rel=1e-9), name


def test_buying_and_holding_is_long_every_day() -> None:
    forecasts = sample_forecasts(days=90)
    expected = by_hand(forecasts, None, 5e-4)
    found = row(trading(forecasts), HOLD)
    assert found[list(expected)].to_dict() == pytest.approx(expected, rel=1e-9)
    assert found["invested"] == 100


def test_no_forecast_of_a_rise_is_no_trade() -> None:
    flat = row(trading(sample_forecasts()), "naive")
    assert flat[["return", "volatility", "max_drawdown", "turnover", "invested"]].eq(0).all()
    assert math.isnan(flat["sharpe"])
    assert math.isnan(flat["deflated_sharpe"])


def test_a_position_earns_the_bar_after_its_decision() -> None:
    """The forecast of the second evening comes true on the third day; the jump of the second is not its own."""
    found = trading(
        table(
            ("A", "2024-01-02", "2024-01-03", 100.0, 100.0, 150.0),
            ("A", "2024-01-03", "2024-01-04", 150.0, 160.0, 153.0),
            ("A", "2024-01-04", "2024-01-05", 153.0, 153.0, 120.0),
        ),
        cost_bps=0,
    )
    assert row(found, "m")["return"] == pytest.approx(100 * (1.02 ** (252 / 3) - 1))
    assert row(found, "m")["invested"] == pytest.approx(100 / 3)
    assert row(found, "m")["turnover"] == pytest.approx(252 * 2 / 3)


def test_a_rise_must_pay_for_the_way_in_and_out() -> None:
    rows = [("A", f"2024-01-0{day}", f"2024-01-0{day + 1}", 100.0, 100 * math.exp(0.0019), 101.0) for day in (1, 2)]
    assert row(trading(table(*rows), cost_bps=9.4), "m")["invested"] == 100
    assert row(trading(table(*rows), cost_bps=9.6), "m")["invested"] == 0


def test_costs_are_paid_on_the_way_in_and_on_the_way_out() -> None:
    found = trading(
        table(
            ("A", "2024-01-02", "2024-01-03", 100.0, 110.0, 100.0),
            ("A", "2024-01-03", "2024-01-04", 100.0, 110.0, 100.0),
            ("A", "2024-01-04", "2024-01-05", 100.0, 90.0, 100.0),
            ("A", "2024-01-05", "2024-01-08", 100.0, 90.0, 100.0),
        ),
        cost_bps=100,
    )
    assert row(found, "m")["return"] == pytest.approx(100 * (0.99 ** (2 * 252 / 4) - 1))
    assert row(found, HOLD)["return"] == pytest.approx(100 * (0.99 ** (252 / 4) - 1))
    assert row(found, "m")["max_drawdown"] == pytest.approx(100 * (1 - 0.99**2))


def test_the_capital_of_a_day_is_spread_over_the_tickers_that_trade_on_it() -> None:
    """A closes over the weekend, B does not; Monday's return of A is earned on Monday."""
    found = trading(
        table(
            ("A", "2024-01-05", "2024-01-08", 100.0, 110.0, 110.0),
            ("B", "2024-01-05", "2024-01-06", 100.0, 110.0, 120.0),
            ("B", "2024-01-06", "2024-01-07", 120.0, 130.0, 120.0),
            ("B", "2024-01-07", "2024-01-08", 120.0, 130.0, 90.0),
        ),
        cost_bps=0,
    )
    assert row(found, "m")["n_days"] == 3
    wealth = 1.2 * 1.0 * (1 + (0.1 - 0.25) / 2)
    assert row(found, "m")["return"] == pytest.approx(100 * (wealth ** (365 / 3) - 1))
    assert row(found, "m")["max_drawdown"] == pytest.approx(7.5)


def test_without_one_day_ahead_there_is_nothing_to_tell() -> None:
    forecasts = sample_forecasts(days=40)
    assert trading(forecasts[forecasts["horizon"] > 1]).empty
    assert list(trading(forecasts[forecasts["horizon"] > 1])) == list(trading(forecasts))


def test_wild_prices_make_figures_and_no_warning() -> None:
    rows = [("A", f"2024-01-0{day}", f"2024-01-0{day + 1}", 1e-12, 1.0, 1e15) for day in (1, 2, 3)]
    assert row(trading(table(*rows)), "m")["return"] == math.inf


def test_impossible_costs_are_refused() -> None:
    forecasts = sample_forecasts(days=60)
    with pytest.raises(InputError, match="basis points, got -1"):
        trading(forecasts, cost_bps=-1)
    with pytest.raises(InputError, match="basis points, got 10000"):
        trading(forecasts, cost_bps=10_000)


@pytest.mark.parametrize(
    ("trials", "skew", "kurtosis", "expected"),
    [(100, -3, 10, 0.9004), (46, -3, 10, 0.9505), (88, 0, 3, 0.9505)],
)
def test_published_example(trials: int, skew: float, kurtosis: float, expected: float) -> None:
    """Bailey & Lopez de Prado 2014: Sharpe 2.5 a year of 250 days over five years, variance 1/2 over the trials."""
    g, z = 0.5772156649015329, stats.norm.ppf
    best = math.sqrt(0.5 / 250) * ((1 - g) * z(1 - 1 / trials) + g * z(1 - 1 / (trials * math.e)))
    if trials == 100:
        assert best == pytest.approx(0.1132, abs=5e-5)
    assert _exceeds(2.5 / math.sqrt(250), best, 1250, skew, kurtosis) == pytest.approx(expected, abs=5e-5)


def test_deflated_sharpe_is_the_formula_on_the_moments_of_the_sample() -> None:
    earned = 0.01 * np.random.default_rng(0).standard_t(5, 400) + 0.001
    n, mean = 400, earned.mean()
    m2, m3, m4 = (float(((earned - mean) ** k).mean()) for k in (2, 3, 4))
    ratio = mean / math.sqrt(m2 * n / (n - 1))
    g, z = 0.5772156649015329, stats.norm.ppf
    best = 0.05 * ((1 - g) * z(1 - 1 / 7) + g * z(1 - 1 / (7 * math.e)))
    spread = math.sqrt(1 - m3 / m2**1.5 * ratio + (m4 / m2**2 - 1) / 4 * ratio**2)
    expected = stats.norm.cdf((ratio - best) * math.sqrt(n - 1) / spread)
    assert deflated_sharpe(earned, 7, 0.05**2) == pytest.approx(expected, rel=1e-9)


def test_one_trial_asks_whether_the_mean_is_above_zero() -> None:
    """For normal returns of a small ratio that is nearly the one-sided t test."""
    earned = np.random.default_rng(1).normal(0.05, 1, 2000)
    assert deflated_sharpe(earned) == pytest.approx(
        1 - stats.ttest_1samp(earned, 0, alternative="greater").pvalue, abs=2e-3
    )


def test_more_trials_leave_less_to_believe() -> None:
    earned = np.random.default_rng(2).normal(0.1, 1, 500)
    found = [deflated_sharpe(earned, trials, 0.002) for trials in (1, 2, 10, 100, 10_000)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 0.8 > 0.05 > found[-1]


def test_the_expected_best_of_lucky_rules_is_what_simulation_finds() -> None:
    ratios = np.random.default_rng(3).normal(0, 0.04, (4000, 30)).max(axis=1)
    earned = np.random.default_rng(4).normal(0, 1, 5000)
    earned += ratios.mean() * earned.std(ddof=1) - earned.mean()  # Its Sharpe ratio is the mean best.
    assert deflated_sharpe(earned, 30, 0.04**2) == pytest.approx(0.5, abs=0.06)


def test_nothing_to_judge_is_no_number() -> None:
    assert math.isnan(deflated_sharpe(np.zeros(50)))
    assert math.isnan(deflated_sharpe(np.array([0.1])))
    assert math.isnan(deflated_sharpe(np.array([0.1, -0.1, 0.3]), 5, math.nan))


def test_models_are_the_trials_and_what_was_tried_besides() -> None:
    forecasts = sample_forecasts(models=("naive", "drift", "lstm", "gru"), days=200)
    found = trading(forecasts)
    assert found.set_index("model")["n_trials"].to_dict() == {"naive": 3, "drift": 3, "lstm": 3, "gru": 3, HOLD: 1}
    more = trading(forecasts, trials=200)
    assert row(more, "lstm")["n_trials"] == 203
    assert row(more, "lstm")["deflated_sharpe"] < row(found, "lstm")["deflated_sharpe"]
    assert row(more, HOLD).equals(row(found, HOLD))


def test_a_walk_without_drift_pays_nobody() -> None:
    """Over 20 walks, models without skill are hardly ever called skilful."""
    believed = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        n = 250
        close = 100 * np.exp(np.cumsum(0.01 * rng.standard_normal(n + 1)))
        dates = pd.bdate_range("2023-01-02", periods=n + 1)
        one = pd.DataFrame({"ticker": "A", "cutoff": dates[:-1], "date": dates[1:], "horizon": 1})
        one = one.assign(last_close=close[:-1], actual=close[1:])
        models = [
            one.assign(model=f"m{k}", q50=close[:-1] * np.exp(0.01 * rng.standard_normal(n))) for k in range(8)
        ]
        believed += bool((trading(pd.concat(models)).iloc[:-1]["deflated_sharpe"] > 0.95).any())
    assert believed <= 2
