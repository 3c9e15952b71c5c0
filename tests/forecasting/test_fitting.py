"""Fitting, calibrating and refitting a forecaster."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pricecast import models
from pricecast.dataset import dataset
from pricecast.dataset.checks import has_context
from pricecast.dataset.dataset import fit_scalers
from pricecast.errors import InputError
from pricecast.forecasting import fitting, out_of_fold
from pricecast.forecasting.calibration import calibrate
from pricecast.forecasting.forecaster import Forecaster
from pricecast.forecasting.out_of_fold import OutOfFold
from pricecast.forecasting.settings import Settings
from pricecast.models import _per_ticker
from tests.support.fitted_samples import LONG, NAMES, data, logs, made, raw, small
from tests.support.market_samples import market, same_bits

# --- fit ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_fit_has_seen_closes_up_to_the_test_span_and_no_further(name):
    dates = data().features["date"]
    last = dates[dates < data().spec.test_start].max()
    assert made(name).fitted_until == str(last.date())
    assert (made(name).calibration is not None) == models.about(name).calibrate
    assert made(name).calibration is None or made(name).calibration.offsets.shape == (4, 3, 7)


def test_calibration_learns_from_what_was_missed_in_every_fold_of_the_past():
    panel, folds = data().panel(), out_of_fold.past_folds(data())
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
    folds, seen = out_of_fold.past_folds(data()), []
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
    descriptions = []
    fitting.fit("naive", {}, data(), progress=descriptions.append)
    assert descriptions == [*(f"naive, out of fold {k} of 3" for k in (1, 2, 3)), "naive"]


# --- how it is made ----------------------------------------------------------------------------------------


def test_mondrian_and_online_are_switches():
    plain = fitting.fit("naive", {}, data(), settings=Settings(mondrian=False, online=False))
    assert plain.calibration.offsets.shape == (1, 3, 7)
    assert same_bits(plain.calibration.offsets[0], made("naive").calibration.offsets[0])
    assert plain.context.follows_from is None
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
    enough = model.context.needed(bars)
    counts = enough[enough["date"] <= model.fitted_until].groupby("ticker").size()
    assert counts.unique().tolist() == [model.context.bars_needed]
    pd.testing.assert_frame_equal(
        model.predict_bars(enough.reset_index(drop=True)), model.predict_bars(bars), rtol=1e-6
    )
    short = pd.concat([bars[~since].groupby("ticker").tail(model.context.bars_needed - 1), bars[since]])
    with pytest.raises(InputError, match=rf"sound bars up to {model.fitted_until}, from where on .*follows"):
        model.predict_bars(short.sort_values(["ticker", "date"]).reset_index(drop=True))
    static = replace(model, calibration=replace(model.calibration, rate=0.0))
    assert len(static.context.needed(bars)) == 2 * model.context.bars_needed


def test_a_history_from_the_first_bar_on_is_enough_however_short():
    # Before the fit ended there were fewer bars than a fresh start would need, and the backtest had no more.
    bars = (("AAA", 500), ("BBB", 480))
    own = dataset.build(market(bars), horizon=3, max_lookback=20)
    model = fitting.fit("naive", {}, own)
    counts = own.bars[own.bars["date"] <= model.fitted_until].groupby("ticker").size()
    assert (counts < model.context.bars_needed).all()
    panel = own.panel()
    last = np.array([row for row in own.origins("test") if panel.ahead[row] == 0])
    expected = model.table(panel, last, panel.quote[last]).drop(columns="actual")
    found = model.predict_bars(raw(bars))
    np.testing.assert_allclose(logs(found), logs(expected), rtol=0, atol=1e-12)
    assert len(model.context.needed(raw(bars))) == 980
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
        "BBB" in tickers[fold.origins] and "BBB" not in tickers[fold.train] for fold in out_of_fold.past_folds(late)
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
    epochs = []
    each = fitting.fit(
        "lstm", small("lstm"), later, lambda epoch, losses: epochs.append(losses), Settings(per_ticker=True)
    )
    assert each.model.models_.keys() == {"AAA", "DEL"}
    assert [losses.keys() for losses in epochs] == [{"train_loss", "val_loss"}] * 2


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
        model, "fit", lambda self, panel, train, valid, on_epoch=None: calls.append((train, valid)) or self
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
    for refitted in (loaded, fitting.refit(made("knn"), data())):
        with pytest.raises(InputError, match="expected knn as it was fitted, with the forecasts"):
            fitting.refit(refitted, data())
    own = Forecaster.load(made("ewma").save(tmp_path / "own"))
    assert fitting.refit(own, data()).calibration is None


def test_a_refit_takes_the_best_epoch_and_keeps_the_scalers():
    first = fitting.fit("lstm", {**small("lstm"), "epochs": 20, "patience": 1, "learning_rate": 0.05}, data())
    best = first.summary()["converged_epoch"]
    seen = []
    again = fitting.refit(first, data(), lambda epoch, metrics: seen.append(epoch))
    assert seen == list(range(1, best + 1))
    assert best < len(first.history)
    assert again.params == {**first.params, "epochs": best}
    assert again.scalers is first.scalers
    assert again.history == first.history
    weights, before = again.model.network_.state_dict(), first.model.network_.state_dict()
    assert not same_bits(weights["fc2.weight"].numpy(), before["fc2.weight"].numpy())


@pytest.mark.parametrize("name", ["naive", "drift", "lstm"])
def test_a_refit_is_calibrated_on_the_past_and_on_what_the_judged_model_missed_by_in_the_test_span(name):
    first, panel = made(name), data().panel()
    test = data().origins("test")
    test = test[panel.ahead[test] >= 3]
    past = out_of_fold.join([first.past, OutOfFold(test, first.model.predict(panel, test))])
    expected = calibrate(past.forecast, panel, past.origins, True, True).offsets
    assert same_bits(fitting.refit(first, data()).calibration.offsets, expected)
    assert not same_bits(first.calibration.offsets, expected)


@pytest.mark.parametrize("name", NAMES)
def test_a_refit_changes_nothing_of_the_judged_forecaster(name):
    before = made(name).predict_bars(raw())
    fitting.refit(made(name), data())
    pd.testing.assert_frame_equal(made(name).predict_bars(raw()), before)
