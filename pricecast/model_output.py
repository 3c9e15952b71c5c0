"""The output of a model: log returns from each origin, as a point, with a volatility, or as quantiles."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Forecast:
    """Log returns from each origin: `center` (n, h), and at most one of `sigma` (n, h), `quantiles` (n, h, q)."""

    center: np.ndarray
    sigma: np.ndarray | None = None
    quantiles: np.ndarray | None = None

    def take(self, rows: np.ndarray) -> "Forecast":
        """Return the forecasts of some of its origins."""
        rest = (None if part is None else part[rows] for part in (self.sigma, self.quantiles))
        return Forecast(self.center[rows], *rest)


def join(parts: Sequence[Forecast]) -> Forecast:
    """Put forecasts of one model under one another."""

    def stacked(values: list[np.ndarray | None]) -> np.ndarray | None:
        found = [value for value in values if value is not None]
        return np.concatenate(found) if found else None

    center = np.concatenate([part.center for part in parts])
    return Forecast(center, stacked([part.sigma for part in parts]), stacked([part.quantiles for part in parts]))
