"""Style of all figures: colours, fonts, panels, axes."""

from collections.abc import Iterable, Sequence
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.colors import to_rgb
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from pricecast.schema import NAIVE

GREY = "#767676"
INK = "#222222"
# Areas of chance alone; models beyond those in colour.
CHANCE, FAINT = "#EDEDED", "#B9B9B9"
# Okabe and Ito's colours, told apart with any colour vision; the yellow is left out, it vanishes on white.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
# As many markers as make the pairs (colour, marker) differ for 42 models, and lines differ without colour.
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
PLATE = {"facecolor": "white", "edgecolor": "none", "pad": 2}
# Inches that a row of a legend takes (the first is part of a figure's height), a line's sample, and a letter.
LEGEND_ROW, LEGEND_COLUMNS = 0.22, 7
LEGEND_SAMPLE, LETTER = 0.6, 0.088
WIDTH = 9.4
# Labels of horizons on an axis, a number and a loss below it each.
MOST_TICKS = 5
STYLE: dict[str, Any] = {
    "figure.constrained_layout.use": True,
    "figure.facecolor": "white",
    "font.size": 11,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#555555",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E4E4E4",
    "legend.frameon": False,
    "legend.fontsize": 10,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    # Names come from the user: a dollar sign in one is a dollar sign, not the start of a formula.
    "text.parse_math": False,
}
styled = matplotlib.rc_context(STYLE)


def styles(models: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the line style of each model: naive grey and dashed, the others in the order of the alphabet."""
    others = sorted(set(models) - {NAIVE})
    looks: dict[str, dict[str, Any]] = {NAIVE: {"color": GREY, "marker": "", "linestyle": "--"}}
    for i, name in enumerate(others):
        looks[name] = {
            "color": PALETTE[i % len(PALETTE)],
            "marker": MARKERS[i % len(MARKERS)],
            "linestyle": "-",
        }
    return looks


def colour_of(forecasts: pd.DataFrame, model: str) -> str:
    """Return the colour that a model has in all figures of a table."""
    return str(styles(forecasts["model"].unique())[model]["color"])


def tint(colour: str, share: float) -> tuple[float, ...]:
    """Return a colour mixed with white; unlike transparency it prints and does not add up."""
    return tuple(1 - share * (1 - part) for part in to_rgb(colour))


def naive_last(models: Iterable[Any]) -> list[str]:
    """Return names in drawing order: naive last, on top of the others, so that it stays visible."""
    return sorted(map(str, models), key=lambda name: (name == NAIVE, name))


def panels(height: float, widths: list[float], sharey: bool = False) -> tuple[Figure, Any]:
    """Return a figure of the common width and its panels side by side."""
    fig = Figure(figsize=(WIDTH, height))
    return fig, fig.subplots(1, len(widths), width_ratios=widths, sharey=sharey, squeeze=False)[0]


def columns_for(labels: Sequence[str], width: float = WIDTH) -> int:
    """Return the number of columns of a legend that is no wider than a figure of some inches."""
    widths = [LEGEND_SAMPLE + LETTER * len(label) for label in labels]
    if sum(widths) <= width:
        return max(1, len(labels))
    return max(1, min(LEGEND_COLUMNS, int(width / max(widths))))


def tall(labels: Sequence[str]) -> float:
    """Return the height of a figure whose legend has these labels, in inches."""
    return 4.2 + LEGEND_ROW * max(0, -(-len(labels) // columns_for(labels)) - 1)


def date_axis(ax: Any, most: int = 6) -> None:
    """Label an axis with few dates, each as short as it can be."""
    locator = AutoDateLocator(minticks=min(3, most), maxticks=most)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))


def horizon_ticks(horizons: Sequence[int]) -> list[int]:
    """Return few of some rising horizons, in even steps with the first and the last one among them.

    >>> horizon_ticks(range(1, 6)), horizon_ticks(range(1, 11)), horizon_ticks(range(1, 61)), horizon_ticks([5])
    ([1, 2, 3, 4, 5], [1, 4, 7, 10], [1, 15, 30, 45, 60], [5])
    """
    first, last = min(horizons), max(horizons)
    if len(horizons) <= MOST_TICKS:
        return sorted(horizons)
    step = -(-(last - first) // (MOST_TICKS - 1))
    kept = [number for number in range(last, first, -step) if number - first > step / 2]
    return [first, *sorted(set(kept) & set(horizons))]


def ahead(horizon: int) -> str:
    """Return a horizon in words.

    >>> ahead(1), ahead(5)
    ('1 trading day ahead', '5 trading days ahead')
    """
    return f"{horizon} trading day{'' if horizon == 1 else 's'} ahead"


def note_if_empty(ax: Any, rows: pd.DataFrame) -> None:
    """Write a note where there is nothing to draw."""
    if rows.empty:
        ax.text(0.5, 0.6, "No outcome is known yet", ha="center", transform=ax.transAxes, color=INK)
