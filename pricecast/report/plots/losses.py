"""Losses relative to naive's."""

import textwrap

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pricecast.report.plots.style import (
    INK,
    PLATE,
    columns_for,
    horizon_ticks,
    naive_last,
    note_if_empty,
    panels,
    styled,
    styles,
    tall,
)
from pricecast.schema import NAIVE, QUANTILE_COLUMNS, QUANTILE_LEVELS

# A model with more than this many times naive's loss would squeeze all others into one line.
ROOF = 1.25


@styled
def error_by_horizon(forecasts: pd.DataFrame) -> Figure:
    """Draw RMSE of the median and mean pinball loss of the quantiles by horizon, both divided by naive's.

    Both are of log returns; under the horizons stand the losses of the naive forecast, in percent. Models far above
    naive leave the figure, so that the others can be told apart; a line of text names them.
    """
    errors, looks = _errors(forecasts), styles(forecasts["model"].unique())
    fig, axes = panels(tall(list(looks)), [1, 1], sharey=True)
    shown = [0.98, 1.02]
    for ax, column, title in (
        (axes[0], "rmse", "Point: RMSE of the median"),
        (axes[1], "pinball", "Distribution: mean pinball loss"),
    ):
        table = errors[column].unstack("model")
        reference = table[NAIVE] if NAIVE in table else table.max(axis=1)
        ratios, ticks = table.div(reference, axis=0), horizon_ticks(list(table.index)) if len(table) else []
        if len(ticks) == 1:
            # One point is no line.
            ax.axhline(1, **looks[NAIVE])
        for name in naive_last(ratios.columns):
            ax.plot(ratios.index, ratios[name], **looks[name], markevery=ratios.index.isin(ticks), label=name)
        far = _far(ratios.max())
        near = ratios.drop(columns=far).to_numpy()
        shown += near[np.isfinite(near)].tolist()
        if far:
            names = textwrap.fill(f"Above: {', '.join(far)}", 44)
            ax.text(
                0.99, 0.98, names, ha="right", va="top", transform=ax.transAxes, color=INK, fontsize=9, bbox=PLATE
            )
        ax.set_xticks(ticks, [f"{horizon}\n{reference[horizon]:.2f} %" for horizon in ticks])
        ax.set(title=title, xlabel="Horizon (trading days), and naive's loss")
        ax.margins(x=0.08)
        note_if_empty(ax, errors)
    axes[0].set_ylabel("Loss / naive's (below 1 is better)")
    margin = 0.12 * (max(shown) - min(shown))
    axes[0].set_ylim(min(shown) - margin, max(shown) + margin)
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=columns_for(list(looks)))
    return fig


def _far(worst: "pd.Series[float]") -> list[str]:
    """Return the models whose largest loss relative to naive's is outside the figure, if there are others."""
    others = worst.drop(NAIVE, errors="ignore")
    return sorted(map(str, others.index[others > ROOF])) if (others <= ROOF).any() else []


def _errors(forecasts: pd.DataFrame) -> pd.DataFrame:
    """Return RMSE and mean pinball loss of log returns in percent by horizon and model, of known outcomes."""
    actual = forecasts["actual"].to_numpy()
    pinball = np.zeros(len(forecasts))
    for level, column in zip(QUANTILE_LEVELS, QUANTILE_COLUMNS, strict=True):
        over = 100 * np.log(actual / forecasts[column].to_numpy())
        pinball += np.maximum(level * over, (level - 1) * over) / len(QUANTILE_LEVELS)
    square = (100 * np.log(actual / forecasts["forecast"].to_numpy())) ** 2
    losses = pd.DataFrame({"rmse": square, "pinball": pinball}, index=forecasts.index)
    table = losses.groupby([forecasts["horizon"], forecasts["model"]], observed=True).mean().dropna()
    return table.assign(rmse=np.sqrt(table["rmse"]))
