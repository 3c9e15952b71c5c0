"""Losses by epoch."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pricecast.plots.ink import INK, WIDTH, styled, styles, tint


@styled
def loss_curves(
    curves: Mapping[str, pd.DataFrame | None], looks: Mapping[str, dict[str, Any]] | None = None
) -> Figure | None:
    """Training and validation loss by epoch, one panel per model, the best epoch marked.

    Args:
        curves: per model a table `epoch, train_loss` and, where it stopped on it, `val_loss`; None or empty for a
            model without epochs.
        looks: line styles of the other pictures (see `styles`), to give a model one colour throughout.

    Returns:
        The picture, or None when no model has epochs.
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
        ax.set_axis_off()
    return fig
