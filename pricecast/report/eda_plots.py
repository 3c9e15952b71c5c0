"""Figures for the notebooks in the style of `plots`, one function each, without pyplot's global state."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.dates import ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator
from scipy import stats

from pricecast.report import eda
from pricecast.report.plots.style import GREY, INK, PALETTE, WIDTH, styled, styles
from pricecast.schema import INTERVALS, MEDIAN, NAIVE, QUANTILE_COLUMNS

# Tints of the first colour, widest interval first.
TINTS = ("#CCE3F0", "#99C7E0", "#4D9CC9")


@styled
def adjustment(prices: pd.DataFrame, ticker: str) -> Figure:
    """Draw quoted and adjusted closes of one ticker on a logarithmic axis, and their daily moves."""
    bars = prices[prices["ticker"] == ticker].set_index("date")
    fig, (levels, moves) = _panels(3.8, 2)
    for ax in (levels, moves):
        for column, colour, label in (("close", PALETTE[1], "as quoted"), ("adj_close", PALETTE[0], "adjusted")):
            shown = bars[column] if ax is levels else 100 * np.log(bars[column]).diff()
            ax.plot(shown.index, shown, color=colour, lw=1, label=label)
    levels.set_yscale("log")
    levels.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    levels.yaxis.set_major_formatter("{x:g}")
    levels.yaxis.set_minor_locator(NullLocator())
    levels.set(title=f"{ticker}: close", ylabel="Dollars, logarithmic")
    moves.set(title="Its daily moves", ylabel="Log return (%)")
    fig.legend(*levels.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return fig


@styled
def tails(returns: pd.DataFrame) -> Figure:
    """Draw a histogram of all standardised returns, and each ticker's quantiles against a normal's.

    Args:
        returns: result of `eda.returns`.
    """
    z = (returns - returns.mean()) / returns.std()
    fig, (left, right) = _panels(4.3, 2)
    grid = np.linspace(-8, 8, 81)
    left.hist(np.clip(z.stack(), -8, 8), bins=grid.tolist(), density=True, color=PALETTE[0], label="all tickers")
    left.plot(grid, stats.norm.pdf(grid), color=INK, label="normal")
    left.set_yscale("log")
    left.set(ylim=(1e-5, 1), title="How often (logarithmic)", xlabel="Return in deviations (ends: and beyond)")
    left.set_ylabel("Density")
    left.legend(loc="upper left")
    for name, look in styles(z.columns).items():
        if name in z:
            ordered = np.sort(z[name].dropna())
            normal = stats.norm.ppf((np.arange(len(ordered)) + 0.5) / len(ordered))
            right.plot(normal, ordered, ls="", marker=look["marker"], ms=4, color=look["color"], label=name)
    right.axline((0, 0), slope=1, color=INK, lw=1, label="normal")
    right.set(ylim=(-11, 11), title="Quantiles", xlabel="Of a normal distribution", ylabel="Of the returns")
    right.legend()
    return fig


@styled
def clustering(features: pd.DataFrame, ticker: str) -> Figure:
    """Draw daily returns of one ticker between plus and minus twice the volatility known the day before.

    Args:
        features: date, ticker, close and scale, as in a dataset.
        ticker: ticker to draw.
    """
    days = features[features["ticker"] == ticker].set_index("date")
    known = 200 * days["scale"].shift()
    fig, ax = _panels(3.6, 1)
    ax.plot(days.index, 100 * np.log(days["close"]).diff(), color=PALETTE[0], lw=0.7, label="daily log return")
    ax.plot(days.index, known, color=PALETTE[1], lw=1.2, label="twice yesterday's volatility estimate (EWMA)")
    ax.plot(days.index, -known, color=PALETTE[1], lw=1.2)
    reach = 1.3 * float(known.max())
    ax.set(title=f"{ticker}: what came, and what was known", ylabel="%", ylim=(-reach, reach))
    fig.legend(loc="outside lower center", ncols=2)
    return fig


@styled
def autocorrelations(returns: pd.DataFrame, lags: int = 40) -> Figure:
    """Draw the autocorrelation of returns and of absolute returns; see `eda.autocorrelation_error` for the band."""
    fig, (left, right) = _panels(4.1, 2, sharey=True)
    band = 1.96 * eda.autocorrelation_error(returns, lags).max(axis=1)
    left.fill_between(band.index, -band, band, color="#E4E4E4", lw=0, label="chance alone, 95 %")
    looks = styles(returns.columns)
    for ax, table in ((left, returns), (right, returns.abs())):
        for name, values in eda.autocorrelation(table, lags).items():
            ax.plot(values, **{**looks[str(name)], "lw": 1, "ms": 3.5}, label=name)
        ax.axhline(0, color=INK, lw=0.8)
        ax.set_xlabel("Lag (trading days)")
    left.set(title="Returns", ylabel="Autocorrelation")
    right.set_title("Absolute returns")
    fig.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=6)
    return fig


@styled
def trailing(forecasts: pd.DataFrame, model: str, days: int = 40) -> Figure:
    """Draw a price forecast beside the price, and its error against the prices of its day and of days before.

    Args:
        forecasts: the forecasts table of one ticker.
        model: model whose forecasts to draw beside naive's.
        days: number of trading days in the left panel, the newest.
    """
    rows = forecasts[(forecasts["horizon"] == 1) & forecasts["actual"].notna()]
    looks, errors = styles([model]), eda.lagged_errors(rows)
    size = 4 if days <= 100 else 0  # markers of more days run into one another
    fig, (left, right) = _panels(4.0, 2, widths=(3, 2))
    newest = rows[rows["model"] == model].sort_values("date").tail(days)
    left.plot(newest["date"], newest["actual"], color=INK, marker=".", ms=size, lw=1.2, label="actual close")
    for name in (model, NAIVE):
        shown = rows[rows["model"] == name].sort_values("date").tail(days)
        left.plot(shown["date"], shown["forecast"], **{**looks[name], "ms": size}, label=name)
        right.plot(errors[name], **looks[name], label=name)
    left.xaxis.set_major_formatter(ConciseDateFormatter(left.xaxis.get_major_locator()))
    left.set(title=f"{newest['ticker'].iloc[0]}: one day ahead", ylabel="Price")
    right.set(title="Error against earlier prices", xlabel="Days before the one forecast", ylabel="RMSE")
    right.set_xticks(errors.index)
    fig.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return fig


@styled
def widths(forecasts: pd.DataFrame, models: Sequence[str], start: str, end: str) -> Figure:
    """Draw the width of the 90 % intervals one day ahead, above the absolute moves that came.

    Args:
        forecasts: the forecasts table of one ticker.
        models: models whose intervals to draw.
        start: first day.
        end: last day.
    """
    width, looks = eda.widths(forecasts).loc[start:end, list(models)], styles(models)
    known = (
        forecasts[(forecasts["horizon"] == 1) & (forecasts["model"] == models[0])].set_index("date").loc[start:end]
    )
    move = 100 * (np.log(known["actual"]) - np.log(known["last_close"])).abs()
    fig, (above, below) = _panels(5.0, 1, rows=2, sharex=True)
    for name in models:
        look = {"color": looks[name]["color"], "ls": looks[name]["linestyle"], "lw": 1.3}
        above.plot(width.index, width[name], **look, label=name)
    below.vlines(move.index, 0, move, color=INK, lw=0.8)
    above.set(
        title=f"{forecasts['ticker'].iloc[0]}: width of the 90 % interval for tomorrow", ylabel="%", ylim=(0, None)
    )
    below.set(title="How far the close then moved", ylabel="%", ylim=(0, None))
    fig.legend(*above.get_legend_handles_labels(), loc="outside lower center", ncols=len(models))
    return fig


@styled
def fans(tables: Mapping[str, np.ndarray]) -> Figure:
    """Draw the quantiles of one origin by horizon, one panel per table.

    Args:
        tables: log returns in percent (h, q) by title.
    """
    fig, axes = _panels(3.8, len(tables), sharey=True)
    for ax, (title, table) in zip(np.atleast_1d(axes), tables.items(), strict=True):
        path = np.vstack([np.zeros(table.shape[1]), table])
        for (percent, low, high), tint in zip(reversed(INTERVALS), TINTS, strict=True):
            edges = (path[:, QUANTILE_COLUMNS.index(name)] for name in (low, high))
            ax.fill_between(range(len(path)), *edges, color=tint, lw=0, label=f"{percent} %")
        ax.plot(path[:, MEDIAN], color=PALETTE[1], label="median")
        ax.axhline(0, color=GREY, lw=1, ls="--", label="no change, as naive says")
        ax.set(title=title, xlabel="Trading days ahead")
        ax.set_xticks(range(len(path)))
    np.atleast_1d(axes)[0].set_ylabel("Log return (%)")
    fig.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=5)
    return fig


def _panels(
    height: float,
    columns: int,
    rows: int = 1,
    widths: Sequence[float] | None = None,
    sharex: bool = False,
    sharey: bool = False,
) -> tuple[Figure, Any]:
    fig = Figure(figsize=(WIDTH, height))
    return fig, fig.subplots(rows, columns, width_ratios=widths, sharex=sharex, sharey=sharey)
