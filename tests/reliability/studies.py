"""Stress test: a study is killed at random moments, or has two workers on PostgreSQL; each trial counts once."""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from tests.reliability.servers import _free_port
from tests.support.stores import environment, inside
from tests.support.stress import ROOT, Count, answer, one_text
from tests.support.traces import runs_of, still_running

TRIALS = 4
MODELS = ("har", "mlp")
WORDS = (
    "tune", "--source", "synthetic", "--path", "gbm", "--horizon", "1", "--max-lookback", "20", "--timesteps", "7",
    "--models", ",".join(MODELS), "--n-trials", str(TRIALS), "--epochs", "3", "--lstm-units", "4", "--vis", "false",
)  # fmt: skip
PATIENCE = 300  # seconds that no command takes
BINARIES = Path("/usr/lib/postgresql")
# PostgreSQL refuses to be run by root.
SERVANT = "postgres"


def ours(n: int | None, folder: Path) -> Count:
    """n kills; a bad one lost or doubled a trial, left a run RUNNING, or changed the choice or its figures."""
    whole, started = folder / "whole", time.monotonic()
    assert _finish(_start(whole)) == ""
    took = time.monotonic() - started
    moments = random.Random(0)  # noqa: S311 - any moments, and the same ones again
    cases = [(number, moments.uniform(0.1, 1) * took) for number in range(n or 10)]
    texts = [
        one_text((number, f"{wait:.1f} s"), _killed(folder / str(number), wait, whole)) for number, wait in cases
    ]
    return Count(len(cases), [text for found in texts for text in found])


def on_postgresql(n: int | None, folder: Path) -> Count:
    """Two workers and one study; the one that is killed is replaced, and both stores end with all trials."""
    with _postgresql() as url:
        homes = [folder / name for name in ("one", "two")]
        workers = [_start(home, "--storage", url, "--n-trials", "8") for home in homes]
        time.sleep(15)
        workers[1].kill()
        workers[1].wait()
        workers[1] = _start(homes[1], "--storage", url, "--n-trials", "8")
        # Each in a store of its own: it has no runs of the other's trials, and says so.
        faults = [said for said in map(_finish, workers) if said]
        if not faults:
            faults += [fault for home in homes for fault in _faults(home, 8)]
            faults += [] if _alike(*map(_studies, homes)) else ["the two do not agree"]
    return Count(1, one_text("two workers", faults))


def _killed(home: Path, wait: float, whole: Path) -> list[str]:
    process = _start(home)
    time.sleep(wait)
    process.send_signal(signal.SIGKILL)
    process.wait()
    said = _finish(_start(home))
    if said:
        return [f"the next start failed: {said}"]
    faults = _faults(home, TRIALS) + still_running(home)
    ours, theirs = _studies(home), _studies(whole)
    same = all(_trials(ours[name]).equals(_trials(theirs[name])) for name in MODELS)
    faults += [] if same else ["other trials"]
    return faults + ([] if _figures(home) == _figures(whole) else ["other figures"])


def _faults(home: Path, count: int) -> list[str]:
    """Faults in the studies that the last command left."""
    found = []
    for name, table in _studies(home).items():
        left = table[table["state"].isin(["COMPLETE", "PRUNED"])]
        found += [] if len(left) == count else [f"{len(left)} trials of {name}, expected {count}"]
        found += [f"a trial of {name} twice"] if left["user_attrs_params"].duplicated().any() else []
        unfinished = table["state"].isin(["RUNNING", "WAITING"])
        found += [f"a trial of {name} is {state}" for state in table.loc[unfinished, "state"]]
    return found


def _studies(home: Path) -> dict[str, pd.DataFrame]:
    folder = _last(home, "tune ")
    return {name: pd.read_csv(folder / "studies" / name / "trials.csv") for name in MODELS}


def _trials(table: pd.DataFrame) -> pd.DataFrame:
    """Parameters and values, whatever the numbers and the order of the trials."""
    left = table[table["state"].isin(["COMPLETE", "PRUNED"])]
    return left.sort_values("user_attrs_params")[["user_attrs_params", "value", "state"]].reset_index(drop=True)


def _alike(ours: dict[str, pd.DataFrame], theirs: dict[str, pd.DataFrame]) -> bool:
    return all(_trials(ours[name]).equals(_trials(theirs[name])) for name in MODELS)


def _figures(home: Path) -> str:
    return (_last(home, "evaluate") / "leaderboard.csv").read_text(encoding="utf-8")


def _last(home: Path, name: str) -> Path:
    """The artifacts of the last finished run of a name; of a reused one, those that it stands for."""
    with inside(home):
        runs = [run for run in runs_of(home) if run.info.run_name.startswith(name)]
        done = [
            run for run in runs if run.info.status == "FINISHED" and "pricecast.reused_from" not in run.data.tags
        ]
        return Path(done[-1].info.artifact_uri.removeprefix("file://"))


def _start(home: Path, *more: str) -> subprocess.Popen:
    home.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, str(ROOT / "main.py"), *WORDS, *more], cwd=home, text=True,
        env=environment(home, PYTHONPATH=str(ROOT)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True,
    )  # fmt: skip


def _finish(process: subprocess.Popen) -> str:
    """Waits for a command; the end of what it printed, if it failed."""
    said = process.communicate(timeout=PATIENCE)[0]
    return said[-600:] or "no word" if process.returncode else ""


@contextmanager
def _postgresql() -> Iterator[str]:
    """A server of its own on a free port of this machine; yields the URL of an empty database."""
    programs = max(BINARIES.glob("*/bin"), key=lambda path: int(path.parent.name))
    as_servant = (
        ("setpriv", f"--reuid={SERVANT}", f"--regid={SERVANT}", "--clear-groups") if os.geteuid() == 0 else ()
    )
    port, folder = _free_port(), Path(tempfile.mkdtemp(prefix="pg-"))
    if as_servant:
        shutil.chown(folder, SERVANT, SERVANT)
    data = str(folder / "data")

    def run(*words: str) -> None:
        subprocess.run([*as_servant, *words], check=True, capture_output=True, cwd=folder)

    run(str(programs / "initdb"), "-D", data, "-U", "tuner", "--auth=trust", "--no-sync")
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    run(str(programs / "pg_ctl"), "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start")
    try:
        yield f"postgresql+psycopg://tuner@127.0.0.1:{port}/postgres"
    finally:
        run(str(programs / "pg_ctl"), "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    answer(ours=ours, on_postgresql=on_postgresql)
