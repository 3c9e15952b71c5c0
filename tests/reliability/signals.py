"""Stress test: SIGTERM comes at one line after another of MLflow's own code, while a run's values are written.

A program of its own, because it forks: each case is a process that was forked before the store was opened.
"""

import os
import shutil
import signal
import sys
import time
from pathlib import Path

from flow_steps.runs import tracking
from flow_steps.safety import signals
from tests.support.forks import fork, orphans, output, wait
from tests.support.stress import Count, answer, one_text, spread
from tests.support.traces import empty_store, new_home, statuses

TOLD = 128 + signal.SIGTERM
PATIENCE = 40  # seconds; a database that is locked is waited for half as long


def ours(n: int | None, folder: Path) -> Count:
    """n lines, spread evenly; a bad case hangs, ends otherwise than told, or leaves a run that is not KILLED."""
    empty_store(folder)
    lines = _lines(folder)
    cases = spread(range(1, lines), n)
    bad = [text for line in cases for text in one_text(f"line {line} of {lines}", _faults(line, folder))]
    return Count(len(cases), bad)


def _lines(folder: Path) -> int:
    """Number of lines that run where nobody is told to stop."""
    home = new_home(folder)
    child = fork(home, lambda: _write(0))
    assert wait(child) == 0, output(home, child)
    return int(output(home, child))


def _faults(line: int, folder: Path) -> list[str]:
    home = new_home(folder)
    child = fork(home, lambda: _write(line))
    code = _wait_or_shoot(child)
    faults = [f"a process lives on: {name}" for name in orphans(child)]
    if code != TOLD or "Traceback" in output(home, child):
        faults.append(f"exit {code}, {output(home, child)[-300:]}")
    faults += [f"{name} is {status}" for name, status in statuses(home) if status != "KILLED"]
    shutil.rmtree(home)
    return faults


def _wait_or_shoot(child: int) -> int:
    for _ in range(PATIENCE * 50):
        ended, code = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(code)
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    return wait(child)


def _write(line: int) -> None:
    """Writes to a run within a run, and is told to stop before that line; without one, tells how many there are."""
    passed = 0

    def trace(frame, event, _):
        nonlocal passed
        passed += event == "line"
        if passed == line > 0:
            sys.settrace(None)
            os.kill(os.getpid(), signal.SIGTERM)
        return trace

    signals.install()
    try:
        with tracking.open_run("outer", {}, {}), tracking.open_run("inner", {}, {}) as run:
            sys.settrace(trace)
            run.log_params({"epochs": 1, "lookback": 10})
            run.log_metrics({"loss": 0.5})
            run.set_tags({"step": "train"})
            sys.settrace(None)
            time.sleep(PATIENCE if line else 0)
    finally:
        signals.acknowledge()
    print(passed)  # noqa: T201


if __name__ == "__main__":
    answer(ours=ours)
