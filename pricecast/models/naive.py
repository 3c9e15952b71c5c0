"""The last close, with the conformal quantiles of what it missed by: the forecast to beat."""

from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from pricecast.models import Forecast, Report
from pricecast.panel import Panel


class Model:
    """Tomorrow's close is today's; calibration adds quantiles in units of EWMA(0.94) volatility."""

    family: ClassVar[str] = "classical"
    calibrate: ClassVar[bool] = True
    requires: ClassVar[tuple[str, ...]] = ()
    lookback = 1

    def fit(self, panel: Panel, train: np.ndarray, valid: np.ndarray, report: Report | None = None) -> Self:
        """Learns nothing."""
        return self

    def predict(self, panel: Panel, origins: np.ndarray) -> Forecast:
        """A log return of zero over every horizon."""
        return Forecast(center=np.zeros((len(origins), panel.spec.horizon)))

    def save(self, folder: Path) -> None:
        """Keeps nothing."""

    def load(self, folder: Path) -> Self:
        """Needs nothing."""
        return self
