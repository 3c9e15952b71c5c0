"""The kinds of values that options take: dates, tickers, JSON, names, places."""

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

# What looks like files there, the kernel makes up while it is read, some of it without end.
_KERNEL = ("/proc", "/sys")
_PASSWORDS = {"password", "passwd", "pwd"}


class Date(click.ParamType):
    """A day as YYYY-MM-DD, or nothing."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the day as text, so that it logs and hashes as typed."""
        text = str(value).strip()
        try:
            day = text and datetime.strptime(text, "%Y-%m-%d").date()
        except ValueError:
            self.fail(f"expected a date as YYYY-MM-DD, got {shortened(repr(text), 60)}", param, ctx)
        if day and not YEARS[0] <= day.year <= YEARS[1]:
            self.fail(f"expected a date in the years {YEARS[0]} to {YEARS[1]}, got {text}: correct it", param, ctx)
        return str(day)


class Tickers(click.ParamType):
    """Tickers, separated by commas; upper case, each once."""

    name = "tickers"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the tickers as one text."""
        try:
            found = [parse_ticker(part) for part in str(value).split(",") if part.strip()]
        except InputError as error:
            self.fail(str(error), param, ctx)
        if str(value).strip() and not found:
            self.fail("expected tickers between the commas, got none: name them or leave it empty", param, ctx)
        return ",".join(dict.fromkeys(found))


class Params(click.ParamType):
    """A JSON object."""

    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the object in its canonical spelling."""
        try:
            parsed = json.loads(value or "{}", object_pairs_hook=_unique, parse_constant=_refuse)
        except (ValueError, RecursionError):  # the latter where brackets nest without end
            parsed = None
        if not isinstance(parsed, dict):
            self.fail(f"expected a JSON object such as '{{\"dropout\": 0.1}}', got {str(value)[:60]!r}", param, ctx)
        return json.dumps(parsed, sort_keys=True)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON that names nothing twice: json would take the last without a word."""
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a name twice")
    return dict(pairs)


def _refuse(constant: str) -> float:
    """NaN and Infinity, which are no JSON."""
    raise ValueError(constant)


class Names(click.ParamType):
    """Names, separated by commas, each once."""

    name = "names"

    def __init__(self, empty: bool = False) -> None:
        self._empty = empty

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the names as one text."""
        found = [part.strip() for part in str(value).split(",") if part.strip()]
        if not (found or self._empty):
            self.fail("expected at least one name, got none", param, ctx)
        return ",".join(dict.fromkeys(found))


class Place(click.ParamType):
    """A local path or an artifact's URI; whether there is anything, and of what kind, its reader says."""

    name = "place"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text; a device or a pipe would keep its reader waiting for ever."""
        text = str(value)
        path = Path(text)
        try:
            mode = path.stat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            return text
        except OSError as error:
            self.fail(f"expected a path that can be read, got {text!r}: {error.strerror}", param, ctx)
        made_up = any(path.resolve().is_relative_to(root) for root in _KERNEL)
        if made_up or not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            self.fail(f"expected a file or folder, got {text!r}: a device, pipe or socket", param, ctx)
        return text


class Url(click.ParamType):
    """The URL of a database, without a password: parameters are logged."""

    name = "url"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text."""
        # Here, because other commands need not wait for it.
        from sqlalchemy import make_url
        from sqlalchemy.exc import ArgumentError

        text = str(value)
        try:
            url = make_url(text)
        except (ArgumentError, ValueError):
            return text  # whoever opens it says what is wrong
        if url.password is not None or {name.lower() for name in url.query} & _PASSWORDS:
            self.fail(
                "expected a URL without a password, got one with: keep it in the environment (PGPASSWORD for "
                "PostgreSQL)", param, ctx,
            )  # fmt: skip
        return text


class Places(Names):
    """Such places, separated by commas, each once."""

    name = "places"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the places as one text."""
        names = super().convert(value, param, ctx)
        return ",".join(Place().convert(name, param, ctx) for name in names.split(","))
