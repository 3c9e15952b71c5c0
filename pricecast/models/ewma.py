"""The last close with normal quantiles of RiskMetrics volatility, uncalibrated."""

from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from pricecast.models import Forecast, Report
from pricecast.panel import Panel


class Model:
    """A driftless normal random walk whose daily volatility is EWMA(0.94): the textbook's value at risk."""

    family: ClassVar[str] = "classical"
    calibrate: ClassVar[bool] = False
    requires: ClassVar[tuple[str, ...]] = ()
    lookback = 1

    def fit(self, panel: Panel, train: np.ndarray, valid: np.ndarray, report: Report | None = None) -> Self:
        """Learns nothing."""
        return self

    def predict(self, panel: Panel, origins: np.ndarray) -> Forecast:
        """Zero, and scale * sqrt(h) around it."""
        sigma = panel.unit(origins)
        return Forecast(center=np.zeros_like(sigma), sigma=sigma)

    def save(self, folder: Path) -> None:
        """Keeps nothing."""

    def load(self, folder: Path) -> Self:
        """Needs nothing."""
        return self
