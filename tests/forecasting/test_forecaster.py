from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pricecast import models
from pricecast.errors import InputError
from pricecast.forecasting.table import forecast_dates
from pricecast.schema import FORECASTS, QUANTILE_COLUMNS
from tests.support.fitted_samples import CELLS, LONG, NAMES, PRICE_LIKE, data, logs, made, raw
from tests.support.market_samples import market

# --- the shape of the answer -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_bars_in_forecasts_out(name):
    table = made(name).predict_bars(raw())
    assert list(table.columns) == [column for column in FORECASTS if column != "actual"]
    assert table["ticker"].tolist() == ["AAA"] * 3 + ["BBB"] * 3
    assert table["horizon"].tolist() == [1, 2, 3] * 2
    assert (table["cutoff"] == pd.Timestamp("2024-07-03")).all()
    assert (table["model"] == name).all()
    last = raw().groupby("ticker")["close"].last()
    assert (table["last_close"].to_numpy() == last[table["ticker"]].to_numpy()).all()
    assert (table["forecast"] == table["q50"]).all()
    assert (np.diff(table[list(QUANTILE_COLUMNS)], axis=1) >= 0).all()
    assert np.isfinite(logs(table)).all()


@pytest.mark.parametrize(("name", "target"), CELLS)
def test_bars_and_dataset_lead_to_the_same_forecast(name, target):
    panel = data(target).panel()
    newest = np.flatnonzero(panel.ahead == 0)
    expected = made(name, target).table(panel, newest, panel.quote[newest]).drop(columns="actual")
    found = made(name, target).predict_bars(raw())
    pd.testing.assert_frame_equal(found, expected, rtol=1e-12)


def test_the_answer_can_be_checked_later():
    # The same origin, once as the newest close and once with its future known.
    panel = data().panel()
    origin = np.flatnonzero(panel.ahead == 3)
    table = made("naive").table(panel, origin, panel.quote[origin])
    early = raw()
    early = early[early["date"] <= panel.dates[origin[0]]]
    found = made("naive").predict_bars(early)
    np.testing.assert_allclose(logs(found), logs(table), rtol=1e-12)
    later = raw().groupby("ticker").tail(3)
    assert table["date"].tolist() == later["date"].tolist()
    np.testing.assert_allclose(table["actual"], later["close"], rtol=1e-12)


# --- how many bars -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "target"), CELLS)
def test_the_bars_needed_are_enough_for_the_full_historys_forecast(name, target):
    model = made(name, target)
    assert model.context.bars_needed == model.spec.warmup + model.model.lookback - 1
    full = model.predict_bars(raw())
    short = model.predict_bars(model.context.needed(raw()))
    scale = data(target).features.groupby("ticker")["scale"].last()[full["ticker"]].to_numpy()
    assert (np.abs(logs(short) - logs(full)) / scale[:, None]).max() < 1e-6


@pytest.mark.parametrize("name", NAMES)
def test_one_bar_fewer_is_refused(name):
    model = made(name)
    enough = model.context.needed(raw()).sort_values(["ticker", "date"])
    few = enough[enough["ticker"].ne("AAA") | enough["ticker"].duplicated()]
    needed, since = model.context.bars_needed, model.context.follows_from
    until = "the cutoff" if since is None else rf"{model.fitted_until}, from where on .* outcomes"
    said = f"at least {needed} sound bars up to {until}, got {needed - 1} of AAA: give"
    if models.about(name).whole_history:
        said = "AAA"
    with pytest.raises(InputError, match=said):
        model.predict_bars(few)


@pytest.mark.parametrize("broken", ["empty", "missing close", "constant", "conflict"])
def test_bars_beyond_repair_are_refused(broken):
    bars = raw()
    bars = {
        "empty": bars.iloc[:0],
        "missing close": bars.assign(close=np.nan),
        "constant": bars.assign(open=5.0, high=5.0, low=5.0, close=5.0),
        "conflict": pd.concat([bars, bars.tail(1).assign(close=bars["high"])]),
    }[broken]
    with pytest.raises(InputError):
        made("naive").predict_bars(bars)


@pytest.mark.parametrize("column", ["date", "ticker", "open", "high", "low", "close", "volume"])
def test_a_missing_column_is_named(column):
    with pytest.raises(InputError, match=f"missing: {column}: add"):
        made("naive").predict_bars(raw().drop(columns=column))


def test_the_order_of_rows_and_extra_columns_do_not_matter():
    bars = raw()
    shuffled = bars.sample(frac=1, random_state=0).assign(extra="x")
    before = shuffled.copy(deep=True)
    pd.testing.assert_frame_equal(made("lstm").predict_bars(shuffled), made("lstm").predict_bars(bars))
    pd.testing.assert_frame_equal(shuffled, before)


def test_a_dataset_with_splits_let_through_makes_a_bundle_that_takes_them():
    bars = raw()
    late = bars["date"] > bars["date"].iloc[-40]
    split = bars.assign(
        **{name: bars[name].where(~late, bars[name] / 2) for name in ("open", "high", "low", "close")}
    )
    with pytest.raises(InputError, match="unadjusted_split"):
        made("naive").predict_bars(split)
    allowed = replace(made("naive"), spec=replace(made("naive").spec, allow_splits=True))
    assert len(allowed.predict_bars(split))


# --- units -------------------------------------------------------------------------------------------------


def test_forecasts_are_in_the_units_of_the_quoted_close():
    bars = market(LONG)
    plain = made("naive").predict_bars(bars.drop(columns="adj_close"))
    whole = made("naive").predict_bars(bars.assign(adj_close=bars["close"] * 0.8))
    np.testing.assert_allclose(whole[PRICE_LIKE], plain[PRICE_LIKE], rtol=1e-9)


def test_a_split_in_the_past_does_not_move_the_forecast():
    bars = market(LONG)
    early = bars["date"] < bars["date"].max() - pd.Timedelta(days=30)
    quoted = bars.assign(**{x: bars[x].where(~early, bars[x] * 4) for x in ("open", "high", "low", "close")})
    plain = made("naive").predict_bars(bars.drop(columns="adj_close"))
    found = made("naive").predict_bars(quoted)
    np.testing.assert_allclose(found[PRICE_LIKE], plain[PRICE_LIKE], rtol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_dearer_prices_scale_the_forecast(name):
    bars = raw()
    dear = bars.assign(**{x: bars[x] * 64 for x in ("open", "high", "low", "close")})
    one, other = (made(name).predict_bars(x)[PRICE_LIKE].to_numpy() for x in (bars, dear))
    np.testing.assert_allclose(other, 64 * one, rtol=1e-7)


# --- dates -------------------------------------------------------------------------------------------------


def test_dates_are_the_markets_next_sessions():
    # Independence Day 2024 is a Thursday: New York rests, London trades, coins trade on weekends too.
    bars = pd.concat([raw((("AAA", 700), ("VOD.L", 700))), raw((("BTC-USD", 700),), freq="D")])
    table = made("naive").predict_bars(bars)
    days = {ticker: group["date"].dt.strftime("%m-%d").tolist() for ticker, group in table.groupby("ticker")}
    assert days == {
        "AAA": ["07-05", "07-08", "07-09"],
        "VOD.L": ["07-04", "07-05", "07-08"],
        "BTC-USD": ["07-04", "07-05", "07-06"],
    }


def test_the_tickers_own_dates_tell_its_market():
    # Coins under any name trade on weekends; in Riyadh the week goes from Sunday to Thursday.
    riyadh = pd.offsets.CDay(weekmask="Sun Mon Tue Wed Thu")
    bars = pd.concat([
        raw((("BTCUSDT", 700), ("MYCOIN", 700), ("VOD.L", 700)), freq="D"),
        raw((("2222.SR", 700), ("AAPL", 700)), freq=riyadh),
    ])  # fmt: skip
    table = made("naive").predict_bars(bars[bars["date"] <= "2024-06-27"])
    days = table.groupby("ticker")["date"].agg(lambda dates: " ".join(dates.dt.strftime("%a"))).to_dict()
    assert days == {
        **dict.fromkeys(("BTCUSDT", "MYCOIN", "VOD.L"), "Fri Sat Sun"),
        **dict.fromkeys(("2222.SR", "AAPL"), "Sun Mon Tue"),
    }


def test_tickers_may_end_on_different_days():
    bars = raw()
    bars = bars[(bars["ticker"] == "AAA") | (bars["date"] <= "2024-06-28")]
    table = made("naive").predict_bars(bars).set_index(["ticker", "horizon"])
    assert table.loc[("BBB", 1), "cutoff"] == pd.Timestamp("2024-06-28")
    assert table.loc[("BBB", 1), "date"] == pd.Timestamp("2024-07-01")
    assert table.loc[("AAA", 1), "date"] == pd.Timestamp("2024-07-05")


def test_known_dates_are_the_tables_and_later_ones_the_calendars():
    panel = data().panel()
    origins = np.flatnonzero(panel.ahead <= 3)
    dates = forecast_dates(panel, origins)
    calendar = ["2024-07-05", "2024-07-08", "2024-07-09"]
    for row, origin in enumerate(origins):
        known = [str(day)[:10] for day in panel.dates[origin + 1 : origin + 1 + panel.ahead[origin]]]
        assert [str(day)[:10] for day in dates[row]] == (known + calendar)[:3]


def test_an_unseen_ticker_is_named_where_a_model_needs_to_know_it():
    bars = raw((*LONG, ("ZZZ", 700)))
    with pytest.raises(InputError, match=r"drift was trained on \(AAA, BBB\), got ZZZ"):
        made("drift").predict_bars(bars)
    assert made("naive").predict_bars(bars)["ticker"].nunique() == 3
