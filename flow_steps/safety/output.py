"""Output that cannot fail a run: streams that are closed, full, or of an encoding that lacks a character."""

import codecs
import io
import logging
import os
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

import click

_STDIN, _STDOUT, _STDERR = range(3)
_PLAINLY = "pricecast-plainly"  # handler of characters that an encoding lacks
# A question mark for a minus sign would turn a figure around.
_PLAIN = {
    "\N{MINUS SIGN}": "-", "\N{EN DASH}": "-", "\N{EM DASH}": "-", "\N{HYPHEN}": "-", "\N{PLUS-MINUS SIGN}": "+/-",
    "\N{FRACTION SLASH}": "/", "\N{MULTIPLICATION SIGN}": "x", "\N{RIGHT SINGLE QUOTATION MARK}": "'",
    "\N{LESS-THAN OR EQUAL TO}": "<=", "\N{GREATER-THAN OR EQUAL TO}": ">=", "\N{ALMOST EQUAL TO}": "~",
    "\N{RIGHTWARDS ARROW}": "->",
}  # fmt: skip
_log = logging.getLogger(__name__)


class _Lenient(io.TextIOWrapper):
    """A standard stream that goes nowhere once it cannot be written to."""

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError as error:
            _discard(self, error)
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            _discard(self, error)


def prepare() -> None:
    """Make the standard streams ones that can be written to, whatever this process was started with."""
    for number in (_STDIN, _STDOUT, _STDERR):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free, which else the next file would
    codecs.register_error(_PLAINLY, _replace)
    sys.stdout, sys.stderr = _usable(sys.stdout, sys.__stdout__), _usable(sys.stderr, sys.__stderr__)


def show(text: str) -> None:
    """Print text for the user; where nobody reads on or no room is left, the run goes on all the same."""
    # click writes past the stream where it mistrusts its encoding.
    with suppress(OSError):
        click.echo(text)


def plain(text: str) -> str:
    r"""Return text in ASCII, as close as that comes.

    >>> plain("\N{MINUS SIGN}0.5 \N{PLUS-MINUS SIGN} 1 % of \N{VULGAR FRACTION ONE HALF}")
    '-0.5 +/- 1 % of 1/2'
    """
    chars = [char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char)]
    return "".join(_PLAIN.get(char, char) for char in chars).encode("ascii", "replace").decode("ascii")


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


def _usable(stream: TextIO | None, original: TextIO | None) -> TextIO:
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - stays open until the process ends
    # Streams that tests and notebooks put in its place have no file behind them.
    if stream is not original or not isinstance(stream, io.TextIOWrapper):
        return stream
    try:
        stream.flush()
    except OSError as error:
        _discard(stream, error)
    errors = _PLAINLY if stream.errors in ("strict", "surrogateescape") else stream.errors
    return _Lenient(
        stream.buffer, stream.encoding, errors, line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )  # fmt: skip


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return plain(error.object[error.start : error.end]), error.end


def _discard(stream: TextIO, error: OSError) -> None:
    """Lead a stream to nowhere: the interpreter flushes it once more at its end, and would fail then."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, stream.fileno())
    os.close(nothing)
    if stream.fileno() == _STDOUT and not isinstance(error, BrokenPipeError):
        _log.warning("what follows here cannot be printed (%s); it is in the run", error)
