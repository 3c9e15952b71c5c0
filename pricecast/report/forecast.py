"""The forecast of the coming days in words and tables: what a reader came for."""

import math
from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from pricecast.report import plots
from pricecast.report.tables import Row, Table
from pricecast.schema import INTERVALS
from pricecast.text import listed

# Tickers with a table of all days each; of more, the page has one table of the first day.
FEW = 4
# Rows of that table; the file has the others.
MOST = 20
# Tickers with a figure each, and the days of the past in it.
FIGURES, DAYS = 12, 60
# Words for a quality report's actions.
FOUND = {"repaired": "repaired", "dropped": "dropped", "reported": "noted and kept"}
# Percent around one half that count as a coin toss.
TOSS = 5


def price(value: float, width: float = 0.0) -> str:
    """Return a price with as many decimals as its size, or the width of its interval, deserves.

    Args:
        value: price above zero.
        width: of the interval that it bounds; zero writes the price as exactly as markets quote it.

    >>> price(430.4712), price(415.37, 31.2), price(1.08312), price(1.08312, 0.012), price(0.0000213)
    ('430.47', '415', '1.0831', '1.083', '0.00002130')
    """
    if width > 0:
        decimals = 1 - math.floor(math.log10(width))
    else:
        decimals = 2 if value >= 5 else 3 - math.floor(math.log10(value)) + (value >= 1)
    return f"{value:,.{min(max(decimals, 0), 12)}f}"


def forecast_tables(intervals: pd.DataFrame) -> dict[str, Table]:
    """Return the tables of a forecast by caption: all days of each ticker, or the first day of many tickers.

    Args:
        intervals: result of `intervals.for_people`, of one model.
    """
    tickers = list(intervals["ticker"].unique())
    if not tickers:
        return {}
    if len(tickers) <= FEW:
        groups = intervals.groupby("ticker", sort=False)
        return {_caption(rows): _table(rows, _days(rows)) for _, rows in groups}
    first = intervals[intervals["horizon"] == intervals["horizon"].min()].head(MOST)
    more = f"; {len(tickers) - MOST} more in forecast.csv" if len(tickers) > MOST else ""
    return {f"One day ahead, {len(tickers)} tickers{more}": _table(first, list(first["ticker"]), dated=True)}


def forecast_sentences(intervals: pd.DataFrame) -> list[str]:
    """Return a plain sentence a ticker on the next day; of many tickers, on the first alone."""
    first = intervals[intervals["horizon"] == intervals["horizon"].min()]
    few = first["ticker"].nunique() <= FEW
    return [_sentence(row) for row in first.head(FEW if few else 1).to_dict("records")]


def _sentence(row: Mapping[Any, Any]) -> str:
    low, high = row["lower_90"], row["upper_90"]
    width = high - low
    return (
        f"{row['ticker']}, {_weekday(row['date'])}: 9 times in 10 between {price(low, width)} and "
        f"{price(high, width)}, middle {price(row['forecast'])}. {_direction(row['p_rise'])}"
    )


def _direction(chance: float) -> str:
    percent = round(100 * chance)
    if abs(percent - 50) <= TOSS:
        return "Up or down is a coin toss; the forecast knows how far the price may move, either way."
    word, likely = ("rise", percent) if percent > 50 else ("fall", 100 - percent)
    return f"It sees a {word} {likely} times in 100."


def _weekday(date: Any) -> str:
    moment = pd.Timestamp(date)
    return f"{moment:%a} {moment.day} {moment:%b %Y}"


def _days(rows: pd.DataFrame) -> list[str]:
    return [_weekday(date) for date in rows["date"]]


def _caption(rows: pd.DataFrame) -> str:
    row = rows.iloc[0]
    close = f"the last close, {price(row['last_close'])} on {_weekday(row['cutoff'])}"
    return f"{row['ticker']}, from {close}, by {row['model']}"


def _table(rows: pd.DataFrame, names: list[str], dated: bool = False) -> Table:
    columns = [("date", "Trading day that is forecast")] if dated else []
    columns += [("median", "As likely to be higher as lower, in quoted prices")]
    columns += [(f"{percent} % within", f"The close is inside {percent} times in 100") for percent, *_ in INTERVALS]
    columns += [("above last", "Chance of a close above the last one that is known")]
    if "level" in rows:
        columns += [(f"above {rows['level'].iloc[0]:g}", "Chance of a close above this price")]
    return Table(columns, [
        Row(name, [(text, "") for text in _cells(row, dated)])
        for name, row in zip(names, rows.to_dict("records"), strict=True)
    ])  # fmt: skip


def _cells(row: Mapping[Any, Any], dated: bool) -> list[str]:
    intervals = [f"{price(row[f'lower_{p}'])} to {price(row[f'upper_{p}'])}" for p, *_ in INTERVALS]
    chances = [row[name] for name in ("p_rise", "p_above") if name in row]
    first = [_weekday(row["date"])] if dated else []
    return [*first, price(row["forecast"]), *intervals, *(f"{100 * chance:.0f} %" for chance in chances)]


def what_was_read(bars: pd.DataFrame, quality: Mapping[str, Any]) -> str:
    """Return a line on the bars: source, tickers, number, dates, and what was repaired, dropped or looks odd.

    Args:
        bars: bars that the models saw.
        quality: quality.json of the download; empty where the prices came as a table.
    """
    source = quality.get("source", "a prices table")
    tickers, dates = bars["ticker"].unique(), bars["date"]
    found = [
        f"{sum(each['count'] for each in own):,} {word} ({', '.join(each['kind'] for each in own)})"
        for action, word in FOUND.items()
        if (own := [each for each in quality.get("findings", ()) if each["action"] == action])
    ]
    return (
        f"Read from {source}: {listed(tickers)}, {len(bars):,} daily bars from {dates.min():%Y-%m-%d} to "
        f"{dates.max():%Y-%m-%d}; {', '.join(found) or 'nothing repaired'}."
    )


def upcoming_figures(bars: pd.DataFrame, upcoming: pd.DataFrame, days: int = DAYS) -> dict[str, Figure]:
    """Draw the last closes and the forecast of the first tickers, a figure each.

    Args:
        bars: adjusted bars.
        upcoming: forecasts table without `actual`, in quoted prices.
        days: trading days of the past to draw.
    """
    figures = {}
    for ticker, rows in list(upcoming.groupby("ticker", sort=False))[:FIGURES]:
        own = bars[bars["ticker"] == ticker].set_index("date")
        # Adjusted closes in units of the last quote: no step where a split was.
        closes = own["close"].tail(days) * (own["quote"].iloc[-1] / own["close"].iloc[-1])
        figures[str(ticker)] = plots.upcoming_chart(closes, rows)
    return figures


def history(bars: pd.DataFrame, tickers: Collection[str], days: int) -> pd.DataFrame:
    """Return the last closes of some tickers, as quoted: ticker, date, close."""
    own = bars[bars["ticker"].isin(tickers)]
    return own.groupby("ticker", sort=False).tail(days)[["ticker", "date", "close"]]
