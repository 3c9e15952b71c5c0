"""Forecasts of the days after the last bar: by whom, from what, and what their intervals say."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pricecast.dataset.dataset import build
from pricecast.errors import InputError
from pricecast.forecasting.fitting import fit, refit
from pricecast.forecasting.intervals import for_people, p_above
from pricecast.forecasting.replay import from_table, to_table
from pricecast.forecasting.table import QUANTILE_COLUMNS
from pricecast.forecasting.upcoming import fitted_on_all, forecast_by_first, predict, refitted, upcoming
from pricecast.forecasting.walk_plan import Candidate
from pricecast.schema import QUANTILE_LEVELS
from tests.support.failing_models import dropped_in
from tests.support.fitted_samples import LONG, data, made, raw
from tests.support.market_samples import market


def test_they_are_what_the_refitted_model_says_of_the_bars_in_quoted_prices():
    forecaster = fitted_on_all(Candidate("har", {}), data())
    pd.testing.assert_frame_equal(upcoming(forecaster, data()), forecaster.predict_bars(raw()))
    last = raw().groupby("ticker")["close"].last()
    table = upcoming(forecaster, data())
    assert table["last_close"].tolist() == last[table["ticker"]].tolist()
    assert forecaster.fitted_until == "2024-07-03"


@pytest.mark.parametrize("kept", [True, False])
def test_a_loaded_model_is_refitted_as_the_one_that_was_just_fitted(kept, tmp_path):
    judged = fit("har", {}, data())
    loaded = type(judged).load(judged.save(tmp_path / "forecaster"))
    past = from_table(to_table(judged.past)) if kept else None
    with pytest.raises(InputError, match="fit it again"):
        refit(loaded, data())
    again = upcoming(refitted(loaded, data(), past), data())
    pd.testing.assert_frame_equal(again, upcoming(refit(judged, data()), data()))


def test_the_first_model_that_can_be_fitted_on_all_rows_forecasts(tmp_path):
    with dropped_in(tmp_path, ["singular"]):
        by = forecast_by_first(
            ["singular", "naive"], lambda name: fitted_on_all(Candidate(name, {}), data()), data()
        )
    assert by.name == "naive"
    assert list(by.failures) == ["singular"]
    pd.testing.assert_frame_equal(by.table, upcoming(fitted_on_all(Candidate("naive", {}), data()), data()))


def test_a_forecast_bears_the_label_of_its_model():
    by = forecast_by_first(["har_2"], lambda name: refitted(fit("har", {}, data()), data()), data())
    assert set(by.table["model"]) == {"har_2"}


def test_a_ticker_whose_last_days_lack_features_has_no_forecast(caplog):
    gap = data().features.copy()
    gap.loc[gap["ticker"].eq("BBB") & gap["date"].eq(gap["date"].max()), "scale"] = np.nan
    broken = replace(data(), features=gap)
    forecaster = fitted_on_all(Candidate("naive", {}), data())
    assert set(upcoming(forecaster, broken)["ticker"]) == {"AAA"}
    assert "BBB" in caplog.text
    gap.loc[gap["date"].eq(gap["date"].max()), "scale"] = np.nan
    with pytest.raises(InputError, match="AAA, BBB"):
        upcoming(forecaster, replace(data(), features=gap))


# --- a saved model and later bars --------------------------------------------------------------------------


def test_tickers_and_days_are_those_that_were_asked_for():
    forecaster = fitted_on_all(Candidate("har", {}), data())
    table = predict(forecaster, raw(), ["BBB"], 2)
    assert table[["ticker", "horizon"]].to_numpy().tolist() == [["BBB", 1], ["BBB", 2]]
    whole = forecaster.predict_bars(raw())
    assert table["q05"].tolist() == whole[whole["ticker"] == "BBB"]["q05"].tolist()[:2]
    assert len(predict(forecaster, raw())) == 6


def test_more_days_than_the_model_knows_are_refused():
    with pytest.raises(InputError, match=r"at most the 3 trading days .* got 4"):
        predict(made("har"), raw(), (), 4)


def test_days_that_a_model_has_seen_are_not_forecast_by_it():
    early = raw()[raw()["date"] < "2024-07-03"]
    with pytest.raises(InputError, match=r"up to 2024-07-03.*got AAA \(bars until 2024-07-02\), BBB"):
        predict(fitted_on_all(Candidate("naive", {}), data()), early)
    assert len(predict(made("naive"), early)) == 6  # the judged model has not seen the test span


def test_a_ticker_that_ended_before_the_others_is_not_forecast_by_what_learned_from_their_later_days(caplog):
    ended = raw()[~raw()["ticker"].eq("BBB") | raw()["date"].lt("2024-06-03")]
    table = predict(fitted_on_all(Candidate("naive", {}), data()), ended)
    assert set(table["ticker"]) == {"AAA"}
    assert "BBB (bars until 2024-05-31)" in caplog.text
    prices = market(LONG)
    kept = ~prices["ticker"].eq("BBB") | prices["date"].lt("2024-06-03")
    gone = build(prices[kept].reset_index(drop=True), horizon=3, max_lookback=20)
    assert set(upcoming(fitted_on_all(Candidate("naive", {}), gone), gone)["ticker"]) == {"AAA"}


def test_a_model_of_another_dataset_is_not_calibrated_on_rows_of_that():
    prices = market(LONG)
    later = prices[prices["date"].ge("2022-06-01")].reset_index(drop=True)
    other = build(later, horizon=3, max_lookback=20)
    found = upcoming(refitted(fit("har", {}, data()), other), other)
    pd.testing.assert_frame_equal(found, upcoming(fitted_on_all(Candidate("har", {}), other), other))


# --- intervals ---------------------------------------------------------------------------------------------


def test_intervals_are_the_quantiles_by_their_names():
    table = upcoming(fitted_on_all(Candidate("har", {}), data()), data())
    found = for_people(table, above=100.0)
    for percent, low, high in ((50, "q25", "q75"), (80, "q10", "q90"), (90, "q05", "q95")):
        assert found[f"lower_{percent}"].tolist() == pytest.approx(table[low].tolist(), rel=1e-12)
        assert found[f"upper_{percent}"].tolist() == pytest.approx(table[high].tolist(), rel=1e-12)
    assert found["forecast"].tolist() == table["q50"].tolist()
    assert set(found["level"]) == {100.0}
    assert "level" not in for_people(table)


@pytest.mark.parametrize(("column", "level"), list(zip(QUANTILE_COLUMNS, QUANTILE_LEVELS, strict=True)))
def test_the_chance_beyond_a_quantile_is_what_its_level_leaves(column, level):
    table = upcoming(fitted_on_all(Candidate("naive", {}), data()), data())
    assert p_above(table, table[column]) == pytest.approx(1 - level, abs=1e-9)


def test_the_chance_of_a_close_above_a_price_falls_with_the_price():
    table = upcoming(fitted_on_all(Candidate("har", {}), data()), data()).head(1)
    chances = [p_above(table, price)[0] for price in np.linspace(0.5, 1.5, 41) * table["last_close"].iloc[0]]
    assert (np.diff(chances) <= 0).all()
    assert chances[0] > 0.999
    assert chances[-1] < 0.001


def test_prices_that_were_split_are_forecast_as_they_are_quoted():
    prices = market(LONG)
    halved = build(prices.assign(adj_close=prices["close"] / 2), horizon=3, max_lookback=20)
    whole = build(prices, horizon=3, max_lookback=20)
    table = upcoming(fitted_on_all(Candidate("naive", {}), halved), halved)
    pd.testing.assert_frame_equal(table, upcoming(fitted_on_all(Candidate("naive", {}), whole), whole), rtol=1e-9)
