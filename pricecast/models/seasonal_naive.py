"""The close of one season ago (Hyndman & Athanasopoulos, Forecasting: Principles and Practice, 5.2)."""

from typing import Any, ClassVar, Self

import numpy as np

from pricecast.dataset.panel import Panel
from pricecast.models import Forecast, OnEpoch, _lookback
from pricecast.models._stateless import Stateless


class Model(Stateless):
    """Next Monday's close is last Monday's; horizons beyond a season repeat the last season."""

    family: ClassVar[str] = "classical"
    calibrate: ClassVar[bool] = True
    requires: ClassVar[tuple[str, ...]] = ()

    def __init__(self, season: int = 5) -> None:
        self.season = season

    @property
    def lookback(self) -> int:
        """One season, in days."""
        return self.season

    @staticmethod
    def space(trial: Any) -> dict[str, Any]:
        """Suggest a week (of five days or seven), a fortnight or a month."""
        return {"season": trial.suggest_categorical("season", [5, 7, 10, 21])}

    def fit(self, panel: Panel, train: np.ndarray, valid: np.ndarray, on_epoch: OnEpoch | None = None) -> Self:
        """Check the season; there is nothing to learn.

        Raises:
            InputError: the season is longer than the dataset's context.
        """
        _lookback.check_days("season", self.season, panel.spec.max_lookback)
        return self

    def predict(self, panel: Panel, origins: np.ndarray) -> Forecast:
        """Forecast the log return from the last close to those of the last season."""
        back = self.season - 1 - np.arange(panel.spec.horizon) % self.season
        return Forecast(center=np.log(panel.close[origins[:, None] - back] / panel.close[origins, None]))
