"""The average of other models' quantiles, level by level, with equal weights or weights fitted out of fold."""

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from scipy.optimize import minimize

from pricecast import models
from pricecast.dataset.panel import Panel
from pricecast.dataset.splits import STOP_SHARE
from pricecast.errors import InputError
from pricecast.models import Forecast, OnEpoch, check_shape, floats, read_state, write_state
from pricecast.models._holdout import hold_out
from pricecast.schema import MEDIAN, QUANTILE_LEVELS
from pricecast.statistics import conformal

# Share of the newest dates, on which members fitted on the older ones are weighed.
WEIGH_SHARE = 0.3
# The kink of the pinball loss is rounded off within this many volatilities: the optimiser wants a slope there.
ROUNDED = 0.02
WEIGHTS = ("equal", "fitted")
_LEVELS = np.array(QUANTILE_LEVELS)


class Model:
    """The average of the quantiles of members of different kinds, whose errors partly cancel.

    Averaging quantiles keeps the members' shape, where averaging densities would widen it (Lichtendahl,
    Grushka-Cockayne & Winkler 2013). Equal weights are the default: fitted ones have to be better by more than
    their own estimation error costs, which they seldom are (Smith & Wallis 2009).
    """

    family: ClassVar[str] = "ensemble"
    requires: ClassVar[tuple[str, ...]] = ("safetensors",)
    by_ticker: ClassVar[bool] = True

    def __init__(self, members: str = "har,knn,forest", weights: str = "equal") -> None:
        self.members = members
        self.weights = weights

    @property
    def lookback(self) -> int:
        """The longest lookback of a member, in days."""
        return max(models.create(name, {}).lookback for name in self._names())

    def fit(self, panel: Panel, train: np.ndarray, valid: np.ndarray, on_epoch: OnEpoch | None = None) -> Self:
        """Weigh members fitted on the rest of the past on its newest part, then fit them on all of it.

        Raises:
            InputError: a member or the kind of weights is not known, or the past is too short to part.
        """
        names = self._names()
        older, newest = hold_out(panel, train, WEIGH_SHARE)
        # A ticker that was listed since is not one that every member can forecast yet.
        newest = newest[np.isin(panel.tickers[newest], panel.tickers[older])]
        if not len(newest):
            raise InputError(
                f"expected a past of which the newest {WEIGH_SHARE:.0%} can be forecast from the rest, got "
                f"{len(train)} origins {panel.spec.horizon} days ahead: take a longer history or a shorter horizon"
            )
        newest = panel.ordinary(newest)
        actual, unit = panel.returns(newest), panel.unit(newest)
        forecasts = [_fitted(name, panel, older).predict(panel, newest) for name in names]
        # As if outcomes were independent: the ensemble's own calibration adds the margin for those that are not.
        offsets = [conformal.fit(forecast, actual, unit) for forecast in forecasts]
        self.offsets_ = np.stack(offsets)
        self.weights_ = np.full(len(names), 1 / len(names))
        if self.weights == "fitted":
            pairs = zip(forecasts, offsets, strict=True)
            self.weights_ = _weigh(np.stack([conformal.apply(*pair, unit) for pair in pairs]), actual, unit)
        self.models_ = [_fitted(name, panel, train) for name in names]
        return self

    def predict(self, panel: Panel, origins: np.ndarray) -> Forecast:
        """Forecast the weighted average of the members' calibrated quantiles.

        Raises:
            InputError: the panel has another horizon than the training.
        """
        check_shape("ensemble", panel, self.offsets_.shape[1])
        quantiles = np.zeros((len(origins), panel.spec.horizon, len(_LEVELS)))
        unit = panel.unit(origins)
        for model, weight, offsets in zip(self.models_, self.weights_, self.offsets_, strict=True):
            quantiles += weight * conformal.apply(model.predict(panel, origins), offsets, unit)
        return Forecast(center=quantiles[:, :, MEDIAN], quantiles=quantiles)

    def save(self, folder: Path) -> None:
        """Write weights and offsets as JSON, and a numbered folder for each member."""
        write_state(folder, {"weights": self.weights_.tolist(), "offsets": self.offsets_.tolist()})
        for number, model in enumerate(self.models_):
            model.save(folder / str(number))

    def load(self, folder: Path) -> Self:
        """Read the files that `save` wrote.

        Raises:
            InputError: the weights or offsets are damaged, or a member's files are.
        """
        state, names = read_state(folder), self._names()
        self.weights_, self.offsets_ = floats(state["weights"], folder, 1), floats(state["offsets"], folder, 3)
        shape = (len(names), self.offsets_.shape[1], len(_LEVELS))
        if self.weights_.shape != (len(names),) or self.offsets_.shape != shape or (self.weights_ < 0).any():
            raise InputError(f"expected weights and offsets of {len(names)} members in {folder}: train it again")
        self.models_ = [models.create(name, {}).load(folder / str(i)) for i, name in enumerate(names)]
        return self

    @staticmethod
    def space(trial: Any) -> dict[str, Any]:
        """Suggest the kind of weights."""
        return {"weights": trial.suggest_categorical("weights", list(WEIGHTS))}

    def _names(self) -> list[str]:
        names = models.members(self.members)
        if self.weights not in WEIGHTS:
            raise InputError(f"expected weights of the ensemble out of {', '.join(WEIGHTS)}, got {self.weights!r}")
        return names


def _fitted(name: str, panel: Panel, rows: np.ndarray) -> models.Model:
    stops = models.about(name).stops_early
    learn, stop = hold_out(panel, rows, STOP_SHARE) if stops else (rows, rows[:0])
    model = models.create(name, {})
    return model.fit(panel, *models.teaching(model, panel, learn, stop))


def _weigh(quantiles: np.ndarray, actual: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Return the weights (m,) of quantiles (m, n, h, q), zero or more with sum 1, of the lowest pinball loss."""
    members = (quantiles / unit[None, :, :, None]).reshape(len(quantiles), -1)
    target = np.repeat((actual / unit)[:, :, None], len(_LEVELS), axis=2).ravel()
    levels = np.broadcast_to(_LEVELS, quantiles.shape[1:]).ravel()

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        error = target - weights @ members
        size = np.hypot(error, ROUNDED)
        slope = levels - 0.5 + 0.5 * error / size
        return float(((levels - 0.5) * error + 0.5 * size).mean()), -(members @ slope) / len(slope)

    m = len(quantiles)
    optimum = minimize(
        loss, np.full(m, 1 / m), jac=True, method="SLSQP", bounds=[(0, 1)] * m,
        constraints={"type": "eq", "fun": lambda weights: weights.sum() - 1, "jac": lambda weights: np.ones(m)},
        options={"ftol": 1e-10, "maxiter": 500},
    ).x  # fmt: skip
    weights = np.clip(optimum, 0, 1)
    return weights / weights.sum()
