"""Being told to stop: SIGINT and SIGTERM become an exception, and do so again until somebody has heard it."""

import os
import signal
import sys
import threading
from types import FrameType

_AGAIN = 1.0  # seconds
_heard = threading.Event()


def listen() -> None:
    """Takes SIGTERM, and SIGINT unless it is ignored, as in a job that a shell started in the background."""
    _heard.clear()
    signal.signal(signal.SIGTERM, _stop)
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, _stop)


def heard() -> None:
    """Runs are being ended: no further exception shall come in between, but that of a person who insists."""
    _heard.set()


def _stop(number: int, frame: FrameType | None) -> None:
    if _heard.is_set() and number == signal.SIGTERM:
        return
    # Where the exception is raised within a destructor or a callback of the garbage collector, Python drops it.
    threading.Thread(target=_repeat, args=(number,), daemon=True).start()
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + number)


def _repeat(number: int) -> None:
    if not _heard.wait(_AGAIN):
        os.kill(os.getpid(), number)
