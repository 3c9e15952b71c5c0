"""A pipeline in the browser: the tree, the curves, the comparison, the report."""

import re

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.support import screenshots

pytestmark = [
    pytest.mark.browser,
    # MLflow declares a relation in a way that SQLAlchemy 2.1 has deprecated.
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"),
]
MODELS = ("naive h=5", "ewma h=5", "lstm h=5 L=10 hd=4 lr=0.001")
STEPS = ("download synthetic", "transform h=5 return", "train naive", "train lstm", "evaluate", "audit")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("ui")


@pytest.fixture(scope="module")
def store(home):
    """A store with one small pipeline, run as a user runs it."""
    return screenshots.run_in(
        home, "--source", "synthetic", "--path", "gbm", "--max-lookback", "20", "--lookback", "10",
        "--models", "naive,lstm", "--epochs", "3", "--lstm-units", "4",
    )  # fmt: skip


@pytest.fixture(scope="module")
def runs(store):
    return screenshots.latest_tree(store)


@pytest.fixture(scope="module")
def url(store, home):
    with screenshots.server(store, home) as address:
        yield address


@pytest.fixture
def driver(tmp_path, runs):
    with screenshots.browser(tmp_path) as opened:
        screenshots.settle(opened, screenshots.experiment_of(runs), runs)
        yield opened
        opened.save_screenshot(str(tmp_path / "last.png"))


def text(driver):
    return driver.find_element(By.TAG_NAME, "body").text


def test_the_list_tells_tickers_and_verdict_and_opens_to_all_steps(url, tmp_path, runs):
    with screenshots.browser(tmp_path) as driver:  # nothing set beforehand
        name = next(run.info.run_name for run in runs if run.data.tags["pricecast.step"] == "main")
        # A list shows the beginning of a name, which has tickers and verdict, and the tickers again as a dataset.
        assert name.startswith("SYN1 h=5: naive")
        screenshots.visit(driver, f"{url}/#/experiments/0/runs", name[:17], "SYN1 (")
        assert not [step for step in (*STEPS, *MODELS) if step in text(driver)]
        driver.save_screenshot(str(tmp_path / "list.png"))
        open_all(driver, (name, "evaluate"))
        screenshots.see(driver, *STEPS, *MODELS)
        driver.save_screenshot(str(tmp_path / "runs.png"))


def open_all(driver, names):
    """Clicks on the plus before each name."""
    for name in names:
        row = f"//*[@role='row'][.//*[normalize-space(text())='{name}']]//button"
        WebDriverWait(driver, screenshots.PATIENCE).until(
            lambda page, row=row: [found for found in page.find_elements(By.XPATH, row) if found.is_displayed()],
            f"nothing to open before {name}",
        )[0].click()


def test_the_tree_has_the_figures_of_every_judged_model(url, driver, runs):
    screenshots.open_runs(driver, url, runs)
    screenshots.see(driver, *MODELS)
    for run in screenshots.judged(runs):
        assert str(run.data.metrics["test_crps"])[:8] in text(driver)


def test_the_train_run_shows_its_loss_curves(url, driver, runs):
    screenshots.open_losses(driver, url, runs)
    for plot in screenshots.drawn(driver):
        lines = [line.get_attribute("d") for line in plot.find_elements(By.CSS_SELECTOR, ".lines path.js-line")]
        assert 3 in [line.count(",") for line in lines], "three epochs"


@pytest.mark.parametrize(
    ("show", "charts"),
    [
        (screenshots.open_comparison, ("test_skill_crps", "test_coverage_90", "test_winkler_90")),
        (screenshots.open_horizons, ("test_skill_crps", "test_skill_crps_h2", "test_skill_crps_h3")),
    ],
)
def test_charts_compare_the_judged_models(url, driver, runs, show, charts):
    show(driver, url, runs)
    screenshots.see(driver, *charts)
    for plot in screenshots.drawn(driver):
        assert len(plot.find_elements(By.CSS_SELECTOR, ".bars .point")) >= len(MODELS)


def test_the_comparison_page_lists_the_metrics_of_the_judged_models(url, driver, runs):
    screenshots.open_table(driver, url, runs)
    screenshots.see(driver, *MODELS)
    found = [run.data.metrics["test_coverage_50"] for run in screenshots.judged(runs)]
    for value in found:
        assert re.search(rf"^{re.escape(f'{value:.2f}'[:4])}", text(driver), re.MULTILINE), found
    # Below the fold of its own little table, but there.
    assert driver.find_elements(By.XPATH, "//a[normalize-space(text())='test_crps']")


def test_a_judged_models_page_tells_the_outcome_and_links_the_model(url, driver, runs):
    run = screenshots.judged(runs)[-2]
    screenshots.visit(driver, f"{url}/#/experiments/0/runs/{run.info.run_id}", run.info.run_name)
    screenshots.see(driver, run.data.tags["mlflow.note.content"].split(";")[0], "test_crps", "dataset")


def test_the_report_opens_from_its_file_without_a_mistake(driver, store, runs, tmp_path):
    screenshots.open_report(driver, store, runs, tmp_path)
    verdict = next(run for run in runs if run.info.run_name == "evaluate").data.tags["mlflow.note.content"]
    screenshots.see(driver, "Leaderboard", " ".join(verdict.split(":")[0].split()))
    assert not [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
    for picture in driver.find_elements(By.CSS_SELECTOR, "figure img"):
        assert driver.execute_script("return arguments[0].naturalWidth > 0", picture)


def test_pictures_for_the_readme_are_taken(store, tmp_path):
    pictures = screenshots.take(tmp_path / "images", store)
    assert [path.name for path in pictures] == ["runs.png", "charts.png", "losses.png", "compare.png", "report.png"]
    for path in pictures:
        assert path.read_bytes().startswith(b"\x89PNG")
        assert path.stat().st_size > 30_000
