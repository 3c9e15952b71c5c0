"""Being told to stop: SIGINT and SIGTERM become an exception, and do so again until somebody has heard it."""

import signal
import sys
import time
from types import FrameType

# A call that is broken off in here may keep the lock of the database, or of an import, and no run could be ended.
_UNBROKEN = {"mlflow", "sqlalchemy", "importlib"}
_SOON, _AGAIN = 0.02, 1.0  # seconds
_PATIENCE = 5.0  # seconds for which such calls are let finish
_told: dict[int, float] = {}  # which signals came, and when
_heard = False


def listen() -> None:
    """Take SIGTERM, and SIGINT unless it is ignored, as in a job that a shell started in the background."""
    global _heard
    _heard = False
    _told.clear()
    signal.signal(signal.SIGTERM, _stop)
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, _stop)


def heard() -> None:
    """Run are being ended: no further exception shall come in between, but that of a person who insists."""
    global _heard
    _heard = True
    if _told:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _stop(number: int, frame: FrameType | None) -> None:
    if _heard and number == signal.SIGTERM:
        return
    since = _told.setdefault(number, time.monotonic())
    if _is_unbroken(frame) and time.monotonic() - since < _PATIENCE and not _heard:
        _repeat_after(_SOON)
        return
    # Where the exception is raised within a destructor or a callback of the garbage collector, Python drops it.
    _repeat_after(_AGAIN)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + number)


def _repeat_after(seconds: float) -> None:
    signal.signal(signal.SIGALRM, _remind)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def _remind(number: int, frame: FrameType | None) -> None:
    if _told and not _heard:
        _stop(next(iter(_told)), frame)


def _is_unbroken(frame: FrameType | None) -> bool:
    while frame is not None:
        if str(frame.f_globals.get("__name__")).partition(".")[0] in _UNBROKEN:
            return True
        frame = frame.f_back
    return False
