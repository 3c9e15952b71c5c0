"""The mean of the last closes, the same over every horizon."""

from typing import Any, ClassVar, Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from pricecast.dataset.panel import Panel
from pricecast.models import Forecast, OnEpoch, _lookback
from pricecast.models._stateless import Stateless


class Model(Stateless):
    """Simple moving average: a forecast that visibly lags behind the price."""

    family: ClassVar[str] = "classical"
    calibrate: ClassVar[bool] = True
    requires: ClassVar[tuple[str, ...]] = ()

    def __init__(self, lookback: int = 20) -> None:
        self.lookback = lookback

    @staticmethod
    def space(trial: Any) -> dict[str, Any]:
        """Suggest hyperparameters."""
        return {"lookback": trial.suggest_int("lookback", 2, 60)}

    def fit(self, panel: Panel, train: np.ndarray, valid: np.ndarray, on_epoch: OnEpoch | None = None) -> Self:
        """Check the lookback; there is nothing to learn.

        Raises:
            InputError: the lookback is longer than the dataset's context.
        """
        _lookback.check_days("lookback", self.lookback, panel.spec.max_lookback)
        return self

    def predict(self, panel: Panel, origins: np.ndarray) -> Forecast:
        """Forecast the log return from the last close to the mean."""
        means = sliding_window_view(panel.close, self.lookback)[origins - self.lookback + 1].mean(axis=1)
        center = np.log(means / panel.close[origins])
        return Forecast(center=np.repeat(center[:, None], panel.spec.horizon, axis=1))
