"""Stress test: a command meets faults of its environment: experiments, stores, places, studies, streams, folders.

A program of its own, because it forks: `stress.apart`.
"""

import os
import shutil
import sqlite3
import time
from pathlib import Path

from tests.support import environment_faults, warm
from tests.support.environment_faults import FAULTS, OUTPUT, Fault
from tests.support.forks import fork, wait
from tests.support.stores import fresh_store
from tests.support.stress import Count, answer, one_text, spread
from tests.support.traces import empty_store

_LONGEST = 10.0  # seconds until a fault is told, without the imports
_FEW = ("id deleted", "artifacts 0", "older schema", "studies 2", "output cp1252", "a%20b")


def ours(n: int | None, folder: Path) -> Count:
    """n faults; a bad one is not told in one line, late or after some work, or fails what had to succeed."""
    return _count(spread((*FAULTS, *environment_faults.servers()), n), folder)


def few(_: int | None, folder: Path) -> Count:
    """A fault of each kind."""
    return _count([fault for fault in FAULTS if fault.name in _FEW], folder)


def _count(faults: list[Fault], folder: Path) -> Count:
    empty_store(folder)
    (folder / "furniture").mkdir()
    environment_faults.furnish(folder / "furniture")
    return Count(len(faults), [text for fault in faults for text in one_text(fault.name, _faults(fault, folder))])


def _faults(fault: Fault, folder: Path) -> list[str]:
    home = folder / "homes" / fault.name
    shutil.copytree(folder / "furniture", home)
    variables = fault.variables(home)
    if variables.get("MLFLOW_TRACKING_URI", "") is not None:
        fresh_store((folder / "empty.db").read_bytes(), home)
        environment_faults.alter(home, fault.statements)

    def work() -> None:
        for name, value in variables.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})
        fault.child()
        warm.program.main((*fault.words, *([] if fault.words else warm.COMMAND)))

    started = time.monotonic()
    child = fork(home, work, logs=folder)
    code, seconds = wait(child), time.monotonic() - started
    said = (folder / f"output.{child}").read_bytes().decode("utf-8", "replace")  # in whatever encoding
    return _refused(fault, code, said, seconds) if fault.says else _succeeded(fault, code, said, home, folder)


def _refused(fault: Fault, code: int, said: str, seconds: float) -> list[str]:
    faults = [f"{seconds:.0f} seconds"] if seconds > _LONGEST else []
    lines = said.splitlines()
    if code != 1 or len(lines) != 1 or not lines[0].startswith("Error: expected ") or fault.says not in lines[0]:
        faults.append(f"exit {code}: {said[-600:]}")
    return faults


def _succeeded(fault: Fault, code: int, said: str, home: Path, folder: Path) -> list[str]:
    faults = [f"exit {code}: {said[-600:]}"] if code or "Traceback" in said or "Error" in said else []
    with sqlite3.connect(home / "mlflow.db") as connection:
        statuses = {status for (status,) in connection.execute("SELECT status FROM runs")}
    connection.close()
    if statuses != {"FINISHED"}:
        faults.append(f"runs are {', '.join(sorted(statuses)) or 'missing'}")
    if not list(home.glob("mlruns/*/*/artifacts/report.html")):
        faults.append("no report where it belongs")
    if fault in OUTPUT and "encoding" in said:
        faults.append(said[-200:])
    strays = [path.name for path in home.parent.iterdir() if not (path / "text.db").exists()]
    return [*faults, *(f"a stray folder {name}" for name in strays)]


if __name__ == "__main__":
    answer(ours=ours, few=few)
