"""How a forecaster is made of a model, and the unfitted model that is so made."""

from dataclasses import dataclass
from typing import Any

from pricecast import models
from pricecast.models import Model
from pricecast.models._per_ticker import PerTicker


@dataclass(frozen=True)
class Settings:
    """How a forecaster is made of a model.

    Attributes:
        per_ticker: one model for each ticker instead of one for all.
        mondrian: calibrate each volatility regime by itself.
        online: let the calibration go on after the fit.
        early_stopping: let a model that can stop where the loss on the newest part of its past is lowest; without,
            it learns from all of its past for all of its epochs.
    """

    per_ticker: bool = False
    mondrian: bool = True
    online: bool = True
    early_stopping: bool = True

    def stops(self, name: str) -> bool:
        """Whether a model so made holds out a part of its past to stop on."""
        return self.early_stopping and models.about(name).stops_early


DEFAULTS = Settings()


def make(name: str, params: dict[str, Any], settings: Settings) -> Model:
    """Return a model that is not fitted yet: one for all tickers, or one for each."""
    return PerTicker(name, params) if settings.per_ticker else models.create(name, params)
