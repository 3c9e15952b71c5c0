"""Volatility from a panel of daily bars: heterogeneous autoregression of log realised variance (Corsi 2009)."""

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from scipy.stats import norm
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from pricecast.dataset.panel import FEATURE_LIMIT, Panel
from pricecast.errors import InputError
from pricecast.models import (
    Forecast,
    OnEpoch,
    _realised,
    check_shape,
    check_tickers,
    floats,
    read_state,
    write_state,
)
from pricecast.text import listed

# A year of months has fewer bars than a recursive feature needs, which every forecast has.
MONTHS = 12
# Of the returns, whose size tells the deviation, and how many deviations count at most.
SHARE, MOST = 0.9, 10.0


class Model:
    """A log return of zero, with the volatility from the last day, week and month of the ticker and of the market.

    One ridge regression for each horizon, shared by all tickers, which differ by the level of their own past
    variance. An intercept for each ticker would help among stocks and hurt among cryptocurrencies, and a new ticker
    has none. The market of a day counts every close of that date: where exchanges close hours apart, the forecast
    is one of the evening after the last of them.

    Attributes:
        penalty: of the ridge regression.
        market: whether the market's volatility counts.
        months: of the ticker's own past whose mean counts, besides that of the last one; 1 for no more than that. A
            longer memory helps where many tickers of different levels share the slopes.
    """

    family: ClassVar[str] = "classical"
    calibrate: ClassVar[bool] = True
    requires: ClassVar[tuple[str, ...]] = ()
    across: ClassVar[bool] = True
    # Its month of bars is no context to ask for: every origin has the sixty bars behind it that the features need.
    lookback = 1

    def __init__(self, penalty: float = 100.0, market: bool = True, months: int = 1) -> None:
        self.penalty = penalty
        self.market = market
        self.months = months

    @staticmethod
    def space(trial: Any) -> dict[str, Any]:
        """Suggest hyperparameters."""
        return {
            "penalty": trial.suggest_float("penalty", 1.0, 10_000.0, log=True),
            "market": trial.suggest_categorical("market", [True, False]),
            "months": trial.suggest_categorical("months", [1, 6, MONTHS]),
        }

    def fit(self, panel: Panel, train: np.ndarray, valid: np.ndarray, on_epoch: OnEpoch | None = None) -> Self:
        """Fit each ticker's mean and deviation of log variance, the regression, and the level of volatility.

        Raises:
            InputError: the penalty is zero, or the months are none or more than twelve.
        """
        self._check()
        self.norms_ = _norms(panel, train) if self.market else {}
        X = self._regressors(panel, train)
        scaler = StandardScaler().fit(X)
        self.mean_, self.deviation_ = scaler.mean_, scaler.scale_
        ridge = Ridge(alpha=self.penalty, solver="cholesky")
        # The sums of a second thread would round otherwise.
        with threadpool_limits(1):
            ridge.fit(self._scaled(X), _realised.targets(panel, train))
        self.slopes_ = ridge.coef_.reshape(panel.spec.horizon, -1)
        self.intercepts_ = np.atleast_1d(ridge.intercept_)
        # The mean of a logarithm is below the log of the mean, and bars differ from returns: a factor per horizon.
        ratios = np.abs(panel.returns(train)) / np.exp(self._log_variance(X) / 2)
        self.intercepts_ = self.intercepts_ + np.log(_mean_square(ratios))
        return self

    def predict(self, panel: Panel, origins: np.ndarray) -> Forecast:
        """Forecast a log return of zero with the regression's volatility.

        Raises:
            InputError: a ticker of the market is missing, or the panel has another horizon.
        """
        check_shape("har", panel, len(self.intercepts_))
        missing = sorted(self.norms_.keys() - set(panel.tickers))
        if missing:
            raise InputError(
                f"expected bars of all tickers that har takes the market from, got none of {listed(missing)}: "
                "add them, or train it with market=false"
            )
        sigma = np.exp(self._log_variance(self._regressors(panel, origins)) / 2)
        return Forecast(center=np.zeros_like(sigma), sigma=sigma)

    def save(self, folder: Path) -> None:
        """Write state.json."""
        arrays = {
            "mean": self.mean_, "deviation": self.deviation_, "slopes": self.slopes_, "intercepts": self.intercepts_
        }  # fmt: skip
        write_state(folder, {"norms": self.norms_} | {key: value.tolist() for key, value in arrays.items()})

    def load(self, folder: Path) -> Self:
        """Read state.json.

        Raises:
            InputError: the shapes do not fit together, or a value is not a number.
        """
        state = read_state(folder)
        self.norms_ = state["norms"]
        check_tickers(self.norms_.keys(), folder)
        self.mean_, self.deviation_ = floats(state["mean"], folder, 1), floats(state["deviation"], folder, 1)
        self.slopes_, self.intercepts_ = floats(state["slopes"], folder, 2), floats(state["intercepts"], folder, 1)
        shapes = [self.mean_.shape, self.deviation_.shape, self.slopes_.shape, self.intercepts_.shape]
        self._check()
        own_columns = _realised.OWN + (self.months > 1)
        horizon, columns = self.intercepts_.size, own_columns + _realised.WEEKDAYS + 2 * self.market
        norms = floats(list(self.norms_.values()) or [[0.0] * 4], folder, 2)
        sound = norms.shape[1] == 4 and bool(self.norms_) == self.market
        if not sound or shapes != [(columns,), (columns,), (horizon, columns), (horizon,)]:
            raise InputError(f"expected {columns} slopes for each horizon in {folder}, got others: train it again")
        return self

    def _regressors(self, panel: Panel, rows: np.ndarray) -> np.ndarray:
        columns = [_realised.own(panel, rows), _realised.weekdays(panel, rows)]
        if self.months > 1:
            columns.append(_realised.long_run(panel, rows, self.months))
        if self.market:
            columns.append(_realised.market(panel, self.norms_, rows))
        return np.hstack(columns)

    def _check(self) -> None:
        if self.penalty <= 0:
            raise InputError(f"expected a penalty of har above zero, got {self.penalty}: take 1e-6 for none")
        if not 1 <= self.months <= MONTHS:
            raise InputError(f"expected 1 to {MONTHS} months of har, got {self.months}: choose fewer or more")

    def _scaled(self, X: np.ndarray) -> np.ndarray:
        return np.clip((X - self.mean_) / self.deviation_, -FEATURE_LIMIT, FEATURE_LIMIT)

    def _log_variance(self, X: np.ndarray) -> np.ndarray:
        """Return the log variance over each horizon, (n, horizon), given regressors (n, columns)."""
        # Column by column: the bits of a row of a matrix product may depend on the other rows.
        total = np.tile(self.intercepts_, (len(X), 1))
        for column, slopes in zip(self._scaled(X).T, self.slopes_.T, strict=True):
            total += column[:, None] * slopes
        return total


def _mean_square(ratios: np.ndarray) -> np.ndarray:
    """Return the mean squares of sizes (n, horizon), (horizon,), without the weight of a few wild days.

    No size counts for more than `MOST` deviations, as the size that nine in ten stay below tells the deviation.
    """
    deviation = np.quantile(ratios, SHARE, axis=0) / norm.ppf((1 + SHARE) / 2)
    squares = (np.minimum(ratios, MOST * deviation) ** 2).mean(axis=0)
    return np.where(squares > 0, squares, 1.0)


def _norms(panel: Panel, train: np.ndarray) -> dict[str, list[float]]:
    """Return the means and deviations of each ticker's log variance, of days and of weeks."""
    log_variances = _realised.own(panel, train)[:, _realised.DAY_AND_WEEK]
    norms = {}
    for ticker in np.unique(panel.tickers[train]):
        of_ticker = log_variances[panel.tickers[train] == ticker]
        deviation = np.where(of_ticker.std(axis=0) > 1e-6, of_ticker.std(axis=0), 1.0)
        norms[str(ticker)] = [*of_ticker.mean(axis=0).tolist(), *deviation.tolist()]
    return norms
