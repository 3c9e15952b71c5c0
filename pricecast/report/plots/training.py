"""Losses by epoch."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pricecast.report.plots.style import INK, WIDTH, panels, styled, styles, tint


@styled
def loss_curves(
    curves: Mapping[str, pd.DataFrame | None], looks: Mapping[str, dict[str, Any]] | None = None
) -> Figure | None:
    """Draw training and validation loss by epoch, one panel per model, the best epoch marked.

    Args:
        curves: by model a table `epoch, train_loss` and, where it stops early, `val_loss`; None or empty for a
            model without epochs.
        looks: line styles of the other figures (see `styles`), to give a model one colour throughout.

    Returns:
        The figure, or None when no model has epochs.
    """
    tables = {name: table for name, table in curves.items() if table is not None and len(table)}
    if not tables:
        return None
    looks = {**styles(tables), **(looks or {})}
    columns = min(3, len(tables))
    fig = Figure(figsize=(WIDTH, 3.4 * -(-len(tables) // columns)))
    axes = fig.subplots(-(-len(tables) // columns), columns, squeeze=False).ravel()
    for ax, (name, table) in zip(axes, tables.items(), strict=False):
        colour = looks[name]["color"]
        ax.plot(table["epoch"], table["train_loss"], "--", color=tint(colour, 0.6), label="training")
        if "val_loss" in table and table["val_loss"].notna().any():
            ax.plot(table["epoch"], table["val_loss"], color=colour, label="validation")
            best = table.iloc[int(np.nanargmin(table["val_loss"]))]
            ax.plot(best["epoch"], best["val_loss"], "o", ms=7, color=INK, label=f"best: {best['epoch']:.0f}")
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.set(title=name, xlabel="Epoch", ylabel="Loss (model's own unit)")
        ax.legend()
    for ax in axes[len(tables) :]:
        ax.remove()
    return fig


@styled
def convergence(curves: Mapping[str, Sequence[pd.DataFrame]]) -> Figure | None:
    """Draw training and validation loss of several experiments in one figure, a thin line for each seed.

    Args:
        curves: by experiment, for each seed a table `epoch, train_loss` and perhaps `val_loss`.

    Returns:
        The figure, or None when no experiment has epochs.
    """
    curves = {name: [table for table in tables if len(table)] for name, tables in curves.items()}
    shown = {name: tables for name, tables in curves.items() if tables}
    if not shown:
        return None
    fig, axes = panels(3.8, [1, 1], sharey=True)
    looks = styles(shown)
    for ax, column, title in zip(axes, ("train_loss", "val_loss"), ("Training", "Validation"), strict=True):
        for name, tables in shown.items():
            for number, table in enumerate(table for table in tables if column in table):
                label = name if number == 0 else None
                ax.plot(table["epoch"], table[column], color=looks[name]["color"], lw=1.2, label=label)
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.set(title=title, xlabel="Epoch")
    axes[0].set_ylabel("Loss (model's own unit)")
    axes[0].legend()
    return fig
