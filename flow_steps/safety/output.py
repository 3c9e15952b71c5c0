"""Output that cannot fail a run: streams that are closed, full or of a narrow encoding."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

_STDERR = 2


@contextmanager
def no_native_errors() -> Iterator[None]:
    """Drop what libraries that are no Python write to the error stream, such as the dozens of lines of HDFS."""
    kept, nothing = os.dup(_STDERR), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, _STDERR)
    try:
        yield
    finally:
        os.dup2(kept, _STDERR)
        os.close(kept)
        os.close(nothing)
