"""Settings by which a forecaster is made of a model."""

from dataclasses import dataclass
from typing import Any

from pricecast import models
from pricecast.models import Model
from pricecast.models._per_ticker import PerTicker


@dataclass(frozen=True)
class Settings:
    """Settings by which a forecaster is made of a model.

    Attributes:
        per_ticker: fit one model for each ticker instead of one for all.
        mondrian: calibrate each volatility regime by itself.
        online: update the calibration after the fit.
        early_stopping: stop a model that can where the loss on the newest part of its past is lowest; otherwise it
            learns from all of its past for all of its epochs.
    """

    per_ticker: bool = False
    mondrian: bool = True
    online: bool = True
    early_stopping: bool = True

    def stops(self, name: str) -> bool:
        """Tell whether the named model holds out a part of its past to stop on."""
        return self.early_stopping and models.about(name).stops_early


DEFAULTS = Settings()


def make(name: str, params: dict[str, Any], settings: Settings) -> Model:
    """Return an unfitted model: one for all tickers, or one for each."""
    return PerTicker(name, params) if settings.per_ticker else models.create(name, params)
