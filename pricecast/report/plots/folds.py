"""Skill fold by fold."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pricecast.report.plots.style import FAINT, GREY, INK, PLATE, WIDTH, ahead, columns_for, styled, styles
from pricecast.schema import NAIVE
from pricecast.text import listed

# Dates under the axis.
DATES = 9
# A model that is worse than this in a fold (in percent) would squeeze all others into one line.
FLOOR = -25.0
# Space below the coloured lines, as a share of their range.
ROOM = 0.25


@styled
def skill_by_fold(folds: pd.DataFrame, forecasts: pd.DataFrame, ranked: Sequence[str], headline: int = 1) -> Figure:
    """Draw the CRPS skill against naive at one horizon, fold by fold; zero is naive.

    Models of the forecasts table have a colour and others are grey. Models far below leave the figure, so that the
    others can be told apart; a line of text names them.

    Args:
        folds: result of `by_fold.by_fold`, with rows.
        forecasts: forecasts table with a column `fold`, of the models to colour.
        ranked: models in the order of interest; naive is left out.
        headline: the horizon.
    """
    first = folds[folds["horizon"] == headline]
    skill = 100 * first.pivot_table(index="fold", columns="model", values="skill_crps")
    names = [name for name in ranked if name in skill and name != NAIVE]
    looks = styles(forecasts["model"].unique())
    coloured, grey = ([name for name in names if (name in looks) is wanted] for wanted in (True, False))
    spans = forecasts.groupby("fold")["cutoff"].agg(["min", "max"]).loc[skill.index]
    middle = spans["min"] + (spans["max"] - spans["min"]) / 2
    fig = Figure(figsize=(WIDTH, 3.9))
    ax = fig.subplots()
    ax.axhline(0, color=GREY, ls="--", label=NAIVE)
    for name in grey:
        label = f"{len(grey)} others" if name == grey[0] and len(grey) > 1 else name if len(grey) == 1 else None
        ax.plot(middle, skill[name], color=FAINT, lw=1, label=label)
    for name in reversed(coloured):
        ax.plot(middle, skill[name], **looks[name], label=name)
    _limit(ax, skill[names], coloured)
    _mark_folds(ax, spans)
    ax.set(title=ahead(int(first["horizon"].iloc[0])).capitalize(), ylabel="CRPS lower than naive's by (%)")
    handles, labels = ax.get_legend_handles_labels()
    fig.legend(handles[::-1], labels[::-1], loc="outside lower center", ncols=columns_for(labels))
    return fig


def _limit(ax: Any, skill: pd.DataFrame, coloured: Sequence[str]) -> None:
    """Fit the axis to the coloured lines, and name those that leave it."""
    worst = skill.min()
    near = [name for name in coloured if worst[name] >= FLOOR] or list(coloured)
    low, high = (float(f([0.0, *skill[near].to_numpy().ravel()])) for f in (np.nanmin, np.nanmax))
    span = max(high - low, 0.1)
    bottom = max(min([low, *worst.dropna()]), low - ROOM * span)
    ax.set_ylim(bottom - 0.08 * span, high + 0.08 * span)
    far = sorted(map(str, worst.index[worst < bottom]))
    if far:
        text = f"Lower in some folds: {listed(far, 6)}"
        ax.text(0.01, 0.02, text, transform=ax.transAxes, va="bottom", color=INK, fontsize=9, bbox=PLATE)


def _mark_folds(ax: Any, spans: pd.DataFrame) -> None:
    """Mark where folds begin and the last one ends, with dates, fewer where folds are many."""
    edges = [*spans["min"], spans["max"].iloc[-1]]
    for edge in edges:
        ax.axvline(edge, color="#D5D5D5", lw=0.8, zorder=0.5)
    step = -(-len(spans) // DATES)
    shown = [*edges[: len(spans) - step + 1 : step], edges[-1]]
    ax.set_xticks(shown, [f"{date:%Y-%m-%d}" for date in shown], fontsize=9)
    ax.set_xlim(edges[0], edges[-1])
    ax.grid(visible=False, axis="x")
