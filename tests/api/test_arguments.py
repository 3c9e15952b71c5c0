"""The arguments of the public calls: what is taken, and the line that a mistake gets."""

import numpy as np
import pandas as pd
import pytest

from pricecast import backtest, forecast, judge
from pricecast.errors import InputError
from tests.support.market_samples import market

BARS = market((("AAA", 640),))
COUNTS = [0, -1, 5.0, "5", True, None, np.nan, 10**9, [5], pd.Series([5, 5])]
LEVELS = [90, None, "90", (), (0,), (100,), ("90",), (90, -1), (float("nan"),), (True,), np.array([50, 120])]
NAMES = [5, None, ["har"], "", "hart", "HAR ", b"har"]


def line(call, *words, **arguments):
    """The message of a refusal."""
    with pytest.raises(InputError, match=r"^expected ") as caught:
        call(*words, **arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("value", COUNTS, ids=repr)
@pytest.mark.parametrize(
    ("call", "name"), [(forecast, "horizon"), (backtest, "horizon"), (backtest, "folds"), (backtest, "refit_every")]
)
def test_a_count_that_is_none_is_refused(call, name, value):
    assert line(call, BARS, **{name: value}).startswith(f"expected {name} as a whole number of 1 to ")


@pytest.mark.parametrize("levels", LEVELS, ids=repr)
def test_a_level_that_is_no_coverage_is_refused(levels):
    assert line(forecast, BARS, levels=levels).startswith("expected levels in percent above 0 and below 100")


@pytest.mark.parametrize("name", NAMES, ids=repr)
def test_a_model_that_does_not_exist_is_refused(name):
    assert line(forecast, BARS, model=name).startswith("expected a model ")
    assert line(backtest, BARS, models=[name]).startswith("expected models ")


@pytest.mark.parametrize("models", [(), None, 5], ids=repr)
def test_no_models_are_refused(models):
    assert line(backtest, BARS, models=models).endswith("name one or more")


def test_a_misspelled_name_gets_the_nearest_one():
    assert line(forecast, BARS, model="hra").endswith("did you mean har?")
    assert line(backtest, BARS, models="nave").endswith("did you mean naive?")
    assert line(backtest, BARS, models=("naive", "classicall")).endswith("did you mean classical?")


@pytest.mark.parametrize("units", ["percent", None, ["price"]], ids=repr)
def test_other_units_are_refused(units):
    assert line(backtest, BARS, units=units).startswith("expected units out of price, return")
    assert line(judge, BARS, units=units).startswith("expected units out of price, return")


@pytest.mark.parametrize(
    "table", [None, "forecasts.csv", [1], BARS["close"]], ids=lambda table: type(table).__name__
)
def test_forecasts_that_are_no_table_are_refused(table):
    assert line(judge, table).startswith("expected forecasts as a DataFrame")


def test_an_empty_table_and_empty_cutoffs_are_refused():
    assert "got an empty table" in line(judge, BARS.head(0), BARS)
    rows = pd.DataFrame({"cutoff": [BARS["date"].iloc[-9], pd.NaT], "horizon": 1, "forecast": 1.0, "sigma": 0.01})
    assert "in every row of the column cutoff" in line(judge, rows, BARS)


def test_arguments_are_told_before_the_bars_are_read():
    assert "horizon" in line(forecast, "none.csv", horizon=0)
    assert "folds" in line(backtest, "none.csv", folds=0)


def test_a_family_without_its_packages_is_refused(monkeypatch):
    from pricecast.models import _catalog

    monkeypatch.setattr(_catalog, "_is_installed", lambda package: package != "torch")
    assert "needs torch, which is not installed" in line(backtest, BARS, models="neural")


def test_arrays_of_numpy_and_one_name_are_taken():
    plain = forecast(BARS, horizon=2, model="naive", levels=(50, 90))
    arrays = forecast(BARS, horizon=np.int64(2), model="naive", levels=np.array([50, 90]))
    pd.testing.assert_frame_equal(arrays, plain)
    assert {"lower_50", "upper_90"} <= {*plain}
    walked = backtest(BARS, models="naive", folds=np.int64(2), horizon=1)
    assert walked["model"].unique().tolist() == ["naive"]
    assert walked["fold"].unique().tolist() == [1, 2]
