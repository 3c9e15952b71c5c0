"""Calibration of the quantiles."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pricecast.report.plots.style import (
    CHANCE,
    INK,
    ahead,
    columns_for,
    naive_last,
    note_if_empty,
    panels,
    styled,
    styles,
    tall,
)
from pricecast.schema import QUANTILE_COLUMNS, QUANTILE_LEVELS


@styled
def coverage(forecasts: pd.DataFrame) -> Figure:
    """Draw by model how much more or less often than promised outcomes fell below each quantile.

    The vertical axis is observed minus nominal frequency, because several models on one diagonal hide each
    other. The grey area holds 95 % of perfectly calibrated forecasts if the tickers of a day count as one
    observation, and so do days whose horizons overlap.
    """
    looks, nominal = styles(forecasts["model"].unique()), np.array(QUANTILE_LEVELS)
    labels = ["chance alone", *looks]
    known, counts = forecasts.loc[forecasts["actual"].notna(), ["horizon", "cutoff"]], _below(forecasts)
    first, last = forecasts["horizon"].min(), forecasts["horizon"].max()
    drawn = [(known[known["horizon"] == first], first, ahead(first).capitalize())]
    drawn += [(known, last, "All horizons")] if last > first else []
    fig, axes = panels(tall(labels), [1.0] * len(drawn), sharey=True)
    for ax, (rows, longest, title) in zip(axes, drawn, strict=True):
        half = 196 * np.sqrt(nominal * (1 - nominal) / max(1, rows["cutoff"].nunique() // longest))
        ax.fill_between(100 * nominal, -half, half, color=CHANCE, lw=0, label=labels[0])
        ax.axhline(0, color=INK, lw=1)
        shares = counts.loc[:longest].groupby("model", observed=True).sum()
        shares = shares[list(QUANTILE_COLUMNS)].div(shares["n"].where(shares["n"] > 0), axis=0)
        for name in naive_last(shares.index):
            ax.plot(100 * nominal, 100 * (shares.loc[name] - nominal), **looks[name], label=name)
        ax.set(title=title, xlabel="Nominal level of the quantile (%)", xticks=[5, 25, 50, 75, 95])
        note_if_empty(ax, rows)
    axes[0].set_ylabel("Observed minus nominal (% points)")
    reach = max(5.0, *(abs(limit) for limit in axes[0].get_ylim()))
    axes[0].set_ylim(-reach, reach)
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=columns_for(labels))
    return fig


def _below(forecasts: pd.DataFrame) -> pd.DataFrame:
    """Count known outcomes, all and those at or below each quantile, by horizon and model."""
    counts = forecasts[list(QUANTILE_COLUMNS)].ge(forecasts["actual"], axis=0)
    counts["n"] = forecasts["actual"].notna()
    return counts.groupby([forecasts["horizon"], forecasts["model"]], observed=True).sum()
