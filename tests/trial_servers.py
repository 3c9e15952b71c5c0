"""Trial: the tracking server dies in mid-run, and comes back soon or only after the pipeline gave up.

Run as a program of its own, because it forks: `python tests/trial_servers.py [cases]`.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("OMP_NUM_THREADS", "1")

import main as program  # noqa: E402
from flow_steps import download, evaluate, flow, store, train, transform  # noqa: E402, F401
from forks import fork, output, wait  # noqa: E402
from pricecast.models import load  # noqa: E402
from stops import await_stop, run_up_to  # noqa: E402
from traces import figures, statuses  # noqa: E402
from trials import Count  # noqa: E402

load("naive")
# The step in which the server dies, and whether it comes back at once.
CASES = tuple(product(program.STEPS, ("back at once", "back too late")))
COMMAND = (
    "--source", "synthetic", "--path", "gbm", "--max-lookback", "20", "--models", "naive", "--vis", "false",
)  # fmt: skip


def ours(n: int, folder: Path) -> Count:
    """n cases; a bad one did not survive a restart, left a run RUNNING, or changed the figures."""
    whole = folder / "whole"
    whole.mkdir()
    assert wait(fork(whole, lambda: program.main(COMMAND))) == 0
    chosen = [CASES[i * len(CASES) // n] for i in range(n)]
    return Count(n, [f"{case}: {fault}" for case in chosen for fault in _faults(*case, folder, whole)])


def _faults(step: str, end: str, folder: Path, whole: Path) -> list[str]:
    home = folder / f"{step} {end}".replace(" ", "-")
    home.mkdir()
    port = _free_port()
    faults = []
    with _server(home, port):
        child = fork(home, lambda: _at(port, lambda: run_up_to(step, "before write", COMMAND)))
        await_stop(home, child)
    (home / "go").touch()
    if end == "back too late" and (wait(child) == 0 or not _is_one_line(output(home, child))):
        faults.append(output(home, child)[-400:])
    with _server(home, port):
        if end == "back at once" and wait(child) != 0:
            faults.append(output(home, child)[-400:])
        again = fork(home, lambda: _at(port, lambda: program.main(COMMAND)))
        if wait(again) != 0:
            faults.append(f"the next start failed: {output(home, again)[-400:]}")
    faults += [f"{name} is still {status}" for name, status in statuses(home) if status == "RUNNING"]
    if figures(home) != figures(whole):
        faults.append("the figures differ")
    return faults


def _at(port: int, work) -> None:
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
        "--backend-store-uri", f"sqlite:///{home}/mlflow.db", "--artifacts-destination", str(home / "artifacts"),
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
    number = int(sys.argv[1]) if len(sys.argv) > 1 else len(CASES)
    with tempfile.TemporaryDirectory() as place:
        print(json.dumps(ours(number, Path(place)).__dict__))  # noqa: T201
