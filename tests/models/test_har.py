"""The HAR model against plain loops, normal equations and statsmodels, and on markets whose law is known."""

import json
import math
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from pricecast import models
from pricecast.audit import checks, subjects
from pricecast.dataset.dataset import build
from pricecast.errors import InputError
from pricecast.forecasting import fitting
from pricecast.models import _realised, har
from pricecast.table_checks import check_prices
from tests.support.market_samples import market, prices_of, same_bits, small_dataset

THREE = (("AAA", 300), ("BBB", 260), ("CCC", 280))
SPANS = {"horizon": 3, "max_lookback": 20}


@cache
def setup(bars=THREE):
    data = small_dataset(bars=bars)
    return data.panel(), data.origins("train"), data.origins("test")


@cache
def fitted(bars=THREE, **params):
    panel, train, _ = setup(bars)
    return models.create("har", params).fit(panel, train, train[:0])


def day_variance(bars, row):
    """Garman-Klass and the night before it, of one row of one ticker's bars."""
    day, before = bars.iloc[row], bars.iloc[row - 1]
    high_low, close_open = math.log(day["high"] / day["low"]), math.log(day["close"] / day["open"])
    night = math.log(day["open"] / before["close"])
    ranges = high_low**2 / 2 - (2 * math.log(2) - 1) * close_open**2
    return ranges + night**2, ranges


def plain_regressors(bars, row, scale):
    month = [day_variance(bars, row - back)[0] for back in range(22)]
    level = max(sum(month) / 22, 1e-12)
    logs = [math.log(max(value, 0.01 * level)) for value in month]
    hours = [math.log(max(day_variance(bars, row - back)[1], 0.01 * level)) for back in range(5)]
    moves = [
        math.log(bars["close"].iloc[row] / bars["close"].iloc[row - span]) / math.sqrt(span * level)
        for span in (1, 5, 22)
    ]
    weekday = [float(bars["date"].iloc[row].weekday() == day) for day in range(7)]
    return [
        logs[0], sum(logs[:5]) / 5, sum(logs) / 22, sum(hours) / 5, 2 * math.log(scale),
        abs(moves[0]), *(min(move, 0.0) for move in moves), *weekday,
    ]  # fmt: skip


def test_the_regressors_and_targets_equal_a_plain_loop():
    panel, train, _ = setup()
    rows = np.random.default_rng(0).choice(train, 12, replace=False)
    regressors = np.hstack([_realised.own(panel, rows), _realised.weekdays(panel, rows)])
    assert regressors.shape[1] == _realised.OWN + _realised.WEEKDAYS
    labels = _realised.targets(panel, rows)
    for i, row in enumerate(rows):
        bars = panel.bars[panel.bars["ticker"] == panel.tickers[row]]
        position = int(np.flatnonzero(bars.index == row)[0])
        np.testing.assert_allclose(
            regressors[i], plain_regressors(bars, position, panel.scale[row]), rtol=1e-9, atol=1e-12
        )
        level = sum(day_variance(bars, position - back)[0] for back in range(22)) / 22
        for h in range(1, 4):
            realised = sum(day_variance(bars, position + step)[0] for step in range(1, h + 1))
            closes = np.log(bars["close"].to_numpy()[position : position + h + 1])
            squares = sum((closes[step + 1] - closes[step]) ** 2 for step in range(h))
            expected = math.log(max(realised, 0.01 * h * level)) / 2 + math.log(squares + 0.05 * h * level) / 2
            assert labels[i, h - 1] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("months", [2, 6, 12])
def test_the_long_run_equals_a_plain_loop_and_takes_the_months_there_are(months):
    panel, _, _ = setup()
    position = _realised.positions(panel)
    rows = np.flatnonzero((position >= 22) & (position % 13 == 0))
    long_run = _realised.long_run(panel, rows, months)[:, 0]
    assert position[rows].min() < 22 * (months + 1) <= max(position[rows].max(), 280)
    for row, value in zip(rows, long_run, strict=True):
        bars = panel.bars[panel.bars["ticker"] == panel.tickers[row]]
        ends = [end for end in (position[row] - 22 * back for back in range(months)) if end >= 22]
        means = [plain_regressors(bars, int(end), 1.0)[2] for end in ends]
        assert value == pytest.approx(sum(means) / len(means), rel=1e-9)


def test_a_longer_memory_is_a_regressor_more_and_a_live_forecast_equals_the_history():
    prices = market((("AAA", 700), ("BBB", 690)))
    data = build(prices, **SPANS)
    forecaster = fitting.fit("har", {"months": 12}, data)
    assert forecaster.model.slopes_.shape[1] == fitted().slopes_.shape[1] + 1
    whole = forecaster.predict_bars(prices)
    pd.testing.assert_frame_equal(forecaster.predict_bars(forecaster.context.needed(prices)), whole)


@pytest.mark.parametrize("months", [0, 13])
def test_months_that_no_forecast_has_are_refused(months):
    panel, train, _ = setup()
    with pytest.raises(InputError, match=f"expected 1 to 12 months of har, got {months}"):
        models.create("har", {"months": months}).fit(panel, train, train[:0])


def test_the_first_day_of_a_ticker_has_no_night_of_another():
    panel, _, _ = setup()
    total, ranges = _realised.variances(panel)
    first = np.flatnonzero(_realised.positions(panel) == 0)
    assert len(first) == 3
    assert np.isnan(total[first]).all()
    assert np.isfinite(ranges).all()
    assert np.isfinite(np.delete(total, first)).all()


def test_the_market_equals_a_plain_loop_and_leaves_out_who_has_no_bar():
    # BBB starts later than AAA, and CCC is not one of the trained.
    panel, _, _ = setup()
    rows = np.flatnonzero((panel.tickers != "CCC") & (_realised.positions(panel) >= 22))
    norms = {ticker: fitted().norms_[ticker] for ticker in ("AAA", "BBB")}
    market_state = _realised.market(panel, norms, rows)
    days_known = {"AAA": 0, "BBB": 0}
    for i in range(0, len(rows), 11):
        values = []
        for ticker, norm in norms.items():
            row = np.flatnonzero((panel.tickers == ticker) & (panel.dates == panel.dates[rows[i]]))
            if not len(row) or _realised.positions(panel)[row[0]] < 22:
                continue
            days_known[ticker] += 1
            day, week = _realised.own(panel, row)[0, :2]
            values.append([(day - norm[0]) / norm[2], (week - norm[1]) / norm[3]])
        np.testing.assert_allclose(market_state[i], np.mean(values, axis=0), rtol=1e-9)
    assert 0 < days_known["BBB"] < days_known["AAA"]


def test_a_ticker_that_does_not_move_is_left_out_of_the_market_of_that_day():
    panel, _, _ = setup()
    rows = np.flatnonzero((panel.tickers == "AAA") & (_realised.positions(panel) >= 22))
    day = panel.dates[rows[-1]]
    bars = panel.bars.copy()
    still = np.flatnonzero((panel.tickers == "BBB") & (panel.dates == day))[0]
    bars.loc[still, ["open", "high", "low", "close"]] = bars["close"].iloc[still - 1]
    quiet = replace(panel, bars=bars, close=bars["close"].to_numpy())
    norms = {ticker: fitted().norms_[ticker] for ticker in ("AAA", "BBB")}
    alone = _realised.market(quiet, {"AAA": norms["AAA"]}, rows[-1:])
    np.testing.assert_array_equal(_realised.market(quiet, norms, rows[-1:]), alone)
    assert (_realised.market(panel, norms, rows[-1:]) != alone).all()


def test_the_level_is_a_mean_of_squares_in_which_no_return_of_any_size_counts_much():
    sizes = np.abs(np.random.default_rng(0).standard_normal((2000, 2)))
    plain = (sizes**2).mean(axis=0)
    np.testing.assert_array_equal(har._mean_square(sizes), plain)
    sizes[7] = 1e9
    np.testing.assert_allclose(har._mean_square(sizes), plain, rtol=0.06)
    np.testing.assert_array_equal(har._mean_square(np.zeros((9, 2))), [1.0, 1.0])


def test_the_norms_are_means_and_deviations_of_training_days():
    panel, train, _ = setup()
    rows = train[panel.tickers[train] == "BBB"]
    values = _realised.own(panel, rows)[:, :2]
    np.testing.assert_allclose(fitted().norms_["BBB"], [*values.mean(axis=0), *values.std(axis=0)])


def test_a_day_without_any_trained_ticker_takes_the_market_of_the_last_one_before():
    # CCC trades on weekends, too; AAA and BBB do not.
    weekly = prices_of(np.random.default_rng(1).normal(0, 0.01, 300), "CCC", freq="D")
    prices = check_prices(pd.concat([market((("AAA", 300), ("BBB", 260))), weekly], ignore_index=True))
    panel = build(prices, **SPANS).panel()
    rows = np.flatnonzero((panel.tickers == "CCC") & (_realised.positions(panel) > 100))
    norms = {ticker: [-9.0, -9.0, 1.0, 1.0] for ticker in ("AAA", "BBB")}
    market_state = _realised.market(panel, norms, rows)
    weekdays = pd.DatetimeIndex(panel.dates[rows]).weekday
    sunday = np.flatnonzero(weekdays == 6)
    assert (market_state[sunday] == market_state[sunday - 2]).all()
    assert (market_state[sunday] != market_state[sunday - 3]).all()
    before = np.flatnonzero(panel.dates < panel.dates[panel.tickers == "AAA"].min())
    if len(before):
        assert (_realised.market(panel, norms, before) == 0).all()


def design(model, panel, rows):
    parts = [_realised.own(panel, rows), _realised.weekdays(panel, rows)]
    return np.hstack([*parts, _realised.market(panel, model.norms_, rows)] if model.market else parts)


@pytest.mark.parametrize("with_market", [True, False])
def test_the_slopes_solve_the_normal_equations(with_market):
    panel, train, _ = setup()
    model = fitted(penalty=30.0, market=with_market)
    X, y = design(model, panel, train), _realised.targets(panel, train)
    deviation = np.where(X.std(axis=0) > 0, X.std(axis=0), 1.0)
    Z = (X - X.mean(axis=0)) / deviation
    slopes = np.linalg.solve(Z.T @ Z + 30 * np.eye(Z.shape[1]), Z.T @ (y - y.mean(axis=0)))
    np.testing.assert_allclose(model.slopes_, slopes.T, rtol=1e-6, atol=1e-9)


def test_without_penalty_and_market_it_is_least_squares():
    bars = (("AAA", 420),)
    panel, train, test = setup(bars)
    model = fitted(bars, penalty=1e-7, market=False)
    # Friday is where the other weekdays' dummies are all zero; nothing trades on weekends.
    X, Z = (np.delete(design(model, panel, rows), [13, 14, 15], axis=1) for rows in (train, test))
    y, log_variance = _realised.targets(panel, train), 2 * np.log(model.predict(panel, test).sigma)
    for h in range(3):
        expected = sm.OLS(y[:, h], sm.add_constant(X)).fit().predict(sm.add_constant(Z))
        # Apart from the level, which makes the returns' variance right and not the logarithm's mean.
        apart = log_variance[:, h] - expected
        np.testing.assert_allclose(apart, apart.mean(), atol=1e-4)


@pytest.mark.parametrize("with_market", [True, False])
def test_standardised_training_returns_have_unit_variance(with_market):
    panel, train, _ = setup()
    scores = panel.returns(train) / fitted(market=with_market).predict(panel, train).sigma
    np.testing.assert_allclose((scores**2).mean(axis=0), 1, rtol=1e-9)


def stochastic_volatility(n, common, seed):
    """Returns whose log variance is an AR(1) of a common and an own shock (Taylor 1986)."""
    rng = np.random.default_rng(seed)
    state, returns = 0.0, np.empty(n)
    for day in range(n):
        state = 0.97 * state + 0.25 * (common[day] + rng.standard_normal()) / math.sqrt(2)
        returns[day] = 0.01 * math.exp(state / 2) * rng.standard_normal()
    return returns


@cache
def wild_market():
    common = np.random.default_rng(9).standard_normal(1500)
    tables = [
        prices_of(stochastic_volatility(1500, common, seed), ticker) for seed, ticker in enumerate(["AAA", "BBB"])
    ]
    data = build(check_prices(pd.concat(tables, ignore_index=True)), **SPANS)
    return data.panel(), data.origins("train"), data.origins("test")


@pytest.mark.parametrize("horizon", [1, 3])
def test_it_beats_the_unconditional_volatility_where_volatility_moves(horizon):
    panel, train, test = wild_market()
    test = test[panel.ahead[test] >= 3]
    sigma = models.create("har", {}).fit(panel, train, train[:0]).predict(panel, test).sigma[:, horizon - 1]
    returns = panel.returns(test)[:, horizon - 1]
    flat = panel.returns(train)[:, horizon - 1].std()

    def score(deviation):  # negative log likelihood of a normal, without its constant
        return np.mean(np.log(deviation) + (returns / deviation) ** 2 / 2)

    assert score(sigma) < score(np.full(len(test), flat)) - 0.05
    assert np.corrcoef(np.log(sigma), np.log(np.abs(returns) + 1e-4))[0, 1] > 0.2


def test_no_later_row_moves_a_forecast_though_the_market_counts():
    prices = market(THREE)
    forecaster = fitting.fit("har", {}, build(prices, **SPANS))
    compute = subjects.forecasting(forecaster)
    dates = checks.cuts(prices, 3, 0)
    assert checks.prefix(compute, prices, dates) == []
    assert checks.future(compute, prices, dates, checks.VALID_GARBAGE) == []
    # Otherwise the market would not count, and there would be nothing to see.
    assert checks.isolation(compute, prices, checks.VALID_GARBAGE)


def test_without_the_market_a_ticker_has_the_same_forecast_in_any_company():
    prices = market(THREE)
    forecaster = fitting.fit("har", {"market": False}, build(prices, **SPANS))
    assert forecaster.model.norms_ == {}
    assert checks.isolation(subjects.forecasting(forecaster), prices, checks.VALID_GARBAGE) == []


def test_a_new_ticker_is_forecast_and_does_not_move_the_others():
    prices = market((*THREE, ("DDD", 300)))
    whole = build(prices, **SPANS).panel()
    known = np.flatnonzero((whole.tickers != "DDD") & (_realised.positions(whole) > 100))
    fewer, _, _ = setup()
    alone = np.flatnonzero(_realised.positions(fewer) > 100)
    new = np.flatnonzero((whole.tickers == "DDD") & (_realised.positions(whole) > 100))
    assert (fitted().predict(whole, new).sigma > 0).all()
    assert same_bits(fitted().predict(whole, known).sigma, fitted().predict(fewer, alone).sigma)


def test_a_market_that_is_not_there_is_an_input_error():
    panel, _, test = setup((("AAA", 300), ("CCC", 280)))
    with pytest.raises(InputError, match="got none of BBB: add them, or train it with market=false"):
        fitted().predict(panel, test)
    assert (fitted(market=False).predict(panel, test).sigma > 0).all()


def test_flat_days_and_a_pegged_series_have_a_finite_volatility():
    prices = market((("AAA", 300), ("BBB", 300)))
    columns = ["open", "high", "low", "close", "adj_close"]
    pegged, halted = prices["ticker"] == "BBB", prices.index.isin(range(150, 190))
    prices.loc[pegged, columns] = 7.0
    prices.loc[halted, columns] = prices.loc[149, "close"]
    data = build(prices, **SPANS)
    panel, train = data.panel(), data.origins("train")
    model = models.create("har", {}).fit(panel, train, train[:0])
    sigma = model.predict(panel, np.concatenate([train, data.origins("test")])).sigma
    assert np.isfinite(sigma).all()
    assert (sigma > 0).all()


def test_a_calm_and_a_wild_ticker_share_the_slopes_and_keep_their_levels():
    rng = np.random.default_rng(2)
    tables = []
    for ticker, sigma in (("CALM", 0.005), ("WILD", 0.03)):
        bars = prices_of(sigma * rng.standard_normal(420), ticker)
        # A range that fits the volatility, which the sample's bars do not have.
        wide = np.exp(sigma * np.abs(rng.standard_normal(len(bars))) / 2)
        body = bars[["open", "close"]]
        tables.append(bars.assign(high=body.max(axis=1) * wide, low=body.min(axis=1) / wide))
    data = build(check_prices(pd.concat(tables, ignore_index=True)), **SPANS)
    panel, train, test = data.panel(), data.origins("train"), data.origins("test")
    sigma = models.create("har", {}).fit(panel, train, train[:0]).predict(panel, test).sigma[:, 0]
    assert np.median(sigma[panel.tickers[test] == "CALM"]) == pytest.approx(0.005, rel=0.35)
    assert np.median(sigma[panel.tickers[test] == "WILD"]) == pytest.approx(0.03, rel=0.35)


def test_a_bad_print_counts_no_more_than_ten_deviations():
    panel, _, test = setup()
    bars = panel.bars.copy()
    row = test[5]
    bars.loc[row, "high"] *= 1e6
    sigma = fitted().predict(replace(panel, bars=bars), test).sigma
    assert np.isfinite(sigma).all()
    assert sigma[5].max() < 10


def test_no_penalty_is_refused():
    panel, train, _ = setup()
    with pytest.raises(InputError, match="expected a penalty of har above zero, got 0"):
        models.create("har", {"penalty": 0}).fit(panel, train, train[:0])


@pytest.mark.parametrize("key", ["mean", "deviation", "slopes", "intercepts", "norms"])
def test_a_state_whose_shapes_do_not_fit_is_refused(tmp_path, key):
    fitted().save(tmp_path)
    state = json.loads((tmp_path / "state.json").read_text())
    state[key] = {"AAA": [1.0]} if key == "norms" else state[key][:-1]
    (tmp_path / "state.json").write_text(json.dumps(state))
    with pytest.raises(InputError, match="train it again"):
        models.create("har", {}).load(tmp_path)


def test_a_state_of_other_parameters_is_refused(tmp_path):
    fitted().save(tmp_path)
    with pytest.raises(InputError, match="train it again"):
        models.create("har", {"market": False}).load(tmp_path)
