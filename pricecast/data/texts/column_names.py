"""Names of columns, as our own tables, Yahoo, Stooq, Nasdaq Data Link and some other sites spell them."""

import re
from pathlib import Path

from pricecast.errors import InputError
from pricecast.schema import PRICE_COLUMNS

# Accepted names per field, the first match wins. "Adj. Open" becomes adj_open and is never taken for open.
SPELLINGS = {
    "date": ("date", "datetime", "timestamp", "open_time", "time"), "ticker": ("ticker", "symbol", "name"),
    "open": ("open",), "high": ("high",), "low": ("low",), "close": ("close", "close_last", "price"),
    "volume": ("volume", "vol"),
    "adj_close": ("adj_close", "adjclose", "adjusted_close"), "time": ("time",), "period": ("per",),
}  # fmt: skip
REQUIRED = ("date", *PRICE_COLUMNS)
_VOLUME = "volume"  # begins the names of others, such as "Volume BTC"
NUMBERS = (*PRICE_COLUMNS, "adj_close", "volume")


class NoBarsError(InputError):
    """A file without a bar in it: empty, a header alone, or no table at all."""


def has_all(columns: list[str]) -> bool:
    """Return True if all fields that bars need are among the names of columns."""
    plain = {_plain(name) for name in columns}
    return all(plain & {*SPELLINGS[field]} for field in REQUIRED)


def volumes(columns: list[str]) -> list[str]:
    """Return the names of columns that begin with volume."""
    return [name for name in columns if _plain(name).startswith(_VOLUME)]


def _plain(name: str) -> str:
    # Alpha Vantage numbers its fields: "1. open".
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"^\d\. ", "", name.lower())).strip("_")


def locate(columns: list[str], path: Path) -> dict[str, int]:
    """Return the position of each known field among the names of columns.

    Args:
        columns: names, in their order.
        path: of the file, for messages.

    Raises:
        NoBarsError: there are fewer columns than bars have, or neither dates nor prices: it is another kind of
            file, such as a README or a list of companies.
        InputError: a field is missing, or there twice.
    """
    if not columns:
        raise NoBarsError(f"expected a header and rows in {path}, got nothing: give a file with daily bars")
    plain = [_plain(name) for name in columns]
    places: dict[str, int] = {}
    for field, spellings in SPELLINGS.items():
        for spelling in spellings:
            if plain.count(spelling) > 1 and field not in places:
                raise InputError(f"expected one column {spelling} in {path}, got {plain.count(spelling)}: keep one")
            if spelling in plain and field not in places:
                places[field] = plain.index(spelling)
    if places.get("time") == places.get("date"):
        places.pop("time", None)
    if "volume" not in places and len(found := volumes(columns)) == 1:
        places["volume"] = columns.index(found[0])
    if missing := [field for field in REQUIRED if field not in places]:
        present = ", ".join(columns[:12])
        # A price alone is in lists of companies, too.
        is_some = bool({*REQUIRED} - {*missing, "close"}) or "close" in plain
        has_bars = len(columns) >= len(REQUIRED) and is_some
        kind = InputError if has_bars else NoBarsError
        raise kind(
            f"expected the columns {', '.join(REQUIRED)} in {path}, got {present[:200]}, missing: "
            f"{', '.join(missing)}: add them"
        )
    return places
