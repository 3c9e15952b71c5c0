from dataclasses import asdict, replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from market_samples import SMALL, market, same_bits
from pricecast import dataset, fitting, forecast_table, models, outoffold
from pricecast.calibration import calibrate
from pricecast.dataset import fit_scalers, has_context
from pricecast.errors import InputError
from pricecast.forecaster import Forecaster
from pricecast.models import _per_ticker
from pricecast.outoffold import OutOfFold
from pricecast.schema import FORECASTS, QUANTILE_COLUMNS
from pricecast.settings import Settings
from pricecast.storage import seal
from serving.load import load

NAMES = models.names()
LONG = (("AAA", 700), ("BBB", 660))
PRICE_LIKE = ["last_close", "forecast", *QUANTILE_COLUMNS]


@cache
def data(target="return"):
    return dataset.build(market(LONG), horizon=3, max_lookback=20, target=target)


@cache
def made(name, target="return"):
    return fitting.fit(name, small(name), data(target))


def small(name):
    return models.settle(name, {}, SMALL)


def raw(bars=LONG, **changes):
    """What a user would send: no adjusted close, columns in another order."""
    return market(bars, **changes)[["ticker", "date", "volume", "open", "high", "low", "close"]]


def logs(table):
    return np.log(table[PRICE_LIKE].to_numpy())


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


@pytest.mark.parametrize("target", ["return", "price"])
@pytest.mark.parametrize("name", NAMES)
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


@pytest.mark.parametrize("target", ["return", "price"])
@pytest.mark.parametrize("name", NAMES)
def test_the_bars_needed_are_enough_for_the_full_historys_forecast(name, target):
    model = made(name, target)
    assert model.bars_needed == model.spec.warmup + model.model.lookback - 1
    full = model.predict_bars(raw())
    short = model.predict_bars(model.needed(raw()))
    scale = data(target).features.groupby("ticker")["scale"].last()[full["ticker"]].to_numpy()
    assert (np.abs(logs(short) - logs(full)) / scale[:, None]).max() < 1e-6


@pytest.mark.parametrize("name", NAMES)
def test_one_bar_fewer_is_refused(name):
    model = made(name)
    enough = model.needed(raw()).sort_values(["ticker", "date"])
    few = enough[enough["ticker"].ne("AAA") | enough["ticker"].duplicated()]
    until = "the cutoff" if model.follows_from is None else rf"{model.fitted_until}, from where on .* outcomes"
    said = f"at least {model.bars_needed} sound bars up to {until}, got {model.bars_needed - 1} of AAA: give"
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
    dates = forecast_table.forecast_dates(panel, origins)
    calendar = ["2024-07-05", "2024-07-08", "2024-07-09"]
    for row, origin in enumerate(origins):
        known = [str(day)[:10] for day in panel.dates[origin + 1 : origin + 1 + panel.ahead[origin]]]
        assert [str(day)[:10] for day in dates[row]] == (known + calendar)[:3]


def test_an_unseen_ticker_is_named_where_a_model_needs_to_know_it():
    bars = raw((*LONG, ("ZZZ", 700)))
    with pytest.raises(InputError, match=r"drift was trained on \(AAA, BBB\), got ZZZ"):
        made("drift").predict_bars(bars)
    assert made("naive").predict_bars(bars)["ticker"].nunique() == 3


# --- fit ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_fit_has_seen_closes_up_to_the_test_span_and_no_further(name):
    dates = data().features["date"]
    last = dates[dates < data().spec.test_start].max()
    assert made(name).fitted_until == str(last.date())
    assert (made(name).calibration is not None) == models.about(name).calibrate
    assert made(name).calibration is None or made(name).calibration.offsets.shape == (4, 3, 7)


def test_calibration_learns_from_what_was_missed_in_every_fold_of_the_past():
    panel, folds = data().panel(), outoffold.folds(data())
    rows = np.concatenate([fold.origins for fold in folds])
    assert len(folds) == 3
    assert made("naive").past.origins.tolist() == rows.tolist()
    worth = len(np.unique(panel.dates[rows])) / np.arange(1, 4)
    scores = panel.returns(rows) / panel.unit(rows)
    found = made("naive").calibration.offsets[0]
    for h in range(3):
        assert found[h, 0] == calibration_quantile(scores[:, h], 0.05, worth[h])
        assert found[h, 6] == calibration_quantile(scores[:, h], 0.95, worth[h])


def calibration_quantile(scores, level, worth):
    rank = int(np.ceil(round(len(scores) * max(level, 1 - level) * (1 + 1 / worth), 9)))
    return np.sort(scores)[rank - 1 if level > 0.5 else len(scores) - rank]


@pytest.mark.parametrize("name", ["drift", "lstm"])
def test_the_past_is_forecast_by_models_that_did_not_know_it(name):
    # Fold by fold by hand: the model, its scalers and what it may stop on are all from before.
    folds, seen = outoffold.folds(data()), []
    for fold in folds:
        panel = data().panel(fit_scalers(data().features, data().spec, fold.train))
        rows = (fold.train, fold.valid) if models.about(name).stops_early else (fold.past, fold.past[:0])
        seen.append(models.create(name, small(name)).fit(panel, *rows).predict(panel, fold.origins).center)
    assert same_bits(made(name).past.forecast.center, np.concatenate(seen))


def test_a_model_that_has_nothing_to_stop_on_learns_from_validation_rows_too():
    panel, table = data().panel(), data().features
    past = np.flatnonzero(has_context(table, data().spec.features, 20).to_numpy())
    last = table.groupby("ticker")["date"].shift(-3)[past] < pd.Timestamp(data().spec.test_start)
    past = past[last.to_numpy()]
    assert set(data().origins("valid")) < set(past)
    expected = models.create("drift", {}).fit(panel, past, past[:0])
    assert made("drift").model.drift_ == expected.drift_


def test_progress_is_told():
    told = []
    fitting.fit("naive", {}, data(), progress=told.append)
    assert told == [*(f"naive, out of fold {k} of 3" for k in (1, 2, 3)), "naive"]


# --- how it is made ----------------------------------------------------------------------------------------


def test_mondrian_and_online_are_switches():
    plain = fitting.fit("naive", {}, data(), settings=Settings(mondrian=False, online=False))
    assert plain.calibration.offsets.shape == (1, 3, 7)
    assert same_bits(plain.calibration.offsets[0], made("naive").calibration.offsets[0])
    assert plain.follows_from is None
    panel, test = data().panel(), data().origins("test")
    expected = plain.calibration.apply(plain.model.predict(panel, test), panel, test)
    assert same_bits(plain.quantiles(panel, test), expected)


def test_outcomes_since_the_fit_move_the_quantiles():
    static = replace(made("naive"), calibration=replace(made("naive").calibration, rate=0.0))
    panel, test, train = data().panel(), data().origins("test"), data().origins("train")
    assert same_bits(made("naive").quantiles(panel, train), static.quantiles(panel, train))
    moved = (made("naive").quantiles(panel, test) != static.quantiles(panel, test)).any(axis=2)
    for ticker in ("AAA", "BBB"):
        own = moved[panel.tickers[test] == ticker]
        # The first forecast has seen no outcome; the second that of one day ahead; and so on.
        assert own[:4].tolist() == [[False] * 3, [True, False, False], [True, True, False], [True] * 3]


def test_a_forecast_is_the_same_whether_or_not_the_days_before_are_asked_for():
    panel, test = data().panel(), data().origins("test")
    whole = made("naive").quantiles(panel, test)
    for row in (0, 1, 5, len(test) - 1):
        assert same_bits(made("naive").quantiles(panel, test[[row]]), whole[[row]])


def test_bars_have_to_reach_back_to_where_the_calibration_goes_on_from():
    bars, model = raw(), made("naive")
    since = bars["date"] > pd.Timestamp(model.fitted_until)
    enough = model.needed(bars)
    counts = enough[enough["date"] <= model.fitted_until].groupby("ticker").size()
    assert counts.unique().tolist() == [model.bars_needed]
    pd.testing.assert_frame_equal(
        model.predict_bars(enough.reset_index(drop=True)), model.predict_bars(bars), rtol=1e-6
    )
    short = pd.concat([bars[~since].groupby("ticker").tail(model.bars_needed - 1), bars[since]])
    with pytest.raises(InputError, match=rf"sound bars up to {model.fitted_until}, from where on .*follows"):
        model.predict_bars(short.sort_values(["ticker", "date"]).reset_index(drop=True))
    static = replace(model, calibration=replace(model.calibration, rate=0.0))
    assert len(static.needed(bars)) == 2 * model.bars_needed


def test_a_history_from_the_first_bar_on_is_enough_however_short():
    # Before the fit ended there were fewer bars than a fresh start would need, and the backtest had no more.
    bars = (("AAA", 500), ("BBB", 480))
    own = dataset.build(market(bars), horizon=3, max_lookback=20)
    model = fitting.fit("naive", {}, own)
    counts = own.bars[own.bars["date"] <= model.fitted_until].groupby("ticker").size()
    assert (counts < model.bars_needed).all()
    panel = own.panel()
    last = np.array([row for row in own.origins("test") if panel.ahead[row] == 0])
    expected = model.table(panel, last, panel.quote[last]).drop(columns="actual")
    found = model.predict_bars(raw(bars))
    np.testing.assert_allclose(logs(found), logs(expected), rtol=0, atol=1e-12)
    assert len(model.needed(raw(bars))) == 980
    with pytest.raises(InputError, match="from where on its calibration follows"):
        model.predict_bars(raw(bars).groupby("ticker").tail(470))


def test_without_early_stopping_it_learns_from_all_of_its_past_for_all_epochs(tmp_path):
    panel, fold = data().panel(), data().fold()
    whole = fitting.fit("lstm", small("lstm"), data(), settings=Settings(early_stopping=False))
    plain = models.create("lstm", small("lstm")).fit(panel, fold.past, fold.past[:0])
    assert same_bits(
        whole.model.predict(panel, fold.origins).quantiles, plain.predict(panel, fold.origins).quantiles
    )
    assert not same_bits(whole.quantiles(panel, fold.origins), made("lstm").quantiles(panel, fold.origins))
    epochs = small("lstm")["epochs"]
    assert whole.summary() == {
        "final_train_loss": whole.history[-1]["train_loss"], "converged_epoch": epochs
    }  # fmt: skip
    again = Forecaster.load(whole.save(tmp_path / "saved"))
    assert again.settings == Settings(early_stopping=False)
    assert again.history == whole.history


def test_one_model_for_each_ticker():
    panel, test = data().panel(), data().origins("test")
    each = fitting.fit("lstm", small("lstm"), data(), settings=Settings(per_ticker=True))
    assert sorted(each.model.models_) == ["AAA", "BBB"]
    for ticker in ("AAA", "BBB"):
        rows = [data().origins(split) for split in ("train", "valid", "test")]
        train, valid, own = (row[panel.tickers[row] == ticker] for row in rows)
        alone = models.create("lstm", small("lstm")).fit(panel, train, valid).predict(panel, own)
        found = each.model.predict(panel, test).take(panel.tickers[test] == ticker)
        assert same_bits(found.quantiles, alone.quantiles)
    assert not same_bits(each.quantiles(panel, test), made("lstm").quantiles(panel, test))
    assert each.params == made("lstm").params
    assert [entry["epoch"] for entry in each.history] == [1, 2]


def test_a_model_for_each_ticker_comes_back_from_its_folder(tmp_path):
    each = fitting.fit("lstm", small("lstm"), data(), settings=Settings(per_ticker=True))
    again = Forecaster.load(each.save(tmp_path / "saved"))
    assert again.settings == Settings(per_ticker=True)
    pd.testing.assert_frame_equal(again.predict_bars(raw()), each.predict_bars(raw()))
    assert fitting.refit(each, data()).model.models_.keys() == {"AAA", "BBB"}


def test_a_model_for_each_ticker_knows_no_other():
    each = fitting.fit("lstm", small("lstm"), data(), settings=Settings(per_ticker=True))
    with pytest.raises(InputError, match=r"lstm was trained on \(AAA, BBB\), got ZZZ"):
        each.predict_bars(raw((*LONG, ("ZZZ", 700))))


@pytest.mark.parametrize("name", ["lstm", "lightgbm", "ensemble"])
def test_a_model_for_each_ticker_learns_one_that_was_listed_late(name):
    # In the first folds of the past, all of BBB's labels lie in the stretch to stop early on.
    late = dataset.build(
        market((("AAA", 900), ("BBB", 230)), seed=1), horizon=3, max_lookback=20,
        valid_start=pd.Timestamp("2024-04-01"), test_start=pd.Timestamp("2024-05-20"),
    )  # fmt: skip
    tickers = late.features["ticker"].to_numpy()
    assert any(
        "BBB" in tickers[fold.origins] and "BBB" not in tickers[fold.train] for fold in outoffold.folds(late)
    )
    each = fitting.fit(name, small(name), late, settings=Settings(per_ticker=True))
    assert each.model.models_.keys() == {"AAA", "BBB"}
    assert set(tickers[each.past.origins]) == {"AAA", "BBB"}


def test_a_model_for_each_ticker_learns_one_that_was_gone_early():
    gone = market((("DEL", 600),), seed=2, last="2023-06-30")
    prices = pd.concat([market((("AAA", 900),), seed=1), gone], ignore_index=True)
    days = {"valid_start": pd.Timestamp("2022-10-03"), "test_start": pd.Timestamp("2023-03-01")}
    data = dataset.build(prices, horizon=3, max_lookback=20, **days)
    # As of a date months after its last bar.
    later = data.as_of(pd.Timestamp("2023-10-02"), pd.Timestamp("2024-03-01"))
    told = []
    each = fitting.fit(
        "lstm", small("lstm"), later, lambda epoch, losses: told.append(losses), Settings(per_ticker=True)
    )
    assert each.model.models_.keys() == {"AAA", "DEL"}
    assert [losses.keys() for losses in told] == [{"train_loss", "val_loss"}] * 2


def test_a_ticker_that_was_listed_late_stops_early_on_the_newest_of_its_own_past():
    panel, fold = data().panel(), data().fold()
    own = fold.past[panel.tickers[fold.past] == "BBB"][-120:]
    learn, stop = _per_ticker._enough(panel, own[:0], own)
    assert (len(learn), len(stop)) == (102 - 2, 18)
    assert (panel.dates[learn + 3] <= panel.dates[stop].min()).all()
    assert [len(part) for part in _per_ticker._enough(panel, own[:60], own[63:])] == [60, 57]
    # Or one that was gone before that stretch.
    assert [len(part) for part in _per_ticker._enough(panel, own, own[:0])] == [100, 18]
    # Nothing to stop on is left where the labels would reach all of it.
    assert [len(part) for part in _per_ticker._enough(panel, own[:0], own[:3])] == [3, 0]


def test_history_and_summary_of_a_model_with_epochs():
    seen = []
    model = fitting.fit(
        "lstm", small("lstm"), data(), lambda epoch, metrics: seen.append({"epoch": epoch, **metrics})
    )
    assert list(model.history) == seen
    assert model.curve()["epoch"].tolist() == [1, 2]
    best = min(seen, key=lambda entry: entry["val_loss"])
    assert model.summary() == {
        "final_train_loss": best["train_loss"],
        "final_val_loss": best["val_loss"],
        "converged_epoch": best["epoch"],
    }
    assert model.summary()["converged_epoch"] == model.model.best_epoch_


def test_a_model_without_epochs_has_no_curve():
    assert made("naive").summary() == {}
    assert made("naive").curve().empty


def test_unknown_models_and_parameters_are_refused():
    for name, params in (("oracle", {}), ("naive", {"epochs": 3}), ("lstm", {"epochs": "3"})):
        with pytest.raises(InputError):
            fitting.fit(name, params, data())


# --- refit -------------------------------------------------------------------------------------------------


def test_a_refit_learns_from_every_origin_whose_labels_are_known(monkeypatch):
    calls = []
    model = models.load("naive")
    monkeypatch.setattr(
        model, "fit", lambda self, panel, train, valid, report=None: calls.append((train, valid)) or self
    )
    again = fitting.refit(made("naive"), data())
    (train, valid), table = calls[0], data().features
    assert len(valid) == 0
    context = has_context(table, data().spec.features, 20).to_numpy()
    ahead = table.groupby("ticker").cumcount(ascending=False).to_numpy()
    assert set(data().origins("train")) | set(data().origins("valid")) < set(train)
    assert train.tolist() == np.flatnonzero(context & (ahead >= 3)).tolist()
    assert again.fitted_until == "2024-07-03" > made("naive").fitted_until


def test_a_forecaster_from_a_file_is_not_refitted_without_what_it_was_calibrated_on(tmp_path):
    loaded = Forecaster.load(made("knn").save(tmp_path / "saved"))
    for judged in (loaded, fitting.refit(made("knn"), data())):
        with pytest.raises(InputError, match="expected knn as it was fitted, with the forecasts"):
            fitting.refit(judged, data())
    own = Forecaster.load(made("ewma").save(tmp_path / "own"))
    assert fitting.refit(own, data()).calibration is None


def test_a_refit_takes_the_best_epoch_and_keeps_the_scalers():
    judged = fitting.fit("lstm", {**small("lstm"), "epochs": 20, "patience": 1, "learning_rate": 0.05}, data())
    best = judged.summary()["converged_epoch"]
    seen = []
    again = fitting.refit(judged, data(), lambda epoch, metrics: seen.append(epoch))
    assert seen == list(range(1, best + 1))
    assert best < len(judged.history)
    assert again.params == {**judged.params, "epochs": best}
    assert again.scalers is judged.scalers
    assert again.history == judged.history
    weights, before = again.model.network_.state_dict(), judged.model.network_.state_dict()
    assert not same_bits(weights["fc2.weight"].numpy(), before["fc2.weight"].numpy())


@pytest.mark.parametrize("name", ["naive", "drift", "lstm"])
def test_a_refit_is_calibrated_on_the_past_and_on_what_the_judged_model_missed_by_in_the_test_span(name):
    judged, panel = made(name), data().panel()
    test = data().origins("test")
    test = test[panel.ahead[test] >= 3]
    past = outoffold.join([judged.past, OutOfFold(test, judged.model.predict(panel, test))])
    expected = calibrate(past.forecast, panel, past.origins, True, True).offsets
    assert same_bits(fitting.refit(judged, data()).calibration.offsets, expected)
    assert not same_bits(judged.calibration.offsets, expected)


@pytest.mark.parametrize("name", NAMES)
def test_a_refit_changes_nothing_of_the_judged_forecaster(name):
    before = made(name).predict_bars(raw())
    fitting.refit(made(name), data())
    pd.testing.assert_frame_equal(made(name).predict_bars(raw()), before)


# --- the folder --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_forecaster_is_the_same_forecaster(tmp_path, name):
    model = made(name)
    again = Forecaster.load(model.save(tmp_path / "forecaster"))
    pd.testing.assert_frame_equal(again.predict_bars(raw()), model.predict_bars(raw()), check_exact=True)
    for field in ("name", "params", "spec", "fitted_until", "history", "bars_needed"):
        assert getattr(again, field) == getattr(model, field), field
    assert asdict(again.spec) == asdict(model.spec)
    assert again.settings == model.settings
    assert (again.calibration is None) == (model.calibration is None)
    if model.calibration is not None:
        assert same_bits(again.calibration.offsets, model.calibration.offsets)
        assert again.calibration.thresholds == model.calibration.thresholds
        assert again.calibration.rate == model.calibration.rate > 0


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_forecaster_passes_the_check_before_a_load(tmp_path, name):
    # A model that writes files of a new kind has to be known there, and its format has to be a safe one.
    assert load(made(name).save(tmp_path / "forecaster")).params == made(name).params


def test_a_refitted_forecaster_comes_back_too(tmp_path):
    again = fitting.refit(made("lstm"), data())
    loaded = Forecaster.load(again.save(tmp_path / "refit"))
    pd.testing.assert_frame_equal(loaded.predict_bars(raw()), again.predict_bars(raw()), check_exact=True)


@pytest.mark.parametrize("name", NAMES)
def test_a_flipped_byte_in_any_file_is_refused(tmp_path, name):
    folder = made(name).save(tmp_path / "forecaster")
    rng = np.random.default_rng(0)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    assert {path.name for path in files} >= {"forecaster.json", "manifest.json", "scaler_X.skops", "scaler_y.skops"}
    for path in files:
        sound = path.read_bytes()
        for place in (0, len(sound) // 2, len(sound) - 1):
            broken = bytearray(sound)
            broken[place] ^= 1 << int(rng.integers(8))
            path.write_bytes(bytes(broken))
            with pytest.raises(InputError):
                Forecaster.load(folder)
        path.write_bytes(sound)
    Forecaster.load(folder)


def test_a_forecaster_of_a_model_that_is_not_there_is_refused(tmp_path):
    folder = replace(made("naive"), name="naive").save(tmp_path / "forecaster")
    path = folder / "forecaster.json"
    path.write_text(path.read_text().replace('"name": "naive"', '"name": "oracle"'))
    seal(folder)
    with pytest.raises(InputError, match="got 'oracle'"):
        Forecaster.load(folder)


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
