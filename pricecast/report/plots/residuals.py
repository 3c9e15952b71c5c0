"""Residuals: where outcomes fell in their forecast distributions, and how far outside."""

import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pricecast.evaluation.pit import BINS, pit_counts
from pricecast.report.plots.rows import log_return, outcomes_of, sample
from pricecast.report.plots.style import INK, colour_of, date_axis, note_if_empty, panels, styled, tint
from pricecast.schema import INTERVALS, NAIVE

# Letters in a line of a title.
TITLE = 52


@styled
def residuals(forecasts: pd.DataFrame, model: str) -> Figure:
    """Draw outcomes by tenth of their forecast distribution, and residuals over time in units of the 90 % interval.

    The dotted lines hold 95 % of the tenths of right forecasts if the tickers of a day count as one observation.

    Raises:
        InputError: the table has no row of this model.
    """
    outcomes = {name: outcomes_of(forecasts, name) for name in dict.fromkeys((model, NAIVE))}
    rows, colour = outcomes[model], colour_of(forecasts, model)
    fig, (left, right) = panels(4.0, [1, 1.25])
    if len(rows):
        _histogram(left, outcomes, model, colour)
        _over_time(right, rows, colour)
    left.axhline(1, color=INK, lw=1, label="calibrated")
    left.set(title="Outcomes by tenth of the forecast", xlabel="Forecast probability (%)", xlim=(0, 100))
    left.set(ylabel="Frequency (1 = as promised)", xticks=range(0, 101, 20))
    left.grid(visible=False, axis="x")
    for level in (-1, 1):
        right.axhline(level, color=INK, lw=1)
    right.set(title=_outside(outcomes), ylabel="Residual (half 90 % intervals)")
    for ax in (left, right):
        note_if_empty(ax, rows)
    fig.legend(*left.get_legend_handles_labels(), loc="outside lower left", ncols=4)
    return fig


def _histogram(ax: Any, outcomes: Mapping[str, pd.DataFrame], model: str, colour: str) -> None:
    share = pit_counts(pd.concat(outcomes.values())).pivot_table(index="bin", columns="model", values="share")
    frequency, edges = BINS * share / 100, np.linspace(0, 100, BINS + 1)
    half = 1.96 * np.sqrt((BINS - 1) / outcomes[model]["cutoff"].nunique())
    ax.bar(
        edges[:-1], frequency[model], np.diff(edges), align="edge", color=tint(colour, 0.55), edgecolor="white",
        label=model,
    )  # fmt: skip
    for level, label in ((1 - half, None), (1 + half, "chance alone")):
        ax.axhline(level, color=INK, lw=1, ls=":", label=label)
    if model != NAIVE:
        ax.stairs(frequency[NAIVE], edges, color=INK, ls="--", baseline=None, label=NAIVE)


def _over_time(ax: Any, rows: pd.DataFrame, colour: str) -> None:
    z, keep = _standardised(rows), sample(len(rows))
    for hit, shade, size in ((z.abs() <= 1, 0.45, 8), (z.abs() > 1, 1.0, 16)):
        part = (rows["date"].iloc[keep][hit.iloc[keep]], z.iloc[keep][hit.iloc[keep]])
        ax.scatter(*part, s=size, lw=0, color=tint(colour, shade), rasterized=True)
    date_axis(ax)


def _standardised(rows: pd.DataFrame) -> "pd.Series[float]":
    """Return the log residuals in units of their side of the 90 % interval: beyond one is outside."""
    residual = log_return(rows, "actual") - log_return(rows, "forecast")
    _, low, high = INTERVALS[-1]
    edge = rows[high].where(residual > 0, rows[low])
    width = (log_return(rows.assign(edge=edge), "edge") - log_return(rows, "forecast")).abs()
    return residual / width.where(width > 0)


def _outside(outcomes: Mapping[str, pd.DataFrame]) -> str:
    percent, low, high = INTERVALS[-1]
    shares = [
        f"{name} {100 * (1 - rows['actual'].between(rows[low], rows[high]).mean()):.1f}\N{NO-BREAK SPACE}%"
        for name, rows in outcomes.items()
        if len(rows)
    ]
    return textwrap.fill(f"Outside the {percent} % interval: " + ", ".join(shares or ["unknown"]), TITLE)
