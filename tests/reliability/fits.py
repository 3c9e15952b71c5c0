"""Stress test: a backtest is ended in the middle of its fits. What is left of it, and does the next one take it up?

Real processes, whose workers are processes of their own.
"""

import os
import signal
import subprocess
import sys
import time
from itertools import product
from pathlib import Path

import pandas as pd

from tests.reliability.servers import _free_port, _server
from tests.support import walked
from tests.support.forks import left_of, orphans
from tests.support.stores import environment, inside
from tests.support.stress import ROOT, Count, answer, one_text, spread
from tests.support.traces import runs_of, statuses, still_running

# The signal, processes at work, and fits that are kept when it comes; behind the last of them training is endless.
CASES = tuple(product((signal.SIGTERM, signal.SIGKILL), (1, 2), (3, 15)))
ENDLESS = {
    "models": "drift,lstm",
    "epochs": "100000",
    "model_params": '{"lstm": {"patience": 100000, "lookback": 10}}',
}
PATIENCE = 20  # seconds for whatever is left to end by itself

# A backtest in so many processes that says how many fits it made, and waits for its end after some of them.
PROGRAM = """
import pathlib, sys, time
from flow_steps import backtest
from flow_steps.reuse import fits
from pricecast.forecasting.executors import local

jobs, stop = int(sys.argv.pop(1)), int(sys.argv.pop(1))
save, kept = fits.Fits.save, []

def keeping(self, fit, found):
    save(self, fit, found)
    kept.append(fit)
    pathlib.Path("kept").write_text(str(len(kept)))
    while len(kept) == stop and stop < 15:
        time.sleep(0.1)

fits.Fits.save, local.cpu_count = keeping, lambda: jobs
if __name__ == "__main__":
    backtest.main()
"""


def ours(n: int | None, folder: Path) -> Count:
    """n cases; a bad one left a process or a run RUNNING, fitted anew what was kept, or changed the figures."""
    dataset = _dataset(folder)
    whole = folder / "whole"
    assert _finish(_start(whole, dataset, 1)) == ""
    chosen = spread(CASES, n)
    texts = [one_text((case[0].name, *case[1:]), _faults(*case, folder, dataset, whole)) for case in chosen]
    return Count(len(chosen), [text for found in texts for text in found])


def through_server(n: int | None, folder: Path) -> Count:
    """On a server that keeps the artifacts: what a killed backtest has fitted, the next one takes from there."""
    dataset, home, port = _dataset(folder), folder / "home", _free_port()
    home.mkdir()
    address = {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{port}"}
    with _server(home, port):
        process = _start(home, dataset, 1, 3, **address)
        faults = _await_kept(home, process, 3)
        process.kill()
        process.wait()
        faults += [text for text in [_finish(_start(home, dataset, 1, **address))] if text]
        faults += [] if _kept(home) == 15 - 3 else [f"{_kept(home)} fits anew, expected {15 - 3}"]
        faults += still_running(home)
    return Count(1, one_text("server", faults))


def _faults(number: signal.Signals, jobs: int, stop: int, folder: Path, dataset: Path, whole: Path) -> list[str]:
    home = folder / f"{number.name}-{jobs}-{stop}"
    process = _start(home, dataset, jobs, stop, **ENDLESS)
    faults = _await_kept(home, process, stop)
    time.sleep(3 if stop == 15 else 0)  # deep in a training that has no end
    process.send_signal(number)
    said = process.communicate()[0]
    if number == signal.SIGTERM and (process.returncode != 128 + number or "Traceback" in said):
        faults.append(f"exit {process.returncode}: {said[-300:]}")
    end = time.monotonic() + PATIENCE
    while left_of(process.pid) and time.monotonic() < end:
        time.sleep(0.2)
    faults += [f"a process lives on: {name}" for name in orphans(process.pid)]
    if number == signal.SIGTERM:
        faults += still_running(home)
    return faults + _after(home, dataset, jobs, stop, whole)


def _after(home: Path, dataset: Path, jobs: int, stop: int, whole: Path) -> list[str]:
    """Faults after a backtest of the same, but for the endless model, has run."""
    said = _finish(_start(home, dataset, jobs))
    if said:
        return [f"the next start failed: {said}"]
    faults = still_running(home)
    faults += ["the killed run is not KILLED"] if statuses(home)[0][1] != "KILLED" else []
    # Where several are at work, one more may have been kept than was waited for.
    made = _kept(home) if stop < 15 else 0
    if not 15 - stop - jobs + 1 <= made <= 15 - stop:
        faults.append(f"{made} fits anew, though {stop} were kept")
    ours, theirs = (_forecasts(place) for place in (home, whole))
    return faults + ([] if ours.equals(theirs) else ["the figures differ"])


def _dataset(folder: Path) -> Path:
    return walked.small_dataset(walked.LONG, horizon=2).save(folder / "dataset")


def _start(home: Path, dataset: Path, jobs: int, stop: int = 0, **params: str) -> subprocess.Popen:
    home.mkdir(exist_ok=True)
    (home / "kept").unlink(missing_ok=True)
    given = {**params, **({"PYTHONPATH": str(ROOT)})}
    more = {name: given.pop(name) for name in list(given) if name.isupper()}
    program = home / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    return subprocess.Popen(
        [sys.executable, str(program), str(jobs), str(stop), *walked.words(dataset, **given)],
        cwd=home, env=environment(home, **more), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True,
    )  # fmt: skip


def _finish(process: subprocess.Popen) -> str:
    """Waits for a backtest; the end of what it printed, if it failed."""
    said = process.communicate(timeout=600)[0]
    return said[-600:] or "no word" if process.returncode else ""


def _await_kept(home: Path, process: subprocess.Popen, count: int) -> list[str]:
    end = time.monotonic() + 300
    while _kept(home) < count and time.monotonic() < end and process.poll() is None:
        time.sleep(0.1)
    return [] if _kept(home) >= count else [f"it never came to {count} fits"]


def _kept(home: Path) -> int:
    """Fits that the last backtest made."""
    text = (home / "kept").read_text(encoding="utf-8") if (home / "kept").exists() else ""
    return int(text or 0)


def _forecasts(home: Path) -> pd.DataFrame:
    with inside(home):
        finished = [run for run in runs_of(home) if run.data.tags.get("pricecast.step") == "backtest"]
        return walked.forecasts([run for run in finished if run.info.status == "FINISHED"][-1])


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    answer(ours=ours, through_server=through_server)
