"""Prices with their intervals."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from pricecast.report.plots.rows import select
from pricecast.report.plots.style import (
    GREY,
    INK,
    WIDTH,
    ahead,
    colour_of,
    columns_for,
    date_axis,
    panels,
    styled,
    tint,
)
from pricecast.schema import INTERVALS, NAIVE, QUANTILE_COLUMNS

# Days before the cutoff beside a fan: as many as it has horizons, but at least and at most these.
BEFORE = (12, 60)
# Panels of `fans` in a row, and their height in inches.
ABREAST, HIGH = 3, 2.35


@styled
def fan_chart(
    forecasts: pd.DataFrame, model: str, ticker: str, days: int = 60, adjusted: pd.Timestamp | None = None
) -> Figure:
    """Draw the newest cutoff's bands over all horizons, and those one step ahead over the last days.

    Args:
        forecasts: table with the columns of `schema.FORECASTS`.
        model: model whose median and 50, 80 and 90 % bands to draw.
        ticker: ticker whose prices to draw.
        days: number of trading days in the panel of the past.
        adjusted: last date whose price is not the quote of the day (see `quotes.adjusted_until`).

    Raises:
        InputError: the table has no row of this model and ticker.
    """
    rows, naive = (select(forecasts, name, ticker) for name in (model, NAIVE))
    first, newest, closes = rows["horizon"].min(), rows["cutoff"].max(), _closes(rows)
    colour = colour_of(forecasts, model)
    fig, (future, past) = panels(4.3, [4, 5])
    recent = rows[rows["horizon"] == first].tail(days)
    drawn = (
        (future, _path(rows, newest), _path(naive, newest), _beside(closes, newest, rows["horizon"].max())),
        (past, recent, naive[naive["horizon"] == first].tail(days), closes[recent["date"].min() :]),
    )
    for ax, path, reference, known in drawn:
        _bands(ax, path, colour)
        if model != NAIVE:
            ax.plot(reference["date"], reference["forecast"], "--", color=GREY, lw=1, label="naive median")
        ax.plot(path["date"], path["forecast"], color=colour, label=f"{model} median")
        ax.plot(known.index, known, ".-", color=INK, lw=1, ms=4, label="actual close")
        ax.set_ylabel("Price as quoted" + _note(min([*known.index[:1], path["date"].iloc[0]]), adjusted))
        date_axis(ax)
    future.axvline(newest, color=INK, lw=0.8, ls=":")
    future.set(title=f"{ticker}, from the close of {newest:%Y-%m-%d}")
    past.set(title=f"{ahead(first).capitalize()}, day by day")
    handles, labels = future.get_legend_handles_labels()
    fig.legend(handles[::-1], labels[::-1], loc="outside lower center", ncols=6, columnspacing=1.2)
    return fig


@styled
def fans(
    forecasts: pd.DataFrame, model: str, tickers: Sequence[str], adjusted: Mapping[str, pd.Timestamp]
) -> Figure:
    """Draw the newest cutoff's bands over all horizons, a panel for each ticker.

    Args:
        forecasts: table with the columns of `schema.FORECASTS`.
        model: model whose median and 50, 80 and 90 % bands to draw.
        tickers: tickers to draw, in order.
        adjusted: by ticker, the last date whose price is not the quote of the day (see `quotes.adjusted_until`).

    Raises:
        InputError: the table has no row of this model and a ticker.
    """
    columns = 2 if len(tickers) in (2, 4) else ABREAST
    lines = -(-len(tickers) // columns)
    fig = Figure(figsize=(WIDTH, HIGH * lines + 0.4))
    axes = fig.subplots(lines, columns, squeeze=False).ravel()
    colour = colour_of(forecasts, model)
    for ax, ticker in zip(axes, tickers, strict=False):
        rows = select(forecasts, model, ticker)
        newest = rows["cutoff"].max()
        path, known = _path(rows, newest), _beside(_closes(rows), newest, rows["horizon"].max())
        _bands(ax, path, colour)
        ax.plot(path["date"], path["forecast"], color=colour, label=f"{model} median")
        ax.plot(known.index, known, color=INK, lw=1, label="actual close")
        ax.set_title(_in_figures(ticker, rows["horizon"].max(), path) + _note(known.index[0], adjusted.get(ticker)))
        ax.title.set_fontsize(10)
        date_axis(ax, most=4)
    for ax in axes[len(tickers) :]:
        ax.remove()
    handles, labels = fig.axes[0].get_legend_handles_labels()
    fig.legend(handles[::-1], labels[::-1], loc="outside lower center", ncols=columns_for(labels))
    return fig


def price(value: float) -> str:
    """Return a price for people.

    >>> price(1430.4712), price(0.01234567)
    ('1,430.47', '0.01235')
    """
    return f"{value:,.2f}" if value >= 1 else f"{value:.4g}"


def _in_figures(ticker: str, horizon: int, path: pd.DataFrame) -> str:
    _, low, high = INTERVALS[-1]
    close, end = path["forecast"].iloc[0], path.iloc[-1]
    when = "in a day" if horizon == 1 else f"in {horizon} days"
    return f"{ticker} {price(close)}\n{when} {price(end[low])} to {price(end[high])}"


def _note(start: pd.Timestamp, adjusted: pd.Timestamp | None) -> str:
    """Say how far the prices from a day on are adjusted, if they are."""
    return "" if adjusted is None or adjusted < start else f"\nadjusted up to {adjusted:%Y-%m-%d}"


def _beside(closes: "pd.Series[float]", newest: pd.Timestamp, horizon: int) -> "pd.Series[float]":
    """Return the closes that are drawn beside the fan of a cutoff."""
    least, most = BEFORE
    before = closes.index[closes.index <= newest]
    return closes[before[-min(most, max(least, horizon)) :][0] :]


def _closes(rows: pd.DataFrame) -> "pd.Series[float]":
    """Return the closes by date that a table of one ticker holds, as last close or as outcome."""
    known, came = rows.set_index("cutoff")["last_close"], rows.set_index("date")["actual"]
    closes = pd.concat([known[~known.index.duplicated()], came.dropna()])
    return closes[~closes.index.duplicated()].sort_index()


def _path(rows: pd.DataFrame, cutoff: pd.Timestamp) -> pd.DataFrame:
    """Return the forecasts of one cutoff by horizon, after a row in which every quantile is the known close."""
    columns = ["date", "forecast", *QUANTILE_COLUMNS]
    path = rows.loc[rows["cutoff"] == cutoff, [*columns, "last_close"]]
    start = path.iloc[[0]].assign(date=cutoff, **dict.fromkeys(columns[1:], path["last_close"].iloc[0]))
    return pd.concat([start, path])[columns]


def _bands(ax: Any, rows: pd.DataFrame, colour: str) -> None:
    for (percent, low, high), share in zip(reversed(INTERVALS), (0.16, 0.32, 0.5), strict=True):
        ax.fill_between(rows["date"], rows[low], rows[high], color=tint(colour, share), lw=0, label=f"{percent} %")
