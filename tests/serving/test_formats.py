"""Formats of bundles: what an older version left loads here and forecasts the same, a later one's is named."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from pricecast.errors import InputError
from pricecast.files import digest_file, read_json, seal
from pricecast.forecasting import formats
from pricecast.forecasting.forecaster import Forecaster
from serving import bundle
from serving import formats as bundle_formats
from serving.load import load
from tests.support import format_samples
from tests.support.format_samples import BUNDLED, FORMATS, MODEL_CODE

KEPT = sorted(FORMATS.glob("format_*"))
FIRST = FORMATS / "format_1"
# Numbers of no format, past or future.
ODD = (0, -1, "2", True, 1.0, 2.0, None, [], {"format": 2}, 1_000, 10**30)
INNER = Path("artifacts/forecaster")
VERSIONED = {"pricecast_format": formats.FORMAT, "pricecast_version": "0.1.0"}


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
    shutil.copytree(folder / BUNDLED, target / INNER)
    seal(target)
    return target


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A bundle of the newest format, without a store."""
    place = bundle_of(FIRST, tmp_path_factory.mktemp("made") / "bundle")
    shutil.rmtree(place / INNER)
    Forecaster.load(FIRST / BUNDLED).save(place / INNER)
    shutil.copyfile(bundle.CODE[0], place / "model.py")
    describe(place, **VERSIONED)
    assert load(place).name == BUNDLED
    return place


@pytest.fixture
def newest(made, tmp_path):
    """The same, to be changed."""
    return Path(shutil.copytree(made, tmp_path / "bundle"))


def describe(place: Path, **metadata: Any) -> None:
    """Writes other metadata into MLmodel, none without any, and seals the bundle."""
    about = yaml.safe_load((place / "MLmodel").read_text("utf-8"))
    about.pop("metadata", None)
    (place / "MLmodel").write_text(yaml.safe_dump({**about, "metadata": metadata} if metadata else about), "utf-8")
    seal(place)


def rewrite(folder: Path, **fields: Any) -> None:
    """Writes other fields into forecaster.json and seals the folder."""
    path = folder / "forecaster.json"
    path.write_text(json.dumps({**read_json(path), **fields}), encoding="utf-8")
    seal(folder)


def line(place: Path) -> str:
    """The one line with which a bundle or a folder is refused."""
    with pytest.raises(InputError) as caught:
        load(place)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 600
    return str(caught.value)


# --- what older versions left ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", format_samples.MODELS)
@pytest.mark.parametrize("folder", KEPT, ids=lambda path: path.name)
def test_a_kept_forecaster_forecasts_what_it_did(folder, name):
    forecasts_as_kept(load(folder / name), folder, name)


@pytest.mark.parametrize("folder", KEPT, ids=lambda path: path.name)
def test_a_kept_bundle_forecasts_what_it_did(folder, tmp_path):
    forecasts_as_kept(load(bundle_of(folder, tmp_path / "bundle")), folder, BUNDLED)


@pytest.mark.parametrize("name", format_samples.MODELS)
def test_a_forecaster_that_is_saved_again_is_of_the_newest_format_and_forecasts_the_same(tmp_path, name):
    again = load(FIRST / name).save(tmp_path / name)
    assert read_json(again / "forecaster.json")["format"] == formats.FORMAT
    forecasts_as_kept(load(again), FIRST, name)


@pytest.mark.parametrize("folder", KEPT, ids=lambda path: path.name)
def test_an_older_forecaster_reads_as_one_of_the_newest_format(folder):
    content = formats.read(folder / BUNDLED)
    assert content.keys() == formats.KEYS[formats.FORMAT].keys()
    assert content["format"] == formats.FORMAT


def test_every_older_format_is_kept_and_has_a_row():
    numbers = list(range(1, formats.FORMAT + 1))
    assert list(formats.KEYS) == list(bundle_formats.FORMATS) == numbers
    assert {f"format_{number}" for number in numbers[:-1]} <= {folder.name for folder in KEPT}


# --- what no version left, or a later one ------------------------------------------------------------------


@pytest.mark.parametrize("number", [formats.FORMAT + 1, 99, 999])
def test_a_later_forecaster_asks_for_a_newer_version(newest, number):
    rewrite(newest / INNER, format=number, more="of it")
    expected = f"expected a format from 1 to {formats.FORMAT} in forecaster.json"
    says = f"{expected}, got format {number}: install a newer pricecast"
    assert line(newest / INNER) == says
    seal(newest)
    assert line(newest) == says


def test_a_later_bundle_names_the_version_that_wrote_it(newest):
    # Whatever else a later format changes, its files among it.
    (newest / "more.bin").write_bytes(b"of a later format")
    describe(newest, pricecast_format=99, pricecast_version="1.4.0rc1", more="of it")
    assert line(newest).endswith("MLmodel, got format 99: install pricecast 1.4.0rc1 or later")


@pytest.mark.parametrize("version", [None, 2, "", "1.0\nrun this", "newest", ["1.0"], "1." * 500])
def test_a_later_bundle_that_names_no_version_asks_for_a_newer_one(newest, version):
    describe(newest, pricecast_format=99, pricecast_version=version)
    assert line(newest).endswith("got format 99: install a newer pricecast")


@pytest.mark.parametrize("number", ODD, ids=str)
def test_a_number_of_no_format_is_refused(newest, number):
    rewrite(newest / INNER, format=number)
    assert "that is none" in line(newest / INNER)
    with pytest.raises(InputError, match="that is none"):
        Forecaster.load(newest / INNER)


def test_format_1_states_no_number(newest):
    rewrite(newest / INNER, format=1)
    assert "other fields" in line(newest / INNER)
    with pytest.raises(InputError, match="unknown: format"):
        Forecaster.load(newest / INNER)
    describe(newest, pricecast_format=1, pricecast_version="0.1.0")
    assert "the setting 'metadata'" in line(newest)


@pytest.mark.parametrize("number", ODD, ids=str)
def test_metadata_with_a_number_of_no_format_are_refused(newest, number):
    describe(newest, pricecast_format=number, pricecast_version="0.1.0")
    assert "that is none" in line(newest)


@pytest.mark.parametrize(
    "metadata",
    [
        {"pricecast_format": formats.FORMAT}, {"pricecast_version": "0.1.0"}, {**VERSIONED, "loader": "evil"},
        {**VERSIONED, "pricecast_version": "0.1.0; evil"}, {**VERSIONED, "pricecast_version": 0.1},
    ],
)  # fmt: skip
def test_other_metadata_than_ours_are_refused(newest, metadata):
    describe(newest, **metadata)
    assert "got " in line(newest)


def test_a_bundle_and_its_forecaster_are_of_one_format(newest, tmp_path):
    older = bundle_of(FIRST, tmp_path / "older")
    shutil.rmtree(older / INNER)
    shutil.copytree(newest / INNER, older / INNER)
    seal(older)
    assert f"format {formats.FORMAT} in a bundle of format 1" in line(older)
    shutil.rmtree(newest / INNER)
    shutil.copytree(FIRST / BUNDLED, newest / INNER)
    seal(newest)
    assert f"format 1 in a bundle of format {formats.FORMAT}" in line(newest)


# --- model.py ----------------------------------------------------------------------------------------------


def test_the_table_knows_the_present_model_file():
    digest = digest_file(bundle.CODE[0])
    assert digest in bundle_formats.NEWEST.code, f"add this to the row {formats.FORMAT} of FORMATS: {digest}"


@pytest.mark.parametrize("number", bundle_formats.FORMATS)
def test_a_changed_model_file_is_refused_and_one_that_the_table_knows_is_not(newest, monkeypatch, number):
    place = newest if number == formats.FORMAT else bundle_of(FORMATS / f"format_{number}", newest.parent / "older")
    with (place / "model.py").open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    seal(place)
    assert "another model.py than the train step writes" in line(place)
    known = bundle_formats.FORMATS[number]
    older = known.code | {digest_file(place / "model.py")}
    monkeypatch.setitem(bundle_formats.FORMATS, number, replace(known, code=older))
    assert load(place).name == BUNDLED
