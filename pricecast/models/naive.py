"""The last close, with conformal quantiles of its errors: the forecast to beat."""

from typing import ClassVar

import numpy as np

from pricecast.dataset.panel import Panel
from pricecast.models import Forecast
from pricecast.models._stateless import Stateless


class Model(Stateless):
    """The forecast of no change; calibration adds quantiles in units of EWMA(0.94) volatility."""

    family: ClassVar[str] = "classical"
    calibrate: ClassVar[bool] = True
    requires: ClassVar[tuple[str, ...]] = ()
    lookback = 1

    def predict(self, panel: Panel, origins: np.ndarray) -> Forecast:
        """Forecast a log return of zero over every horizon."""
        return Forecast(center=np.zeros((len(origins), panel.spec.horizon)))
