"""Stress test: a pipeline is told to stop, or shot, at every moment of every step; the next start puts all right.

A program of its own, because it forks: `stress.apart`. The imports are paid once; each case of a pipeline is a
process that was forked before anything was computed. `mlflow run` is started as it is.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path

from flow_steps.safety import store
from tests.support import warm
from tests.support.forks import fork, left_of, orphans, output, wait
from tests.support.mlproject import copy_of_project, run_line
from tests.support.stops import MOMENTS, await_stop, run_up_to
from tests.support.stores import environment
from tests.support.stress import Count, answer, one_text, spread
from tests.support.traces import after_the_next_start, half_files, new_home, statuses, still_running, undisturbed

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
CASES = tuple(product(warm.program.CHAIN, MOMENTS, SIGNALS))
# A pipeline that trains until somebody ends it, and one that ends soon.
SHORT = {"source": "synthetic", "path": "gbm", "models": "naive", "max_lookback": "20", "vis": "false"}
ENDLESS = {
    **SHORT, "models": "lstm", "epochs": "100000", "lookback": "10",
    "model_params": '{"lstm": {"patience": 100000}}',
}  # fmt: skip
STOCK = {
    "MLproject": "name: stock\nentry_points:\n  main:\n    parameters: {seconds: {type: float}}\n"
    "    command: python sleeper.py {seconds}\n",
    "sleeper.py": "import sys, time, mlflow\nwith mlflow.start_run():\n    with mlflow.start_run(nested=True):\n"
    "        time.sleep(float(sys.argv[1]))\n",
}
PATIENCE = 10  # seconds for whatever is left to end by itself


def ours(n: int | None, folder: Path, only: list[tuple[str, str, signal.Signals]] | None = None) -> Count:
    """n cases; a bad one left a run RUNNING, an orphan, half a file, or changed the figures."""
    whole = undisturbed(folder)
    chosen = only or spread(CASES, n)
    bad = [
        text
        for step, moment, number in chosen
        for text in one_text(f"{step}, {moment}, {number.name}", _faults(step, moment, number, folder, whole))
    ]
    return Count(len(chosen), bad)


def few(n: int | None, folder: Path) -> Count:
    """One case: cut off within a file of the step that writes the most."""
    return ours(n, folder, [("evaluate", "mid-write", signal.SIGKILL)])


def through_mlflow(n: int | None, folder: Path) -> Count:
    """`mlflow run` is ended in mid-training; a bad case left a process, or a run RUNNING, or cannot start anew."""
    project = copy_of_project(folder / "project")
    return _ended(n, folder, project, (ENDLESS, SHORT), lambda found: ("train lstm", "RUNNING") in found)


def stock(n: int | None, folder: Path) -> Count:
    """The same with a project of MLflow alone, that sleeps in a run within a run."""
    project = folder / "project"
    project.mkdir()
    for name, text in STOCK.items():
        (project / name).write_text(text, encoding="utf-8")
    return _ended(n, folder, project, ({"seconds": 3600}, {"seconds": 0}), lambda found: len(found) == 2)


def _faults(step: str, moment: str, number: signal.Signals, folder: Path, whole: Path) -> list[str]:
    home = new_home(folder)
    child = fork(home, lambda: run_up_to(step, moment))
    await_stop(home, child)
    os.kill(child, number)
    code = wait(child)
    faults = [f"a process lives on: {name}" for name in orphans(child)]
    if number != signal.SIGKILL:
        if code == 0 or "Traceback" in output(home, child):
            faults.append(f"exit {code}, {output(home, child)[-300:]}")
        faults += still_running(home)
    faults += half_files(home, whole)
    faults += after_the_next_start(home, whole)
    shutil.rmtree(home)
    return faults


def _ended(
    n: int | None, folder: Path, project: Path, params: tuple[Mapping, Mapping], ready: Callable[[list], bool]
) -> Count:
    """Ends `mlflow run` with each signal in turn, and then starts a shorter one on the same store."""
    # Whoever starts this in the background has it, and all that it starts, ignore SIGINT.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    chosen = [SIGNALS[i % len(SIGNALS)] for i in range(n or len(SIGNALS))]
    bad = []
    for i, number in enumerate(chosen):
        home = folder / f"home{i}"
        home.mkdir()
        assert wait(fork(home, store.ensure)) == 0
        faults = _leavings(home, number, run_line(project, params[0]), ready)
        again = subprocess.run(
            run_line(project, params[1]), cwd=home, env=environment(home), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        faults += [f"the next start failed: {again.stdout[-400:]}"] if again.returncode else still_running(home)
        bad += one_text(number.name, faults)
    return Count(len(chosen), bad)


def _leavings(home: Path, number: signal.Signals, command: list[str], ready: Callable[[list], bool]) -> list[str]:
    """The processes that outlive a command; a terminal interrupts all of them, other signals go to the first."""
    with (home / "output").open("w") as log:
        process = subprocess.Popen(
            command, cwd=home, env=environment(home), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    try:
        while not ready(statuses(home)):
            assert process.poll() is None, (home / "output").read_text(encoding="utf-8")
            time.sleep(0.1)
        time.sleep(2)  # a run that is seen is not yet inside its `with`
        (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
        process.wait()
        for _ in range(PATIENCE):
            if not left_of(process.pid):
                break
            time.sleep(1)
    finally:
        left = orphans(process.pid)
        process.wait()
    return [f"a process lives on: {name}" for name in left]


if __name__ == "__main__":
    answer(ours=ours, few=few, through_mlflow=through_mlflow, stock=stock)
