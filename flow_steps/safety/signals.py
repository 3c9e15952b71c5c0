"""SIGINT and SIGTERM as exceptions, raised again until the end of the runs has acknowledged them."""

import signal
import sys
import time
from types import FrameType

# A call interrupted in these packages may keep the lock of the database or of an import, and no run could be ended.
_UNINTERRUPTED = {"mlflow", "sqlalchemy", "importlib"}
_SHORT_DELAY, _LONG_DELAY = 0.02, 1.0  # seconds
_PATIENCE = 5.0  # seconds that such a call is given to finish
_received: dict[int, float] = {}  # time of the first signal of each kind, as of time.monotonic
_acknowledged = False


def install() -> None:
    """Handle SIGTERM, and SIGINT unless it is ignored, as in a job that a shell started in the background."""
    global _acknowledged
    _acknowledged = False
    _received.clear()
    signal.signal(signal.SIGTERM, _stop)
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, _stop)


def acknowledge() -> None:
    """Raise no further exception while runs are being ended, but for a user's second Ctrl-C."""
    global _acknowledged
    _acknowledged = True
    if _received:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _stop(number: int, frame: FrameType | None) -> None:
    if _acknowledged and number == signal.SIGTERM:
        return
    since = _received.setdefault(number, time.monotonic())
    if _is_uninterrupted(frame) and time.monotonic() - since < _PATIENCE and not _acknowledged:
        _repeat_after(_SHORT_DELAY)
        return
    # Where the exception is raised within a destructor or a callback of the garbage collector, Python drops it.
    _repeat_after(_LONG_DELAY)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + number)


def _repeat_after(seconds: float) -> None:
    signal.signal(signal.SIGALRM, _remind)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def _remind(number: int, frame: FrameType | None) -> None:
    if _received and not _acknowledged:
        _stop(next(iter(_received)), frame)


def _is_uninterrupted(frame: FrameType | None) -> bool:
    while frame is not None:
        if str(frame.f_globals.get("__name__")).partition(".")[0] in _UNINTERRUPTED:
            return True
        frame = frame.f_back
    return False
