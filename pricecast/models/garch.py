"""The volatility of daily returns by GARCH with a leverage term, one fit per ticker."""

import warnings
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from arch.univariate import GARCH, ConstantMean, Normal, StudentsT

from pricecast.dataset.features import EWMA_DECAY, SCALE_FLOOR
from pricecast.dataset.panel import Panel
from pricecast.errors import InputError
from pricecast.models import Forecast, OnEpoch, read_state, write_state
from pricecast.models._series import PERCENT, check_states, fit_each, predict_each

DISTS = {"t": StudentsT, "normal": Normal}
NUMBERS = dict.fromkeys(("mean", "omega", "alpha", "gamma", "beta", "backcast"), 0)
# Fewer returns than it takes to estimate four to seven parameters.
LEAST = 50
BACKCAST_DAYS = 75
# The optimiser may end beyond its bound of one by this much.
ROUNDING = 1e-6
# Arch's bound is one, where halted series end: tomorrow's variance would be today's squared return alone.
LARGEST_ALPHA = 0.99


class Model:
    """GJR-GARCH(1, o, 1) with a constant mean (Glosten, Jagannathan & Runkle 1993); o = 0 is Bollerslev's (1986).

    Its sigma belongs to the sum of h daily returns. Only symmetric errors: the variance h days ahead is then known
    in closed form. They decide how much an outlier counts in the fit; the quantiles come from the calibration.
    """

    family: ClassVar[str] = "classical"
    calibrate: ClassVar[bool] = True
    whole_history: ClassVar[bool] = True
    requires: ClassVar[tuple[str, ...]] = ("arch",)
    by_ticker: ClassVar[bool] = True
    lookback = 1

    def __init__(self, o: int = 1, dist: str = "t") -> None:
        self.o = o
        self.dist = dist

    @staticmethod
    def space(trial: Any) -> dict[str, Any]:
        """Suggest with or without leverage, and fat tails or none."""
        return {
            "o": trial.suggest_int("o", 0, 1),
            "dist": trial.suggest_categorical("dist", list(DISTS)),
        }

    def fit(self, panel: Panel, train: np.ndarray, valid: np.ndarray, on_epoch: OnEpoch | None = None) -> Self:
        """Estimate each ticker's parameters by maximum likelihood.

        Raises:
            InputError: a hyperparameter is not known.
        """
        self._check()
        self.state_ = fit_each(panel, train, lambda path: estimate(np.diff(path), self.o, self.dist))
        return self

    def predict(self, panel: Panel, origins: np.ndarray) -> Forecast:
        """Forecast h times the mean return, and the volatility of the sum of h daily returns."""
        variance = predict_each(
            "garch", self.state_, panel, origins, lambda path, *rest: ahead(np.diff(path), *rest)
        )
        steps = np.arange(1, panel.spec.horizon + 1)
        mean = np.array([self.state_[ticker]["mean"] for ticker in panel.tickers[origins]])
        sigma = np.sqrt(np.cumsum(variance, axis=1)) / PERCENT
        return Forecast(
            center=mean.reshape(-1, 1) * steps / PERCENT, sigma=np.maximum(sigma, SCALE_FLOOR * np.sqrt(steps))
        )

    def save(self, folder: Path) -> None:
        """Write state.json."""
        write_state(folder, self.state_)

    def load(self, folder: Path) -> Self:
        """Read state.json.

        Raises:
            InputError: a hyperparameter is not known, or the file does not hold numbers for each ticker.
        """
        self._check()
        self.state_ = check_states("garch", read_state(folder), NUMBERS)
        return self

    def _check(self) -> None:
        if self.o not in (0, 1):
            raise InputError(f"expected o of the garch to be 0 (symmetric) or 1 (leverage), got {self.o}")
        if self.dist not in DISTS:
            raise InputError(f"expected dist of the garch out of {', '.join(DISTS)}, got {self.dist!r}")


def estimate(returns: np.ndarray, o: int, dist: str) -> dict[str, float]:
    """Estimate parameters of daily returns (days,) in percent: arch's, or RiskMetrics' where those are unsound."""
    mean = float(returns.mean())
    state = {"mean": mean, "backcast": _backcast(returns - mean)}
    fitted = _maximise(returns, o, dist) if len(returns) >= LEAST and returns.std() > PERCENT * SCALE_FLOOR else {}
    if not fitted or not _sound(returns, {**state, **fitted}):
        fitted = {"omega": 0.0, "alpha": 1 - EWMA_DECAY, "gamma": 0.0, "beta": EWMA_DECAY}
    return {**state, **fitted}


def variances(returns: np.ndarray, state: dict[str, Any]) -> np.ndarray:
    """Return the variance of each day's return known the day before, and of the day after the last: (days + 1,).

    s'^2 = omega + (alpha + gamma [e < 0]) e^2 + beta s^2; `backcast` replaces the squared shock before the first,
    half of it as a fall.
    """
    omega, alpha, gamma, beta = (state[key] for key in ("omega", "alpha", "gamma", "beta"))
    shocks = returns - state["mean"]
    impacts = omega + (alpha + gamma * (shocks < 0)) * shocks**2
    variance = np.empty(len(returns) + 1)
    variance[0] = omega + (alpha + gamma / 2 + beta) * state["backcast"]
    for day, impact in enumerate(impacts):
        variance[day + 1] = impact + beta * variance[day]
    return variance


def ahead(returns: np.ndarray, state: dict[str, Any], horizon: int) -> np.ndarray:
    """Forecast the variances of the next `horizon` days' returns from each close on, (days + 1, horizon).

    E s_k^2 = omega + (alpha + gamma / 2 + beta) E s_(k-1)^2: a symmetric error is a fall half the time.
    """
    persistence = _persistence(state)
    steps = [variances(returns, state)]
    for _ in range(horizon - 1):
        steps.append(state["omega"] + persistence * steps[-1])
    return np.stack(steps, axis=1)


def _maximise(returns: np.ndarray, o: int, dist: str) -> dict[str, float]:
    model = ConstantMean(returns, volatility=GARCH(1, o, 1), distribution=DISTS[dist](), rescale=False)
    # Steps of the optimiser may overflow, and arch sets filters of its own; what counts is where it ends.
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        fit = model.fit(disp="off", show_warning=False)
    if fit.convergence_flag:
        return {}
    names = {"mean": "mu", "omega": "omega", "alpha": "alpha[1]", "gamma": "gamma[1]", "beta": "beta[1]"}
    return {key: float(fit.params.get(name, 0.0)) for key, name in names.items()}


def _sound(returns: np.ndarray, state: dict[str, float]) -> bool:
    """Return True if parameters are finite, stationary, off the bound of alpha, and fit the returns' size.

    The mean has to be one of the returns' own size: beside one far from it, all shocks are alike. Variances have
    to be the squared returns on average, within a factor of ten. A persistence of one, where many series of long
    calm and single crashes end, is strictly stationary (Nelson 1990): it has no average variance, but forecasts a
    few days ahead need none.
    """
    if not np.isfinite(list(state.values())).all() or not 0 <= _persistence(state) < 1 + ROUNDING:
        return False
    if state["alpha"] > LARGEST_ALPHA or abs(state["mean"] - returns.mean()) > returns.std():
        return False
    ratio = variances(returns, state)[:-1].mean() / np.mean((returns - state["mean"]) ** 2)
    return bool(state["omega"] > 0 and 0.1 < ratio < 10)


def _persistence(state: dict[str, float]) -> float:
    return state["alpha"] + state["gamma"] / 2 + state["beta"]


def _backcast(shocks: np.ndarray) -> float:
    """Return the value for the squared shock before the first: a weighted average of the first ones, as in arch."""
    weights = EWMA_DECAY ** np.arange(min(BACKCAST_DAYS, len(shocks)))
    return float(np.sum(shocks[: len(weights)] ** 2 * weights) / weights.sum())
