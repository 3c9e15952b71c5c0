"""Stress test: six pipelines come at once to a store that is not there yet.

A program of its own, because it forks: `stress.apart`.
"""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import mlflow
import mlflow.store.tracking.sqlalchemy_store
import numpy as np

from tests.support import warm
from tests.support.forks import fork, output, wait
from tests.support.market_samples import prices_of
from tests.support.stress import Count, answer
from tests.support.traces import runs_of

PROCESSES = 6
FEW = 2
COMMAND = (*warm.COMMAND, "--source", "csv", "--path", "bars.csv")


def ours(n: int, folder: Path, processes: int = PROCESSES) -> Count:
    """n cold starts; a bad process failed, or its pipeline is not FINISHED with figures like the others'."""
    bars = folder / "bars.csv"
    prices_of(0.01 * np.random.default_rng(0).standard_normal(300)).to_csv(bars, index=False)
    bad = []
    for i in range(n):
        home = folder / f"start{i}"
        home.mkdir()
        shutil.copy(bars, home)
        bad += _together(home, lambda: warm.program.main(COMMAND), processes)
        bad += _differing(home, processes)
        shutil.rmtree(home)
    return Count(n * processes, bad)


def few(_: int | None, folder: Path) -> Count:
    """One cold start of as few processes as can meet."""
    return ours(1, folder, FEW)


def stock(n: int, folder: Path) -> Count:
    """The same start with MLflow alone, one metric each."""
    bad = []
    for i in range(n):
        home = folder / f"stock{i}"
        home.mkdir()
        bad += _together(home, _log_one, PROCESSES)
        shutil.rmtree(home)
    return Count(n * PROCESSES, bad)


def _together(home: Path, work: Callable[[], None], processes: int) -> list[str]:
    gate = os.pipe()
    children = [fork(home, work, gate) for _ in range(processes)]
    for end in gate:
        os.close(end)
    codes = [wait(child) for child in children]
    return [output(home, child)[-200:] for child, code in zip(children, codes, strict=True) if code]


def _differing(home: Path, processes: int) -> list[str]:
    runs = runs_of(home)
    parents = [run for run in runs if run.data.tags.get("pricecast.step") == "main"]
    figures = {json.dumps(run.data.metrics, sort_keys=True) for run in parents}
    bad = [f"{run.info.run_name} is {run.info.status}" for run in runs if run.info.status != "FINISHED"]
    if len(parents) != processes or len(figures) != 1:
        bad.append(f"{len(parents)} pipelines with {len(figures)} different sets of figures")
    return bad


def _log_one() -> None:
    with mlflow.start_run():
        mlflow.log_metric("x", 1.0)


if __name__ == "__main__":
    answer(ours=ours, few=few, stock=stock)
