"""Overhead of the steps beside their work: `python -m benchmarks.overhead`.

Runs the default pipeline on a warm store and takes from each step's time what the library spent on data, fit
and forecasts. The rest is MLflow, keys, files and digests; drawing the report has a line of its own. The
alternative is a new process per step, as `mlflow run` for every step would have it: at least a Python that
imports MLflow.

Below it stand whole programs, each in a process of its own: their CPU seconds and peak memory, beside those of an
alternative: for help and typing mistakes a Python that imports MLflow, for a pipeline of naive alone the same with
torch imported, for a reused pipeline the one that ran.
"""

import importlib
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
REPORT = ("render", "save_figures")
# The calls into the library, by step.
WORK = {
    "download": ("download", "write_parquet"),
    "transform": ("read_parquet", "build"),
    "train": ("fit",),
    "evaluate": ("evaluate", "make_report", *REPORT),
    "audit": ("_quick",),
}
# What evaluate shares with backtest.
SHARED = dict.fromkeys(REPORT, "runs.results")


def timed(function: Callable[..., Any], spent: dict[str, float], name: str) -> Callable[..., Any]:
    """Return a function that adds the time of each call to `spent`."""

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        started = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            spent[name] += time.perf_counter() - started

    return wrapper


def home(step: str, name: str) -> ModuleType:
    """Return the module in which a step finds a call into the library."""
    return importlib.import_module(f"flow_steps.{SHARED.get(name, step)}")


def pipeline(params: list[str]) -> tuple[dict[str, list[float]], dict[str, dict[str, float]]]:
    """Run main in this process; return the times of each step, and those of its calls into the library."""
    from flow_steps.pipeline import flow
    from main import main

    totals: dict[str, list[float]] = defaultdict(list)
    work: dict[str, dict[str, float]] = {}
    for step, names in WORK.items():
        work[step] = defaultdict(float)
        for name in names:
            module = home(step, name)
            setattr(module, name, timed(getattr(module, name), work[step], name))
    plan, run_child = flow.chain.plan, flow.chain.run_child
    planning: dict[str, float] = defaultdict(float)

    def measured_plan(name: str, *args: Any) -> Any:
        return timed(plan, planning, name)(name, *args)

    def measured(planned: Any) -> str:
        started = time.perf_counter()
        run_id = run_child(planned)
        name = planned.step.name
        totals[name].append(planning.pop(name) + time.perf_counter() - started)
        return run_id

    flow.chain.plan, flow.chain.run_child = measured_plan, measured
    main(["--reuse", "false", *params], standalone_mode=False)
    flow.chain.plan, flow.chain.run_child = plan, run_child
    return totals, work


def new_process() -> float:
    """Return the seconds until a fresh Python has imported MLflow."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import mlflow"], check=True, cwd=ROOT)
    return time.perf_counter() - started


@dataclass(frozen=True)
class Cost:
    """Cost of a process: CPU seconds, user and system, and peak memory in MB."""

    cpu: float
    peak: float


def cost(*words: str, code: int = 0) -> Cost:
    """Run a fresh Python, which is to end with an exit code, in the working directory."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, *words], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as child:
        text = child.stdout.read() if child.stdout else b""
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == code, text.decode()
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def programs() -> None:
    """Print the cost of whole programs."""
    program = str(ROOT / "main.py")
    naive = ["--models", "naive"]
    mlflow = cost("-c", "import mlflow")
    torch = f"import runpy, sys, torch; sys.argv[0] = {program!r}; runpy.run_path({program!r}, run_name='__main__')"
    with_torch = cost("-c", torch, *naive, "--reuse", "false")
    alone = cost(program, *naive, "--reuse", "false")
    rows = {
        "--help": (cost(program, "--help"), mlflow, "a Python that imports MLflow"),
        "a wrong option": (cost(program, "--lookbak", "5", code=2), mlflow, "a Python that imports MLflow"),
        "a pipeline of naive": (alone, with_torch, "the same with torch imported"),
        "that pipeline, reused": (cost(program, *naive), alone, "the one that ran"),
    }
    print(f"\n{'program':22} {'CPU s':>6} {'peak MB':>8} {'alternative':30} {'CPU s':>6} {'peak MB':>8}")
    for name, (ours, other, what) in rows.items():
        print(f"{name:22} {ours.cpu:6.2f} {ours.peak:8.0f} {what:30} {other.cpu:6.2f} {other.peak:8.0f}")


def main_() -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
        os.chdir(folder)
        programs()  # first: a child's peak memory is at least what its parent has
        pipeline(["--models", "naive", "--vis", "false"])  # warms the store and the imports
        totals, work = pipeline(sys.argv[1:])
    alternative = new_process()
    print(f"\n{'step':20} {'runs':>4} {'total s':>8} {'overhead s a run':>17} {'of a new process':>17}")
    for step, times in totals.items():
        overhead = (sum(times) - sum(work[step].values())) / len(times)
        print_row(step, times, overhead, alternative)
        drawn = sum(work[step][name] for name in ("make_report", *REPORT))
        if drawn:
            print_row("  with its report", times, overhead + drawn, alternative)
    print(f"a new process that imports MLflow: {alternative:.2f} s")


def print_row(name: str, times: list[float], overhead: float, alternative: float) -> None:
    """Print a line of the table."""
    print(f"{name:20} {len(times):4} {sum(times):8.2f} {overhead:17.2f} {overhead / alternative:16.0%}")


if __name__ == "__main__":
    main_()
