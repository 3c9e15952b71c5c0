"""A comparison and a study in the browser."""

import pytest
from PIL import Image

from tests.support import experiment_screens as screens
from tests.support import screenshots

pytestmark = [
    pytest.mark.browser,
    # MLflow declares a relation in a way that SQLAlchemy 2.1 has deprecated.
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"),
]
DATA = ("--source", "synthetic", "--path", "gbm", "--max-lookback", "20", "--horizon", "1", "--lookback", "7")
FILE = """
A: {description: small steps, params: {learning_rate: 0.005, hidden_dim: 4, epochs: 3}}
B: {description: large steps, params: {learning_rate: 0.02, hidden_dim: 8, epochs: 3}}
"""
NAMES = ("exp_A_lr=0.005_hd=4", "exp_B_lr=0.02_hd=8")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("ui")


@pytest.fixture(scope="module")
def store(home):
    """A store with a small comparison and a small study."""
    (home / "two.yaml").write_text(FILE, encoding="utf-8")
    screenshots.run_in(home, "compare", "--experiments", "two.yaml", "--seeds", "2", *DATA)
    return screenshots.run_in(home, "tune", "--models", "har,mlp", "--n-trials", "4", "--epochs", "3", *DATA)


@pytest.fixture(scope="module")
def url(store, home):
    with screenshots.server(store, home) as address:
        yield address


def text(driver):
    return driver.find_element(screens.By.TAG_NAME, "body").text


def test_a_comparison_is_a_tree_with_experiments_losses_and_params_side_by_side(url, store, tmp_path):
    runs = screens.tree(store, "compare")
    with screenshots.browser(tmp_path) as driver:
        screenshots.settle(driver, screenshots.experiment_of(runs), screens.those(runs, "compare"), screens.FIGURES)
        screens.open_list(driver, url, runs, screens.FIGURES, "experiment")
        screenshots.see(driver, "compare two", "Financial-forecasting-pipeline", "naive h=1")
        for run in screens.those(runs, "experiment"):
            assert str(run.data.metrics["test_crps"])[:8] in text(driver)
        screens.open_losses(driver, url, runs, "experiment")
        screenshots.see(driver, "train_loss", "val_loss")
        screens.open_params(driver, url, runs)
        screenshots.see(driver, *NAMES, "small steps", "large steps", "0.005", "0.02")


def test_a_study_is_a_tree_of_trials_with_their_scores_and_losses(url, store, tmp_path):
    runs = screens.tree(store, "tune")
    with screenshots.browser(tmp_path) as driver:
        screenshots.settle(driver, screenshots.experiment_of(runs), screens.those(runs, "tune"), screens.SCORES)
        screens.open_list(driver, url, runs, screens.SCORES, "trial")
        screenshots.see(driver, *(f"trial {number} {name}" for name in ("har", "mlp") for number in range(3)))
        screens.open_losses(driver, url, runs, "trial")
        screenshots.see(driver, "trial 0 mlp", "train_loss", "val_loss")


def test_the_pictures_for_the_docs_are_taken(store, tmp_path):
    pictures = screens.take(tmp_path, store)
    assert [path.stem for path in pictures] == [
        "experiments", "experiment-losses", "experiment-params", "comparison", "study", "study-losses",
        "study-parallel",
    ]  # fmt: skip
    for path in pictures:
        assert 15_000 < path.stat().st_size < 600_000, path.name
        with Image.open(path) as picture:
            assert min(picture.size) > 500
            assert len(picture.convert("RGB").getcolors(2**24)) > 50, "not an empty page"
