"""Holds the newest part of the past out, to stop early on or to weigh members on."""

import numpy as np

from pricecast.dataset.panel import Panel


def parted(panel: Panel, rows: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Origins before a share of the newest dates, whose labels do not reach it, and those of it."""
    dates = np.unique(panel.dates[rows])
    cut = dates[int((1 - share) * len(dates))]
    return rows[panel.dates[rows + panel.spec.horizon] <= cut], rows[panel.dates[rows] >= cut]
