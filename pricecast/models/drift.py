"""The last close moved on by the ticker's average daily return in training."""

from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import pandas as pd

from pricecast.dataset.panel import Panel
from pricecast.models import Forecast, OnEpoch, check_tickers, floats, read_state, write_state
from pricecast.models._series import check_seen


class Model:
    """Random walk with drift (Hyndman & Athanasopoulos, Forecasting: Principles and Practice, 5.2)."""

    family: ClassVar[str] = "classical"
    calibrate: ClassVar[bool] = True
    requires: ClassVar[tuple[str, ...]] = ()
    by_ticker: ClassVar[bool] = True
    lookback = 1

    def fit(self, panel: Panel, train: np.ndarray, valid: np.ndarray, on_epoch: OnEpoch | None = None) -> Self:
        """Learn one mean daily log return per ticker."""
        daily = pd.Series(panel.returns(train)[:, 0]).groupby(panel.tickers[train]).mean()
        self.drift_ = {str(ticker): float(value) for ticker, value in daily.items()}
        return self

    def predict(self, panel: Panel, origins: np.ndarray) -> Forecast:
        """Forecast h times the daily drift over h days.

        Raises:
            InputError: a ticker was not there in training.
        """
        tickers = panel.tickers[origins]
        check_seen("drift", self.drift_, tickers)
        daily = np.array([self.drift_[ticker] for ticker in tickers])
        return Forecast(center=daily[:, None] * np.arange(1, panel.spec.horizon + 1))

    def save(self, folder: Path) -> None:
        """Write state.json."""
        write_state(folder, self.drift_)

    def load(self, folder: Path) -> Self:
        """Read state.json.

        Raises:
            InputError: it does not hold a number for each ticker.
        """
        state = read_state(folder)
        check_tickers(state.keys(), folder)
        self.drift_ = dict(zip(state, floats(list(state.values()), folder, 1).tolist(), strict=True))
        return self
