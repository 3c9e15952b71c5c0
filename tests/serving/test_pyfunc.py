"""Bars of any type through MLflow's pyfunc: the forecast of the plain table, or one line."""

import datetime
import decimal
import warnings

import mlflow
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pricecast.errors import InputError
from serving import bundle
from tests.support.fitted_samples import made, raw

NUMBERS = ["open", "high", "low", "close", "volume"]
ARROW_DAYS = pd.ArrowDtype(pa.timestamp("us", "Asia/Tokyo"))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pyfunc")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # no example, no type hints
        mlflow.pyfunc.save_model(
            str(folder / "bundle"), python_model=str(bundle.CODE[0]), signature=bundle.SIGNATURE,
            artifacts={"forecaster": str(made("naive").save(folder / "forecaster"))}, pip_requirements=[],
        )  # fmt: skip
    return mlflow.pyfunc.load_model(str(folder / "bundle"))


@pytest.fixture(scope="module")
def bars():
    """Whole prices and volumes, which every type of number can hold."""
    table = raw()
    return table.assign(**{name: (table[name] * 100).round() for name in NUMBERS})


@pytest.fixture(scope="module")
def plain(model, bars):
    return model.predict(bars)


def dates(change):
    return lambda bars: bars.assign(date=change(bars["date"]))


def objects(change):
    return lambda bars: bars.assign(date=pd.Series([change(moment) for moment in bars["date"]], dtype=object))


def numbers(kind):
    return lambda bars: bars.astype(dict.fromkeys(NUMBERS, kind))


def tickers(kind):
    return lambda bars: bars.astype({"ticker": kind})


@pytest.mark.filterwarnings("ignore:Period with BDay:FutureWarning")
@pytest.mark.parametrize(
    "change",
    [
        dates(lambda days: days.dt.tz_localize("UTC")),
        dates(lambda days: days.dt.tz_localize("America/New_York")),
        dates(lambda days: days.dt.tz_localize("Asia/Tokyo")),
        dates(lambda days: days.astype("datetime64[s]")),
        dates(lambda days: days.dt.strftime("%Y-%m-%d")),
        dates(lambda days: days.dt.strftime("%d/%m/%Y")),
        dates(lambda days: days.dt.strftime("%d %b %Y")),
        dates(lambda days: days.astype("datetime64[ms]").astype("int64")),
        dates(lambda days: days.dt.strftime("%m/%d/%Y")),
        dates(lambda days: days.dt.strftime("%Y-%m-%dT00:00:00Z").astype("string")),
        dates(lambda days: days.dt.strftime("%Y%m%d").astype("category")),
        dates(lambda days: days.dt.strftime("%Y%m%d").astype(int)),
        dates(lambda days: days.astype("category")),
        dates(lambda days: days.dt.to_period("D")),
        dates(lambda days: days.dt.tz_localize("Asia/Tokyo").astype(ARROW_DAYS)),
        dates(lambda days: days.astype(pd.ArrowDtype(pa.timestamp("us")))),
        dates(lambda days: days.astype(pd.ArrowDtype(pa.date32()))),
        dates(lambda days: days.dt.strftime("%Y-%m-%d").astype(pd.ArrowDtype(pa.string()))),
        objects(pd.Timestamp.date),
        objects(lambda moment: moment.to_pydatetime().replace(tzinfo=datetime.UTC)),
        objects(lambda moment: moment.tz_localize("America/New_York")),
        tickers("string"),
        tickers("category"),
        tickers("string[pyarrow]"),
        tickers(pd.ArrowDtype(pa.large_string())),
        tickers(pd.ArrowDtype(pa.dictionary(pa.int8(), pa.string()))),
        numbers("int64"),
        numbers("uint32"),
        numbers("Int64"),
        numbers("Float64"),
        numbers("object"),
        numbers("str"),
        numbers("category"),
        numbers("int64[pyarrow]"),
        numbers("double[pyarrow]"),
        lambda bars: bars.assign(**{name: [decimal.Decimal(int(x)) for x in bars[name]] for name in NUMBERS}),
        lambda bars: bars.convert_dtypes(),
        lambda bars: bars.convert_dtypes(dtype_backend="pyarrow"),
        lambda bars: bars.set_index("date"),
        lambda bars: bars.set_index(["ticker", "date"]),
        lambda bars: bars.assign(date=bars["date"].dt.tz_localize("UTC")).set_index("date"),
        lambda bars: bars.set_index(pd.Index([0] * len(bars), name="row")),
        lambda bars: bars.set_axis(pd.CategoricalIndex(bars.columns), axis=1),
        lambda bars: bars.to_dict("list"),
    ],
)
def test_the_forecast_is_that_of_the_plain_table(model, bars, plain, change):
    pd.testing.assert_frame_equal(model.predict(change(bars)), plain)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (dates(lambda days: days.dt.strftime("%y/%d/%m")), "expected dates such as 2020-01-31"),
        (dates(lambda days: days.astype("datetime64[ns]").astype("int64")), "expected dates such as 2020-01-31"),
        (dates(lambda days: days.mask(days == days.max())), "got 'NaT' in row"),
        (lambda bars: bars.assign(ticker=None), "expected a ticker in every row"),
        (lambda bars: bars.assign(close=True), "expected numbers in the column close"),
        (lambda bars: bars.rename(columns=str.title), "missing: date, ticker, open, high, low, close, volume: add"),
        (lambda bars: bars.rename_axis("Date").drop(columns="date"), "missing: date: add"),
        (lambda bars: bars["close"], "missing: date, ticker, open, high, low, volume: add"),
        (lambda bars: bars.to_numpy(), "missing: date, ticker, open, high, low, close, volume: add"),
        (lambda bars: bars.iloc[:0], "expected at least one bar"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_is_not_understood_is_one_line(model, bars, change, says):
    with pytest.raises(InputError, match=says) as caught:
        model.predict(change(bars))
    assert "\n" not in str(caught.value)


def test_the_bars_are_not_changed(model, bars):
    indexed = bars.set_index(["date", "ticker"])
    before = indexed.copy(deep=True)
    model.predict(indexed)
    pd.testing.assert_frame_equal(indexed, before)


def test_a_rounded_number_is_taken_as_it_is(model, bars):
    narrow = bars.astype(dict.fromkeys(NUMBERS, "float32"))
    found = model.predict(narrow)["last_close"].to_numpy()
    assert np.array_equal(found, model.predict(narrow.astype(dict.fromkeys(NUMBERS, float)))["last_close"])
