"""The last close with normal quantiles of RiskMetrics volatility, uncalibrated."""

from typing import ClassVar

import numpy as np

from pricecast.dataset.panel import Panel
from pricecast.models import Forecast
from pricecast.models._stateless import Stateless


class Model(Stateless):
    """A driftless normal random walk whose daily volatility is EWMA(0.94): the textbook's value at risk."""

    family: ClassVar[str] = "classical"
    calibrate: ClassVar[bool] = False
    requires: ClassVar[tuple[str, ...]] = ()
    lookback = 1

    def predict(self, panel: Panel, origins: np.ndarray) -> Forecast:
        """Forecast a log return of zero with the volatility scale * sqrt(h)."""
        sigma = panel.unit(origins)
        return Forecast(center=np.zeros_like(sigma), sigma=sigma)
