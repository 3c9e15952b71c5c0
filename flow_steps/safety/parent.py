"""Watching the parent process: `mlflow run` leaves its commands running when it is killed."""

import os
import signal
import threading
import time

import psutil

_POLL_INTERVAL = 1.0  # seconds
_SHELLS = {"bash", "sh", "dash", "zsh"}


def watch() -> None:
    """End this process, as SIGTERM does, once the program that started it has ended."""
    threading.Thread(target=_wait_and_end, args=(_launchers(psutil.Process()),), daemon=True).start()


def _launchers(process: psutil.Process) -> list[psutil.Process]:
    """Return the program that started a process, with the shell between the two where MLflow put one."""
    launchers: list[psutil.Process] = []
    for parent in process.parents():
        if _name(parent) in _SHELLS and not _is_one_command(parent):
            break  # a user's interactive shell may end earlier
        launchers.append(parent)
        if not _is_one_command(parent):
            break
    return launchers


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.Error:
        return ""


def _is_one_command(process: psutil.Process) -> bool:
    """Return whether a process is a shell that runs one command line."""
    try:
        return process.name() in _SHELLS and "-c" in process.cmdline()
    except psutil.Error:
        return False


def _wait_and_end(launchers: list[psutil.Process]) -> None:
    while all(_is_alive(process) for process in launchers):
        time.sleep(_POLL_INTERVAL)
    os.kill(os.getpid(), signal.SIGTERM)


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
