"""Folders made or changed by hand and sealed again: what does not fit is refused in one line when it is loaded."""

import json
from functools import cache

import numpy as np
import pandas as pd
import pytest

from pricecast.dataset.dataset import Dataset
from pricecast.errors import InputError
from pricecast.files import read_json, read_parquet, seal, write_parquet
from pricecast.forecasting import fitting, forecaster
from pricecast.forecasting.forecaster import Forecaster
from pricecast.json_checks import check_object
from pricecast.schema import PRICE_COLUMNS
from pricecast.table_checks import check_bars, check_prices
from tests.support.gallery import sound
from tests.support.market_samples import small_dataset


def refused(load, folder):
    seal(folder)
    with pytest.raises(InputError) as caught:
        load(folder)
    message = str(caught.value)
    assert message.isprintable()
    assert 20 < len(message) <= 600
    return message


def rewrite(path, change):
    """Changes the JSON object of a file in place."""
    values = read_json(path)
    changed = change(values)
    path.write_text(json.dumps(values if changed is None else changed), encoding="utf-8")


def without(column):
    return lambda table: table.drop(columns=column)


def at(column, row, value):
    def change(table):
        table = table.copy()
        table.loc[row, column] = value
        return table

    return change


def put(column, value):
    return lambda table: table.assign(**{column: value})


BARS = {
    "a column is missing": (without("open"), "expected the columns date, ticker, open"),
    "a column too many": (put("note", 1.0), "expected the columns"),
    "NaN as close": (at("close", 5, np.nan), "prices finite and above zero"),
    "an infinite high": (at("high", 5, np.inf), "prices finite"),
    "a negative volume": (at("volume", 5, -1.0), "volume finite"),
    "a close above the high": (lambda table: at("close", 5, table["high"][5] * 2)(table), "low <= open, close"),
    "no quote": (at("quote", 5, np.nan), "quote finite"),
    "rows exchanged": (lambda table: table.iloc[[1, 0, *range(2, len(table))]], "sorted by ticker and date"),
    "a row twice": (lambda table: table.iloc[[0, *range(len(table))]], "sorted by ticker and date"),
    "no row": (lambda table: table.iloc[:0], "at least one row"),
    "text as close": (lambda table: table.astype({"close": str}), "object in close"),
    "booleans as close": (put("close", True), "bool in close"),
    "text as date": (lambda table: table.astype({"date": str}), "naive timestamps"),
    "a time of day": (lambda table: table.assign(date=table["date"] + pd.Timedelta(hours=1)), "time of day"),
    "numbers as ticker": (put("ticker", 7), "expected text in every row of ticker"),
    "a ticker that is none": (put("ticker", "A B"), "expected a ticker"),
    "a ticker in lower case": (put("ticker", "aaa"), "upper case"),
    "no ticker": (at("ticker", 5, None), "expected text in every row of ticker"),
}
FEATURES = {
    "a column is missing": (without("rsi_14"), "expected the columns"),
    "other closes than the bars": (at("close", 5, 1.0), "closes of the bars"),
    "fewer rows than the bars": (lambda table: table.iloc[:-1], "closes of the bars"),
    "an unknown span": (at("split", 200, "holdout"), "split out of train, valid, test"),
    "no span's name": (at("split", 200, None), "expected text in every row of split"),
    "a training row that sees the test": (lambda table: table.assign(split=table["split"].replace("test", "train")),
                                          "spans that the spec's dates lead to"),
    "a feature that is not finite": (at("rsi_14", 200, np.inf), "features finite"),
    "a scale of zero": (at("scale", 200, 0.0), "scale above zero"),
    "text as feature": (lambda table: table.astype({"rsi_14": str}), "object in rsi_14"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("file", "change", "says"),
    [("bars", *case) for case in BARS.values()] + [("features", *case) for case in FEATURES.values()],
    ids=[*(f"bars: {name}" for name in BARS), *(f"features: {name}" for name in FEATURES)],
)
def test_a_broken_table_of_a_dataset_is_refused(tmp_path, file, change, says):
    folder = small_dataset().save(tmp_path / "dataset")
    path = folder / f"{file}.parquet"
    write_parquet(change(read_parquet(path)), path)
    assert says in refused(Dataset.load, folder)


SPEC = {
    "horizon": (0, -1, 2, True, 3.0, "3", None, [3]),
    "features": ([], ["surprise"], "rsi_14", [1], None, {"a": 1}),
    "target": ("volume", None, 1, []),
    "scaler": ("magic", "minmax", None),
    "valid_start": ("soon", "2024-13-01", "2999-01-01", "2023-7-1", "now", None, 20240101),
    "test_start": ("2001-01-01", "", None),
    "tickers": ([], ["A B"], ["AAA"], "AAA", [None]),
    "max_lookback": (0, -5, 1.5, 300),
    "warmup": (0, None),
    "dropped": ([], {"A": 1}),
    "allow_splits": ("no", 0),
    "versions": (None, {"numpy": 2}),
}


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in SPEC.items() for value in values])
def test_a_broken_spec_is_refused(tmp_path, key, value):
    folder = small_dataset().save(tmp_path / "dataset")
    rewrite(folder / "spec.json", lambda spec: spec.update({key: value}))
    assert "run " in refused(Dataset.load, folder)


@pytest.mark.parametrize("spec", [[], None, 1, "spec", {}, {"target": "return"}])
def test_what_is_no_spec_is_refused(tmp_path, spec):
    folder = small_dataset().save(tmp_path / "dataset")
    rewrite(folder / "spec.json", lambda _: spec if spec is not None else "null")
    assert "the spec" in refused(Dataset.load, folder)


@pytest.mark.parametrize("report", [[], "fine", {"findings": {}}, {"findings": [1]}, {"findings": [{"count": 1}]}])
def test_a_broken_quality_report_is_refused(tmp_path, report):
    folder = small_dataset().save(tmp_path / "dataset")
    rewrite(folder / "quality.json", lambda _: report)
    assert "expected a quality report" in refused(Dataset.load, folder)


def test_scalers_of_another_dataset_are_refused(tmp_path):
    folder = small_dataset().save(tmp_path / "dataset")
    small_dataset(horizon=2).scalers.save(folder)
    assert "a fitted StandardScaler of 3 columns as scaler y" in refused(Dataset.load, folder)
    small_dataset(scaler="robust").scalers.save(folder)
    assert "as scaler X, got RobustScaler" in refused(Dataset.load, folder)


@cache
def naive():
    return fitting.fit("naive", {}, small_dataset())


ABOUT = {
    "name": ("oracle", None, 7, "../naive", ""),
    "params": ([], None, {"surprise": 1}),
    "spec": (None, [], {}, {"target": "return"}),
    "fitted_until": (None, 20240101, "soon", "", "NaT", "2024-1-1"),
    "starts": (None, [], {"AAA": 3}, {"AAA": "soon"}),
    "calibration": (None, [], 0.5, {}, *({"offsets": offsets, "thresholds": {}, "rate": 0.01} for offsets in (
        None, [], 0.5, [[0.0] * 7] * 3, [[[0.0] * 6] * 3], [[[float("nan")] * 7] * 3], [[["a"] * 7] * 3],
        [[[float("inf")] * 7] * 3], {"0": []}))),
    "settings": (None, {}, {"per_ticker": 1, "mondrian": True, "online": True}, {"per_ticker": False}),
    "history": (None, {}, [1], [{}], [{"epoch": 1.0}], [{"epoch": "one"}], [{"epoch": float("nan")}],
                [{"epoch": 1.0, "train_loss": 1.0, "val_loss": 1.0, key: 1.0} for key in ("a", "b")]),
}  # fmt: skip


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in ABOUT.items() for value in values])
def test_a_broken_description_of_a_forecaster_is_refused(tmp_path, key, value):
    folder = naive().save(tmp_path / "forecaster")
    rewrite(folder / "forecaster.json", lambda about: about.update({key: value}))
    assert "expected" in refused(Forecaster.load, folder)


@pytest.mark.parametrize("key", ABOUT)
def test_a_key_that_a_forecaster_lacks_is_named(tmp_path, key):
    folder = naive().save(tmp_path / "forecaster")
    rewrite(folder / "forecaster.json", lambda about: {name: about[name] for name in about if name != key})
    assert f"missing or unknown: {key}" in refused(Forecaster.load, folder)


def test_a_forecaster_that_keeps_its_own_quantiles_takes_no_calibration(tmp_path):
    name = next(name for name in forecaster.models.names() if not forecaster.models.about(name).calibrate)
    model = fitting.fit(name, {}, small_dataset())
    folder = model.save(tmp_path / "forecaster")
    rewrite(folder / "forecaster.json", lambda about: about.update(calibration=naive().calibration.to_json()))
    assert "a calibration (none for a model" in refused(Forecaster.load, folder)


def test_sound_folders_come_in(tmp_path):
    data = Dataset.load(small_dataset().save(tmp_path / "dataset"))
    assert check_bars(data.bars) is data.bars
    assert Forecaster.load(naive().save(tmp_path / "forecaster")).spec == naive().spec


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda table: table.assign(**{name: table[name] * 1e-16 for name in PRICE_COLUMNS}), "prices between"),
        (lambda table: table.assign(volume=1e21), "volume up to"),
        (put("adj_close", 1e16), "adj_close"),
        (lambda table: table.astype({"close": "float16"}), "float16 in close"),
        (lambda table: table.astype({"close": "complex128"}), "complex128 in close"),
        (lambda table: table.astype({"close": "Float64"}), "Float64 in close"),
        (lambda table: table.astype({"ticker": "category"}), "expected text in every row of ticker"),
        (lambda table: table.assign(date=table["date"] - np.timedelta64(90_000, "D")), "1800"),
        (lambda table: table.set_axis([*table.columns[:-1], "x\ny" * 500], axis=1), "characters"),
    ],
)  # fmt: skip
def test_prices_of_another_hand_are_checked(change, says):
    with pytest.raises(InputError) as caught:
        check_prices(change(sound()))
    assert says in str(caught.value)
    assert str(caught.value).isprintable()


def test_an_object_is_checked_as_deep_as_its_hints_go():
    hints = {"a": list[list[float]] | None, "b": dict[str, int]}
    for value in (None, [], [[1, 2.5]]):
        assert check_object({"a": value, "b": {"x": 1}}, hints, "it")["a"] is value
    for value in (1, [1], [["1"]], [[True]], [[float("inf")]], [[None]], {}):
        with pytest.raises(InputError, match="expected a in it to be of type"):
            check_object({"a": value, "b": {}}, hints, "it")
    with pytest.raises(InputError, match="expected b in it"):
        check_object({"a": None, "b": {"x": 1.0}}, hints, "it")
