import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from scipy import stats
from statsmodels.tsa.stattools import acf

from pricecast.report import eda, eda_plots
from pricecast.schema import DATE_DTYPE
from tests.support.forecast_samples import sample_forecasts
from tests.support.market_samples import small_dataset

DATES = pd.date_range("2024-01-01", periods=6, freq="B").astype(DATE_DTYPE)


def prices(close: list[float], adjusted: list[float], ticker: str = "AAA") -> pd.DataFrame:
    return pd.DataFrame({"date": DATES[: len(close)], "ticker": ticker, "close": close, "adj_close": adjusted})


@pytest.fixture(scope="module")
def returns() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.standard_t(4, (800, 2)), columns=["AAA", "BBB"])
    table.loc[:99, "BBB"] = np.nan
    return table * (1 + 3 * (np.arange(800) // 100 % 2))[:, None]


def test_a_split_and_a_dividend_are_adjustments_and_rounding_is_none() -> None:
    # Split in two on the third day, 1 % dividend on the fifth; the fourth moves by a rounded cent.
    table = prices([100, 102, 51, 50, 50, 51], [49.5, 50.49, 50.49, 49.505, 50, 51])
    found = eda.adjustments(table)
    assert list(found["date"]) == [DATES[2], DATES[4]]
    assert found["factor"].tolist() == pytest.approx([2, 1.01], abs=2e-4)
    assert found["close"].iloc[0] == pytest.approx(100 * np.log(0.5))
    assert found["adj_close"].iloc[0] == pytest.approx(0)


def test_adjustments_do_not_reach_from_one_ticker_to_the_next() -> None:
    table = pd.concat([prices([10, 10], [10, 10]), prices([90, 90], [9, 9], "BBB")], ignore_index=True)
    assert eda.adjustments(table).empty
    assert eda.adjustments(table.assign(adj_close=np.nan)).empty


def test_returns_are_those_of_each_ticker_between_its_own_bars() -> None:
    bars = pd.DataFrame({
        "date": [*DATES[:3], DATES[0], DATES[2]], "ticker": [*"AAA", *"BB"], "close": [1.0, 2.0, 1.0, 4.0, 8.0]
    })  # fmt: skip
    table = eda.returns(bars)
    assert list(table.columns) == ["A", "B"]
    step = 100 * np.log(2)
    np.testing.assert_allclose(table, [[np.nan, np.nan], [step, np.nan], [-step, step]])


def test_gaps_count_calendar_days_within_a_ticker() -> None:
    bars = pd.DataFrame({
        "date": pd.to_datetime(["2024-01-04", "2024-01-05", "2024-01-08", "2024-01-04", "2024-01-08"]),
        "ticker": [*"AAA", *"BB"], "close": np.exp([0.0, 0.01, 0.04, 1.0, 1.04]),
    })  # fmt: skip
    found = eda.by_gap(bars)
    assert found["bars"].to_dict() == {1: 1, 3: 1, 4: 1}
    assert found["volatility"].tolist() == pytest.approx([1, 3, 4])


def test_moments_are_scipys(returns: pd.DataFrame) -> None:
    found = eda.moments(returns)
    for name in returns:
        own = returns[name].dropna().to_numpy()
        scale = (len(own) - 1) / len(own)  # ours are in units of the unbiased deviation
        assert found.at[name, "skewness"] == pytest.approx(stats.skew(own) * scale**1.5)
        assert found.at[name, "kurtosis"] == pytest.approx((stats.kurtosis(own) + 3) * scale**2 - 3)
        far = sum(abs(x - own.mean()) > 4 * own.std(ddof=1) for x in own)
        assert found.at[name, "beyond_4"] == far
        assert found.at[name, "normal_beyond_4"] == pytest.approx(len(own) * 6.334e-5, rel=1e-3)
        assert found.at[name, "worst"] == pytest.approx((own.min() - own.mean()) / own.std(ddof=1))


def test_tail_quantiles_stand_beside_the_normal_ones(returns: pd.DataFrame) -> None:
    found = eda.tail_quantiles(returns)
    own = returns["BBB"].dropna()
    assert found.at[0.01, "BBB"] == pytest.approx(np.quantile((own - own.mean()) / own.std(), 0.01))
    assert found.at[0.99, "normal"] == pytest.approx(2.3263, abs=1e-4)


def test_autocorrelation_is_statsmodels(returns: pd.DataFrame) -> None:
    found = eda.autocorrelation(returns, 12)
    for name in returns:
        np.testing.assert_allclose(found[name], acf(returns[name].dropna(), nlags=12)[1:], atol=1e-12)


def test_autocorrelation_error_is_the_plain_loop(returns: pd.DataFrame) -> None:
    found = eda.autocorrelation_error(returns, 3)
    x = returns["BBB"].dropna().to_numpy()
    x = x - x.mean()
    for lag in (1, 2, 3):
        sum_of = sum(x[t] ** 2 * x[t - lag] ** 2 for t in range(lag, len(x)))
        assert found.at[lag, "BBB"] == pytest.approx(np.sqrt(sum_of) / sum(x**2))


def test_the_band_holds_what_it_promises_where_volatility_comes_in_clusters() -> None:
    rng = np.random.default_rng(1)
    wild = np.exp(1.5 * np.sin(np.arange(500) / 30))
    walks = pd.DataFrame(rng.standard_normal((500, 400)) * wild[:, None])
    estimate = eda.autocorrelation(walks, 1).abs().to_numpy()
    beyond = (estimate > 1.96 * eda.autocorrelation_error(walks, 1).to_numpy()).mean()
    assert 0.02 < beyond < 0.09
    assert (estimate > 1.96 / np.sqrt(500)).mean() > 0.12


def test_by_volatility_is_the_plain_loop() -> None:
    table = small_dataset().features
    rows = []
    for _, own in table.groupby("ticker", sort=False):
        own = own.assign(move=100 * np.log(own["close"].shift(-1) / own["close"])).dropna(subset=["scale", "move"])
        for place, row in enumerate(own.sort_values("scale", kind="stable").itertuples()):
            rows.append((1 + 5 * place // len(own), row.scale, row.move))
    found = eda.by_volatility(table)
    assert found["days"].sum() == len(rows)
    for part in range(1, 6):
        scale, move = np.array([row[1:] for row in rows if row[0] == part]).T
        moved = move[move != 0]
        wanted = [len(move), 100 * scale.mean(), move.mean(), 100 * (moved > 0).mean(), np.abs(move).mean()]
        assert found.loc[part, ["days", "scale", "mean", "up", "size"]].tolist() == pytest.approx(wanted)


def test_a_forecast_that_repeats_the_price_is_nearest_to_the_day_before() -> None:
    table = sample_forecasts(tickers=("AAPL",), horizons=2, days=40)
    found = eda.lagged_errors(table, lags=3)
    rows = table[(table["model"] == "naive") & (table["horizon"] == 1) & table["actual"].notna()].sort_values(
        "date"
    )
    actual, forecast = rows["actual"].to_numpy(), rows["forecast"].to_numpy()
    for lag in range(4):
        errors = [forecast[t] - actual[t - lag] for t in range(3, len(actual))]
        assert found.at[lag, "naive"] == pytest.approx(np.sqrt(np.mean(np.square(errors))))
    assert found["naive"].idxmin() == 1


def test_widths_are_of_the_90_percent_interval_in_percent() -> None:
    table = sample_forecasts(tickers=("AAPL",), horizons=2, days=10)
    found = eda.widths(table)
    row = table[(table["model"] == "naive") & (table["horizon"] == 1)].iloc[3]
    assert found.at[row["date"], "naive"] == pytest.approx(100 * np.log(row["q95"] / row["q05"]))
    assert len(found) == 10


def test_every_picture_draws_and_names_what_it_shows(returns: pd.DataFrame) -> None:
    dataset = small_dataset()
    quoted = dataset.bars.assign(adj_close=dataset.bars["close"] / 2)
    forecasts = sample_forecasts(tickers=("AAPL",), days=30)
    first, last = (str(day.date()) for day in (forecasts["date"].min(), forecasts["date"].max()))
    made: list[Figure] = [
        eda_plots.adjustment(quoted, "AAA"),
        eda_plots.tails(returns),
        eda_plots.clustering(dataset.features, "AAA"),
        eda_plots.autocorrelations(returns, lags=5),
        eda_plots.trailing(forecasts, "lstm"),
        eda_plots.widths(forecasts, ["naive", "lstm"], first, last),
        eda_plots.fans({"before": np.zeros((3, 7)), "after": np.ones((3, 7))}),
    ]
    for figure in made:
        figure.draw_without_rendering()
        assert all(ax.get_title(loc="left") for ax in figure.axes)
        legends = [*figure.legends, *(ax.get_legend() for ax in figure.axes if ax.get_legend())]
        assert any(legend.get_texts() for legend in legends)
