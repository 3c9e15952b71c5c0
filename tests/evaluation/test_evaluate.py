import itertools
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pricecast import models
from pricecast.dataset.dataset import build
from pricecast.errors import InputError
from pricecast.evaluation.evaluate import evaluate, forecast_test_span, insample_mae
from pricecast.evaluation.leaderboard import headline
from pricecast.forecasting import fitting
from pricecast.forecasting.forecaster import label
from pricecast.schema import FORECASTS
from tests.support.evaluation_samples import evaluated, made
from tests.support.market_samples import SMALL, TWO, market, small_dataset

# --- which models ---------------------------------------------------------------------------------------------


def test_models_are_shown_under_the_names_they_are_given():
    found = evaluate([made("lstm"), made("lstm", 1)], small_dataset(), names=["A", "B"])
    assert list(found.models) == ["A", "B", "naive", "ewma"]
    assert set(found.forecasts["model"]) == {"A", "B", "naive", "ewma"}


def test_a_naive_model_under_another_name_does_not_stand_for_naive():
    found = evaluate([made("naive"), made("drift")], small_dataset(), names=["base", "A"])
    assert list(found.models) == ["base", "A", "naive", "ewma"]


def test_trials_count_against_what_they_chose():
    plain, tuned = (evaluate([made("drift")], small_dataset(), trials=trials) for trials in (0, 40))
    assert (plain.verdict["trials"], tuned.verdict["trials"]) == (0, 40)
    assert "40 trials on earlier dates chose their settings" in tuned.verdict["answers"][-1]["answer"]
    assert "trials" not in plain.verdict["answers"][-1]["answer"]
    counts = (each.trading.set_index("model")["n_trials"] for each in (tuned, plain))
    more = next(counts) - next(counts)
    assert set(more.drop("buy and hold")) == {40}


def test_naive_and_ewma_are_added_where_they_are_missing():
    assert list(evaluated().models) == ["drift", "lstm", "lstm_2", "naive", "ewma"]
    assert list(evaluate([made("ewma")], small_dataset()).models) == ["ewma", "naive"]
    given = evaluate([made("ewma"), made("naive")], small_dataset())
    assert list(given.models) == ["ewma", "naive"]
    assert evaluated().models["lstm_2"].params == made("lstm", 1).params
    assert evaluated().models["lstm"].curve.equals(made("lstm").curve())


def test_nobody_given_leaves_the_naive_ones():
    alone = evaluate([], small_dataset())
    assert list(alone.leaderboard["model"]) == ["naive", "ewma"]
    assert alone.verdict["best"] in ("naive", "ewma")


def test_labels_are_numbered_where_a_model_comes_more_than_once():
    models = [made("lstm"), made("drift"), made("lstm", 1), made("lstm", 2)]
    labels = label(models)
    assert list(labels) == ["lstm", "drift", "lstm_2", "lstm_3"]
    assert list(labels.values()) == models


def test_every_model_forecasts_from_every_test_origin():
    data, table = small_dataset(), evaluated().forecasts
    assert list(table.columns) == list(FORECASTS)
    origins = data.origins("test")
    keys = list(zip(*(data.features[name].to_numpy()[origins] for name in ("ticker", "date")), strict=True))
    for _, own in table.groupby("model"):
        for horizon in (1, 2, 3):
            rows = own[own["horizon"] == horizon]
            assert list(zip(rows["ticker"], rows["cutoff"], strict=True)) == [(t, pd.Timestamp(d)) for t, d in keys]
    assert table["model"].nunique() == 5


def test_naives_point_forecast_is_the_last_close_to_the_last_bit():
    own = evaluated().forecasts.query("model in ('naive', 'ewma')")
    assert (own["forecast"] == own["last_close"]).all()
    closes = small_dataset().features.set_index(["ticker", "date"])["close"]
    keys = pd.MultiIndex.from_frame(own[["ticker", "cutoff"]])
    assert (closes[keys].to_numpy() == own["last_close"].to_numpy()).all()


def test_models_of_one_kind_are_judged_apart():
    one, two = (evaluated().forecasts.query("model == @name")["q95"].to_numpy() for name in ("lstm", "lstm_2"))
    assert (one != two).any()


def test_walk_names_rows_by_label():
    table = forecast_test_span("mine", made("naive"), small_dataset())
    assert set(table["model"]) == {"mine"}


# --- who is refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["naive", "drift", "lstm"])
def test_a_refitted_model_is_refused(name):
    again = fitting.refit(made(name), small_dataset())
    said = f"nothing of the test span from .*, got {name}, which has seen closes up to 2024-07-03: evaluate"
    with pytest.raises(InputError, match=said):
        evaluate([again], small_dataset())


def test_a_model_that_saw_one_day_of_the_test_span_is_refused():
    data, prices = small_dataset(), market(TWO)
    dates = np.sort(prices["date"].unique())
    bounds = [pd.Timestamp(data.spec.valid_start), pd.Timestamp(data.spec.test_start)]
    place = np.searchsorted(dates, bounds[1])
    for shift, refused in ((-1, False), (0, False), (1, True)):
        start = pd.Timestamp(dates[place + shift])
        other = build(prices, horizon=3, max_lookback=20, valid_start=bounds[0], test_start=start)
        model = fitting.fit("naive", {}, other)
        if refused:
            with pytest.raises(InputError, match="nothing of the test span"):
                evaluate([model], data)
        else:
            evaluate([model], data)


def test_another_horizon_or_recipe_is_refused():
    for other, field in (
        (small_dataset(horizon=5), "horizon 3, got naive with 5"),
        (small_dataset(target="price"), "target return"),
    ):
        with pytest.raises(InputError, match=f"this dataset's {field}"):
            evaluate([fitting.fit("naive", {}, other)], small_dataset())


def test_other_features_are_refused():
    spec = replace(made("naive").spec, features=("ret_1",))
    with pytest.raises(InputError, match="this dataset's features"):
        evaluate([replace(made("naive"), spec=spec)], small_dataset())


def test_a_longer_lookback_than_the_context_is_refused():
    long = small_dataset(max_lookback=40)
    model = fitting.fit("lstm", models.settle("lstm", {}, {**SMALL, "epochs": 1, "lookback": 40}), long)
    with pytest.raises(InputError, match="a lookback of at most 20, got 40 of lstm"):
        evaluate([model], small_dataset())


# --- figures -----------------------------------------------------------------------------------------------


def test_the_insample_error_equals_a_loop():
    data = small_dataset()
    found = insample_mae(data, pd.Timestamp(data.spec.valid_start))
    for ticker, group in data.features.groupby("ticker"):
        closes = [
            c for c, d in zip(group["close"], group["date"], strict=True) if d < pd.Timestamp(data.spec.valid_start)
        ]
        changes = [abs(b - a) for a, b in itertools.pairwise(closes)]
        assert found[ticker] == pytest.approx(sum(changes) / len(changes), rel=1e-12)
    assert len(found) == 2


def test_mase_is_measured_against_the_insample_error():
    board = evaluated().leaderboard.set_index("model")
    data, naive = small_dataset(), evaluated().forecasts.query("model == 'naive' and horizon == 1").dropna()
    errors = (naive["actual"] - naive["forecast"]).abs().groupby(naive["ticker"]).mean()
    scale = insample_mae(data, pd.Timestamp(data.spec.valid_start))
    assert board.loc["naive", "mase"] == pytest.approx((errors / scale).mean())


def test_naive_stands_beside_the_best():
    figures = evaluated().best_beside_naive()
    best = evaluated().verdict["best"]
    assert figures["test_crps"] == evaluated().scores.loc[(best, 1), "crps"]
    assert figures["naive_test_crps"] == evaluated().scores.loc[("naive", 1), "crps"]
    assert figures["naive_test_rmse_h3"] == evaluated().scores.loc[("naive", 3), "rmse"]
    assert evaluated().metrics("drift") == headline(evaluated().scores, "drift")
    json.dumps(evaluated().verdict, allow_nan=False)


def test_evaluating_twice_gives_the_same_tables():
    again = evaluate([made("drift"), made("lstm"), made("lstm", 1)], small_dataset())
    pd.testing.assert_frame_equal(again.forecasts, evaluated().forecasts, check_exact=True)
    pd.testing.assert_frame_equal(again.leaderboard, evaluated().leaderboard, check_exact=True)
