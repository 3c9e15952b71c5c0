import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm
from sklearn.metrics import mean_pinball_loss, r2_score

from pricecast.errors import InputError
from pricecast.evaluation.metrics import METRICS
from pricecast.evaluation.scored_rows import LEVEL_WEIGHTS, LEVELS, Slice
from pricecast.schema import INTERVALS, QUANTILE_COLUMNS, QUANTILE_LEVELS
from pricecast.statistics.density import log_density, variance

INSAMPLE = pd.Series({"A": 1.5, "B": 20.0, "C": 0.3})


def table(seed: int = 0, days: int = 40) -> pd.DataFrame:
    """Three tickers of very different prices, one model, one horizon."""
    rng = np.random.default_rng(seed)
    parts = []
    for ticker, price in (("A", 30.0), ("B", 4000.0), ("C", 1.2)):
        last = price * np.exp(np.cumsum(rng.normal(0, 0.02, days)))
        centre = rng.normal(0, 0.005, days)
        part = pd.DataFrame({"ticker": ticker, "cutoff": pd.bdate_range("2024-01-01", periods=days)})
        part["last_close"] = last
        part["forecast"] = last * np.exp(centre)
        for level, column in zip(QUANTILE_LEVELS, QUANTILE_COLUMNS, strict=True):
            part[column] = last * np.exp(centre + 0.02 * norm.ppf(level))
        part["actual"] = last * np.exp(rng.normal(0, 0.02, days))
        parts.append(part)
    return pd.concat(parts, ignore_index=True).sample(frac=1, random_state=seed)


def values(frame: pd.DataFrame) -> dict[str, float]:
    return {name: metric(Slice.of(frame, INSAMPLE)) for name, metric in METRICS.items()}


def reference(frame: pd.DataFrame) -> dict[str, float]:
    """Every metric again, row by row."""
    price: dict[str, list[float]] = {name: [] for name in ("mse", "rmse", "mae", "mape", "r2", "mase", "theils_u")}
    for ticker, rows in frame.groupby("ticker"):
        errors = [f - a for f, a in zip(rows["forecast"], rows["actual"], strict=True)]
        absolute = sum(map(abs, errors)) / len(errors)
        square = sum(e**2 for e in errors) / len(errors)
        price["mse"].append(square)
        price["rmse"].append(math.sqrt(square))
        price["mae"].append(absolute)
        relative = [abs(e) / a for e, a in zip(errors, rows["actual"], strict=True)]
        price["mape"].append(100 * sum(relative) / len(errors))
        price["r2"].append(r2_score(rows["actual"], rows["forecast"]))
        price["mase"].append(absolute / INSAMPLE[ticker])
        lasts, outcomes = list(rows["last_close"]), list(rows["actual"])
        missed = [(e / last) ** 2 for e, last in zip(errors, lasts, strict=True)]
        came = [(a / last - 1) ** 2 for a, last in zip(outcomes, lasts, strict=True)]
        price["theils_u"].append(math.sqrt(sum(missed) / sum(came)))
    result = {name: sum(found) / len(found) for name, found in price.items()}

    returns = {
        name: [100 * math.log(x / c) for x, c in zip(frame[name], frame["last_close"], strict=True)]
        for name in ("forecast", "actual", *QUANTILE_COLUMNS)
    }
    actual, n = returns["actual"], len(frame)
    pairs = list(zip(returns["forecast"], actual, strict=True))
    result["return_r2"] = 1 - sum((f - a) ** 2 for f, a in pairs) / sum(a**2 for a in actual)
    result["direction"] = 100 * sum((f > 0) == (a > 0) for f, a in pairs) / n
    ups = sum(a > 0 for a in actual)
    result["majority"] = 100 * max(ups, n - ups) / n
    losses = [
        mean_pinball_loss(actual, returns[column], alpha=level)
        for level, column in zip(QUANTILE_LEVELS, QUANTILE_COLUMNS, strict=True)
    ]
    result["pinball"] = sum(losses) / len(losses)
    weights = (0.075, 0.10, 0.20, 0.25, 0.20, 0.10, 0.075)
    result["crps"] = 2 * sum(w * loss for w, loss in zip(weights, losses, strict=True))
    result |= {f"pinball_{name[1:]}": loss for name, loss in zip(QUANTILE_COLUMNS, losses, strict=True)}
    logs, likes = [], []
    for *quantiles, a in zip(*(returns[name] for name in QUANTILE_COLUMNS), actual, strict=True):
        logs.append(-float(log_density(np.array([quantiles]), np.array([a]))[0]))
        v = float(variance(np.array([quantiles]))[0])
        likes.append(math.log(v) + a * a / v)
    result["log_loss"], result["qlike"] = sum(logs) / n, sum(likes) / n
    for percent, low_name, high_name in INTERVALS:
        inside, widths, scores = 0, 0.0, 0.0
        for low, high, a in zip(returns[low_name], returns[high_name], actual, strict=True):
            inside += low <= a <= high
            widths += high - low
            miss = low - a if a < low else a - high if a > high else 0.0
            scores += high - low + 2 / (1 - percent / 100) * miss
        result[f"coverage_{percent}"] = 100 * inside / n
        result[f"width_{percent}"] = widths / n
        result[f"winkler_{percent}"] = scores / n
    return result


@pytest.mark.parametrize("seed", range(3))
def test_every_metric_equals_its_loop(seed: int) -> None:
    found, expected = values(table(seed)), reference(table(seed))
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-9), name


def test_rows_without_an_actual_are_left_out() -> None:
    frame = table()
    future = frame.assign(actual=np.nan, forecast=1e9)
    assert values(pd.concat([frame, future])) == pytest.approx(values(frame))


def test_no_known_future_is_an_error() -> None:
    with pytest.raises(InputError, match="actual is known"):
        Slice.of(table().assign(actual=np.nan))


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0, -1.0])
def test_a_price_that_is_none_is_an_error_that_names_the_column(bad: float) -> None:
    frame = table()
    frame.iloc[3, frame.columns.get_loc("q10")] = bad
    with pytest.raises(InputError, match="in q10"):
        Slice.of(frame)


def test_price_metrics_are_not_pooled() -> None:
    frame = table()
    tickers = [rows for _, rows in frame.groupby("ticker")]
    assert values(frame)["rmse"] == pytest.approx(np.mean([values(rows)["rmse"] for rows in tickers]))


def test_no_change_makes_no_call_and_explains_nothing() -> None:
    found = values(table().assign(forecast=lambda t: t["last_close"]))
    assert math.isnan(found["direction"])
    assert math.isnan(found["majority"])
    assert found["return_r2"] == 0


def test_direction_and_majority_look_at_the_same_rows() -> None:
    frame = table(days=2).head(5).assign(last_close=100.0)
    frame["actual"] = [101.0, 102.0, 99.0, 100.0, 103.0]
    frame["forecast"] = [101.0, 99.0, 99.0, 101.0, 100.0]
    assert values(frame)["direction"] == pytest.approx(200 / 3)
    assert values(frame)["majority"] == pytest.approx(200 / 3)


def test_mase_needs_a_scale() -> None:
    assert math.isnan(METRICS["mase"](Slice.of(table())))
    only_b = METRICS["mase"](Slice.of(table(), INSAMPLE.loc[["B"]]))
    rows = table()[lambda t: t["ticker"] == "B"]
    assert only_b == pytest.approx(values(rows)["mase"])
    assert math.isnan(METRICS["mase"](Slice.of(rows, pd.Series({"B": 0.0}))))


def test_a_price_that_never_moves_has_no_r2() -> None:
    frame = table().assign(last_close=100.1, actual=100.1)
    assert math.isnan(values(frame)["r2"])
    assert math.isnan(values(frame)["return_r2"])


def test_theils_u_by_hand_and_of_no_change() -> None:
    """Two rows: 1 % and 2 % came, 0.5 % and 2 % were missed."""
    frame = table(days=2).head(2).assign(ticker="A", last_close=[100.0, 50.0], actual=[101.0, 51.0])
    frame["forecast"] = [100.5, 50.0]
    assert values(frame)["theils_u"] == pytest.approx(math.sqrt((0.5**2 + 2**2) / (1**2 + 2**2)))
    assert values(table().assign(forecast=lambda t: t["last_close"]))["theils_u"] == 1


def test_theils_u_leaves_out_a_price_that_never_moves() -> None:
    frame = table()
    still = frame["ticker"].eq("B")
    assert math.isnan(values(frame[still].assign(actual=lambda t: t["last_close"]))["theils_u"])
    frame["actual"] = frame["actual"].where(~still, frame["last_close"])
    assert values(frame)["theils_u"] == pytest.approx(values(frame[~still])["theils_u"])


@pytest.mark.parametrize("metric", ["log_loss", "qlike"])
def test_the_right_width_scores_best(metric: str) -> None:
    """The outcomes of `table` have a daily deviation of 2 %, so do its quantiles."""
    frame, scores = table(days=3000).assign(forecast=lambda t: t["last_close"]), []
    for factor in (0.5, 0.8, 1.0, 1.25, 2.0):
        for level, column in zip(QUANTILE_LEVELS, QUANTILE_COLUMNS, strict=True):
            frame[column] = frame["last_close"] * np.exp(factor * 0.02 * norm.ppf(level))
        scores.append(values(frame)[metric])
    assert np.argmin(scores) == 2
    exact = {"log_loss": norm.entropy(scale=2), "qlike": math.log(4) + 1}[metric]
    assert scores[2] == pytest.approx(exact, abs=0.03)
    if metric == "qlike":
        assert scores[0] > scores[4]  # half the deviation costs more than double


def test_pinballs_by_level_average_to_the_whole() -> None:
    found = values(table())
    assert np.mean([found[f"pinball_{name[1:]}"] for name in QUANTILE_COLUMNS]) == pytest.approx(found["pinball"])


@pytest.mark.parametrize("rows", [1, 3])
def test_a_price_that_stands_still_and_quantiles_that_coincide_have_finite_scores(rows: int) -> None:
    frame = table().head(rows)
    still = frame.assign(**dict.fromkeys(("forecast", "actual", *QUANTILE_COLUMNS), frame["last_close"]))
    missed = still.assign(actual=1.5 * still["last_close"])
    same = [
        name for name in METRICS if name not in ("r2", "mase", "theils_u", "return_r2", "direction", "majority")
    ]
    for part in (still, missed):
        assert np.isfinite([values(part)[name] for name in same]).all()
    assert values(still)["log_loss"] < values(missed)["log_loss"]
    assert values(still)["qlike"] < values(missed)["qlike"]


def test_interval_bounds_count_as_inside() -> None:
    assert values(table().assign(actual=lambda t: t["q95"]))["coverage_90"] == 100
    assert values(table().assign(actual=lambda t: t["q95"]))["coverage_80"] == 0


@pytest.mark.parametrize("scale", [0.5, 1.0, 1.25])
def test_crps_is_near_the_exact_one_of_a_normal_forecast(scale: float) -> None:
    """Exact CRPS of N(0, scale): Gneiting & Raftery 2007, section 4.2; the outcome is N(0, 1)."""
    y = np.linspace(-8, 8, 4001)
    z, weight = y / scale, norm.pdf(y) * (y[1] - y[0])
    exact = (scale * (z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - 1 / np.sqrt(np.pi)) * weight).sum()
    error = y[:, None] - scale * norm.ppf(LEVELS)
    ours = (2 * np.maximum(LEVELS * error, (LEVELS - 1) * error) @ LEVEL_WEIGHTS * weight).sum()
    assert ours == pytest.approx(exact, rel=0.02)


def test_exact_crps_of_the_reference_is_right() -> None:
    """1 / sqrt(pi) for a standard normal forecast of a standard normal outcome, by quadrature."""

    def integrand(z: float) -> float:
        return (z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - 1 / np.sqrt(np.pi)) * norm.pdf(z)

    assert quad(integrand, -8, 8)[0] == pytest.approx(1 / np.sqrt(np.pi), rel=1e-6)


@settings(max_examples=20, deadline=None)
@given(factor=st.floats(1e-3, 1e3))
def test_return_metrics_do_not_see_the_unit_of_a_price(factor: float) -> None:
    frame = table(days=8)
    prices = ["last_close", "forecast", "actual", *QUANTILE_COLUMNS]
    scaled = frame.copy()
    scaled.loc[scaled["ticker"] == "C", prices] *= factor
    blind = [name for name in METRICS if name not in ("mse", "rmse", "mae", "mase")]
    before, after = values(frame), values(scaled)
    assert {k: after[k] for k in blind} == pytest.approx({k: before[k] for k in blind}, rel=1e-6)
