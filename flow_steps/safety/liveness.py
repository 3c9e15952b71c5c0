"""Liveness of runs: the owner and heartbeat of every open run, and an end for runs whose process died."""

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

# Tags of the process behind a run and of its last heartbeat: no facts about the outcome, so not `pricecast.*`.
OWNER, HEARTBEAT = "pricecast_owner", "pricecast_heartbeat"
_INTERVAL = 60.0  # seconds
_STALE_AFTER = 10 * _INTERVAL
_FIELDS = {"host", "boot", "space", "pid", "started"}
_log = logging.getLogger(__name__)


def owner_tags() -> dict[str, str]:
    """Return the tags of a run that this process opens."""
    return {OWNER: process_identity(), HEARTBEAT: f"{time.time():.0f}"}


def process_identity() -> str:
    """Return JSON that identifies this process across boots, containers and reused process numbers."""
    identity = {
        "host": socket.gethostname(), "boot": _boot_id(), "space": _pid_namespace(), "pid": os.getpid(),
        "started": _started(psutil.Process()),
    }  # fmt: skip
    return json.dumps(identity)


def has_ended(owner: str) -> bool:
    """Return whether a process has certainly ended: one of this host, where it would be visible.

    Args:
        owner: its `process_identity`.
    """
    identity = _parse(owner)
    if identity is None or identity["host"] != socket.gethostname():
        return False
    if identity["boot"] != _boot_id():
        return True
    if identity["space"] != _pid_namespace():
        return False
    try:
        process = psutil.Process(identity["pid"])
        return process.status() == psutil.STATUS_ZOMBIE or _started(process) != identity["started"]
    except psutil.NoSuchProcess:
        return True
    except psutil.AccessDenied:
        return False


@contextmanager
def heartbeat(run_id: str) -> Iterator[None]:
    """Set the heartbeat tag of a run once a minute."""
    stopped = threading.Event()
    thread = threading.Thread(target=_beat, args=(run_id, stopped), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()


def end_orphaned_runs(experiment_id: str) -> list[str]:
    """End the RUNNING runs whose process on this host has ended, as KILLED; return their ids."""
    client = MlflowClient()
    running = client.search_runs([experiment_id], "attributes.status = 'RUNNING'", max_results=1000)
    orphaned = [run.info.run_id for run in running if _is_orphaned(run)]
    for run_id in orphaned:
        client.set_terminated(run_id, RunStatus.to_string(RunStatus.KILLED))
        _log.warning("run %s was left RUNNING by a process that is gone: now KILLED", run_id)
    return orphaned


def _beat(run_id: str, stopped: threading.Event) -> None:
    while not stopped.wait(_INTERVAL):
        # A heartbeat that is missed while the server is down does no harm.
        with suppress(Exception):
            MlflowClient().set_tag(run_id, HEARTBEAT, f"{time.time():.0f}")


def _is_orphaned(run: Run) -> bool:
    owner = run.data.tags.get(OWNER, "null")
    identity = _parse(owner)
    is_local = identity is not None and identity["host"] == socket.gethostname() and identity["boot"] == _boot_id()
    if identity and is_local and identity["space"] != _pid_namespace():
        # A process in another container on this machine cannot be seen: its silence has to do.
        return time.time() - _last_beat(run) > _STALE_AFTER
    return has_ended(owner)


def _started(process: psutil.Process) -> float:
    """Return the start time of a process.

    In ticks since the boot where the system tells them: seconds move when the clock is set.
    """
    path = Path(f"/proc/{process.pid}/stat")
    if not path.exists():
        return process.create_time()
    return float(path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19])


def _parse(owner: str) -> dict[str, Any] | None:
    """Return the content of a `process_identity`, None for any other text."""
    try:
        identity = json.loads(owner)
    except ValueError:
        return None
    return identity if isinstance(identity, dict) and identity.keys() >= _FIELDS else None


def _last_beat(run: Run) -> float:
    try:
        return float(run.data.tags.get(HEARTBEAT, ""))
    except ValueError:
        return run.info.start_time / 1000


def _boot_id() -> str:
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text(encoding="ascii").strip() if path.exists() else str(int(psutil.boot_time()))


def _pid_namespace() -> str:
    """Return the process namespace: containers of one machine may share its host name and its boot."""
    path = Path("/proc/self/ns/pid")
    return str(path.readlink()) if path.is_symlink() else ""
