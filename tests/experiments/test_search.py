"""Scores of a setting on the past: equal to plain steps, and blind to the test span."""

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from pricecast import models
from pricecast.dataset.dataset import fit_scalers
from pricecast.errors import InputError
from pricecast.evaluation.metrics import METRICS
from pricecast.evaluation.scored_rows import Slice
from pricecast.experiments import search, search_space
from pricecast.forecasting import out_of_fold
from pricecast.forecasting.settings import Settings
from pricecast.forecasting.walk_plan import Candidate
from pricecast.models import Forecast
from pricecast.schema import MEDIAN, QUANTILE_COLUMNS, QUANTILE_LEVELS
from tests.support.market_samples import small_dataset

TINY = {"lookback": 5, "hidden_dim": 4, "epochs": 3}


@cache
def data():
    return small_dataset((("AAA", 400), ("BBB", 380)), horizon=2)


@cache
def past():
    return search.past_of(data())


class Fixed:
    """A trial that takes the first or lowest of all there is, and says what it was asked."""

    def __init__(self):
        self.asked = []

    def suggest_int(self, name, low, high, **more):
        self.asked.append(name)
        return low

    suggest_float = suggest_int

    def suggest_categorical(self, name, choices):
        self.asked.append(name)
        return choices[0]


def spoiled(dataset, value):
    """The dataset with every number of its test rows replaced."""
    test = (dataset.features["date"] >= pd.Timestamp(dataset.spec.test_start)).to_numpy()
    bars, table = dataset.bars.copy(), dataset.features.copy()
    for frame in (bars, table):
        numbers = frame.select_dtypes("number").columns
        frame[numbers] = frame[numbers].astype(float)
        frame.loc[test, numbers] = value
    return replace(dataset, bars=bars, features=table)


@pytest.mark.parametrize("value", [np.nan, 1e12])
def test_nothing_of_the_test_span_reaches_a_trial(value):
    seen = [search.past_of(each) for each in (data(), spoiled(data(), value))]
    assert seen[0].features["date"].max() < pd.Timestamp(data().spec.test_start)
    pd.testing.assert_frame_equal(seen[0].features, seen[1].features)
    for name, params in (("lstm", TINY), ("har", {})):
        found = [
            search.score_candidate(
                Candidate(name, params), each, search.search_folds(each, True), ("crps", "rmse", "mape")
            )
            for each in seen
        ]
        assert found[0] == found[1]


def test_the_folds_are_the_validation_span_or_all_of_the_past():
    whole = out_of_fold.past_folds(data())
    walked, (last,) = (search.search_folds(past(), walk) for walk in (True, False))
    assert len(walked) == len(whole) > 1
    ends = data().features.groupby("ticker")["date"].shift(-2)
    for ours, theirs in zip([*walked, last], [*whole, whole[-1]], strict=True):
        # Row numbers differ where test rows are gone; dates and tickers do not.
        for part in ("train", "valid", "origins"):
            rows = [
                each.features.iloc[getattr(fold, part)][["ticker", "date"]].reset_index(drop=True)
                for each, fold in ((past(), ours), (data(), theirs))
            ]
            pd.testing.assert_frame_equal(*rows)
        assert ends.iloc[theirs.origins].max() < pd.Timestamp(data().spec.test_start)
    assert last.start == pd.Timestamp(data().spec.valid_start)


def test_a_score_equals_plain_steps():
    metrics = ("crps", "rmse", "mape")
    walked = search.search_folds(past(), True)
    found = search.score_candidate(Candidate("lstm", TINY), past(), walked, metrics)
    scores, epochs = [], []
    for fold in walked:
        panel = past().panel(fit_scalers(past().features, past().spec, fold.train))
        model = models.create("lstm", TINY).fit(panel, fold.train, fold.valid)
        epochs.append(model.best_epoch_)
        quantiles = model.predict(panel, fold.origins).quantiles
        for step in range(2):
            close = panel.quote[fold.origins]
            prices = close[:, None] * np.exp(quantiles[:, step])
            table = pd.DataFrame(dict(zip(QUANTILE_COLUMNS, prices.T, strict=True)))
            table = table.assign(
                ticker=panel.tickers[fold.origins], cutoff=panel.dates[fold.origins], last_close=close,
                forecast=prices[:, MEDIAN], actual=close * np.exp(panel.returns(fold.origins)[:, step]),
            )  # fmt: skip
            scores.append([METRICS[name](Slice.of(table)) for name in metrics])
    assert [found.scores[name] for name in metrics] == pytest.approx(np.mean(scores, axis=0).tolist())
    assert found.best_epochs == tuple(epochs)


def test_the_epochs_of_the_end_are_the_median_of_the_best_ones():
    assert search.TrialScores({}, (3, 9, 4)).epochs == 4
    assert search.TrialScores({}, (3, 4)).epochs == 4
    assert search.TrialScores({}).epochs is None


def test_a_model_that_does_not_stop_has_no_epochs():
    assert (
        search.score_candidate(
            Candidate("har", {}), past(), search.search_folds(past(), False), ("crps",)
        ).best_epochs
        == ()
    )
    unstopped = Candidate("lstm", TINY, Settings(early_stopping=False))
    assert (
        search.score_candidate(unstopped, past(), search.search_folds(past(), False), ("crps",)).best_epochs == ()
    )


def test_a_dividend_of_the_test_span_moves_no_score():
    """It moves every earlier adjusted close of its ticker."""
    bars, table = past().bars.copy(), past().features.copy()
    for frame in (bars, table):
        columns = [name for name in ("open", "high", "low", "close") if name in frame]
        frame.loc[frame["ticker"] == "AAA", columns] *= 0.5
    later = replace(past(), bars=bars, features=table)
    for name, params in (("lstm", TINY), ("har", {})):
        found = [
            search.score_candidate(
                Candidate(name, params), each, search.search_folds(each, True), ("crps", "rmse", "mape")
            ).scores
            for each in (past(), later)
        ]
        assert found[0] == pytest.approx(found[1])


def test_every_epoch_of_every_fold_is_told_and_an_end_is_passed_on():
    epochs = []
    search.score_candidate(
        Candidate("lstm", TINY), past(), search.search_folds(past(), True), ("crps",),
        lambda fold, epoch, _: epochs.append((fold, epoch)),
    )  # fmt: skip
    assert epochs == [(fold, epoch) for fold in range(3) for epoch in (1, 2, 3)]

    def stop(fold, epoch, losses):
        raise StopIteration

    with pytest.raises(StopIteration):
        search.score_candidate(Candidate("lstm", TINY), past(), search.search_folds(past(), False), ("crps",), stop)


@pytest.mark.parametrize("kind", ["center", "sigma", "quantiles"])
def test_a_forecast_without_quantiles_gets_normal_ones(kind):
    panel, origins = past().panel(), past().origins("valid")[:3]
    center = np.full((3, 2), 0.01)
    sigma = np.array([[0.01, 0.02]] * 3)
    own = center[:, :, None] + np.linspace(-1, 1, len(QUANTILE_LEVELS))
    parts = {"center": {}, "sigma": {"sigma": sigma}, "quantiles": {"quantiles": own}}
    forecast = Forecast(center, **parts[kind])
    found = search.quantiles(forecast, panel, origins)
    wide = {"center": panel.unit(origins), "sigma": sigma}.get(kind)
    normal = norm.ppf(np.array(QUANTILE_LEVELS))
    expected = own if wide is None else center[:, :, None] + wide[:, :, None] * normal
    np.testing.assert_allclose(found, expected)


def test_a_score_that_is_no_number_is_an_input_error():
    panel, origins = past().panel(), past().origins("valid")[:3]
    wild = Forecast(np.full((3, 2), np.nan))
    with pytest.raises(InputError, match=r"scores that are numbers|prices that are finite"):
        search._scores(wild, panel, origins, ("crps",))


def test_only_models_with_something_to_tune_are_tuned():
    assert search_space.tunable(["naive", "har", "drift", "lstm"]) == ["har", "lstm"]
    with pytest.raises(InputError, match="something to tune, got naive, drift"):
        search_space.tunable(["naive", "drift"])


@pytest.mark.parametrize("name", search_space.tunable(models.names()))
def test_a_model_can_be_made_of_what_its_space_suggests(name):
    trial = Fixed()
    models.create(name, search_space.suggest(name, trial, {}, 120, 0))
    # A study begins with the defaults, which have to lie in the space.
    assert set(trial.asked) <= models.parameters(name).keys()


def test_a_lookback_that_is_set_is_not_searched_and_one_beyond_the_context_is_cut():
    free, fixed = Fixed(), Fixed()
    assert search_space.suggest("lstm", free, {}, 5, 0)["lookback"] == 5  # of 10 to 60
    given = {"lookback": 33, "dropout": 0.3}
    assert search_space.suggest("lstm", fixed, {"dropout": 0.3}, 120, 33).items() >= given.items()
    assert {"lookback", "dropout"} <= set(free.asked)
    assert not {"lookback", "dropout"} & set(fixed.asked)
    assert "lookback" not in search_space.suggest("har", Fixed(), {}, 120, 33)


@pytest.mark.parametrize(("longest", "bounds"), [(120, (10, 60)), (45, (10, 45)), (15, (10, 15)), (5, (5, 5))])
def test_a_lookback_ends_where_the_context_does(longest, bounds):
    asked = {}

    class Seen(Fixed):
        def suggest_int(self, name, low, high, **more):
            asked[name] = (low, high)
            return low

    search_space.suggest("lstm", Seen(), {}, longest, 0)
    assert asked["lookback"] == bounds


@pytest.mark.parametrize(
    ("params", "complaint"),
    [({"dropuot": 0.1}, "dropuot"), ({"lookback": 200}, "a lookback of at most 120 days for lstm, got 200")],
)
def test_what_no_trial_could_be_made_with_is_refused(params, complaint):
    search_space.check(Candidate("lstm", {"lookback": 120}), 120)
    with pytest.raises(InputError, match=complaint):
        search_space.check(Candidate("lstm", params), 120)
