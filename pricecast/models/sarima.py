"""Seasonal ARIMA of the log close, orders chosen per ticker."""

import warnings
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from scipy.linalg import solve_discrete_lyapunov
from statsforecast.models import AutoARIMA

from pricecast.dataset.panel import Panel
from pricecast.errors import InputError
from pricecast.models import Forecast, OnEpoch, read_state, write_state
from pricecast.models._series import PERCENT, check_states, fit_each, predict_each
from pricecast.text import listed

# Daily returns have little memory, and every order more costs seconds. A second difference would make the drift
# itself a random walk. The longest season is a month.
MAX_ORDER, MAX_SEASONAL, MAX_DIFFERENCES, MAX_SEASON = 3, 1, 1, 31
# Variance of the unknown state before the first bar, in units of the error's; R's arima takes the same.
DIFFUSE = 1e6
# Nearer to one, a stationary part is one more difference in disguise: auto.arima's own bound in R, which
# statsforecast 2.1 leaves out for an AR(1).
LARGEST_ROOT = 1 / 1.01
# Fewer bars than it takes to estimate ten parameters.
LEAST = 30
WALK: dict[str, Any] = {"phi": [], "theta": [], "delta": [1.0], "mean": 0.0, "drift": 0.0}


class Model:
    """ARIMA(p,d,q)(P,D,Q)[season], orders by AICc stepwise (Hyndman & Khandakar 2008)."""

    family: ClassVar[str] = "classical"
    calibrate: ClassVar[bool] = True
    whole_history: ClassVar[bool] = True
    requires: ClassVar[tuple[str, ...]] = ("statsforecast",)
    by_ticker: ClassVar[bool] = True
    lookback = 1

    def __init__(self, season: int = 5) -> None:
        self.season = season

    @staticmethod
    def space(trial: Any) -> dict[str, Any]:
        """Suggest no season, or the week's five trading days."""
        return {"season": trial.suggest_categorical("season", [1, 5])}

    def fit(self, panel: Panel, train: np.ndarray, valid: np.ndarray, on_epoch: OnEpoch | None = None) -> Self:
        """Choose each ticker's orders and estimate its coefficients.

        Raises:
            InputError: the season is out of range.
        """
        if not 1 <= self.season <= MAX_SEASON:
            raise InputError(f"expected a season of 1 (none) to {MAX_SEASON} bars, got {self.season}")
        self.state_ = fit_each(panel, train, lambda path: estimate(path, self.season))
        return self

    def predict(self, panel: Panel, origins: np.ndarray) -> Forecast:
        """Forecast the conditional expectation of the log return."""
        return Forecast(center=predict_each("sarima", self.state_, panel, origins, ahead) / PERCENT)

    def save(self, folder: Path) -> None:
        """Write state.json."""
        write_state(folder, self.state_)

    def load(self, folder: Path) -> Self:
        """Read state.json.

        Raises:
            InputError: it does not hold a stationary process for each ticker.
        """
        # The filter's matrices are as wide as these lists are long.
        longest = (MAX_SEASONAL + 1) * MAX_SEASON
        sizes = {"phi": longest, "theta": longest, "delta": longest, "mean": 0, "drift": 0}
        self.state_ = check_states("sarima", read_state(folder), sizes)
        # The filter's first covariance is one that only a stationary process has.
        if others := sorted(ticker for ticker, state in self.state_.items() if not _is_stationary(state)):
            raise InputError(f"expected stationary phi of sarima, got others for {listed(others)}: train it again")
        return self


def estimate(path: np.ndarray, season: int) -> dict[str, Any]:
    """Estimate the coefficients of a path (bars,), or return the random walk's where that fails."""
    if len(path) < LEAST or np.ptp(path) == 0:
        return WALK
    search = AutoARIMA(
        season_length=season, max_p=MAX_ORDER, max_q=MAX_ORDER, max_P=MAX_SEASONAL, max_Q=MAX_SEASONAL,
        max_d=MAX_DIFFERENCES, approximation=True,
    )  # fmt: skip
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # It is about one of many candidates, which are compared all the same.
        warnings.filterwarnings("ignore", "possible convergence problem", UserWarning)
        try:
            fit = search.fit(path).model_
        except ValueError:  # no candidate could be estimated, as on a staircase
            return WALK
    state = coefficients(fit)
    return state if _is_stationary(state) else WALK


def _is_stationary(state: dict[str, Any]) -> bool:
    return bool(np.abs(np.roots([1, *(-value for value in state["phi"])])).max(initial=0) < LARGEST_ROOT)


def coefficients(fit: dict[str, Any]) -> dict[str, Any]:
    """Return the state of `ahead` for a model of statsforecast, its seasonal polynomials multiplied out."""
    coef = fit["coef"]
    state = {key: [float(value) for value in fit["model"][key]] for key in ("phi", "theta", "delta")}
    return {**state, "mean": float(coef.get("intercept", 0.0)), "drift": float(coef.get("drift", 0.0))}


def ahead(path: np.ndarray, state: dict[str, Any], horizon: int) -> np.ndarray:
    """Forecast the change from each bar of a path (bars,) over 1 to `horizon` days, (bars, horizon)."""
    bars, steps = np.arange(1, len(path) + 1), np.arange(1, horizon + 1)
    transition, observation, noise, covariance = state_space(state)
    states = kalman(path - state["mean"] - state["drift"] * bars, transition, observation, noise, covariance)
    weights, row = np.empty((horizon, len(observation))), observation
    for step in range(horizon):
        weights[step] = row = row @ transition
    # Not as a matrix product, whose bits depend on the number of rows.
    expected = sum(states[:, [i]] * weights[:, i] for i in range(len(observation)))
    return expected + state["mean"] + state["drift"] * (bars[:, None] + steps) - path[:, None]


def state_space(state: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return transition, observation, noise covariance and first covariance of an ARIMA process.

    The form of Harvey (1989, 4.1), as in R's arima: the ARMA part in the first elements of the state, the latest
    values of the series, which differencing needs, in the others.
    """
    phi, theta, delta = (np.asarray(state[key], float) for key in ("phi", "theta", "delta"))
    inner = max(len(phi), len(theta) + 1)
    size = inner + len(delta)
    transition, covariance = np.zeros((size, size)), np.zeros((size, size))
    observation, shock = np.zeros(size), np.zeros(size)
    transition[: len(phi), 0] = phi
    transition[np.arange(inner - 1), np.arange(1, inner)] = 1
    observation[0], observation[inner:] = 1, delta
    if len(delta):
        transition[inner] = observation
        transition[np.arange(inner + 1, size), np.arange(inner, size - 1)] = 1
    shock[0], shock[1 : 1 + len(theta)] = 1, theta
    noise = np.outer(shock, shock)
    covariance[:inner, :inner] = solve_discrete_lyapunov(transition[:inner, :inner], noise[:inner, :inner])
    covariance[np.arange(inner, size), np.arange(inner, size)] = DIFFUSE
    return transition, observation, noise, covariance


def kalman(
    path: np.ndarray, transition: np.ndarray, observation: np.ndarray, noise: np.ndarray, covariance: np.ndarray
) -> np.ndarray:
    """Return the expected state after each value of a path (bars,): (bars, size)."""
    states, mean = np.empty((len(path), len(observation))), np.zeros(len(observation))
    for bar, value in enumerate(path):
        if bar:
            mean, covariance = transition @ mean, transition @ covariance @ transition.T + noise
        projection = covariance @ observation
        gain = projection / (observation @ projection)
        mean = mean + gain * (value - observation @ mean)
        covariance = covariance - np.outer(gain, projection)
        states[bar] = mean
    return states
