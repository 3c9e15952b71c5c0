"""Trading days in a year, counted from the tickers' own dates."""

import numpy as np
import pandas as pd
import pytest

from pricecast.evaluation.trading import HOLD, trading
from pricecast.evaluation.trading_year import days_a_year

SATURDAY = pd.Timestamp("2024-01-20")
HOLIDAYS = pd.DatetimeIndex(["2024-02-19", "2024-03-29", "2024-05-27", "2024-06-19", "2024-07-04", "2024-09-02",
                             "2024-11-28", "2024-12-25", "2025-01-01"])  # fmt: skip


def bars(dates, ticker="A"):
    dates = pd.DatetimeIndex(dates)
    return pd.DataFrame({"ticker": ticker, "cutoff": dates[:-1], "date": dates[1:]})


def weekdays(n, mask="Mon Tue Wed Thu Fri"):
    return pd.bdate_range("2024-01-02", periods=n, freq="C", weekmask=mask)


RIYADH, SIX = "Sun Mon Tue Wed Thu", "Mon Tue Wed Thu Fri Sat"


@pytest.mark.parametrize("n", [70, 200])
@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        (weekdays, 252),
        (lambda n: weekdays(n).append(pd.DatetimeIndex([SATURDAY])).sort_values(), 252),
        (lambda n: weekdays(n, RIYADH), 252),
        (lambda n: weekdays(n, RIYADH).append(pd.DatetimeIndex([SATURDAY])).sort_values(), 252),
        (lambda n: weekdays(n).difference(HOLIDAYS), 252),
        (lambda n: weekdays(n, SIX), 302.4),
        (lambda n: pd.date_range("2024-01-02", periods=n), 365),
        (lambda n: pd.date_range("2024-01-02", periods=n).delete([4, 11, 40]), 365),
    ],
)
def test_less_than_a_year_goes_by_the_days_of_the_week(dates, expected, n):
    assert days_a_year(bars(dates(n))) == pytest.approx(expected)


def test_a_year_and_more_is_counted():
    dates = pd.bdate_range("2024-01-02", "2025-01-01").difference(HOLIDAYS)
    assert days_a_year(bars(dates.append(pd.DatetimeIndex(["2025-01-02"])))) == pytest.approx(252, abs=1)
    shanghai = weekdays(520).delete(slice(20, 27)).delete(slice(180, 190))
    assert days_a_year(bars(shanghai)) == pytest.approx(252.4, abs=0.5)
    assert days_a_year(bars(pd.date_range("2022-01-01", periods=800))) == pytest.approx(365.25)
    assert days_a_year(bars(weekdays(520, SIX))) == pytest.approx(313, abs=1)


@pytest.mark.parametrize("n", [100, 700])
def test_one_special_session_changes_next_to_nothing(n):
    special = weekdays(n).append(pd.DatetimeIndex([SATURDAY])).sort_values()
    assert days_a_year(bars(special)) == pytest.approx(days_a_year(bars(weekdays(n))), rel=0.01)


def test_missing_cutoffs_do_not_lengthen_the_year():
    table = bars(weekdays(700))
    kept = table.drop(index=range(200, 380))
    assert days_a_year(kept) == pytest.approx(days_a_year(table), rel=0.01)
    assert days_a_year(table[table.index % 9 < 6]) == pytest.approx(days_a_year(table), rel=0.02)


@pytest.mark.parametrize("n", [100, 700])
def test_a_panel_trades_on_the_days_of_all_its_tickers(n):
    stocks = pd.concat([bars(weekdays(n), name) for name in ("A", "B", "C")])
    coin = bars(pd.date_range("2024-01-02", weekdays(n)[-1]), "BTC-USD")
    assert days_a_year(stocks) == days_a_year(bars(weekdays(n)))
    assert days_a_year(pd.concat([stocks, coin])) == pytest.approx(365, rel=0.001)
    one_session = pd.concat([stocks, bars(weekdays(n).append(pd.DatetimeIndex([SATURDAY])).sort_values(), "D")])
    assert days_a_year(one_session) == pytest.approx(days_a_year(stocks), rel=0.01)
    both = pd.concat([bars(weekdays(n)), bars(weekdays(n, RIYADH), "2222.SR")])
    assert days_a_year(both) == pytest.approx(302.4 if n == 100 else 313, abs=1)


def test_a_coin_that_came_late_does_not_stretch_the_years_before():
    stocks = bars(weekdays(1000))
    coin = bars(pd.date_range(weekdays(1000)[-100], weekdays(1000)[-1]), "BTC-USD")
    days = 1000 + 100 * 7 / 5 - 100
    assert days_a_year(pd.concat([stocks, coin])) == pytest.approx(365.25 * days / (1000 * 7 / 5), rel=0.01)


def test_a_saturday_session_leaves_the_figures_of_the_money_check():
    rng = np.random.default_rng(0)
    dates = weekdays(90).append(pd.DatetimeIndex([SATURDAY])).sort_values()
    close = 100 * np.exp(np.cumsum(0.01 * rng.standard_normal(len(dates))))
    table = bars(dates).assign(horizon=1, model="m", last_close=close[:-1], q50=close[:-1] * 1.01, actual=close[1:])
    daily = close[1:] / close[:-1] - 1
    found = trading(table, cost_bps=0).set_index("model").loc[HOLD]
    assert found["volatility"] == pytest.approx(100 * daily.std(ddof=1) * np.sqrt(252))
