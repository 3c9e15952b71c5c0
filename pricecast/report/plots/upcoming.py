"""The last closes, and the days that are forecast."""

import pandas as pd
from matplotlib.figure import Figure

from pricecast.report.plots.style import INK, PALETTE, date_axis, styled, tint
from pricecast.schema import INTERVALS

SIZE = (5.2, 3.4)  # readable at the width of a phone
SHARES = (0.16, 0.32, 0.5)


@styled
def upcoming_chart(closes: "pd.Series[float]", forecasts: pd.DataFrame) -> Figure:
    """Draw the closes of a ticker, then median and 50, 80 and 90 % intervals of the days ahead.

    Args:
        closes: closes by date up to the cutoff, in quoted prices of the last day.
        forecasts: forecasts of one ticker and model from that cutoff, in the same units.
    """
    fig = Figure(figsize=SIZE)
    ax = fig.subplots()
    colour, last = PALETTE[0], closes.iloc[-1]
    dates = [closes.index[-1], *forecasts["date"]]
    for (percent, low, high), share in zip(reversed(INTERVALS), SHARES, strict=True):
        edges = ([last, *forecasts[low]], [last, *forecasts[high]])
        ax.fill_between(dates, *edges, color=tint(colour, share), lw=0, label=f"{percent} %")
    ax.plot(dates, [last, *forecasts["forecast"]], color=colour, label="median")
    ax.plot(closes.index, closes, color=INK, lw=1.2, label="close")
    ax.axvline(dates[0], color=INK, lw=0.8, ls=":")
    ax.set(title=f"{forecasts['ticker'].iloc[0]} by {forecasts['model'].iloc[0]}", ylabel="Price")
    date_axis(ax)
    fig.legend(loc="outside lower center", ncols=5, columnspacing=1, handlelength=1.4, fontsize=9)
    return fig
