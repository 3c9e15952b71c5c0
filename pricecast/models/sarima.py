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

# Daily returns remember little, and every order more costs seconds. A second difference would make the drift itself
# a random walk. The longest season is a month.
MAX_ORDER, MAX_SEASONAL, MAX_DIFFERENCES, MAX_SEASON = 3, 1, 1, 31
# Variance of what is not known before the first bar, in units of the error's; R's arima takes the same.
DIFFUSE = 1e6
# Nearer to one, a stationary part is one more difference in disguise: auto.arima's own bound in R, which
# statsforecast 2.1 leaves out for an AR(1).
LARGEST_ROOT = 1 / 1.01
# Fewer bars than ten parameters can be told from.
LEAST = 30
WALK: dict[str, Any] = {"phi": [], "theta": [], "delta": [1.0], "mean": 0.0, "drift": 0.0}


class Model:
    """ARIMA(p,d,q)(P,D,Q)[season], orders by AICc stepwise (Hyndman & Khandakar 2008)."""

    family: ClassVar[str] = "classical"
    calibrate: ClassVar[bool] = True
    whole_history: ClassVar[bool] = True
    requires: ClassVar[tuple[str, ...]] = ("statsforecast",)
    lookback = 1

    def __init__(self, season: int = 5) -> None:
        self.season = season

    @staticmethod
    def space(trial: Any) -> dict[str, Any]:
        """No season, or the week's five trading days."""
        return {"season": trial.suggest_categorical("season", [1, 5])}

    def fit(self, panel: Panel, train: np.ndarray, valid: np.ndarray, on_epoch: OnEpoch | None = None) -> Self:
        """Choose each ticker's orders and estimates its coefficients.

        Raises:
            InputError: the season is none.
        """
        if not 1 <= self.season <= MAX_SEASON:
            raise InputError(f"expected a season of 1 (none) to {MAX_SEASON} bars, got {self.season}")
        self.state_ = fit_each(panel, train, lambda path: estimate(path, self.season))
        return self

    def predict(self, panel: Panel, origins: np.ndarray) -> Forecast:
        """Return the conditional expectation of the log return."""
        return Forecast(center=predict_each("sarima", self.state_, panel, origins, ahead) / PERCENT)

    def save(self, folder: Path) -> None:
        """Write state.json."""
        write_state(folder, self.state_)

    def load(self, folder: Path) -> Self:
        """Read state.json.

        Raises:
            InputError: it holds no stationary process for each ticker.
        """
        # The filter's matrices are as wide as these lists are long.
        longest = (MAX_SEASONAL + 1) * MAX_SEASON
        sizes = {"phi": longest, "theta": longest, "delta": longest, "mean": 0, "drift": 0}
        self.state_ = check_states("sarima", read_state(folder), sizes)
        # The filter's first covariance is one that only a stationary process has.
        if odd := sorted(ticker for ticker, state in self.state_.items() if not _is_stationary(state)):
            raise InputError(f"expected stationary phi of sarima, got others for {listed(odd)}: train it again")
        return self


def estimate(path: np.ndarray, season: int) -> dict[str, Any]:
    """Coefficients of a path (bars,), or the random walk where none can be had."""
    if len(path) < LEAST or np.ptp(path) == 0:
        return WALK
    search = AutoARIMA(
        season_length=season, max_p=MAX_ORDER, max_q=MAX_ORDER, max_P=MAX_SEASONAL, max_Q=MAX_SEASONAL,
        max_d=MAX_DIFFERENCES, approximation=True,
    )  # fmt: skip
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # Of a candidate, most of them while orders are still being compared; the rest is compared all the same.
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
    """Return the state that a model of statsforecast comes down to, its seasonal polynomials multiplied out."""
    coef = fit["coef"]
    state = {key: [float(value) for value in fit["model"][key]] for key in ("phi", "theta", "delta")}
    return {**state, "mean": float(coef.get("intercept", 0.0)), "drift": float(coef.get("drift", 0.0))}


def ahead(path: np.ndarray, state: dict[str, Any], horizon: int) -> np.ndarray:
    """Forecast minus last value from each bar of a path (bars,) on, for 1 to `horizon` days: (bars, horizon)."""
    bars, steps = np.arange(1, len(path) + 1), np.arange(1, horizon + 1)
    move, observe, noise, spread = state_space(state)
    states = kalman(path - state["mean"] - state["drift"] * bars, move, observe, noise, spread)
    weights, row = np.empty((horizon, len(observe))), observe
    for step in range(horizon):
        weights[step] = row = row @ move
    # Summed by hand: a matrix product's bits depend on how many rows it has.
    error = sum(states[:, [i]] * weights[:, i] for i in range(len(observe)))
    return error + state["mean"] + state["drift"] * (bars[:, None] + steps) - path[:, None]


def state_space(state: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Transition, observation, noise covariance and first covariance of an ARIMA process.

    The form of Harvey (1989, 4.1) that R's arima has: the ARMA part in its first elements, the latest values of
    the series, which differencing needs, in the others.
    """
    phi, theta, delta = (np.asarray(state[key], float) for key in ("phi", "theta", "delta"))
    inner = max(len(phi), len(theta) + 1)
    size = inner + len(delta)
    move, observe, shock, spread = np.zeros((size, size)), np.zeros(size), np.zeros(size), np.zeros((size, size))
    move[: len(phi), 0] = phi
    move[np.arange(inner - 1), np.arange(1, inner)] = 1
    observe[0], observe[inner:] = 1, delta
    if len(delta):
        move[inner] = observe
        move[np.arange(inner + 1, size), np.arange(inner, size - 1)] = 1
    shock[0], shock[1 : 1 + len(theta)] = 1, theta
    noise = np.outer(shock, shock)
    spread[:inner, :inner] = solve_discrete_lyapunov(move[:inner, :inner], noise[:inner, :inner])
    spread[np.arange(inner, size), np.arange(inner, size)] = DIFFUSE
    return move, observe, noise, spread


def kalman(
    path: np.ndarray, move: np.ndarray, observe: np.ndarray, noise: np.ndarray, spread: np.ndarray
) -> np.ndarray:
    """Return the expected state after each value of a path (bars,): (bars, size)."""
    states, mean = np.empty((len(path), len(observe))), np.zeros(len(observe))
    for bar, value in enumerate(path):
        if bar:
            mean, spread = move @ mean, move @ spread @ move.T + noise
        seen = spread @ observe
        gain = seen / (observe @ seen)
        mean = mean + gain * (value - observe @ mean)
        spread = spread - np.outer(gain, seen)
        states[bar] = mean
    return states
