"""Trial: six pipelines come at once to a store that is not there yet.

Run as a program of its own, because it forks: `python tests/trial_starts.py [cold starts] [ours|stock]`.
"""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("OMP_NUM_THREADS", "1")

import mlflow  # noqa: E402
import mlflow.store.tracking.sqlalchemy_store  # noqa: E402
import numpy as np  # noqa: E402
from mlflow import MlflowClient  # noqa: E402

import main as program  # noqa: E402
from flow_steps import download, evaluate, flow, store, train, transform  # noqa: E402, F401
from forks import fork, output, wait  # noqa: E402
from market_samples import prices_of  # noqa: E402
from pricecast.models import load  # noqa: E402
from trials import Count  # noqa: E402

load("naive")
PROCESSES = 6
COMMAND = (
    "--source", "csv", "--path", "bars.csv", "--max-lookback", "20", "--models", "naive", "--vis", "false",
)  # fmt: skip


def ours(n: int, folder: Path) -> Count:
    """n cold starts; a bad process failed, or its pipeline is not FINISHED with figures like the others'."""
    bars = folder / "bars.csv"
    prices_of(0.01 * np.random.default_rng(0).standard_normal(300)).to_csv(bars, index=False)
    bad = []
    for i in range(n):
        home = folder / f"start{i}"
        home.mkdir()
        shutil.copy(bars, home)
        bad += _together(home, lambda: program.main(COMMAND))
        bad += _differing(home)
        shutil.rmtree(home)
    return Count(n * PROCESSES, bad)


def stock(n: int, folder: Path) -> Count:
    """The same start with MLflow alone, one metric each."""
    bad = []
    for i in range(n):
        home = folder / f"stock{i}"
        home.mkdir()
        bad += _together(home, _log_one)
        shutil.rmtree(home)
    return Count(n * PROCESSES, bad)


def _together(home: Path, work: Callable[[], None]) -> list[str]:
    gate = os.pipe()
    children = [fork(home, work, gate) for _ in range(PROCESSES)]
    for end in gate:
        os.close(end)
    codes = [wait(child) for child in children]
    return [output(home, child)[-200:] for child, code in zip(children, codes, strict=True) if code]


def _differing(home: Path) -> list[str]:
    runs = MlflowClient(f"sqlite:///{home}/mlflow.db").search_runs(["0"], max_results=1000)
    parents = [run for run in runs if run.data.tags.get("pricecast.step") == "main"]
    figures = {json.dumps(run.data.metrics, sort_keys=True) for run in parents}
    bad = [f"{run.info.run_name} is {run.info.status}" for run in runs if run.info.status != "FINISHED"]
    if len(parents) != PROCESSES or len(figures) != 1:
        bad.append(f"{len(parents)} pipelines with {len(figures)} different sets of figures")
    return bad


def _log_one() -> None:
    with mlflow.start_run():
        mlflow.log_metric("x", 1.0)


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    trial = {"ours": ours, "stock": stock}[sys.argv[2] if len(sys.argv) > 2 else "ours"]
    with tempfile.TemporaryDirectory() as place:
        print(json.dumps(trial(number, Path(place)).__dict__))  # noqa: T201
