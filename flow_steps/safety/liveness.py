"""Who runs a run: a mark on every open run, its heartbeat, and an end for those whose process died."""

import json
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from mlflow import MlflowClient
from mlflow.entities import Run, RunStatus

# The process behind a run, and when it last said so: no facts about the outcome, so not `pricecast.*`.
OWNER, HEARTBEAT = "pricecast_owner", "pricecast_heartbeat"
_BEAT = 60.0  # seconds
_SILENT = 10 * _BEAT
_FIELDS = {"host", "boot", "space", "pid", "started"}
_log = logging.getLogger(__name__)


def mark() -> dict[str, str]:
    """Return the tags of a run that this process opens."""
    return {OWNER: me(), HEARTBEAT: f"{time.time():.0f}"}


def me() -> str:
    """This process as JSON; no other boot, container or later process is the same."""
    about = {
        "host": socket.gethostname(), "boot": _boot(), "space": _space(), "pid": os.getpid(),
        "started": _started(psutil.Process()),
    }  # fmt: skip
    return json.dumps(about)


def is_gone(owner: str) -> bool:
    """Whether a process that `me` described has surely ended: it was on this host, where it could be seen."""
    about = _parsed(owner)
    if about is None or about["host"] != socket.gethostname():
        return False
    if about["boot"] != _boot():
        return True
    if about["space"] != _space():
        return False
    try:
        process = psutil.Process(about["pid"])
        return process.status() == psutil.STATUS_ZOMBIE or _started(process) != about["started"]
    except psutil.NoSuchProcess:
        return True
    except psutil.AccessDenied:
        return False


@contextmanager
def heartbeat(run_id: str) -> Iterator[None]:
    """Say once a minute that the process behind a run is alive."""
    over = threading.Event()
    thread = threading.Thread(target=_beat, args=(run_id, over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()


def reap(experiment_id: str) -> list[str]:
    """End runs that stand as RUNNING though their process on this host is gone; returns their ids."""
    client = MlflowClient()
    running = client.search_runs([experiment_id], "attributes.status = 'RUNNING'", max_results=1000)
    stale = [run.info.run_id for run in running if _is_dead(run)]
    for run_id in stale:
        client.set_terminated(run_id, RunStatus.to_string(RunStatus.KILLED))
        _log.warning("run %s was left RUNNING by a process that is gone: now KILLED", run_id)
    return stale


def _beat(run_id: str, over: threading.Event) -> None:
    while not over.wait(_BEAT):
        # A beat that is missed for want of a server does no harm.
        with suppress(Exception):
            MlflowClient().set_tag(run_id, HEARTBEAT, f"{time.time():.0f}")


def _is_dead(run: Run) -> bool:
    owner = run.data.tags.get(OWNER, "null")
    about = _parsed(owner)
    here = about is not None and about["host"] == socket.gethostname() and about["boot"] == _boot()
    if about and here and about["space"] != _space():
        # A process in another container on this machine cannot be seen: its silence has to do.
        return time.time() - _last_beat(run) > _SILENT
    return is_gone(owner)


def _started(process: psutil.Process) -> float:
    """When a process started, in ticks since the boot where the system tells: a clock that is set moves seconds."""
    path = Path(f"/proc/{process.pid}/stat")
    if not path.exists():
        return process.create_time()
    return float(path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19])


def _parsed(owner: str) -> dict[str, Any] | None:
    """What `me` wrote; None for anything else."""
    try:
        about = json.loads(owner)
    except ValueError:
        return None
    return about if isinstance(about, dict) and about.keys() >= _FIELDS else None


def _last_beat(run: Run) -> float:
    try:
        return float(run.data.tags.get(HEARTBEAT, ""))
    except ValueError:
        return run.info.start_time / 1000


def _boot() -> str:
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text(encoding="ascii").strip() if path.exists() else str(int(psutil.boot_time()))


def _space() -> str:
    """Return the process namespace: containers of one machine may share its name and its boot."""
    path = Path("/proc/self/ns/pid")
    return str(path.readlink()) if path.is_symlink() else ""
