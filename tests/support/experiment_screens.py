"""Pictures of a comparison and of a study in MLflow's pages, for docs/experiment-tracking.md."""

import json
import tempfile
import time
import urllib.parse
from collections.abc import Callable
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Run
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By

from tests.support import screenshots
from tests.support.palette import small
from tests.support.screenshots import (
    ROOT,
    ancestors,
    browser,
    experiment_of,
    picture_mode,
    search_charts,
    see,
    server,
    settle,
    visit,
)

FIGURES = ("test_crps", "test_skill_crps", "test_rmse", "test_r2")
SCORES = ("valid_crps", "valid_rmse", "valid_mape")
COMMANDS = (
    ("compare", "--experiments", str(ROOT / "experiments" / "quick.yaml"), "--tickers", "AAPL,MSFT"),
    ("tune", "--models", "har,mlp", "--n-trials", "12", "--horizon", "1"),
)


def tree(store: str, step: str) -> list[Run]:
    """The runs of the newest finished comparison or study, oldest first."""
    client = MlflowClient(store)
    experiments = [found.experiment_id for found in client.search_experiments()]
    runs = client.search_runs(experiments, order_by=["start_time ASC"], max_results=1000)
    done = [run for run in runs if run.info.status == "FINISHED" and run.data.tags.get("pricecast.step") == step]
    return [run for run in runs if done[-1].info.run_id in ancestors(run, runs)]


def those(runs: list[Run], step: str) -> list[Run]:
    """The runs of a kind: "experiment", "trial" and so on."""
    return [run for run in runs if run.data.tags.get("pricecast.step") == step]


def open_list(driver: WebDriver, url: str, runs: list[Run], columns: tuple[str, ...], step: str) -> None:
    """The tree with its figures."""
    visit(driver, f"{url}/#/experiments/{experiment_of(runs)}/runs", *columns, those(runs, step)[0].info.run_name)


def open_losses(driver: WebDriver, url: str, runs: list[Run], step: str) -> None:
    """Losses by epoch of all experiments, or trials, in one chart each."""
    only = urllib.parse.quote(f"tags.`pricecast.step` = '{step}'")
    visit(driver, f"{url}/#/experiments/{experiment_of(runs)}/runs?compareRunsMode=CHART&searchFilter={only}")
    search_charts(driver, "^(train|val)_loss$", 2)


def open_params(driver: WebDriver, url: str, runs: list[Run]) -> None:
    """Parameters of the experiments side by side."""
    chosen = those(runs, "experiment")
    ids = json.dumps([run.info.run_id for run in chosen], separators=(",", ":"))
    query = urllib.parse.urlencode({"runs": ids, "experiments": json.dumps([experiment_of(runs)])})
    visit(driver, f"{url}/#/compare-runs?{query}", f"Comparing {len(chosen)} Runs", "Parameters")
    driver.find_element(By.XPATH, "//*[@role='button'][normalize-space(.)='Visualizations']").click()
    see(driver, "learning_rate", *(run.info.run_name for run in chosen))


def open_picture(driver: WebDriver, store: str, run: Run, path: str, folder: Path) -> None:
    """A picture that a run has left."""
    file = Path(MlflowClient(store).download_artifacts(run.info.run_id, path, str(folder)))
    page = folder / "picture.html"
    drawn = file.read_text(encoding="utf-8")
    style = "<style>body { margin: 0; background: white } svg { width: 100vw; height: auto }</style>"
    page.write_text(f"{style}{drawn}", encoding="utf-8")
    driver.get(page.as_uri())


def open_section(driver: WebDriver, store: str, run: Run, folder: Path, width: int) -> None:
    """The report's table of experiments."""
    page = MlflowClient(store).download_artifacts(run.info.run_id, "report.html", str(folder))
    driver.get(Path(page).as_uri())
    box = "document.querySelector('[aria-labelledby=experiments]').getBoundingClientRect()"
    picture_mode(driver, width=width, height=900)
    picture_mode(driver, width=width, height=int(driver.execute_script(f"return {box}.height")) + 40)
    driver.execute_script(f"window.scrollTo(0, {box}.top - 20)")


def take(out: Path, store: str) -> list[Path]:
    """Takes all pictures of the newest comparison and study in a store; returns their paths."""
    out.mkdir(parents=True, exist_ok=True)
    pictures: list[Path] = []
    compared, studied = tree(store, "compare"), tree(store, "tune")

    def shot(name: str, height: int, show: Callable[..., None], *more: object) -> None:
        picture_mode(driver, height=height)
        show(driver, *more)
        time.sleep(1)  # fonts and transitions
        pictures.append(out / f"{name}.png")
        pictures[-1].write_bytes(small(driver.get_screenshot_as_png(), screenshots.COLOURS))

    with tempfile.TemporaryDirectory() as scratch, server(store, Path(scratch)) as url:
        with browser(Path(scratch) / "compare") as driver:
            settle(driver, experiment_of(compared), [*those(compared, "compare")], FIGURES)
            shot("experiments", 560, open_list, url, compared, FIGURES, "experiment")
            shot("experiment-losses", 640, open_losses, url, compared, "experiment")
            shot("experiment-params", 1250, open_params, url, compared)
            shot("comparison", 900, open_section, store, those(compared, "compare")[0], Path(scratch), 1300)
        with browser(Path(scratch) / "tune") as driver:
            settle(driver, experiment_of(studied), those(studied, "tune"), SCORES)
            shot("study", 900, open_list, url, studied, SCORES, "trial")
            shot("study-losses", 640, open_losses, url, studied, "trial")
            picture = "studies/mlp/parallel_coordinates.svg"
            shot("study-parallel", 690, open_picture, store, those(studied, "tune")[0], picture, Path(scratch))
    return pictures


if __name__ == "__main__":
    screenshots.program(__doc__, COMMANDS, take)
