"""The last close, with the conformal quantiles of what it missed by: the forecast to beat."""

from typing import ClassVar

import numpy as np

from pricecast.dataset.panel import Panel
from pricecast.models import Forecast
from pricecast.models._stateless import Stateless


class Model(Stateless):
    """Tomorrow's close is today's; calibration adds quantiles in units of EWMA(0.94) volatility."""

    family: ClassVar[str] = "classical"
    calibrate: ClassVar[bool] = True
    requires: ClassVar[tuple[str, ...]] = ()
    lookback = 1

    def predict(self, panel: Panel, origins: np.ndarray) -> Forecast:
        """Return a log return of zero over every horizon."""
        return Forecast(center=np.zeros((len(origins), panel.spec.horizon)))
