"""The sources of daily bars: one module each, found by its file name.

A source module has a constant `LIVE` (True where it asks a network service) and a function
`fetch(request) -> DataFrame` with the columns of `schema.PRICES`; extra columns are dropped, adj_close may be
missing; lines that say what files were taken for may stand in its `attrs`, under RECOGNISED. What `load` returns is
raw: `pricecast.data.quality.clean` turns it into a prices table.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import TYPE_CHECKING, TypeAlias

from pricecast.errors import InputError
from pricecast.text import advice, listed, parse_ticker

if TYPE_CHECKING:  # a list of the sources, for the help of a command, needs no table
    import pandas as pd

RECOGNISED = "recognised"
Raw: TypeAlias = "pd.DataFrame"  # the columns of PRICES; unsorted, unclean


def now() -> pd.Timestamp:
    """Return this moment in UTC."""
    import pandas as pd

    return pd.Timestamp.now(tz="UTC").tz_localize(None)


@dataclass(frozen=True)
class Request:
    """A request for daily bars.

    Attributes:
        source: one of `names()`.
        tickers: to fetch; none means all that the source holds.
        start: first date, or None for all there are.
        end: last date (inclusive), or None for all there are.
        path: a file or folder, or the kind of synthetic series.
        as_of: the moment of the request, UTC where it has no time zone; by default now.
        seed: the seed of a synthetic source, zero or more.
    """

    source: str = "sample"
    tickers: tuple[str, ...] = ()
    start: pd.Timestamp | None = None
    end: pd.Timestamp | None = None
    path: str = ""
    as_of: pd.Timestamp = field(default_factory=now)
    seed: int = 0


def names() -> list[str]:
    """Return the names of all sources: the files beside this one."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))


def is_live(source: str) -> bool:
    """Return True if a source asks a network service, whose answer can change from one day to the next.

    Raises:
        InputError: there is no such source.
    """
    return bool(_module(source).LIVE)


def takes_path(source: str) -> bool:
    """Return True unless a source says by `TAKES_PATH = False` that it has no use for a path.

    Raises:
        InputError: there is no such source.
    """
    return bool(getattr(_module(source), "TAKES_PATH", True))


def load(request: Request) -> Raw:
    """Fetch raw daily bars, in the order of the tickers asked for.

    Returns:
        The columns of `schema.PRICES`; dates are naive and local, numbers float64, adj_close NaN if unknown.

    Raises:
        InputError: unknown source, bad ticker or dates, a ticker the source does not hold, or no bar at all.
    """
    module = _module(request.source)
    tickers = tuple(dict.fromkeys(parse_ticker(ticker) for ticker in request.tickers))
    checked = replace(request, tickers=tickers, start=_date(request.start), end=_date(request.end))
    if checked.start is not None and checked.end is not None and checked.start > checked.end:
        raise InputError(
            f"expected a start on or before the end, got {_day(checked.start)} and {_day(checked.end)}: swap them"
        )
    fetched = module.fetch(checked)
    raw = _select(_tidy(fetched), checked)
    raw.attrs = dict(fetched.attrs)
    return raw


def check_name(source: str) -> None:
    """Refuse the name of a source that does not exist.

    Raises:
        InputError: there is no such source.
    """
    if source not in (known := names()):
        raise InputError(f"expected a source out of {', '.join(known)}, got {source!r}: {advice(source, known)}")


def _module(source: str) -> ModuleType:
    check_name(source)
    return importlib.import_module(f"{__name__}.{source}")


def _date(moment: pd.Timestamp | None) -> pd.Timestamp | None:
    return None if moment is None else moment.tz_localize(None).normalize()


def _tidy(raw: pd.DataFrame) -> Raw:
    from pricecast.schema import DATE_DTYPE, PRICES

    tidy = raw.reindex(columns=list(PRICES))
    types = dict.fromkeys(PRICES[2:], "float64") | {"date": DATE_DTYPE, "ticker": "object"}
    return tidy.astype(types)


def _select(raw: Raw, request: Request) -> Raw:
    if raw.empty:
        raise InputError(f"expected bars from the source {request.source}, got none: check tickers and path")
    held = sorted(str(ticker) for ticker in raw["ticker"].unique())
    check_held(request, held)
    chosen = raw
    if request.tickers:
        rank = raw["ticker"].map({ticker: i for i, ticker in enumerate(request.tickers)})
        chosen = raw[rank.notna()].iloc[rank.dropna().to_numpy().argsort(kind="stable")]
    dates = chosen["date"].dt.normalize()
    inside = dates.ge(request.start or dates.min()) & dates.le(request.end or dates.max())
    selected = chosen if inside.all() else chosen[inside]
    outside = [ticker for ticker in sorted(request.tickers) if ticker not in set(selected["ticker"].unique())]
    if selected.empty or outside:
        raise InputError(
            f"expected bars of {listed(outside or held)} from {_day(request.start)} to {_day(request.end)}, "
            f"got none: choose other dates, the source {request.source} holds {_day(dates.min())} to "
            f"{_day(dates.max())}"
        )
    return selected.reset_index(drop=True)


def check_held(request: Request, held: Collection[str]) -> None:
    """Refuse tickers that a source does not hold.

    Raises:
        InputError: such a ticker was asked for; the message names some of those that are there.
    """
    if absent := [ticker for ticker in request.tickers if ticker not in held]:
        near = {ticker: advice(ticker, held) for ticker in absent}
        meant = next((f"{text} It has" for text in near.values() if text.endswith("?")), "choose from")
        raise InputError(
            f"expected tickers that the source {request.source} holds, got {listed(absent)}: {meant} "
            f"{listed(sorted(held))}"
        )


def _day(moment: pd.Timestamp | None) -> str:
    return "any date" if moment is None else str(moment.date())
