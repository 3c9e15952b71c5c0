"""Formats of bundles: what an older version left loads here and forecasts the same."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

import format_samples
from format_samples import FORMATS, MODEL_CODE
from pricecast.forecaster import Forecaster
from pricecast.storage import read_json, seal
from serving.load import load

KEPT = sorted(FORMATS.glob("format_*"))


def forecasts_as_kept(forecaster: Forecaster, folder: Path, name: str) -> None:
    """Equal to the last bit where libraries and CPU are those of the fixture, else within 1e-12."""
    kept = read_json(folder / "forecasts.json")
    table = forecaster.predict_bars(format_samples.bars(folder))
    found, expected = (pd.DataFrame(rows) for rows in (format_samples.records(table), kept["forecasts"][name]))
    same = kept["made_with"] == format_samples.here()
    close = {"check_exact": True} if same else {"rtol": 1e-12, "atol": 0}
    pd.testing.assert_frame_equal(found[sorted(found)], expected[sorted(expected)], **close)


def bundle_of(folder: Path, target: Path) -> Path:
    """The bundle of a format, put together of its files as the train step left it, but for the library's code."""
    shutil.copytree(folder / "bundle", target)
    (target / MODEL_CODE).rename(target / "model.py")
    shutil.copytree(folder / format_samples.BUNDLED, target / "artifacts" / "forecaster")
    seal(target)
    return target


@pytest.mark.parametrize("name", format_samples.MODELS)
@pytest.mark.parametrize("folder", KEPT, ids=lambda path: path.name)
def test_a_kept_forecaster_forecasts_what_it_did(folder, name):
    forecasts_as_kept(load(folder / name), folder, name)


@pytest.mark.parametrize("folder", KEPT, ids=lambda path: path.name)
def test_a_kept_bundle_forecasts_what_it_did(folder, tmp_path):
    forecasts_as_kept(load(bundle_of(folder, tmp_path / "bundle")), folder, format_samples.BUNDLED)
