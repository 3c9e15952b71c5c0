"""The program that started this one: `mlflow run` leaves its commands running when it is killed."""

import os
import signal
import threading
import time

import psutil

_EVERY = 1.0  # seconds
_SHELLS = {"bash", "sh", "dash", "zsh"}


def follow() -> None:
    """End this process, as SIGTERM does, once the program that started it is gone."""
    threading.Thread(target=_wait_and_end, args=(_launchers(psutil.Process()),), daemon=True).start()


def _launchers(process: psutil.Process) -> list[psutil.Process]:
    """Return the program above a process, with the shell between the two where MLflow put one."""
    above: list[psutil.Process] = []
    for parent in process.parents():
        if _name(parent) in _SHELLS and not _is_one_command(parent):
            break  # a person's own shell may well end before us
        above.append(parent)
        if not _is_one_command(parent):
            break
    return above


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.Error:
        return ""


def _is_one_command(process: psutil.Process) -> bool:
    """Whether a process is a shell for one command line."""
    try:
        return process.name() in _SHELLS and "-c" in process.cmdline()
    except psutil.Error:
        return False


def _wait_and_end(above: list[psutil.Process]) -> None:
    while all(_lives(process) for process in above):
        time.sleep(_EVERY)
    os.kill(os.getpid(), signal.SIGTERM)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
