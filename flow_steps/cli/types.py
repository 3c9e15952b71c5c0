"""Kinds of option values: dates, tickers, addresses, JSON objects and URLs; and their text.

Lists and JSON are parsed here and nowhere else: in code they are tuples and dicts.
"""

import json
import stat
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from flow_steps.cli.click_classes import shortened
from pricecast.defaults import YEARS
from pricecast.errors import InputError
from pricecast.text import parse_ticker

# Below these the kernel makes up files while they are read, some of them without end.
_VIRTUAL_FOLDERS = ("/proc", "/sys")
_PASSWORDS = {"password", "passwd", "pwd"}


def text(value: Any) -> str:
    """Return a value as typed on the command line, which is also its form in runs and keys.

    >>> text(("AAPL", "MSFT")), text({"b": 1, "a": 2}), text(True), text(0.15)
    ('AAPL,MSFT', '{"a": 2, "b": 1}', 'true', '0.15')
    """
    if isinstance(value, dict):
        return json.dumps(value, sort_keys=True)
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


class Date(click.ParamType):
    """A day as YYYY-MM-DD, or an empty text."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the day as text, so that it logs and hashes as typed."""
        typed = str(value).strip()
        try:
            day = typed and datetime.strptime(typed, "%Y-%m-%d").date()
        except ValueError:
            self.fail(f"expected a date as YYYY-MM-DD, got {shortened(repr(typed), 60)}", param, ctx)
        if day and not YEARS[0] <= day.year <= YEARS[1]:
            self.fail(f"expected a date in the years {YEARS[0]} to {YEARS[1]}, got {typed}: correct it", param, ctx)
        return str(day)


class Tickers(click.ParamType):
    """Tickers separated by commas, in upper case, without duplicates."""

    name = "tickers"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Return the tickers in the order given."""
        typed = text(value)
        try:
            tickers = [parse_ticker(part) for part in typed.split(",") if part.strip()]
        except InputError as error:
            self.fail(str(error), param, ctx)
        if typed.strip() and not tickers:
            self.fail("expected tickers between the commas, got none: name them or leave it empty", param, ctx)
        return tuple(dict.fromkeys(tickers))


class Params(click.ParamType):
    """A JSON object."""

    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, Any]:
        """Return the object; refuse duplicate names and constants outside of JSON."""
        typed = text(value)
        try:
            parsed = json.loads(typed or "{}", object_pairs_hook=_unique, parse_constant=_refuse)
        except (ValueError, RecursionError):  # the latter where brackets nest without end
            parsed = None
        if not isinstance(parsed, dict):
            self.fail(f"expected a JSON object such as '{{\"dropout\": 0.1}}', got {typed[:60]!r}", param, ctx)
        return parsed


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON without duplicate names, of which json would keep the last in silence."""
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a name twice")
    return dict(pairs)


def _refuse(constant: str) -> float:
    """Refuse NaN and Infinity, which are not JSON."""
    raise ValueError(constant)


class Address(click.ParamType):
    """A local path or the URI of an artifact; reading it checks that it exists."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the address; refuse a device or pipe, which would keep its reader waiting for ever."""
        typed = str(value)
        path = Path(typed)
        try:
            mode = path.stat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            return typed
        except OSError as error:
            self.fail(f"expected a path that can be read, got {typed!r}: {error.strerror}", param, ctx)
        is_virtual = any(path.resolve().is_relative_to(folder) for folder in _VIRTUAL_FOLDERS)
        if is_virtual or not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            self.fail(f"expected a file or folder, got {typed!r}: a device, pipe or socket", param, ctx)
        return typed


class Url(click.ParamType):
    """The URL of a database, without a password: parameters are logged."""

    name = "url"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the URL as text."""
        # Here, because other commands need not wait for it.
        from sqlalchemy import make_url
        from sqlalchemy.exc import ArgumentError

        typed = str(value)
        try:
            url = make_url(typed)
        except (ArgumentError, ValueError):
            return typed  # opening the storage explains the error
        if url.password is not None or {name.lower() for name in url.query} & _PASSWORDS:
            self.fail(
                "expected a URL without a password, got one with: keep it in the environment (PGPASSWORD for "
                "PostgreSQL)", param, ctx,
            )  # fmt: skip
        return typed
