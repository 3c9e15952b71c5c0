"""Ridge regression of the coming returns on today's features (Hoerl & Kennard 1970)."""

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.linear_model import Ridge
from threadpoolctl import threadpool_limits

from pricecast.dataset.panel import Panel
from pricecast.errors import InputError
from pricecast.models import Forecast, OnEpoch, check_shape, floats, read_state, write_state


class Model:
    """One linear model for each horizon, shared by all tickers.

    It learns returns in units of volatility under both targets, so that the penalty shrinks it to the average
    return and not to the average price. The penalty counts for each training row: 10 leaves a standardised feature
    that is uncorrelated with the others about a tenth of its slope. Daily returns are so hard to predict that
    choosing the penalty on the later training rows mostly adds noise.
    """

    family: ClassVar[str] = "classical"
    calibrate: ClassVar[bool] = True
    requires: ClassVar[tuple[str, ...]] = ()
    lookback = 1

    def __init__(self, penalty: float = 10.0) -> None:
        self.penalty = penalty

    @staticmethod
    def space(trial: Any) -> dict[str, Any]:
        """Suggest hyperparameters."""
        return {"penalty": trial.suggest_float("penalty", 0.1, 1000.0, log=True)}

    def fit(self, panel: Panel, train: np.ndarray, valid: np.ndarray, on_epoch: OnEpoch | None = None) -> Self:
        """Fit slopes and intercepts.

        Raises:
            InputError: the penalty is zero.
        """
        if self.penalty <= 0:
            raise InputError(f"expected a penalty of linear above zero, got {self.penalty}: take 1e-6 for none")
        ridge = Ridge(alpha=self.penalty * len(train), solver="cholesky")
        # The sums of a second thread would round otherwise.
        with threadpool_limits(1):
            ridge.fit(panel.X[train].astype(np.float64), panel.moves(train))
        self.slopes_ = ridge.coef_.reshape(panel.spec.horizon, -1)
        self.intercepts_ = np.atleast_1d(ridge.intercept_)
        return self

    def predict(self, panel: Panel, origins: np.ndarray) -> Forecast:
        """Forecast the regression's log returns.

        Raises:
            InputError: the panel does not have the features and the horizon of the training.
        """
        check_shape("linear", panel, *self.slopes_.shape)
        # Column by column: the bits of a row of a matrix product may depend on the other rows.
        total = np.tile(self.intercepts_, (len(origins), 1))
        for column, slopes in zip(panel.X[origins].T.astype(np.float64), self.slopes_.T, strict=True):
            total += column[:, None] * slopes
        return Forecast(center=total * panel.unit(origins))

    def save(self, folder: Path) -> None:
        """Write state.json."""
        write_state(folder, {"slopes": self.slopes_.tolist(), "intercepts": self.intercepts_.tolist()})

    def load(self, folder: Path) -> Self:
        """Read state.json.

        Raises:
            InputError: the shapes do not fit together.
        """
        state = read_state(folder)
        self.slopes_, self.intercepts_ = floats(state["slopes"], folder, 2), floats(state["intercepts"], folder, 1)
        if self.intercepts_.shape != self.slopes_.shape[:1]:
            raise InputError(f"expected slopes for each horizon in {folder}, got others: train it again")
        return self
