"""Exponential smoothing of the log close, one fit per ticker."""

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from statsforecast.models import AutoETS

from pricecast.dataset.panel import Panel
from pricecast.models import Forecast, OnEpoch, read_state, write_state
from pricecast.models._series import PERCENT, check_states, fit_each, predict_each

NUMBERS = dict.fromkeys(("alpha", "beta", "phi", "level", "slope"), 0)
# The random walk: the level is the last close.
WALK = {"alpha": 1.0, "beta": 0.0, "phi": 1.0, "level": 0.0, "slope": 0.0}
# Fewer bars than it takes to estimate six parameters.
LEAST = 20


class Model:
    """ETS(A,N,N) or, where AICc wants a trend, ETS(A,Ad,N) (Hyndman et al. 2008, chapter 2).

    Errors are additive, since a log price has no zero to be relative to. The trend is damped, since a straight one
    carries the last weeks' slope on for ever (Gardner & McKenzie 1985). No season: weekdays hardly differ.
    """

    family: ClassVar[str] = "classical"
    calibrate: ClassVar[bool] = True
    whole_history: ClassVar[bool] = True
    requires: ClassVar[tuple[str, ...]] = ("statsforecast",)
    by_ticker: ClassVar[bool] = True
    lookback = 1

    def __init__(self, damped: bool = True) -> None:
        self.damped = damped

    @staticmethod
    def space(trial: Any) -> dict[str, Any]:
        """Suggest a damped or a straight trend."""
        return {"damped": trial.suggest_categorical("damped", [True, False])}

    def fit(self, panel: Panel, train: np.ndarray, valid: np.ndarray, on_epoch: OnEpoch | None = None) -> Self:
        """Estimate each ticker's smoothing parameters and first state by maximum likelihood."""
        self.state_ = fit_each(panel, train, lambda path: estimate(path, self.damped))
        return self

    def predict(self, panel: Panel, origins: np.ndarray) -> Forecast:
        """Forecast the smoothed level, continued by the trend."""
        return Forecast(center=predict_each("ets", self.state_, panel, origins, ahead) / PERCENT)

    def save(self, folder: Path) -> None:
        """Write state.json."""
        write_state(folder, self.state_)

    def load(self, folder: Path) -> Self:
        """Read state.json."""
        self.state_ = check_states("ets", read_state(folder), NUMBERS)
        return self


def estimate(path: np.ndarray, damped: bool) -> dict[str, float]:
    """Estimate the parameters of a path (bars,): the better of two models by AICc, a random walk if both fail."""
    if len(path) < LEAST or np.ptp(path) == 0:
        return WALK
    # A straight line leaves no error, whose logarithm then overflows.
    with np.errstate(all="ignore"):
        plain = AutoETS(model="ANN").fit(path).model_
        trend = AutoETS(model="AAN", damped=damped).fit(path).model_
    fits = [fit for fit in (plain, trend) if np.isfinite(fit["aicc"])]
    return smoothing(min(fits, key=lambda fit: fit["aicc"])) if fits else WALK


def ahead(path: np.ndarray, state: dict[str, float], horizon: int) -> np.ndarray:
    """Forecast the change from each bar of a path (bars,) over 1 to `horizon` days, (bars, horizon)."""
    alpha, beta, phi, level, slope = (state[key] for key in NUMBERS)
    levels, slopes = np.empty(len(path)), np.empty(len(path))
    for bar, value in enumerate(path):
        expected = level + phi * slope
        level = expected + alpha * (value - expected)
        slope = phi * slope + beta * (value - expected)
        levels[bar], slopes[bar] = level, slope
    # phi + phi^2 + ... + phi^h. statsforecast 2.1's own forecasts take phi twice instead of phi^2 and so on.
    growth = np.cumsum(phi ** np.arange(1, horizon + 1))
    return (levels - path)[:, None] + slopes[:, None] * growth


def smoothing(fit: dict[str, Any]) -> dict[str, float]:
    """Return the state of `ahead` for a model of statsforecast with additive errors."""
    alpha, beta, _, phi, level, *slope = (float(value) for value in fit["par"])
    if not slope:
        return {**WALK, "alpha": alpha, "level": level}
    damped = fit["components"][3] == "D"
    return {"alpha": alpha, "beta": beta, "phi": phi if damped else 1.0, "level": level, "slope": slope[0]}
