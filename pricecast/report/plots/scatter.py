"""Forecast against outcome."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from pricecast.report.plots.rows import log_return, outcomes_of, sample
from pricecast.report.plots.style import GREY, INK, colour_of, note_if_empty, panels, styled

# Numbers below an axis.
LABELS = 5


@styled
def predicted_vs_actual(forecasts: pd.DataFrame, model: str) -> Figure:
    """Draw log returns in percent, forecast against outcome: single points, and means by tenth of the forecasts.

    Prices are left out on purpose: on a price level everybody looks good, the naive forecast included.

    Raises:
        InputError: the table has no row of this model.
    """
    rows = outcomes_of(forecasts, model)
    fig, (cloud, means) = panels(4.4, [1, 1])
    x, y = log_return(rows, "forecast"), log_return(rows, "actual")
    if len(rows):
        colour = colour_of(forecasts, model)
        keep = sample(len(rows))
        cloud.scatter(x.iloc[keep], y.iloc[keep], s=9, alpha=0.35, lw=0, color=colour, rasterized=True)
        reach = 1.05 * max(x.abs().max(), y.abs().max(), 0.1)
        cloud.set(xlim=(-reach, reach), ylim=(-reach, reach))
        table = _binned(x, y, rows["date"])
        means.errorbar(
            table["x"], table["y"], yerr=1.96 * table["error"], fmt="o", color=colour, capsize=3, label=model
        )
    for ax, title in (
        (cloud, "Single forecasts, equal scales"),
        (means, "Mean outcome per tenth of forecasts"),
    ):
        ax.axhline(0, color=GREY, lw=1.2, ls="--", label="no skill: zero, as naive says")
        ax.axline((0, 0), slope=1, color=INK, lw=1, label="right on average: outcome = forecast")
        ax.set(title=title, xlabel="Forecast log return (%)", ylabel="Actual log return (%)")
        note_if_empty(ax, rows)
        # Small returns have long labels.
        ax.locator_params(axis="x", nbins=LABELS)
    cloud.set_box_aspect(1)
    fig.legend(*means.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return fig


def _binned(x: "pd.Series[float]", y: "pd.Series[float]", dates: "pd.Series[Any]") -> pd.DataFrame:
    """Return mean forecast, mean outcome and its standard error by tenth of the forecasts.

    Tickers of one day move together, so the error is that of the daily means.
    """
    tenth = pd.qcut(x, 10, labels=False, duplicates="drop").fillna(0)
    daily = pd.DataFrame({"x": x, "y": y, "bin": tenth, "date": dates}).groupby(["bin", "date"]).mean()
    bins = daily.groupby("bin")
    return bins.mean().assign(error=bins["y"].sem().fillna(0))
