"""Trial: a pipeline is told to stop, or shot, at every moment of every step; the next start puts all right.

Run as a program of its own, because it forks: `python tests/trial_kills.py [cases]` prints what went wrong. The
imports are paid once; each case is a process that was forked before anything was computed.
"""

import json
import os
import shutil
import signal
import sys
import tempfile
import uuid
from itertools import product
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("OMP_NUM_THREADS", "1")


import main as program  # noqa: E402
from flow_steps import download, evaluate, flow, store, tracking, train, transform  # noqa: E402, F401
from forks import fork, orphans, output, wait  # noqa: E402
from pricecast.models import load  # noqa: E402
from stops import MOMENTS, await_stop, run_up_to  # noqa: E402
from traces import figures, fresh_store, half_files, statuses  # noqa: E402
from trials import Count  # noqa: E402

load("naive")
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
CASES = tuple(product(program.STEPS, MOMENTS, SIGNALS))
COMMAND = (
    "--source", "synthetic", "--path", "gbm", "--max-lookback", "20", "--models", "naive", "--vis", "false",
)  # fmt: skip


def ours(n: int, folder: Path, only: list[tuple[str, str, int]] | None = None) -> Count:
    """n cases, spread evenly; a bad one left a run RUNNING, an orphan, half a file, or changed the figures."""
    whole = _prepare(folder)
    chosen = only or [CASES[i * len(CASES) // n] for i in range(n)]
    bad = [f"{case}: {fault}" for case in chosen for fault in _faults(case, folder, whole)]
    return Count(n, bad)


def _prepare(folder: Path) -> Path:
    """An undisturbed run, and an empty store for the cases to start from."""
    whole = folder / "whole"
    whole.mkdir(parents=True)
    assert wait(fork(whole, store.ensure)) == 0
    shutil.copy(whole / "mlflow.db", folder / "empty.db")
    assert wait(fork(whole, _running)) == 0
    return whole


def _faults(case: tuple[str, str, int], folder: Path, whole: Path) -> list[str]:
    home = folder / uuid.uuid4().hex
    home.mkdir()
    fresh_store(folder / "empty.db", home)
    step, moment, number = case
    child = fork(home, lambda: run_up_to(step, moment, COMMAND))
    await_stop(home, child)
    os.kill(child, number)
    code = wait(child)
    faults = [f"a process lives on: {name}" for name in orphans(child)]
    if number != signal.SIGKILL:
        if code == 0 or "Traceback" in output(home, child):
            faults.append(f"exit {code}, {output(home, child)[-300:]}")
        faults += [f"{name} is {status}" for name, status in statuses(home) if status == "RUNNING"]
    faults += half_files(home, whole)
    again = fork(home, _running)
    if wait(again) != 0:
        faults.append(f"the next start failed: {output(home, again)[-300:]}")
    faults += [f"{name} is still {status}" for name, status in statuses(home) if status == "RUNNING"]
    if figures(home) != figures(whole):
        faults.append("the figures differ")
    shutil.rmtree(home)
    return faults


def _running() -> None:
    program.main(COMMAND)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        number = int(sys.argv[1]) if len(sys.argv) > 1 else len(CASES)
        print(json.dumps(ours(number, Path(place)).__dict__))  # noqa: T201
