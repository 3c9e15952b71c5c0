"""Pictures of what a person sees in a browser: python -m tests.support.screenshots OUT_DIR [--store URI]."""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Run
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support import expected_conditions as expected
from selenium.webdriver.support.ui import WebDriverWait

from tests.support.palette import small

ROOT = Path(__file__).resolve().parents[2]
SWITCHES = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
    "--force-color-profile=srgb",
)  # fmt: skip
WIDTH, HEIGHT = 1600, 1000
PATIENCE = 60
COLOURS = 256
COLUMNS = ("test_crps", "test_rmse", "test_skill_crps", "test_skill_rmse")


@contextmanager
def server(store: str, folder: Path) -> Iterator[str]:
    """Serves a store's UI on a free port of this machine; yields its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable, "-m", "mlflow", "server", "--backend-store-uri", store, "--host", "127.0.0.1",
        "--port", str(port), "--workers", "1",
    ]  # fmt: skip
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            _wait_for(f"http://127.0.0.1:{port}/health", process, folder / "server.log")
            yield f"http://127.0.0.1:{port}"
        finally:
            # The server's workers are its children: the whole session goes.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, 15)
            process.wait(30)


def _wait_for(url: str, process: subprocess.Popen, log: Path) -> None:
    for _ in range(600):
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError(f"no answer from {url}:\n{log.read_text()}")


@contextmanager
def browser(folder: Path) -> Iterator[webdriver.Chrome]:
    """A headless Chromium without a past."""
    options = webdriver.ChromeOptions()
    for switch in (*SWITCHES, f"--user-data-dir={folder / 'profile'}", f"--window-size={WIDTH},{HEIGHT}"):
        options.add_argument(switch)
    options.binary_location = "/usr/bin/chromium"
    driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    try:
        yield driver
    finally:
        driver.quit()


def picture_mode(driver: webdriver.Chrome, width: int = 1300, height: int = 820) -> None:
    """A smaller page at a higher resolution: legible where a README shows it at half its size."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1.5, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def settle(driver: webdriver.Chrome, experiment: str, runs: list[Run], figures: tuple[str, ...] = COLUMNS) -> None:
    """Sets what a person would have clicked before: model training mode, columns, an open tree, no assistant."""
    columns = [f"metrics.`{name}`" for name in figures]
    state = {
        "searchFilter": "", "orderByKey": "attributes.start_time", "orderByAsc": True, "startTime": "ALL",
        "lifecycleFilter": "Active", "datasetsFilter": [], "modelVersionFilter": "All Runs",
        "selectedColumns": columns, "columnOrder": [], "columnWidths": {},
        "runsPinned": [], "runsHidden": [], "runsExpanded": {run.info.run_id: True for run in runs},
        "runsVisibilityMap": {}, "runsHiddenMode": "SHOWALL", "viewMaximized": False, "runListHidden": False,
        "hideEmptyCharts": True, "groupBy": None, "groupsExpanded": {}, "useGroupedValuesInCharts": True,
        "isAccordionReordered": False, "autoRefreshEnabled": False,
        "globalLineChartConfig": {"xAxisKey": "step", "lineSmoothness": 0, "selectedXAxisMetricKey": ""},
    }  # fmt: skip
    items = {
        f'MLflowLocalStorage-1.1-ExperimentPage-["{experiment}"]-ReactComponentState': json.dumps(state),
        "mlflow.workflowType_v1": '"machine_learning"',
        "mlflow.assistant.panelOpen_v1": "false",
        "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": "true",
    }
    # Plotly shows its tools only under a mouse, which a headless browser has not.
    script = f"""
        if (location.protocol.startsWith("http")) {{
            for (const [key, value] of Object.entries({json.dumps(items)})) localStorage.setItem(key, value);
            addEventListener("DOMContentLoaded", () => document.head.insertAdjacentHTML("beforeend",
                "<style>.modebar-container {{ display: none !important }}</style>"));
        }}"""
    driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})


def visit(driver: webdriver.Chrome, address: str, *texts: str) -> None:
    """Opens a page from anew and waits until it shows all texts."""
    driver.get("about:blank")
    driver.get(address)
    see(driver, *texts)


def see(driver: webdriver.Chrome, *texts: str) -> None:
    """Waits until the page shows all texts."""
    for text in texts:
        WebDriverWait(driver, PATIENCE).until(
            lambda page, text=text: text in page.find_element(By.TAG_NAME, "body").text, f"no {text!r} on the page"
        )


def search_charts(driver: webdriver.Chrome, pattern: str, charts: int) -> None:
    """Keeps the charts whose metric matches, and waits until so many are drawn."""
    field = (By.CSS_SELECTOR, "input[placeholder='Search metric charts']")
    WebDriverWait(driver, PATIENCE).until(expected.element_to_be_clickable(field)).send_keys(pattern)
    see(driver, f"({charts})")
    WebDriverWait(driver, PATIENCE).until(lambda page: len(drawn(page)) == charts, f"not {charts} charts")
    driver.execute_script("document.activeElement.blur()")


def drawn(driver: webdriver.Chrome) -> list[WebElement]:
    """The charts that have something in them."""
    plots = driver.find_elements(By.CSS_SELECTOR, ".js-plotly-plot")
    return [plot for plot in plots if plot.find_elements(By.CSS_SELECTOR, ".lines path, .bars path, .points path")]


def open_runs(driver: webdriver.Chrome, url: str, runs: list[Run]) -> None:
    """The list of runs, the tree expanded."""
    visit(driver, f"{url}/#/experiments/{experiment_of(runs)}/runs", *COLUMNS, f"{len(runs)} matching runs")


def open_charts(driver: webdriver.Chrome, url: str, runs: list[Run], pattern: str, charts: int) -> None:
    """The judged models' figures as bars."""
    only = urllib.parse.quote("tags.`pricecast.step` = 'judge model'")
    address = f"{url}/#/experiments/{experiment_of(runs)}/runs?compareRunsMode=CHART&searchFilter={only}"
    visit(driver, address, *(run.info.run_name.split()[0] for run in judged(runs)))
    search_charts(driver, pattern, charts)


def open_comparison(driver: webdriver.Chrome, url: str, runs: list[Run]) -> None:
    """The judged models side by side in the main figures."""
    open_charts(driver, url, runs, "^test_(skill_crps|coverage_90|winkler_90)$", 3)


def open_horizons(driver: webdriver.Chrome, url: str, runs: list[Run]) -> None:
    """The judged models' skill at the first three horizons."""
    open_charts(driver, url, runs, "^test_skill_crps(_h[23])?$", 3)


def open_losses(driver: webdriver.Chrome, url: str, runs: list[Run], model: str = "lstm") -> None:
    """The losses of a network by epoch."""
    (train,) = [run for run in runs if run.info.run_name == f"train {model}"]
    visit(driver, f"{url}/#/experiments/{experiment_of(runs)}/runs/{train.info.run_id}/model-metrics", "train_loss")
    search_charts(driver, "^(train|val)_loss$", 2)


def open_table(driver: webdriver.Chrome, url: str, runs: list[Run]) -> None:
    """MLflow's page for comparing runs; in 3.17 its names stay behind when its values are scrolled."""
    ids = json.dumps([run.info.run_id for run in judged(runs)], separators=(",", ":"))
    chosen = urllib.parse.urlencode({"runs": ids, "experiments": json.dumps([experiment_of(runs)])})
    visit(driver, f"{url}/#/compare-runs?{chosen}", f"Comparing {len(judged(runs))} Runs", "Metrics")
    for section in ("Visualizations", "Parameters"):
        driver.find_element(By.XPATH, f"//*[@role='button'][normalize-space(.)='{section}']").click()
    see(driver, "test_coverage_50")


def open_report(driver: webdriver.Chrome, store: str, runs: list[Run], folder: Path) -> None:
    """The report up to its first picture."""
    (evaluated,) = [run for run in runs if run.info.run_name == "evaluate"]
    client = MlflowClient(store)
    page = client.download_artifacts(evaluated.info.run_id, "report.html", str(folder))
    driver.get(Path(page).as_uri())
    WebDriverWait(driver, PATIENCE).until(
        lambda found: found.find_elements(By.CSS_SELECTOR, "figure img, figure svg")
    )


def judged(runs: list[Run]) -> list[Run]:
    """The runs of judged models, in order."""
    return [run for run in runs if run.data.tags.get("pricecast.step") == "judge model"]


def experiment_of(runs: list[Run]) -> str:
    """Address of the runs."""
    return runs[0].info.experiment_id


def latest_tree(store: str) -> list[Run]:
    """The runs of the newest pipeline that is finished, oldest first."""
    client = MlflowClient(store)
    experiments = [found.experiment_id for found in client.search_experiments()]
    rule = "attributes.status = 'FINISHED'"
    runs = client.search_runs(experiments, rule, order_by=["start_time ASC"], max_results=1000)
    newest = [run for run in runs if run.data.tags.get("pricecast.step") == "main"][-1]
    return [run for run in runs if newest.info.run_id in ancestors(run, runs)]


def ancestors(run: Run, runs: list[Run]) -> list[str]:
    """The ids of a run and of those above it."""
    parent = run.data.tags.get("mlflow.parentRunId")
    return [
        run.info.run_id,
        *(each for other in runs if other.info.run_id == parent for each in ancestors(other, runs)),
    ]


def take(out: Path, store: str) -> list[Path]:
    """Takes all pictures of the newest pipeline in a store; returns their paths."""
    out.mkdir(parents=True, exist_ok=True)
    runs, pictures = latest_tree(store), []

    def save(name: str) -> None:
        time.sleep(1)  # fonts and transitions
        pictures.append(out / f"{name}.png")
        pictures[-1].write_bytes(small(driver.get_screenshot_as_png(), COLOURS))

    with (
        tempfile.TemporaryDirectory() as scratch,
        server(store, Path(scratch)) as url,
        browser(Path(scratch)) as driver,
    ):
        settle(driver, experiment_of(runs), runs)
        for name, show, height in PICTURES:
            picture_mode(driver, height=height)
            show(driver, url, runs)
            save(name)
        picture_mode(driver, width=1040, height=800)
        open_report(driver, store, runs, Path(scratch))
        bottom = driver.execute_script("return document.querySelector('figure').getBoundingClientRect().bottom")
        picture_mode(driver, width=1040, height=int(bottom) + 24)
        save("report")
    return pictures


PICTURES = (
    ("runs", open_runs, 720), ("charts", open_horizons, 700), ("losses", open_losses, 640),
    ("compare", open_comparison, 700),
)  # fmt: skip


def run_in(folder: Path, *words: str) -> str:
    """Runs a command as a user would, in a folder with a store of its own; returns the store's address."""
    store = f"sqlite:///{folder}/mlflow.db"
    environment = {**os.environ, "MLFLOW_TRACKING_URI": store}
    subprocess.run([sys.executable, str(ROOT / "main.py"), *words], cwd=folder, env=environment, check=True)
    return store


def program(
    about: str | None, commands: Iterable[tuple[str, ...]], take: Callable[[Path, str], list[Path]]
) -> None:
    """Takes pictures of what some commands leave, unless a store is given."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("out", type=Path, metavar="OUT_DIR")
    parser.add_argument("--store", default="", help="tracking URI; empty: runs the commands first, somewhere else")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        stores = [given.store] if given.store else [run_in(Path(folder), *words) for words in commands]
        for path in take(given.out, stores[-1]):
            sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    program(__doc__, [()], take)
