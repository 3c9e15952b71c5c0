"""Names of columns, as our own tables, Yahoo, Stooq, Nasdaq Data Link and some other sites spell them."""

import re
import unicodedata
from pathlib import Path

from pricecast.errors import InputError
from pricecast.schema import PRICE_COLUMNS, RANGE_COLUMNS

# Accepted names per field, the first match wins. "Adj. Open" becomes adj_open and is never taken for open.
SPELLINGS = {
    "date": (
        "date", "datetime", "timestamp", "open_time", "time", "trade_date", "trading_date", "observation_date",
        "snapped_at", "gmt_time", "unix", "datum", "data", "day",
    ),
    "ticker": ("ticker", "symbol", "name"),
    "open": ("open", "erster", "eroeffnung", "eroeffnungskurs", "otwarcie"),
    "high": ("high", "hoch", "tageshoch", "hoechstkurs", "najwyzszy"),
    "low": ("low", "tief", "tagestief", "tiefstkurs", "najnizszy"),
    "close": (
        "close", "close_last", "price", "settle", "last", "nav", "value", "schlusskurs", "schluss", "zamkniecie",
    ),
    "volume": (
        "volume", "vol", "total_trade_quantity", "total_volume", "stuecke", "stueck", "umsatz_stueck",
        "wolumen",
    ),
    "adj_close": ("adj_close", "adjclose", "adjusted_close", "adjusted"), "time": ("time",), "period": ("per",),
}  # fmt: skip
REQUIRED = ("date", *PRICE_COLUMNS)
# A volume of shares under a longer name; one of money (Volume USD) or an average (Volume MA) has other words.
_VOLUME = "volume"
_SHARES = re.compile(r"volume(n|s)?(_(of|in|total|traded?|shares?|stuecke?|contracts?|lots?|units?|qty|n))*")
_MONEY = re.compile("[$\u20ac\u00a3\u00a5\u20b9]")
# As German spells its umlauts without them; other accents are left out.
_UMLAUTS = str.maketrans({"\u00e4": "ae", "\u00f6": "oe", "\u00fc": "ue", "\u0142": "l"})
NUMBERS = (*PRICE_COLUMNS, "adj_close", "volume")
# The first column of a table with an index.
UNNAMED = ("", "unnamed: 0", "index")
_PANDAS = re.compile(r"unnamed: \d+", re.IGNORECASE)


class NoBarsError(InputError):
    """A file without a bar in it: empty, a header alone, or no table at all."""


class AmbiguousNamesError(InputError):
    """Names of columns that make two different tables."""


def field_of(name: str) -> str | None:
    """Return the field that a column's name spells, None if it is none.

    >>> field_of("Close/Last"), field_of("Adj. Close"), field_of("Adj. Open")
    ('close', 'adj_close', None)
    """
    plain = _plain(name)
    return next((field for field, spellings in SPELLINGS.items() if plain in spellings), None)


def is_close(name: str) -> bool:
    """Return True if a name spells the close."""
    return field_of(name) == "close"


def is_nameless(name: str, place: int) -> bool:
    """Return True for the name of a column that has none, as a spreadsheet or pandas writes it, or of an index."""
    return not name or bool(_PANDAS.fullmatch(name)) or (place == 0 and name.lower() in UNNAMED)


def volumes(columns: list[str]) -> list[str]:
    """Return the names of columns that begin with volume, be it of shares or not."""
    return [name for name in columns if _plain(name).startswith(_VOLUME)]


def is_of_shares(name: str) -> bool:
    """Return True for the name of a volume that counts shares.

    >>> [is_of_shares(name) for name in ("Volumen", "Volume (shares)", "Volume USD", "Volume MA")]
    [True, True, False, False]
    """
    return bool(_SHARES.fullmatch(_plain(name)))


def _plain(name: str) -> str:
    folded = unicodedata.normalize("NFC", name).casefold().translate(_UMLAUTS)
    bare = "".join(c for c in unicodedata.normalize("NFD", folded) if not unicodedata.combining(c))
    if bare.startswith("vol"):
        bare = _MONEY.sub(" money ", bare)
    # Alpha Vantage numbers its fields: "1. open".
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"^\d\. ", "", bare)).strip("_")


def locate(columns: list[str], path: Path | str) -> dict[str, int]:
    """Return the position of each known field among the names of columns; all or none of open, high and low.

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
    if "date" not in places and columns[0].strip().lower() in UNNAMED:
        places["date"] = 0
    if places.get("time") == places.get("date"):
        places.pop("time", None)
    if "volume" not in places and len(found := volumes(columns)) == 1 and is_of_shares(found[0]):
        places["volume"] = columns.index(found[0])
    has_range = bool({*RANGE_COLUMNS} & places.keys())
    if "close" not in places and "adj_close" in places and not has_range:
        places["close"] = places.pop("adj_close")
    needed = REQUIRED if has_range else ("date", "close")
    if missing := [field for field in needed if field not in places]:
        raise _missing(columns, plain, missing, path)
    return places


def _missing(columns: list[str], plain: list[str], missing: list[str], path: Path | str) -> InputError:
    present = ", ".join(columns[:12])
    # A price alone is in lists of companies, too.
    is_some = any(field_of(name) in REQUIRED for name in columns if _plain(name) not in ("price", "last", "value"))
    has_bars = len(columns) >= len(REQUIRED) and is_some
    return (InputError if has_bars else NoBarsError)(
        f"expected the columns {', '.join(REQUIRED)} in {path}, or date and close, or date and one for each ticker "
        f"in upper case, got {present[:200]}, missing: {', '.join(missing)}: add them"
    )
