"""The base of the models that learn nothing: a forecast follows from the bars before it and the parameters."""

from pathlib import Path
from typing import Self

import numpy as np

from pricecast.dataset.panel import Panel
from pricecast.models import OnEpoch


class Stateless:
    """A model without a learned state."""

    def fit(self, panel: Panel, train: np.ndarray, valid: np.ndarray, on_epoch: OnEpoch | None = None) -> Self:
        """Return self; there is nothing to learn."""
        return self

    def save(self, folder: Path) -> None:
        """Write nothing."""

    def load(self, folder: Path) -> Self:
        """Return self; there is nothing to read."""
        return self
