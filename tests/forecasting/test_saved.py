"""The folder of a forecaster: what comes back from it, and what is refused."""

from dataclasses import asdict, replace

import pandas as pd
import pytest

from pricecast.errors import InputError
from pricecast.files import seal
from pricecast.forecasting import fitting
from pricecast.forecasting.forecaster import Forecaster
from serving.load import load
from tests.support.fitted_samples import NAMES, data, made, raw
from tests.support.flipped import flipped
from tests.support.market_samples import same_bits
from tests.support.stores import refused


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_forecaster_is_the_same_forecaster(tmp_path, name):
    model = made(name)
    again = Forecaster.load(model.save(tmp_path / "forecaster"))
    pd.testing.assert_frame_equal(again.predict_bars(raw()), model.predict_bars(raw()), check_exact=True)
    for field in ("name", "params", "spec", "fitted_until", "history", "context"):
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
    files = {path.name for path in folder.rglob("*") if path.is_file()}
    assert files >= {"forecaster.json", "manifest.json", "scaler_X.skops", "scaler_y.skops"}
    for where in flipped(folder):
        assert refused(lambda: Forecaster.load(folder)), where
    Forecaster.load(folder)


def test_a_forecaster_of_a_model_that_is_not_there_is_refused(tmp_path):
    folder = replace(made("naive"), name="naive").save(tmp_path / "forecaster")
    path = folder / "forecaster.json"
    path.write_text(path.read_text().replace('"name": "naive"', '"name": "oracle"'))
    seal(folder)
    with pytest.raises(InputError, match="got 'oracle'"):
        Forecaster.load(folder)
