"""Forked processes: a stress test pays for the imports once, and runs each case as a child that computes afresh."""

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from tests.support.stores import store_of


def fork(
    home: Path, work: Callable[[], None], gate: tuple[int, int] | None = None, logs: Path | None = None
) -> int:
    """Starts a child in a session of its own, in the folder `home` and with a store there; returns its number.

    Its output goes to `output.<number>` in `logs`, by default `home`. With a gate, both ends of a pipe, it waits
    until the other side closes.
    """
    child = os.fork()
    if child:
        return child
    try:
        os.setsid()
        os.chdir(home)
        os.environ["MLFLOW_TRACKING_URI"] = store_of(home)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        target = os.open((logs or home) / f"output.{os.getpid()}", os.O_WRONLY | os.O_CREAT)
        os.dup2(target, 1)
        os.dup2(target, 2)
        if gate:
            os.close(gate[1])
            os.read(gate[0], 1)
        work()
    except SystemExit as end:
        os._exit(end.code if isinstance(end.code, int) else int(end.code is not None))
    except BaseException:
        sys.excepthook(*sys.exc_info())
        os._exit(99)
    os._exit(0)


def wait(child: int) -> int:
    """The exit code of a child, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def output(home: Path, child: int) -> str:
    """Output of a child."""
    return (home / f"output.{child}").read_text(encoding="utf-8")


def orphans(session: int) -> list[str]:
    """Names of the processes of a session that outlived its first one; they are ended."""
    found = []
    for process in left_of(session):
        with suppress(psutil.Error):
            found.append(" ".join(process.cmdline()))
            process.kill()
    return found


def left_of(session: int) -> list[psutil.Process]:
    """The living processes of a session."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found
