"""Damage: no flipped bit and no cut file of a finished run is read as if it were whole."""

import pytest

from tests.reliability import flips
from tests.reliability.flips import ours, plain, stock
from tests.support.stores import finished
from tests.support.stress import Count

# MLflow declares a relation in a way that SQLAlchemy 2.1 has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("flips")


@pytest.mark.slow
def test_a_few_flipped_bits_and_cut_files_are_all_noticed(folder):
    assert ours(14, folder) == Count(21)


@pytest.mark.slow
def test_no_flipped_bit_in_a_plain_parquet_file_changes_the_table_unnoticed(folder):
    assert plain(100, folder) == Count(100)


def test_every_kind_of_file_has_its_turn(folder):
    with finished(folder):
        pass
    assert flips.kinds(folder) >= {
        "prices.parquet", "quality.json", "bars.parquet", "features.parquet", "scaler_X.skops", "spec.json",
        "forecasts.parquet", "leaderboard.csv", "report.html", "verdict.json", "summary.md", ".svg",
        "MLmodel", "model.py", "manifest.json", "forecaster.py", "conda.yaml", "input_example.json",
        "weights.safetensors",
    }  # fmt: skip


def test_a_blank_more_in_a_manifest_is_noticed(folder):
    with finished(folder) as client:
        sources = {model.model_id: model.source_run_id for model in client.search_logged_models(["0"])}
        paths = sorted((folder / "mlruns").rglob("manifest.json"))
        for path in (paths[0], paths[-1]):
            for text in (path.read_bytes() + b" ", path.read_bytes().replace(b"\n", b"\r\n", 1)):
                with flips.holding(path, text):
                    assert flips._let_through(path, sources) == "", path


@pytest.mark.slow
def test_400_flipped_bits_and_200_cut_files_are_all_noticed(folder):
    assert ours(400, folder) == Count(600)
    assert plain(400, folder, seed=1) == Count(400)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_stock_mlflow_lets_most_damage_pass(tmp_path):
    found = stock(100, tmp_path)
    assert len(found.bad) > found.tried / 4
