"""The newest part of the past, held out to stop early on or to weigh members on."""

import numpy as np

from pricecast.dataset.panel import Panel


def hold_out(panel: Panel, rows: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Split origins into those whose labels end before the newest dates, and those on these dates.

    Args:
        panel: with the origins.
        rows: (n,) origins with known labels.
        share: of their dates that is held out.
    """
    dates = np.unique(panel.dates[rows])
    cut = dates[int((1 - share) * len(dates))]
    return rows[panel.dates[rows + panel.spec.horizon] <= cut], rows[panel.dates[rows] >= cut]
