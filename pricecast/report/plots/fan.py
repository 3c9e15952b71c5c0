"""Prices with their intervals."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from pricecast.report.plots.rows import select
from pricecast.report.plots.style import GREY, INK, ahead, colour_of, date_axis, panels, styled, tint
from pricecast.schema import INTERVALS, NAIVE, QUANTILE_COLUMNS


@styled
def fan_chart(forecasts: pd.DataFrame, model: str, ticker: str, days: int = 60) -> Figure:
    """Draw the bands one step ahead over the last days, and those of the newest cutoff over all horizons.

    Args:
        forecasts: table with the columns of `schema.FORECASTS`.
        model: model whose median and 50, 80 and 90 % bands to draw.
        ticker: ticker whose prices to draw.
        days: number of trading days in the left panel.

    Raises:
        InputError: the table has no row of this model and ticker.
    """
    rows, naive = (select(forecasts, name, ticker) for name in (model, NAIVE))
    first, newest, closes = rows["horizon"].min(), rows["cutoff"].max(), _closes(rows)
    colour = colour_of(forecasts, model)
    fig, (past, future) = panels(4.3, [5, 3])
    recent = rows[rows["horizon"] == first].tail(days)
    since = closes.index[closes.index <= newest][-min(days, 12) :][0]
    drawn = (
        (past, recent, naive[naive["horizon"] == first].tail(days), closes[recent["date"].min() :]),
        (future, _path(rows, newest), _path(naive, newest), closes[since:]),
    )
    for ax, path, reference, known in drawn:
        _bands(ax, path, colour)
        if model != NAIVE:
            ax.plot(reference["date"], reference["forecast"], "--", color=GREY, lw=1, label="naive median")
        ax.plot(path["date"], path["forecast"], color=colour, label=f"{model} median")
        ax.plot(known.index, known, ".-", color=INK, lw=1, ms=4, label="actual close")
        date_axis(ax)
    past.set(title=f"{ticker}: {ahead(first)}", ylabel="Price (currency of the quote)")
    future.axvline(newest, color=INK, lw=0.8, ls=":")
    future.set(title=f"From the close of {newest:%Y-%m-%d}")
    handles, labels = past.get_legend_handles_labels()
    fig.legend(handles[::-1], labels[::-1], loc="outside lower center", ncols=6, columnspacing=1.2)
    return fig


def _closes(rows: pd.DataFrame) -> "pd.Series[float]":
    """Return the closes by date that a table of one ticker holds, as last close or as outcome."""
    dates = pd.DatetimeIndex([*rows["cutoff"], *rows["date"]])
    closes = pd.Series([*rows["last_close"], *rows["actual"]], index=dates).dropna()
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
