"""A model for each ticker, under the contract of one model."""

from pathlib import Path
from statistics import median
from typing import Any, Self

import numpy as np

from pricecast import model_output, models
from pricecast.dataset.checks import MIN_TRAIN
from pricecast.dataset.panel import Panel
from pricecast.dataset.splits import STOP_SHARE
from pricecast.errors import InputError
from pricecast.models import Forecast, Model, OnEpoch, check_tickers, read_state, write_state
from pricecast.models._holdout import hold_out
from pricecast.text import listed, short

# A folder each, and no bundle may have more entries.
_MOST = 10_000
_EPOCHS = dict[int, list[dict[str, float]]]


class PerTicker:
    """A model by name, fitted for each ticker on its own origins."""

    by_ticker = True

    def __init__(self, name: str, params: dict[str, Any]) -> None:
        self._name, self._params = name, params
        self.prototype = models.create(name, params)
        self.lookback = self.prototype.lookback
        self.models_: dict[str, Model] = {}

    def fit(self, panel: Panel, train: np.ndarray, valid: np.ndarray, on_epoch: OnEpoch | None = None) -> Self:
        """Fit ticker by ticker, then call `on_epoch` with the mean losses over the tickers that trained so long."""
        epochs: _EPOCHS = {}
        for ticker in np.unique(panel.tickers[np.concatenate([train, valid])]):
            learn, stop = (rows[panel.tickers[rows] == ticker] for rows in (train, valid))
            if len(valid):
                learn, stop = _enough(panel, learn, stop)
            model = models.create(self._name, self._params)
            # A ticker without anything to stop on has no validation loss to take a mean of.
            collect = _collector(epochs) if len(stop) or not len(valid) else None
            self.models_[str(ticker)] = model.fit(panel, learn, stop, collect)
        for epoch, by_ticker in sorted(epochs.items()):
            if on_epoch:
                means = {key: float(np.mean([losses[key] for losses in by_ticker])) for key in by_ticker[0]}
                on_epoch(epoch, means)
        best_epochs = [model.best_epoch_ for model in self.models_.values() if hasattr(model, "best_epoch_")]
        if best_epochs:
            self.best_epoch_ = round(median(best_epochs))
        return self

    def predict(self, panel: Panel, origins: np.ndarray) -> Forecast:
        """Forecast each origin by its ticker's model.

        Raises:
            InputError: a ticker was not there in training.
        """
        tickers = panel.tickers[origins]
        if unseen := sorted(set(tickers) - self.models_.keys()):
            raise InputError(
                f"expected tickers that {self._name} was trained on ({listed(sorted(self.models_))}), got "
                f"{listed(unseen)}: train it with them"
            )
        groups = [np.flatnonzero(tickers == ticker) for ticker in np.unique(tickers)]
        forecasts = [self.models_[str(tickers[rows[0]])].predict(panel, origins[rows]) for rows in groups]
        return model_output.join(forecasts).take(np.argsort(np.concatenate(groups)))

    def save(self, folder: Path) -> None:
        """Write a numbered folder for each ticker's model, and the tickers in that order as JSON."""
        write_state(folder, {"tickers": list(self.models_)})
        for number, model in enumerate(self.models_.values()):
            model.save(folder / str(number))

    def load(self, folder: Path) -> Self:
        """Read the files that `save` wrote.

        Raises:
            InputError: there is no list of different tickers.
        """
        tickers = read_state(folder)["tickers"]
        if not (isinstance(tickers, list) and len(tickers) <= _MOST):
            raise InputError(f"expected a list of tickers in {folder}, got {short(tickers)}: train it again")
        check_tickers(tickers, folder)
        for number, ticker in enumerate(tickers):
            self.models_[ticker] = models.create(self._name, self._params).load(folder / str(number))
        return self


def _enough(panel: Panel, train: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a ticker's two parts, or cut them anew by its own dates where it has too few in one of them."""
    if len(train) >= MIN_TRAIN and len(valid):
        return train, valid
    origins = np.concatenate([train, valid])
    learn, stop = hold_out(panel, origins, STOP_SHARE)
    return (learn, stop) if len(learn) else (origins, origins[:0])


def _collector(epochs: _EPOCHS) -> OnEpoch:
    return lambda epoch, losses: epochs.setdefault(epoch, []).append(losses)
