"""Stress test: the tracking server dies in mid-run, and comes back soon or only after the pipeline gave up.

A program of its own, because it forks: `stress.apart`.
"""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

from tests.support import warm
from tests.support.forks import fork, output, wait
from tests.support.stops import await_stop, run_up_to
from tests.support.stores import store_of
from tests.support.stress import Count, answer, one_text, spread
from tests.support.traces import after_the_next_start, undisturbed

# The step in which the server dies, and whether it comes back at once.
CASES = tuple(product(warm.program.CHAIN, ("back at once", "back too late")))


def ours(n: int | None, folder: Path) -> Count:
    """n cases; a bad one did not survive a restart, left a run RUNNING, or changed the figures."""
    whole = undisturbed(folder)
    chosen = spread(CASES, n)
    return Count(len(chosen), [text for case in chosen for text in one_text(case, _faults(*case, folder, whole))])


def _faults(step: str, end: str, folder: Path, whole: Path) -> list[str]:
    home = folder / f"{step} {end}".replace(" ", "-")
    home.mkdir()
    port = _free_port()
    faults = []
    with _server(home, port):
        child = fork(home, lambda: _at(port, lambda: run_up_to(step, "before write")))
        await_stop(home, child)
    (home / "go").touch()
    if end == "back too late" and (wait(child) == 0 or not _is_one_line(output(home, child))):
        faults.append(output(home, child)[-400:])
    with _server(home, port):
        if end == "back at once" and wait(child) != 0:
            faults.append(output(home, child)[-400:])
        faults += after_the_next_start(home, whole, lambda: _at(port, warm.run))
    return faults


def _at(port: int, work: Callable[[], None]) -> None:
    os.environ["MLFLOW_TRACKING_URI"] = f"http://127.0.0.1:{port}"
    work()


def _is_one_line(said: str) -> bool:
    errors = [line for line in said.splitlines() if line.startswith("Error: ")]
    return len(errors) == 1 and "tracking store" in errors[0] and "Traceback" not in said


@contextmanager
def _server(home: Path, port: int) -> Iterator[None]:
    """A real tracking server, shot at the end."""
    command = [
        sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", store_of(home), "--artifacts-destination", str(home / "artifacts"),
    ]  # fmt: skip
    with (home / "server.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=home, stdout=log, stderr=log, start_new_session=True)
    try:
        _await_answer(port, process)
        yield
    finally:
        os.killpg(process.pid, 9)
        process.wait()


def _await_answer(port: int, process: subprocess.Popen) -> None:
    while process.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise AssertionError("the server ended by itself")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    answer(ours=ours)
