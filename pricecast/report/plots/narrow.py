"""Figures for a narrow screen: the same panels, one below the other."""

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec

from pricecast.report.plots.files import draw_svg
from pricecast.report.plots.style import LEGEND_ROW, columns_for, styled

# Inches: of the figure, of a panel in height, of what stands left of a panel, and of a letter of a title.
NARROW, HIGH, MARGIN, LETTER = 4.2, 2.9, 0.9, 0.093


@styled
def narrow_svg(figure: Figure) -> bytes:
    """Return a figure as SVG with its panels below one another; the figure itself stays as it is."""
    with _stacked(figure):
        return draw_svg(figure)


@contextmanager
def _stacked(figure: Figure) -> Iterator[None]:
    (width, height), legends = figure.get_size_inches(), list(figure.legends)
    axes: list[Any] = figure.axes
    places = [ax.get_subplotspec() for ax in axes]
    texts = [(ax.get_title(loc="left"), ax.get_ylabel()) for ax in axes]
    # Of panels with one axis only the first has numbers.
    numbered = [ax.yaxis.get_tick_params().get("labelleft", True) for ax in axes]
    grid, rows = GridSpec(len(axes), 1, figure=figure), _narrow_legend(figure)
    figure.set_size_inches(NARROW, HIGH * len(axes) + LEGEND_ROW * rows)
    for number, (ax, (title, label)) in enumerate(zip(axes, texts, strict=True)):
        ax.set_subplotspec(grid[number])
        ax.set_title(_wrapped(title, NARROW - MARGIN), loc="left")
        # Beside its neighbour a panel may do without.
        ax.set_ylabel(_wrapped(label or texts[0][1], HIGH - MARGIN / 2))
        ax.yaxis.set_tick_params(labelleft=True)
    try:
        yield
    finally:
        figure.set_size_inches(width, height)
        figure.legends[:] = legends
        for ax, place, (title, label) in zip(axes, places, texts, strict=True):
            ax.set_subplotspec(place)
            ax.set_title(title, loc="left")
            ax.set_ylabel(label)
            ax.yaxis.set_tick_params(labelleft=numbered.pop(0))


def _wrapped(text: str, width: float) -> str:
    """Return a text in lines of at most some inches."""
    return "\n".join(textwrap.fill(line, int(width / LETTER)) for line in text.split("\n"))


def _narrow_legend(figure: Figure) -> int:
    """Put a legend of fewer columns in the place of the figure's own; return its rows."""
    if not figure.legends:
        return 0
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    figure.legends.clear()
    handles = {
        label: handle for ax in figure.axes for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)
    }
    columns = columns_for(labels, NARROW)
    figure.legend([handles[label] for label in labels], labels, loc="outside lower center", ncols=columns)
    return -(-len(labels) // columns)
